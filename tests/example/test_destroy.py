"""Tests that damage what they can reach: the project, the system, the other processes."""

import os
import pathlib
import shutil
import signal
import time

import pytest

EXPECT = {
    "test_project_is_deleted": "passed",
    "test_project_is_still_there": "passed",
    "test_git_folder_is_deleted": "passed",
    "test_hosts_are_changed": "passed",
    "test_passwords_are_changed": "passed",
    "test_programs_are_removed": "passed",
    "test_home_is_filled": "passed",
    "test_parent_is_killed": "passed",
    "test_everything_is_killed": "passed",
    "test_own_group_is_killed": "crashed",
    "test_children_are_leaked": "passed",
    "test_daemon_is_leaked": "passed",
    "test_no_leaked_process_is_seen": "passed",
}
EXPECT_REASON = {"test_own_group_is_killed": "SIGKILL"}

PROJECT = pathlib.Path(__file__).parent


def test_project_is_deleted():
    shutil.rmtree(PROJECT, ignore_errors=True)
    assert not pathlib.Path(__file__).exists()


def test_project_is_still_there():
    assert pathlib.Path(__file__).exists()
    assert (PROJECT / "conftest.py").read_text().startswith('"""The example suite')


def test_git_folder_is_deleted():
    for parent in PROJECT.parents:
        shutil.rmtree(parent / ".git", ignore_errors=True)


def assert_cannot_write(path):
    with pytest.raises(OSError):
        with open(path, "a") as f:
            f.write("changed\n")


def test_hosts_are_changed():
    assert_cannot_write("/etc/hosts")


def test_passwords_are_changed():
    assert_cannot_write("/etc/passwd")
    assert_cannot_write("/etc/tach-example")


def test_programs_are_removed():
    with pytest.raises(OSError):
        os.unlink("/usr/bin/env")
    assert os.path.exists("/usr/bin/env")


def test_home_is_filled():
    with pytest.raises(OSError):
        (pathlib.Path("/root") / "tach-example").write_text("x")


def test_parent_is_killed():
    """The parent lives outside: from in here it is process 0, and process 1 takes no orders from inside."""
    assert os.getppid() == 0
    os.kill(1, signal.SIGKILL)


def test_everything_is_killed():
    try:
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nobody else is there


def test_own_group_is_killed():
    os.kill(os.getppid(), signal.SIGKILL)  # 0 is one's own process group


def test_children_are_leaked():
    for _ in range(5):
        if os.fork() == 0:
            time.sleep(3600)
            os._exit(0)


def test_daemon_is_leaked():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(3600)
        os._exit(0)
    os.wait()


def test_no_leaked_process_is_seen():
    assert sorted(int(n) for n in os.listdir("/proc") if n.isdigit()) == [1, os.getpid()]
