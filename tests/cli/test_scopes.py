"""Fixtures wider than a test: set up once in a snapshot, torn down once at the end, and copied for each test."""

import re
import subprocess
import sys

import pytest

from running import environment

#: Every way to have something set up for more than one test. ``say`` prints a time and what happened.
SUITE = {
    "say.py": "import time\ndef say(text): print(f'@{time.monotonic():.6f} {text}')\n",
    "conftest.py": """
import pytest
from say import say
@pytest.fixture(scope="session")
def base(): say("+base"); yield ["base"]; say("-base")
@pytest.fixture(scope="session", params=["p", "q"])
def backend(request, base): say("+backend " + request.param); yield request.param; say("-backend " + request.param)
@pytest.fixture(scope="package")
def pack(): say("+pack"); yield; say("-pack")
""",
    "pkg/__init__.py": "",
    "pkg/test_one.py": """
import pytest
from say import say
@pytest.fixture(scope="module", autouse=True)
def auto(): say("+auto one"); yield; say("-auto one")
@pytest.fixture(scope="module")
def late(base): say("+late"); yield base; say("-late")
@pytest.fixture(scope="module", params=[1, 2])
def number(request): say(f"+number {request.param}"); yield request.param; say(f"-number {request.param}")
def test_first(): pass
def test_number(number): assert number in (1, 2)
def test_number_again(number, late): assert late == ["base"]; late.append(number)
def test_late(late, pack): assert late == ["base"]
class TestIn:
    @pytest.fixture(scope="class", autouse=True)
    def inner(self, late): say("+inner"); yield; say("-inner")
    @classmethod
    def setup_class(cls): say("+setup_class"); cls.log = []
    @classmethod
    def teardown_class(cls): say("-setup_class")
    def test_a(self): assert self.log == []; self.log.append(1)
    def test_b(self): assert self.log == []
    class TestDeep:
        @pytest.fixture(scope="class")
        def deep(self): say("+deep"); yield; say("-deep")
        def test_c(self, deep): pass
        def test_d(self, deep): pass
""",
    "pkg/test_two.py": """
import unittest
from say import say
def setUpModule(): say("+setUpModule")
def tearDownModule(): say("-setUpModule")
class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls): say("+setUpClass"); cls.log = []
    @classmethod
    def tearDownClass(cls): say("-setUpClass")
    def test_a(self): self.assertEqual(self.log, []); self.log.append(1)
    def test_b(self): self.assertEqual(self.log, [])
def test_package(pack): pass
""",
    "test_three.py": """
import pytest
from say import say
def setup_module(): say("+setup_module")
def teardown_module(): say("-setup_module")
@pytest.mark.skip
def test_skipped(backend): pass
def test_backend(backend): pass
def test_backend_again(backend, base): assert base == ["base"]
def test_dynamic(request): assert request.getfixturevalue("base") == ["base"]
""",
}
LINE = re.compile(r"@(\d+\.\d+) ([+-].*)")


def said(text):
    return [what for _, what in sorted((float(t), what) for t, what in LINE.findall(text))]


def said_by(tests):
    """What tests' fixtures said, each test's sections once, in the order of time."""
    return said("\n".join(text for test in tests.values() for _, text in test["sections"]))


def write(suite, files):
    for name, text in files.items():
        suite.write(name, text)


def pytest_says(suite, *args):
    """What pytest prints of the suite, and {node id: outcome} with errors before passes."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-s", "-rA", "-v", *args], cwd=suite.path,
        env=environment(), capture_output=True, encoding="utf-8", check=False, timeout=60,
    )  # fmt: skip
    return done.stdout


def pytest_outcomes(text):
    found = {}
    for word, nodeid in re.findall(r"^(PASSED|FAILED|ERROR) (\S+)", text, re.M):
        if found.get(nodeid) != "error":
            found[nodeid] = word.lower()
    return found


def test_the_order_is_pytests(suite):
    write(suite, SUITE)
    expected = said(pytest_says(suite))
    result = suite.json("--workers=1")
    assert {test["outcome"] for test in result.tests().values()} == {"passed", "skipped"}, result.out
    found = said_by(result.tests())
    assert sorted(found) == sorted(expected)
    for names in (("auto one", "late"), ("number",), ("setup_class", "inner", "deep"), ("setUpModule", "setUpClass"), ("base", "backend")):
        assert [line for line in found if line[1:].startswith(names)] == [line for line in expected if line[1:].startswith(names)]


def test_once_each_with_many_workers(suite):
    write(suite, SUITE)
    assert sorted(said_by(suite.json("--workers=4").tests())) == sorted(said(pytest_says(suite)))


def test_nested_scopes_are_torn_down_inside_out(suite):
    suite.write(
        text="import pytest\nfrom say import say\n"
        + "".join(
            f"@pytest.fixture(scope='{scope}', autouse=True)\ndef {scope}_(): say('+{scope}'); yield; say('-{scope}')\n"
            for scope in ("session", "package", "module", "class")
        )
        + "class TestA:\n    def test_a(self): pass\n    def test_b(self): pass\n"
        "class TestB:\n    def test_a(self): pass\n    def test_b(self): pass\n"
    )
    suite.write("say.py", SUITE["say.py"])
    assert said_by(suite.json("--workers=1").tests()) == said(pytest_says(suite))


def test_each_test_has_a_copy_of_memory_and_files(suite):
    suite.write(
        text="import pathlib, pytest\n"
        "@pytest.fixture(scope='module')\n"
        "def made(tmp_path_factory):\n"
        "    folder = tmp_path_factory.mktemp('made')\n"
        "    (folder / 'f').write_text('new')\n"
        "    pathlib.Path('/dev/shm/f').write_text('new')\n"
        "    pathlib.Path('in_project').write_text('new')\n"
        "    pathlib.Path('was_there').unlink()\n"
        "    return folder / 'f', []\n"
        "@pytest.mark.parametrize('i', range(6))\n"
        "def test_it(made, i):\n"
        "    file, memory = made\n"
        "    for path in (file, pathlib.Path('/dev/shm/f'), pathlib.Path('in_project')):\n"
        "        assert path.read_text() == 'new'\n"
        "        path.write_text('changed')\n"
        "    assert memory == [] and not pathlib.Path('was_there').exists()\n"
        "    memory.append(i)\n"
        "    pathlib.Path('was_there').write_text('again')\n"
        "    file.unlink()\n"
    )
    (suite.path / "was_there").write_text("x")
    tests = suite.json("--workers=2").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, tests
    assert {(test["isolation"], test["snapshot"]) for test in tests.values()} == {("test", "module fixture 'made'")}
    assert (suite.path / "was_there").read_text() == "x" and not (suite.path / "in_project").exists()


def test_snapshots_in_snapshots_see_what_was_written_around_them(suite):
    suite.write(
        text="import pathlib, pytest\n"
        + "".join(
            f"@pytest.fixture(scope='{scope}', autouse=True)\n"
            f"def {scope}_(): pathlib.Path('{scope}').write_text('x'); pathlib.Path('/tmp/{scope}').write_text('x')\n"
            for scope in ("session", "module", "class")
        )
        + "def check():\n"
        "    for scope in ('session', 'module', 'class'):\n"
        "        for path in (pathlib.Path(scope), pathlib.Path('/tmp') / scope):\n"
        "            assert path.read_text() == 'x'\n"
        "            path.unlink()\n"
        "class TestA:\n    def test_a(self): check()\n    def test_b(self): check()\n"
        "class TestB:\n    def test_a(self): check()\n    def test_b(self): check()\n"
    )
    suite.write("test_other.py", "from test_it import session_\ndef test_a(session_): pass\ndef test_b(session_): pass\n")
    tests = suite.json("--workers=2").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, tests


#: Fixtures that do not work, and who is affected.
BROKEN = """
import pytest
@pytest.fixture(scope="module")
def fails(): raise OSError("no")
@pytest.fixture(scope="module")
def skips(): pytest.skip("not here")
@pytest.fixture(scope="module")
def asserts(): a = 1; assert a == 2
@pytest.fixture(scope="module")
def ends_badly(): yield; raise OSError("late")
@pytest.fixture(scope="module", params=[1, 2])
def changes_badly(request):
    yield request.param
    if request.param == 1: raise OSError("change")
def test_a(fails): pass
def test_b(fails): pass
def test_c(skips): pass
def test_d(skips): pass
def test_e(asserts): pass
def test_f(asserts): pass
def test_g(): pass
def test_h(changes_badly): pass
def test_i(changes_badly): pass
def test_j(ends_badly): pass
def test_k(ends_badly): pass
class TestX:
    @classmethod
    def setup_class(cls): raise OSError("class")
    def test_a(self): pass
    def test_b(self): pass
class TestY:
    @classmethod
    def teardown_class(cls): raise OSError("class end")
    def test_a(self): pass
    def test_b(self): pass
"""


def test_broken_fixtures_break_what_they_break_under_pytest(suite):
    suite.write(text=BROKEN)
    expected = pytest_outcomes(pytest_says(suite))
    tests = suite.json("--workers=2").tests()
    found = {nodeid: test["outcome"] for nodeid, test in tests.items()}
    assert {n: o for n, o in found.items() if o != "skipped"} == expected
    assert {n.split("::", 1)[1] for n, o in found.items() if o == "skipped"} == {"test_c", "test_d"}
    assert "assert 1 == 2" in tests["test_it.py::test_f"]["longrepr"]
    assert "class end" in tests["test_it.py::TestY::test_b"]["longrepr"]


def test_what_comes_after_a_broken_fixture_is_not_set_up(suite):
    suite.write("conftest.py", "import pytest\n@pytest.fixture(scope='session', autouse=True)\ndef fails(): raise OSError('no')\n")
    suite.write("test_one.py", "class TestX:\n    def setup_class(cls): print('class up')\n    def test_a(self): pass\n    def test_b(self): pass\n")
    suite.write("test_two.py", "def setup_module(): print('module up')\ndef test_a(): pass\ndef test_b(): pass\n")
    tests = suite.json().tests()
    assert {(test["outcome"], *test["sections"]) for test in tests.values()} == {("error",)}


def test_a_skipped_test_sets_nothing_up(suite):
    suite.write(
        "conftest.py",
        "import pytest\n"
        "def pytest_runtest_setup(item):\n    if item.name == 'test_c': pytest.skip('by a hook')\n",
    )
    suite.write(
        text="import pytest\n@pytest.fixture(scope='module')\ndef f(): raise OSError('never')\n"
        "@pytest.mark.skip\ndef test_a(f): pass\n@pytest.mark.skipif(True, reason='x')\ndef test_b(f): pass\n"
        "def test_c(f): pass\n"
    )
    assert {test["outcome"] for test in suite.json().tests().values()} == {"skipped"}


def test_tests_and_modules_run_beside_one_another(suite):
    text = (
        "import time, pytest\n@pytest.fixture(scope='module', autouse=True)\ndef m(whole): time.sleep(0.5)\n"
        "@pytest.mark.parametrize('i', range(4))\ndef test_it(i, record_property):\n"
        "    record_property('began', time.monotonic())\n    time.sleep(1)\n"
    )
    suite.write("conftest.py", "import pytest\n@pytest.fixture(scope='session')\ndef whole(): pass\n")
    suite.write("test_a.py", text)
    suite.write("test_b.py", text)
    tests = suite.json("--workers=8").tests().values()
    began = {(test["location"]["file"], test["user_properties"][0][1]) for test in tests}
    for file in ("test_a.py", "test_b.py"):
        beside = [(one, when) for one, when in began if when - min(t for f, t in began if f == file) < 1]
        assert {one for one, _ in beside} == {"test_a.py", "test_b.py"}, began
        assert len([one for one, _ in beside if one == file]) > 1, began


def test_what_a_fixture_printed_belongs_to_the_first_test(suite):
    suite.write(
        text="import logging, warnings, pytest\n@pytest.fixture(scope='module')\n"
        "def f():\n    print('set up'); logging.getLogger().warning('logged'); warnings.warn('careful')\n"
        "    yield\n    print('torn down')\n"
        "@pytest.fixture\ndef g(f): print('own')\n"
        "def test_a(g): print('body')\ndef test_b(f): print('body')\n"
    )
    result = suite.json()
    first, last = (dict(map(tuple, test["sections"])) for test in sorted(result.tests().values(), key=lambda t: t["nodeid"]))
    assert first["Captured stdout setup"] == "set up\nown\n" and "logged" in first["Captured log setup"]
    assert last["Captured stdout teardown"] == "torn down\n" and "Captured stdout setup" not in last
    assert result.event("finish")["counts"] == {"passed": 2, "warnings": 1}


def test_what_no_code_names_is_set_up_by_the_test_that_asks(suite):
    suite.write(
        text="import pytest\n@pytest.fixture(scope='module')\ndef held(): return []\n"
        "@pytest.fixture(scope='module')\ndef asked(): print('up'); yield []; print('down')\n"
        "@pytest.mark.parametrize('i', range(2))\n"
        "def test_it(held, request, i):\n    value = request.getfixturevalue('as' + 'ked'[i - i:]); assert value == []; value.append(1)\n"
    )
    for test in suite.json().tests().values():
        sections = dict(map(tuple, test["sections"]))
        assert test["outcome"] == "passed"
        assert sections["Captured stdout call"] == "up\n" and sections["Captured stdout teardown"] == "down\n"


@pytest.mark.parametrize(
    "body, outcome, reason",
    [
        ("os.kill(os.getpid(), 11)", "crashed", "killed by SIGSEGV"),
        ("os._exit(3)", "crashed", "exit code 3"),
        ("time.sleep(100)", "timeout", "timed out after 1 s"),
    ],
)
def test_a_set_up_that_dies(suite, body, outcome, reason):
    """It ends the test that it is for; for the next test it is tried again."""
    suite.write(
        text="import os, time, pytest\n@pytest.fixture(scope='module')\n"
        f"def f():\n    print('begun', flush=True)\n    {body}\n"
        "def test_a(f): pass\ndef test_b(f): pass\ndef test_c(): pass\n"
    )
    result = suite.json("--timeout=1")
    tests = result.tests()
    assert result.code == 1 and tests["test_it.py::test_c"]["outcome"] == "passed"
    for name in "ab":
        test = tests[f"test_it.py::test_{name}"]
        assert test["outcome"] == outcome and reason in test["reason"] and "module fixture 'f'" in test["reason"]


def test_a_teardown_that_dies(suite):
    suite.write(
        text="import os, pytest\n@pytest.fixture(scope='module')\ndef f(): yield; os._exit(3)\n"
        "def test_a(f): pass\ndef test_b(f): pass\n"
    )
    tests = suite.json().tests()
    assert [tests[f"test_it.py::test_{n}"]["outcome"] for n in "ab"] == ["passed", "crashed"]
    assert "while tearing down: module fixture 'f'" in tests["test_it.py::test_b"]["reason"]


def test_a_test_that_crashes_ends_alone(suite):
    suite.write(
        text="import os, pytest\n@pytest.fixture(scope='module')\ndef f(): print('up'); yield; print('down')\n"
        "def test_a(f): os.abort()\ndef test_b(f): pass\ndef test_c(f): os.kill(os.getpid(), 9)\ndef test_d(f): pass\n"
    )
    tests = suite.json().tests()
    assert [tests[f"test_it.py::test_{n}"]["outcome"] for n in "abcd"] == ["crashed", "passed", "crashed", "passed"]
    assert "down" in dict(map(tuple, tests["test_it.py::test_d"]["sections"]))["Captured stdout teardown"]


def test_the_run_that_stops_tears_down(suite, tmp_path):
    suite.write(
        text="import pytest\n@pytest.fixture(scope='module')\ndef f(): print('up'); yield; raise OSError('torn down')\n"
        "def test_a(f): assert 0\n" + "".join(f"def test_{i}(f): pass\n" for i in range(5))
    )
    assert suite.json("-x", "--workers=1").code == 1


#: What a fixture leaves running or open, and how it is called.
UNFORKABLE = {
    "thread": ("t = threading.Thread(target=threading.Event().wait, name='ticker', daemon=True); t.start()", "thread 'ticker'"),
    "child": ("p = subprocess.Popen(['sleep', '100'])", "a child process"),
    "listener": ("s = socket.create_server(('127.0.0.1', 0)); s.listen()", "a listening socket on 127.0.0.1:"),
    "pair": ("s = socket.socketpair()", "a connected socket"),
    "pipe": ("p = os.pipe()", "an open pipe"),
    "loop": ("e = __import__('asyncio').new_event_loop()", "an event loop (epoll)"),
    "file": ("f = open('/tmp/log', 'w')", "/tmp/log, open for writing"),
    "sqlite": ("c = __import__('sqlite3').connect('/tmp/db'); c.execute('create table t (x)')", "/tmp/db, open for writing"),
    "memory": ("v = __import__('mmap').mmap(-1, 4096)", "shared memory"),
}


@pytest.mark.parametrize("what", UNFORKABLE)
def test_what_cannot_be_cloned_is_shared_in_one_worker(suite, what):
    code, why = UNFORKABLE[what]
    suite.write(
        text="import os, socket, subprocess, threading, pytest\npids = []\n"
        f"@pytest.fixture(scope='module')\ndef f():\n    print('up'); {code}\n    yield os.getpid()\n    print('down')\n"
        + "".join(f"def test_{n}(f): assert f == os.getpid(); pids.append(1); assert len(pids) == {i}\n" for i, n in enumerate("abc", 1))
    )
    result = suite.json()
    tests = result.tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, tests
    scope = result.event("scope")
    assert (scope["scope"], scope["nodeid"], scope["tests"]) == ("module", "test_it.py", 3)
    assert scope["fixture"] == "module fixture 'f'" and why in scope["why"]
    assert {test["isolation"] for test in tests.values()} == {"module"}
    assert all(why in test["why"] for test in tests.values())
    text = "".join(text for test in tests.values() for _, text in test["sections"])
    assert text.count("up") == 1 and text.count("down") == 1


@pytest.mark.parametrize("what", ["file open for reading", "sqlite in memory"])
def test_what_can_be_cloned(suite, what):
    code = "f = open('/etc/passwd')" if "file" in what else "c = __import__('sqlite3').connect(':memory:')"
    suite.write(
        text=f"import pytest\n@pytest.fixture(scope='module')\ndef f():\n    {code}\n    yield\n"
        "def test_a(f): pass\ndef test_b(f): pass\n"
    )
    assert {test["isolation"] for test in suite.json().tests().values()} == {"test"}


def test_a_test_that_crashes_a_shared_worker(suite):
    suite.write(
        text="import os, threading, pytest\n@pytest.fixture(scope='module')\n"
        "def f(): threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "def test_a(f): pass\ndef test_b(f): os._exit(1)\ndef test_c(f): pass\n"
    )
    tests = suite.json().tests()
    assert [tests[f"test_it.py::test_{n}"]["outcome"] for n in "abc"] == ["passed", "crashed", "passed"]
    assert {test["isolation"] for test in tests.values()} == {"module"}


THREAD = "threading.Thread(target=threading.Event().wait, daemon=True).start()"


@pytest.mark.parametrize("setting, workers", [("", 2), ('[tool.tach]\nsession_fixtures = "once"\n', 1)])
def test_a_session_that_cannot_be_cloned_is_set_up_by_each_worker(suite, setting, workers):
    suite.write("pyproject.toml", setting)
    suite.write(
        "conftest.py",
        "import os, threading, pytest\n@pytest.fixture(scope='session', autouse=True)\n"
        f"def whole():\n    {THREAD}\n    print('up'); yield; print('down')\n",
    )
    for name in "abcd":
        suite.write(f"test_{name}.py", "import time\ndef test_1(): time.sleep(0.2)\ndef test_2(): pass\n")
    result = suite.json("--workers=2")
    tests = result.tests()
    assert {(test["outcome"], test["isolation"]) for test in tests.values()} == {("passed", "session")}
    assert result.event("scope")["tests"] == 8
    text = "".join(text for test in tests.values() for _, text in test["sections"])
    assert text.count("up") == text.count("down") == workers


SHARED = "seen = []\n{mark}class TestA:\n    def test_1(self): seen.append(1)\n    def test_2(self): assert seen == [1]\n"


@pytest.mark.parametrize(
    "setting, mark, isolation",
    [
        ('shared = ["test_it.py"]', "", "module"),
        ('shared = ["test_it.py::TestA"]', "", "class"),
        ("", "import pytest\npytestmark = pytest.mark.tach_shared\n", "module"),
        ("", "import pytest\n@pytest.mark.tach_shared\n", "class"),
    ],
)
def test_a_module_or_class_that_wants_one_worker_gets_one(suite, setting, mark, isolation):
    suite.write("pyproject.toml", f"[tool.tach]\n{setting}\n[tool.pytest.ini_options]\naddopts = '--strict-markers'\n")
    suite.write(text=SHARED.format(mark=mark))
    suite.write("test_other.py", "import test_it\ndef test_it_is_elsewhere(): assert test_it.seen == []\n")
    result = suite.json()
    tests = result.tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, result.out
    one = tests["test_it.py::TestA::test_2"]
    assert one["isolation"] == isolation and (setting or "marked tach_shared") in one["why"]


def test_a_shared_module_below_a_snapshot(suite):
    suite.write("pyproject.toml", '[tool.tach]\nshared = ["test_it.py"]\n')
    suite.write("conftest.py", "import pytest\n@pytest.fixture(scope='session')\ndef base(): print('up'); yield []; print('down')\n")
    suite.write(text="def test_1(base): base.append(1)\ndef test_2(base): assert base == [1]\n")
    suite.write("test_other.py", "def test_1(base): assert base == []\ndef test_2(base): assert base == []\n")
    tests = suite.json().tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}
    text = "".join(text for test in tests.values() for _, text in test["sections"])
    assert text.count("up") == text.count("down") == 1


def test_the_summary_counts_what_was_not_isolated(suite):
    suite.write(
        text=f"import threading, pytest\n@pytest.fixture(scope='module')\ndef f(): {THREAD}\n"
        "def test_a(f): pass\ndef test_b(f): pass\n"
    )
    assert "2 tests were not isolated from one another: fixtures of 1 scope cannot be cloned (-v says why)" in suite.tach().out
    assert "test_it.py: 2 tests one after another: module fixture 'f': thread '" in suite.tach("-v").out


DEPENDENT = """
import os, pytest
seen = []
@pytest.fixture(scope="module")
def shared(): return []
def test_first(): seen.append(1); print("from the second run")
def test_dies(): os.abort()
def test_on_memory(): assert seen == [1]
def test_on_itself(): assert 0
def test_fills(shared): shared.append(1)
def test_on_a_fixture(shared): assert shared == [1]
def test_on_a_file():
    assert os.path.exists("made")
def test_makes(): open("made", "w").close()
"""


def test_a_test_that_depends_on_an_earlier_one_is_told_so(suite):
    suite.write("tests/test_it.py", DEPENDENT)
    suite.write("tests/test_other.py", "def test_alone(): assert 0\n")
    result = suite.json()
    tests = result.tests()
    told = {nodeid.rpartition("::")[2] for nodeid, test in tests.items() if test["depends_on"] == "tests/test_it.py"}
    assert told == {"test_on_memory", "test_on_a_fixture"}
    failed = {nodeid.rpartition("::")[2] for nodeid, test in tests.items() if test["outcome"] == "failed"}
    assert failed == told | {"test_on_itself", "test_on_a_file", "test_alone"}
    assert 'shared = ["tests/test_it.py"]' in tests["tests/test_it.py::test_on_memory"]["longrepr"]
    assert result.event("finish")["counts"] == {"failed": 6, "passed": 3} and result.code == 1
    text = suite.tach().out
    assert text.count("It depends on an earlier test: when tests/test_it.py runs in one worker, in order, it passes") == 2
    suite.write("pyproject.toml", '[tool.tach]\nshared = ["tests/test_it.py"]\n')
    suite.write("tests/test_it.py", DEPENDENT.replace("os.abort()", "pass"))
    assert suite.json().tests()["tests/test_it.py::test_on_memory"]["outcome"] == "passed"


def test_nothing_runs_twice_where_the_first_failure_ends_the_run(suite):
    suite.write("tests/test_it.py", "seen = []\ndef test_a(): seen.append(1)\ndef test_b(): assert seen\n")
    assert suite.json("-x").tests()["tests/test_it.py::test_b"]["depends_on"] is None


@pytest.mark.parametrize("reuse", ["rollback", "cell", "never"])
def test_what_a_wide_fixture_has_in_tmp_stays_for_its_end(suite, reuse):
    """That a cell inside the snapshot's is emptied for the next test takes nothing from the snapshot."""
    suite.write(
        "conftest.py",
        "import os, pytest, shutil, tempfile\n@pytest.fixture(scope='session')\ndef folder():\n    path = tempfile.mkdtemp()\n"
        "    open(path + '/x', 'w').write('1')\n    yield path\n    assert os.listdir(path) == ['x']\n    shutil.rmtree(path)\n",
    )
    text = (
        "import os, pytest\n@pytest.mark.parametrize('i', range(4))\n"
        "def test_it(folder, i):\n    assert os.listdir(folder) == ['x']\n    open(f'{folder}/{i}', 'w')\n"
    )
    suite.write("test_a.py", text)
    suite.write("test_b.py", text)
    result = suite.json("--workers=1", f"--reuse={reuse}")
    assert result.event("finish")["counts"] == {"passed": 8}, result.tests()
