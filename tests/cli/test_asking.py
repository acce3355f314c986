"""Fixtures of wider scopes that are asked for as a test runs: set up once, torn down once, as under pytest."""

import pytest

from test_scopes import SUITE, pytest_outcomes, pytest_says, said, said_by, write

#: Every way to ask.
ASKING = {
    "say.py": SUITE["say.py"],
    "conftest.py": """
import pytest
from say import say
@pytest.fixture(scope="session")
def base(): say("+base"); yield ["base"]; say("-base")
@pytest.fixture(scope="session")
def whole(base): say("+whole"); yield ["whole"]; say("-whole")
@pytest.fixture(scope="package")
def pack(request): say("+pack"); yield request.getfixturevalue("whole"); say("-pack")
@pytest.fixture(scope="module")
def mod(request): say("+mod"); yield request.module.__name__; say("-mod")
@pytest.fixture
def helper(whole): return whole
@pytest.fixture(autouse=True)
def marker(request):
    if request.node.get_closest_marker("wants"): request.getfixturevalue("helper")
""",
    "pytest.ini": "[pytest]\nmarkers = wants\n",
    "pkg/__init__.py": "",
    "pkg/test_one.py": """
import pytest
from say import say
def test_first(request): pass
def test_in_call(request): assert request.getfixturevalue("pack") == ["whole"]
@pytest.mark.wants
def test_marked(): pass
@pytest.mark.wants
def test_marked_again(request): request.getfixturevalue("pack").append(1)
@pytest.mark.parametrize("name, value", [("whole", ["whole"]), ("mod", "pkg.test_one"), ("pack", ["whole"])])
def test_param(request, name, value): assert request.getfixturevalue(name) == value
""",
    "pkg/test_two.py": """
import unittest, pytest
from say import say
class TestIn:
    @pytest.fixture(scope="class", autouse=True)
    def inner(self, request): request.getfixturevalue("pack"); say("+inner"); yield; say("-inner")
    @pytest.mark.wants
    def test_a(self): pass
    def test_b(self, request): assert request.getfixturevalue("mod") == "pkg.test_two"
    def test_c(self, mod): assert mod == "pkg.test_two"
class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls): say("+setUpClass"); cls.log = []
    @classmethod
    def tearDownClass(cls): say("-setUpClass")
    @pytest.fixture(autouse=True)
    def own(self, request): assert request.getfixturevalue("mod") == "pkg.test_two"
    def test_a(self): self.assertEqual(self.log, []); self.log.append(1)
    def test_b(self): self.assertEqual(self.log, [])
""",
    "test_three.py": """
import pytest
@pytest.fixture
def helper(helper, request): return helper + [request.getfixturevalue("mod")]
@pytest.fixture(params=[1, 2], scope="module")
def number(request): return request.param
@pytest.fixture(scope="module")
def twice(number): from say import say; say(f"+twice {number}"); yield number * 2; say(f"-twice {number}")
def test_overridden(request): assert request.getfixturevalue("helper") == ["whole", "test_three"]
def test_number(number, request): assert request.getfixturevalue("twice") == number * 2
def test_number_again(number, request): assert request.getfixturevalue("twice") == number * 2
@pytest.mark.wants
def test_marked(): pass
""",
}


@pytest.mark.parametrize("workers", [1, 4])
def test_as_often_as_under_pytest(suite, workers):
    write(suite, ASKING)
    expected = said(pytest_says(suite))
    result = suite.json(f"--workers={workers}")
    tests = result.tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, result.out
    assert sorted(said_by(tests)) == sorted(expected)
    assert {test["attempt"] for test in tests.values()} == {1}
    if workers == 1:
        for names in (("base", "whole"), ("pack",), ("twice", "mod"), ("inner", "setUpClass")):
            ours, theirs = ([line for line in lines if line[0] == "+" and line[1:].startswith(names)] for lines in (said_by(tests), expected))
            assert ours == theirs


def test_without_cells_too(suite):
    write(suite, ASKING)
    assert said_by(suite.json("--no-isolation", "--workers=1").tests()) == said(pytest_says(suite))


ASK = "import os, threading, pytest\n@pytest.fixture(scope='{scope}')\ndef f():\n    print('up')\n    {body}\n    yield []\n    print('down')\n"


def lived(tests):
    """How often the fixture was set up and torn down."""
    text = "".join(text for test in tests.values() for _, text in test["sections"])
    return text.count("up\n"), text.count("down\n")


def test_a_copy_for_each_test(suite):
    """What was printed belongs to the phase of the test that asked first."""
    suite.write(
        text=ASK.format(scope="module", body="pass")
        + "@pytest.mark.parametrize('i', range(6))\n"
        "def test_it(request, i): value = request.getfixturevalue('f'); assert value == []; value.append(1); print('body')\n"
    )
    tests = suite.json("--workers=2").tests()
    assert {(test["outcome"], test["isolation"], test["snapshot"]) for test in tests.values()} == {("passed", "test", "module fixture 'f'")}
    assert lived(tests) == (1, 1)
    assert dict(map(tuple, tests["test_it.py::test_it[0]"]["sections"]))["Captured stdout call"] == "up\nbody\n"
    assert dict(map(tuple, tests["test_it.py::test_it[5]"]["sections"]))["Captured stdout teardown"] == "down\n"


@pytest.mark.parametrize("body, word", [("raise OSError('no')", "failed"), ("pytest.skip('not here')", "skipped"), ("assert [1] == [2]", "failed")])
def test_what_fails_fails_for_each_that_asks(suite, body, word):
    suite.write(
        text=ASK.format(scope="module", body=body)
        + "def test_a(request): request.getfixturevalue('f')\ndef test_b(request): request.getfixturevalue('f')\n"
        "@pytest.fixture\ndef g(request): request.getfixturevalue('f')\n"
        "def test_c(g): pass\ndef test_d(g): pass\ndef test_e(): pass\n"
    )
    expected = pytest_outcomes(pytest_says(suite))
    tests = suite.json("--workers=2").tests()
    assert {nodeid: test["outcome"] for nodeid, test in tests.items() if test["outcome"] != "skipped"} == expected
    assert tests["test_it.py::test_a"]["outcome"] == word and lived(tests) == (1, 0)


def test_a_class_that_asks_is_set_up_once_for_its_tests(suite):
    suite.write("conftest.py", ASK.format(scope="session", body="pass"))
    suite.write(
        text="import pytest, unittest\n@pytest.fixture(autouse=True, scope='class')\n"
        "def asks(request): request.getfixturevalue('f')\n"
        + "".join(
            f"class Case{n}(unittest.TestCase):\n"
            "    @classmethod\n    def setUpClass(cls): print('class up')\n"
            "    @classmethod\n    def tearDownClass(cls): print('class down')\n"
            "    def test_a(self): pass\n    def test_b(self): pass\n"
            for n in range(3)
        )
    )
    tests = suite.json("--workers=4").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"} and len(tests) == 6
    assert lived(tests) == (1 + 3, 1 + 3)


@pytest.mark.parametrize("asking", ["abcd", "a", "d"])
def test_a_class_whose_test_asks_begins_again(suite, asking):
    """The first test that may ask is the first of the class to run: nothing of the class has been told."""
    asks = "request.getfixturevalue('f')"
    suite.write("conftest.py", ASK.format(scope="session", body="pass"))
    suite.write(
        text="class TestA:\n    @classmethod\n    def setup_class(cls): print('class up')\n"
        "    @classmethod\n    def teardown_class(cls): print('class down')\n"
        + "".join(f"    def test_{n}(self, request): {asks if n in asking else 'pass'}\n" for n in "abcd")
    )
    suite.write("test_other.py", "def test_it(f): pass\n")
    tests = suite.json("--workers=4").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}
    assert lived(tests) == (2, 2)


def test_two_modules_ask_for_the_same(suite):
    suite.write("conftest.py", ASK.format(scope="session", body="pass"))
    for name in "abc":
        suite.write(
            f"test_{name}.py",
            "import time, pytest\n@pytest.fixture(scope='module', autouse=True)\ndef m(): pass\n"
            "def test_1(request): time.sleep(0.1); request.getfixturevalue('f').append(1)\n"
            "def test_2(request): assert request.getfixturevalue('f') == []\n",
        )
    tests = suite.json("--workers=4").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"} and lived(tests) == (1, 1)


@pytest.mark.parametrize("scope, workers", [("module", 1), ("session", 2)])
def test_what_cannot_be_cloned_is_shared_in_one_worker(suite, scope, workers):
    suite.write("conftest.py", ASK.format(scope=scope, body="threading.Thread(target=threading.Event().wait, daemon=True).start()"))
    names = ["a"] if workers == 1 else ["a", "b"]
    for name in names:
        suite.write(
            f"test_{name}.py",
            "import time\ndef test_0(): pass\n"
            "def test_1(request): time.sleep(0.1); request.getfixturevalue('f').append(1)\n"
            "def test_2(request): time.sleep(0.1); assert request.getfixturevalue('f') == [1]\n",
        )
    result = suite.json("--workers=2")
    tests = result.tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, result.out
    assert result.event("scope")["scope"] == scope and lived(tests) == (workers, workers)


def test_modules_that_cannot_be_cloned_ask_for_the_session(suite):
    suite.write("conftest.py", ASK.format(scope="session", body="pass"))
    for name in "ab":
        suite.write(
            f"test_{name}.py",
            "import threading, pytest\n@pytest.fixture(scope='module', autouse=True)\n"
            "def m(): threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
            "def test_1(request): request.getfixturevalue('f').append(1)\n"
            "def test_2(request): assert request.getfixturevalue('f') == [1]\n",
        )
    tests = suite.json("--workers=2").tests()
    assert {(test["outcome"], test["isolation"]) for test in tests.values()} == {("passed", "module")} and lived(tests) == (1, 1)


def test_it_does_not_matter_that_the_test_catches_all(suite):
    code = "try: request.getfixturevalue('f')\n    except BaseException: pass"
    suite.write(text=ASK.format(scope="module", body="pass") + "".join(f"def test_{n}(request):\n    {code}\n" for n in "abc"))
    tests = suite.json("--workers=2").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"} and lived(tests) == (1, 1)


def test_in_a_thread_and_in_a_child_process_the_test_sets_up_for_itself(suite):
    suite.write(
        text=ASK.format(scope="module", body="pass")
        + "def test_a(request):\n    found = []\n"
        "    thread = threading.Thread(target=lambda: found.append(request.getfixturevalue('f'))); thread.start(); thread.join()\n"
        "    assert found == [[]]\n"
        "def test_b(request):\n"
        "    pid = os.fork()\n"
        "    if pid == 0: os._exit(request.getfixturevalue('f') != [])\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
        "def test_c(request): assert request.getfixturevalue('f') == []\n"
    )
    tests = suite.json("--workers=2").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, tests


def test_a_set_up_that_dies(suite):
    """It ends the test that asked; for the next one it is tried again."""
    suite.write(
        text=ASK.format(scope="module", body="os.abort()")
        + "def test_a(): pass\ndef test_b(request): request.getfixturevalue('f')\n"
        "def test_c(request): request.getfixturevalue('f')\ndef test_d(): pass\n"
    )
    tests = suite.json("--workers=2").tests()
    assert [tests[f"test_it.py::test_{n}"]["outcome"] for n in "abcd"] == ["passed", "crashed", "crashed", "passed"]
    assert "while setting up: module fixture 'f'" in tests["test_it.py::test_b"]["reason"]


def test_the_attempt_that_asked_leaves_nothing(suite):
    """Its output, warnings and files are forgotten; what it had set up itself was torn down."""
    suite.write(
        text=ASK.format(scope="module", body="pass")
        + "import pathlib, warnings\n"
        "@pytest.fixture\ndef own(): print('own up'); yield; pathlib.Path('log').write_text('x'); print('own down')\n"
        "def test_a(own, request, record_property):\n"
        "    print('body'); warnings.warn('careful'); record_property('k', 'v')\n"
        "    assert not pathlib.Path('log').exists()\n    pathlib.Path('log').write_text('x')\n    request.getfixturevalue('f')\n"
        "def test_b(request): request.getfixturevalue('f')\n"
    )
    result = suite.json("--workers=1")
    test = result.tests()["test_it.py::test_a"]
    sections = dict(map(tuple, test["sections"]))
    assert (test["outcome"], test["attempt"]) == ("passed", 1)
    assert sections["Captured stdout setup"] == "own up\n" and sections["Captured stdout call"] == "body\nup\n"
    assert result.event("finish")["counts"] == {"passed": 2, "warnings": 1}
    assert test["user_properties"] == [["k", "v"]]


def test_a_module_in_one_worker_goes_on_where_its_tests_ask(suite):
    """From its first test it begins again; a later one sets up for itself, since the tests before have run."""
    suite.write("conftest.py", ASK.format(scope="session", body="pass"))
    suite.write(
        text="import pytest\npytestmark = pytest.mark.tach_shared\nseen = []\n"
        "def test_a(): seen.append(1)\ndef test_b(request): assert seen == [1] and request.getfixturevalue('f') == []\n"
        "def test_c(request): assert seen == [1]\n"
    )
    suite.write("test_other.py", "def test_a(request): request.getfixturevalue('f')\ndef test_b(): pass\n")
    tests = suite.json("--workers=1").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}


def test_what_is_kept_was_written_once(suite):
    suite.write("pyproject.toml", "[tool.tach]\nkeep = ['*.txt']\n")
    suite.write("conftest.py", ASK.format(scope="session", body="open('f.txt', 'a').write('x')"))
    suite.write(
        text="def add(name):\n    with open(name, 'a') as file: file.write('x')\n"
        "class TestA:\n    @classmethod\n    def setup_class(cls): add('class.txt')\n"
        "    def test_a(self, request): add('a.txt'); request.getfixturevalue('f')\n"
        "    def test_b(self, request): request.getfixturevalue('f'); add('b.txt')\n"
    )
    suite.write("test_other.py", "def test_it(f): pass\n")
    result = suite.json("--workers=2")
    assert {test["outcome"] for test in result.tests().values()} == {"passed"}, result.out
    assert {path.name: path.read_text() for path in suite.path.glob("*.txt")} == dict.fromkeys(("a.txt", "b.txt", "class.txt", "f.txt"), "x")
    assert not [event for event in result.events if event["event"] == "error"]


@pytest.mark.parametrize(
    "line",
    [
        "b'ask', 0, 0, 0",  # again and again
        "b'ask', 0, 70000, 0",  # for nothing that there is
        "b'ask', 5, 0, 0",  # of no snapshot
        "b'ask', 0, 0, 7",
        "b'ask', 0, -1, 0",
    ],
)
def test_a_test_that_asks_without_end_or_sense_harms_only_itself(suite, line):
    suite.write(
        text=ASK.format(scope="module", body="pass")
        + "def test_a(request):\n"
        "    import json, stat\n"
        f"    t, u, fixture, phase = {line}\n"
        "    text = json.dumps({'t': t.decode(), 'i': 0, 'u': u, 'fixture': fixture, 'phase': phase}).encode() + b'\\n'\n"
        "    for fd in range(3, 100):\n"
        "        try:\n"
        "            if stat.S_ISFIFO(os.fstat(fd).st_mode): os.write(fd, text + b'{\"t\":\"done\"}\\n')\n"
        "        except OSError: pass\n"
        "    os._exit(0)\n"
        "def test_b(request): assert request.getfixturevalue('f') == []\n"
        "def test_c(request): assert request.getfixturevalue('f') == []\n"
    )
    tests = suite.json("--workers=2").tests()
    assert [tests[f"test_it.py::test_{n}"]["outcome"] for n in "abc"] == ["crashed", "passed", "passed"]


def test_the_run_that_stops_tears_down(suite):
    suite.write(
        text=ASK.format(scope="module", body="pass")
        + "def test_a(request): request.getfixturevalue('f'); assert 0\n"
        + "".join(f"def test_{n}(request): request.getfixturevalue('f')\n" for n in "bcd")
    )
    result = suite.json("-x", "--workers=1")
    assert result.code == 1 and result.event("finish")["counts"]["failed"] == 1
