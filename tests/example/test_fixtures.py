"""Fixtures of every scope: set up once for all that share them, of whom each gets a copy."""

import unittest

import pytest

EXPECT = {
    "test_module_first": "passed",
    "test_module_second": "passed",
    "TestClassScope::test_first": "passed",
    "TestClassScope::test_second": "passed",
    "TestXunit::test_first": "passed",
    "TestXunit::test_second": "passed",
    "Case::test_first": "passed",
    "Case::test_second": "passed",
    "test_session_first": "passed",
    "test_session_second": "passed",
    "test_setup_error": "error",
    "test_teardown_error": "error",
    "test_tmp_path": "passed",
    "test_monkeypatch": "passed",
    "test_capsys": "passed",
    "test_caplog": "passed",
    "test_crash_in_unit": "crashed",
    "test_after_crash_in_unit": "passed",
}


@pytest.fixture(scope="module")
def ledger():
    return []


def test_module_first(ledger):
    ledger.append(1)


def test_module_second(ledger):
    assert ledger == []


class TestClassScope:
    @pytest.fixture(scope="class")
    def numbers(self):
        return []

    def test_first(self, numbers):
        numbers.append(1)

    def test_second(self, numbers):
        assert numbers == []


class TestXunit:
    @classmethod
    def setup_class(cls):
        cls.log = ["setup"]

    def test_first(self):
        self.log.append("first")

    def test_second(self):
        assert self.log == ["setup"]


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.log = []

    def test_first(self):
        self.log.append(1)

    def test_second(self):
        self.assertEqual(self.log, [])


def test_session_first(session_log):
    session_log.append(1)


def test_session_second(session_log):
    assert session_log == []


@pytest.fixture
def broken():
    raise RuntimeError("on purpose")


def test_setup_error(broken):
    pass


@pytest.fixture
def broken_at_the_end():
    yield
    raise RuntimeError("on purpose")


def test_teardown_error(broken_at_the_end):
    pass


def test_tmp_path(tmp_path):
    (tmp_path / "x").write_text("x")
    assert str(tmp_path).startswith("/tmp/pytest-of-")


def test_monkeypatch(monkeypatch):
    monkeypatch.setenv("EXAMPLE", "1")


def test_capsys(capsys):
    print("seen")
    assert capsys.readouterr().out == "seen\n"


def test_caplog(caplog):
    import logging

    logging.getLogger("example").warning("seen")
    assert caplog.messages == ["seen"]


@pytest.fixture(scope="class")
def fragile():
    return None


def test_crash_in_unit(request, ledger):
    import os

    os._exit(9)


def test_after_crash_in_unit(ledger):
    """The snapshot that both were cloned from goes on."""
    assert ledger == []
