"""What fixtures of wider scopes print and log, and which test has it."""

import logging

import pytest

log = logging.getLogger("saying")


@pytest.fixture(scope="module", params=[1, 2, 3])
def failing_end(request):
    print("failing_end up", request.param, end="; ")
    log.warning("failing_end up %s", request.param)
    yield request.param
    print("failing_end down", request.param)
    if request.param != 2:
        raise ValueError(f"failing_end {request.param}")


@pytest.fixture(scope="module")
def failing():
    print("failing up")
    log.warning("failing up")
    raise KeyError("failing")


@pytest.fixture(scope="module")
def talking(failing_end):
    print("talking up")
    log.warning("talking up")
    yield "talking"
    print("talking down")


@pytest.fixture
def early(request):
    print("early up")
    return request.getfixturevalue("failing")


@pytest.fixture
def records(caplog):
    return [record.getMessage() for record in caplog.records], caplog.text.count("\n")


@pytest.fixture(scope="module")
def logging_one():
    log.warning("logging_one up")


def test_of_the_setup(logging_one, records, caplog):
    assert records == (["logging_one up"], 1)
    assert [record.getMessage() for record in caplog.get_records("setup")] == ["logging_one up"]


def test_again(logging_one, records, caplog):
    assert records == ([], 0)


def test_ends_what_was_before(failing_end):
    print("one")


def test_uses_it(failing_end):
    print("two")


def test_asks(failing_end, request):
    print("before")
    log.warning("before")
    request.getfixturevalue("failing")


def test_asks_again(failing_end, request):
    print("before", end=" ")
    request.getfixturevalue("failing")


def test_asks_in_setup(failing_end, early):
    pass


def test_asks_captured(failing_end, request, capsys, caplog):
    print("before")
    log.warning("before")
    assert request.getfixturevalue("talking") == "talking"
    out, err = capsys.readouterr()
    print(out, caplog.messages)
    assert out.startswith("before\ntalking up\n") and len(caplog.messages) == 2


def test_asks_for_two(failing_end, request):
    print("a")
    request.getfixturevalue("talking")
    print("b")
    with pytest.raises(KeyError):
        request.getfixturevalue("failing")
    print("c")
    raise ValueError("d")
