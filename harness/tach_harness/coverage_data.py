"""What coverage.py measures in clones (pytest-cov starts it): told by them, added to what the zygote measures.

A clone records into memory, apart from the zygote's data file, and tells what each test added to it. In a cell that
includes the data files of processes that the test started, which nobody could combine later. The data goes as plain
numbers, not in coverage.py's own form, which is SQL that the zygote would have to execute.
"""

import glob
import os
import sys
from contextlib import suppress

#: Lines that a file has at most: what is beyond is not from coverage.py.
MAX_LINE = 10_000_000


def _running():
    """coverage.py's instance that measures this process, or None."""
    instances = getattr(sys.modules.get("coverage"), "Coverage", None)
    cov = instances.current() if hasattr(instances, "current") else None
    return cov if getattr(cov, "_started", False) and cov._collector is not None else None


def _line(number):
    """NUMBER as a line's; in arcs what enters or leaves a function is negative."""
    if type(number) is not int or abs(number) > MAX_LINE:
        raise ValueError(number)
    return number


def _rows(data):
    """What is in DATA: [context, file, its tracer, lines or arcs]."""
    rows, found_of = [], data.arcs if data.has_arcs() else data.lines
    for context in data.measured_contexts():
        data.set_query_context(context)
        for file in data.measured_files():
            found = found_of(file)
            if found:
                rows.append([context, file, data.file_tracer(file) or "", found])
    return rows


class Measured:
    """Of a process that is cloned, and of its clones. IS_ISOLATED: these have files of their own."""

    def __init__(self, is_isolated):
        self.is_isolated = is_isolated
        self.cov = None
        #: the data that this process was cloned with: were it forgotten, the file would be closed
        self.inherited = []
        self.files = frozenset()

    def before_clones(self):
        """What was measured up to here is this process's own to tell."""
        cov = _running()
        if cov is not None and cov._data is not None:
            cov._collector.flush_data()

    def begin(self, config):
        """In a clone."""
        self.cov = _running()
        if self.cov is None:
            return
        plugin = config.pluginmanager.getplugin("_cov")
        if hasattr(plugin, "pid"):
            plugin.pid = os.getpid()  # or it would measure once more, into a file
        self.inherited.append(self.cov._data)
        self.files = frozenset(self._data_files())
        self._clear()

    def _data_files(self):
        return glob.glob(glob.escape(os.path.abspath(self.cov.config.data_file)) + ".*") if self.is_isolated else []

    def _clear(self):
        from coverage import CoverageData

        self.cov._data = CoverageData(no_disk=True)
        self.cov._collector.use_data(self.cov._data, self.cov.config.context)

    def _others(self):
        """What processes of the test's left in files."""
        from coverage import CoverageData, CoverageException

        for path in self._data_files():
            if path not in self.files:
                with suppress(CoverageException, OSError):
                    data = CoverageData(basename=path)
                    data.read()
                    yield data.has_arcs(), _rows(data)
                with suppress(OSError):
                    os.unlink(path)

    def send(self, results):
        """Tells what was measured since it was told last."""
        if self.cov is None:
            return
        results.end_copies()
        self.cov._collector.flush_data()
        data = self.cov._data
        for arcs, rows in ((data.has_arcs(), _rows(data)), *self._others()):
            if rows:
                results.send("coverage", arcs=arcs, rows=rows)
        self._clear()


class Gathered:
    """What clones told, in the zygote."""

    def __init__(self):
        self.found = {}
        self.tracers = {}

    def take(self, line):
        """LINE is a worker's, who may lie: of what is not a number of lines nothing is taken."""
        with suppress(TypeError, ValueError):
            for context, file, tracer, numbers in line["rows"]:
                if line["arcs"] is True:
                    numbers = [(_line(a), _line(b)) for a, b in numbers]
                else:
                    numbers = [abs(_line(number)) for number in numbers]
                key = (line["arcs"] is True, str(context))
                self.found.setdefault(key, {}).setdefault(str(file), set()).update(numbers)
                if tracer:
                    self.tracers[str(file)] = str(tracer)

    def add(self):
        """Adds it to what this process has measured."""
        cov = _running()
        if cov is None or not self.found:
            return
        from coverage import CoverageException

        data = cov.get_data()
        for (is_arcs, context), files in self.found.items():
            with suppress(CoverageException):  # lines where arcs are measured: not of this run
                data.set_context(context)
                (data.add_arcs if is_arcs else data.add_lines)(files)
        with suppress(CoverageException):
            data.add_file_tracers(self.tracers)
        data.set_context(cov.config.context)
