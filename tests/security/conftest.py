"""The count of the checklist's rows that a run has shown to hold."""

import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("cli", "sandbox", "security")]
from attack import Attack  # noqa: E402
from checklist import ROWS  # noqa: E402
from running import NOBODY, Suite, skip_without_user_namespaces  # noqa: E402

_tests = {}  # node id -> row
_worst = {}  # row -> the worst outcome of its tests


def pytest_configure(config):
    config.addinivalue_line("markers", "checklist(row): the attack of checklist.py that the test is about")


def pytest_collection_modifyitems(items):
    for item in items:
        mark = item.get_closest_marker("checklist")
        if mark is not None:
            _tests[item.nodeid] = mark.args[0]


def pytest_runtest_logreport(report):
    row = _tests.get(report.nodeid)
    if row is not None and (report.when == "call" or report.outcome != "passed"):
        order = ["skipped", "passed", "failed"]  # what one user's test skips, another's may show
        _worst[row] = max(_worst.get(row, "skipped"), report.outcome, key=order.index)


def pytest_terminal_summary(terminalreporter):
    if _worst:
        count = {outcome: [row for row in ROWS if _worst.get(row) == outcome] for outcome in ("passed", "failed", "skipped")}
        text = f"security checklist: {len(count['passed'])} of {len(ROWS)} rows hold"
        for outcome in ("failed", "skipped"):
            if count[outcome]:
                text += f"; {outcome}: {', '.join(count[outcome])}"
        terminalreporter.write_line(text)


@pytest.fixture(params=["root", "ordinary"])
def attack(request, tmp_path):
    return Attack(request.param, tmp_path)


@pytest.fixture(params=["root", "ordinary"])
def suite_and_user(request, tmp_path):
    """A folder for a suite, and the user id to run it as (None: the caller)."""
    user = None
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("this run is not root's")
    if request.param == "ordinary":
        skip_without_user_namespaces()
        user = NOBODY if os.geteuid() == 0 else None
    return Suite(tmp_path / "suite"), user
