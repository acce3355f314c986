"""Which tests share fixtures of a wider scope than a test, as a tree of units.

A unit stands for one snapshot: a process that sets up fixtures which several tests use, and from which these tests
and the units inside it are cloned. Its fixtures are those that more than one of its entries needs, or may ask for as
it runs (hints.py), and that outlive an entry; an item belongs to the innermost unit with a fixture of its own, or to
none. pytest's own fixtures do not count, except those that stand for setup_module, setUpClass and the like.
"""

import sys

import pytest

from tach_harness import pytest_versions, together
from tach_harness.hints import Hints

#: Widest last.
SCOPES = ["test", "class", "module", "package", "session"]
#: Plugins whose wider fixtures hold nothing that tests could share.
_HARMLESS = ("_pytest.", "xdist.", "tach_harness.")
#: Names that pytest gives the fixtures which call xunit's and unittest's set-up functions.
_XUNIT = ("_xunit_setup_", "_unittest_setUp", "xunit_setup_", "unittest_setUp")


class Unit:
    """Items (indices, in collection order) that share fixtures, or a single one that shares none."""

    def __init__(self, node=None):
        self.items = []
        #: what is cloned from the snapshot, in order: indices of items, and units
        self.entries = []
        self.parent = None
        #: the collector whose tests these are, and the last of its tests, which pytest counts the teardown to
        self.node = node
        self.last = -1
        #: {fixture: its use} of what the snapshot sets up, or may be asked for
        self.fixtures = {}
        #: {index of an item: the uses that it may ask for}
        self.asks = {}
        self.isolation = "test"
        self.why = ""
        #: why its tests run one after another in one worker; None: in clones of a snapshot
        self.lane = None

    def add_entry(self, entry):
        self.entries.append(entry)

    def sort_entries(self):
        self.entries.sort(key=lambda entry: entry.items[0] if isinstance(entry, Unit) else entry)


def _scope(item, name, definition):
    """The scope that ITEM uses the fixture with: ``parametrize(..., indirect=True, scope=...)`` may change it."""
    callspec = getattr(item, "callspec", None)
    scope = getattr(callspec, "_arg2scope", {}).get(name, definition.scope)
    return getattr(scope, "value", scope)


def _used(item):
    """The fixture definitions that ITEM uses, overridden ones only where the overriding one asks for them."""
    info = getattr(item, "_fixtureinfo", None) or pytest_versions.fixtures_of_doctest(item)
    if info is None:
        return
    for name in info.names_closure:
        for definition in reversed(info.name2fixturedefs.get(name) or ()):
            yield name, definition
            if name not in definition.argnames:
                break


def _inherits_empty_set_up(item):
    """unittest.TestCase has a setUpClass and a tearDownClass, which do nothing: pytest calls them all the same."""
    cls = getattr(item, "cls", None)
    test_case = sys.modules["unittest"].TestCase  # the suite imported it
    return all(
        getattr(getattr(cls, name, None), "__func__", None) is getattr(test_case, name).__func__
        for name in ("setUpClass", "tearDownClass")
    )


def _counts(item, name, definition, scope):
    if scope == "function":
        return False
    if "setUpClass" in name and name.startswith(_XUNIT) and _inherits_empty_set_up(item):
        return False
    module = getattr(definition.func, "__module__", None) or ""
    return name.startswith(_XUNIT) or not module.startswith(_HARMLESS)


def _node(item, scope, definition):
    """The collector that ITEM's fixture of this scope is set up for: with it, it is torn down."""
    if scope == "class":
        return item.getparent(pytest.Class) or item  # without a class, pytest sets it up for each test
    if scope == "module":
        return item.getparent(pytest.Module) or item.parent
    if scope == "package":
        return pytest_versions.package_of(definition, item.listchain()) or item.session
    return item.session


def label(name, scope):
    """The fixture in words."""
    if name.startswith(_XUNIT):
        words = name.strip("_").split("_")
        name = "setUpClass" if "setUpClass" in words else "_".join(words[1:3])
    return f"{scope} fixture '{name}'"


def _variants(item, name, definitions):
    """The parameters that the fixture depends on in ITEM: what tells its instances apart."""
    callspec = getattr(item, "callspec", None)
    if callspec is None:
        return ()
    seen, todo = {}, [name]
    while todo:
        one = todo.pop()
        if one not in seen:
            seen[one] = callspec.indices.get(one)
            todo += [arg for definition in definitions.get(one) or () for arg in definition.argnames]
    return tuple(sorted((one, index) for one, index in seen.items() if index is not None))


class Use:
    """That an item uses a fixture of a wider scope."""

    def __init__(self, name, definition, scope, node, variant, definitions=()):
        self.name, self.definition, self.scope, self.node, self.variant = name, definition, scope, node, variant
        #: all of that name, the overriding ones last
        self.definitions = definitions
        #: the same for all instances of the fixture, of which one is set up at a time
        self.fixture = (id(definition), id(node))

    def by(self, item):
        """The same fixture, as ITEM uses it."""
        definitions = Hints(item.session).reachable(item, self.name)
        variant = _variants(item, self.name, definitions)
        return Use(self.name, self.definition, self.scope, self.node, variant, definitions.get(self.name, ()))


def _uses_package(item):
    """A package's own setup_module and teardown_module, where they are no fixture."""
    for node in item.listchain():
        name = pytest_versions.sets_itself_up(node) if isinstance(node, pytest.Package) else None
        if name is not None:
            yield Use(name, node, "package", node, ())


def uses(item, alive=None):
    """What ITEM uses that tests can share, in the order of its set-up.

    ALIVE: {definition: collector} of the items before, since a class in a class uses what that one has set up."""
    info = getattr(item, "_fixtureinfo", None) or pytest_versions.fixtures_of_doctest(item)
    definitions = info.name2fixturedefs if info is not None else {}
    found = list(_uses_package(item))
    for name, definition in _used(item):
        scope = _scope(item, name, definition)
        if _counts(item, name, definition, scope):
            node = _node(item, scope, definition)
            if scope == "class" and alive is not None:
                before = alive.get(definition)
                node = alive[definition] = before if before in item.listchain() else node
            variant = _variants(item, name, definitions)
            found.append(Use(name, definition, scope, node, variant, definitions.get(name, ())))
    return found


def _asks(item, hints):
    """The uses that ITEM may make of more fixtures, as it runs."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = hints.of(item, info) if info is not None else {}
    for name, known in definitions.items():
        for definition in known:
            scope = _scope(item, name, definition)
            if _counts(item, name, definition, scope):
                node = _node(item, scope, definition)
                yield Use(name, definition, scope, node, _variants(item, name, definitions))


def _may_ask(item):
    """Whether ITEM, or a fixture of its own, has ``request``, with which others can be asked for at run time."""
    info = getattr(item, "_fixtureinfo", None)
    if info is None:
        return False
    own = {name for name, definitions in info.name2fixturedefs.items() if definitions[-1].scope == "function"}
    asking = {name for name in own for definition in info.name2fixturedefs[name] if "request" in definition.argnames}
    builtin = {name for name in asking if info.name2fixturedefs[name][-1].func.__module__.startswith(_HARMLESS)}
    return "request" in info.argnames or bool(asking - builtin)


class _Tree:
    """How it works: a range of items below one collector is split into the runs below the next ones. Fixtures that
    more than one run uses, and that outlive these runs, make a unit; each run is then split in its turn."""

    def __init__(self, items, shared):
        self.together = together.Together(items, shared)
        self.chains = [item.listchain() for item in items]
        alive = {}
        self.uses = [uses(item, alive) for item in items]
        self.may_ask = [_may_ask(item) for item in items]
        hints = Hints(items[0].session) if items else None
        self.asks = [list(_asks(item, hints)) for item in items]
        self.units = []

    def _owner(self, index, holders):
        """The innermost of HOLDERS with a fixture of the item's; any, where the item may ask for others as it runs."""
        if self.may_ask[index] and holders:
            return holders[-1]
        fixtures = {use.fixture for use in self._all(index)}
        return next((unit for unit in reversed(holders) if unit.fixtures.keys() & fixtures), None)

    def _all(self, index):
        """What the item uses, then what it may ask for."""
        return self.uses[index] + self.asks[index]

    def _add(self, index, holders):
        unit = self._owner(index, holders)
        if unit is None:
            unit = Unit()
            self.units.append(unit)
        else:
            unit.add_entry(index)
        self._enter(index, unit)

    def _enter(self, index, unit):
        while unit is not None:
            unit.items.append(index)
            if self.asks[index] and unit.fixtures:
                unit.asks[index] = [use for use in self.asks[index] if use.fixture in unit.fixtures]
            unit = unit.parent

    def _runs(self, indices, depth):
        runs, last = [], None
        for index in indices:
            node = self.chains[index][depth]
            if node is not last:
                runs.append([])
                last = node
            runs[-1].append(index)
        return runs

    def _shared(self, runs, depth, holders):
        """{fixture: use} of fixtures that more than one of RUNS needs."""
        held = {fixture for unit in holders for fixture in unit.fixtures}
        first, shared = {}, {}
        for number, run in enumerate(runs):
            for index in run:
                for use in self._all(index):
                    if use.fixture in held or not any(use.node is node for node in self.chains[index][:depth]):
                        continue
                    if first.setdefault((use.fixture, use.variant), number) != number:
                        shared.setdefault(use.fixture, use)
        return shared

    def _add_lane(self, indices, node, why, holders):
        """The tests of NODE run as under pytest, whatever they share."""
        unit = Unit(node)
        unit.isolation = together.scope(node)
        unit.why = unit.lane = why
        unit.last = indices[-1]
        owners = {self._owner(index, holders) for index in indices}
        unit.parent = next((holder for holder in reversed(holders) if holder in owners), None)
        self.units.append(unit)
        for index in indices:
            self._enter(index, unit)

    def split(self, indices, depth=1, holders=()):
        node = self.chains[indices[0]][depth - 1]
        lane = self.together.why(node)
        if lane:
            self._add_lane(indices, node, lane, holders)
            return
        runs = self._runs(indices, depth)
        shared = self._shared(runs, depth, holders)
        inner = holders
        if shared:
            users = [
                index for run in runs if any(use.fixture in shared for i in run for use in self._all(i)) for index in run
            ]
            unit = Unit(self.chains[users[0]][depth - 1])
            sure = {use.fixture for index in users for use in self.uses[index]}
            widest = max(shared.values(), key=lambda use: (use.fixture in sure, SCOPES.index(use.scope)))
            unit.last = indices[-1]
            unit.isolation, unit.why = widest.scope, label(widest.name, widest.scope)
            unit.fixtures = shared
            owners = {self._owner(index, holders) for index in users}
            unit.parent = next((holder for holder in reversed(holders) if holder in owners), None)
            self.units.append(unit)
            inner = (*holders, unit)
        for run in runs:
            if len(self.chains[run[0]]) == depth + 1:  # the item itself
                self._add(run[0], inner)
            else:
                self.split(run, depth + 1, inner)


def group(items, shared=(), alone=frozenset()):
    """The units of ITEMS, each after the one that it is in, ordered by their first item.

    SHARED: node ids of the modules and classes whose tests one worker runs. ALONE: indices of items that share
    nothing."""
    tree = _Tree(items, frozenset(shared))
    rest = [index for index in range(len(items)) if index not in alone]
    if rest:
        tree.split(rest)
    for index in alone:
        unit = Unit()
        unit.items.append(index)
        tree.units.append(unit)
    for unit in tree.units:
        if unit.parent is not None:
            unit.parent.add_entry(unit)
    for unit in tree.units:
        unit.sort_entries()
    return sorted(tree.units, key=lambda unit: unit.items[0])
