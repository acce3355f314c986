"""Where a worker's output goes: into the engine's two memory files, so that a crash loses none of it.

pytest's capture keeps working: the files under its temporary files are exchanged, not the Python objects, some
of which the suite may have taken hold of while it was imported.
"""

import faulthandler
import io
import os
import stat
import sys
import types

from _pytest.terminal import TerminalReporter

from tach_harness import _tach, pytest_versions

#: Descriptors other than 1 and 2 that lead where the zygote's output goes; a worker's go to its own.
_copies = []
#: Options with which something is printed around pytest's capture.
_SEEN = ("usepdb", "trace", "setupshow")


def _replace(fd, target):
    if target is not None and target >= 0:
        os.dup2(fd, target)


def prepare(config, fds):
    """Before the clone. FDS: what workers inherit. Nothing printed so far may be printed again by a worker."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if stream is not None and not stream.closed:
            stream.flush()
    option = config.option
    is_seen = getattr(option, "capture", "no") == "no" or any(getattr(option, name, False) for name in _SEEN)
    if is_seen and sys.__stdout__ is not None:
        sys.__stdout__.reconfigure(line_buffering=True)  # or a crash would lose what was printed
    own = os.fstat(2)
    # pytest's faulthandler plugin keeps such a copy, and so do log handlers
    _copies[:] = [fd for fd in fds if stat.S_ISREG(own.st_mode) and os.path.samestat(os.fstat(fd), own)]


def flush():
    """At a worker's end, which is an ``os._exit``."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except Exception:  # None, closed, or a test's own
            pass


def redirect(config, out_fd, err_fd, console):
    """Puts OUT_FD and ERR_FD under standard output and error, copies of them, and pytest's capture of them. If there is
    a CONSOLE, it is what pytest does not capture, and they are what it does.

    Returns a descriptor of the error file that no test knows."""
    manager = config.pluginmanager.getplugin("capturemanager")
    capture = getattr(manager, "_global_capturing", None)
    plain_out, plain_err = (console.stdout, console.stderr) if console else (out_fd, err_fd)
    for fd in _copies:
        _replace(plain_err, fd)
    for fd, plain, target, side in ((out_fd, plain_out, 1, "out"), (err_fd, plain_err, 2, "err")):
        _replace(plain, target)
        one = getattr(capture, side, None)
        if hasattr(one, "targetfd_save"):  # capture=fd
            _replace(plain, one.targetfd_save)
            _replace(fd, one.tmpfile.fileno())
    if console:
        # captured, it stays /dev/null until pytest suspends that
        _replace(console.stdin, getattr(getattr(capture, "in_", None), "targetfd_save", 0))
        console.close()
    # Enabled anew, since the clone cleared the handlers; on a copy of its own, since a test may close 2.
    faulthandler.disable()
    own = os.dup(err_fd)
    faulthandler.enable(file=own, all_threads=True)
    _tach.tell_blocked_calls(own)
    os.close(out_fd)
    os.close(err_fd)
    return own


def find_writers(config):
    """Plugins that have opened a file, as those do that log every report: there the interpreter that collected writes alone."""
    found = []
    for plugin in config.pluginmanager.get_plugins():
        if isinstance(plugin, (types.ModuleType, type)) or pytest_versions.is_builtin(plugin):
            continue
        try:  # not by the plugin's own __getattribute__, and not by the __class__ that a proxy pretends to have
            values = list(object.__getattribute__(plugin, "__dict__").values())
        except AttributeError:
            continue
        if any(issubclass(type(one), io.IOBase) and not one.closed and one.writable() for one in values):
            found.append(plugin)
    return found


def show_setups(config):
    """On a console: what ``--setup-show`` says of fixtures, and nothing else of pytest's terminal."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and getattr(config.option, "setupshow", False):
        pytest_versions.leave_out(config, reporter, *(f"pytest_runtest_log{what}" for what in ("start", "report", "finish")))
        reporter._tw._file = sys.__stdout__


def silence_terminal(config):
    """pytest's own progress goes nowhere; the reporter stays, for the plugins that ask for it."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter._tw._file = open(os.devnull, "w")
    if type(reporter) is TerminalReporter:  # they would only print
        pytest_versions.leave_out(config, reporter, "pytest_runtest_logstart", "pytest_runtest_logfinish")
