"""Tests that one worker has to run, in order, as marks say: what one of them leaves behind is meant for the next.

``tach_shared`` is Tach's own; ``incremental`` is what pytest's documentation calls the steps of a class; pytest-dependency
asks how the tests before have ended, in the session if a mark of it says so, else in the module.
"""

import pytest

_OWN = {"tach_shared": "marked tach_shared", "incremental": "marked incremental"}
_DEPENDENCY = "dependency"
_COLLECTORS = {"class": pytest.Class, "module": pytest.Module, "package": pytest.Package}


def _depends_below(item):
    """The collectors whose tests ITEM's marks of pytest-dependency speak of."""
    for mark in item.iter_markers(_DEPENDENCY):
        scope = mark.kwargs.get("scope", "module")
        yield item.getparent(_COLLECTORS[scope]) or item.session if scope in _COLLECTORS else item.session


class Together:
    """Of one session. SHARED: node ids of modules and classes."""

    def __init__(self, items, shared):
        self.shared = shared
        self.depended = set()
        if items and items[0].config.pluginmanager.hasplugin(_DEPENDENCY):
            self.depended = {node for item in items for node in _depends_below(item)}

    def why(self, node):
        """Why the tests below the collector NODE belong together, or None."""
        if node in self.depended:
            return "marks of pytest-dependency"
        if node.nodeid and node.nodeid in self.shared:
            return f'shared = ["{node.nodeid}"]'
        if isinstance(node, (pytest.Module, pytest.Class)):
            return next((_OWN[mark.name] for mark in node.own_markers if mark.name in _OWN), None)
        return None


def scope(node):
    """What the collector is called."""
    kinds = {"class": pytest.Class, "package": pytest.Package, "module": pytest.Module}  # before pytest 8 a package is a module
    return next((name for name, kind in kinds.items() if isinstance(node, kind)), "session")
