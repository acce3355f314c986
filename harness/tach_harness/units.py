"""Which tests must share a worker: those that share a fixture of a wider scope than a test.

A unit is a connected component over "uses the same instance of a class-, module-, package- or session-scoped
fixture". pytest's own fixtures do not count, except those that stand for setup_module, setUpClass and the like.
"""

import sys

import pytest

#: Widest last.
SCOPES = ["test", "class", "module", "package", "session"]
#: Plugins whose wider fixtures hold nothing that tests could share.
_HARMLESS = ("_pytest.", "xdist.")
#: Names that pytest gives the fixtures which call xunit's and unittest's set-up functions.
_XUNIT = ("_xunit_setup_", "_unittest_setUp", "xunit_setup_", "unittest_setUp")


class Unit:
    """Items (indices, in collection order) that run in one worker, and why."""

    def __init__(self):
        self.items = []
        self.isolation = "test"
        self.why = ""


def _fixtures_of_doctest(item):
    """What pytest before 8 works out only when it sets a doctest up (_pytest.doctest._setup_fixtures), or None."""
    doctest = sys.modules.get("_pytest.doctest")
    if doctest is None or not isinstance(item, doctest.DoctestItem):
        return None
    return item.session._fixturemanager.getfixtureinfo(node=item, func=lambda: None, cls=None, funcargs=False)


def _scope(item, name, definition):
    """The scope that ITEM uses the fixture with: ``parametrize(..., indirect=True, scope=...)`` may change it."""
    callspec = getattr(item, "callspec", None)
    scope = getattr(callspec, "_arg2scope", {}).get(name, definition.scope)
    return getattr(scope, "value", scope)


def _used(item):
    """The fixture definitions that ITEM uses, overridden ones only where the overriding one asks for them."""
    info = getattr(item, "_fixtureinfo", None) or _fixtures_of_doctest(item)
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


def _instance(item, scope):
    """What tells two set-ups of the same definition apart: the class or module that it is set up for."""
    if scope == "class":
        return item.getparent(pytest.Class) or item  # without a class, pytest sets it up for each test
    if scope == "module":
        return item.getparent(pytest.Module) or item.parent
    return None


def _label(name, scope):
    if name.startswith(_XUNIT):
        words = name.strip("_").split("_")
        name = "setUpClass" if "setUpClass" in words else "_".join(words[1:3])
    return f"{scope} fixture '{name}'"


def group(items):
    """The units of ITEMS, ordered by their first item."""
    parent = list(range(len(items)))

    def find(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first_user = {}
    shared = []  # (item index, scope, name) of each fixture with a second user
    for index, item in enumerate(items):
        for name, definition in _used(item):
            scope = _scope(item, name, definition)
            if not _counts(item, name, definition, scope):
                continue
            key = (id(definition), id(_instance(item, scope)))
            other = first_user.setdefault(key, index)
            if other != index:
                a, b = find(other), find(index)
                parent[max(a, b)] = min(a, b)
                shared.append((index, scope, name))

    units = {}
    for index in range(len(items)):
        units.setdefault(find(index), Unit()).items.append(index)
    for index, scope, name in shared:
        unit = units[find(index)]
        if SCOPES.index(scope) > SCOPES.index(unit.isolation):
            unit.isolation = scope
            unit.why = _label(name, scope)
    return list(units.values())
