"""Test files that pytest need not import: the engine's list of them, and whether it holds for these plugins.

A file without a test that matches ``-k`` and ``-m`` is left out only if everything that could make one match is known:
the expressions and the names that tests have by the settings, and every hook that makes or changes items. Files that
``--changed`` and ``--shard`` leave out are left out in any case.
"""

import hashlib
import json
import os
import types

import pytest

from tach_harness import instead

#: Hooks that make items, or change what they are called or marked with.
_HOOKS = (
    "pytest_collect_directory", "pytest_collect_file", "pytest_collection", "pytest_collection_modifyitems",
    "pytest_collectstart", "pytest_generate_tests", "pytest_itemcollected", "pytest_make_collect_report",
    "pytest_make_parametrize_id", "pytest_pycollect_makeitem", "pytest_pycollect_makemodule",
)  # fmt: skip
#: {plugin: {hook: what it may add to the names or marks of an item}} of plugins that do no more there.
_KNOWN = {
    "_hypothesis_pytestplugin": {"pytest_collection_modifyitems": ["hypothesis"]},
    "anyio.pytest_plugin": {"pytest_pycollect_makeitem": ["usefixtures", "anyio"]},
    "pytest_cov.plugin": {"pytest_collection_modifyitems": []},
    "pytest_django.plugin": {"pytest_collection_modifyitems": []},
    "pytest_forked": {},
    "pytest_randomly": {"pytest_collection_modifyitems": []},
    "pytest_rerunfailures": {},
    "pytest_timeout": {},
    "random_order.plugin": {"pytest_collection_modifyitems": []},
    "xdist.plugin": {},
}
#: Options with which the files that are collected decide which others are, or all files are looked at.
_CROSSING = ("lf", "last_failed", "stepwise", "keepduplicates", *instead.OPTIONS)


def _plugin_name(plugin):
    return plugin.__name__ if isinstance(plugin, types.ModuleType) else type(plugin).__module__


def taken(settings):
    """The object that the engine handed over (``selectFd``), or None."""
    fd = settings.get("selectFd", -1)
    if fd < 0:
        return None
    with open(fd, encoding="utf-8") as file:
        file.seek(0)
        return json.load(file)


class Selection:
    """SELECT: the engine's object (spec/run.schema.json, tach.select). DESELECTED is called with numbers of tests."""

    def __init__(self, select, deselected):
        self.select = select
        self.deselected = deselected
        self.root = ""
        self.unmatched, self.excluded, self.included, self.read = {}, frozenset(), frozenset(), frozenset()
        #: why unmatched files are collected all the same, or ""
        self.why = ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        config = session.config
        self.root = str(config.rootpath)

        def absolute(name):
            return os.path.normpath(os.path.join(self.root, name))

        self.excluded = frozenset(map(absolute, self.select["excluded"]))
        self.included = frozenset(map(absolute, self.select["included"]))
        self.read = frozenset(map(absolute, self.select["read"]))
        self.why = self._objection(config)
        if not self.why:
            self.unmatched = {absolute(entry["file"]): entry["tests"] for entry in self.select["unmatched"]}
        here = str(config.invocation_params.dir)
        kept = []
        for arg in config.args:
            path = os.path.normpath(os.path.join(here, str(arg).split("::")[0].split("[")[0]))
            if config.option.pyargs or not os.path.isfile(path) or not self._leaves_out(path):
                kept.append(arg)
        config.args = kept

    def _objection(self, config):
        """Why a file could have tests that match after all, or ""."""
        select, option = self.select, config.option
        if not select["unmatched"]:
            return "there are none"
        for name, mine in (("keyword", "keyword"), ("markexpr", "mark")):
            if (getattr(option, name, "") or "").strip() != (select.get(mine) or "").strip():
                return f"{name} is another"
        for name, mine in (("python_classes", "pythonClasses"), ("python_functions", "pythonFunctions")):
            if list(config.getini(name)) != select[mine]:
                return f"{name} is another"
        if bool(getattr(option, "doctestmodules", False)) != select.get("doctestModules", False):
            return "--doctest-modules is another"
        for name in _CROSSING:
            if getattr(option, name, False):
                return f"the option {name}"
        expressions = " ".join((option.keyword or "", option.markexpr or "")).lower()
        for hook in _HOOKS:
            caller = getattr(config.pluginmanager.hook, hook, None)
            for implementation in caller.get_hookimpls() if caller is not None else ():
                plugin = implementation.plugin
                name = _plugin_name(plugin)
                if name.startswith(("_pytest.", "tach_harness.")):
                    continue
                if os.path.normpath(getattr(plugin, "__file__", None) or "/") in self.read:
                    continue
                adds = _KNOWN.get(name, {}).get(hook)
                if adds is None or any(_may_match(expressions, added) for added in adds):
                    return f"{name} has {hook}"
        return ""

    def _leaves_out(self, path):
        """Whether PATH is not collected. Packages and folders always are."""
        if os.path.basename(path) in ("__init__.py", "conftest.py") or os.path.isdir(path):
            return False
        if path in self.excluded or self._is_of_another_shard(path):
            return True
        if path in self.unmatched:
            self.deselected(self.unmatched[path])
            self.unmatched[path] = 0
            return True
        return False

    def _is_of_another_shard(self, path):
        """Of files that the engine does not know: what plugins collect."""
        shards = self.select.get("shards")
        if shards is None or path in self.included:
            return False
        digest = hashlib.sha256(os.path.relpath(path, self.root).encode("utf-8", "surrogateescape")).digest()
        return int.from_bytes(digest[:8], "big") % shards != self.select["shard"] - 1

    @pytest.hookimpl(hookwrapper=True)
    def pytest_ignore_collect(self, collection_path):
        outcome = yield
        if not outcome.get_result() and self._leaves_out(str(collection_path)):
            outcome.force_result(True)


def _may_match(expressions, name):
    """Whether a word of EXPRESSIONS, in lower case, is a part of NAME."""
    separators = str.maketrans("()=,'\"", "      ")
    return any(word in name for word in expressions.translate(separators).split() if word not in ("and", "or", "not"))
