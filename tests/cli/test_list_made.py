"""Classes and tests that a module's code makes: listed where the text says all of it, else marked, never guessed."""

import pytest

from test_list import tach_list, write
from test_list_dynamic import check

PLAYED = {
    "setattr in a loop": """
        import unittest
        class TestA(unittest.TestCase): pass
        class TestB: pass
        def make(n):
            def test(self): assert n
            return test
        for name in ("one", "two"):
            setattr(TestA, f"test_{name}", make(name))
            setattr(TestB, "test_%s_%d" % (name, 3), make(name))
        setattr(TestB, "other", make(3))
    """,
    "types made in a loop": """
        import unittest
        class Base:
            def test_base(self): pass
        for n in range(3):
            name = "Test{}".format(n)
            globals()[name] = type(name, (Base, unittest.TestCase), {"n": n, "test_more": lambda self: None})
    """,
    "a function that returns classes": """
        import types, unittest
        class Checks:
            def test_a(self): pass
            def test_b(self): pass
        def special(cls, kind, base=None, **values):
            if base is None:
                base = unittest.TestCase
            elif not isinstance(base, type):
                base = base[kind]
            made = types.new_class("{}_{}".format(kind, cls.__name__), (cls, base))
            made.__module__ = cls.__module__
            for name, value in values.items():
                setattr(made, name, value[kind])
            return made
        def both(cls, **more):
            return special(cls, "Fast", **more), special(cls, "Slow", **more)
        import os
        Fast, Slow = both(Checks, impl={"Fast": 1, "Slow": os.getcwd()})
        (One, Two) = both(Checks, base={"Fast": unittest.TestCase, "Slow": unittest.IsolatedAsyncioTestCase})
    """,
    "a class decorator that adds tests": """
        import collections, unittest
        def parameterize(cls):
            params = {}
            found = collections.defaultdict(list)
            for name, attr in cls.__dict__.items():
                if name.endswith("_params"):
                    if not hasattr(attr, "keys"):
                        d = {}
                        for x in attr:
                            if not hasattr(x, "__iter__"):
                                x = (x,)
                            d["_".join(str(v) for v in x).replace(" ", "_")] = x
                        attr = d
                    params[name[:-7] + "_as_"] = attr
                if "_as_" in name:
                    found[name.split("_as_")[0] + "_as_"].append(name)
            made = {}
            for name in cls.__dict__:
                for start, values in params.items():
                    if name.startswith(start):
                        for key, value in values.items():
                            test = lambda self, name=name, value=value: getattr(self, name)(*value)
                            made["test_" + name[len(start):] + "_" + key] = test
            for key, value in made.items():
                setattr(cls, key, value)
            return cls
        @parameterize
        class TestIt(unittest.TestCase):
            add_params = [1, (2, 3), ("a b",)]
            def add_as_sum(self, *v): pass
            sub_params = {"x": (1,), "y": (len("abc"),)}
            def sub_as_diff(self, *v): pass
            def test_own(self): pass
    """,
    "a metaclass": """
        import unittest
        class Meta(type):
            def __init__(cls, name, bases, body):
                if name == "Root":
                    return
                if not hasattr(cls, "signature"):
                    cls.signature = object()
                def first(x): pass
                def second(x): pass
                class Adder(object):
                    def __init__(self, target, how):
                        self._how = how
                        for f in [self.test_good, self.test_bad]:
                            name = "_".join((f.__name__, self._how.__name__))
                            def wrapper(self, f=f):
                                f(self)
                            try:
                                wrapper.__name__ = name
                            except TypeError:
                                pass
                            setattr(target, name, wrapper)
                    def test_good(self, t): pass
                    def test_bad(self, t): pass
                for how in [first, second]:
                    Adder(cls, how)
        Root = Meta("Root", (unittest.TestCase,), {})
        class TestX(Root): pass
        class TestY(Root):
            signature = 3
            def test_own(self): pass
        class TestZ(TestX, metaclass=Meta): pass
    """,
    "all of another module": {
        "shared.py": """
            import os, unittest, queue
            WORDS = [1, 2]
            LIMIT = os.sysconf("SC_OPEN_MAX")
            HAS = hasattr(os, "fork")
            line = queue.Queue()
            class BaseCase: pass
            class _TestOne(BaseCase):
                KINDS = ("red", "green")
                def test_one(self): pass
            class _TestTwo(BaseCase):
                KINDS = ("green",)
                def test_two(self): pass
            class RedMixin: pass
            class GreenMixin: pass
            class TestPlain(unittest.TestCase):
                def test_plain(self): pass
            def install(target, how):
                mine = globals()
                for name, base in mine.items():
                    if not isinstance(base, type):
                        continue
                    if issubclass(base, BaseCase):
                        if base is BaseCase:
                            continue
                        for kind in base.KINDS:
                            new = "With" + kind.capitalize() + name[1:]
                            Mixin = mine[kind.capitalize() + "Mixin"]
                            class Temp(base, Mixin, unittest.TestCase):
                                pass
                            Temp.__name__ = Temp.__qualname__ = new
                            target[new] = Temp
                    elif issubclass(base, unittest.TestCase):
                        class Temp(base, object):
                            pass
                        Temp.__name__ = Temp.__qualname__ = name
                        target[name] = Temp
        """,
        "test_it.py": "import shared\nshared.install(globals(), 'fork')\n",
    },
    "tests that functions return": """
        import pytest
        def make(n):
            @pytest.mark.skipif(n > 1, reason="no")
            def test_made(tmp_path): pass
            return test_made
        def plain(n):
            def inner(tmp_path, monkeypatch): return n
            return inner
        test_two = plain(2)
        test_three = plain(3)
    """,
    "names that change": """
        import unittest
        def make(v):
            def test(self): pass
            return test
        bases = (unittest.TestCase,)
        First = type("First", bases, {"test_a": make(1)})
        bases = (First,)
        Second = type("Second", bases, {"test_b": make(2)})
        names = []
        names.append("x")
        names += ["never"]
        names = ["y"]
        names.append("z")
        for n in names:
            setattr(Second, "test_" + n, make(n))
    """,
    "methods of instances": """
        import unittest
        class Maker:
            prefix = "test"
            def __init__(self, cls, *names, sep="_"):
                self.cls, self.names = cls, names
                self.sep = sep
                for i, n in enumerate(self.names):
                    setattr(self.cls, self.sep.join([self.prefix, n, str(i)]), self.run)
                    setattr(self.cls, self.prefix + "_" + n.upper(), lambda self: None)
            @staticmethod
            def run(self): pass
        class TestA(unittest.TestCase): pass
        Maker(TestA, "p", "q", sep="__")
    """,
    "a class with its own name as base": {
        "base.py": "import unittest\nclass Test(unittest.TestCase):\n    def test_base(self): pass\n",
        "test_it.py": "from base import Test as TestOther\nclass TestOther(TestOther):\n    def test_more(self): pass\n",
    },
    "a decorator that only marks": """
        import unittest
        def mark(cls):
            cls.kind = "marked"
            return cls
        def marked(kind):
            def deco(cls):
                cls.kind = kind
                return cls
            return deco
        @mark
        class TestA(unittest.TestCase):
            def test_a(self): pass
        @marked("x")
        @mark
        class TestB:
            def test_b(self): pass
    """,
}


@pytest.mark.parametrize("name", PLAYED)
def test_played(tmp_path, name):
    files = PLAYED[name]
    assert check(tmp_path, files if isinstance(files, dict) else {"test_it.py": files}) == {}


GIVEN_UP = {
    "methods whose text was left out": """
        import unittest
        class Maker:
            prefix = "test"
            def __init__(self, cls, *names, sep="_"):
                self.cls, self.names = cls, names
                self.sep = sep
            def add(self):
                for i, n in enumerate(self.names):
                    setattr(self.cls, self.sep.join([self.prefix, n, str(i)]), self.run)
                    setattr(self.cls, self.prefix + "_" + n.upper(), lambda self: None)
            @staticmethod
            def run(self): pass
        class TestA(unittest.TestCase): pass
        Maker(TestA, "p", "q", sep="__").add()
    """,
    "a name that is not known": """
        import os, unittest
        class TestA(unittest.TestCase): pass
        for name in os.listdir("/"):
            setattr(TestA, "test_" + name[:1], lambda self: None)
    """,
    "a condition that is not known": """
        import os, unittest
        class TestA(unittest.TestCase):
            def test_own(self): pass
        def add(cls):
            if os.environ.get("NO_SUCH_VARIABLE"):
                setattr(cls, "test_maybe", lambda self: None)
            setattr(cls, "test_sure", lambda self: None)
            return cls
        TestB = add(TestA)
    """,
    "a loop that may go on without": """
        import os, unittest
        class TestA(unittest.TestCase): pass
        def fill(cls):
            for n in ("a", "b"):
                if os.path.exists("/no/such/" + n):
                    continue
                setattr(cls, "test_" + n, lambda self: None)
        fill(TestA)
    """,
    "something raised": """
        import unittest
        class TestA(unittest.TestCase): pass
        def add(cls, n):
            try:
                if n: raise ValueError
                setattr(cls, "test_not", lambda self: None)
            except ValueError:
                setattr(cls, "test_raised", lambda self: None)
        add(TestA, 1)
    """,
    "a while": """
        import unittest
        class TestA(unittest.TestCase): pass
        def add(cls):
            n = 3
            while n:
                setattr(cls, f"test_{n}", lambda self: None)
                n -= 1
        add(TestA)
    """,
    "a metaclass with a __new__": """
        import unittest
        class Meta(type):
            def __new__(mcs, name, bases, body):
                body["test_new"] = lambda self: None
                return super().__new__(mcs, name, bases, body)
        class TestA(unittest.TestCase, metaclass=Meta): pass
        TestB = Meta("TestB", (unittest.TestCase,), {})
    """,
    "a list that others may have changed": """
        import random, unittest
        class TestA(unittest.TestCase): pass
        names = ["a", "b"]
        random.seed(3)
        random.shuffle(names)
        names.pop()
        for n in names[:1]:
            setattr(TestA, "test_" + n, lambda self: None)
    """,
    "a decorator that makes another class": """
        import functools, unittest
        def twice(cls):
            class Other(cls):
                def test_other(self): pass
            return functools.wraps(cls, updated=())(Other)
        @twice
        class TestA(unittest.TestCase):
            def test_a(self): pass
    """,
    "without end": """
        import unittest
        class TestA(unittest.TestCase):
            def test_own(self): pass
        def a(n, cls):
            return b(n + 1, cls)
        def b(n, cls):
            setattr(cls, f"test_{n}", lambda self: None)
            return a(n + 1, cls) if n < 100000 else cls
        try:
            a(0, TestA)
        except RecursionError:
            pass
    """,
}


@pytest.mark.parametrize("name", GIVEN_UP)
def test_given_up(tmp_path, name):
    assert check(tmp_path, {"test_it.py": GIVEN_UP[name]}) != {}


@pytest.mark.parametrize("text", [
    "TestA = type('TestA', (), {})\nsetattr(TestA, 'test_x', 3)\n",
    "for i in range(10**9): globals()['TestX%d' % i] = type('X', (), {})\n",
    "x = []\nx.append(x)\nfor y in x: setattr(y, 'test_a', x)\nsetattr(x, 'a', globals())\n",
    "d = {}\nd[d] = d\nglobals()[None] = 3\nglobals()['T'] = type('T', (T,), {})\n",
    "class TestA(TestA): pass\nsetattr(TestA, 'test_a', TestA)\nsetattr(TestA, 'test_b', lambda self: 0)\n",
    "def f(*a, b, **k): setattr(a[0], b, k)\nclass TestA: pass\nf(TestA, b='test_a')\nf(b=3)\nf(*TestA)\nf(**TestA)\n",
    "def f(cls): f(cls); setattr(cls, 'a', f)\nclass TestA: pass\nf(TestA)\n",
    "class M(type):\n  def __init__(c, n, b, d): M(n, b, {})\nclass TestA(metaclass=M): pass\n",
    "def f(c):\n  for i in range(4000):\n    for j in range(4000): setattr(c, f'test_{i}_{j}', f)\nclass TestA: pass\nf(TestA)\n",
    "def f(c): setattr(c, 'test_' + 'x' * 10**9, f); return c\n@f\nclass TestA: pass\n",
    "def f(c): setattr(c, ('a' * 60000 + '{0}{0}{0}{0}').format('b' * 60000) * 50000, f); return c\n@f\nclass TestA: pass\n",
])  # fmt: skip
def test_odd_code_is_no_trouble(tmp_path, text):
    write(tmp_path, {"test_it.py": text + "def test_last(): pass\n"})
    listed = tach_list(tmp_path)
    assert listed.returncode == 0, listed.stderr
    assert "test_it.py::test_last" in listed.stdout
