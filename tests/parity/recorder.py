"""A pytest plugin, given to pytest and to tach: what every test did, as --setup-show would tell it.

Each report carries, as its last user property "parity", which fixtures were set up and torn down in its phase. With
PARITY_RECORD in the environment all reports are written to that file as well: how pytest's own side is read.
"""

import json
import os
import unittest

import pytest

#: {item: (phase, step) of what was done on its behalf}; in a clone of a snapshot also what that did for other items
_trace = {}
_reports = []
#: What this process has set up. What it was cloned with is not its own to tear down: that it forgets of it is no end.
_own = set()
os.register_at_fork(after_in_child=_own.clear)


def _is_pytests_own(fixturedef, request):
    """What holds nothing of the suite's: pytest's session fixtures, and the call of a setUpClass that does nothing."""
    if fixturedef.func.__module__.startswith("_pytest."):
        if "setUpClass" in fixturedef.argname:
            return request.cls.setUpClass.__func__ is unittest.TestCase.setUpClass.__func__
        return "xunit_setup" not in fixturedef.argname and fixturedef.argname != "unittest_setUpModule_fixture"
    return False


def _note(verb, fixturedef, request):
    scope = getattr(fixturedef.scope, "value", fixturedef.scope)
    if scope == "function" or not _is_pytests_own(fixturedef, request):
        param = repr(request.param) if hasattr(request, "param") else ""
        current, _, phase = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")
        _trace.setdefault(current, []).append((phase, [verb, scope, fixturedef.argname, param[:80]]))


def _take(item, when):
    """What was done for ITEM until the end of the phase. A snapshot's teardown is not told its set-up again."""
    steps = _trace.pop(item.nodeid, [])
    return [step for phase, step in steps if when != "teardown" or phase == "(teardown)"]


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup(fixturedef, request):
    done = yield
    if done.excinfo is None:
        _own.add(fixturedef)
        _note("SETUP", fixturedef, request)


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_post_finalizer(fixturedef, request):
    if fixturedef.cached_result is not None and fixturedef.cached_result[2] is None and fixturedef in _own:
        _note("TEARDOWN", fixturedef, request)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    done = yield
    report = done.get_result()
    item.user_properties.append(("parity", json.dumps([call.when, _take(item, call.when)])))
    report.user_properties = list(item.user_properties)


def _reason(report):
    if hasattr(report, "wasxfail"):
        return report.wasxfail.removeprefix("reason: ")
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        return reason.removeprefix("Skipped: ")
    return None


class _Aside:
    """pytest 9 prints the letter of a subtest while it captures what the test prints: that is not the test's output."""

    def __init__(self, config):
        self.capture = config.pluginmanager.getplugin("capturemanager")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if self.capture is None or not hasattr(report, "context"):
            yield
        else:
            with self.capture.global_and_fixture_disabled():
                yield


class Recorder:
    def __init__(self, config, path):
        self.config, self.path, self.warnings = config, path, 0

    def pytest_runtest_logreport(self, report):
        category = self.config.hook.pytest_report_teststatus(report=report, config=self.config)[0]
        _reports.append(
            {
                "nodeid": report.nodeid,
                "when": report.when,
                "category": category,
                "failed": report.failed,
                "sections": report.sections,
                "reason": _reason(report),
                "properties": [[name, value if isinstance(value, str) else None] for name, value in report.user_properties],
            }
        )

    def pytest_collectreport(self, report):
        if report.skipped or report.failed:
            category = "skipped" if report.skipped else "error"
            _reports.append({"nodeid": report.nodeid, "when": "collect", "category": category})

    def pytest_warning_recorded(self):
        self.warnings += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        with open(self.path, "w", encoding="utf-8", errors="backslashreplace") as file:
            json.dump({"reports": _reports, "warnings": self.warnings}, file)


def pytest_configure(config):
    path = os.environ.pop("PARITY_RECORD", None)
    if path:
        config.pluginmanager.register(Recorder(config, path), "parity-recorder")
        config.pluginmanager.register(_Aside(config), "parity-aside")
