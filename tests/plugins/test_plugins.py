"""Plugins of pytest under tach: the same outcomes as under pytest, and what else they are there for."""

import os
import re
import subprocess
import sys

import pytest

MODES = pytest.mark.parametrize("isolated", [True, False], ids=["cells", "no-isolation"])


@MODES
def test_asyncio(plugin, isolated):
    plugin.use("pytest_asyncio", "python3-pytest-asyncio")
    plugin.write(test_it="import asyncio, pytest, pytest_asyncio\n"
        "@pytest_asyncio.fixture\nasync def f(): await asyncio.sleep(0); yield 3; print('down')\n"
        "@pytest.mark.asyncio\nasync def test_pass(f): assert f == 3\n"
        "@pytest.mark.asyncio\nasync def test_fail(f): await asyncio.sleep(0.01); assert f == 4\n"
        "async def test_unmarked(): pass\n"
        "@pytest.mark.asyncio\nasync def test_process():\n"
        "    p = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1)\n"
        "    assert (await p.communicate())[0] == b'hi\\n' and p.returncode == 0\n",
        test_wide="import asyncio, pytest, pytest_asyncio\n"
        "@pytest.fixture(scope='module')\ndef event_loop(): loop = asyncio.new_event_loop(); yield loop; loop.close()\n"
        "@pytest_asyncio.fixture(scope='module')\nasync def wide(): yield []\n"
        "@pytest.mark.asyncio\nasync def test_wide(wide): wide.append(1)\n"
        "@pytest.mark.asyncio\nasync def test_wide_too(wide): assert wide == [1]\n")  # fmt: skip
    plugin.same("--asyncio-mode=strict", isolated=isolated)


@MODES
def test_anyio_and_trio(plugin, isolated):
    plugin.use("anyio", "python3-anyio")
    pytest.importorskip("trio")
    # what an import warns of, it would warn of in every worker
    plugin.write(test_it="import anyio, anyio._backends._trio, pytest\n"
        "@pytest.fixture(params=['asyncio', 'trio'])\ndef anyio_backend(request): return request.param\n"
        "@pytest.fixture\nasync def f(anyio_backend): yield anyio_backend\n"
        "@pytest.mark.anyio\nasync def test_it(f): await anyio.sleep(0); print(f)\n"
        "@pytest.mark.anyio\nasync def test_fail(f): await anyio.sleep(0); assert f == 'trio'\n")  # fmt: skip
    plugin.same(isolated=isolated)


@MODES
def test_mock(plugin, isolated):
    plugin.use("pytest_mock", "python3-pytest-mock")
    plugin.write(test_it="import os\n"
        "def test_patch(mocker): mocker.patch('os.getcwd', return_value='here'); assert os.getcwd() == 'here'\n"
        "def test_undone(): assert os.getcwd() != 'here'\n"
        "def test_spy(mocker): spy = mocker.spy(os.path, 'join'); os.path.join('a', 'b'); spy.assert_called_once_with('a', 'c')\n"
        "def test_session(session_mocker, class_mocker): session_mocker.patch('os.getpid', return_value=1); assert os.getpid() == 1\n")  # fmt: skip
    plugin.same(isolated=isolated)


@MODES
def test_timeout(plugin, tach, isolated):
    plugin.use("pytest_timeout", "python3-pytest-timeout")
    plugin.write(test_it="import pytest, time\ndef test_hang(): time.sleep(30)\n@pytest.mark.timeout(20)\ndef test_quick(): pass\n")
    plugin.same("--timeout=1", isolated=isolated)
    # by a thread, which ends the process: pytest's whole run, here the one test
    result = tach("--format=json", "-p", "no:cacheprovider", *(() if isolated else ("--no-isolation",)),
                  "--", "--timeout=1", "--timeout-method=thread")  # fmt: skip
    outcomes = {nodeid.partition("::")[2]: test["outcome"] for nodeid, test in result.tests().items()}
    assert outcomes == {"test_hang": "crashed", "test_quick": "passed"}


@MODES
def test_rerunfailures(plugin, isolated):
    plugin.use("pytest_rerunfailures", "python3-pytest-rerunfailures")
    plugin.write(test_it="import pytest\nn = 0\n"
        "def test_flaky():\n    global n; n += 1\n    assert n == 2\n"
        "def test_bad(): assert 0\n"
        "@pytest.mark.flaky(reruns=0)\ndef test_never(): assert 0\n")  # fmt: skip
    run = plugin.same("--reruns=2", isolated=isolated)
    assert (run.counts["rerun"], run.counts["passed"], run.counts["failed"]) == (3, 1, 2)


def test_xdist_is_there_and_does_nothing(plugin):
    pytest.importorskip("xdist")
    plugin.write(**{"pytest.ini": "[pytest]\naddopts = -n 2\n"},
                 test_it="def test_a(): pass\ndef test_b(): assert 0\n")  # fmt: skip
    plugin.same("-n", "0")


@MODES
def test_random_order(plugin, isolated):
    plugin.use("random_order", "python3-pytest-random-order")
    plugin.write(test_it="import pytest\n@pytest.mark.parametrize('i', range(20))\ndef test_a(i): pass\n")
    import parity

    # the plugin needs an option of the cache's
    found, _, run = parity.compare(plugin.folder, ["--random-order", "--random-order-seed=7"], isolated=isolated)
    assert not found and len(run.tests) == 20


@MODES
def test_repeat(plugin, isolated):
    plugin.use("pytest_repeat", "python3-pytest-repeat")
    plugin.write(test_it="def test_a(): pass\ndef test_b(tmp_path): assert not list(tmp_path.iterdir())\n")
    assert len(plugin.same("--count=3", isolated=isolated).tests) == 6


@MODES
def test_bdd(plugin, isolated):
    plugin.use("pytest_bdd", "python3-pytest-bdd")
    plugin.write(**{"bowl.feature": "Feature: bowl\n  Scenario: fill\n    Given a bowl\n    When I add 3\n    Then it has 3\n"
                    "  Scenario: spill\n    Given a bowl\n    Then it has 3\n"},
        test_it="from pytest_bdd import scenarios, given, when, then, parsers\nscenarios('bowl.feature')\n"
        "@given('a bowl', target_fixture='bowl')\ndef bowl(): return []\n"
        "@when(parsers.parse('I add {n:d}'))\ndef add(bowl, n): bowl.extend(range(n))\n"
        "@then(parsers.parse('it has {n:d}'))\ndef has(bowl, n): assert len(bowl) == n\n")  # fmt: skip
    plugin.same(isolated=isolated)


@MODES
def test_subtests(plugin, tach, isolated):
    plugin.use("pytest_subtests", "python3-pytest-subtests")
    plugin.write(test_it="import unittest\n"
        "def test_a(subtests):\n    for i in range(4):\n        with subtests.test('m', i=i): assert i != 2\n"
        "class T(unittest.TestCase):\n    def test_b(self):\n        for i in range(3):\n            with self.subTest(i=i): assert i\n")  # fmt: skip
    result = tach("--format=json", "-p", "no:cacheprovider", *(() if isolated else ("--no-isolation",)))
    tests = result.tests()
    assert [tests[f"test_it.py::{name}"]["outcome"] for name in ("test_a", "T::test_b")] == ["failed", "failed"]
    assert result.code == 1 and result.event("finish")["counts"]["failed"] == 2


@MODES
def test_hypothesis(plugin, isolated):
    pytest.importorskip("hypothesis")
    plugin.write(test_it="from hypothesis import given, settings, strategies as st\n"
        "@settings(derandomize=True, database=None)\n@given(st.integers())\ndef test_a(n): assert n < 1000\n"
        "@settings(max_examples=10, database=None)\n@given(st.text())\ndef test_b(text): assert text == text[:]\n")  # fmt: skip
    plugin.same(isolated=isolated)


@MODES
def test_django(plugin, isolated):
    plugin.use("pytest_django", "python3-pytest-django")
    pytest.importorskip("django")
    plugin.write(**{"pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = site_settings\npython_files = test_*.py\n"},
        site_settings="SECRET_KEY = 'x'\nINSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes']\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
        "USE_TZ = True\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n",
        test_it="import pytest\nfrom django.test import TestCase\n"
        "@pytest.mark.django_db\ndef test_create():\n"
        "    from django.contrib.auth.models import User\n    User.objects.create(username='a'); assert User.objects.count() == 1\n"
        "@pytest.mark.django_db\ndef test_rolled_back():\n"
        "    from django.contrib.auth.models import User\n    assert User.objects.count() == 0\n"
        "def test_blocked():\n    from django.contrib.auth.models import User\n    User.objects.count()\n"
        "class Case(TestCase):\n    def test_case(self):\n"
        "        from django.contrib.auth.models import User\n        self.assertEqual(User.objects.count(), 0)\n")  # fmt: skip
    plugin.same(isolated=isolated)


def test_database_of_hypothesis_is_kept(plugin, tach):
    pytest.importorskip("hypothesis")
    plugin.write(test_it="from hypothesis import given, strategies as st\n"
        "@given(st.integers())\ndef test_a(i): assert i < 1000\n"
        "@given(st.integers())\ndef test_b(i): assert i < 2000\n")  # fmt: skip
    database = plugin.folder / ".hypothesis" / "examples"
    assert tach().code == 1 and not database.exists()
    assert tach("--keep", ".hypothesis/**").code == 1
    examples = [path for path in database.rglob("*") if path.is_file()]
    assert len(examples) >= 2
    assert tach("--keep", ".hypothesis/**").code == 1


DJANGO = {
    "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = site_settings\n",
    "site_settings": "SECRET_KEY = 'x'\nUSE_TZ = True\nDEFAULT_AUTO_FIELD = 'django.db.models.AutoField'\n"
    "INSTALLED_APPS = ['django.contrib.auth', 'django.contrib.contenttypes', 'django.contrib.sessions']\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'real.sqlite3', 'TEST': {'NAME': %r}}}\n",
    "test_marks": """
import pytest
def users():
    from django.contrib.auth.models import User
    return User.objects
@pytest.mark.django_db
@pytest.mark.parametrize("i", range(8))
def test_mark(i): assert users().count() == 0; users().create(username="m"); assert users().count() == 1
@pytest.mark.parametrize("i", range(4))
def test_fixture(db, i): assert users().count() == 0; users().create(username="f")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("i", range(2))
def test_transaction(i): assert users().count() == 0; users().create(username="t")
def test_admin(admin_client): assert users().count() == 1
def test_blocked():
    with pytest.raises(RuntimeError): users().count()
class TestPlain:
    pytestmark = pytest.mark.django_db
    def test_one(self): users().create(username="a")
    def test_two(self): assert users().count() == 0
""",
    "test_cases": """
from django.contrib.auth.models import User
from django.test import SimpleTestCase, TestCase, TransactionTestCase
class Case(TestCase):
    @classmethod
    def setUpTestData(cls): cls.user = User.objects.create(username="shared")
    def test_a(self): User.objects.create(username="a"); self.assertEqual(User.objects.count(), 2)
    def test_b(self): User.objects.create(username="b"); self.assertEqual(User.objects.count(), 2)
    def test_c(self): self.user.username = "changed"; self.user.save()
    def test_d(self): self.assertEqual(User.objects.get().username, "shared")
class Whole(TransactionTestCase):
    def test_a(self): User.objects.create(username="a"); self.assertEqual(User.objects.count(), 1)
    def test_b(self): User.objects.create(username="b"); self.assertEqual(User.objects.count(), 1)
class Simple(SimpleTestCase):
    def test_a(self): pass
    def test_b(self): pass
""",
}


@MODES
def test_django_makes_its_database_once(plugin, isolated):
    """For marks, fixtures and test cases together, though it asks for it only as the tests run."""
    plugin.use("pytest_django", "python3-pytest-django")
    pytest.importorskip("django")
    plugin.write(**DJANGO | {"site_settings": DJANGO["site_settings"] % ":memory:"})
    assert len(plugin.same(isolated=isolated).tests) == 26


def test_django_makes_a_database_in_a_file_for_each_worker(plugin, tach):
    """SQLite has the file open: the process cannot be cloned, and each worker's tests have a file of their own."""
    plugin.use("pytest_django", "python3-pytest-django")
    pytest.importorskip("django")
    plugin.write(**DJANGO | {"site_settings": DJANGO["site_settings"] % "test.sqlite3"})
    result = tach("--format=json", "--workers=2", "-p", "no:cacheprovider")
    tests = result.tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"} and len(tests) == 26, result.out
    scope = result.event("scope")
    assert (scope["scope"], scope["fixture"]) == ("session", "session fixture 'django_db_setup'")
    assert "/test.sqlite3_gw" in scope["why"] and scope["why"].endswith(", open for writing")
    assert not list(plugin.folder.glob("*sqlite3*"))


COV = {
    "lib": "def covered(x):\n    if x:\n        return 1\n    return 2\ndef missed():\n    return 2\n"
    "def fixed():\n    return 3\ndef ended():\n    return 4\ndef elsewhere():\n    return 5\n",
    "test_it": "import lib, pytest\n"
    "@pytest.fixture(scope='module')\ndef wide(): lib.fixed(); yield; lib.ended()\n"
    "def test_a(wide): assert lib.covered(1) == 1\n"
    "def test_b(wide): assert lib.covered(2) == 1\n"
    "@pytest.mark.no_cover\ndef test_c(): lib.missed()\n",
    "test_fail": "import lib\ndef test_fail(): assert lib.covered(0) == 1\n",
}


def cov_report(text):
    return [line for line in text.splitlines() if re.match(r"(lib|test_\w+)\.py +\d|TOTAL|FAIL Required", line)]


@MODES
@pytest.mark.parametrize("options", ["--cov=lib", "--cov=. --cov-branch", "--cov=lib --cov-fail-under=90"])
def test_cov(plugin, tach, isolated, options):
    """The report is pytest's: of imports, tests, fixtures of wider scopes and their ends."""
    plugin.use("pytest_cov", "python3-pytest-cov")
    pytest.importorskip("coverage")
    plugin.write(**COV)
    args = [*options.split(), "--cov-report=term-missing", "--deselect=test_fail.py"]
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_DISABLE_PLUGIN_AUTOLOAD"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *args]
    theirs = subprocess.run(command, cwd=plugin.folder, env=env, capture_output=True, text=True)
    assert "lib.py" in theirs.stdout, theirs.stdout
    ours = tach("--workers=2", "-p", "no:cacheprovider", *(() if isolated else ("--no-isolation",)), "--", *args)
    assert cov_report(ours.out) == cov_report(theirs.stdout), ours.out
    assert ours.code == theirs.returncode == ("fail-under" in options)


@MODES
def test_cov_of_tests_that_fail_by_context_and_of_other_processes(plugin, tach, isolated):
    plugin.use("pytest_cov", "python3-pytest-cov")
    coverage = pytest.importorskip("coverage")
    plugin.write(**COV, script="import lib\nlib.elsewhere()\n", test_process="import subprocess, sys\n"
        "def test_process(): subprocess.run([sys.executable, '-m', 'coverage', 'run', '-p', 'script.py'], check=True)\n")  # fmt: skip
    result = tach("--keep=.coverage", "-p", "no:cacheprovider", *(() if isolated else ("--no-isolation",)),
                  "--", "--cov=lib", "--cov-context=test")  # fmt: skip
    assert result.code == 1
    data = coverage.CoverageData(str(plugin.folder / ".coverage"))
    data.read()
    lines = data.contexts_by_lineno(str(plugin.folder / "lib.py"))
    assert lines[4] == ["test_fail.py::test_fail|run"] and lines[12] == [""]
    assert set(lines[3]) == {"test_it.py::test_a|run", "test_it.py::test_b|run"}
    assert 6 not in lines
    assert [path.name for path in plugin.folder.glob(".coverage*")] == [".coverage"]


@MODES
def test_options_of_a_plugin_of_the_suite(plugin, isolated):
    plugin.write(conftest="pytest_plugins = ['mine']\n",
        mine="import pytest\ndef pytest_addoption(parser):\n    parser.addoption('--word', default='none')\n    parser.addini('speed', 'x', default='slow')\n"
        "@pytest.fixture\ndef word(request): return request.config.getoption('--word'), request.config.getini('speed')\n",
        test_it="def test_a(word): print(word)\n",
        **{"pytest.ini": "[pytest]\nspeed = fast\naddopts = --word=ini\n"})  # fmt: skip
    run = plugin.same(isolated=isolated)
    assert run.tests["test_it.py::test_a"].sections == [["Captured stdout call", "('ini', 'fast')\n"]]


@pytest.mark.parametrize("isolated", [False], ids=["no-isolation"])
def test_hooks_run_once(plugin, tach, isolated):
    """As often as under pytest: in the interpreter that collects, or in the one worker."""
    log = plugin.folder / "log"
    hooks = {
        "pytest_configure": "config", "pytest_sessionstart": "session", "pytest_collection_modifyitems": "items",
        "pytest_collection_finish": "session", "pytest_generate_tests": "metafunc", "pytest_runtest_protocol": "item",
        "pytest_runtest_setup": "item", "pytest_runtest_call": "item", "pytest_runtest_teardown": "item",
        "pytest_pyfunc_call": "pyfuncitem", "pytest_fixture_setup": "request", "pytest_runtest_makereport": "call",
        "pytest_sessionfinish": "session", "pytest_terminal_summary": "config", "pytest_unconfigure": "config",
    }  # fmt: skip
    text = "".join(f"def {name}({arg}): note({name!r})\n" for name, arg in hooks.items())
    plugin.write(conftest=f"def note(name):\n    with open({str(log)!r}, 'a') as f: f.write(name + '\\n')\n" + text,
                 test_it="import pytest\n@pytest.fixture\ndef f(): pass\ndef test_a(f): pass\ndef test_b(): assert 0\n")  # fmt: skip
    import subprocess
    import sys

    subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider"], cwd=plugin.folder, check=False, capture_output=True)
    expected = sorted(log.read_text().split())
    log.unlink()
    tach("--no-isolation", "-p", "no:cacheprovider")
    assert sorted(log.read_text().split()) == expected and set(expected) == set(hooks)


def test_missing_plugins_are_skipped(plugin):
    with pytest.raises(pytest.skip.Exception, match="scripts/bootstrap plugins"):
        plugin.use("no_such_plugin", "python3-no-such-plugin")
    assert "PYTHONPATH" not in os.environ
