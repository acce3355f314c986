"""Nothing that a test leaves in its process is seen by the next, whatever is used again: rolled back, or thrown away."""

import collections
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from running import NOBODY, TACH, Result, as_user, environment, skip_without_user_namespaces

SUITE = pathlib.Path(__file__).parent / "suite"
#: Tests that end their process, or take away what pytest itself needs.
FATAL = {
    "all_closed", "everything_closed", "crash", "exit_at_once", "scribbled_over_everything", "stderr_closed",
}  # fmt: skip
#: Where a file that was opened while the suite was imported is read is one place for all processes.
SHARED = {"file_read"}
#: What cannot be put back, or is not the process's: why the worker is spent.
SPENT = {
    "stdin_closed": "descriptor closed",
    "signal_pending": "signal left pending",
    "alarm_left": "timer left running",
    "timer_left": "timer left running",
    "niceness": "scheduling or niceness changed",
    "scheduler": "scheduling or niceness changed",
    "timer_slack": "process attribute (prctl) changed",
    "killed_first": "file of the process in /proc changed",
    "core_dump_filter": "file of the process in /proc changed",
    "not_dumpable": "process attribute (prctl) changed",
    "memory_locked": "memory left locked",
    "personality": "personality changed",
    "landlocked": "landlock_restrict_self was called",
    "thread_left": "thread left running",
    "timer_thread_left": "thread left running",
    "child_left": "child process left running",
    "subprocess_left": "child process left running",
    "daemon_left": "cell: process",
    "listener_left": "cell: socket",
    "project_file": "cell: project",
    "shared_memory_segment": "cell: ipc",
    "no_huge_pages": "process attribute (prctl) changed",
    "pool_left": "child process left running",
    "event_loop_left": "cell: socket",
    "socket_pair_left": "cell: socket",
    "scribbled_over_the_extension": "it ended while it was put back",
}
#: Process and cell are looked at at once, and both may say no.
BOTH = {
    "child_left", "daemon_left", "event_loop_left", "listener_left", "pool_left", "project_file", "shared_memory_segment",
    "socket_pair_left", "subprocess_left",
}  # fmt: skip
#: It depends on the machine, on how far pytest came, or on whether the cell is looked at before descriptors are closed.
SOMETIMES = {
    "stdout_redirected", "zombie_left", "affinity", "hard_limit_lowered", "stderr_closed", "socket_pair_left",
    "listener_left", "event_loop_left",
}  # fmt: skip


def other_pythons():
    """Other versions than this one that the harness supports: minor version -> path."""
    found = {}
    versions = pathlib.Path(os.environ.get("PYENV_ROOT", pathlib.Path.home() / ".pyenv")) / "versions"
    for minor in range(10, 14):
        name = f"python3.{minor}"
        paths = [shutil.which(name, path="/usr/bin:/usr/local/bin"), *versions.glob(f"3.{minor}.*/bin/{name}")]
        if minor != sys.version_info[1]:
            found.update((minor, str(path)) for path in reversed(paths) if path is not None)
    return found


def pytest_for(python, folder):
    """A folder with this interpreter's pytest and what it needs, for another one, which has none."""
    for name in ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "attr", "attrs", "exceptiongroup", "tomli"):
        place = pathlib.Path(pytest.__file__).parents[1]
        for path in (place / name, place / f"{name}.py", *place.glob(f"{name}-*-info")):
            if path.exists():
                (folder / path.name).symlink_to(path)
    env = {"PYTHONPATH": str(folder)}
    tried = subprocess.run([python, "-c", "import pytest"], env=environment(**env), capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"{python} cannot use this pytest: {tried.stderr[-200:]}")
    return env


def torture(*options, user=None, env=None):
    argv = [*as_user(user), TACH, "--format=json", "-p", "no:cacheprovider", *options, str(SUITE)]
    done = subprocess.run(argv, cwd=SUITE, text=True, capture_output=True, timeout=300, env=environment(**(env or {})))
    result = Result(done)
    assert [e for e in result.events if e["event"] == "error"] == [], done.stderr
    return result


def by_kind(result):
    """kind -> the events of its four tests, in order."""
    found = collections.defaultdict(list)
    for nodeid, event in result.tests().items():
        kind, step = nodeid.split("[")[1][:-1].rsplit("-", 1)
        found[kind].append((("leave", "look1", "look2", "look3").index(step), event))
    return {kind: [event for _, event in sorted(events, key=lambda one: one[0])] for kind, events in found.items()}


def check_none_was_seen(result, workers=1):
    kinds = by_kind(result)
    assert len(kinds) >= 110
    for kind, (leave, *looks) in kinds.items():
        assert kind in FATAL or leave["outcome"] == "passed", (kind, leave["longrepr"])
        if kind in SHARED and (workers > 1 or not can_roll_back(result)):
            continue
        assert [look["outcome"] for look in looks] == ["passed"] * 3, (kind, [look["longrepr"] for look in looks])
    return kinds


def can_roll_back(result):
    return "workers" in result.event("finish")


def test_rolled_back():
    result = torture("--workers=1", "--verify-rollback")
    kinds = check_none_was_seen(result)
    if not can_roll_back(result):
        pytest.skip("this kernel cannot (before Linux 6.7)")
    for kind, (leave, *looks) in kinds.items():
        print(f"{kind:32} {leave['spent'] or ('rolled back' if kind not in FATAL else leave['reason'])}")
    spent = {kind: leave["spent"] for kind, (leave, *_) in kinds.items() if leave["spent"] is not None}
    assert set(SPENT) - set(spent) - SOMETIMES == set()
    assert set(spent) - set(SPENT) - SOMETIMES == set()
    assert {kind: why for kind, why in SPENT.items() if kind not in BOTH and spent[kind] != why} == {}
    rolled = [look for _, *looks in kinds.values() for look in looks if look["worker"] == "rolled back"]
    assert len(rolled) > len(kinds) * 2


@pytest.mark.parametrize("mode", ["cell", "never"])
def test_other_modes_agree(mode):
    result = torture("--workers=2", f"--reuse={mode}")
    check_none_was_seen(result, workers=2)
    assert all(event["worker"] is None for event in result.tests().values())


@pytest.mark.parametrize("minor", [minor for minor in range(10, 14) if minor != sys.version_info[1]])
def test_other_pythons(minor, tmp_path):
    python = other_pythons().get(minor)
    if python is None:
        pytest.skip(f"there is no CPython 3.{minor} on this machine")
    result = torture("--workers=2", "--verify-rollback", f"--python={python}", env=pytest_for(python, tmp_path))
    assert result.event("start")["python"] is None or result.event("start")["python"].startswith(f"3.{minor}.")
    kinds = check_none_was_seen(result, workers=2)
    if can_roll_back(result):
        assert sum(event["worker"] == "rolled back" for events in kinds.values() for event in events) > len(kinds) * 2


LARGE = """
import pytest
{make}
@pytest.mark.parametrize("n", range(48))
def test_large(n):
    assert not data.any() and len(data) == SIZE
    if n % 4 == 3:
        data.resize(SIZE // 2, refcheck=False)  # its mapping moves, or ends
    elif n % 4 == 2:
        data[:] = 1
    else:
        data[n::100_000] = n + 1
"""


@pytest.mark.parametrize("megabytes", [8, 160])
def test_large_arrays(megabytes, tmp_path):
    """The larger one is in an image (sandbox/image.h)."""
    pytest.importorskip("numpy")
    make = f"import numpy\nSIZE = {megabytes} << 17\ndata = numpy.ones(SIZE)\ndata[:] = 0\n"
    (tmp_path / "test_large.py").write_text(LARGE.format(make=make))
    argv = [TACH, "--format=json", "--verify-rollback", "--workers=1", "-p", "no:cacheprovider"]
    result = Result(subprocess.run(argv, cwd=tmp_path, text=True, capture_output=True, timeout=300, env=environment()))
    assert result.code == 0, result.out[-2000:] + result.err
    finish = result.event("finish")
    assert finish["counts"] == {"passed": 48}
    if can_roll_back(result):
        assert finish["workers"]["rolled_back"] == 47, finish["workers"]


def test_two_workers_as_an_ordinary_user():
    skip_without_user_namespaces()
    check_none_was_seen(torture("--workers=2", user=NOBODY if pathlib.Path("/proc/self/loginuid").exists() else None), workers=2)
