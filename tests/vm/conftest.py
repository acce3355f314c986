"""Limits of control groups, tried for real where scripts/vm has set up a machine for it; skipped elsewhere."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from machine import MODE  # noqa: E402
from running import suite  # noqa: E402, F401


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if MODE is None and here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="needs cgroup v2 to itself: make vm-check"))


@pytest.fixture
def limited():
    """Skips where nothing can be limited."""
    if MODE == "ordinary":
        pytest.skip("nothing is delegated to this user")
