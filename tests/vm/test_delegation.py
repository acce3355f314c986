"""Which group a run makes its own in, and that it leaves what is there as it was."""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

import pytest
from machine import MODE, own_group, run
from running import TACH, environment

PIDS = {"pids": {"limit": 50}}
PASS = "def test_it(): pass\n"


def state(group):
    """What a run could change in GROUP."""
    return {
        "children": sorted(path.name for path in group.iterdir() if path.is_dir()),
        "controllers": (group / "cgroup.subtree_control").read_text(),
        "here": str(os.getpid()) in (group / "cgroup.procs").read_text().split(),
    }


def settles_as(before, seconds=20.0):
    """Whether the own group is soon as it was; its children come and go meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if state(own_group()) == before:
                return True
        time.sleep(0.1)
    return False


def test_required_where_nothing_is_delegated(suite):
    if MODE != "ordinary":
        pytest.skip("something is delegated to this user")
    before = state(own_group())
    result = run(suite, PASS, PIDS)
    assert result.code == 4
    assert result.err.count("\n") == 1
    assert f"controllers missing at {own_group()}: pids: the group is not this user's" in result.err
    assert "systemd-run --user --scope -p Delegate=yes" in result.err
    assert state(own_group()) == before


def test_best_effort_where_nothing_is_delegated(suite):
    if MODE != "ordinary":
        pytest.skip("something is delegated to this user")
    result = run(suite, PASS, PIDS | {"memory": {"limit": 1 << 26}}, enforce="best-effort")
    missing = {one["what"]: one["why"] for one in result.event("start")["isolation"]["not_enforced"]}
    assert result.code == 0
    assert missing == {"cgroup leaf": "the group is not this user's", "resource limits": "memory, pids"}


def test_memory_for_collecting_where_nothing_is_delegated(suite):
    """It is a limit like the others if it was asked for; the default ends no run."""
    if MODE != "ordinary":
        pytest.skip("something is delegated to this user")
    assert run(suite, PASS, {}).code == 0
    result = run(suite, PASS, {}, collectMemory=1 << 30)
    assert result.code == 4 and result.err.count("\n") == 1
    assert f"tach.collectMemory: controllers missing at {own_group()}: memory" in result.err


@pytest.mark.usefixtures("limited")
def test_the_group_is_as_it_was(suite):
    """The run puts those that started it aside while it needs that, and back."""
    before = state(own_group())
    assert before["here"]
    # its leaf is the root of what it sees
    text = "def test_it():\n    assert open('/proc/self/cgroup').read() == '0::/\\n'\n"
    result = run(suite, text, PIDS)
    assert result.code == 0, result.out
    assert "cgroup leaf" in result.event("start")["isolation"]["enforced"]
    assert state(own_group()) == before


@pytest.mark.usefixtures("limited")
def test_two_runs_at_a_time(suite):
    """The second finds what the first has prepared; the last one puts it back."""
    before = state(own_group())
    suite.write(text="import time\ndef test_it(): time.sleep(3)\n")
    argv = [TACH, "--format=json", "--pids=50"]
    runs = [
        subprocess.Popen(argv, cwd=suite.path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    ends = [run.communicate(timeout=120)[1] for run in runs]
    assert [(run.returncode, end) for run, end in zip(runs, ends)] == [(0, b"")] * 2
    assert state(own_group()) == before


@pytest.mark.usefixtures("limited")
def test_others_are_not_moved(suite):
    """A process in the group that has nothing to do with the run stays there, and the error says which."""
    made = subprocess.run(["sh", "-c", "setsid sleep 100 >/dev/null 2>&1 & echo $!"], stdout=subprocess.PIPE, check=True)
    other = int(made.stdout)
    try:
        before = state(own_group())
        result = run(suite, PASS, PIDS)
        assert result.code == 4 and "pids: other processes are in the group" in result.err
        assert f"({other}, sleep)" in result.err and result.err.count("\n") == 1
        assert state(own_group()) == before
        assert run(suite, PASS, PIDS, enforce="best-effort").code == 0
        assert run(suite, PASS, {}).code == 0
        assert state(own_group()) == before
    finally:
        os.kill(other, 9)


@pytest.mark.usefixtures("limited")
def test_what_the_starter_has_started_makes_room(suite):
    """As under make -j: the other jobs are put aside with it, and back."""
    with subprocess.Popen(["sleep", "100"]) as job:
        try:
            before = state(own_group())
            assert run(suite, PASS, PIDS).code == 0
            assert state(own_group()) == before
            assert str(job.pid) in (own_group() / "cgroup.procs").read_text().split()
        finally:
            job.kill()


@pytest.mark.usefixtures("limited")
def test_a_group_of_systemds_must_be_delegated(suite, tmp_path):
    """A scope that belongs to the user but carries no mark is left alone; with the mark it is used."""
    parent = own_group().parent
    if MODE == "delegated" and not os.access(parent, os.W_OK):
        pytest.skip("no group can be made beside this one")
    scope = parent / "run-r1.scope"
    scope.mkdir()
    script = (
        "import os, subprocess, sys\nopen(sys.argv[1] + '/cgroup.procs', 'w').write('0')\n"
        "sys.exit(subprocess.run(sys.argv[2:]).returncode)\n"
    )
    suite.write(text=PASS)

    def within():
        return subprocess.run(
            [sys.executable, "-c", script, str(scope), TACH, "-q", "--pids=50"], cwd=suite.path, env=environment(),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    try:
        done = within()
        assert done.returncode == 4 and "systemd manages the group and has not delegated it" in done.stderr
        assert [path for path in scope.iterdir() if path.is_dir()] == []
        os.setxattr(scope, "user.delegate", b"1")
        done = within()
        assert done.returncode == 0, done.stderr
        assert [path for path in scope.iterdir() if path.is_dir()] == []
    finally:
        scope.rmdir()


@pytest.mark.usefixtures("limited")
def test_a_killed_run_leaves_no_group(suite):
    before = state(own_group())
    suite.write(text="import time\ndef test_it(): time.sleep(100)\n")
    argv = [TACH, "--format=json", "--pids=50", "--memory=200M"]
    with subprocess.Popen(argv, cwd=suite.path, env=environment(), stdout=subprocess.PIPE) as front:
        while b'"event":"collected"' not in front.stdout.readline():
            pass
        (engine,) = pathlib.Path(f"/proc/{front.pid}/task/{front.pid}/children").read_text().split()
        os.kill(int(engine), 9)
        front.communicate(timeout=60)
    assert settles_as(before)
