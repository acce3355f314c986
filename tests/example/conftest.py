"""The example suite misbehaves on purpose, so it only runs where that is harmless: in a cell of Tach."""

import os
import socket

import pytest


def in_a_cell():
    return os.environ.get("TACH") == "1" and socket.gethostname() == "tach"


def pytest_collection_modifyitems(items):
    if not in_a_cell():
        for item in items:
            item.add_marker(pytest.mark.skip(reason="destroys what it can reach: run it with tach, isolated"))


@pytest.fixture(scope="session")
def session_log():
    """One list for the whole session, as long as its tests run in one process."""
    return []
