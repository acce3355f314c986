"""Every outcome that pytest knows, and output of every kind."""

import sys
import warnings

import pytest

EXPECT = {
    "test_passes": "passed",
    "test_fails": "failed",
    "test_is_skipped": "skipped",
    "test_skips_itself": "skipped",
    "test_fails_as_expected": "xfailed",
    "test_passes_unexpectedly": "xpassed",
    "test_passes_unexpectedly_strict": "failed",
    "test_warns": "passed",
    "test_prints_no_text": "passed",
    "test_prints_much": "passed",
    "test_fails_with_much_output": "failed",
    **{f"test_parameter[{id}]": "passed" for id in ["1", "two", "three words", "\\xe9"]},
}


def test_passes():
    pass


def test_fails():
    print("what it printed")
    assert [1, 2, 3] == [1, 2, 4]


@pytest.mark.skip(reason="a reason")
def test_is_skipped():
    raise AssertionError


def test_skips_itself():
    pytest.skip("another reason")


@pytest.mark.xfail(reason="known")
def test_fails_as_expected():
    raise ValueError


@pytest.mark.xfail
def test_passes_unexpectedly():
    pass


@pytest.mark.xfail(strict=True)
def test_passes_unexpectedly_strict():
    pass


def test_warns():
    warnings.warn("a warning", stacklevel=1)


def test_prints_no_text():
    sys.stdout.buffer.write(b"\xff\xfe\x00\xed\xa0\x80\n")
    print("\udcff", "\x1b[31m")


def test_prints_much():
    for _ in range(200):
        print("x" * 1000)


def test_fails_with_much_output():
    for _ in range(4000):
        print("x" * 1000)
    raise AssertionError("on purpose")


@pytest.mark.parametrize("value", [1, "two", "three words", "é"])
def test_parameter(value):
    assert value
