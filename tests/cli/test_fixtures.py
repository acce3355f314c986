"""`tach list --fixtures`: the fixtures of every test are those of pytest, in its order; what is wrong is said before
anything runs, in pytest's words, and nothing is said where code could make it right."""

import json
import os
import pathlib
import subprocess
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))
DUMP = """
    import json, os
    def pytest_collection_finish(session):
        tests = {}
        for item in session.items:
            name = getattr(item, "originalname", None) or item.name
            tests.setdefault(item.parent.nodeid + "::" + name, []).append(list(item.fixturenames))
        with open(os.environ["DUMP"], "w") as file:
            json.dump(tests, file)
"""


def environment(**more):
    """PYTHONPATH may name another pytest than the machine's."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "VIRTUAL_ENV"))}
    if "PYTHONPATH" in more and "PYTHONPATH" in env:
        more["PYTHONPATH"] += ":" + env["PYTHONPATH"]
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", **more}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


class Listed:
    def __init__(self, folder, *args, env=None):
        done = subprocess.run(
            [TACH, "list", "--fixtures", "--format=json", *args], cwd=folder, env=environment(**(env or {})),
            capture_output=True, text=True,
        )  # fmt: skip
        events = [json.loads(line) for line in done.stdout.splitlines()]
        self.code, self.err = done.returncode, done.stderr
        self.fixtures = [e for e in events if e["event"] == "fixture"]
        self.tests = {e["nodeid"]: e for e in events if e["event"] == "test"}
        self.problems = [e for e in events if e["event"] == "fixture_problem"]

    def fixture(self, name):
        (one,) = [f for f in self.fixtures if f["name"] == name]
        return one


def run_pytest(folder, *args, **env):
    command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", *args]
    return subprocess.run(command, cwd=folder, env=environment(**env), capture_output=True, text=True)


def pytest_fixtures(folder, *args):
    """node id without brackets -> the lists of fixture names of its tests."""
    dump = folder.parent / "dump"
    dump.mkdir(exist_ok=True)
    (dump / "dump_fixtures.py").write_text(textwrap.dedent(DUMP))
    done = run_pytest(folder, "--collect-only", "-p", "dump_fixtures", *args, PYTHONPATH=str(dump),
                      DUMP=str(dump / "out.json"))  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((dump / "out.json").read_text())


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "suite"
    path.mkdir()
    return path


SUITES = {
    "scopes": {
        "test_a.py": """
            import pytest
            @pytest.fixture
            def f(m): pass
            @pytest.fixture(scope="class")
            def c(): pass
            @pytest.fixture(scope="module")
            def m(s): pass
            @pytest.fixture(scope="package")
            def p(): pass
            @pytest.fixture(scope="session")
            def s(tmp_path_factory): pass
            def test_order(f, c, p, tmp_path, m): pass
            def test_default(f, c=1, *args, p=None, **kwargs): pass
            def test_keyword_only(*, f): pass
            def test_positional(a=1, /, c=2): pass
            class TestIt:
                def test_method(self, s, c): pass
                @staticmethod
                def test_static(s, c): pass
        """,
    },
    "autouse": {
        "conftest.py": """
            import pytest
            @pytest.fixture(autouse=True)
            def zeta(alpha): pass
            @pytest.fixture(autouse=True, scope="session")
            def omega(): pass
            @pytest.fixture
            def alpha(): pass
        """,
        "sub/conftest.py": """
            import pytest
            @pytest.fixture(autouse=1)
            def again(): pass
            @pytest.fixture(autouse=False)
            def never(): pass
        """,
        "sub/test_b.py": """
            import pytest
            @pytest.fixture(autouse=True)
            def own(): pass
            @pytest.fixture(autouse=True, name="another")
            def _a(own): pass
            class TestIt:
                @pytest.fixture(autouse=True)
                def inner(self, request): pass
                def test_a(self, alpha): pass
                class TestNested:
                    @pytest.fixture(autouse=True, scope="class")
                    def innermost(self): pass
                    def test_b(self): pass
            def test_c(): pass
        """,
        "test_a.py": "def test_d(): pass\n",
    },
    "overriding": {
        "conftest.py": """
            import pytest
            @pytest.fixture
            def db(request): pass
            @pytest.fixture
            def user(db): pass
        """,
        "a/conftest.py": """
            import pytest
            @pytest.fixture
            def db(db, tmp_path): pass
        """,
        "a/test_a.py": """
            import pytest
            @pytest.fixture
            def db(db, capsys): pass
            def test_module(user): pass
            class TestIt:
                @pytest.fixture
                def db(self, db, monkeypatch): pass
                def test_class(self, user): pass
                class TestInner:
                    @pytest.fixture
                    def user(self, user, recwarn): pass
                    def test_inner(self, user): pass
        """,
        "a/test_b.py": "def test_folder(user): pass\n",
        "b/test_c.py": "def test_root(user, caplog): pass\n",
        "test_d.py": """
            import pytest
            @pytest.fixture
            def tmp_path(tmp_path, db): pass
            def test_builtin(tmp_path): pass
        """,
    },
    "imports": {
        "conftest.py": "from helpers.fixtures import shared, _hidden as shown\nfrom helpers import *\n",
        "helpers/__init__.py": "from .more import *\nfrom .fixtures import renamed\n__all__ = ['renamed', 'extra']\n",
        "helpers/more.py": """
            import pytest
            @pytest.fixture
            def extra(shared): pass
            @pytest.fixture
            def not_exported(): pass
        """,
        "helpers/fixtures.py": """
            import pytest as pt
            from pytest import fixture
            fx = pt.fixture
            session = pt.fixture(scope="session")
            @pt.fixture(scope="module")
            def shared(given): pass
            @fixture(name="given", scope="module")
            def _given(tmp_path_factory): pass
            @fx
            def _hidden(shared): pass
            @session
            def renamed(): pass
        """,
        "test_a.py": """
            from helpers.fixtures import _given
            import helpers.fixtures
            def test_a(shared, shown): pass
            def test_b(renamed, extra): pass
        """,
        "test_b.py": "from test_a import _given as given\ndef test_c(given): pass\n",
    },
    "inheritance": {
        "base.py": """
            import pytest
            class Root:
                @pytest.fixture(autouse=True)
                def from_root(self, tmp_path): pass
                @pytest.fixture
                def value(self): pass
                def setup_method(self, method): pass
            class Mixin:
                @pytest.fixture
                def value(self, value_of_mixin): pass
                @pytest.fixture
                def value_of_mixin(self): pass
            class Shared(Root):
                pass
        """,
        "test_a.py": """
            import base, pytest
            from base import Shared, Mixin
            class TestOne(Shared):
                def test_one(self, value): pass
            class TestTwo(Mixin, base.Shared):
                from_root = None
                def test_two(self, value): pass
            class TestThree(TestTwo):
                @pytest.fixture
                def value_of_mixin(self, capsys): pass
            class TestTuple(tuple):
                pass
            TestAgain = TestOne
        """,
    },
    "marks": {
        "helpers.py": """
            import functools, pytest
            needs_tmp = pytest.mark.usefixtures("tmp_path")
            several = [pytest.mark.usefixtures("recwarn"), pytest.mark.slow]
            def keeps(f):
                @functools.wraps(f)
                def wrapper(*args, **kwargs): return f(*args, **kwargs)
                return wrapper
            def only_on(name): return pytest.mark.skipif(name == "x", reason="no")
        """,
        "pytest.ini": "[pytest]\nusefixtures = record_property caplog\nmarkers = slow\n",
        "test_a.py": """
            import functools, pytest, helpers
            from unittest import mock
            from helpers import needs_tmp, keeps, only_on
            pytestmark = [pytest.mark.usefixtures("m2", "m1"), pytest.mark.slow]
            m = pytest.fixture
            @m
            def m1(): pass
            @m
            def m2(): pass
            @m
            def x(request): pass
            @pytest.mark.usefixtures("capsys")
            @pytest.mark.usefixtures("x", "monkeypatch")
            def test_order(recwarn): pass
            @needs_tmp
            @helpers.needs_tmp
            @keeps
            @only_on("y")
            def test_imported(x): pass
            @pytest.mark.usefixtures("x")
            class TestIt:
                pytestmark = helpers.several
                @pytest.mark.usefixtures("capfd")
                def test_class(self, m1): pass
            @mock.patch("os.getcwd")
            @mock.patch.object(helpers, "keeps", new_callable=mock.Mock)
            @mock.patch("os.listdir", return_value=[])
            @mock.patch("os.sep", "/")
            @mock.patch.object(helpers, "keeps", None)
            @mock.patch.dict("os.environ", {})
            def test_patched(one, two, three, x): pass
            @mock.patch("os.getcwd")
            class TestPatched:
                @mock.patch("os.getpid")
                def test_both(self, a, b, x): pass
        """,
    },
    "parametrize": {
        "test_a.py": """
            import pytest
            NAMES = "a, b"
            @pytest.fixture(scope="session")
            def s(): pass
            @pytest.fixture
            def a(request, s, tmp_path): pass
            @pytest.fixture(params=[1, 2], scope="module")
            def p(capsys_like): pass
            @pytest.fixture(scope="module")
            def capsys_like(): pass
            @pytest.fixture
            def uses_a(a): pass
            @pytest.mark.parametrize("a", [1, 2])
            def test_direct(a): pass
            @pytest.mark.parametrize("a", [1, 2], indirect=True)
            def test_indirect(a): pass
            @pytest.mark.parametrize("a, b", [(1, 2)], indirect=["a"])
            def test_one_of_two(a, b): pass
            @pytest.mark.parametrize(NAMES, [(1, 2)])
            def test_named(b, a): pass
            @pytest.mark.parametrize(("a", "c"), [(1, 2)])
            def test_through(uses_a, c): pass
            def test_params(p, a): pass
            @pytest.mark.parametrize("p", [3])
            def test_params_given(p): pass
            @pytest.mark.parametrize("a", [1])
            class TestIt:
                @pytest.mark.parametrize("b", [2], indirect=False)
                def test_class(self, a, b, s): pass
        """,
    },
    "xunit": {
        "pkg/__init__.py": "",
        "pkg/test_a.py": """
            import unittest, pytest
            def setup_module(): pass
            def teardown_function(function): pass
            @pytest.fixture(autouse=True)
            def Upper(): pass
            @pytest.fixture(autouse=True)
            def lower(): pass
            def test_a(): pass
            class TestIt:
                @classmethod
                def setup_class(cls): pass
                def teardown_method(self): pass
                @pytest.fixture(autouse=True)
                def inner(self): pass
                def test_b(self): pass
                class TestInner:
                    @classmethod
                    def teardown_class(cls): pass
                    def test_c(self): pass
            class Cases(unittest.TestCase):
                def setup_method(self, method): pass
                @pytest.fixture(autouse=True)
                def in_case(self, tmp_path): pass
                def test_d(self): pass
            @pytest.mark.usefixtures("capsys")
            class More(Cases):
                def test_e(self): pass
            @unittest.skip("no")
            class Skipped(unittest.TestCase):
                def test_f(self): pass
        """,
        "test_nose.py": """
            def setup(): pass
            def test_a(): pass
            class TestNose:
                def setup(self): pass
                def test_b(self): pass
        """,
    },
    "plugins": {
        "conftest.py": "pytest_plugins = ['helpers.plugin', 'pytester']\n",
        "helpers/__init__.py": "",
        "helpers/plugin.py": """
            import pytest
            pytest_plugins = "helpers.second"
            @pytest.fixture
            def from_plugin(from_second, tmp_path): pass
            @pytest.fixture(autouse=True)
            def always(): pass
        """,
        "helpers/second.py": """
            import pytest
            @pytest.fixture(scope="session")
            def from_second(): pass
        """,
        "test_a.py": """
            pytest_plugins = ("local_plugin",)
            def test_a(from_plugin): pass
            def test_b(pytester): pass
            def test_c(local): pass
            def test_d(tmpdir, testdir): pass
        """,
        "local_plugin.py": "import pytest\n@pytest.fixture\ndef local(): pass\n",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SUITES)
def test_names_and_order_are_pytests(folder, name):
    write(folder, SUITES[name])
    expected = pytest_fixtures(folder)
    listed = Listed(folder)
    assert listed.code == 0 and listed.err == "", listed.err
    assert set(listed.tests) == set(expected)
    for nodeid, lists in expected.items():
        assert listed.tests[nodeid]["unsure"] is None, nodeid
        assert all(one == listed.tests[nodeid]["fixtures"] for one in lists), nodeid
    assert listed.problems == []


def test_a_later_conftest_of_a_folder_above_the_root_does_not_count(folder):
    write(folder.parent, {"conftest.py": "import pytest\n@pytest.fixture\ndef above(): pass\n"})
    write(folder, {"pytest.ini": "[pytest]\n", "test_a.py": "def test_a(above): pass\n"})
    (problem,) = Listed(folder).problems
    assert problem["message"] == "fixture 'above' not found"
    assert "fixture 'above' not found" in run_pytest(folder).stdout


def test_set_up_order_is_a_sorted_graph(folder):
    write(
        folder,
        {
            "test_a.py": """
                import pytest
                @pytest.fixture
                def app(db, config): pass
                @pytest.fixture
                def db(engine): pass
                @pytest.fixture(scope="session")
                def engine(config): pass
                @pytest.fixture(scope="session")
                def config(): pass
                def test_a(app): pass
            """
        },
    )
    order = Listed(folder).tests["test_a.py::test_a"]["order"]
    assert order == ["config", "engine", "db", "app"]
    shown = run_pytest(folder, "--setup-plan").stdout
    assert order == [line.split()[2] for line in shown.splitlines() if line.split()[:1] == ["SETUP"]]


PROBLEMS = {
    "missing": (
        {
            "conftest.py": "import pytest\n@pytest.fixture\ndef database(): pass\n",
            "test_a.py": "\n\ndef test_a(databse): pass\n",
        },
        ("missing", "test_a.py", 3, "fixture 'databse' not found", "did you mean 'database'?"),
    ),
    "missing in a fixture": (
        {
            "conftest.py": """
                import pytest

                @pytest.fixture
                def user(tmp_pth): pass
            """,
            "test_a.py": "def test_a(user): pass\ndef test_b(user): pass\n",
        },
        ("missing", "conftest.py", 4, "fixture 'tmp_pth' not found", "did you mean 'tmp_path'?"),
    ),
    "missing in usefixtures": (
        {"test_a.py": "import pytest\n@pytest.mark.usefixtures('zzzzqq')\ndef test_a(): pass\n"},
        ("missing", "test_a.py", 2, "fixture 'zzzzqq' not found", None),
    ),
    "missing in a base class of another file": (
        {
            "base.py": """
                import pytest
                class Base:
                    @pytest.fixture(autouse=True)
                    def always(self, nonesuch): pass
            """,
            "test_a.py": "from base import Base\nclass TestIt(Base):\n    def test_a(self): pass\n",
        },
        ("missing", "base.py", 4, "fixture 'nonesuch' not found", None),
    ),
    "out of sight": (
        {
            "a/conftest.py": "import pytest\n@pytest.fixture\ndef only_in_a(): pass\n",
            "a/test_a.py": "def test_a(only_in_a): pass\n",
            "b/test_b.py": "def test_b(only_in_a): pass\n",
        },
        ("missing", "b/test_b.py", 1, "fixture 'only_in_a' not found", None),
    ),
    "cycle": (
        {
            "test_a.py": """
                import pytest
                @pytest.fixture
                def a(b): pass
                @pytest.fixture
                def b(c): pass
                @pytest.fixture
                def c(a): pass
                def test_a(a): pass
            """
        },
        ("cycle", "test_a.py", 7, "recursive dependency involving fixture 'a' detected", None),
    ),
    "cycle with itself": (
        {"test_a.py": "import pytest\n@pytest.fixture\ndef a(a): pass\ndef test_a(a): pass\n"},
        ("cycle", "test_a.py", 2, "recursive dependency involving fixture 'a' detected", None),
    ),
    "scope": (
        {
            "conftest.py": """
                import pytest
                @pytest.fixture
                def low(): pass
            """,
            "test_a.py": """
                import pytest
                @pytest.fixture(scope="module")
                def middle(low): pass
                @pytest.fixture(scope="class")
                def top(middle): pass
                def test_a(top): pass
            """,
        },
        (
            "scope", "test_a.py", 3,
            "ScopeMismatch: You tried to access the function scoped fixture low with a module scoped request object",
            "involved factories: test_a.py:3:  def middle(low); conftest.py:3:  def low()",
        ),
    ),
    "scope of one of pytest's own": (
        {
            "test_a.py": """
                import pytest
                @pytest.fixture(scope="session")
                def high(monkeypatch): pass
                def test_a(high): pass
            """
        },
        (
            "scope", "test_a.py", 3,
            "ScopeMismatch: You tried to access the function scoped fixture monkeypatch with a session scoped request "
            "object",
            ...,
        ),
    ),
    "scope of an argument": (
        {
            "test_a.py": """
                import pytest
                @pytest.fixture(scope="module")
                def value(): pass
                @pytest.fixture(scope="module")
                def user(value): pass
                @pytest.mark.parametrize("value", [1])
                def test_a(user, value): pass
            """
        },
        (
            "scope", "test_a.py", 5,
            "ScopeMismatch: You tried to access the function scoped fixture value with a module scoped request object",
            ...,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems_are_told_in_pytests_words(folder, name):
    files, (kind, file, line, message, hint) = PROBLEMS[name]
    write(folder, files)
    listed = Listed(folder)
    (problem,) = listed.problems
    assert (problem["kind"], problem["file"], problem["line"], problem["message"]) == (kind, file, line, message)
    if hint is not ...:
        assert problem["hint"] == hint
    assert f"tach: warning: {file}:{line}: {message}" in listed.err
    shown = " ".join(run_pytest(folder).stdout.split())
    assert message in shown
    assert listed.code == 0  # the list is as complete as ever


def test_one_problem_of_many_tests_is_told_once(folder):
    tests = "".join(f"def test_{i}(user): pass\n" for i in range(5))
    write(folder, {"conftest.py": "import pytest\n@pytest.fixture\ndef user(nonesuch): pass\n", "test_a.py": tests})
    listed = Listed(folder)
    (problem,) = listed.problems
    assert problem["tests"] == 5 and problem["nodeid"] == "test_a.py::test_0"
    assert "5 tests, first test_a.py::test_0" in listed.err


A_TEST = "def test_a(dynamic): pass\n"
CONFTEST = "import pytest\n@pytest.fixture\ndef other(): pass\n"
SILENT = {
    "setattr": {"conftest.py": """
        import pytest, sys
        def make(name):
            @pytest.fixture
            def f(): return 1
            setattr(sys.modules[__name__], name, f)
        make("dyn" + "amic")
    """},
    "globals": {"conftest.py": """
        import pytest
        for name in ["dyn"]:
            globals()[name + "amic"] = pytest.fixture(lambda: 1)
    """},
    "exec": {"conftest.py": "import pytest\nexec('@pytest.fixture\\ndef dyna' 'mic(): pass')\n"},
    "a call": {"conftest.py": "import pytest\ndef f(): pass\ndynamic = pytest.fixture(f)\n"},
    "a factory": {
        "factory.py": """
            import pytest
            def make(what):
                @pytest.fixture(name=what)
                def f(): return 1
                return f
        """,
        "conftest.py": "from factory import make\nanything = make('dyn' + 'amic')\n",
    },
    "a name that is no literal": {"conftest.py": """
        import pytest
        NAME = "".join(["dyna", "mic"])
        @pytest.fixture(name=NAME)
        def f(): pass
    """},
    "a star import of an unknown module": {
        "pytest.ini": "[pytest]\npythonpath =\n",
        "conftest.py": "import sys, os\nsys.path.append(os.path.dirname(__file__) + '/hi' + 'dden')\nfrom unknown import *\n",
        "hidden/unknown.py": "import pytest\n@pytest.fixture\ndef dynamic(): pass\n",
    },
    "pytest_generate_tests": {"conftest.py": """
        def pytest_generate_tests(metafunc):
            if "dynamic" in metafunc.fixturenames:
                metafunc.parametrize("dynamic", [1])
    """},
    "pytest_generate_tests of the module": {"test_a.py": """
        def pytest_generate_tests(metafunc):
            metafunc.parametrize("dynamic", [1])
        def test_a(dynamic): pass
    """},
    "pytest_generate_tests of the class": {"test_a.py": """
        class TestIt:
            def pytest_generate_tests(self, metafunc):
                metafunc.parametrize("dynamic", [1])
            def test_a(self, dynamic): pass
    """},
    "a plugin that is registered": {"conftest.py": """
        import pytest
        class Plugin:
            @pytest.fixture
            def dynamic(self): pass
        def pytest_configure(config):
            config.pluginmanager.register(Plugin())
    """},
    "plugins by name": {
        "conftest.py": "pytest_plugins = ['plu' + 'gin' + str(1)]\n",
        "plugin1.py": "import pytest\n@pytest.fixture\ndef dynamic(): pass\n",
    },
    "-p": {
        "pytest.ini": "[pytest]\naddopts = -p local\npythonpath = .\n",
        "local.py": "import pytest\n@pytest.fixture\ndef dynamic(): pass\n",
    },
    "either or": {"conftest.py": """
        import pytest
        try:
            import nonesuch
        except ImportError:
            @pytest.fixture
            def dynamic(): pass
    """},
    "a decorator that takes the argument": {"test_a.py": """
        def gives(f):
            def wrapper(): return f(1)
            return wrapper
        @gives
        def test_a(dynamic): pass
    """},
    "an unknown decorator of the class": {"test_a.py": """
        import pytest
        def adds(cls):
            cls.dynamic = pytest.fixture(lambda self: 1)
            return cls
        @adds
        class TestIt:
            def test_a(self, dynamic): pass
    """},
    "a metaclass": {"test_a.py": """
        import pytest
        class Meta(type):
            def __new__(cls, name, bases, ns):
                ns["dyn" + "amic"] = pytest.fixture(lambda self: 1)
                return type.__new__(cls, name, bases, ns)
        class TestIt(metaclass=Meta):
            def test_a(self, dynamic): pass
    """},
    "an unknown base class": {"test_a.py": """
        import pytest
        def base():
            class Base:
                @pytest.fixture
                def dynamic(self): pass
            return Base
        class TestIt(base()):
            def test_a(self, dynamic): pass
    """},
    "skipped": {"test_a.py": "import pytest\n@pytest.mark.skip\ndef test_a(dynamic): pass\n"},
    "skipped by a mark elsewhere": {
        "helpers.py": "import pytest\nno = pytest.mark.skipif(True, reason='no')\n",
        "test_a.py": "from helpers import no\n@no\ndef test_a(dynamic): pass\n",
    },
    "skipped module": {"test_a.py": "import pytest\npytest.importorskip('nonesuch')\ndef test_a(dynamic): pass\n"},
    "skipped by a hook": {"conftest.py": """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                item.add_marker(pytest.mark.skip)
    """},
    "expected to fail": {"test_a.py": "import pytest\n@pytest.mark.xfail\ndef test_a(dynamic): pass\n"},
    "getfixturevalue in vain": {"test_a.py": """
        import pytest
        def test_a(request):
            with pytest.raises(pytest.FixtureLookupError):
                request.getfixturevalue("dynamic")
    """},
    "a module with __getattr__": {
        "conftest.py": """
            import pytest
            def __dir__(): return ["dynamic"]
            def __getattr__(name):
                if name == "dynamic": return pytest.fixture(lambda: 1)
                raise AttributeError(name)
        """,
    },
    "a lambda": {"conftest.py": "import pytest\ndynamic = pytest.fixture(lambda: 1)\n"},
}  # fmt: skip


@pytest.mark.parametrize("name", SILENT)
def test_no_alarm_where_code_may_provide_it(folder, name):
    write(folder, {"test_a.py": A_TEST, "conftest.py": CONFTEST, **SILENT[name]})
    done = run_pytest(folder)
    assert done.returncode in (0, 5), done.stdout  # nothing is wrong with it
    listed = Listed(folder)
    assert listed.problems == [] and listed.err == ""


def test_no_alarm_where_plugins_cannot_be_known(folder, tmp_path):
    write(folder, {"test_a.py": A_TEST, "conftest.py": CONFTEST})
    assert len(Listed(folder).problems) == 1
    assert Listed(folder, env={"PYTEST_PLUGINS": "nonesuch"}).problems == []
    assert Listed(folder, env={"PYTEST_ADDOPTS": "-p nonesuch"}).problems == []
    assert Listed(folder, "-p", "nonesuch").problems == []
    python = tmp_path / "elsewhere" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    assert Listed(folder, "--python", str(python)).problems == []


def test_installed_plugins_are_known_by_their_files(folder, tmp_path):
    site = tmp_path / "venv" / "lib" / "python3.11" / "site-packages"
    write(
        tmp_path,
        {
            "venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.11.2\n",
            "venv/lib/python3.11/site-packages/pytest_thing.py": """
                import pytest
                @pytest.fixture(scope="session")
                def thing(tmp_path_factory): pass
                class Plugin:
                    @pytest.fixture
                    def given(self): pass
                def pytest_configure(config): config.pluginmanager.register(Plugin())
            """,
            "venv/lib/python3.11/site-packages/pytest_thing-1.dist-info/entry_points.txt":
                "[console_scripts]\nx = y\n\n[pytest11]\nthing = pytest_thing\n",
            "venv/lib/python3.11/site-packages/pytest_thing-1.dist-info/METADATA":
                "Metadata-Version: 2.1\nName: pytest-thing\nVersion: 1\n",
        },
    )  # fmt: skip
    assert site.is_dir()
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to("/usr/bin/python3")
    write(folder, {"test_a.py": "def test_a(given): pass\n"})  # by an object that the plugin registers
    assert Listed(folder, "--python", str(python)).problems == []
    assert [p["name"] for p in Listed(folder).problems] == ["given"]
    write(folder, {"test_a.py": "def test_a(thing): pass\n"})
    listed = Listed(folder, "--python", str(python))
    assert listed.problems == []
    assert listed.tests["test_a.py::test_a"]["fixtures"] == ["thing", "tmp_path_factory", "request"]
    (problem,) = Listed(folder).problems
    assert problem["name"] == "thing"
    (problem,) = Listed(folder, "--python", str(python), "-p", "no:thing").problems
    assert problem["name"] == "thing"


WRONG = {
    "conftest.py": "import pytest\n@pytest.fixture\ndef database(): pass\n",
    "test_a.py": """
        def test_wrong(databse): pass
        def test_wrong_too(databse): pass
        def test_right(database): pass
    """,
}


def tach(folder, *args):
    return subprocess.run([TACH, *args], cwd=folder, env=environment(), capture_output=True, text=True, timeout=60)


def test_a_run_says_it_first_and_has_pytests_outcomes(folder):
    write(folder, WRONG)
    done = tach(folder, "--format=json", "-p", "no:cacheprovider")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "start" and names.count("fixture_problem") == 2
    assert names.index("fixture_problem") < names.index("test")
    problem = events[names.index("fixture_problem")]
    assert problem == {
        "event": "fixture_problem", "kind": "missing", "name": "databse", "file": "test_a.py", "line": 2,
        "message": "fixture 'databse' not found", "hint": "did you mean 'database'?", "nodeid": "test_a.py::test_wrong",
        "tests": 1,
    }  # fmt: skip
    outcomes = {event["nodeid"]: event["outcome"] for event in events if event["event"] == "test"}
    assert outcomes == {
        "test_a.py::test_wrong": "error", "test_a.py::test_wrong_too": "error", "test_a.py::test_right": "passed",
    }  # fmt: skip
    assert done.returncode == 1 == run_pytest(folder).returncode
    shown = tach(folder, "-p", "no:cacheprovider").stdout
    line = "test_a.py:2: fixture 'databse' not found (did you mean 'database'?): test_a.py::test_wrong"
    assert line in shown and shown.index(line) < shown.index("ERROR at setup")


def test_a_run_of_other_tests_says_nothing(folder):
    write(folder, WRONG)
    for args in (["-k", "right"], ["test_a.py::test_right"], ["--deselect", "test_a.py::test_wrong"]):
        assert "fixture_problem" not in tach(folder, "--format=json", "-p", "no:cacheprovider", *args).stdout


CHOSEN = {
    "by name": (["-k", "wrong_too"], ["test_a.py::test_wrong_too"]),
    "by name, not": (["-k", "not too and not other"], ["test_a.py::test_wrong"]),
    "by mark": (["-m", "slow"], ["test_b.py::test_other"]),
    "by mark, not": (["-m", "not slow"], ["test_a.py::test_wrong", "test_a.py::test_wrong_too"]),
    "deselected": (["--deselect", "test_a.py"], ["test_b.py::test_other"]),
    "ignored": (["--ignore", "test_a.py"], ["test_b.py::test_other"]),
    "changed": (["--changed"], ["test_b.py::test_other"]),
    "named": (["test_b.py"], ["test_b.py::test_other"]),
}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_run_says_it_of_the_tests_that_it_selects(folder, name):
    if name == "changed" and "pytest" in os.environ.get("PYTHONPATH", ""):
        pytest.skip("PYTHONPATH has pytest, which imports by computed names: all is affected by every change")
    write(folder, WRONG)
    for command in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    write(folder, {"test_b.py": "import pytest\n@pytest.mark.slow\ndef test_other(nothing_like_it): pass\n"})
    args, expected = CHOSEN[name]
    done = tach(folder, "--no-isolation", "--format=json", "-p", "no:cacheprovider", *args)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["nodeid"] for e in events if e["event"] == "fixture_problem"] == expected, done.stderr


def test_shards_say_it_of_their_own_tests(folder):
    write(folder, WRONG | {"test_b.py": "def test_other(nothing_like_it): pass\n"})
    said = []
    for shard in ("1/2", "2/2"):
        done = tach(folder, "--no-isolation", "--format=json", "-p", "no:cacheprovider", "--shard", shard)
        said.append([e["nodeid"] for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "fixture_problem"])
    assert sorted(said) == [["test_a.py::test_wrong", "test_a.py::test_wrong_too"], ["test_b.py::test_other"]]


def test_what_is_said_of_a_fixture(folder):
    write(
        folder,
        {
            "conftest.py": """
                import pytest
                @pytest.fixture(scope="session", params=[1, 2])
                def db(tmp_path_factory): pass
            """,
            "a/conftest.py": """
                import pytest

                @pytest.fixture(scope="module",
                                autouse=True, name="db")
                def better(db, request):
                    request.getfixturevalue("late")
            """,
            "a/test_a.py": "def test_a(): pass\n",
        },
    )
    listed = Listed(folder)
    low = next(f for f in listed.fixtures if f["file"] == "conftest.py")
    high = next(f for f in listed.fixtures if f["file"] == "a/conftest.py")
    assert low == {
        "event": "fixture", "name": "db", "scope": "session", "file": "conftest.py", "line": 3, "function": "db",
        "baseid": "", "plugin": None, "params": True, "autouse": False, "requests": ["tmp_path_factory"], "asks": [],
        "overrides": None,
    }  # fmt: skip
    assert high == {
        "event": "fixture", "name": "db", "scope": "module", "file": "a/conftest.py", "line": 4, "function": "better",
        "baseid": "a", "plugin": None, "params": False, "autouse": True, "requests": ["db", "request"],
        "asks": ["late"], "overrides": {"file": "conftest.py", "line": 3, "plugin": None},
    }  # fmt: skip
    human = subprocess.run([TACH, "list", "--fixtures"], cwd=folder, env=environment(), capture_output=True, text=True)
    assert human.stdout.splitlines() == [
        "a/conftest.py:4: db [module, autouse] <- db, request (overrides conftest.py:3)",
        "conftest.py:3: db [session, params] <- tmp_path_factory",
    ]
    more = subprocess.run([TACH, "list", "--fixtures", "-v"], cwd=folder, env=environment(), capture_output=True, text=True)
    assert "/_pytest/tmpdir.py" in more.stdout and "capsys" in more.stdout


def test_graph(folder):
    write(
        folder,
        {
            "conftest.py": "import pytest\n@pytest.fixture(autouse=True)\ndef base(): pass\n",
            "test_a.py": """
                import pytest
                @pytest.fixture
                def base(base, request): request.getfixturevalue("late")
                @pytest.fixture
                def late(): pass
                def test_a(base): pass
                def test_b(tmp_path, request): request.getfixturevalue("late")
            """,
        },
    )
    done = subprocess.run([TACH, "list", "--graph=fixtures"], cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == "digraph fixtures {" and lines[-1] == "}"
    names = {line.split()[0]: line.split('"')[1] for line in lines if line.startswith("f") and "[label=" in line}
    edges = []
    for line in lines:
        if "->" in line:
            source, target = line.rstrip(";").split(" -> ")
            target, _, style = target.partition(" ")
            edges.append((names.get(source, source), names[target], style))
    assert sorted(edges) == [
        ('"test_a.py::test_a"', "base", ""),
        ('"test_a.py::test_b"', "base", ""),
        ('"test_a.py::test_b"', "late", "[style=dashed]"),
        ('"test_a.py::test_b"', "tmp_path", ""),
        ("base", "base", ""),
        ("base", "late", "[style=dashed]"),
        ("tmp_path", "tmp_path_factory", ""),
    ]


def test_wrong_use(folder):
    for args, message in (
        (["--fixtures"], "--fixtures: is for tach list"),
        (["list", "--graph=tests"], "--graph: unknown graph tests"),
    ):
        done = subprocess.run([TACH, *args], cwd=folder, env=environment(), capture_output=True, text=True)
        assert done.returncode == 4 and message in done.stderr
    done = subprocess.run([TACH, "list", "--fixtures"], cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 5 and done.stdout == ""


def test_python_is_not_started(folder, tmp_path):
    write(folder, {"test_a.py": "def test_a(tmp_path): pass\n"})
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    python.chmod(0o755)
    assert Listed(folder, "--python", str(python)).code == 0
    assert not (tmp_path / "started").exists()


@pytest.mark.parametrize(
    "text",
    [
        "def test_a(x: pass\n", "@pytest.fixture(\n", "class A(A): pass\nclass TestA(A):\n    def test_a(self): pass\n",
        "from test_a import *\ndef test_a(b): pass\n", "a = b\nb = a\nimport test_a\n@a\ndef test_a(a): pass\n",
        "pytest_plugins = 'test_a'\ndef test_a(): pass\n", "from . import *\nfrom .... import x\ndef test_a(x): pass\n",
        "class TestA:\n" + "".join("    " * i + f"class Test{i}:\n" for i in range(1, 90)) + "    " * 90 + "def test_a(self): pass\n",
        "\0\0\0", "def test_a" + "(" * 5000, "@a" * 3000 + "\ndef test_a(): pass\n",
    ],
    ids=range(11),
)  # fmt: skip
def test_odd_files_do_no_harm(folder, text):
    (folder / "test_a.py").write_text("import pytest\n" + text)
    (folder / "conftest.py").write_text("from conftest import *\nfrom test_a import *\n" + text)
    listed = Listed(folder)
    assert listed.code in (0, 5)


def test_the_list_of_tests_names_the_same_fixtures(folder):
    """What tach list says of a test is what tach list --fixtures says, without what only plugins ask for."""
    write(
        folder,
        {
            "conftest.py": "import pytest\n@pytest.fixture(autouse=True)\ndef every(tmp_path): pass\n@pytest.fixture(scope='session')\ndef wide(): pass\n",
            "sub/conftest.py": "import pytest\n@pytest.fixture\ndef near(wide, capsys): pass\n@pytest.fixture\ndef wide(wide): pass\n",
            "sub/test_a.py": """
                import pytest
                @pytest.fixture(scope="module", autouse=True)
                def own(): pass
                def test_a(near, monkeypatch): pass
                @pytest.mark.usefixtures("near")
                @pytest.mark.parametrize("a", [1, 2])
                def test_b(a, wide): pass
                class TestC:
                    @pytest.fixture
                    def near(self, near): pass
                    def test_c(self, near): pass
            """,
        },
    )
    listed = [json.loads(line) for line in tach(folder, "list", "--format=json").stdout.splitlines()]
    events = [json.loads(line) for line in tach(folder, "list", "--fixtures", "--format=json").stdout.splitlines()]
    full = {e["nodeid"]: [n for n in e["fixtures"] if n not in e["parametrized"]] for e in events if e["event"] == "test"}
    assert len(listed) == 4
    for entry in listed:
        names = full[entry["nodeid"].partition("[")[0]]
        assert sorted(entry["fixtures"]) == sorted(name for name in names if name in entry["fixtures"])
        if pytest.version_tuple < (8,):  # later ones have another order
            assert entry["fixtures"] == [name for name in names if name in entry["fixtures"]]
        if pytest.version_tuple < (9,):  # which adds what overridden fixtures ask for
            assert set(names) - set(entry["fixtures"]) <= {"tmp_path_factory", "request"}
