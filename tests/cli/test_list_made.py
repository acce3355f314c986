"""Classes and tests that a module's code makes: listed where the text says all of it, else marked, never guessed."""

import subprocess

import pytest

from running import SLOW
from test_list import TACH, environment, tach_list, write
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


#: what has gone wrong before: code whose effects are easily missed
ODD = {
    "this module by its name": "import sys\ndef f(): pass\nsetattr(sys.modules[__name__], 'test_x', f)\nthis = sys.modules[__name__]\nthis.test_y = f\nthis.__dict__['test_z'] = f\n",
    "this module in a function": "import sys\ndef f(): pass\ndef go():\n    setattr(sys.modules[__name__], 'test_x', f)\ngo()\n",
    "unknown into globals": "import pytest\ndef f(): pass\nglobals()['test_y'] = pytest.mark.skip(f)\n",
    "unknown classes into globals": "import unittest\ndef factory(n):\n    class T(unittest.TestCase):\n        if n == 'q':\n            def test_q(self): pass\n        def test_r(self): pass\n    return T\nfor n in 'qs':\n    globals()['Test' + n.upper()] = factory(n)\n",
    "a cached installer": "import functools\ndef f(): pass\n@functools.lru_cache\ndef install(): globals()['test_x'] = f\ninstall()\n",
    "an installer that counts": "class TestA: pass\nCOUNT = 0\ndef install():\n    global COUNT\n    COUNT += 1\n    setattr(TestA, f'test_{COUNT}', lambda self: None)\ninstall()\ninstall()\n",
    "a global statement": "import unittest\ndef go():\n    global TestX\n    TestX = type('TestX', (unittest.TestCase,), {'test_x': lambda self: None})\ngo()\n",
    "in a comprehension": "import os\nclass TestA: pass\ndef go(c):\n    [setattr(c, 'test_' + n, lambda self: None) for n in 'ab' if os.environ.get('HOME')]\ngo(TestA)\n",
    "in displays at the top": "def f(): pass\ndef make(n): globals()['test_' + n] = f\nx = [make(n) for n in 'ab']\ny = {make(n) for n in 'cd'}\nz = [make('e'), make('f')]\n",
    "in a conditional": "import os\nclass TestA: pass\nsetattr(TestA, 'test_x', lambda self: None) if os.environ.get('HOME') else None\n",
    "after an or": "import os\nclass TestA: pass\nos.environ.get('NO_SUCH') and setattr(TestA, 'test_x', lambda self: None)\nos.environ.get('NO_SUCH') or setattr(TestA, 'test_y', lambda self: None)\n",
    "in an unknown branch": "import os\nclass TestA: pass\ndef reg(): setattr(TestA, 'test_r', lambda self: None)\ndef go():\n    if os.environ.get('HOME'):\n        r = reg()\ngo()\nr = globals().update({'test_u': lambda: None})\n",
    "a class as decorator": "class deco:\n    def __new__(cls, c):\n        setattr(c, 'test_new', lambda self: None)\n        return c\n@deco\nclass TestA:\n    def test_a(self): pass\n",
    "an instance as decorator": "class Deco:\n    def __call__(self, c):\n        setattr(c, 'test_new', lambda self: None)\n        return c\nd = Deco()\n@d\nclass TestA:\n    def test_a(self): pass\n",
    **{
        f"a list that changes: {change}": f"import os\nNAMES = ['a', 'b']\ndef fill(names=None): NAMES.append('f')\nclass Cfg:\n    names = NAMES\n    @classmethod\n    def add(cls, n): cls.names.append(n)\ndef reg(f):\n    NAMES.append(f.__name__)\n    return f\nclass TestA: pass\n{change}\nfor n in NAMES:\n    setattr(TestA, 'test_' + n, lambda self: None)\n"
        for change in (
            "for x in 'cd': NAMES.append(x)", "NAMES[0] = 'z'", "NAMES.remove('a')", "del NAMES[0]", "ALIAS = NAMES\nALIAS.append('g')", "fill()", "fill(NAMES)",
            "if os.environ.get('HOME'): NAMES.append('h')", "while len(NAMES) < 4: NAMES.append('w')", "@reg\ndef other(): pass", "Cfg.names.append('i')", "Cfg.add('j')",
            "NAMES += ['k']", "NAMES.insert(0, 'l')", "NAMES.sort(reverse=True)", "NAMES.clear()", "[NAMES.append(x) for x in 'mn']", "x = NAMES.pop()", "x = fill()",
            "with open(os.devnull): NAMES.append('o')", "try: NAMES.append('p')\nfinally: pass", "NAMES.extend(NAMES)", "NAMES[:] = ['q']", "x, NAMES[1] = 1, 'r'",
        )
    },
    "a dict that changes": "D = {'a': 1, 'b': 2}\nclass TestA: pass\ndel D['a']\nD['c'] = 3\nfor n in D:\n    setattr(TestA, 'test_' + n, lambda self: None)\n",
    "exceptions in loops": "class TestA: pass\ndef go():\n    for n in ('1', 'x', '2'):\n        try:\n            int(n)\n        except ValueError:\n            continue\n        setattr(TestA, 'test_' + n, lambda self: None)\ngo()\n",
    **{
        f"an exception: {text}": f"class TestA: pass\ndef go(cls, n):\n    try:\n        {text}\n    except Exception:\n        return\n    setattr(cls, 'test_x', lambda self: None)\ngo(TestA, 'b')\ntry:\n    {text.replace('n', chr(39) + 'b' + chr(39)) if text.startswith('assert') else text.replace('int(n)', 'int(3)')}\n    setattr(TestA, 'test_top', lambda self: None)\nexcept Exception:\n    pass\n"
        for text in ("{}['k']", "int('x')", "1 / 0", "assert n != 'b'", "int(n)", "[][0]", "'a' + 1", "no_such_name", "object().nothing", "raise ValueError")
    },
    "what is deleted again": "def f(): pass\nclass TestA: pass\ng = globals()\nglobals()['test_a'] = f\ndel test_a\nglobals()['test_b'] = f\ndel globals()['test_b']\nglobals()['test_c'] = f\nglobals().pop('test_c')\nsetattr(TestA, 'test_z', lambda self: None)\ndel TestA.test_z\n",
    "what becomes something else": "def f(): pass\nglobals()['test_a'] = f\nglobals()['test_a'] = None\nglobals()['test_b'] = None\nglobals()['test_b'] = f\n",
    "what was there": "class TestA:\n    def test_a(self): pass\nclass Other:\n    def test_o(self): pass\nglobals()['TestA'] = type('TestA', (Other,), {})\n",
    "names of the function around": "import pytest\nvalues = [1, 2, 3]\ndef make(values):\n    @pytest.mark.parametrize('v', values)\n    def test(v): pass\n    return test\ntest_y = make(['c'])\n",
    "a property": "class Maker:\n    def __init__(self, c):\n        if self.on:\n            setattr(c, 'test_on', lambda self: None)\n    @property\n    def on(self): return False\nclass TestA: pass\nMaker(TestA)\n",
    "what a decorator gave": "def none(f): return None\n@none\ndef helper(): pass\nclass TestA: pass\ndef go(c):\n    if helper:\n        setattr(c, 'test_h', lambda self: None)\ngo(TestA)\n",
    "__getattr__": "class Any:\n    def __getattr__(self, name): return True\nclass TestA: pass\ndef go(c):\n    if not hasattr(Any(), 'x'):\n        setattr(c, 'test_x', lambda self: None)\ngo(TestA)\n",
    "a walrus": "n = 'glob'\ndef f(): pass\ndef go():\n    (n := 'loc')\n    globals()['test_' + n] = f\ngo()\n",
    "nonlocal": "def f(): pass\ndef go():\n    n = 'a'\n    def inner():\n        nonlocal n\n        n = 'b'\n    inner()\n    globals()['test_' + n] = f\ngo()\n",
    "after an unknown continue": "import os\ndef f(): pass\ndef go():\n    last = 'a'\n    for n in ('b', 'c'):\n        if os.environ.get('HOME'):\n            continue\n        last = n\n    globals()['test_' + last] = f\ngo()\n",
    "a comprehension in a class": "import unittest\nx = 'out'\ndef deco(c):\n    for n in c.names:\n        setattr(c, 'test_' + n, lambda self: None)\n    return c\n@deco\nclass TestA(unittest.TestCase):\n    x = 'in'\n    names = [x for _ in range(1)]\n",
    "formats": "def f(): pass\nn = 'a'\nglobals()[f'test_{n = }'] = f\nglobals()[f'test_{n!r:>5}'] = f\nglobals()['test_{:>3}'.format(n)] = f\nglobals()['test_%5s' % n] = f\nglobals()['test_%(a)s' % {'a': 1}] = f\n",
    "methods of text": "class TestA: pass\nfor n in 'a\\x1cb c'.split() + ['xAy'.swapcase(), ' q '.strip(), 'ß'.upper(), 'a-b'.title(), 'x_y'.capitalize()]:\n    setattr(TestA, 'test_' + n, lambda self: None)\n",
    "numbers": "class TestA: pass\nfor n in [True + 1, 7 // 2, -7 // 2, -7 % 3, 2 ** 3, 1 == True, 3 / 2, 10 ** 20, 0x1f, 1_000, not 0, 1 < 2 < 1]:\n    setattr(TestA, f'test_{n}', lambda self: None)\n",
    "falsy": "class TestA: pass\nfor n in ['' or 'a', [] or 'b', 0 or 'c', None or 'd', {} or 'e', 'f' and 'g', () and 'h']:\n    setattr(TestA, f'test_{n}', lambda self: None)\n",
    "closures over a loop's variable": "class TestA: pass\nfs = [lambda: n for n in 'ab']\nfor f in fs:\n    setattr(TestA, 'test_' + f(), lambda self: None)\n",
    "defaults that are shared": "class TestA: pass\ndef go(n, seen=[]):\n    seen.append(n)\n    setattr(TestA, 'test_' + ''.join(seen), lambda self: None)\ngo('a')\ngo('b')\n",
    "a metaclass that sets attributes itself": "class Meta(type):\n    def __init__(cls, name, bases, body):\n        cls.test_new = lambda self: None\n    def __setattr__(cls, name, value): pass\nclass TestA(metaclass=Meta):\n    def test_a(self): pass\n",
    "super": "import unittest\nclass Meta(type):\n    def __init__(cls, name, bases, body):\n        super().__init__(name, bases, body)\n        setattr(cls, 'test_' + name.lower(), lambda self: None)\nclass TestA(unittest.TestCase, metaclass=Meta): pass\n",
    "delattr": "import unittest\ndef data(c):\n    for n in list(c.__dict__):\n        if n.startswith('test_'):\n            setattr(c, n + '_1', c.__dict__[n])\n            delattr(c, n)\n    return c\n@data\nclass TestA(unittest.TestCase):\n    def test_a(self): pass\n",
    "a list in itself": "class TestA: pass\ndef go(c):\n    a = []\n    a.append(a)\n    b = []\n    b.append(b)\n    try:\n        a == b\n    except RecursionError: pass\n    setattr(c, 'test_x', lambda self: None)\ngo(TestA)\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_nothing_is_invented_or_lost(tmp_path, name):
    check(tmp_path, {"test_it.py": ODD[name]})


@pytest.mark.parametrize("text", [
    "def go(c):\n    a = []\n    a.append(a)\n    b = []\n    b.append(b)\n    if a == b: setattr(c, 'x', 1)\nclass TestA: pass\ngo(TestA)\n",
    "def go(c):\n    s = 'x'\n    for i in range(60): s = s + s\n    setattr(c, 'test_' + s, go)\nclass TestA: pass\ngo(TestA)\n",
    "def go(c):\n    s = 'x'\n    for i in range(60): s = f'{s}{s}'\n    for i in range(60): s = '%s%s' % (s, s)\n    for i in range(60): s = s.replace('x', 'xx')\n    for i in range(4000): s = s.upper() + s.lower()\n    setattr(c, s, go)\nclass TestA: pass\ngo(TestA)\n",
    "def go(c):\n    l = ['x' * 1000]\n    for i in range(40): l.extend(l)\n    setattr(c, ','.join(l), go)\nclass TestA: pass\ngo(TestA)\n",
    "def go(c):\n    C = object\n    for i in range(4000): C = type('C', (C,), {'test_%d' % i: go})\n    globals()['TestC'] = C\n    setattr(c, 'a', C)\nclass TestA: pass\ngo(TestA)\n",
    "def go(c):\n    a, b, t = [], [], ()\n    for i in range(60): a, b, t = [a, a], [b, b], (t, t)\n    if a == b or isinstance(a, t) or 'x'.startswith(t): setattr(c, 'x', 1)\nclass TestA: pass\ngo(TestA)\n",
    "def go(c):\n    for i in range(0, 9223372036854775807, 4611686018427387904): setattr(c, f'test_{i}', go)\nclass TestA: pass\ngo(TestA)\n",
    "def go(c):\n    d = {}\n    for i in range(4000):\n        for k in range(4000): d[i, k] = d\n    setattr(c, 'x', d)\nclass TestA: pass\ngo(TestA)\n",
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
    command = ["/bin/sh", "-c", f"ulimit -v 1500000; ulimit -t {5 * SLOW}; exec {TACH} list"]
    listed = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60 * SLOW)
    assert listed.returncode == 0, listed.stderr
    assert "test_it.py::test_last" in listed.stdout


def test_names_do_not_write_to_the_terminal(tmp_path):
    write(tmp_path, {"test_it.py": "class TestA: pass\nsetattr(TestA, 'test\\x1b[31m\\nx', lambda self: None)\n"})
    shown = tach_list(tmp_path, "-v").stdout
    assert shown == "test_it.py::TestA::test?[31m?x\n"
