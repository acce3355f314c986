"""deny, the program that makes system calls fail for the other tests."""

import os
import subprocess

import pytest
from running import DENY, NOBODY, as_user, environment, skip_without_user_namespaces

# three calls of chroot: here, in a child, and in a child that has user and pid namespaces of its own
SCRIPT = """\
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call():
    libc.chroot(None)
    print(os.strerror(ctypes.get_errno()), flush=True)
def child(then):
    if os.fork() == 0:
        then()
        os._exit(0)
    os.wait()
def far():
    assert libc.unshare(0x10000000 | 0x20000000) == 0
    child(call)
call()
child(call)
child(far)
"""
PLAIN, DENIED = "Bad address", "No space left on device"


@pytest.fixture(params=["root", "ordinary"])
def user(request):
    if request.param == "ordinary":
        skip_without_user_namespaces()
        return NOBODY if os.geteuid() == 0 else None
    if os.geteuid() != 0:
        pytest.skip("this run is not root's")
    return None


def deny(user, *args, command=("/usr/bin/python3", "-c", SCRIPT)):
    done = subprocess.run(
        [*as_user(user), DENY, *args, "--", *command], cwd="/", env=environment(), capture_output=True,
        encoding="utf-8", timeout=30, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def test_every_call_fails(user):
    assert deny(user, "chroot=ENOSPC") == (0, [DENIED] * 3, [])


@pytest.mark.parametrize("nth", range(5))
def test_the_nth_call_fails_counted_over_all_descendants(user, nth):
    said = [DENIED if number == nth else PLAIN for number in (1, 2, 3)]
    assert deny(user, "--nth", str(nth), "chroot=ENOSPC") == (0, said, ["deny: chroot: 3 calls"])


def test_calls_are_counted(user):
    code, said, counts = deny(user, "--count", "chroot", "acct")
    assert (code, said, counts) == (0, [PLAIN] * 3, ["deny: chroot: 3 calls", "deny: acct: 0 calls"])
    assert deny(user, "--count", "--comm", "someone", "chroot")[2] == ["deny: chroot: 0 calls"]


def test_the_exit_code_is_the_commands(user):
    for how in (["chroot=EPERM"], ["--nth", "1", "chroot=EPERM"]):
        assert deny(user, *how, command=("sh", "-c", "exit 7"))[0] == 7
    assert deny(user, "--count", "chroot", command=("sh", "-c", "kill -9 $$"))[0] == 137


@pytest.mark.parametrize("wrong", [["chroot"], ["nosuchcall=EPERM"], ["chroot=EWHAT"], ["--count", "chroot=EPERM"], []])
def test_wrong_use(wrong):
    assert deny(None, *wrong)[0] == 125
