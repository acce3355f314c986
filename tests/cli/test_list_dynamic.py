"""What `tach list` follows into other files, what it says is not sure, and the facts that it prints as JSON."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import textwrap

import pytest

from test_list import TACH, environment, pytest_list, tach_list, write


def entries(folder, *args):
    listed = tach_list(folder, "--format=json", *args)
    assert listed.returncode in (0, 5), listed.stderr
    return [json.loads(line) for line in listed.stdout.splitlines()]


def check(folder, files, *args):
    """What is static is what pytest collects; the rest is stood for by dynamic entries, which are returned."""
    write(folder, {"pytest.ini": "[pytest]\n", **files})
    expected = pytest_list(folder, *args)
    found = entries(folder, *args)
    static = [e["nodeid"] for e in found if not e["dynamic"]]
    dynamic = {e["nodeid"]: e["why"] for e in found if e["dynamic"]}
    assert [n for n in expected if n in static] == static
    for nodeid in set(expected) - set(static):
        parts = nodeid.split("[")[0].split("::")
        assert nodeid in dynamic or any("::".join(parts[:n]) in dynamic for n in range(1, len(parts) + 1)), nodeid
    return dynamic


FILES = {
    "fixtures under other names": {
        "lib.py": """
            import pytest
            @pytest.fixture(params=["a", "b"])
            def fix(request): return request.param
            @pytest.fixture(name="named", params=[5, 6])
            def _named(request): return request.param
            @pytest.fixture(autouse=True, params=["auto"])
            def _auto(request): return request.param
        """,
        "test_a.py": """
            import pytest
            import lib
            from lib import fix as other, _auto, _named as hidden
            @pytest.fixture(params=[1, 2])
            def poly(request): return request.param
            p1 = poly
            p2 = p1
            attr = lib.fix
            direct = pytest.fixture(params=["x", "y"])(lambda request: request.param)
            def plain(): return 3
            plainfix = pytest.fixture(plain)
            twice = pytest.fixture(plain, params=[1, 2])
            short = pytest.fixture(lambda: 1)
            module = pytest.fixture(scope="module")(lambda request: 1)
            def test_alias(p1, p2): pass
            def test_import_as(other): pass
            def test_named(named): pass
            def test_attr(attr): pass
            def test_direct(direct, twice): pass
            def test_plain(plainfix, short, module): pass
            class Base:
                @pytest.fixture(params=["q", "r"])
                def meth(self, request): return request.param
            class TestD(Base):
                alias = Base.meth
                def test_d(self, alias): pass
        """,
    },
    "fixtures by way of further files": {
        "lib.py": """
            import pytest
            from pytest import fixture as fix
            @pytest.fixture (params=[5, 6], name = "named")
            def _named(request): return request.param
            @fix(autouse=True, params=["auto"])
            def _auto(request): return request.param
        """,
        "lib2.py": "from lib import _auto as automatic, _named\n",
        "test_a.py": "from lib2 import automatic\ndef test_a(): pass\n",
        "test_b.py": "from lib2 import _named\ndef test_b(named): pass\n",
        "test_c.py": "import lib\nx = lib._auto\ndef test_c(): pass\n",
        "test_d.py": "import lib\nx, y = lib._auto, lib._named\nclass TestD:\n    z = lib._auto\n    def test_d(self, named): pass\n",
        "sub/conftest.py": "from lib2 import *\n",
        "sub/test_e.py": "def test_e(): pass\n",
        "sub/pkg/__init__.py": "",
        "sub/pkg/conftest.py": "from .fixtures import *\n",
        "sub/pkg/fixtures/__init__.py": "from .one import every\n",
        "sub/pkg/fixtures/one.py": "import pytest\n@pytest.fixture(autouse=True, params=[3])\ndef every(request): pass\n",
        "sub/pkg/test_f.py": "def test_f(): pass\n",
    },
    "fixtures of a plugin of the project's": {
        "plug.py": "import pytest\n@pytest.fixture(autouse=True, params=[1, 2])\ndef plugged(request): pass\n",
        "more.py": "import pytest\n@pytest.fixture(params=['m'])\ndef more(request): pass\n",
        "conftest.py": "pytest_plugins = ('plug', 'more')\n",
        "test_a.py": "def test_a(more): pass\n",
    },
    "fixtures of one name in one file": {
        "test_a.py": """
            import pytest
            @pytest.fixture(name="n", params=[1])
            def b(request): pass
            @pytest.fixture(name="n", params=[2])
            def a(request): pass
            @pytest.fixture(params=[3])
            def other(request): pass
            @pytest.fixture(name="other", params=[4])
            def z(request): pass
            def test_a(n, other): pass
        """,
    },
    "fixtures that are used and asked for": {
        "test_a.py": """
            import pytest
            @pytest.fixture(params=["a", "b"])
            def first(): pass
            @pytest.fixture(params=["c", "d"])
            def second(): pass
            @pytest.mark.usefixtures("second")
            def test_both(first): pass
            @pytest.mark.usefixtures("second")
            class TestC:
                @pytest.mark.usefixtures("first")
                def test_marks(self): pass
                def test_args(self, first, second): pass
        """,
    },
    "conditions in functions": {
        "lib.py": """
            import sys, unittest
            def can():
                "Doc."
                if sys.platform == "wasi":
                    return False
                elif sys.platform == "emscripten":
                    return sys.unknown
                else:
                    return True
            CAN = can()
            def needs(*, module=False):
                if module:
                    if not CAN:
                        raise unittest.SkipTest("no")
        """,
        "test_a.py": "import lib\nlib.needs(module=True)\nif lib.can():\n    def test_can(): pass\nelse:\n    def test_not(): pass\n",
    },
    "functions that become methods": {
        "test_a.py": "class TestA: pass\ndef test_f(self=None): pass\nTestA.test_f = test_f\nclass TestB:\n    test_f = test_f\n",
    },
    "generators as parameters": {
        "test_a.py": "import pytest\n@pytest.mark.parametrize('g', [(i for i in range(2)), (c for c in open), [1]])\ndef test_g(g): pass\n".replace("open", "'ab'"),
    },
    "bases in other files": {
        "base.py": "import unittest\nclass Base(unittest.TestCase):\n    def test_base(self): pass\nclass Mixin:\n    def test_mixed(self): pass\n",
        "pkg/__init__.py": "from .deep import *\n",
        "pkg/deep.py": "from base import Base as B\n__all__ = ['Deep', 'K']\nclass Deep(B):\n    def test_deep(self): pass\nclass _Hidden(B): pass\nK = 3\n",
        "test_a.py": "import base, pkg\nfrom base import Mixin\nclass A(base.Base):\n    def test_a(self): pass\nclass TestM(Mixin): pass\nclass D(pkg.Deep): pass\n",
        "test_b.py": "from pkg import *\nimport pytest\n@pytest.mark.parametrize('k', [K, K + 1])\ndef test_k(k): pass\n",
        "test_c.py": "from test_a import A, TestM\nfrom test_b import test_k as test_other\nfrom json import *\n",
        "sub/__init__.py": "",
        "sub/common.py": "class Shared:\n    def test_shared(self): pass\n    def test_gone(self): pass\n",
        "sub/test_d.py": "from . import common\nfrom .common import Shared\nclass TestD(Shared):\n    test_gone = None\nclass TestE(common.Shared): pass\n",
    },
    "constants in other files": {
        "data.py": "import enum\nclass Color(enum.Enum):\n    RED = 1\nclass Text(str, enum.Enum):\n    A = 'a text'\nVALUES = [1, 'two']\nMORE = VALUES + [3]\n",
        "test_a.py": "import data, pytest\nfrom data import Color, MORE as M, Text\n@pytest.mark.parametrize('a', M)\ndef test_m(a): pass\n"
        "@pytest.mark.parametrize('a', data.VALUES)\ndef test_v(a): pass\n@pytest.mark.parametrize('a', [Color.RED, Color, data, Text.A])\ndef test_e(a): pass\n",
        "marks.py": "import pytest\nboth = [pytest.mark.parametrize('a', [1, 2]), pytest.mark.slow]\none = pytest.mark.parametrize('a', 'xy' and ['x'])\nten = pytest.mark.parametrize('a', [10])\n",
        "test_b.py": "from marks import both as pytestmark, ten\nimport marks\ndef test_a(a): pass\n",
        "test_c.py": "import marks\n@marks.ten\ndef test_ten(a): pass\n",
    },
    "fixtures with params": {
        "conftest.py": "import pytest\n@pytest.fixture(params=['c', 'd'], ids=['C', None])\ndef conf(request): return request.param\n"
        "@pytest.fixture(scope='session')\ndef wide(): pass\n@pytest.fixture(params=[1, pytest.param(2, id='zwei')], autouse=False)\ndef number(request): pass\n",
        "test_a.py": "import pytest\n@pytest.fixture\ndef uses(conf, number): pass\n@pytest.mark.parametrize('x', [True])\ndef test_uses(x, uses): pass\n"
        "def test_number(number, tmp_path): pass\n@pytest.mark.parametrize('conf', ['direct'])\ndef test_direct(conf): pass\n"
        "@pytest.mark.parametrize('conf', [5, 6], indirect=True)\ndef test_indirect(conf): pass\n@pytest.mark.usefixtures('number')\ndef test_used(): pass\n",
        "sub/conftest.py": "import pytest\n@pytest.fixture(params=[7, 8])\ndef number(number, request): pass\n@pytest.fixture(autouse=True, params=['auto'])\ndef every(request): pass\n",
        "sub/test_b.py": "import pytest\ndef test_sub(number): pass\nclass TestC:\n    @pytest.fixture(params=['own'])\n    def number(self, request): pass\n    def test_c(self, number): pass\n",
        "other/conftest.py": "import pytest\n@pytest.fixture\ndef number(number): pass\n@pytest.fixture(name='named', params=[None])\ndef _named(request): pass\n",
        "other/test_e.py": "def test_super(number): pass\ndef test_named(named): pass\n",
    },
}


@pytest.mark.parametrize("name", FILES)
def test_followed(tmp_path, name):
    assert not check(tmp_path, FILES[name])


CASES = {
    "fixtures that say too little": ({
        "test_a.py": """
            import functools, os, pytest
            auto_fixture = functools.partial(pytest.fixture, autouse=True)
            class TestA:
                @auto_fixture(params=["q"])
                def auto(self, request): pass
                def test_a(self): pass
            class TestB:
                more = {"autouse": True, "params": [1]}
                @pytest.fixture(**more)
                def every(self, request): pass
                def test_b(self): pass
            @pytest.fixture(params=[1])
            def gone(request): pass
            other = gone
            del gone
            def test_other(other): pass
            if os.environ.get("HOME"):
                @pytest.fixture(params=[1])
                def by_turns(request): pass
                @pytest.fixture(params=[2])
                def perhaps(request): pass
                @pytest.mark.parametrize("x", [1, 2])
                def test_turn(x): pass
            else:
                @pytest.fixture
                def by_turns(request): pass
                def test_turn(): pass
            def test_turns(by_turns): pass
            def test_perhaps(perhaps): pass
        """,
    }, {
        "test_a.py::TestA::test_a": "params of fixture auto: auto_fixture may say more of it",
        "test_a.py::TestB::test_b": "params of fixture every: its arguments are unpacked",
        "test_a.py::test_other": "params of fixture other: gone is not known",
        "test_a.py::test_turn": "its parameters depend on a condition",
        "test_a.py::test_turns": "params of fixture by_turns: it depends on a condition",
        "test_a.py::test_perhaps": "params of fixture perhaps: it depends on os.environ.get(\"HOME\")",
    }),
    **{
        f"{place}": ({"test_a.py": f"import builtins, contextlib, lib\n{text}\ndef test_own(): pass\n", "lib.py": "def test_t(): pass\n"}, {"test_a.py": f"{call} may add tests"})
        for place, text, call in [
            ("exec() of an import", "exec('from lib import *')", "exec('from lib import *')"),
            ("exec() of an attribute", "exec('test_t = lib.test_t')", "exec('test_t = lib.test_t')"),
            ("exec() of escapes", "exec('d\\x65f test_t(): pass')", "exec('d\\x65f test_t(): pass')"),
            ("exec() by another name", "run = exec\nrun('def test_t(): pass')", "exec"),
            ("exec() of builtins", "builtins.exec('def test_t(): pass')", "builtins.exec('def test_t(): pass')"),
            ("exec() in an expression", "x = [1, True and exec('def test_t(): pass')]", "exec('def test_t(): pass')"),
            ("exec() in a condition", "if exec('def test_t(): pass'): pass", "exec('def test_t(): pass')"),
            ("exec() in a with statement", "with contextlib.nullcontext(exec('def test_t(): pass')): pass", "exec('def test_t(): pass')"),
            ("exec() handed on", "list(map(exec, ['def test_t(): pass']))", "exec"),
            ("exec() of no names", "exec('def test_t(): pass', None)", "exec('def test_t(): pass', None)"),
            ("exec() in a class", "class A:\n    exec('def test_t(): pass', globals())", "exec('def test_t(): pass', globals())"),
        ]
    },
    "exec() that makes no tests": ({
        "test_a.py": """
            def test_a(): pass
            exec("import os, sys")
            exec("def test_b(): pass", {})
            class TestA:
                exec("import os")
                def test_c(self): exec("def test_d(): pass", globals())
            def execute(exec=None): exec("def test_e(): pass", globals())
            x = lambda: exec("def test_f(): pass", globals())
        """,
    }, {}),
    "exec() in a class's expressions": ({
        "test_a.py": """
            class TestA:
                x = exec("def test_m(self): pass")
                def test_own(self): pass
            class TestB:
                [exec("def test_m(self): pass", locals())]
        """,
    }, {"test_a.py::TestA": "its body calls exec()", "test_a.py::TestB": "its body calls exec()"}),
    "exec()": ({
        "test_a.py": """
            import unittest
            TEMPLATE = "def test_%d(self): pass"
            class Mixin:
                for n in range(2):
                    exec(TEMPLATE % n)
                del n
            class TestMixed(Mixin): pass
            class Case(Mixin, unittest.TestCase):
                def test_own(self): pass
            class TestOne:
                exec(TEMPLATE % 1)
        """,
        "test_b.py": """
            def text(n): return "def test_%d(): pass" % n
            for n, names in {1: "ab", 2: "c"}.items():
                for name in names:
                    exec(text(n))
        """,
        "test_c.py": """
            exec("import os")
            exec("def test_a(): pass", {})
            def test_b(): pass
        """,
    }, {
        "test_a.py::Case": "its body calls exec()",
        "test_a.py::TestMixed": "its body calls exec()",
        "test_a.py::TestOne": "its body calls exec()",
        "test_b.py": "exec(text(n)) may add tests",
    }),
    "a decorator that sets attributes": (
        {
            "test_a.py": """
                import os
                def deco(case):
                    if os.environ.get("HOME"):
                        case.extra = 3
                        case.test_added = case.test_a
                        case.test_gone = None
                    return case
                @deco
                class TestA:
                    def test_a(self): pass
                    def test_b(self): pass
                    def test_gone(self): pass
            """
        },
        {
            "test_a.py::TestA": "its decorator deco sets attributes",
            "test_a.py::TestA::test_a": "the decorator deco may set it",
            "test_a.py::TestA::test_gone": "the decorator deco may set it",
        },
    ),
    "__test__ that is computed": (
        {"test_a.py": "class TestA:\n    @property\n    def __test__(self): return True\n    def test_a(self): pass\n"},
        {"test_a.py::TestA::test_a": "its __test__ is not known"},
    ),
    "a class that makes classes": (
        {
            "test_a.py": """
                import unittest
                class Base(unittest.TestCase):
                    def test_a(self): pass
                    @classmethod
                    def make(cls): return type("Made", (cls,), {})
                made = Base.make()
            """
        },
        {"test_a.py::made": "value of Base.make()"},
    ),
    "condition": (
        {"test_a.py": "import os\nif os.environ.get('HOME'):\n    def test_a(): pass\nelse:\n    def test_b(): pass\ndef test_c(): pass\n"},
        {"test_a.py::test_a": "depends on os.environ.get('HOME')", "test_a.py::test_b": "depends on os.environ.get('HOME')"},
    ),
    "either way": (
        {"test_a.py": "import os\nif os.environ.get('HOME'):\n    def test_a(): pass\nelse:\n    def test_a(): pass\n"},
        {},
    ),
    "what is there": (
        {
            "test_a.py": "try:\n    import nowhere_to_be_found\nexcept ImportError:\n    nowhere_to_be_found = None\n    def test_without(): pass\n"
            "else:\n    def test_with(): pass\nif nowhere_to_be_found is None:\n    def test_none(): pass\nelse:\n    def test_some(): pass\n"
        },
        {},
    ),
    "skipped module": (
        {"test_a.py": "import os, pytest\nif not os.environ.get('NO_SUCH_VARIABLE'):\n    pytest.skip('no', allow_module_level=True)\ndef test_a(): pass\n"},
        {"test_a.py::test_a": "pytest.skip() leaves the module out, depending on not os.environ.get('NO_SUCH_VARIABLE')"},
    ),
    "importorskip": (
        {"test_a.py": "import pytest\npytest.importorskip('json')\ndef test_a(): pass\n", "test_b.py": "import pytest\nx = pytest.importorskip('nowhere_to_be_found')\ndef test_b(): pass\n"},
        {"test_b.py::test_b": "module nowhere_to_be_found is not found (line 2)"},
    ),
    "helper that skips": (
        {"helper.py": "import unittest\ndef needs(x):\n    if not x:\n        raise unittest.SkipTest('no')\n", "test_a.py": "import os, helper\nhelper.needs(os.environ.get('HOME'))\nhelper.needs(len('abc'))\ndef test_a(): pass\n"},
        {"test_a.py::test_a": "helper.needs(os.environ.get('HOME')) may leave the module out"},
    ),
    "metaclass": (
        {"test_a.py": "class Meta(type):\n    def __init__(cls, *a):\n        cls.test_made = lambda self: None\n        super().__init__(*a)\nclass TestA(metaclass=Meta):\n    def test_a(self): pass\n"},
        {"test_a.py::TestA": "its metaclass Meta may make tests"},
    ),
    "setattr": (
        {"test_a.py": "import os\nclass TestA:\n    def test_a(self): pass\nfor n in range(os.cpu_count()):\n    setattr(TestA, f'test_{n}', lambda self: None)\n"},
        {
            "test_a.py::TestA": "setattr() on line 5",
            "test_a.py": "for n in range(os.cpu_count()): setattr(TestA, f'test_{n}', ... may add tests",
        },
    ),
    "globals": (
        {"test_a.py": "import os\ndef test_a(): pass\nfor n in range(os.cpu_count()):\n    globals()[f'test_{n}'] = lambda: None\n"},
        {"test_a.py": "globals()[f'test_{n}'] is assigned to"},
    ),
    "class from a call": (
        {"test_a.py": "import os\nclass Base:\n    def test_a(self): pass\ndef make(base):\n    return type(os.environ.get('NAME', 'TestX'), (base,), {})\nTestMade = make(Base)\n"},
        {"test_a.py::TestMade": "value of make(Base)"},
    ),
    "unknown value": (
        {"test_a.py": "import os, pytest\n@pytest.mark.parametrize('a', [1, os.getpid()])\ndef test_a(a): pass\n"},
        {"test_a.py::test_a": "parametrize: os.getpid()"},
    ),
    "pytest_generate_tests": (
        {"conftest.py": "def pytest_generate_tests(metafunc):\n    if 'a' in metafunc.fixturenames:\n        metafunc.parametrize('a', [1, 2])\n", "test_a.py": "def test_a(a): pass\ndef test_b(): pass\n"},
        {"test_a.py::test_a": "pytest_generate_tests may parametrize it"},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_not_sure(tmp_path, name):
    files, dynamic = CASES[name]
    assert check(tmp_path, files) == dynamic


def test_a_module_that_is_not_there(tmp_path):
    write(tmp_path, {"test_a.py": "import nowhere_to_be_found\ndef test_a(): pass\n", "test_b.py": "def test_b(): pass\n"})
    assert [(e["nodeid"], e["dynamic"]) for e in entries(tmp_path)] == [("test_a.py::test_a", True), ("test_b.py::test_b", False)]


def test_facts(tmp_path):
    text = """\
import sys, unittest, pytest
from unittest import mock
from base import Base
pytestmark = pytest.mark.whole
@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no")
@pytest.mark.parametrize("a", [1])
def test_a(a, tmp_path, *, capsys, b=3): pass
@mock.patch("os.getcwd")
@mock.patch("os.getpid", new=None)
def test_patched(getcwd, request): pass
@pytest.mark.usefixtures("here")
class TestB(Base):
    @pytest.mark.xfail
    def test_b(self, there): pass
class C(unittest.TestCase):
    @unittest.skipUnless(sys.platform == "x", "no")
    def test_c(self): pass
"""
    write(tmp_path, {"test_a.py": text, "base.py": "\n\nclass Base:\n    def test_base(self): pass\n"})
    found = {e.pop("nodeid").split("::", 1)[1]: e for e in entries(tmp_path)}
    a = found["test_a[1]"]
    assert a == {
        "file": "test_a.py",
        "line": 5,
        "markers": ["parametrize", "skipif", "slow", "whole"],
        "conditions": [{"name": "skipif", "arguments": 'sys.platform == "win32", reason="no"'}],
        "fixtures": a["fixtures"],
        "dynamic": False,
    }
    assert {"tmp_path", "capsys"} <= set(a["fixtures"]) and "b" not in a["fixtures"]
    assert "request" in found["test_patched"]["fixtures"] and "getcwd" not in found["test_patched"]["fixtures"]
    assert found["test_patched"]["line"] == 9
    assert found["TestB::test_b"]["markers"] == ["xfail", "usefixtures", "whole"]
    assert {"here", "there"} <= set(found["TestB::test_b"]["fixtures"])
    assert (found["TestB::test_base"]["file"], found["TestB::test_base"]["line"]) == ("base.py", 4)
    assert found["C::test_c"]["markers"] == ["whole"]
    assert found["C::test_c"]["conditions"] == [{"name": "skipUnless", "arguments": 'sys.platform == "x", "no"'}]


def test_lines_are_pytest_s(tmp_path):
    module = """\
# a comment

import pytest


def helper():
    '''A text.'''

    return [1,
            2]

@pytest.mark.slow  # why
# not
@pytest.mark.other
def test_a():
    # comment
    x = '''

    '''
    def inner(): pass

class TestB:

    'doc'

    def test_b(self): pass
    @pytest.fixture
    def f(self):
        yield

    async def test_c(
        self,
    ):
        pass
"""
    write(tmp_path, {"pytest.ini": "[pytest]\nmarkers = slow\n other\n", "test_a.py": module})
    plugin = "import json\ndef pytest_collection_finish(session):\n    print('LINES', json.dumps({i.nodeid: i.location[1] + 1 for i in session.items}))\n"
    write(tmp_path, {"plugin_lines.py": plugin})
    command = ["/usr/bin/python3", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "-p", "plugin_lines"]
    done = subprocess.run(command, cwd=tmp_path, env={**environment(), "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    lines = json.loads(re.search("LINES (.*)", done.stdout).group(1))
    assert {e["nodeid"]: e["line"] for e in entries(tmp_path)} == lines


def test_dynamic_is_marked_for_people(tmp_path):
    write(tmp_path, {"test_a.py": "import os, pytest\n@pytest.mark.parametrize('a', os.listdir())\ndef test_a(a): pass\ndef test_b(): pass\nglobals()[str(os.getpid())] = 1\n"})
    assert tach_list(tmp_path).stdout == "test_a.py::test_a\ntest_a.py::test_b\n"
    shown = tach_list(tmp_path, "-v").stdout.splitlines()
    assert shown[0] == "test_a.py::test_a  (dynamic: parametrize: os.listdir())"
    assert shown[1] == "test_a.py::test_b"
    assert shown[2].startswith("test_a.py  (dynamic: globals()")


def test_encodings(tmp_path):
    write(
        tmp_path,
        {
            "pytest.ini": "[pytest]\n",
            "test_latin.py": "# -*- coding: latin-1 -*-\nimport pytest\n@pytest.mark.parametrize('a', ['é', b'x'])\ndef test_latin(a): pass\n".encode("latin-1"),
            "test_cp.py": "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nimport pytest\n@pytest.mark.parametrize('a', ['€'])\ndef test_cp(a): pass\n".encode("cp1252"),
            "test_koi.py": "# coding: koi8-r\nimport pytest\n@pytest.mark.parametrize('a', ['я'])\ndef test_koi(a): pass\n".encode("koi8-r"),
        },
    )
    assert tach_list(tmp_path).stdout.splitlines() == pytest_list(tmp_path)


@pytest.mark.parametrize("body", [
    "import a, , b", "import a b", "from a import b,, c", "from a import (b", "from a import *, b", "from a import",
    "x = {'a': 1 'b': 2}", "x = {'a': 'b' 'c': 'd'}", "def f(a *args): pass", "f = lambda a *b: 0", "def f(a b): pass",
    "[x for x in x] = x", "[a + b] = 1", "(a if b else c) = 1", "try:\n    pass",
    "for a in b: pass\nelif c: pass", "try: pass\nelse: pass", "except A: pass", "while a:\n    try: pass\nx = 1",
    "x = = 2", "f(a=1=2)", "x = [1, 2", "class A(: pass", "a b", "1 +", "x = (1, 2]",
])  # fmt: skip
def test_errors_in_bodies_are_seen(tmp_path, body):
    """Most bodies are not parsed: what is wrong in them must be seen all the same."""
    text = "def test_a():\n" + textwrap.indent(body, "    ") + "\n"
    with pytest.raises(SyntaxError):
        compile(text, "test_it.py", "exec")
    write(tmp_path, {"test_it.py": text, "test_nested.py": "class TestA:\n" + textwrap.indent(text, "    ") + "x = 1\n"})
    found = entries(tmp_path)
    assert found and all(e["dynamic"] for e in found)


@pytest.mark.parametrize("body", [
    "import a, b.c as d", "from . import a", "from .. b import (c, d,)", "from a import *", "from a import b as c, d",
    "x = {'a': 1, 'b': 2, **c}", "x = {a: b for a, b in c}", "x = {'a': 'b' 'c', 'd': 1 if a else 2}", "def f(a=1 * 2, *b, c: int = 3 + 4, **d): pass",
    "f = lambda a=1 + 2, *b: {a: b}", "x[[a for a in b][0]] = 1", "(a, b) = [c, *d] = e", "(a + b).c = 1", "f(a + b).c = 1",
    "try: pass\nexcept A: pass\nexcept: pass\nelse: pass\nfinally: pass", "try:\n    pass\nfinally:\n    pass\nx = 1",
    "if a: pass\nelif b: pass\nelif c: pass\nelse: pass", "for a in b: pass\nelse: pass", "while a:\n    if b: pass\nelse:\n    pass",
    "async def f():\n    async for a in b: pass\n    else: pass\n    async with a as b: pass",
])  # fmt: skip
def test_bodies_without_errors_are_none(tmp_path, body):
    text = "def test_a():\n" + textwrap.indent(body, "    ") + "\n"
    if "*" not in body or "import *" not in body:
        compile(text, "test_it.py", "exec")
        write(tmp_path, {"test_it.py": text})
        assert [e["dynamic"] for e in entries(tmp_path)] == [False]


def test_files_that_python_does_not_take(tmp_path):
    write(
        tmp_path,
        {
            "test_a.py": "def test_a(): pass\n",
            "test_body.py": "def test_body():\n    x = 1\n    y = = 2\n",
            "test_nul.py": b"def test_n(): pass\n\0",
            "test_utf16.py": "def test_u(): pass\n".encode("utf-16"),
            "test_bad.py": b"x = '\xff'\ndef test_b(): pass\n",
            "test_cookie.py": b"# coding: no-such-codec\ndef test_c(): pass\n",
        },
    )
    listed = tach_list(tmp_path, "--format=json")
    found = {e["nodeid"]: e for e in map(json.loads, listed.stdout.splitlines())}
    assert [n for n, e in found.items() if not e["dynamic"]] == ["test_a.py::test_a"]
    assert found["test_body.py::test_body"]["why"] == "syntax error (line 3)"
    for name, reason in (("nul", "NUL byte"), ("utf16", "UTF-16"), ("bad", "not UTF-8"), ("cookie", "encoding")):
        assert reason in found[f"test_{name}.py"]["why"]
        assert f"test_{name}.py" in listed.stderr
    assert "test_body.py:3: syntax error" in listed.stderr


def test_deep_and_large(tmp_path):
    write(
        tmp_path,
        {
            "test_a.py": "def test_a(): pass\n",
            "test_lists.py": "x = " + "[" * 10000 + "]" * 10000 + "\ndef test_lists(): pass\n",
            "test_binary.py": "import pytest\n@pytest.mark.parametrize('a', [" + "-" * 10000 + "1])\ndef test_binary(a): pass\n",
            "test_classes.py": "".join(" " * n + f"class Test{n}:\n" for n in range(99)) + " " * 99 + "def test_x(self): pass\n",
            "test_aliases.py": "class TestA:\n" + "".join(f"    A{n} = A{n - 1}\n" for n in range(1, 5000)) + "    def test_x(self): pass\n",
            "test_large.py": "X = [\n" + "    'some text that is in a list',\n" * 1500000 + "]\ndef test_large(): pass\n",
        },
    )
    assert (tmp_path / "test_large.py").stat().st_size > 50e6
    listed = tach_list(tmp_path)
    for name in ("a.py::test_a", "lists.py::test_lists", "large.py::test_large", "aliases.py::TestA::test_x"):
        assert f"test_{name}" in listed.stdout.splitlines(), listed.stderr
    assert "test_binary.py::test_binary" in listed.stdout


def test_what_is_no_python_many_times_over(tmp_path):
    """More open ends than tree-sitter can count, and what it does not get over in time."""
    parts = {"test_b.py": "(Base", "test_c.py": "if a: ", "test_d.py": "not ", "test_e.py": "import "}
    write(tmp_path, {"test_a.py": "def test_a(): pass\n", **{name: part * (700_000 // len(part)) for name, part in parts.items()}})
    listed = tach_list(tmp_path)
    assert (listed.stdout, listed.returncode) == ("test_a.py::test_a\n", 0)
    for name in parts:
        assert re.search(f"{name}:1: (syntax error|takes too long to parse|nested more)", listed.stderr)


NESTED = {
    "brackets": ("x = " + "[" * 10000 + "]" * 10000, "too many nested parentheses"),
    "201 brackets": ("x = " + "(" * 201 + ")" * 201, "too many nested parentheses"),
    "200 brackets": ("x = " + "(" * 199 + "[]" + ")" * 199, None),
    "brackets in a string": ("x = '" + "(" * 1000 + "'", None),
    "attributes": ("x = 1" + " .real" * 10000, "recursion"),
    "operators": ("x = " + "+".join(["1"] * 10000), "recursion"),
    "not": ("x = " + "not " * 10000 + "1", "MemoryError"),
    "indentation": ("".join(" " * n + "if 1:\n" for n in range(101)) + " " * 101 + "pass", "indentation"),
    "a long sum": ("x = " + "+".join(["1"] * 900), None),
    "carriage returns": ("def test_a(): pass\rdef test_b(): pass\r# \r\n", None),
}


@pytest.mark.parametrize("name", NESTED)
def test_what_is_nested_too_deeply_is_dynamic(tmp_path, name):
    text, error = NESTED[name]
    write(tmp_path, {"pytest.ini": "[pytest]\n", "test_a.py": text.encode() + b"\ndef test_last(): pass\n"})
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"], cwd=tmp_path, env=environment(), capture_output=True, text=True
    )
    listed = tach_list(tmp_path, "--format=json")
    found = [json.loads(line) for line in listed.stdout.splitlines()]
    if error is None:
        assert [e["nodeid"] for e in found if not e["dynamic"]] == [line for line in done.stdout.splitlines() if "::" in line]
        assert found and not listed.stderr
    else:
        assert done.returncode == 2 and error in done.stdout
        assert found and all(e["dynamic"] for e in found) and "test_a.py:" in listed.stderr


def test_unreadable_files_are_named():
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="tach-unreadable.") as place:
        folder = pathlib.Path(place)
        write(folder, {"pytest.ini": "[pytest]\n", "test_a.py": "def test_a(): pass\n", "test_b.py": "def test_b(): pass\n", "sub/test_c.py": ""})
        folder.chmod(0o755)
        (folder / "test_b.py").chmod(0)
        (folder / "sub").chmod(0)
        try:
            listed = subprocess.run([TACH, "list"], cwd=folder, env=environment(), capture_output=True, text=True, **user)
        except PermissionError:
            pytest.skip("an ordinary user cannot start tach where it is")
        finally:
            (folder / "sub").chmod(0o755)
    assert listed.stdout == "test_a.py::test_a\n" and listed.returncode == 0
    assert "test_b.py: Permission denied: not listed" in listed.stderr and "sub: Permission denied" in listed.stderr


def test_unreadable_and_vanishing(tmp_path):
    write(tmp_path, {"test_a.py": "def test_a(): pass\n"})
    (tmp_path / "test_gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "test_dir.py").mkdir()
    assert tach_list(tmp_path).stdout.splitlines() == ["test_a.py::test_a"]
    folder = pathlib.Path("/proc/self/fd")
    assert folder.exists()
    listed = subprocess.run([TACH, "list", "test_a.py", "test_gone.py"], cwd=tmp_path, env=environment(), capture_output=True, text=True)
    assert listed.returncode == 4 and "test_gone.py" in listed.stderr


def test_files_that_come_and_go_meanwhile(tmp_path):
    """Between being found and being read: named, or not there; what stays is listed each time."""
    write(tmp_path, {f"test_{n}.py": f"def test_{n}(): pass\n" for n in range(0, 200, 2)})
    stays = {f"test_{n}.py::test_{n}" for n in range(0, 200, 2)}
    script = (
        "import itertools, pathlib, sys\n"
        "for i in itertools.count():\n"
        "    for n in range(1, 200, 2):\n"
        "        path = pathlib.Path(f'test_{n}.py')\n"
        "        path.write_text(f'def test_{n}(): pass\\n') if i % 2 == 0 else path.unlink()\n"
    )
    busy = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path)
    try:
        for _ in range(40):
            done = subprocess.run([TACH, "list"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
            assert done.returncode == 0
            listed = set(done.stdout.splitlines())
            assert stays <= listed
            assert all(re.fullmatch(r"test_(\d+).py::test_\1", line) for line in listed)
            for line in done.stderr.splitlines():
                assert re.search(r"test_\d*[13579]\.py: No such file or directory", line), line
    finally:
        busy.kill()
        busy.wait()


def test_the_settings_file_that_is_given(tmp_path):
    files = {"test_a.py": "def test_a(): pass\ndef c_a(): pass\n", "check_a.py": "def test_a(): pass\ndef c_a(): pass\n"}
    settings = {
        "pytest.ini": "[pytest]\n",
        "other.ini": "[pytest]\npython_files = check_*.py\npython_functions = c_*\n",
        "other.cfg": "[tool:pytest]\npython_files = check_*.py\n",
        "other.toml": "[tool.pytest.ini_options]\npython_functions = 'c_*'\n",
    }
    write(tmp_path, {**files, **settings})
    for name in settings:
        assert check(tmp_path, {}, "-c", name) == {}


def test_classes_without_source_are_not_lost(tmp_path):
    native = {"native.cpython-311-x86_64-linux-gnu.so": b"", "native.abi3.so": b""}
    write(tmp_path, {"test_a.py": "from native import TestNative\nclass TestA(TestNative): pass\n", **native})
    found = {e["nodeid"]: e["why"] for e in entries(tmp_path)}
    assert found == {"test_a.py::TestNative": "native.TestNative is not known", "test_a.py::TestA": "its base native.TestNative is not known"}
