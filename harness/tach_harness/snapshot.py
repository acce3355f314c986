"""A snapshot: a process that sets up the fixtures of a unit once, for the tests and units that are cloned from it.

It goes through its unit's entries in order, as pytest's own loop would. Before an entry it sets up what the entry
needs of the unit's fixtures; the entries after it that need nothing more may run beside it. It then
offers these entries to the engine, clones what the engine asks for, and goes on when the engine says so: when all
that was cloned has ended. At the end it tears down what it has set up; that belongs to its last item, as under pytest.

What tests ask for as they run (asking.py) it sets up when the engine says so: when what was cloned has ended, and
before the test that asked is cloned again. If it has to ask itself, it ends, and is made again.

A set-up that fails stays in pytest's fixture, and fails again in each test that asks for it. Where the process
cannot be cloned (forkable.py), it runs what is left itself, one test after another.
"""

import functools
import os
import time

from _pytest.logging import caplog_records_key
from _pytest.outcomes import OutcomeException
from _pytest.runner import CallInfo

from tach_harness import forkable, output, pytest_versions, reports, worker
from tach_harness.asking import PHASES, Asked
from tach_harness.channel import RUN_HERE, RUN_SET_UP
from tach_harness.units import label, uses


def _items(entry):
    return [entry] if isinstance(entry, int) else entry.items


def _in_order(used, asked):
    """The definitions of the uses in the order in which pytest asks for them: what one needs comes before it."""
    of_name = {}
    for use in used:
        of_name.setdefault(use.name, []).append(use.definition)  # the overriding one first
    found = {}

    def visit(name, number):
        definition = of_name[name][number]
        if definition in found:
            return
        for needed in getattr(definition, "argnames", ()):
            place = number + 1 if needed == name else 0
            if place < len(of_name.get(needed, ())):
                visit(needed, place)
        found[definition] = None

    for name in of_name:
        visit(name, 0)
    found.update((use.definition, None) for use in asked if use.definition not in found)
    return list(found)


class _Borrowed:
    """What an item must have for its class's set-up to work, and must not have when its test begins."""

    def __init__(self, item, stack):
        self.item, self.stack = item, stack
        self.request = pytest_versions.begin_request(item)

    def __enter__(self):
        self.has_instance = pytest_versions.lend_instance(self.item)
        self.stack[self.item] = ([], None)
        return self.request

    def __exit__(self, *_):
        self.stack.pop(self.item, None)
        if self.has_instance:
            pytest_versions.take_instance(self.item)
        pytest_versions.end_request(self.item)


class Snapshot:
    def __init__(self, session, reporter, unit):
        self.session, self.reporter, self.unit = session, reporter, unit
        self.stack = session._setupstate.stack
        #: what was set up before this process was cloned, which is not its own to tear down
        self.below = set(self.stack)
        self.floor = next(reversed(self.stack), None)
        #: of each item, what it uses, and what of that is the unit's
        self.used, self.wanted, alive = {}, {}, {}
        for index in unit.items:
            self.used[index] = uses(session.items[index], alive)
            self.wanted[index] = [use for use in self.used[index] if use.fixture in unit.fixtures]
        #: fixture: the variant that is set up
        self.up = {}
        self.tried = set()
        self.has_offered = False
        #: since the last offer: the uses that were set up, the items in whose name
        self.recent, self.carriers = [], []

    def _missing(self, index):
        """The uses of the item for which nothing is set up yet, or something else; after one that failed, none."""
        found = [use for use in self.wanted[index] if self.up.get(use.fixture) != use.variant]
        return [use for use in found if not self._has_failed_before(index, use)] if found else found

    def _has_failed_before(self, index, last):
        for use in self.used[index]:
            if use is last:
                return False
            is_up = use.fixture not in self.unit.fixtures or self.up.get(use.fixture) == use.variant
            result = getattr(use.definition, "cached_result", None)
            if is_up and result is not None and result[2] is not None:
                return True
        return False

    def _note(self):
        """Forgets what has ended since, as with the fixture that it depended on."""
        for found in self.wanted.values():
            for use in found:
                if use.definition is not use.node and use.definition.cached_result is None:
                    self.up.pop(use.fixture, None)

    def _arrange(self, index, missing):
        """In place of SetupState.setup: sets up the unit's node and what is MISSING for the item, and no more."""
        item, state = self.session.items[index], self.session._setupstate
        type(state).setup(state, self.unit.node)
        use, before = None, set(self.up)
        try:
            with _Borrowed(item, self.stack) as request:
                for use in missing:
                    if use.definition is not use.node:
                        pytest_versions.set_up_fixture(request, use.name, use.definition, use.definitions)
                    self.up[use.fixture] = use.variant
        except (Exception, OutcomeException) as e:
            if use is not None and use.definition.cached_result is not None:
                self.up[use.fixture] = use.variant  # the fixture's own failure, which pytest will raise again
                raise
            self._note()
            if before <= self.up.keys():  # it fails on the way to the fixture
                raise
            # what was set up with other parameters failed to end: this item's error; the next sets up for itself
            self.reporter.pending[index] = e

    def _set_up(self, index):
        """Sets up for one item, by its own hooks, which may skip it. Whether anything changed."""
        missing = self._missing(index)
        if not missing or index in self.tried:
            return False
        self.tried.add(index)
        return self._set_up_for(index, missing, PHASES[0])

    def _set_up_for(self, index, missing, phase):
        self.recent += missing
        before = dict(self.up)
        item, state = self.session.items[index], self.session._setupstate
        said = self.reporter.retold.count(item, index)
        began = time.perf_counter()

        def arrange(_):
            state.setup = lambda _: self._arrange(index, missing)
            try:
                CallInfo.from_call(lambda: item.ihook.pytest_runtest_setup(item=item), when="setup")
            finally:
                del state.setup

        asking = self.reporter.asking
        asking.begin(index, self.reporter.results.pid)
        self.reporter.index = index
        self.reporter.arrange = arrange
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        except BaseException:  # the test's own worker will meet it again
            pass
        finally:
            self.reporter.results.end_copies()
            self.reporter.arrange = None
            self.reporter.retold.note(item, index)
        if asking.end():
            raise Asked
        self._note()
        if self.up == before:
            self.reporter.retold.forget(item, index, said)
            return False
        self.carriers.append(index)
        self.reporter.pending.setdefault(index, None)
        seconds = self.reporter.seconds
        seconds[index, phase] = seconds.get((index, phase), 0) + time.perf_counter() - began
        return True

    def set_up_asked(self, index, number, phase):
        """Sets up what the item has asked for in the PHASE: the unit's fixture of that NUMBER."""
        item, use = self.session.items[index], list(self.unit.fixtures.values())[number].by(self.session.items[index])
        self.reporter.asking.answered.add((index, use.definition))
        retold = self.reporter.retold
        before = retold.count(item, index)
        self._set_up_for(index, [use], PHASES[phase])
        retold.note_asked(item, index, use.definition, PHASES[phase], before)

    def next_batch(self, first):
        """Sets up for the entry number FIRST: the number of the entry after those that can run now."""
        number = first
        while number < len(self.unit.entries):
            indices = _items(self.unit.entries[number])
            if number > first and any(self._missing(index) and index not in self.tried for index in indices):
                break  # those before must not see what it needs
            for index in indices:
                self._set_up(index)
            number += 1
        return number

    def first(self, begin, end):
        """The entry, of those that are offered, to run before the others; -1: none.

        If it asks for what is set up around this snapshot, this is made again, as if nothing had been set up yet:
        no test may have used it. It is the others' turn to ask when one has."""
        if self.has_offered or not self.up:
            return -1
        self.has_offered = True
        entries = range(begin, end)
        asks = self.reporter.asking.is_missing
        return next((n for n in entries if any(map(asks, _items(self.unit.entries[n])))), -1)

    def news(self):
        """What was set up since the last offer, if that is one fixture, and for whom."""
        labels = {label(use.name, use.scope) for use in self.recent}
        found = {"fixture": labels.pop() if len(labels) == 1 else self.unit.why, "for": self.carriers}
        self.recent, self.carriers = [], []
        return found

    def _sort_wider(self):
        """As if the tests had run here: each registers the end of what it uses anew, and the last that was used ends first."""
        left, state = dict(self.reporter.wider), self.session._setupstate
        order = []
        for index in reversed(self.unit.items):
            if not left:
                break
            for definition in reversed(_in_order(self.used[index], self.unit.asks.get(index, ()))):
                if definition in left:
                    order.append((definition, left.pop(definition)))
        self.reporter.wider[:] = [*left.items(), *reversed(order)]
        for definition, request in self.reporter.wider:
            is_own = request.node in self.stack and request.node not in self.below
            if is_own and definition.cached_result is not None:
                state.addfinalizer(functools.partial(definition.finish, request=request), request.node)

    def tear_down(self):
        """Ends what this process has set up: (the last of the collector's items, report). The suite's own hooks are the tests'."""
        item = self.session.items[self.unit.last]
        manager = item.config.pluginmanager
        others = [plugin for plugin in manager.get_plugins() if not pytest_versions.is_builtin(plugin)]
        hook = manager.subset_hook_caller("pytest_runtest_teardown", others)
        item._report_sections.clear()
        item.user_properties.clear()
        item.stash[caplog_records_key] = {}
        state = self.session._setupstate
        if pytest_versions.ENDS_LAST_USED_FIRST:
            self._sort_wider()

        def tear_down(nextitem):
            try:
                type(state).teardown_exact(state, nextitem)
            finally:
                self.reporter.end_wider(self.stack)

        state.teardown_exact = tear_down
        call = CallInfo.from_call(lambda: hook(item=item, nextitem=self.floor), when="teardown")
        del state.teardown_exact
        try:
            report = item.ihook.pytest_runtest_makereport(item=item, call=call)
        except Exception:  # a hook that misses what the item's own process has
            report = manager.subset_hook_caller("pytest_runtest_makereport", others)(item=item, call=call)
        return self.unit.last, report


def run(origin, unit, first, control):
    """Goes through UNIT's entries from the number FIRST on, serving the engine on CONTROL."""
    session, reporter = origin.session, origin.reporter
    reporter.results.send("up")
    before = forkable.Traces()
    snapshot = Snapshot(session, reporter, unit)
    asked, last = None, first
    try:
        while last < len(unit.entries) or asked is not None:
            if asked is not None:
                snapshot.set_up_asked(*asked)
            else:
                first, last = last, snapshot.next_batch(last)
            why = forkable.obstacle(before)
            if not why:
                origin.prepare(control, reporter.results.fd, tests=len(unit.items))
            early = snapshot.first(first, last) if asked is None else -1
            reporter.results.send("offer", **{"from": first, "to": last, "first": early, **snapshot.news(), "why": why})
            said = origin.serve(control)
            if isinstance(said, int):
                break
            op, _, numbers, *_ = said
            if op == RUN_HERE:
                os.close(control)
                origin.randomness.take()
                worker.run(origin, numbers, snapshot.floor)
                return
            asked = numbers if op == RUN_SET_UP else None
    except Asked:
        worker.ask(reporter, reporter.index)
    index, report = snapshot.tear_down()
    reporter.results.send("report", i=index, scope=True, **reports.fields(session.config, report))
    origin.measured.send(reporter.results)
    output.flush()
    reporter.results.send("done")
