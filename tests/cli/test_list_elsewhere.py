"""Tests that functions and modules of other files make, where `tach list` cannot tell what they are: an entry stands for them."""

import pytest

from test_list_dynamic import check

#: what makes tests of names that nobody can tell
HELPER = """
    import os, sys, unittest
    NAMES = os.environ.get("NO_SUCH_VARIABLE", "a b").split()
    def add_to(cls):
        for n in NAMES:
            setattr(cls, "test_" + n, lambda self: None)
    def add_by_name(name):
        for n in NAMES:
            setattr(sys.modules[name], "test_" + n, lambda: None)
    def add_to_caller():
        caller = sys._getframe(1)
        for n in NAMES:
            caller.f_globals["test_" + n] = lambda: None
    def inject(namespace):
        for n in NAMES:
            namespace["test_" + n] = lambda: None
        return namespace
    class Base(unittest.TestCase):
        @classmethod
        def load(cls):
            cls.attach()
        @classmethod
        def attach(cls):
            add_to(cls)
    class TestShared(Base):
        pass
    class Registry:
        def __init__(self, cls):
            add_to(cls)
    class NotLoaded(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.attach()
        @classmethod
        def attach(cls):
            pass
"""
CASES = {
    "a class that is given": "from helper import add_to\nclass TestA: pass\nadd_to(TestA)\n",
    "by a star import": "from helper import *\nclass TestA: pass\nadd_to(TestA)\n",
    "a name that is given": "from helper import add_by_name\nadd_by_name(__name__)\n",
    "the caller's frame": "import helper\nhelper.add_to_caller()\n",
    "a method of the class": "from helper import Base\nclass TestA(Base): pass\nTestA.load()\n",
    "the class is imported": "from helper import TestShared\nTestShared.attach()\n",
    "a namespace": "from helper import inject\ninject(vars())\n",
    "a namespace, and the result is kept": "from helper import inject\nmine = inject(locals())\n",
    "an instance is made": "from helper import Registry\nclass TestA: pass\nRegistry(TestA)\n",
    "an instance is kept": "import helper\nclass TestA: pass\nregistry = helper.Registry(TestA)\n",
}
#: modules that others take all names from
STARS = {
    "__all__ grows in a loop": "import helper\n__all__ = []\nfor n in helper.NAMES:\n    globals()['test_' + n] = lambda: None\n    __all__.append('test_' + n)\nclass TestNotListed:\n    def test_x(self): pass\n",
    "a helper": "import helper\nhelper.inject(globals())\ndef test_plain(): pass\n",
    "__all__ of two lists": "import helper\n__all__ = ['test_5'] + ['TestX']\ndef test_5(): pass\ndef test_6(): pass\nclass TestX:\n    def test_x(self): pass\n",
    "__all__ of a call": "import helper\n__all__ = sorted(n for n in dir() if n == 'test_5')\ndef test_5(): pass\ndef test_6(): pass\n",
    "__all__ of a condition": "import helper\nif helper.NAMES:\n    __all__ = ['test_5']\ndef test_5(): pass\ndef test_6(): pass\n",
}


@pytest.mark.parametrize("name", CASES)
def test_made_by_another_file(tmp_path, name):
    dynamic = check(tmp_path, {"helper.py": HELPER, "test_a.py": CASES[name]})
    assert list(dynamic) in (["test_a.py"], ["test_a.py::TestA"]) and "may add tests" in "".join(dynamic.values())


@pytest.mark.parametrize("name", STARS)
def test_star_import_of_what_is_made(tmp_path, name):
    files = {"helper.py": HELPER, "made.py": STARS[name], "further.py": "from made import *\n", "test_a.py": "from made import *\n", "test_b.py": "from further import *\n"}
    dynamic = check(tmp_path, files)
    assert ("test_a.py" in dynamic) == ("test_b.py" in dynamic) == ("two lists" not in name)


def test_nothing_is_made_after_collection(tmp_path):
    assert not check(tmp_path, {"helper.py": HELPER, "test_a.py": "import helper\nfrom helper import NotLoaded\nclass TestA(NotLoaded):\n    def test_a(self): pass\nprint(helper.NAMES)\n"})


DECORATORS = """
    import functools
    def same(f): return f
    def other(f):
        def inner(): pass
        return inner
    def passes_on(f):
        def inner(*args, **kwargs): return f(*args, **kwargs)
        return inner
    def wrapped(f):
        @functools.wraps(f)
        def inner(*args, **kwargs): return f(*args, **kwargs)
        return inner
    def made(n):
        def decorate(f): return f
        return decorate
    def made_other(n):
        def decorate(f):
            def inner(): pass
            return inner
        return decorate
    def perhaps(f):
        if not f.__name__: return f
        def inner(): pass
        return inner
    def short(f): return lambda: None
    def long(f):
        'Does what it does.'
        a = 1
        b = 2
        c = 3
        print(a, b, c)
        def inner():
            assert a
        return inner
"""


@pytest.mark.parametrize("name", ["same", "wrapped", "made(1)", "other", "passes_on", "made_other(1)", "perhaps", "short", "long"])
def test_decorators_that_put_another_function_in_its_place(tmp_path, name):
    """It has neither the parameters nor the marks of the one below it."""
    test = f"import deco, pytest\n@deco.{name}\n@pytest.mark.parametrize('a', [1, 2])\ndef test_a(a): pass\n@deco.{name}\ndef test_b(): pass\n"
    dynamic = check(tmp_path, {"deco.py": DECORATORS, "test_a.py": test})
    assert list(dynamic) == ([] if name in ("same", "wrapped", "made(1)") else ["test_a.py::test_a"])


def test_values_that_functions_collect(tmp_path):
    registry = "KNOWN = {}\nLISTED = []\nEMPTY = []\ndef register(f):\n    KNOWN[f.__name__] = f\n    LISTED.append(f)\n    return f\n@register\ndef one(): pass\n"
    test = "import pytest, registry\nfrom registry import KNOWN\n@pytest.mark.parametrize('a', KNOWN)\ndef test_a(a): pass\n@pytest.mark.parametrize('a', registry.LISTED)\ndef test_b(a): pass\n@pytest.mark.parametrize('a', registry.EMPTY)\ndef test_c(a): pass\n"
    assert list(check(tmp_path, {"registry.py": registry, "test_a.py": test})) == ["test_a.py::test_a", "test_a.py::test_b"]
