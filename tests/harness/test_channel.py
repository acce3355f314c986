"""What a process sends is bounded, valid and its own."""

import json
import os

import pytest

from tach_harness import channel


@pytest.mark.parametrize(
    "text, clipped",
    [
        ("plain é", "plain é"),
        ("nul \0 byte", "nul \\x00 byte"),
        ("lone \udcff surrogate", "lone \\udcff surrogate"),
        ("x" * 10, "x" * 10),
    ],
)
def test_clip(text, clipped):
    assert channel.clip(text) == clipped


def test_clip_keeps_head_and_tail():
    text = channel.clip("a" * 5000 + "b" * 5000, 100)
    assert text.startswith("a" * 50) and text.endswith("b" * 50) and "9900 characters left out" in text


def test_lines_are_whole():
    read, write = os.pipe()
    channel.Results(write).send("begin", i=3, text="zwei\nZeilen")
    os.close(write)
    with open(read) as f:
        (line,) = f.read().splitlines()
    assert json.loads(line) == {"t": "begin", "i": 3, "text": "zwei\nZeilen"}


def test_forked_child_says_nothing():
    read, write = os.pipe()
    results = channel.Results(write)
    pid = os.fork()
    if pid == 0:
        results.send("begin", i=1)
        os._exit(99)  # not reached
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    os.close(write)
    assert os.read(read, 100) == b""
    os.close(read)


def test_a_test_that_replaces_functions_disturbs_nothing(monkeypatch):
    read, write = os.pipe()
    results = channel.Results(write)
    for name in ("write", "getpid", "_exit"):
        monkeypatch.setattr(os, name, None)
    monkeypatch.setattr(json, "dumps", None)
    results.send("end", i=1)
    assert json.loads(os.read(read, 1000)) == {"t": "end", "i": 1}
