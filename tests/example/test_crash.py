"""Tests that end their process, or do not end at all."""

import ctypes
import os
import resource
import signal
import sys
import threading
import time

EXPECT = {
    "test_segmentation_fault": "crashed",
    "test_abort": "crashed",
    "test_recursion_in_c": "crashed",
    "test_exit_0": "crashed",
    "test_exit_3": "crashed",
    "test_terminated": "crashed",
    "test_out_of_memory": "failed",
    "test_sleeps": "timeout",
    "test_spins": "timeout",
    "test_ignores_signals": "timeout",
    "test_system_exit": "failed",
    "test_thread_stays": "passed",
    "test_child_returns": "passed",
    "test_closes_its_output": "passed",
    "test_breaks_pytest_itself": "crashed",
}
EXPECT_REASON = {
    "test_segmentation_fault": "SIGSEGV",
    "test_abort": "SIGABRT",
    "test_recursion_in_c": "SIGSEGV",
    "test_exit_0": "exit code 0",
    "test_exit_3": "exit code 3",
    "test_terminated": "SIGTERM",
    "test_breaks_pytest_itself": "pytest itself failed",
    "test_sleeps": "timed out after 3 s",
}


def test_segmentation_fault():
    print("the last words")
    ctypes.string_at(0)


def test_abort():
    os.abort()


def test_recursion_in_c():
    sys.setrecursionlimit(10**9)

    class Endless:
        def __repr__(self):
            return repr(self)

    resource.setrlimit(resource.RLIMIT_STACK, (1 << 20, resource.getrlimit(resource.RLIMIT_STACK)[1]))
    repr(Endless())
    ctypes.string_at(0)  # an interpreter that counts C frames ends up here


def test_exit_0():
    os._exit(0)


def test_exit_3():
    os._exit(3)


def test_terminated():
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(10)


def test_out_of_memory():
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    bytearray(4 << 30)


def test_sleeps():
    time.sleep(3600)


def test_spins():
    while True:
        pass


def test_ignores_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGABRT):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(3600)


def test_system_exit():
    sys.exit(0)


def test_thread_stays():
    threading.Thread(target=time.sleep, args=(3600,)).start()


def test_child_returns():
    """The child comes back up into pytest: it must not report a second time."""
    os.fork()


def test_closes_its_output():
    os.close(1)
    os.close(2)


def test_breaks_pytest_itself():
    import _pytest.runner

    _pytest.runner.CallInfo = None
