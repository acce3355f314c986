"""What `tach list` makes of hooks in conftest.py files that collect other files, make other items or leave some out."""

import pytest

from test_list import tach_list, write
from test_list_dynamic import check, entries

YAML = """
    import pytest
    def pytest_collect_file(parent, file_path):
        if file_path.suffix == ".yaml" and file_path.name.startswith("test"):
            return YamlFile.from_parent(parent, path=file_path)
    class YamlFile(pytest.File):
        def collect(self):
            for name in self.path.read_text().split():
                yield YamlItem.from_parent(self, name=name)
    class YamlItem(pytest.Item):
        def runtest(self): pass
"""
MAKES = """
    import pytest
    def pytest_pycollect_makeitem(collector, name, obj):
        if name.startswith("Suite"):
            return pytest.Class.from_parent(collector, name=name, obj=obj)
        if name == "test_hidden":
            return []
"""
SUITE = "class Suite:\n    def test_in_suite(self): pass\ndef test_hidden(): pass\n"
FILES = {"test_a.py": "def test_a(): pass\ndef test_b(): pass\n", "sub/test_c.py": "def test_c(): pass\n"}

#: hooks that leave the items as they are
HARMLESS = {
    "marks": "for item in items:\n        if 'slow' in item.keywords: item.add_marker(pytest.mark.skip(reason='slow'))",
    "sorted": "items.sort(key=lambda item: item.name, reverse=True)",
    "sorted in place": "items[:] = sorted(items, key=lambda item: item.nodeid)\n    items.reverse()",
    "numbered": "for i, item in enumerate(items):\n        item.user_properties.append(('n', i))\n    print(len(items))",
    "looked at": "if items and items[0].name == 'x': pytest.exit('x')",
}
#: and those that do not
CHANGES = {
    "left out": "items[:] = [item for item in items if item.name != 'test_b']",
    "taken out": "for item in list(items):\n        if item.name == 'test_b': items.remove(item)",
    "deleted": "del items[-1]",
    "cut": "items[1:] = []",
    "by a helper": "leave_out(items)",
    "by name": "chosen = items\n    chosen.pop()",
    "by the session": "items[0].session.items.pop()",
    "more": "items.append(items[0])",
    "another name": "for item in items: item._nodeid = item._nodeid + '-other'",
}
HOOK = "import pytest\ndef leave_out(some): some.pop()\ndef pytest_collection_modifyitems(\n    session, config, items\n):\n    {}\n"


def test_files_that_a_hook_collects(tmp_path):
    write(tmp_path, {"sub/norecurse/test_x.yaml": "no"})
    dynamic = check(tmp_path, {"conftest.py": YAML, "test_a.yaml": "one two", "data.yaml": "", "test_b.py": "def test_b(): pass\n", "sub/test_c.yaml": "three"}, "--ignore=sub/norecurse")
    assert dynamic["test_a.yaml"] == "pytest_collect_file in conftest.py may collect it"
    assert dynamic["test_b.py"] == "pytest_collect_file in conftest.py may make more of it"
    assert tach_list(tmp_path).stdout == "test_b.py::test_b\n"


def test_named_file_that_a_hook_collects(tmp_path):
    write(tmp_path, {"pytest.ini": "[pytest]\n", "conftest.py": YAML, "test_a.yaml": "one two", "test_b.py": "def test_b(): pass\n"})
    for argument in ("test_a.yaml", "test_a.yaml::one"):
        assert [(e["nodeid"], e["dynamic"]) for e in entries(tmp_path, argument)] == [("test_a.yaml", True)]
    assert [e["nodeid"] for e in entries(tmp_path, "test_b.py::test_b")] == ["test_b.py::test_b"]


def test_below_the_folder_of_the_hook_only(tmp_path):
    dynamic = check(tmp_path, {"sub/conftest.py": YAML, "test_a.yaml": "no", "sub/deep/test_b.yaml": "yes", "test_b.py": "def test_b(): pass\n"})
    assert sorted(dynamic) == ["sub/conftest.py", "sub/deep/test_b.yaml"]


PLACES = {
    "conftest": {"conftest.py": MAKES},
    "a plugin": {"conftest.py": "pytest_plugins = ['helper.hooks']\n", "helper/__init__.py": "", "helper/hooks.py": MAKES},
    "a plugin of a plugin": {"conftest.py": "pytest_plugins = (  # all\n  'json',\n  \"first\",\n)\n", "first.py": "pytest_plugins = 'second'\n", "second.py": MAKES},
    "a star import": {"conftest.py": "from hooks import *\n", "hooks.py": MAKES},
    "by name": {"conftest.py": "from hooks import pytest_pycollect_makeitem\n", "hooks.py": MAKES},
}


@pytest.mark.parametrize("place", PLACES)
def test_items_that_a_hook_makes(tmp_path, place):
    dynamic = check(tmp_path, {**PLACES[place], "test_a.py": SUITE})
    assert "may make more of it" in dynamic["test_a.py"] and "may leave it out" in dynamic["test_a.py::test_hidden"]
    assert all(e["dynamic"] for e in entries(tmp_path, "test_a.py"))


@pytest.mark.parametrize("what", HARMLESS)
def test_hooks_that_leave_items_as_they_are(tmp_path, what):
    write(tmp_path, {"pytest.ini": "[pytest]\n", "conftest.py": HOOK.format(HARMLESS[what]), **FILES})
    assert not any(e["dynamic"] for e in entries(tmp_path))


@pytest.mark.parametrize("what", CHANGES)
def test_hooks_that_change_items(tmp_path, what):
    dynamic = check(tmp_path, {"conftest.py": HOOK.format(CHANGES[what]), **FILES})
    assert dynamic["test_a.py::test_b"] == "pytest_collection_modifyitems in conftest.py may change it"
    assert len(dynamic) == 5


def test_plugins_that_name_each_other(tmp_path):
    files = {"conftest.py": "pytest_plugins = ['first', 'nowhere', '']\npytest_plugins\n", "first.py": "pytest_plugins = ['second', 'first']\n", "second.py": "pytest_plugins = 'first'\n"}
    write(tmp_path, {"pytest.ini": "[pytest]\n", **files, **FILES})
    assert not any(e["dynamic"] for e in entries(tmp_path))
