"""The zygote: one interpreter that imports pytest and the suite once; every worker is a clone of it."""

import json
import os
import socket
import sys
import traceback
from contextlib import suppress

import pytest

from tach_harness import (
    _tach, asking, async_native, beginning, cachedir, clone, coverage_data, debugging, django_native, durations, finale, instead, output,
    passed, pytest_versions, randomness, reports, selection, spawn, units, warmup, worker,
)  # fmt: skip
from tach_harness.channel import MAX_PACKET_TEXT, Control, clip

#: Bytes of the configuration packet at most.
_PACKET = 1 << 20
#: Options that the project's settings may switch on and that would run the tests, or report them, a second time.
_NEUTRAL = {
    "dist": "no",
    "distload": False,
    "numprocesses": None,
    "tx": [],
    "looponfail": False,
    "forked": False,
    "xmlpath": None,
}
#: Options that tests need a console for, which the engine has to be asked for.
_INTERACTIVE = {"usepdb": "--pdb", "trace": "--trace"}


def neutralize(option):
    for name, value in _NEUTRAL.items():
        if hasattr(option, name):
            setattr(option, name, value)


def _stepwise(config):
    """The failures that --stepwise waits for; 0: it is not on."""
    if config is None or not config.pluginmanager.hasplugin("stepwiseplugin"):
        return 0
    return 2 if config.option.stepwise_skip else 1


def _lines(said, but=None):
    """Each line of what plugins SAID in answer to a hook, in pytest's order, without what begins with BUT."""
    for lines in reversed(said):
        lines = [lines] if isinstance(lines, str) else list(lines)
        if but is None or not lines or not str(lines[0]).startswith(but):
            yield from map(str, lines)


def _within(texts, room):
    """Those of the TEXTS that come first and have no more than ROOM characters together."""
    for text in texts:
        room -= len(text) + 1
        if room < 0:
            return
        yield text


class Collector:
    """The plugin that takes the place of pytest's run loop."""

    def __init__(self, control, config, spawner, numbers, terminal):
        self.control = control
        self.terminal = terminal
        self.settings = config
        self.config = None
        self.deselected = 0
        self.errors = 0
        self.plugins = []
        self.answered = False
        self.max_fail = 0
        self.silent = False  # in a worker, whose own plugin speaks; and when the workers' warnings are repeated
        self.header = []
        self.notes = []
        self.cache = None
        #: called with the session when it is collected
        self.before_clones = []
        self.spawner, self.randomness = spawner, numbers
        self.debugging = debugging.Debugging(config["passes"])

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config):
        option = config.option
        if self.settings["isolated"]:
            self.cache = cachedir.CacheFolder(config)
        neutralize(option)
        self.max_fail = getattr(option, "maxfail", 0) or 0
        if not instead.is_asked(option):
            option.maxfail = 0

    def pytest_deselected(self, items):
        self.add_deselected(len(items))

    def add_deselected(self, number):
        self.deselected += number

    def pytest_collectreport(self, report):
        if report.failed or report.skipped:
            self.errors += report.failed
            self.control.send("collect_report", **reports.collect_fields(self.config, report))

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config):
        config.addinivalue_line("markers", "tach_shared: run the tests of this module or class in one worker, in order")
        config.pluginmanager.register(durations.Durations(), durations.PLUGIN)
        self.config = config

    def pytest_sessionstart(self, session):
        plugins = {f"{dist.project_name}-{dist.version}" for _, dist in session.config.pluginmanager.list_plugin_distinfo()}
        self.plugins = sorted(plugins)
        _send_header(self.control, rootdir=clip(str(session.config.rootpath), 4000))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_report_header(self):
        """Keeps what plugins say; pytest's own lines, which begin with the rootdir, are the engine's."""
        done = yield
        self.header += (clip(line, 2000) for line in _lines(done.get_result(), but="rootdir: "))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_report_collectionfinish(self):
        """As --lf and --sw, which say what they left out."""
        done = yield
        self.notes += (clip(line, 500) for line in _lines(done.get_result()))

    def pytest_warning_recorded(self, warning_message, when, nodeid, location):
        if not self.silent:
            self.control.send("warning", **reports.warning_fields(warning_message, nodeid))

    def answer(self, code, number=0, text="", is_instead=False):
        """The last packet of the collection. CODE: 0 go on, else pytest's exit code, as always where pytest did something
        else instead, of which it has told on standard output."""
        self.answered = True
        self.control.send(
            "collected",
            n=number,
            deselected=self.deselected,
            errors=self.errors,
            exit=code,
            text=clip(text, MAX_PACKET_TEXT // 2),
            maxfail=self.max_fail,
            stepwise=_stepwise(self.config),
            plugins=self.plugins[:100],
            header=list(_within(self.header, 60_000)),
            notes=self.notes[:20],
            instead=is_instead,
            **(pytest_versions.look_of_report(self.config) if self.config is not None else {}),
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        option = session.config.option
        if instead.is_asked(option):
            for prepare in self.before_clones if instead.sets_up(option) else ():
                prepare(session)
            return None
        output.silence_terminal(session.config)
        if session.testsfailed and not option.continue_on_collection_errors:
            self.answer(2, text="errors during collection")
            raise session.Interrupted("errors during collection")
        for name, word in _INTERACTIVE.items():
            if getattr(option, name, False) and not self.settings["passes"]:
                self.answer(4, text=f"{word} is for tach's own command line, where it asks for a terminal (tach {word})")
                return True
        if not session.items:
            self.answer(1 if session.testsfailed else 5)
            return True
        self.serve(session)
        return True

    def serve(self, session):
        """Sends what was collected, then makes workers until the engine has no more tests."""
        for prepare in self.before_clones:
            prepare(session)
        self.spawner.choose(session)
        groups = units.group(session.items, self.settings["shared"], self.spawner.indices)
        of_item, numbers = {}, {None: -1}
        for number, unit in enumerate(groups):
            numbers[unit] = number
            self.control.send(
                "unit",
                u=number,
                parent=numbers[unit.parent],
                isolation=unit.isolation,
                why=clip(unit.why, 4000),
                last=unit.last,
                lane=unit.lane and clip(unit.lane, 4000),
                nodeid=clip(unit.node.nodeid if unit.node is not None else "", 4000),
            )
            # a unit comes after the one that it is in: the innermost remains
            of_item.update((index, number) for index in unit.items)
        for index, item in enumerate(session.items):
            file, line, _ = item.location
            self.control.send(
                "item",
                i=index,
                u=of_item[index],
                nodeid=clip(item.nodeid, MAX_PACKET_TEXT),
                file=clip(str(file), 4000),
                line=(line or 0) + 1,
                spawned=index in self.spawner.indices,
            )
        config = session.config
        factory = getattr(config, "_tmp_path_factory", None)
        # one for all workers, as under pytest; --basetemp is emptied once, not by each of them
        if factory is not None and (not self.settings["isolated"] or config.option.basetemp):
            with suppress(OSError):  # the tests that need it will say so themselves
                factory.getbasetemp()
        reports.prepare(config)
        asker = asking.Asking(groups, is_on=not self.settings["passes"])
        reporter = worker.Reporter(config, self.settings["workers"], asker)
        reporter.passed = passed.Passed(config, dict(enumerate(session.items)))
        config.pluginmanager.register(reporter, "tach-worker")
        config.pluginmanager.register(asker, "tach-asking")
        measured = coverage_data.Measured(self.settings["isolated"])
        origin = clone.Origin(session, reporter, groups, self.randomness, measured)
        origin.spawner, origin.verifies = self.spawner, self.settings["verifyRollback"]
        origin.rolls_back = self.settings["rollsBack"]
        self.debugging.begin(reporter)
        warmup.run(session)
        clone.hide()
        origin.prepare(self.control.fd, tests=len(session.items))
        self.answer(0, number=len(session.items))
        self.silent = True
        born = origin.serve(self.control.fd)
        config.pluginmanager.unregister(reporter)
        config.pluginmanager.unregister(asker)
        try:
            if born >= 0:
                finale.replay(session, born)
                self.terminal.failed = session.testsfailed
        finally:
            self.silent = False


def _send_header(control, **fields):
    """Sent at once, and again when pytest has found out the rest: it may fail in between."""
    control.send("header", pytest=pytest.__version__, python="{}.{}.{}".format(*sys.version_info[:3]), **fields)


def _log_text():
    """What this interpreter printed so far: standard output and error are one memory file of the engine's."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        size = os.fstat(1).st_size
        return os.pread(1, MAX_PACKET_TEXT, max(0, size - MAX_PACKET_TEXT)).decode("utf-8", "replace")
    except OSError:
        return ""


def _begin(settings):
    """As `python -m pytest` would have it; the state of random numbers."""
    os.chdir(settings["cwd"])
    sys.path.insert(0, os.getcwd())
    sys.path[:0] = settings["pythonPath"]
    sys.argv = [os.path.join(os.path.dirname(pytest.__file__), "__main__.py"), *settings["args"]]
    return randomness.Randomness(settings["seed"], settings["seedIsChosen"])


def main(control_fd):
    """Runs the zygote on the engine's socket CONTROL_FD. Returns the exit code."""
    environ = dict(os.environ)
    os.set_inheritable(control_fd, False)
    with socket.socket(fileno=os.dup(control_fd)) as receiver:
        settings = json.loads(receiver.recv(_PACKET))
    control, own = Control(control_fd), os.getpid()
    numbers = _begin(settings)
    _tach.configure(settings["seccompFd"], settings["cwd"], [tuple(limit) for limit in settings["rlimits"]])
    _send_header(control)
    terminal = finale.Terminal(control)
    collector = Collector(control, settings, spawn.Spawner(settings, environ), numbers, terminal)
    django = django_native.DjangoNative(settings.get("django"), settings["isolated"])
    collector.before_clones.append(django.before_clones)
    plugins = [async_native.AsyncNative(), django, collector, collector.debugging, terminal]
    select = selection.taken(settings)
    if select is not None:
        plugins.append(selection.Selection(select, collector.add_deselected))
    failure, has_left = "", False
    try:
        code = int(pytest.main(settings["args"], plugins=plugins))
    except BaseException as error:
        if collector.answered:
            traceback.print_exc()
            code = 1
        elif isinstance(error, SystemExit):
            code, has_left = beginning.leave(error), True
        else:
            code, failure = 1, beginning.retell(error)
    if not collector.answered:
        text = _log_text() + collector.debugging.said.getvalue()[-MAX_PACKET_TEXT:] + failure
        # a plugin may have options of this kind, too
        is_asked = code != 3 and collector.config is not None and instead.is_asked(collector.config.option)
        is_instead = has_left or not failure and (code in (0, 1) or is_asked)
        collector.answer(code, text="" if is_instead else text, is_instead=is_instead)
        if is_instead and os.getpid() == own:
            _finish(control, code, None, collector.cache)
    elif os.getpid() == own:
        _finish(control, code, terminal.before, collector.cache)
    return 0


def main_spawned(task):
    """Runs one test in this fresh interpreter; does not return."""
    settings = task["settings"]
    for fd in (fd for fd in (*task["fds"], *task["console"]) if fd >= 0):
        os.set_inheritable(fd, False)
    numbers = _begin(settings)
    django = django_native.DjangoNative(settings.get("django"), settings["isolated"])
    debugger = debugging.Debugging(settings["passes"])
    spawned = spawn.Spawned(task, neutralize, [django.before_clones], numbers, debugger)
    try:
        code = pytest.main(settings["args"], plugins=[async_native.AsyncNative(), django, spawned, debugger])
        spawn.fail(task, f"pytest ended with exit code {int(code)} before the test ran in a fresh interpreter\n")
    except BaseException:
        spawn.fail(task, traceback.format_exc())


def _finish(control, code, before, cache):
    """The last packet. Hooks of the session's end may have changed the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    changes = cache.changes() if cache is not None else None
    control.send("finished", exit=code, changed=before is not None and code != before, attach=changes)
