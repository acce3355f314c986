"""`tach list` prints what `pytest --collect-only -q` prints, on suites made for each rule."""

import os
import pathlib
import subprocess
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))


def environment():
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "PYTHONPATH"))}
    return {**env, "PYTHONDONTWRITEBYTECODE": "1"}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())


def tach_list(folder, *args):
    return subprocess.run([TACH, "list", *args], cwd=folder, env=environment(), capture_output=True, text=True)


def pytest_list(folder, *args):
    command = ["/usr/bin/python3", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *args]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode in (0, 5), done.stdout + done.stderr
    return [line for line in done.stdout.split("\n\n")[0].splitlines() if "::" in line]


def check(folder, files, *args):
    write(folder, files)
    expected = pytest_list(folder, *args)
    listed = tach_list(folder, *args)
    assert listed.stdout.splitlines() == expected
    assert listed.returncode == 0, listed.stderr
    assert expected


MODULES = {
    "functions": """
        async def test_async(): pass
        def helper(): pass
        def test_a(): pass
        def testing(): pass
        def check_me(): pass
        def test_generator():
            yield 1
        test_lambda = lambda: None
        test_alias = helper
        test_value = 3
    """,
    "redefinition": """
        def test_a(): pass
        def test_b(): pass
        def test_c(): pass
        def test_a(): pass
        del test_b
        def test_b(): pass
        test_c = None
    """,
    "blocks": """
        import sys
        if sys.platform == "win32":
            def test_windows(): pass
        elif sys.version_info >= (3, 8):
            def test_three(): pass
        else:
            def test_two(): pass
        if True:
            def test_if(): pass
            class TestIf:
                if not False:
                    def test_in(self): pass
        try:
            import json
        except ImportError:
            def test_without(): pass
        else:
            def test_with(): pass
        finally:
            def test_finally(): pass
        with open("/dev/null"):
            def test_with_file(): pass
        for i in range(2):
            def test_loop(): pass
        if __name__ == "__main__":
            def test_main(): pass
        if sys.version_info[0] == 2:
            pass
    """,
    "decorators": """
        import functools, pytest
        from unittest import mock
        def passes(f):
            @functools.wraps(f)
            def wrapper(*a, **k): return f(*a, **k)
            return wrapper
        @passes
        def test_wrapped(): pass
        @mock.patch("os.getcwd")
        def test_patched(getcwd): pass
        @pytest.fixture
        def test_fixture(): pass
        @pytest.fixture(scope="module")
        def test_fixture_called(): pass
        @pytest.mark.skip
        @pytest.mark.usefixtures("tmp_path")
        def test_marked(): pass
    """,
    "classes": """
        class TestA:
            def test_b(self): pass
            def test_a(self): pass
            def helper(self): pass
            class TestNested:
                def test_in(self): pass
                class TestDeeper:
                    def test_deep(self): pass
            @staticmethod
            def test_static(): pass
            @classmethod
            def test_class(cls): pass
            @property
            def test_property(self): pass
        class TestInit:
            def __init__(self): pass
            def test_a(self): pass
        class TestNew:
            def __new__(cls): pass
            def test_a(self): pass
        class TestInheritsInit(TestInit):
            def test_b(self): pass
        class Other:
            def test_a(self): pass
        class TestError(Exception):
            def test_a(self): pass
        class TestNot:
            __test__ = False
            def test_a(self): pass
        class TestNotEither(TestNot):
            def test_b(self): pass
        class TestAgain(TestNot):
            __test__ = True
            def test_c(self): pass
        class Wanted:
            __test__ = True
            def test_a(self): pass
        class TestOff:
            def test_a(self): pass
        TestOff.__test__ = False
        TestAlias = TestA
        def test_off(): pass
        test_off.__test__ = False
    """,
    "inheritance": """
        class Base:
            def test_base(self): pass
            def test_replaced(self): pass
            def test_removed(self): pass
            class TestInner:
                def test_inner(self): pass
        class Mixin:
            def test_mixin(self): pass
            def test_replaced(self): pass
        class TestChild(Mixin, Base):
            def test_child(self): pass
            def test_base(self): pass
            test_removed = None
        class A:
            def test_a(self): pass
        class B(A):
            def test_b(self): pass
        class C(A):
            def test_c(self): pass
        class TestDiamond(B, C):
            def test_d(self): pass
        class TestEmpty(B):
            pass
    """,
    "unittest": """
        import unittest
        from unittest import TestCase, IsolatedAsyncioTestCase as Async
        import unittest as ut
        class Cases(unittest.TestCase):
            def test_z(self): pass
            def test_a(self): pass
            def helper(self): pass
            def testB(self): pass
        class More(Cases):
            def test_m(self): pass
            test_a = None
        class Direct(TestCase):
            @unittest.skip("no")
            def test_skipped(self): pass
        class Alias(ut.TestCase):
            def test_x(self): pass
        class Coroutine(Async):
            async def test_y(self): pass
        class Run(TestCase):
            def runTest(self): pass
        class MixedIn:
            def test_mixed(self): pass
        class Both(MixedIn, TestCase):
            def test_both(self): pass
    """,
    "values": r"""
        import enum, math, re, decimal, os, pytest
        class Color(enum.Enum):
            RED = 1
        class Plain:
            pass
        def function(): pass
        X = 5
        NAME = "na" "me"
        @pytest.mark.parametrize("a", [1, -2, 0x1f, 1_000, 1.5, 1e10, 1e16, 1e-5, 0.0001, 1e22, -0.0, 123456789.125,
            1e300, 2.5e-7, 100.0, 10**20 if False else 3])
        def test_not_all_known(a): pass
        @pytest.mark.parametrize("a", [1, -2, 0x1f, 0o17, 0b11, 1_000, 1.5, 1e10, 1e16, 1e-5, 0.0001, 1e22, -0.0,
            123456789.125, 1e300, 2.5e-7, 100.0, 12345678901234567890123, -12345678901234567890123, 0.1, 1/3, 5e-324])
        def test_numbers(a): pass
        @pytest.mark.parametrize("a", ["", "a b", "tab\t", "nl\n", "quote'\"", "back\\slash", r"raw\n", "\x00\x7f\x1b",
            "é", "\u20ac", "\U0001f600", "caf\xe9", "[x]", "a::b", "日本", b"bytes", b"\xff\x00\\", "a" "b" 'c', "ab" * 3,
            "x" + "y", '''tri
        ple''', "con\
        tinued", "\101", "\q", f"f", "\ud800"])
        def test_strings(a): pass
        @pytest.mark.parametrize("a", [None, True, False, [1], (1,), {}, {1}, {"a": 1}, ..., lambda: 0, int, str, ValueError,
            len, function, Plain, Plain(), Color.RED, X, NAME, NotImplemented, object(), dict(), math.inf, -math.inf,
            float("nan"), float("inf"), re.compile("a.b\n"), decimal.Decimal("1.0"), os, "text".encode(), [x for x in []],
            1 + 2 * 3, 7 // 2, -7 // 2, 1 << 4, ~5, +3, not_known if False else 1] if False else [1])
        def test_conditional(a): pass
        @pytest.mark.parametrize("a", [None, True, False, [1], (1,), {}, {1}, {"a": 1}, ..., lambda: 0, int, str, ValueError,
            len, function, Plain, Plain(), Color.RED, X, NAME, NotImplemented, object(), dict(), math.inf, -math.inf,
            float("nan"), float("inf"), re.compile("a.b\n"), decimal.Decimal("1.0"), os, "text".encode(), [x for x in []],
            1 + 2 * 3, 7 // 2, -7 // 2, 1 << 4, ~5, +3, 2 ** 10, 1.5 * 2, True + 1])
        def test_objects(a): pass
    """,
    "parametrize": """
        import itertools, os, pytest
        import pytest as pt
        from pytest import mark, param
        parametrize = pytest.mark.parametrize
        stored = pytest.mark.parametrize("s", [1, 2])
        VALUES = [1, "two", param(3, id="three")]
        dict_of = {"k": "v", 5: 6}
        @pytest.mark.parametrize("a, b", [(1, 2), [3, 4], pytest.param(5, 6), pytest.param(7, 8, id="seven")])
        def test_two(a, b): pass
        @pytest.mark.parametrize(("a", "b"), [(1, "x"), (2, None)])
        def test_tuple(a, b): pass
        @pytest.mark.parametrize(["a"], [(1,), (2,)])
        def test_list_of_one(a): pass
        @pytest.mark.parametrize("a,", [1, (2, 3)])
        def test_comma(a): pass
        @pytest.mark.parametrize("a", [1, 1, 2, 1, "1"])
        def test_twice(a): pass
        @pytest.mark.parametrize("a", [0, 1])
        @pt.mark.parametrize("b", "xy" and ["x", "y"])
        def test_boolean(a, b): pass
        @pytest.mark.parametrize("a", [0, len(os.environ) > 1])
        def test_environment(a): pass
        @pytest.mark.parametrize("a", [f"{x}-{y}" for x in "ab" for y in range(3) if y != 1])
        def test_comprehension(a): pass
        @pytest.mark.parametrize("a, b", {"one": 1, "two": [2]}.items())
        def test_items(a, b): pass
        @pytest.mark.parametrize("a", dict_of)
        def test_keys(a): pass
        @pytest.mark.parametrize("a, b", itertools.product("xy", [1, 2]))
        def test_product(a, b): pass
        @pytest.mark.parametrize("a", sorted(dict_of, reverse=False) if False else sorted(["b", "a"]) + list(reversed([1, 2])))
        def test_sorted(a): pass
        @pytest.mark.parametrize("i, a", enumerate("one two".split(), 1))
        def test_enumerate(i, a): pass
        @pytest.mark.parametrize("a", [dict_of["k"], VALUES[0], VALUES[-1], "-".join(["p", "q"]).upper(), str(12), len("abc"), not 1, 3 > 2])
        def test_computed(a): pass
        @pytest.mark.parametrize("a", [1, None, "x", [2]], ids=lambda v: None if v is None else f"v{v}" if v == 1 else v)
        def test_ids_lambda(a): pass
        def name_of(value): return "is-" + str(value)
        @pytest.mark.parametrize("a, b", [(1, "x"), (2, "y")], ids=name_of)
        def test_ids_function(a, b): pass
        @pytest.mark.parametrize("a", [[1], [2]], ids=[f"n{n}" for n in range(2)])
        def test_ids_comprehension(a): pass
        def numbers(n, start=0):
            'A docstring.'
            return range(start, start + n)
        @pytest.mark.parametrize("a", numbers(2, start=5))
        def test_function(a): pass
        def with_numbers(*, n=2): return pytest.mark.parametrize("a", range(n))
        @with_numbers(n=3)
        def test_marker_function(a): pass
        def twice(name):
            def decorator(f): return pytest.mark.parametrize(name, [1, 2])(f)
            return decorator
        @twice("a")
        def test_decorator(a): pass
        def plain(f): return pytest.mark.parametrize("a", "p")(f)
        @plain
        def test_plain_decorator(a): pass
        @pytest.mark.parametrize("a", [0, 1])
        @pt.mark.parametrize("b", ["x", "y"])
        @mark.parametrize("c", (None,))
        def test_stacked(a, b, c): pass
        @parametrize("a", VALUES + [4])
        def test_alias(a): pass
        @stored
        def test_stored(s): pass
        @pytest.mark.parametrize("a", [1, 2, 3], ids=["one", None, "three"])
        def test_ids(a): pass
        @pytest.mark.parametrize("a", [[1], {}], ids=["x", "x"])
        def test_same_ids(a): pass
        @pytest.mark.parametrize("a", [1, "x", None, 2.5], ids=str)
        def test_ids_str(a): pass
        @pytest.mark.parametrize("a", [1, "x", None, 2.5], ids=repr)
        def test_ids_repr(a): pass
        @pytest.mark.parametrize(argvalues=[1, 2], argnames="a", ids=[10, True])
        def test_keywords(a): pass
        @pytest.mark.parametrize("a", [])
        def test_empty(a): pass
        @pytest.mark.parametrize("a,b", [])
        def test_empty_two(a, b): pass
        @pytest.mark.parametrize("a", range(3))
        def test_range(a): pass
        @pytest.mark.parametrize("a", [*range(2), *VALUES])
        def test_splat(a): pass
        @pytest.mark.parametrize("a", [pytest.param(1, marks=pytest.mark.skip), pytest.param([2], marks=[])])
        def test_marks(a): pass
        @pytest.mark.parametrize("a", [1, 2], indirect=True)
        def test_indirect(a): pass
        @pytest.fixture
        def a(request): return request.param
        @mark.parametrize("a", [
            1,  # one
            # nothing
            2,
        ])
        def test_comments(a): pass
        class TestMethods:
            ROWS = [(1, 2), (3, 4)]
            @mark.parametrize("x, y", ROWS)
            def test_rows(self, x, y): pass
    """,
    "pytestmark": """
        import pytest
        pytestmark = [pytest.mark.parametrize("m", ["m1", "m2"]), pytest.mark.filterwarnings("ignore")]
        def test_module(m): pass
        @pytest.mark.parametrize("f", [1, 2])
        def test_both(m, f): pass
        @pytest.mark.parametrize("c", ["c1", "c2"])
        class TestClass:
            @pytest.mark.parametrize("f", [1, 2])
            def test_all(self, m, c, f): pass
            @pytest.mark.parametrize("n", ["n1"])
            class TestNested:
                def test_nested(self, m, c, n): pass
        class TestVariable:
            pytestmark = pytest.mark.parametrize("v", [True])
            def test_variable(self, m, v): pass
        @pytest.mark.parametrize("b", ["b1"])
        class Base:
            def test_base(self, m, b, d): pass
        @pytest.mark.parametrize("d", ["d1", "d2"])
        class TestDerived(Base):
            def test_derived(self, m, b, d): pass
    """,
}
#: written with what no reader of the text can tell: compared without brackets
NOT_ALL_KNOWN = {"test_environment"}


@pytest.mark.parametrize("name", MODULES)
def test_module(tmp_path, name):
    write(tmp_path, {"pytest.ini": "[pytest]\n", "test_it.py": MODULES[name]})
    expected = []
    for nodeid in pytest_list(tmp_path):
        bare = nodeid.split("[")[0]
        if bare.split("::")[-1] not in NOT_ALL_KNOWN:
            expected.append(nodeid)
        elif bare not in expected:
            expected.append(bare)
    assert tach_list(tmp_path).stdout.splitlines() == expected
    assert expected


def test_order_of_files(tmp_path):
    one = "def test_x(): pass\n"
    names = ["test_b.py", "test_a.py", "a/test_z.py", "a/b_test.py", "b/test_y.py", "b/__init__.py", "b/c/test_q.py"]
    names += ["b/c/__init__.py", "b/d/test_r.py", "b/test.py", "Z/test_upper.py", "b/a_test.py", "helper.py"]
    names += [".hidden/test_h.py", "build/test_h.py", "x.egg/test_h.py", "__pycache__/test_h.py", "venv/test_h.py"]
    names += ["mine/test_v.py", "mine/bin/activate", "node_modules/test_h.py", "conftest.py", "a-b/test_s.py"]
    check(tmp_path, {"pytest.ini": "[pytest]\n", **dict.fromkeys(names, one)})


@pytest.mark.parametrize(
    "args",
    [
        ["a"],
        ["test_b.py", "a/test_z.py"],
        ["b", "a"],
        ["a", "a"],
        ["a", "a/test_z.py"],
        ["a/../a/./test_z.py"],
        ["test_b.py::test_x"],
        ["test_b.py::TestC"],
        ["test_b.py::TestC::test_m"],
        ["test_b.py::TestC::test_m[2]"],
        ["test_b.py::TestC::TestN::test_n", "test_b.py::test_x"],
        ["helper.py"],
        ["."],
    ],
    ids=" ".join,
)
def test_arguments(tmp_path, args):
    module = """
        import pytest
        def test_x(): pass
        def test_xx(): pass
        class TestC:
            @pytest.mark.parametrize("a", [1, 2])
            def test_m(self, a): pass
            class TestN:
                def test_n(self): pass
                def test_nn(self): pass
        class TestCC:
            def test_m(self): pass
    """
    names = ["test_b.py", "a/test_z.py", "a/x_test.py", "b/test_y.py", "b/__init__.py", "helper.py"]
    files = {"pytest.ini": "[pytest]\n", **{n: module for n in names}}
    check(tmp_path, files, *args)


@pytest.mark.parametrize(
    "name, text",
    [
        ("pytest.ini", "[pytest]\npython_files = check_*.py\npython_classes = Check *Suite\npython_functions = check_ *_spec\n"),
        (".pytest.ini", "[pytest]\npython_files =\n    check_*.py\n    # a comment\n    test_*.py\npython_functions=check\n"),
        ("tox.ini", "[tox]\npython_files = no\n[pytest]\npython_files: check_*.py test_*.py\n[other]\npython_files = no\n"),
        ("setup.cfg", "[tool:pytest]\ntestpaths = sub\nnorecursedirs = deep\n"),
        ("pyproject.toml", '[tool.pytest.ini_options]\npython_files = ["check_*.py"]\npython_functions = "check *_spec"\n'),
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["s*", "check_a.py"]\nminversion = "6.0"\n'),
        ("pytest.ini", "[pytest]\npython_files = sub/*.py\nnorecursedirs = sub/de*\n"),
        ("pytest.ini", ""),
    ],
)
def test_settings(tmp_path, name, text):
    module = """
        def test_a(): pass
        def check_b(): pass
        def c_spec(): pass
        class TestA:
            def test_a(self): pass
            def check_b(self): pass
        class CheckB:
            def check_b(self): pass
            def test_a(self): pass
        class ThisSuite:
            def c_spec(self): pass
            def test_a(self): pass
    """
    files = ["check_a.py", "test_a.py", "sub/test_c.py", "sub/check_c.py", "sub/deep/test_d.py", "sub/other.py"]
    for number, file in enumerate(files):
        write(tmp_path, {f"{file[:-3]}{number}.py": module})
    write(tmp_path, {"check_a.py": module})
    check(tmp_path, {name: text})


def test_precedence_of_settings(tmp_path):
    write(tmp_path, {"tox.ini": "[pytest]\npython_functions = tox\n", "setup.cfg": "[tool:pytest]\npython_functions = cfg\n"})
    check(tmp_path, {"test_a.py": "def tox(): pass\ndef cfg(): pass\ndef toml(): pass\ndef ini(): pass\n"})
    check(tmp_path, {"pyproject.toml": '[tool.pytest.ini_options]\npython_functions = "toml"\n'})
    check(tmp_path, {"pytest.ini": "[pytest]\npython_functions = ini\n"})


def test_below_the_root(tmp_path):
    files = {"pytest.ini": "[pytest]\ntestpaths = other\n", "sub/test_a.py": "def test_a(): pass\n"}
    write(tmp_path, {**files, "other/test_b.py": "def test_b(): pass\n"})
    for folder, args in (("sub", []), ("sub", ["."]), ("sub", ["../other"]), ("other", ["../sub/test_a.py::test_a"])):
        assert tach_list(tmp_path / folder, *args).stdout.splitlines() == pytest_list(tmp_path / folder, *args)


def test_texts(tmp_path):
    check(
        tmp_path,
        {
            "pytest.ini": "[pytest]\n",
            "test_bom.py": b"\xef\xbb\xbfdef test_bom(): pass\n",
            "test_crlf.py": b"import pytest\r\n@pytest.mark.parametrize('a', ['''x\r\ny'''])\r\ndef test_crlf(a):\r\n    pass\r\n",
            "test_empty.py": b"",
            "test_comment.py": b"# nothing",
            "test_no_end.py": b"def test_no_end(): pass",
            "test_\xc3\xa9.py".encode("latin-1").decode(): "def test_é(): pass\n",
        },
    )


@pytest.mark.parametrize("behind", ["#", "##  text", "   # text", "\r\n#"])
def test_a_comment_before_a_body(tmp_path, behind):
    """At the very beginning of the line behind the def's."""
    write(tmp_path, {"test_it.py": f"def test_a(x=1):\n{behind}\n    pass\ndef test_b():\n{behind}\n{behind}\n    pass\n"})
    assert tach_list(tmp_path).stdout.split() == ["test_it.py::test_a", "test_it.py::test_b"]


def test_syntax_error_is_named_and_the_rest_listed(tmp_path):
    write(tmp_path, {"test_a.py": "def test_a(): pass\n", "test_b.py": "def test_b(): pass\n\ndef test_c(:\n", "test_d.py": "def test_d(): pass\n"})
    listed = tach_list(tmp_path)
    assert "test_b.py:3" in listed.stderr
    assert "test_a.py::test_a" in listed.stdout and "test_d.py::test_d" in listed.stdout


def test_broken_files(tmp_path):
    write(tmp_path, {"test_a.py": "def test_a(): pass\n", "test_nul.py": b"def test_n(): pass\n\0\0\0", "test_deep.py": "x = " + "(" * 20000})
    write(tmp_path, {"test_loop.py": "TestA = TestB\nTestB = TestA\nx = [x, x]\n", "test_utf16.py": "def test_u(): pass".encode("utf-16")})
    (tmp_path / "test_dangling.py").symlink_to("nowhere.py")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "again").symlink_to(".")
    listed = tach_list(tmp_path)
    assert "loop: a link to a folder above it" in listed.stderr and "loop/" not in listed.stdout
    assert listed.returncode == 0
    assert "test_a.py::test_a" in listed.stdout.splitlines()


def test_missing_path(tmp_path):
    listed = tach_list(tmp_path, "nowhere")
    assert listed.returncode == 4
    assert "nowhere" in listed.stderr and len(listed.stderr.splitlines()) == 1


def test_nothing_is_started(tmp_path):
    write(tmp_path, {"test_a.py": "import nowhere\nraise SystemExit\ndef test_a(): pass\n"})
    listed = subprocess.run([TACH, "list"], cwd=tmp_path, env={"PATH": "/nonexistent"}, capture_output=True, text=True)
    assert listed.stdout == "test_a.py::test_a\n" and listed.returncode == 0
