"""A worker: runs the items of its unit by pytest's own protocol and reports each, then ends.

It is born by the clone that ``_tach.serve`` made, inside its cell, and never returns to the zygote's code.
"""

import gc
import os
import resource
import signal
import sys
from contextlib import suppress
from traceback import format_exc

import pytest
from _pytest.fixtures import FixtureDef
from _pytest.outcomes import Exit
from _pytest.runner import _update_current_test_var

from tach_harness import output, pytest_versions, reports, retold
from tach_harness.asking import PHASES, Asked
from tach_harness.channel import Results, clip
from tach_harness.console import Console

#: Exit codes of pytest.
_FAILED, _INTERRUPTED = 1, 2
#: Hooks that the interpreter that collected calls in its turn, when it is told of what has happened.
_TOLD = ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish", "pytest_warning_recorded")

_exit = os._exit
_write = os.write
_getrusage = resource.getrusage
_SELF = resource.RUSAGE_SELF


class Reporter:
    """The plugin that sends what pytest says about the item that runs.

    Registered in the zygote already, since registering costs time; silent until a worker gives it a channel.
    """

    def __init__(self, config, workers, asking):
        self.config = config
        self.asking = asking
        self.workers = workers
        self.writers = output.find_writers(config)
        self.results = None
        self.console = Console()
        #: reports that can be sent in short (passed.py)
        self.passed = None
        self.index = -1
        #: in a snapshot that sets up for an item: what takes the place of the item's protocol
        self.arrange = None
        #: {index: an error or None} of the items on whose behalf a snapshot has set up
        self.pending = {}
        #: {(index, phase): how long that took}
        self.seconds = {}
        self.retold = retold.Retold(config)
        #: (definition, request) of the wider fixtures that this process has set up
        self.wider = []
        #: what ends those that were set up before; kept, since a generator that is forgotten ends, too
        self.others = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        if self.arrange is None:
            return None
        self.arrange(item)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item):
        if self.arrange is None and self.index in self.pending:
            self.retold.begin_setup(item, self.index)
            if self.pending[self.index] is not None:
                raise self.pending[self.index]

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef, request):
        if self.results is not None and request.scope != "function":
            self.wider.append((fixturedef, request))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item, nextitem):
        if not isinstance(nextitem, pytest.Item):
            _update_current_test_var(item, "teardown")
            try:
                self.end_wider(item.session._setupstate.stack)
            finally:
                _update_current_test_var(item, None)

    def end_wider(self, stack):
        """Ends what this process has set up for collectors that were in the STACK when it was cloned, and stay there."""
        while self.wider:
            definition, request = self.wider.pop()
            if definition.cached_result is not None and request.node in stack:
                definition.finish(request)

    def disown(self):
        """What was set up before this process was cloned is not its own to end, whatever a fixture's end brings with it."""
        for definition, _ in self.wider:
            ends = definition._finalizers
            self.others += (end for end in ends if not _is_end_of_fixture(end))
            ends[:] = filter(_is_end_of_fixture, ends)
        self.wider = []

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        is_carried = self.index in self.pending or self.index in self.retold.asked
        carried = call.when in PHASES and self.arrange is None and is_carried
        if carried:
            self.retold.end_phase(item, call.when)
        outcome = yield
        if carried and outcome.excinfo is None:
            outcome.get_result().duration += self.seconds.pop((self.index, call.when), 0)

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        if self.results is not None and self.asking.wanted is None:
            line = self.passed.line(self.index, report) if self.passed is not None else None
            if line is None:
                self.results.send("report", i=self.index, **reports.fields(self.config, report))
            elif report.when == "teardown" and not self.console:  # the test's end follows
                self.results.hold_line(line)
            else:
                self.results.send_line(line)
            self.console.wait()

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        if self.results is not None and self.asking.wanted is None:
            self.results.send("warning", **reports.warning_fields(warning_message, nodeid))


def _is_end_of_fixture(end):
    """Whether what pytest registered as END of a fixture is another fixture that depends on it, not the suite's code."""
    return isinstance(getattr(getattr(end, "func", None), "__self__", None), FixtureDef)


def _usage(before):
    """As JSON."""
    after = _getrusage(_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return f'{{"cpu_s":{seconds:.6f},"max_rss_bytes":{after.ru_maxrss * 1024}}}'


class State:
    """What a clone changes in an interpreter and a test would not expect: taken in the zygote, put back in a worker."""

    def __init__(self):
        found = ((number, signal.getsignal(number)) for number in signal.valid_signals())
        # SIGINT, and what the suite installed while it was imported
        self.handlers = [(number, handler) for number, handler in found if callable(handler)]

    def restore(self):
        # what was collected stays in the oldest generation, but gc.get_objects and gc.collect must know of it
        gc.unfreeze()
        for number, handler in self.handlers:  # CLONE_CLEAR_SIGHAND
            signal.signal(number, handler)


def prepare_temporary_folder(config):
    """A base folder that the zygote already chose must exist in this cell's own /tmp too."""
    factory = getattr(config, "_tmp_path_factory", None)
    base = getattr(factory, "_basetemp", None)
    if base is not None and not base.exists():
        base.mkdir(parents=True, mode=0o700)


def run(origin, indices, floor, end=None, is_expected=False):
    """Runs ``session.items[i]`` for each of INDICES. FLOOR: the collector that stays set up at the end, or None.

    END: called when all have ended; what it returns is told with that. IS_EXPECTED: the engine knows which one begins."""
    session, reporter, more = origin.session, origin.reporter, {}
    for position, index in enumerate(indices):
        item = origin.items[index]
        following = origin.items[indices[position + 1]] if position + 1 < len(indices) else floor
        before = _getrusage(_SELF)
        reporter.index = index
        reporter.asking.begin(index, reporter.results.pid, may_ask=position == 0)
        reporter.retold.begin(item, index, reporter.asking)
        if not is_expected:
            reporter.results.send("begin", i=index)
        if position == 0:
            origin.randomness.begin(item.nodeid)
        with suppress(Asked):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if reporter.asking.end():
            _forget(session, reporter, floor)
            break
        origin.measured.send(reporter.results)
        if end is not None:  # from here on nothing of the test's may run
            output.flush()
            gc.disable()
        reporter.results.send_line(f'{{"t":"end","i":{index},"usage":{_usage(before)}}}')
        reporter.console.wait()
        if session.shouldfail:
            raise Exit(str(session.shouldfail), _FAILED)
        if session.shouldstop:
            raise Exit(str(session.shouldstop), _INTERRUPTED)
    else:
        more = end() if end is not None else {}
    output.flush()
    reporter.results.send("done", **more)


def _forget(session, reporter, floor):
    """A test that asks begins again elsewhere: what it has set up is torn down, and nothing of that is told."""
    reporter.results.end_copies()
    with suppress(BaseException):
        session._setupstate.teardown_exact(floor)
        reporter.end_wider(session._setupstate.stack)
    ask(reporter, reporter.index)


def ask(reporter, index):
    unit, fixture, phase = reporter.asking.wanted
    reporter.results.send("ask", i=index, u=unit, fixture=fixture, phase=phase)


def _end_session(session, results, floor, reason, returncode):
    """A test ended the whole run. What this process has set up is torn down, as at the end of pytest's session."""
    results.end_copies()
    try:
        session._setupstate.teardown_exact(floor)
    except BaseException:
        _write(2, format_exc().encode("utf-8", "backslashreplace"))
    output.flush()
    results.send("exit", reason=clip(reason), returncode=returncode)


def _tell_cache(config, reporter):
    """Lets the session keep what a test puts into pytest's cache, whose folder is the cell's own."""
    cache = getattr(config, "cache", None)
    if cache is None or reporter.results is not None:  # a snapshot did it before
        return
    own = cache.set

    def set_and_tell(key, value):
        own(key, value)
        reporter.results.send("cache", key=key, value=value)

    cache.set = set_and_tell


def worker_input(slot, workers):
    return {"workerid": f"gw{slot}", "workercount": workers, "mainargv": sys.argv}


def live(origin, slot, result_fd, out_fd, err_fd, console, body, arguments):
    """Makes this clone of ORIGIN a process of its own, calls BODY with what ARGUMENTS returns, and ends the process."""
    session, reporter = origin.session, origin.reporter
    config = session.config
    results = Results(result_fd)
    floor = next(reversed(session._setupstate.stack), None)
    code = 0
    log = err_fd
    try:
        if console:
            console.take()
        reporter.console = console
        log = output.redirect(config, out_fd, err_fd, console)
        if console:
            output.show_setups(config)
        for plugin in reporter.writers:
            pytest_versions.leave_out(config, plugin, *_TOLD)
        origin.state.restore()
        origin.randomness.restore()
        prepare_temporary_folder(config)
        _tell_cache(config, reporter)
        reporter.disown()
        # as in a process of pytest-xdist: what plugins do once for the session, they leave to the zygote
        config.workerinput = worker_input(slot, reporter.workers)
        reporter.results = results
        origin.measured.begin(config)
        try:
            # from one place, whatever makes the arguments: a test that recurses to the limit sees how deep it is
            body(*arguments())
        except Exit as e:
            code_asked = _INTERRUPTED if e.returncode is None else int(e.returncode)
            _end_session(session, results, floor, str(e.msg), code_asked)
        except KeyboardInterrupt:
            _end_session(session, results, floor, "KeyboardInterrupt", _INTERRUPTED)
    except BaseException:
        # the test broke something that pytest needs: its own failure, told with pytest's traceback
        code = 1
        results.end_copies()
        _write(log, format_exc().encode("utf-8", "backslashreplace"))
        results.send("internal")
    finally:
        _exit(code)
