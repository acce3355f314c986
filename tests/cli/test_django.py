"""Django's test databases without pytest-django: tests/projects/django, and what else a suite may do."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from running import ROOT, TACH, environment

pytest.importorskip("django", reason="python3-django is missing: scripts/bootstrap plugins")
PROJECT = ROOT / "tests" / "projects" / "django"
PLUGIN = ROOT / "build/plugins/python3-pytest-django/usr/lib/python3/dist-packages"
MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
QUIET = ("-p", "no:cacheprovider")
SETTINGS = """
SECRET_KEY = "x"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "real.sqlite3"}}
"""


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("DJANGO_SETTINGS_MODULE", "DATABASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def project(suite):
    shutil.copytree(PROJECT, suite.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return suite


@pytest.fixture
def site(suite):
    """A suite with settings of its own, which runs text: {name: test event}."""
    suite.write("pyproject.toml", '[tool.tach]\ndjango_settings = "settings"\n')
    suite.write("settings.py", SETTINGS)

    def run(text, *args, conftest="", **more):
        if conftest:
            suite.write("conftest.py", conftest)
        suite.write(text="import pytest\nfrom django.db import connection, connections\n" + text)
        run.result = suite.json(*QUIET, *args, **more)
        return {nodeid.partition("::")[2]: test for nodeid, test in run.result.tests().items()}

    run.suite = suite
    return run


def outcomes(tests):
    return {name: test["outcome"] for name, test in tests.items()}


def by_django(path, **env):
    """{Class::test: whether it passed}, as Django's own runner says."""
    done = subprocess.run(
        [sys.executable, "manage.py", "test", "-v", "2"], cwd=path, env=environment(**env), capture_output=True, text=True, check=False
    )  # fmt: skip
    name = r"(\w+) \(\S*\.(\w+)\.\w+\)"
    # what fails as it is torn down is printed twice
    run, failed = (set(re.findall(text, done.stderr, re.MULTILINE)) for text in (rf"^{name} \.\.\. ", rf"^(?:FAIL|ERROR): {name}$"))
    assert len(run) == int(re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)[1]), done.stderr
    return {f"{cls}::{name}": (name, cls) not in failed for name, cls in run}


def with_plugin():
    if not PLUGIN.is_dir():
        pytest.skip("python3-pytest-django is missing: scripts/bootstrap plugins")
    return os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")]))


def by_pytest_django(path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *QUIET, "-rA", "test_plain.py"], cwd=path, capture_output=True, text=True, check=False,
        env=environment(PYTHONPATH=with_plugin(), DJANGO_SETTINGS_MODULE="library.settings"),
    )  # fmt: skip
    found = re.findall(r"^(PASSED|FAILED|ERROR) test_plain.py::(\S+)", done.stdout, re.MULTILINE)
    return {name: outcome.lower() for outcome, name in found}


@pytest.mark.parametrize("database", ["memory", "file"])
@MODES
def test_cases(project, traces, database, mode):
    """What Django's own runner says, and nothing of it stays."""
    expected = by_django(project.path, DATABASE=database)
    before = sorted(os.listdir(project.path))
    result = project.json(*QUIET, *mode, "shelf", env={"DATABASE": database})
    found = {nodeid.partition("::")[2]: test["outcome"] == "passed" for nodeid, test in result.tests().items()}
    assert found == expected, result.out
    assert list(expected.values()).count(False) == 3
    assert sorted(os.listdir(project.path)) == before and not traces.left()
    if not mode:
        how = {nodeid.rpartition("::")[0].rpartition("::")[2]: test["isolation"] for nodeid, test in result.tests().items()}
        # what has a file open is not cloned; what has threads neither
        shared = "test" if database == "memory" else "class"
        assert how == {"BookCase": shared, "OtherCase": shared, "NoDatabase": "test", "Committing": "test", "Live": "class"}


SHARED = '[tool.tach]\ndjango_settings = "library.settings"\nshared = ["test_plain.py"]\n'


@pytest.mark.parametrize("database", ["memory", "file"])
@pytest.mark.parametrize("mode", [(), ("--no-isolation",), "shared"], ids=["cells", "no-isolation", "one worker"])
def test_functions(project, database, mode):
    if mode == "shared":
        project.write("pyproject.toml", SHARED)
        mode = ()
    result = project.json(*QUIET, *mode, "test_plain.py", env={"DATABASE": database})
    found = outcomes({nodeid.partition("::")[2]: test for nodeid, test in result.tests().items()})
    assert [name for name, outcome in found.items() if outcome != "passed"] != []
    assert found == by_pytest_django(project.path), result.out


FIXTURES = """
import urllib.request
import pytest
from django.conf import settings as own
from django.db import connection, transaction
from shelf.models import Author
pytestmark = pytest.mark.django_db
def test_settings(settings):
    settings.LANGUAGE_CODE = "de"; settings.NEW = 1; del settings.STATIC_URL
    assert own.LANGUAGE_CODE == settings.LANGUAGE_CODE == "de" and own.NEW == 1 and not hasattr(own, "STATIC_URL")
def test_settings_again(): assert own.LANGUAGE_CODE == "en-us" and not hasattr(own, "NEW") and own.STATIC_URL
def test_users(admin_user, admin_client, django_user_model, django_username_field):
    assert admin_user.is_superuser and admin_user.check_password("password") and isinstance(admin_user, django_user_model)
    assert admin_client.get("/books/").wsgi_request.user == admin_user and django_username_field == "username"
def test_no_users(django_user_model): assert django_user_model.objects.count() == 0
def test_requests(rf, async_rf): assert rf.get("/x?a=1").GET["a"] == "1" and async_rf.get("/y").path == "/y"
def test_async_client(async_client):
    import asyncio
    assert asyncio.run(async_client.get("/nothing/")).status_code == 404
def test_queries(django_assert_num_queries, django_assert_max_num_queries):
    with django_assert_num_queries(1) as captured: Author.objects.count()
    with django_assert_max_num_queries(2): Author.objects.count()
    assert "shelf_author" in captured.captured_queries[0]["sql"]
def test_too_many(django_assert_num_queries):
    with django_assert_num_queries(1, info="say it"): Author.objects.count(); Author.objects.count()
def test_too_few(django_assert_num_queries):
    with django_assert_num_queries(2): Author.objects.count()
def test_more_than_allowed(django_assert_max_num_queries):
    with django_assert_max_num_queries(1): Author.objects.count(); Author.objects.count()
def test_on_commit(django_capture_on_commit_callbacks):
    done = []
    with django_capture_on_commit_callbacks(execute=True) as callbacks: transaction.on_commit(lambda: done.append(1))
    assert done == [1] and len(callbacks) == 1
@pytest.mark.parametrize("name", ["a", "b"])
def test_live_server(live_server, name):
    Author.objects.create(name=name)
    assert not connection.in_atomic_block and str(live_server) == live_server.url
    assert urllib.request.urlopen(live_server + "/books/").read() == b'{"titles": []}'
def test_commits(transactional_db): assert not connection.in_atomic_block; Author.objects.create(name="committed")
def test_nothing_left(db): assert not Author.objects.filter(name__in=["a", "b", "committed"]).exists()
"""


@pytest.mark.parametrize("database", ["memory", "file"])
@MODES
def test_fixtures_of_pytest_django(project, database, mode):
    """Those that suites use most, under their names."""
    project.write("test_plain.py", FIXTURES)
    result = project.json(*QUIET, *mode, "-n", "1", "test_plain.py", env={"DATABASE": database})
    found = outcomes({nodeid.partition("::")[2]: test for nodeid, test in result.tests().items()})
    assert {name for name, outcome in found.items() if outcome == "failed"} == {"test_too_many", "test_too_few", "test_more_than_allowed"}
    assert "error" not in found.values() and found == by_pytest_django(project.path), result.out
    assert "1 queries were expected, 2 were made (say it)" in result.out


def test_all_fixtures_are_known_early(project):
    """The list of those that are not reported as missing is the list of those that are there."""
    names = re.findall(r"fixture\n    def (\w+)\(self", (ROOT / "harness/tach_harness/django_fixtures.py").read_text())
    assert len(names) == 18
    project.write("test_plain.py", "".join(f"def test_{name}({name}): pass\n" for name in names) + "def test_bad(no_client): pass\n")
    result = project.json(*QUIET, "test_plain.py")
    assert [event["name"] for event in result.events if event["event"] == "fixture_problem"] == ["no_client"]
    assert {name for name, outcome in outcomes(result.tests()).items() if outcome != "passed"} == {"test_plain.py::test_bad"}


@MODES
def test_database_is_made_once(site, mode):
    """Migrated by the interpreter that collects; tests connect anew."""
    tests = site(
        "from django.contrib.auth.models import User\n"
        "@pytest.mark.parametrize('i', range(6))\ndef test_it(i):\n"
        "    import conftest\n    assert User.objects.count() == 0; User.objects.create(username='a')\n"
        "    assert connection.connection is not None; print(conftest.made)\n",
        *mode, conftest="from django.db.models.signals import post_migrate\nmade = []\n"
        "def note(app_config, **_): made.append(app_config.label)\n"
        "post_migrate.connect(note, weak=False)\n",
    )  # fmt: skip
    said = {test["sections"][0][1] for test in tests.values()}
    assert said == {"['auth', 'contenttypes']\n"}, said


@MODES
def test_steps_aside_for_the_plugin(project, mode):
    project.write("test_plain.py", "from shelf.models import Author\ndef test_not_marked(): Author.objects.count()\n")
    result = project.json(*QUIET, *mode, "test_plain.py", env={"PYTHONPATH": with_plugin()})
    (test,) = result.tests().values()
    assert test["outcome"] == "failed" and "Database access not allowed" in test["longrepr"]


@MODES
def test_wider_fixtures(site, mode):
    """What they write is there for their tests, which may spoil it."""
    tests = site(
        "from django.contrib.auth.models import User\n"
        "@pytest.fixture(scope='module')\ndef user():\n    assert not connection.in_atomic_block\n"
        "    user = User.objects.create(username='wide'); yield user; assert User.objects.get() == user\n"
        "@pytest.mark.parametrize('i', range(3))\ndef test_delete(user, i):\n"
        "    assert User.objects.get() == user\n    User.objects.all().delete()\n"
        "def test_add(user): User.objects.create(username='b'); assert User.objects.count() == 2\n",
        *mode,
    )
    assert set(outcomes(tests).values()) == {"passed"} and len(tests) == 4, site.result.out


@MODES
def test_fixtures_of_cases(site, mode):
    """Of a TestCase, and of one that is not Django's."""
    tests = site(
        "import unittest\nfrom django.contrib.auth.models import User\nfrom django.test import TestCase\n"
        "class Case(TestCase):\n"
        "    @classmethod\n    def setUpTestData(cls): User.objects.create(username='class')\n"
        "    @pytest.fixture(autouse=True)\n    def user(self): User.objects.create(username='test')\n"
        "    def test_a(self): self.assertEqual(User.objects.count(), 2)\n"
        "    def test_b(self): User.objects.all().delete()\n"
        "    def test_c(self):\n        with self.assertNumQueries(1): self.assertEqual(User.objects.count(), 2)\n"
        "class Plain(unittest.TestCase):\n"
        "    def setUp(self): User.objects.create(username='plain')\n"
        "    def test_a(self): self.assertEqual(User.objects.count(), 1)\n"
        "    def test_b(self): self.assertEqual(User.objects.count(), 1)\n",
        *mode,
    )
    assert set(outcomes(tests).values()) == {"passed"} and len(tests) == 5, site.result.out


@MODES
def test_coroutines(site, mode):
    tests = site(
        "from asgiref.sync import sync_to_async\nfrom django.contrib.auth.models import User\n"
        "@pytest.fixture\nasync def user(): return await sync_to_async(User.objects.create)(username='a')\n"
        "@pytest.mark.parametrize('i', range(2))\nasync def test_it(user, i):\n"
        "    assert await sync_to_async(User.objects.count)() == 1\n"
        "    await sync_to_async(User.objects.create)(username='b')\n"
        "async def test_unsafe(): User.objects.count()\n"
        "def test_nothing_left(): assert User.objects.count() == 0\n",
        *mode,
    )
    assert outcomes(tests) == {"test_it[0]": "passed", "test_it[1]": "passed", "test_unsafe": "failed", "test_nothing_left": "passed"}
    assert "SynchronousOnlyOperation" in tests["test_unsafe"]["longrepr"]


@MODES
def test_several_databases(site, mode):
    site.suite.write(
        "settings.py",
        SETTINGS + "DATABASES['other'] = {**DATABASES['default'], 'NAME': 'other.sqlite3'}\n"
        "DATABASES['replica'] = {**DATABASES['default'], 'TEST': {'MIRROR': 'default'}}\n",
    )
    tests = site(
        "from django.contrib.auth.models import User\nfrom django.test import TestCase\n"
        "@pytest.mark.parametrize('i', range(2))\ndef test_both(i):\n"
        "    User.objects.create(username='a'); User.objects.using('other').create(username='b')\n"
        "    assert [u.username for u in User.objects.using('other').all()] == ['b']\n"
        "class Both(TestCase):\n    databases = {'default', 'other'}\n"
        "    def test_it(self): self.assertEqual(User.objects.using('other').count(), 0)\n"
        "class One(TestCase):\n    def test_it(self): User.objects.using('other').count()\n",
        *mode,
    )
    assert outcomes(tests) == {"test_both[0]": "passed", "test_both[1]": "passed", "Both::test_it": "passed", "One::test_it": "failed"}


def test_real_database_is_not_touched(site):
    """While the suite is collected, and by tests for whose database no test database was made."""
    site("import django.contrib.auth.models as m\nm.User.objects.count()\ndef test_a(): pass\n")
    assert site.result.code == 2 and "while it is collected" in site.result.out
    tests = site(
        "from django.test import SimpleTestCase\n"
        "def setUpModule(): connection.cursor()\n"
        "class Case(SimpleTestCase):\n    def test_a(self): pass\n"
    )
    assert outcomes(tests) == {"Case::test_a": "error"}
    assert "no test database was made for 'default'" in tests["Case::test_a"]["longrepr"]
    assert not (site.suite.path / "real.sqlite3").exists()


def test_mended_settings_and_mail(site):
    """setup_test_environment() was called."""
    tests = site(
        "from django.conf import settings\nfrom django.core import mail\n"
        "@pytest.mark.parametrize('i', range(2))\ndef test_a(i):\n"
        "    assert not settings.DEBUG and 'testserver' in settings.ALLOWED_HOSTS and mail.outbox == []\n"
        "    mail.send_mail('s', 'b', 'a@b.c', ['d@e.f']); assert len(mail.outbox) == 1\n"
    )
    assert set(outcomes(tests).values()) == {"passed"}


def test_suite_that_sets_up_itself(site):
    site.suite.write(
        "conftest.py",
        "import pytest\nfrom django.test import utils\n"
        "def pytest_configure(): utils.setup_test_environment()\n"
        "@pytest.fixture(scope='session', autouse=True)\n"
        "def databases(): names = utils.setup_databases(0, False); yield; utils.teardown_databases(names, 0)\n",
    )
    tests = site("def test_a(): assert not connection.in_atomic_block; connection.cursor()\n")
    assert outcomes(tests) == {"test_a": "passed"}


def test_which_settings(suite):
    """A flag or variable of Tach's, DJANGO_SETTINGS_MODULE, the file; and none."""
    for name in ("one", "two", "three"):
        suite.write(f"{name}.py", SETTINGS + f"WHICH = {name!r}\n")
    suite.write("pyproject.toml", '[tool.tach]\ndjango_settings = "one"\n')
    suite.write(text="def test_a():\n    from django.conf import settings\n    print(settings.configured and settings.WHICH)\n")

    def which(**env):
        (test,) = suite.json(*QUIET, env=env).tests().values()
        return test["sections"][0][1].strip()

    assert which() == "one"
    assert which(DJANGO_SETTINGS_MODULE="two") == "two"
    assert which(DJANGO_SETTINGS_MODULE="two", TACH_DJANGO_SETTINGS="three") == "three"
    assert which(DJANGO_SETTINGS_MODULE="two", TACH_DJANGO_SETTINGS="") == "False"
    suite.write("pyproject.toml", '[tool.tach]\ndjango_settings = ""\n')
    assert which() == "False"
    suite.write("pyproject.toml", "")
    assert which(DJANGO_SETTINGS_MODULE="left.over") == "False"
    suite.write("pyproject.toml", '[tool.pytest.ini_options]\nDJANGO_SETTINGS_MODULE = "two"\n')
    assert which() == "two" and which(DJANGO_SETTINGS_MODULE="three") == "three" and which(TACH_DJANGO_SETTINGS="one") == "one"
    suite.write("pyproject.toml", "")
    suite.write("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = three\naddopts = --strict-config\n")
    assert which() == "three" and which(TACH_DJANGO_SETTINGS="") == "False"
    suite.write(text="def test_a(settings): pass\n")
    result = suite.json(*QUIET)
    assert "fixture_problem" not in result.out and "PytestConfigWarning" not in result.out


def test_settings_that_are_wrong(suite):
    suite.write("pyproject.toml", '[tool.tach]\ndjango_settings = "site_settings"\n')
    suite.write(text="def test_a(): pass\n")
    result = suite.tach(*QUIET)
    assert result.code == 4
    assert "Django cannot be set up with the settings 'site_settings': ModuleNotFoundError: No module named 'site_settings'" in result.err
    suite.write("site_settings.py", SETTINGS.replace("sqlite3'", "x").replace('sqlite3", "NAME"', 'postgresql", "HOST": "127.0.0.1", "PORT": 9, "NAME"'))
    result = suite.tach(*QUIET)
    assert result.code == 4 and "test databases cannot be made" in result.err and "services" in result.err, result.err


@pytest.fixture
def server(postgres):
    """Of a PostgreSQL server: tach's options, the environment for the project, and what databases it has."""
    import psycopg2

    port, _ = postgres

    def names():
        with psycopg2.connect(user="tach", dbname="postgres", host="127.0.0.1", port=port) as c, c.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test%' ORDER BY datname")
            return [name for (name,) in cursor.fetchall()]

    env = {"DATABASE": "postgresql", "HOST": "127.0.0.1", "PORT": str(port)}
    yield ("--service", f"127.0.0.1:{port}"), env, names
    assert names() == []


@MODES
def test_postgresql(project, server, mode):
    options, env, _ = server
    service = () if mode else options
    expected = by_django(project.path, **env)
    result = project.json(*QUIET, *mode, *service, "shelf", env=env)
    found = {nodeid.partition("::")[2]: test["outcome"] == "passed" for nodeid, test in result.tests().items()}
    assert found == expected and list(expected.values()).count(False) == 3, result.out
    result = project.json(*QUIET, *mode, *service, "-n", "3", "test_plain.py", env=env)
    found = outcomes({nodeid.partition("::")[2]: test for nodeid, test in result.tests().items()})
    assert {name for name, outcome in found.items() if outcome != "passed"} == {"test_violation", "test_wrong"}, found
    if not mode:
        used = {e["nodeid"].partition("::")[2] for e in result.events if e["event"] == "service" and e["nodeid"]}
        assert used == set(found) - {"test_no_mail"}  # connects only where the test does
    project.write("pyproject.toml", SHARED)
    result = project.json(*QUIET, *mode, *service, "test_plain.py", env=env)
    assert outcomes({nodeid.partition("::")[2]: test for nodeid, test in result.tests().items()}) == found


@MODES
def test_postgresql_copies(project, server, mode):
    """A worker's copy for what is rolled back; a fresh one for what is committed, by the test or for it."""
    options, env, names = server
    project.write(
        "test_plain.py",
        "import os, pytest\nfrom django.db import connection\nfrom django.test import TransactionTestCase\nfrom shelf.models import Author\n"
        "def name():\n    with connection.cursor() as c: c.execute('select current_database()'); return c.fetchone()[0]\n"
        "def count(): return Author.objects.count()\n"
        "@pytest.mark.parametrize('i', range(4))\ndef test_rolled_back(i):\n"
        "    assert name().startswith('test_library_gw') and '_own' not in name()\n"
        "    assert count() == 1; Author.objects.create(name='a')\n"
        "@pytest.mark.parametrize('i', range(3))\n@pytest.mark.django_db(transaction=True)\ndef test_commits(i):\n"
        "    assert '_own' in name() and count() == 1; Author.objects.create(name='a')\n"
        "    if i == 1: os._exit(3)\n"
        "@pytest.fixture(scope='module')\ndef wide(): Author.objects.create(name='wide')\n"
        "@pytest.mark.parametrize('i', range(3))\ndef test_wide(wide, i):\n"
        "    assert '_own' in name() and count() == 2; Author.objects.all().delete()\n"
        "@pytest.fixture(scope='class')\ndef closed(): Author.objects.create(name='wide'); connection.close(); return name_of()\n"
        "def name_of(): return connection.settings_dict['NAME']\n"
        "class TestClosed:\n"
        "    @pytest.mark.parametrize('i', range(3))\n    def test_it(self, closed, i):\n"
        "        assert count() == 2; Author.objects.all().delete(); print(closed, name())\n",
    )
    if mode:
        options = ()
    for _ in range(2):
        result = project.json(*QUIET, *mode, *options, "test_plain.py", env=env)
        found = {nodeid.partition("::")[2]: test for nodeid, test in result.tests().items()}
        wrong = {name: test["outcome"] for name, test in found.items() if test["outcome"] != "passed"}
        assert wrong == {"test_commits[1]": "crashed"} and len(found) == 13, result.out
        assert names() == []
    if not mode:
        assert {test["isolation"] for name, test in found.items() if "wide" not in name} == {"test"}
        assert {test["why"] for name, test in found.items() if "wide" in name} == {"module fixture 'wide': a connected socket"}


@MODES
def test_postgresql_connections_are_fresh(project, server, mode):
    """No test has a connection of the interpreter that it was cloned from, or of another test."""
    options, env, _ = server
    project.write(
        "test_plain.py",
        "import pytest\nfrom django.db import connection\n@pytest.mark.parametrize('i', range(6))\ndef test_it(i):\n"
        "    assert connection.connection is None\n"
        "    with connection.cursor() as c: c.execute('select pg_backend_pid()'); print(c.fetchone()[0])\n",
    )
    tests = project.json(*QUIET, *mode, *(() if mode else options), "test_plain.py", env=env).tests()
    assert len({test["sections"][0][1] for test in tests.values()}) == len(tests) == 6
    assert set(outcomes(tests).values()) == {"passed"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_postgresql_after_a_run_that_was_ended(project, server, number):
    """It drops its databases, or they do not disturb the next run."""
    options, env, names = server
    project.write("test_plain.py", "import time\ndef test_a():\n    from shelf.models import Author\n    Author.objects.count(); time.sleep(60)\n")
    process = subprocess.Popen([TACH, *QUIET, *options, "test_plain.py"], cwd=project.path, env=environment(**env),
                               stdout=subprocess.DEVNULL, start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + 30
    while len(names()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert names() == ["test_library", "test_library_gw0"]
    os.killpg(process.pid, number)
    process.wait()
    if number == signal.SIGINT:
        assert process.returncode == 2 and names() == []
    project.write("test_plain.py", "def test_a():\n    from shelf.models import Author\n    assert Author.objects.count() == 1\n")
    result = project.json(*QUIET, *options, "test_plain.py", env=env)
    assert set(outcomes(result.tests()).values()) == {"passed"}, result.out


def test_postgresql_that_is_not_let_in(project, server):
    _, env, _ = server
    result = project.tach(*QUIET, "test_plain.py", env=env)
    assert result.code == 4 and "refused" in result.err and "services = " in result.err, result.err
