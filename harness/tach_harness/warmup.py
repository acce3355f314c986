"""Runs an empty test of its own a few times before workers are cloned.

An interpreter adapts its code to what it does as it runs (PEP 659). A worker that is put back after each test would
forget that each time, and begin anew; what it has learned here stays. No plugin but pytest's own takes part, and nothing
is reported.
"""

import functools

import pytest
from _pytest.fixtures import FuncFixtureInfo

from tach_harness import passed, reports
from tach_harness.channel import encode

#: As many tests, and it pays.
WORTH = 40
#: Code adapts in the first eight calls, and what it has adapted to is tried out in those after.
_TIMES = 24
#: pytest's plugins that do something around a test, by name, and leave nothing behind.
_PLUGINS = {
    "assertion", "capturemanager", "logging-plugin", "nose", "python", "runner", "skipping", "threadexception", "unittest",
    "unraisableexception", "warnings",
}  # fmt: skip


def _report(config, brief, report):
    brief.line(0, report)
    encode({"t": "report", "i": 0, **reports.fields(config, report)})


class _Hooks:
    """pytest's hooks without anybody else's."""

    def __init__(self, config):
        self.manager = config.pluginmanager
        named = self.manager.list_name_plugin()
        self.others = [plugin for name, plugin in named if plugin is not None and name not in _PLUGINS]

        self.report = None

    def pytest_runtest_logreport(self, report):
        self.report(report)

    def __getattr__(self, name):
        caller = self.manager.subset_hook_caller(name, self.others)
        setattr(self, name, caller)
        return caller


class _Test(pytest.Function):
    hooks = None

    @property
    def ihook(self):
        return self.hooks


def run(session):
    """Does nothing where this pytest is not as expected."""
    stack = session._setupstate.stack
    if len(session.items) < WORTH or stack:
        return
    try:
        hooks = _Hooks(session.config)
        for _ in range(_TIMES):
            nothing = FuncFixtureInfo((), (), [], {})
            item = _Test.from_parent(session, name="tach", callobj=lambda: None, fixtureinfo=nothing)
            brief = passed.Passed(session.config, {0: item})
            item.hooks, hooks.report = hooks, functools.partial(_report, session.config, brief)
            hooks.pytest_runtest_protocol(item=item, nextitem=None)
    except Exception:
        stack.clear()
