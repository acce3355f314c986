"""What each limit does to a test, and how the report says so."""

import os
import pathlib

import pytest
from machine import MIB, command, one, run

pytestmark = pytest.mark.usefixtures("limited")
TAKE = "def test_take():\n    data = bytearray(%d << 20)\n    for i in range(0, len(data), 4096):\n        data[i] = 1\n"
SPIN = "import time\ndef test_spin():\n    end = time.process_time() + %g\n    while time.process_time() < end: pass\n"


def test_memory(suite):
    result = run(suite, TAKE % 200, {"memory": {"limit": 64 * MIB}})
    test = one(result)
    assert result.code == 1 and test["outcome"] == "crashed"
    assert test["reason"].startswith("killed: out of memory, limit 64 MiB, peak 6")
    assert test["usage"]["oom_kills"] == 1
    assert 60 * MIB < test["usage"]["memory_peak"] <= 64 * MIB
    assert test["reason"] in test["longrepr"]


def test_memory_that_suffices(suite):
    result = run(suite, TAKE % 20, {"memory": {"limit": 64 * MIB}})
    usage = one(result)["usage"]
    assert result.code == 0 and usage["oom_kills"] == 0
    assert 20 * MIB < usage["memory_peak"] < 64 * MIB


def test_memory_of_each_test_is_its_own(suite):
    """A test that takes much does not show in the figures of the next one."""
    text = TAKE % 100 + "def test_small():\n    pass\n"
    result = run(suite, text, {"memory": {"limit": 512 * MIB}}, workers=1)
    tests = {name.split("::")[1]: test for name, test in result.tests().items()}
    assert result.code == 0
    assert tests["test_take"]["usage"]["memory_peak"] > 100 * MIB
    assert tests["test_small"]["usage"]["memory_peak"] < 50 * MIB


def test_private_folders_count_as_memory(suite):
    text = "def test_fill():\n    with open('/tmp/big', 'wb') as file:\n        for _ in range(200): file.write(bytes(1 << 20))\n"
    test = one(run(suite, text, {"memory": {"limit": 64 * MIB}}))
    assert test["outcome"] == "crashed" and "out of memory, limit 64 MiB" in test["reason"]


def test_the_next_test_runs(suite):
    text = TAKE % 200 + "def test_after():\n    pass\n"
    tests = run(suite, text, {"memory": {"limit": 64 * MIB}}, workers=1).tests()
    assert [test["outcome"] for test in tests.values()] == ["crashed", "passed"]


CHILD = """
import subprocess, sys
TAKE = "b = bytearray(200 << 20)\\nfor i in range(0, len(b), 4096): b[i] = 1"
def test_child():
    assert subprocess.run([sys.executable, "-c", TAKE]).returncode == 0
"""


def test_a_child_that_takes_too_much(suite):
    """It is killed, not the test; the report says why the test failed."""
    test = one(run(suite, CHILD, {"memory": {"limit": 64 * MIB}}))
    assert test["outcome"] == "failed" and test["usage"]["oom_kills"] == 1
    assert test["reason"].startswith("1 process of the test killed: out of memory, limit 64 MiB")
    assert test["reason"] in test["longrepr"]


def test_oom_group(suite):
    """With memory.oom.group the test goes with its child."""
    resources = {"memory": {"limit": 64 * MIB}, "unified": {"memory.oom.group": "1"}}
    test = one(run(suite, CHILD, resources))
    assert test["outcome"] == "crashed" and test["reason"].startswith("killed: out of memory, limit 64 MiB")
    assert test["usage"]["oom_kills"] >= 2


def test_swap(suite):
    """linux.resources.memory.swap is memory and swap together, as in OCI; without it there is no swap."""
    with open("/proc/swaps") as file:
        if len(file.readlines()) < 2:
            pytest.skip("there is no swap")
    little = one(run(suite, TAKE % 100, {"memory": {"limit": 64 * MIB, "swap": 80 * MIB}}))
    some = one(run(suite, TAKE % 100, {"memory": {"limit": 64 * MIB, "swap": 192 * MIB}}))
    assert [little["outcome"], some["outcome"]] == ["crashed", "passed"]


def test_memory_high_slows_down_but_does_not_kill(suite):
    text = "import time\n" + TAKE % 40
    test = one(run(suite, text, {"unified": {"memory.high": str(32 * MIB), "memory.swap.max": "0"}}, timeout=5))
    assert test["usage"]["oom_kills"] == 0
    assert test["outcome"] in ("passed", "timeout")


FORKS = """
import os
def test_bomb():
    made = 0
    try:
        while made < 1000:
            if os.fork() == 0:
                while True: os.pause() if hasattr(os, "pause") else __import__("signal").pause()
            made += 1
    finally:
        print("made", made)
"""


def test_pids(suite):
    test = one(run(suite, FORKS, {"pids": {"limit": 20}}))
    assert test["outcome"] == "failed" and "BlockingIOError" in test["longrepr"]
    assert test["usage"]["pids_refused"] == 1
    assert test["reason"] == "pids limit 20 reached: 1 fork or thread refused"
    assert any("made 19" in text for _, text in test["sections"])


BOMB = """
import os
def test_bomb():
    while True:
        try:
            os.fork()
        except OSError:
            pass
"""


def test_fork_bomb(suite):
    """It spins at its limit until its time is up, and takes nothing with it."""
    result = run(suite, BOMB + "def test_after():\n    pass\n", {"pids": {"limit": 30}}, timeout=8, workers=1)
    tests = result.tests()
    bomb, after = tests["test_it.py::test_bomb"], tests["test_it.py::test_after"]
    assert bomb["outcome"] == "timeout" and after["outcome"] == "passed"
    assert bomb["usage"]["pids_refused"] > 10
    assert bomb["reason"].startswith("timed out after 8 s; pids limit 30 reached: ")
    assert bomb["usage"].get("pids_peak", 30) == 30


def test_cpu(suite):
    result = run(suite, SPIN % 0.5, {"cpu": {"quota": 20000, "period": 100000}})
    test = one(result)
    assert result.code == 0 and test["duration"] > 1.5
    usage = test["usage"]
    assert usage["throttled"] > 5 and usage["throttled_s"] > 1
    assert 0.4 < usage["cpu_user_s"] + usage["cpu_system_s"] < 2


def test_time_out_while_throttled(suite):
    test = one(run(suite, SPIN % 60, {"cpu": {"quota": 20000, "period": 100000}}, timeout=3))
    assert test["outcome"] == "timeout"
    assert test["reason"].startswith("timed out after 3 s (throttled for ") and "cpu limit 0.2)" in test["reason"]


def test_cpu_weight(suite):
    assert run(suite, "def test_it(): pass\n", {"cpu": {"shares": 512}}).code == 0


@pytest.mark.skipif(os.cpu_count() < 2, reason="there is one processor")
def test_cpuset(suite):
    text = "import os\ndef test_it():\n    assert os.sched_getaffinity(0) == {1}\n"
    result = run(suite, text, {"cpu": {"cpus": "1"}})
    assert result.code == 0, result.out


def test_cpuset_that_is_not_there(suite):
    result = run(suite, "def test_it(): pass\n", {"cpu": {"cpus": "4095"}})
    assert result.code == 3
    assert "cpuset.cpus" in result.err and result.err.count("\n") == 1


READ = """
import os, time
def test_read():
    fd = os.open(FILE, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    begin = time.monotonic()
    while os.read(fd, 1 << 20): pass
    print("seconds", time.monotonic() - begin)
    assert time.monotonic() - begin > 2
"""


def test_io_max(suite):
    """A file of 1 MiB or more, read from the disk at a third of its size a second."""
    file = max(pathlib.Path("/usr/lib/x86_64-linux-gnu").glob("libicudata.so.*.*"), key=lambda path: path.stat().st_size)
    device = file.stat().st_dev
    rate = file.stat().st_size // 3
    limit = {"unified": {"io.max": f"{os.major(device)}:{os.minor(device)} rbps={rate}"}}
    result = run(suite, READ.replace("FILE", repr(str(file))), limit)
    assert result.code == 0, result.out
    assert run(suite, READ.replace("FILE", repr(str(file))).replace("> 2", "< 2"), {}).code == 0


def test_unified(suite):
    """Any file of a controller; it beats the field that means the same."""
    resources = {"pids": {"limit": 500}, "unified": {"pids.max": "20"}}
    assert one(run(suite, FORKS, resources))["reason"] == "pids limit 20 reached: 1 fork or thread refused"


@pytest.mark.parametrize("key", ["memory.no_such_file", "nobody.max", "memory/max"])
def test_unified_that_is_not_there(suite, key):
    result = run(suite, "def test_it(): pass\n", {"unified": {key: "1"}})
    assert result.code in (3, 4) and key in result.err and result.err.count("\n") == 1
    assert "test" not in {event["event"] for event in result.events}


def test_without_limits_there_are_no_events(suite):
    test = one(run(suite, "def test_it():\n    assert 0\n", {}))
    assert test["reason"] is None and not test["usage"].get("oom_kills")


def test_a_command_killed_for_memory():
    script = "python3 -c 'b = bytearray(200 << 20)'"
    done = command("exec " + script, {"memory": {"limit": 64 * MIB}})
    assert done.returncode == 137
    assert done.stderr.startswith("tach-run: command: killed: out of memory, limit 64 MiB, peak 6")


def test_a_command_that_forks_too_much():
    done = command("for i in 1 2 3 4 5 6 7 8 9; do sleep 1 & done; exit 3", {"pids": {"limit": 5}})
    assert "tach-run: command: pids limit 5 reached" in done.stderr and done.returncode != 0


def test_settings(suite):
    """The same limits from [tool.tach], a variable or a flag."""
    suite.write("pyproject.toml", '[tool.tach]\nmemory = "64M"\npids = 20\ncpu = 1.5\n')
    suite.write(text=FORKS)
    assert "pids limit 20 reached: 1 fork or thread refused" in suite.tach().out
    suite.write(text=TAKE % 100)
    assert one(suite.json())["reason"].startswith("killed: out of memory, limit 64 MiB")
    assert suite.json("--memory=400M", env={"TACH_MEMORY": "65M"}).code == 0
