"""`tach list` leaves out what collect_ignore, --ignore and --deselect leave out, and says what may be left out."""

import pytest

from test_list import check as check_all
from test_list import tach_list, write
from test_list_dynamic import check as check_static
from test_list_dynamic import entries

TESTS = {
    name: "import pytest\n@pytest.mark.parametrize('n', [1, 2])\ndef test_n(n): pass\nclass TestC:\n    def test_m(self): pass\n"
    for name in ("test_a.py", "test_b.py", "sub/test_c.py", "sub/deep/test_d.py", "other/test_e.py", "other/test_f_py2.py")
}

CONFTESTS = {
    "paths": {"conftest.py": "collect_ignore = ['test_a.py', 'sub/deep']\n"},
    "globs": {"conftest.py": "collect_ignore_glob = ['*_py2.py', 'sub/deep/*']\n"},
    "both": {"conftest.py": "collect_ignore = ('test_b.py',)\ncollect_ignore_glob: list = ['*/test_e.py']\n"},
    "the nearest counts": {"conftest.py": "collect_ignore = ['sub/deep']\n", "sub/conftest.py": "collect_ignore = ['test_c.py']\n"},
    "absolute and odd paths": {"conftest.py": "import os\ncollect_ignore = ['./sub/../test_a.py', 'sub//deep/']\n"},
    "added to": {"conftest.py": "collect_ignore = []\ncollect_ignore.append('test_a.py')\ncollect_ignore += ['test_b.py']\ncollect_ignore.extend(['sub'])\n"},
    "on conditions": {
        "conftest.py": """
            import sys
            collect_ignore = ["test_a.py"]
            if sys.version_info < (3,):
                collect_ignore.append("sub")
            if sys.platform == "linux":
                collect_ignore.append("other")
        """,
    },
    "what is installed": {
        "conftest.py": """
            try:
                import no_such_module
                HAS = True
            except ImportError:
                HAS = False
            collect_ignore = [] if HAS else ["test_a.py"]
            if not HAS:
                collect_ignore += ["sub"]
        """,
    },
}


@pytest.mark.parametrize("name", CONFTESTS)
def test_collect_ignore(tmp_path, name):
    check_all(tmp_path, {"pytest.ini": "[pytest]\n", **TESTS, **CONFTESTS[name]})


def test_noconftest_reads_none(tmp_path):
    check_all(tmp_path, {"pytest.ini": "[pytest]\n", **TESTS, **CONFTESTS["paths"]}, "--noconftest")


UNSURE = {
    "a computed list": ("import os\ncollect_ignore = [n for n in os.environ.get('X', '').split()]\n", 6),
    "a condition": ("import os\ncollect_ignore = ['test_a.py']\nif os.environ.get('X'):\n    collect_ignore.append('sub')\n", 2),
    "a loop": ("collect_ignore = []\nfor name in ['test_a.py']:\n    collect_ignore.append(name)\n", 6),
    "a hook": ("def pytest_ignore_collect(config): return None\n", 6),
    "one unknown name": ("import os\ncollect_ignore = ['test_b.py', os.environ.get('X', 'none')]\n", 5),
}


@pytest.mark.parametrize("name", UNSURE)
def test_what_may_be_ignored_is_dynamic(tmp_path, name):
    text, files = UNSURE[name]
    dynamic = check_static(tmp_path, {**TESTS, "conftest.py": text})
    assert len({nodeid.split("::")[0] for nodeid in dynamic}) == files
    assert all("conftest.py" in why for why in dynamic.values())


def test_options_that_leave_out(tmp_path):
    check_all(tmp_path, {"pytest.ini": "[pytest]\n", **TESTS}, "--ignore=test_a.py", "--ignore", "sub/deep/")
    check_all(tmp_path, {}, "--ignore-glob=*_py2.py", "--ignore-glob", "sub/*")
    check_all(tmp_path, {}, "--ignore=test_a.py", "test_a.py", "test_b.py")
    check_all(tmp_path, {}, "--deselect=test_a.py::test_n[1]", "--deselect", "sub", "--deselect=other/test_e.py::TestC")
    check_all(tmp_path, {"pytest.ini": "[pytest]\naddopts = --ignore=sub --deselect test_b.py\n"})
    check_all(tmp_path, {}, "-o", "addopts=", "-o", "python_files=test_a*.py")
    assert tach_list(tmp_path, "--ignore=sub", "sub").returncode == 0  # what is named is not left out


def test_reasons_are_shown(tmp_path):
    write(tmp_path, {"pytest.ini": "[pytest]\n", **TESTS, "conftest.py": UNSURE["a loop"][0]})
    assert {e["why"] for e in entries(tmp_path, "sub")} == {"conftest.py:2: for name in ['test_a.py']: collect_ignore.append(name)"}
