"""A worker that runs one test after another, each from the same point: after a test the process is put back to where
it was, memory and all (sandbox/rollback.h). Where that is not possible it ends, and says why.
"""

import sys

from _pytest.terminal import TerminalReporter

from tach_harness import _tach, durations, pytest_versions, worker
from tach_harness.console import move_up


def _obstacle(config):
    """What must not be forgotten with the test's memory."""
    if sys.gettrace() is not None or sys.getprofile() is not None:
        return "a trace function is set"
    if config.pluginmanager.hasplugin("_cov"):
        return "pytest-cov measures"
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is not None and any(monitoring.get_tool(number) for number in range(6)):
        return "a tool monitors the interpreter"
    return None


def _leave_out(config, reporter):
    """What is called around every test and does nothing here: progress that nobody sees, and what only snapshots ask for."""
    manager = config.pluginmanager
    terminal = manager.getplugin("terminalreporter")
    if type(terminal) is TerminalReporter:
        pytest_versions.leave_out(config, terminal, "pytest_runtest_logreport")
    for counting in ("lfplugin", durations.PLUGIN):  # what they note, they note in the zygote
        pytest_versions.leave_out(config, manager.getplugin(counting), "pytest_runtest_logreport")
    if reporter.arrange is None and not reporter.pending:
        pytest_versions.leave_out(config, reporter, *(f"pytest_runtest_{what}" for what in ("protocol", "setup", "makereport")))
    if not reporter.asking.known:
        hooks = (f"pytest_{what}" for what in ("runtest_setup", "runtest_call", "runtest_teardown", "fixture_setup"))
        pytest_versions.leave_out(config, reporter.asking, *hooks)


def begin(origin, index, floor, control):
    """The point that the process is put back to. Returns what ``worker.run`` is to be called with: at first for the item of
    that INDEX, and each time that the process was put back for the one that the engine names on CONTROL."""
    control = move_up(control)
    config = origin.session.config
    _leave_out(config, origin.reporter)
    why = _obstacle(config) or _tach.settle(control, origin.reporter.results.fd, origin.verifies)
    # from here on, again for every test
    is_next = isinstance(why, int)
    if is_next:
        index, why = why, None
        worker.prepare_temporary_folder(config)
    return origin, [index], floor, lambda: {"spent": why or _tach.roll_back()}, is_next
