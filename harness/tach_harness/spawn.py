"""Tests that run in an interpreter of their own (tach.spawn): what they use cannot be forked.

The clone that would have run such a test begins anew, by exec, in its place: in its cell, with its environment, and
nothing of what was imported. It collects the test's file again and runs the test as a worker does.
"""

import json
import os
import sys

import pytest

from tach_harness import asking, clone, coverage_data, output, passed, reports, worker
from tach_harness.channel import Results
from tach_harness.console import Console

#: Where the fresh interpreter finds what it is to do.
VARIABLE = "TACH_SPAWN_FD"


def chosen(items, paths, root):
    """The indices of ITEMS that lie in PATHS, files and folders relative to ROOT."""
    found = set()
    places = [os.path.normpath(os.path.join(root, path)) for path in paths]
    for index, item in enumerate(items if places else ()):
        path = str(item.path)
        if any(path == place or path.startswith(place.rstrip("/") + "/") for place in places):
            found.add(index)
    return found


class Spawner:
    """Of the zygote. SETTINGS: the engine's; ENVIRON: as the interpreter was started with."""

    def __init__(self, settings, environ):
        self.settings, self.environ = settings, environ
        self.indices = frozenset()

    def choose(self, session):
        self.indices = chosen(session.items, self.settings["spawn"], str(session.config.rootpath))

    def become(self, session, index, slot, result_fd, out_fd, err_fd, console):
        """This clone becomes a fresh interpreter that runs the item INDEX."""
        item = session.items[index]
        same = [other for other in session.items[:index] if other.nodeid == item.nodeid]
        task = {
            "settings": self.settings, "index": index, "nodeid": item.nodeid, "before": len(same), "path": str(item.path),
            "slot": slot, "fds": [result_fd, out_fd, err_fd], "console": console.fds,
        }  # fmt: skip
        fd = os.memfd_create("tach-spawn", 0)
        os.write(fd, json.dumps(task).encode())
        for one in (result_fd, out_fd, err_fd, *(console.fds if console else ())):
            os.set_inheritable(one, True)
        os.dup2(out_fd, 1)
        os.dup2(err_fd, 2)
        os.execve(sys.executable, sys.orig_argv, {**self.environ, VARIABLE: str(fd)})


def take_task():
    """What this interpreter is to run, or None: it is a zygote."""
    fd = os.environ.pop(VARIABLE, None)
    if fd is None:
        return None
    with open(int(fd), "rb") as file:
        file.seek(0)
        return json.load(file)


class Spawned:
    """The plugin that runs one test in place of pytest's run loop."""

    def __init__(self, task, neutralize, before_clones, randomness, debugging):
        self.debugging = debugging
        self.task, self.neutralize, self.before_clones, self.randomness = task, neutralize, before_clones, randomness
        self.errors = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config):
        self.neutralize(config.option)
        config.option.maxfail = 0
        config.args = [self.task["path"]]

    def pytest_collectreport(self, report):
        if report.failed:
            self.errors.append(str(report.longrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session):
        task, config = self.task, session.config
        found = [item for item in session.items if item.nodeid == task["nodeid"]][task["before"] :][:1]
        if not found:
            errors = "".join(f"\n{text}\n" for text in self.errors)
            fail(task, f"{task['nodeid']} was not collected again in a fresh interpreter\n{errors}")
        for prepare in self.before_clones:
            prepare(session)
        output.silence_terminal(config)
        reports.prepare(config)
        asker = asking.Asking([])
        console = Console(task["console"])
        reporter = worker.Reporter(config, task["settings"]["workers"], asker)
        reporter.passed = passed.Passed(config, {task["index"]: found[0]})
        config.pluginmanager.register(reporter, "tach-worker")
        config.pluginmanager.register(asker, "tach-asking")
        measured = coverage_data.Measured(task["settings"]["isolated"])
        origin = clone.Origin(session, reporter, [], self.randomness, measured)
        origin.items = {task["index"]: found[0]}
        clone.hide()
        self.debugging.begin(reporter)
        origin.prepare(*task["fds"], *console.fds)
        _forget_output(*task["fds"][1:])
        worker.live(origin, task["slot"], *task["fds"], console, worker.run, lambda: (origin, [task["index"]], None))


def _forget_output(*fds):
    """What pytest printed up to here is not the test's."""
    output.flush()
    for fd in fds:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)


def fail(task, text):
    """The interpreter could not run the test: its own failure."""
    os.write(task["fds"][2], text.encode("utf-8", "backslashreplace"))
    Results(task["fds"][0]).send("internal")
    os._exit(1)
