"""`tach list` knows doctests as pytest names them, and says where it does not."""

import pytest

from test_list import check as check_all
from test_list import tach_list, write
from test_list_dynamic import check as check_static
from test_list_dynamic import entries

EXAMPLE = ">>> 1\n    1\n    "

NAMES = {
    "objects": {
        "pkg/__init__.py": f'"""\n    {EXAMPLE}"""\n',
        "pkg/sub/__init__.py": "",
        "pkg/sub/mod.py": f'''
import functools, contextlib
from os.path import join
def zebra():
    """ {EXAMPLE}"""
def plain():
    """No example."""
class Outer:
    """ {EXAMPLE}"""
    def method(self):
        """ {EXAMPLE}"""
    def __private(self):
        """ {EXAMPLE}"""
    class Inner:
        @staticmethod
        def static():
            """ {EXAMPLE}"""
        @classmethod
        def other(cls):
            """ {EXAMPLE}"""
        @property
        def prop(self):
            """ {EXAMPLE}"""
        @prop.setter
        def prop(self, value):
            """ {EXAMPLE}"""
    def _get(self):
        """ {EXAMPLE}"""
    x = property(_get)
    y = property(None, None, None, "{EXAMPLE.replace(chr(10), chr(92) + "n")}")
alias = zebra
@functools.lru_cache(maxsize=None)
def cached():
    """ {EXAMPLE}"""
@contextlib.contextmanager
def manager():
    """ {EXAMPLE}"""
def local(f):
    @functools.wraps(f)
    def inner(*args):
        """ {EXAMPLE}"""
        return f(*args)
    return inner
@local
def wrapped():
    """ {EXAMPLE}"""
async def later():
    """ {EXAMPLE}"""
lambda_ = lambda: 1
''',
        "pkg/test_unit.py": f'def test_a():\n    """ {EXAMPLE}"""\nclass TestB:\n    def test_c(self):\n        """ {EXAMPLE}"""\n',
        "conftest.py": f'def helper():\n    """ {EXAMPLE}"""\n',
        "pkg/setup.py": f'"""\n    {EXAMPLE}"""\nimport setuptools\n',
        "pkg/__main__.py": f'"""\n    {EXAMPLE}"""\n',
    },
    "docstrings": {
        "mod.py": '''
def only_a_comment():
    """
    >>> # nothing
    """
def blank():
    """
    >>>
    """
def tabs():
    """
\t>>> 1
\t1
    """
def escaped():
    "\\n>>> 1\\n1\\n"
def joined():
    "x\\n" ">>> 1\\n1"
def formatted():
    f"""
    >>> 1
    """
def bytes_():
    b"""
    >>> 1
    """
def options():
    """
    >>> 1 # doctest: +SKIP
    1
    >>> 2 # doctest: +ELLIPSIS, -NORMALIZE_WHITESPACE
    2
    """
def many():
    """
    >>> for i in range(2):
    ...     print(i)
    0
    1
    """
class Assigned:
    __doc__ = """
    >>> 1
    1
    """
''',
    },
    "the __test__ dict": {
        "mod.py": '__test__ = {"first": """\n>>> 1\n1\n""", "none": "nothing"}\n',
    },
}


@pytest.mark.parametrize("name", NAMES)
def test_doctests_have_pytests_names(tmp_path, name):
    check_all(tmp_path, {"pytest.ini": "[pytest]\n", **NAMES[name]}, "--doctest-modules")


def test_options_come_from_anywhere(tmp_path, monkeypatch):
    mod = {"mod.py": '"""\n>>> 1\n1\n"""\n', "test_a.py": "def test_a(): pass\n"}
    check_all(tmp_path, {"pytest.ini": "[pytest]\naddopts = --doctest-modules\n", **mod})
    write(tmp_path, {"pytest.ini": "[pytest]\n"})
    assert tach_list(tmp_path).stdout == "test_a.py::test_a\n"
    assert "mod.py::mod" in tach_list(tmp_path, "-o", "addopts=--doctest-modules").stdout
    assert "mod.py::mod" in tach_list(tmp_path, "--", "--doctest-modules").stdout


def test_texts_by_glob(tmp_path):
    text = "Title\n\n>>> 1\n1\n"
    files = {"pytest.ini": "[pytest]\n", "test_a.txt": text, "b.rst": text, "sub/c.md": text, "sub/none.md": ">>> # no\n"}
    check_all(tmp_path, files)
    check_all(tmp_path, {}, "--doctest-glob=*.md", "--doctest-glob", "*.rst")
    check_all(tmp_path, {}, "b.rst", "test_a.txt")
    check_all(tmp_path, {}, "--doctest-glob=*.md", "sub/c.md::c.md")
    write(tmp_path, {"test_latin.txt": b"\xe9\n>>> 1\n1\n"})
    assert [(e["nodeid"], e["why"]) for e in entries(tmp_path, "test_latin.txt")] == [("test_latin.txt::test_latin.txt", "not UTF-8")]


def test_node_ids_select_doctests(tmp_path):
    check_all(tmp_path, {"pytest.ini": "[pytest]\n", **NAMES["objects"]}, "--doctest-modules", "pkg/sub/mod.py::pkg.sub.mod.Outer.method")


def test_expressions_select_doctests(tmp_path):
    check_all(tmp_path, {"pytest.ini": "[pytest]\n", **NAMES["objects"]}, "--doctest-modules", "-k", "Inner or wrapped")
    check_all(tmp_path, {"pkg/test_marked.py": "import pytest\n@pytest.mark.slow\ndef test_s(): pass\n"}, "--doctest-modules", "-m", "slow")


DYNAMIC = {
    "an unknown decorator": '''
def deco(f):
    return make(f)
make = eval("lambda f: f")
@deco
def func():
    """
    >>> 1
    1
    """
''',
    "docstrings that are assigned": '''
def func(): pass
def other(): pass
func.__doc__ = """
>>> 1
1
"""
''',
    "a condition": '''
import sys
if len(sys.path) > 1:
    def func():
        """
        >>> 1
        1
        """
''',
    "what calls make": '''
def make():
    def inner():
        """
        >>> 1
        1
        """
    return inner
func = make()
''',
    "__test__ that is made": '''
__test__ = dict(a="""
>>> 1
1
""")
''',
    "a base that is made": '''
class C:
    def m(self):
        """
        >>> 1
        1
        """
def setup(cls):
    cls.extra = C.m
    return cls
@setup
class D:
    """
    >>> 2
    2
    """
''',
}  # fmt: skip


@pytest.mark.parametrize("name", DYNAMIC)
def test_what_is_not_sure_is_dynamic(tmp_path, name):
    assert check_static(tmp_path, {"mod.py": DYNAMIC[name]}, "--doctest-modules")


def test_a_malformed_docstring_leaves_the_module_out(tmp_path):
    write(tmp_path, {"pytest.ini": "[pytest]\n", "mod.py": 'def a():\n    """\n    >>> 1\n    1\n    """\ndef b():\n    """\n    >>>1\n    """\n'})
    (entry,) = entries(tmp_path, "--doctest-modules")
    assert entry["partial"] and entry["why"].startswith("the docstring of mod.b is no doctest")


def test_importlib_names_are_not_guessed(tmp_path):
    write(tmp_path, {"pytest.ini": "[pytest]\n", "pkg/mod.py": '"""\n>>> 1\n1\n"""\n'})
    (entry,) = entries(tmp_path, "--doctest-modules", "--import-mode=importlib")
    assert entry["partial"] and entry["nodeid"] == "pkg/mod.py"
