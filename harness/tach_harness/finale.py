"""The session's end in the zygote: what the workers reported is told to its plugins, which then finish as under pytest.

The engine's journal has one JSON line for each test that ended, each warning, each value that a test put into
pytest's cache, what coverage.py measured, and last how the run ended. Plugins find what pytest-xdist's controller would tell them.
"""

import builtins
import io
import json
import os
import sys
import warnings
from contextlib import contextmanager

import pytest
from _pytest.outcomes import Exit

from tach_harness import coverage_data, instead, pytest_versions, wire
from tach_harness.channel import MAX_PACKET_TEXT, clip

#: Letters of ``-r`` that the front answers itself (failures and errors, which may be crashes), or with sections.
_OURS = "fEwP"


class Terminal:
    """The plugin that lets through what other plugins have to say at the session's end; pytest's own part is ours."""

    def __init__(self, control):
        self.control = control
        self.before = None  # the exit code that the hooks of the session's end were told
        self.failed = None  # how many tests had failed when the workers' reports were told

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session, exitstatus):
        self.before = int(exitstatus)
        if self.failed == 0 and session.testsfailed:  # a plugin is not content: --cov-fail-under
            self.before = 0

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_terminal_summary(self, terminalreporter):
        if instead.is_asked(terminalreporter.config.option):
            yield
            return
        with _said_on(terminalreporter, sys.stdout):
            pytest_versions.report_passes(terminalreporter)
            yield
            sys.stdout.flush()
        for char in terminalreporter.reportchars:
            if char not in _OURS:
                self._tell_summary(terminalreporter, char)

    def _tell_summary(self, reporter, char):
        """Lets the engine have what ``-r CHAR`` adds to pytest's short summary."""
        chars, reporter.reportchars = reporter.reportchars, char
        try:
            with _said_on(reporter, io.StringIO()) as said:
                reporter.short_test_summary()
        finally:
            reporter.reportchars = chars
        lines = said.getvalue().splitlines(keepends=True)[1:]  # without the banner
        while lines:
            part = ""
            while lines and (not part or len(part) + len(lines[0]) < MAX_PACKET_TEXT // 4):
                part += lines.pop(0)
            self.control.send("summary", char=char, text=clip(part, MAX_PACKET_TEXT))


@contextmanager
def _said_on(reporter, file):
    """What the terminal REPORTER says meanwhile goes to FILE."""
    writer = reporter._tw
    silent, writer._file = writer._file, file
    try:
        yield file
    finally:
        writer._file = silent


def _category(name):
    found = getattr(builtins, name, None) or getattr(pytest, name, None)
    return found if isinstance(found, type) and issubclass(found, Warning) else UserWarning


def _warn(session, line):
    category = _category(line["category"])
    message = warnings.WarningMessage(category(line["message"]), category, line["file"], line["line"])
    session.config.hook.pytest_warning_recorded.call_historic(
        kwargs={"warning_message": message, "nodeid": line["nodeid"], "when": "runtest", "location": None}
    )


def _tell_test(session, line):
    item = session.items[line["i"]]
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for report in line["reports"]:
        hook.pytest_runtest_logreport(report=wire.unpack(session.config, report, item))
    if line["died"] is not None:
        hook.pytest_runtest_logreport(report=wire.of_death(line["died"], item))
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _end(session, line):
    """Ends the run loop as it ended under the engine."""
    code = line["code"]
    if code == 2:
        raise KeyboardInterrupt(line["reason"])
    if code not in (0, 1):
        raise Exit(line["reason"], code)
    if line["stopped"]:
        raise session.Failed(line["reason"])


def replay(session, journal_fd):
    """Tells SESSION's plugins what the journal has, and takes the descriptor. Raises as pytest's run loop would."""
    gathered = coverage_data.Gathered()
    with open(journal_fd, encoding="utf-8") as journal:
        os.lseek(journal_fd, 0, os.SEEK_SET)
        for text in journal:
            line = json.loads(text)
            kind = line["event"]
            if kind == "test":
                _tell_test(session, line)
            elif kind == "warning":
                _warn(session, line)
            elif kind == "cache" and getattr(session.config, "cache", None) is not None:
                session.config.cache.set(line["key"], line["value"])
            elif kind == "coverage":
                gathered.take(line)
            elif kind == "end":
                gathered.add()
                _end(session, line)
