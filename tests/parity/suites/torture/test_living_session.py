import threading

import pytest


@pytest.fixture(scope="session")
def ticking():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="ticking")
    thread.start()
    yield stop
    stop.set()
    thread.join()


@pytest.fixture(scope="module")
def on_top(ticking):
    yield not ticking.is_set()


def test_one(ticking):
    assert not ticking.is_set()


def test_two(on_top):
    assert on_top


def test_beside():
    pass
