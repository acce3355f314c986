"""What `tach list` makes of imports in try statements that may fail: also because of what the module that is there imports."""

import pytest

from test_list import write
from test_list_dynamic import check, entries

MODULES = {
    "pkg/__init__.py": "",
    "pkg/fine.py": "import json\nname = 1\n'''\nimport nowhere_to_be_found\n'''\n",
    "pkg/broken.py": "import os\nfrom nowhere_to_be_found import name\n",
    "pkg/behind.py": "from .broken import name\n",
    "pkg/far.py": "import os, pkg.behind\nname = 2\n",
    "pkg/careful.py": "try:\n    import nowhere_to_be_found\nexcept ImportError:\n    nowhere_to_be_found = None\nname = 3\n",
    "pkg/careless.py": "try:\n    import nowhere_to_be_found\nexcept RuntimeError:\n    pass\nname = 4\n",
    "pkg/lazy.py": "def f():\n    import nowhere_to_be_found\n    raise ImportError('x')\nname = 5\n",
    "pkg/raises.py": "import os\nif not os.environ.get('HOME'):\n    raise ImportError('homeless')\nname = 6\n",
    "pkg/one.py": "from pkg import two\nname = 7\n",
    "pkg/two.py": "from pkg import one\n",
    "pkg/star.py": "from pkg.fine import *\n",
    "space/module.py": "name = 8\n",
}
TEST = """
    import pytest
    try:
        {}
    except ImportError:
        name = None
        def test_without(): pass
    else:
        def test_with(): pass
    finally:
        def test_always(): pass
    if name is None:
        class TestNone:
            def test_none(self): pass
    @pytest.mark.parametrize("value", [name, 5])
    def test_values(value): pass
"""
SURE = [
    "from pkg.fine import name", "from pkg.broken import name", "from pkg.behind import name", "from pkg.far import name", "from pkg.careful import name",
    "from pkg.careless import name", "from pkg.lazy import name", "from pkg.one import name", "from pkg.fine import no_such_name as name",
    "from pkg import fine, broken as name", "import pkg.far as name", "import pkg.fine as name", "from space.module import name", "from space import module as name",
    "from json import decoder as name", "from pkg.star import name", "import nowhere_to_be_found as name", "import os, pkg.behind as name",
]  # fmt: skip
UNSURE = ["from pkg.raises import name", "from pkg.extension import name", "import pkg.extension as name", "from pkg import no_such_module as name", "from json import no_such_name as name"]


@pytest.mark.parametrize("statement", SURE)
def test_imports_that_fail_or_not(tmp_path, statement):
    dynamic = check(tmp_path, {**MODULES, "test_a.py": TEST.format(statement)})
    assert set(dynamic) <= {"test_a.py::test_values", "test_a.py::TestNone::test_none"}


@pytest.mark.parametrize("statement", UNSURE)
def test_imports_that_may_fail(tmp_path, statement):
    dynamic = check(tmp_path, {**MODULES, "test_a.py": TEST.format(statement)})
    assert dynamic["test_a.py::test_with"] == dynamic["test_a.py::test_without"] == f"depends on {statement}"
    assert "test_a.py::test_always" not in dynamic


def test_either_way(tmp_path):
    """What both ways bind is there."""
    write(tmp_path, {"pytest.ini": "[pytest]\n", **MODULES, "test_a.py": "try:\n    from pkg.extension import test_x\nexcept ImportError:\n    def test_x(): pass\n"})
    assert [e["nodeid"] for e in entries(tmp_path, "test_a.py")] == ["test_a.py::test_x"]
    text = "try:\n    try:\n        import pkg.extension\n        def test_in(): pass\n    finally:\n        def test_f(): pass\nexcept Exception:\n    pass\ndef test_x(): pass\n"
    dynamic = check(tmp_path, {"test_a.py": text})
    assert "test_a.py::test_x" not in dynamic and "test_a.py::test_in" in dynamic


def test_tests_that_are_imported_if_they_can_be(tmp_path):
    imported = "try:\n    from {} import TestX, test_y\nexcept ImportError:\n    pass\n"
    module = "class TestX:\n    def test_x(self): pass\ndef test_y(): pass\n"
    files = {"fine.py": module, "broken.py": f"import nowhere_to_be_found\n{module}", "test_a.py": imported.format("fine"), "test_b.py": imported.format("broken")}
    assert not check(tmp_path, {**files, "test_c.py": "try:\n    from broken import *\nexcept: pass\n"})
