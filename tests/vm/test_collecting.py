"""What the interpreter that collects may take: code that runs while the suite is imported."""

import os
import pathlib
import subprocess

import pytest
from machine import MIB, MODE, own_group, run
from running import TACH, environment

pytestmark = pytest.mark.usefixtures("limited")
TAKE = "data = bytearray(400 << 20)\nfor i in range(0, len(data), 4096):\n    data[i] = 1\n"
TEST = "def test_it():\n    pass\n"


def refused(result):
    """The one error of a run that ended while it collected."""
    assert result.code == 3 and result.tests() == {}, result.out
    return result.event("error")["what"]


def test_memory_taken_by_an_import(suite):
    what = refused(run(suite, TAKE + TEST, {}, collectMemory=128 * MIB))
    assert what.startswith("the interpreter was killed: out of memory, limit 128 MiB, peak 1"), what
    assert "(collect_memory) while it collected the tests" in what


def test_memory_taken_by_a_child_of_an_import(suite):
    """The child does not die alone: what the interpreter would make of that is not known."""
    text = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {TAKE!r}])\n"
    assert "out of memory, limit 128 MiB" in refused(run(suite, text + TEST, {}, collectMemory=128 * MIB))


def test_memory_that_suffices(suite):
    assert run(suite, TAKE + TEST, {}, collectMemory=600 * MIB).code == 0


def test_tests_have_limits_of_their_own(suite):
    text = "def test_it():\n    " + TAKE.replace("\n    ", "\n        ").replace("\nfor", "\n    for")
    assert run(suite, text, {}, collectMemory=128 * MIB).code == 0
    result = run(suite, TAKE + TEST, {"memory": {"limit": 64 * MIB}}, collectMemory=0)
    assert result.code == 0, result.out


def limits_during_a_run(suite, *args):
    """memory.max and pids.max of the zygote's group."""
    suite.write(text="import time\ndef test_it(): time.sleep(100)\n")
    own = own_group()
    start = own.parent if own.name == "tach-starters" else own
    with subprocess.Popen([TACH, "--format=json", *args], cwd=suite.path, env=environment(), stdout=subprocess.PIPE) as front:
        while b'"event":"collected"' not in front.stdout.readline():
            pass
        (group,) = start.glob("tach-*/zygote")
        found = [(group / name).read_text().strip() for name in ("memory.max", "memory.oom.group", "pids.max")]
        front.terminate()
        front.communicate(timeout=60)
    return found


def half_of_memory():
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return str(total // 4096 * 4096)


def test_the_default_is_half_of_the_machine(suite):
    """Where any limit was asked for."""
    memory, group, pids = limits_during_a_run(suite, "--pids=100")
    most = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text())
    assert memory == half_of_memory() and group == "1" and 0 < int(pids) <= most // 2


@pytest.mark.skipif(MODE != "root", reason="only root may limit the group above")
def test_or_half_of_what_a_group_above_has(suite):
    above = own_group().parent / "memory.max"
    above.write_text(str(1024 * MIB))
    try:
        assert limits_during_a_run(suite, "--cpu=2")[0] == str(512 * MIB)
    finally:
        above.write_text("max")


@pytest.mark.parametrize("text, limit", [("0", "max"), ("256M", str(256 * MIB))])
def test_what_is_asked_for(suite, text, limit):
    assert limits_during_a_run(suite, "--pids=100", f"--collect-memory={text}")[0] == limit


def test_processes_started_by_an_import(suite):
    """A fork bomb stops where others still can start something."""
    text = (
        "import os, signal\n"
        "def bomb():\n"
        "    made = []\n"
        "    try:\n"
        "        while len(made) < 100000:\n"
        "            pid = os.fork()\n"
        "            if pid == 0: signal.pause()\n"
        "            made.append(pid)\n"
        "    except OSError as e:\n"
        "        return e.errno\n"
        "    finally:\n"
        "        for pid in made: os.kill(pid, 9)\n"
        "        for pid in made: os.waitpid(pid, 0)\n"
        "why = bomb()\n"
        "def test_it():\n"
        "    assert why == 11\n"
    )
    max_file = pathlib.Path("/proc/sys/kernel/threads-max")
    if MODE != "root":
        pytest.skip("only root may make the machine small enough")
    before = max_file.read_text()
    max_file.write_text("800")
    try:
        result = run(suite, text, {"cpu": {"shares": 512}})
        assert result.code == 0, result.out
    finally:
        max_file.write_text(before)
