"""When a test asks, as it runs, for a fixture that a snapshot which it was cloned from can share with later tests.

The test does not set it up: it ends, what it did so far is forgotten, and the engine is told what it asked for. The
snapshot sets that up in the test's name, and the test begins again. Once for each test and fixture: where that did
not help, and in a worker that has run a test before, the test sets up for itself.
"""

import os
import threading

import pytest
from _pytest.fixtures import SubRequest

#: For so many fixtures a test asks; the engine takes some more. Others it sets up for itself.
_MOST = 100
#: Phases of a test, as they are sent.
PHASES = ("setup", "call")

_getpid = os.getpid
_current, _main = threading.current_thread, threading.main_thread


class Asked(KeyboardInterrupt):
    """Ends a test at once: what pytest passes on, and what tests do not catch."""


class Asking:
    """Of one process. UNITS: of the session's items."""

    def __init__(self, units, is_on=True):
        self.units = units
        #: else tests set up for themselves what they ask for: what a test has printed cannot be forgotten
        self.is_on = is_on
        #: the unit that this process is the snapshot of, or None; those that it was cloned from, the outermost first
        self.own, self.around = None, []
        #: {definition: [(unit, number of the fixture in it, node)]}
        self.known = {}
        #: (index of an item, definition) that a snapshot has set up
        self.answered = set()
        #: of the item that runs
        self.index, self.pid, self.may_ask, self.phase = -1, -1, False, None
        #: what it has asked for: (unit, number of the fixture, number of the phase), or None
        self.wanted = None

    def become(self, unit):
        """This process is a clone now. UNIT: that it is the snapshot of, or None."""
        if self.own is not None:
            self.around.append(self.own)
            for number, use in enumerate(self.units[self.own].fixtures.values()):
                self.known.setdefault(use.definition, []).append((self.own, number, use.node))
        self.own = unit

    def is_missing(self, index):
        """Whether the item may ask for something that is not set up around this process."""
        if not self.is_on:
            return False
        uses = (use for unit in self.around for use in self.units[unit].asks.get(index, ()))
        return any(use.definition.cached_result is None for use in uses)

    def _find(self, request):
        definition = request._fixturedef
        if (self.index, definition) in self.answered or definition.cached_result is not None:
            return None
        if sum(index == self.index for index, _ in self.answered) >= _MOST:
            return None
        nodes = request.node.listchain()
        own = self.units[self.own].fixtures.values() if self.own is not None else ()
        if any(use.definition is definition and use.node in nodes for use in own):
            return None  # around this snapshot it is set up, too, for a wider scope
        found = ((unit, number) for unit, number, node in reversed(self.known.get(definition, ())) if node in nodes)
        return next(found, None)

    def begin(self, index, pid, may_ask=True):
        """The item INDEX is about to run, or to be set up for, in this process, PID."""
        self.index, self.pid, self.may_ask = index, pid, may_ask and self.is_on
        self.phase = self.wanted = None

    def end(self):
        """Whether the item has asked."""
        self.phase = None
        return self.wanted is not None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self):
        self.phase = PHASES[0]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self):
        self.phase = PHASES[1]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self):
        self.phase = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef, request):
        """Ends the test if the fixture is for a snapshot to set up."""
        if fixturedef not in self.known or self.phase is None or not self.may_ask:
            return
        if _getpid() != self.pid or _current() is not _main():
            return
        found = self._find(request)
        if found is None:
            return
        # what needs it, and is to be set up at the same place
        while isinstance(request._parent_request, SubRequest):
            request = request._parent_request
            outer = self._find(request)
            if outer is not None and outer[0] == found[0]:
                found = outer
        self.wanted = (*found, PHASES.index(self.phase))
        raise Asked
