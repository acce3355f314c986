"""pytest's debugger (--pdb, --trace, breakpoint()) in a process that has a console, and one clear message elsewhere."""

import bdb
import functools
import io
import os
import sys
from contextlib import contextmanager

import pytest
from _pytest import debugging

from tach_harness import instead, pytest_versions

_INVOKE = "pdbinvoke"
_OWN = os.path.dirname(os.path.abspath(__file__))


def _caller():
    """"FILE:LINE: " of the suite's code that asks for a debugger, or ""."""
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in ("_pytest", "pytest", "pluggy", "pdb", "bdb") and not name.startswith(_OWN):
            return f"{name}:{frame.f_lineno}: "
        frame = frame.f_back
    return ""


class Debugging:
    """The plugin of the zygote and of all that is cloned from it. PASSES: tests have a console."""

    def __init__(self, passes):
        self.passes = passes
        #: of the process that runs tests; None while they are collected
        self.reporter = None
        self.config = self.own = self.invoke = None
        #: what pytest itself said while it collected: what is printed then is shown, and is to be the suite's alone
        self.said = io.StringIO()

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config):
        self.config = config
        self.own = debugging.pytestPDB._init_pdb
        debugging.pytestPDB._init_pdb = self._init
        # while tests are collected nobody is there to debug
        self.invoke = config.pluginmanager.unregister(name=_INVOKE) if config.pluginmanager.hasplugin(_INVOKE) else None
        config.add_cleanup(self._restore)
        terminal = config.pluginmanager.getplugin("terminalreporter")
        if self.passes and terminal is not None and not instead.is_asked(config.option):
            terminal._tw._file = self.said

    def _restore(self):
        debugging.pytestPDB._init_pdb = self.own

    def begin(self, reporter):
        """Tests are about to run."""
        self.reporter = reporter
        if self.invoke is not None:
            self.config.pluginmanager.register(self.invoke, _INVOKE)
        if self.passes:
            self._hear_of_others()

    def _hear_of_others(self):
        """Of debuggers that pytest does not know of, as ipdb's set_trace()."""
        own = bdb.Bdb.set_trace

        @functools.wraps(own)
        def set_trace(debugger, frame=None):
            self._tell()
            return own(debugger, sys._getframe().f_back if frame is None else frame)

        bdb.Bdb.set_trace = set_trace

    def _has_console(self):
        return self.reporter is not None and bool(self.reporter.console)

    def _why_not(self):
        """Why a debugger would find nobody to talk to, or None."""
        if self._has_console() or debugging.pytestPDB._config is not self.config:
            return None  # or it is for a session that a test has begun
        if getattr(self.config.option, "capture", "no") == "no" and sys.stdin is not sys.__stdin__:
            return None  # a test talks to it
        if self.reporter is None:
            return "a debugger cannot be entered while tests are collected under tach"
        return "no terminal for a debugger: run tach with -s or --pdb"

    def _init(self, method, *args, **kwargs):
        """In place of pytestPDB._init_pdb."""
        why = self._why_not()
        if why is not None:
            pytest.fail(f"{_caller()}{why}", pytrace=False)
        return self.own(method, *args, **kwargs)

    def _tell(self):
        if self._has_console():
            self.reporter.results.end_copies()
            self.reporter.results.send("debug")
            self.reporter.console.wait()

    def pytest_enter_pdb(self):
        self._tell()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_exception_interact(self, node):
        if self._has_console():
            with _said_aloud(node.config):
                yield
        else:
            yield


@contextmanager
def _said_aloud(config):
    """What pytest's terminal reporter says meanwhile is printed, as in a session of its own."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or sys.__stdout__ is None:
        yield
        return
    writer = reporter._tw
    before = writer._file, writer.hasmarkup
    writer._file = sys.__stdout__
    writer.hasmarkup = pytest_versions.has_markup(config, sys.__stdout__)
    try:
        yield
    finally:
        writer._file, writer.hasmarkup = before
