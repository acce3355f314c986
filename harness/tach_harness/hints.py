"""What a test may ask for with ``request.getfixturevalue``: names in the code of the test and of its fixtures.

A hint only. What it names is not set up for it; what it misses, a test that asks sets up for itself.
"""

import inspect
from types import CodeType

import pytest

_ASK = "getfixturevalue"


def _code(function):
    function = inspect.unwrap(getattr(function, "__func__", function))
    return getattr(function, "__code__", None)


def _texts(constants):
    for one in constants:
        if isinstance(one, str):
            yield one
        elif isinstance(one, (tuple, frozenset)):
            yield from _texts(one)


def _all_code(code):
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _all_code(one)


class Hints:
    """The hints of one session, each piece of code and each class or module looked at once."""

    def __init__(self, session):
        self.manager = session._fixturemanager
        self.of_code, self.of_info, self.of_place = {}, {}, {}

    def _named(self, function):
        """The words in FUNCTION that could be names of fixtures; None where it asks for nothing."""
        code = _code(function)
        if code not in self.of_code:
            parts = list(_all_code(code)) if code is not None else []
            asks = any(_ASK in part.co_names for part in parts)
            known = self.manager._arg2fixturedefs
            self.of_code[code] = {text for part in parts for text in _texts(part.co_consts) if text in known} if asks else None
        return self.of_code[code]

    def _definitions(self, item, name):
        if pytest.version_tuple >= (8, 1):
            return self.manager.getfixturedefs(name, item) or ()
        return self.manager.getfixturedefs(name, item.parent.nodeid) or ()

    def _closure(self, item, names, of_item):
        """{name: definitions} of NAMES and of what these need and may ask for in their turn."""
        found, todo = {}, list(names)
        while todo:
            name = todo.pop()
            if name in found or name == "request":
                continue
            found[name] = of_item.get(name) or self._definitions(item, name)
            for definition in found[name]:
                todo += definition.argnames
                if "request" in definition.argnames:
                    todo += self._named(definition.func) or ()
        return {name: definitions for name, definitions in found.items() if definitions}

    def reachable(self, item, name):
        """{name: definitions} of the fixture NAME and of what it needs, as ITEM sees them."""
        info = getattr(item, "_fixtureinfo", None)
        return self._closure(item, [name], info.name2fixturedefs if info is not None else {})

    def _names(self, item, info):
        asking = [definition.func for definitions in info.name2fixturedefs.values() for definition in definitions
                  if "request" in definition.argnames]  # fmt: skip
        if "request" in info.argnames:
            asking.append(getattr(item.parent.obj, item.originalname, None))  # not item.obj: makes an instance
        named = [names for names in map(self._named, asking) if names is not None]
        return frozenset().union(*named) if named else None

    def of(self, item, info):
        """{name: definitions} of what ITEM, whose fixtures are INFO's, may ask for."""
        key = id(info)  # of all items with the same function
        if key not in self.of_info:
            self.of_info[key] = self._names(item, info)
        names = self.of_info[key]
        if names is None:
            return {}
        params = getattr(getattr(item, "callspec", None), "params", {})
        names |= {value for value in params.values() if isinstance(value, str) and value in self.manager._arg2fixturedefs}
        key = (item.parent, names, frozenset(info.name2fixturedefs))
        if key not in self.of_place:
            self.of_place[key] = self._closure(item, names, info.name2fixturedefs)
        return self.of_place[key]
