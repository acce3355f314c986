import logging
import os
import sys
import unittest
import warnings

import pytest

warnings.warn("while collecting")


def test_pass():
    print("to out")
    print("to err", file=sys.stderr)
    logging.getLogger("here").warning("logged")
    os.write(1, b"raw\n")


def test_fail():
    print("before")
    assert [1, 2, 3] == [1, 2, 4]


@pytest.mark.skip(reason="never")
def test_skip():
    pass


@pytest.mark.skipif(True, reason="not here")
class TestSkipped:
    def test_one(self):
        pass


def test_skip_inside():
    pytest.skip("half way")


@pytest.mark.xfail(reason="known")
def test_xfail():
    assert 0


@pytest.mark.xfail
def test_xpass():
    pass


@pytest.mark.xfail(strict=True, reason="must fail")
def test_strict():
    pass


@pytest.mark.xfail(raises=ValueError)
def test_other_error():
    raise KeyError("k")


def test_xfail_inside():
    pytest.xfail("imperative")


def test_warns():
    warnings.warn("careful")
    warnings.warn("careful")
    warnings.warn("old", DeprecationWarning)


def test_warns_alike():
    warnings.warn("careful")


def test_unraisable():
    class Broken:
        def __del__(self):
            raise ValueError("in del")

    Broken()


def test_thread_exception():
    import threading

    def run():
        raise ValueError("in thread")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_missing(no_such_fixture):
    pass


def test_system_exit():
    raise SystemExit(2)


@pytest.mark.parametrize("a, b", [(1, 1), (1, 2), pytest.param(3, 3, marks=pytest.mark.skip), ("\u2603", "a/b::c")])
def test_param(a, b):
    assert a == b


class Cases(unittest.TestCase):
    def setUp(self):
        print("set up")

    def test_one(self):
        self.assertEqual(1, 1)

    def test_two(self):
        self.fail("as told")

    @unittest.expectedFailure
    def test_three(self):
        self.fail("as expected")

    @unittest.skip("no need")
    def test_four(self):
        pass

    def test_five(self):
        self.skipTest("later")
