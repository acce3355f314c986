"""The session's end: hooks and plugins know all outcomes, may change the exit code, and pytest's cache is kept."""

import json
import os
import subprocess
import sys

import pytest

from running import NOBODY, TACH, environment

MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
SUITE = (
    "import os, pytest, warnings\n"
    "def test_pass(): warnings.warn('careful')\n"
    "def test_fail(): assert 1 == 2, 'because'\n"
    "def test_skip(): pytest.skip('not now')\n"
    "def test_crash(): os.abort()\n"
)


@MODES
def test_hooks_at_the_end_know_the_outcomes(suite, mode):
    suite.write("conftest.py", "import json\n"
        "calls = []\n"
        "def pytest_runtest_logstart(nodeid, location): calls.append(['start', nodeid, location[1]])\n"
        "def pytest_runtest_logreport(report): calls.append([report.when, report.outcome, report.nodeid,\n"
        "    str(report.longrepr), type(report.location).__name__, report.duration >= 0, 'test_it.py' in report.keywords])\n"
        "def pytest_runtest_logfinish(nodeid): calls.append(['end', nodeid])\n"
        "def pytest_sessionfinish(session, exitstatus):\n"
        "    print('FOUND', json.dumps([int(exitstatus), session.testsfailed, session.testscollected, calls]))\n"
        "def pytest_terminal_summary(terminalreporter, exitstatus):\n"
        "    terminalreporter.section('mine')\n"
        "    print('STATS', json.dumps({k: len(v) for k, v in terminalreporter.stats.items() if k}))\n"
    )  # fmt: skip
    suite.write(text=SUITE)
    result = suite.json("-n", "1", *mode)
    text = result.event("session")["text"]
    lines = dict(line.split(" ", 1) for line in text.splitlines() if line.startswith(("FOUND", "STATS")))
    status, failed, collected, calls = json.loads(lines["FOUND"])
    assert (status, failed, collected) == (1, 2, 4)
    starts = [i for i, call in enumerate(calls) if call[0] == "start"]
    tests = [calls[i:j] for i, j in zip(starts, [*starts[1:], len(calls)])]
    by_name = {one[0][1].partition("::")[2]: one for one in tests}
    assert set(by_name) == {"test_pass", "test_fail", "test_skip", "test_crash"}
    assert [c[:2] for c in by_name["test_pass"][1:4]] == [["setup", "passed"], ["call", "passed"], ["teardown", "passed"]]
    assert by_name["test_fail"][2][1] == "failed" and "assert 1 == 2" in by_name["test_fail"][2][3]
    assert by_name["test_fail"][2][4:] == ["tuple", True, True]
    assert by_name["test_skip"][2][1] == "skipped" and by_name["test_skip"][2][3].endswith("'Skipped: not now')")
    assert [c[0] for c in by_name["test_crash"]] == ["start", "setup", "call", "end"]
    assert "killed by SIGABRT" in by_name["test_crash"][2][3]
    assert json.loads(lines["STATS"]) == {"passed": 1, "failed": 2, "skipped": 1, "warnings": 1}
    assert "= mine =" in text
    human = suite.tach("-n", "1", *mode).out
    assert human.index("= FAILURES =") < human.index("= mine =") < human.index("= short test summary info =")


@MODES
@pytest.mark.parametrize(
    "body, code",
    [
        ("session.exitstatus = 42 if exitstatus == 1 else 43", 42),
        ("session.exitstatus = 0", 0),
        ("import pytest; pytest.exit('worse', returncode=9)", 9),
        ("1 / 0", 1),
    ],
)
def test_hooks_at_the_end_change_the_exit_code(suite, mode, body, code):
    suite.write("conftest.py", f"def pytest_sessionfinish(session, exitstatus):\n    {body}\n")
    suite.write(text=SUITE)
    result = suite.json(*mode)
    assert (result.code, result.event("finish")["exit_code"]) == (code, code)
    if body == "1 / 0":
        assert "ZeroDivisionError" in result.event("session")["text"]


def test_an_empty_run_may_be_made_a_success(suite):
    suite.write("conftest.py", "def pytest_sessionfinish(session, exitstatus):\n    if exitstatus == 5: session.exitstatus = 0\n")
    suite.write(text="x = 1\n")
    assert suite.tach().code == 0


@MODES
@pytest.mark.parametrize(
    "text, args, told, code",
    [
        ("import pytest\ndef test_a(): pytest.exit('enough', returncode=7)\n", (), "7 Exit enough", 7),
        ("def test_a(): raise KeyboardInterrupt\n", (), "2 ", 2),
        ("def test_a(): assert 0\ndef test_b(): assert 0\n", ("-x",), "1 ", 1),
    ],
)
def test_hooks_at_the_end_know_how_it_ended(suite, mode, text, args, told, code):
    suite.write("conftest.py", "def pytest_keyboard_interrupt(excinfo): print('TOLD', excinfo.typename, excinfo.value)\n"
        "def pytest_sessionfinish(exitstatus): print('TOLD', int(exitstatus))\n")  # fmt: skip
    suite.write(text=text)
    result = suite.json("-n", "1", *mode, *args)
    lines = [line.removeprefix("TOLD ") for line in result.event("session")["text"].splitlines() if "TOLD" in line]
    assert result.code == code and " ".join(reversed(lines)).startswith(told.rstrip()), lines


def test_what_plugins_say_at_the_start_is_shown(suite):
    suite.write("conftest.py", "def pytest_report_header(): return ['weather: fine', 'mood: calm']\n")
    suite.write(text="def test_a(): pass\n")
    assert "weather: fine\nmood: calm\ncollected 1 item" in suite.tach().out
    assert suite.json().event("collected")["header"] == ["weather: fine", "mood: calm"]


def test_what_plugins_add_to_reports_arrives(suite):
    """As text, where JSON cannot say it."""
    suite.write("conftest.py", "import pytest\n"
        "class Odd:\n    def __str__(self): raise OSError\n    __repr__ = __str__\n"
        "@pytest.hookimpl(hookwrapper=True)\n"
        "def pytest_runtest_makereport():\n"
        "    report = (yield).get_result()\n"
        "    report.odd = Odd(); report.pair = (1, {2: b'x'}); report.deep = deep = []\n"
        "    for _ in range(100): deep.append([]); deep = deep[0]\n"
        "def pytest_runtest_logreport(report): type(report.odd) is str and report.when == 'call' and print('GOT', report.odd, report.pair)\n"
    )  # fmt: skip
    suite.write(text="def test_a(): pass\n")
    result = suite.json()
    assert result.tests()["test_it.py::test_a"]["outcome"] == "passed" and result.code == 0
    assert "GOT <Odd> [1, {'2': \"b'x'\"}]" in result.event("session")["text"]


REPORTS = """
import pytest
told = []
def pytest_runtest_logreport(report):
    names = sorted(set(vars(report)) - {"$report_type"})  # as under pytest-xdist
    told.append((report.nodeid, report.when, report.outcome, report.location, sorted(report.keywords), report.longrepr,
                 report.sections, report.user_properties, 0 < report.duration < 60, names))
def pytest_sessionfinish(session):
    if hasattr(session.config, "workerinput"): return
    for one in sorted(told, key=lambda one: (one[0], ("setup", "call", "teardown").index(one[1]))): print("\\nTOLD", *one)
"""
MARKED = """
import pytest
@pytest.fixture
def narrow(request): request.node.add_marker("from_fixture")
def test_plain(): pass
@pytest.mark.odd(1)
class TestClass:
    @pytest.mark.parametrize("n", [1, 2])
    def test_n(self, n): pass
def test_narrow(narrow): pass
def test_adds(request): request.node.add_marker("from_test"); request.node.keywords["added"] = 1
def test_prints(): print("said")
def test_property(record_property): record_property("a", 1)
"""
WIDER = """
import pytest
@pytest.fixture(scope="module")
def wide(request): request.node.add_marker("from_module")
def test_wide_1(wide): pass
def test_wide_2(wide): pass
"""


@MODES
def test_reports_of_what_passed_are_whole(suite, mode):
    """Most are told by the worker in short."""
    suite.write("conftest.py", REPORTS)
    suite.write("pyproject.toml", '[tool.pytest.ini_options]\nmarkers = ["odd"]\n')
    suite.write(text=MARKED)
    suite.write("test_wider.py", WIDER)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(argv, cwd=suite.path, env=environment(), capture_output=True, text=True, check=False)
    expected = [line for line in done.stdout.splitlines() if line.startswith("TOLD")]
    result = suite.json("-p", "no:cacheprovider", *mode)
    told = [line for line in result.event("session")["text"].splitlines() if line.startswith("TOLD")]
    assert len(expected) == 27 and told == expected


def own(suite, user):
    for path in [*suite.path.rglob("*"), suite.path]:
        os.chown(path, user, user)
    for path in suite.path.parents:
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o055)


USERS = pytest.mark.parametrize(
    "user", [None, pytest.param(NOBODY, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another"))]
)


@MODES
@USERS
def test_last_failed(suite, mode, user):
    suite.write(text=SUITE)
    if user:
        own(suite, user)
    assert suite.json(*mode, user=user).code == 1
    again = suite.json("--lf", *mode, user=user)
    assert set(again.tests()) == {"test_it.py::test_fail", "test_it.py::test_crash"}
    assert next(iter(suite.json("--ff", "-n", "1", *mode, user=user).tests())) in again.tests()
    suite.write(text="def test_fail(): pass\ndef test_new(): pass\ndef test_pass(): pass\n")
    assert next(iter(suite.json("--nf", "-n", "1", *mode, user=user).tests())) == "test_it.py::test_new"
    assert json.loads((suite.path / ".pytest_cache/v/cache/lastfailed").read_text()).keys() == {"test_it.py::test_crash"}
    assert suite.json("--cache-clear", *mode, user=user).code == 0
    assert not (suite.path / ".pytest_cache/v/cache/lastfailed").exists()
    owner = (suite.path / ".pytest_cache/v/cache/nodeids").stat().st_uid
    assert owner == (user or os.geteuid()) and "Signature: " in (suite.path / ".pytest_cache/CACHEDIR.TAG").read_text()


@MODES
def test_stepwise(suite, mode):
    suite.write(text="import os\ndef test_a(): pass\ndef test_b(): assert os.path.exists('/etc/hosts-not')\ndef test_c(): pass\n")
    first = suite.json("--sw", "-n", "1", *mode)
    assert first.code == 2 and first.tests()["test_it.py::test_b"]["outcome"] == "failed"
    suite.write(text="def test_a(): pass\ndef test_b(): pass\ndef test_c(): pass\n")
    second = suite.json("--sw", *mode)
    assert set(second.tests()) == {"test_it.py::test_b", "test_it.py::test_c"} and second.code == 0


STEPS = "import os, time\n" + "".join(
    f"def test_{name}():\n    time.sleep({seconds})\n    assert not os.path.exists('{name}')\n" for name, seconds in zip("abcd", (0.4, 0, 0, 0))
)


def of_pytest(suite, *args):
    """(exit code, {test: outcome}, what --sw keeps) of pytest in the suite's folder."""
    argv = [sys.executable, "-m", "pytest", "-rA", *args]
    done = subprocess.run(argv, cwd=suite.path, env=environment(), capture_output=True, text=True, check=False)
    lines = (line.split() for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED")))
    return done.returncode, {name.partition("::")[2]: word.lower() for word, name, *_ in lines}


@MODES
@pytest.mark.parametrize("skip", [(), ("--sw-skip",)], ids=["sw", "sw-skip"])
def test_stepwise_leaves_out_what_has_passed(suite, mode, skip):
    """Run after run as under pytest, also where another worker could have come to a later failure first."""
    seen = {}
    for who in ("pytest", "tach"):
        suite.write(text=STEPS)
        (suite.path / ".pytest_cache/v/cache/stepwise").unlink(missing_ok=True)
        for name in "acd":
            suite.write(name)
        for number, fixed in enumerate(["", "", "a", "c", "d", ""]):
            if fixed:
                (suite.path / fixed).unlink()
            args = ["--sw", *skip]
            if who == "pytest":
                told = of_pytest(suite, *args)
            else:
                result = suite.json("-n", "2", *mode, *args)
                told = result.code, {name.partition("::")[2]: test["outcome"] for name, test in result.tests().items()}
            kept = json.loads((suite.path / ".pytest_cache/v/cache/stepwise").read_text())
            if isinstance(kept, dict):  # from pytest 8.4 on
                kept.pop("last_cache_date_str")
            seen.setdefault(number, []).append((*told, kept))
    assert all(theirs == ours for theirs, ours in seen.values()), seen
    assert seen[0][1][0] == 2 and seen[5][1][0] == 0


def test_what_is_left_out_is_said(suite):
    """What plugins answer to pytest_report_collectionfinish."""
    suite.write("conftest.py", "def pytest_report_collectionfinish(items): return ['mine: ' + str(len(items)), 'and more']\n")
    suite.write(text="def test_a(): assert 0\ndef test_b(): pass\n")
    suite.tach()
    result = suite.json("--lf")
    assert result.event("collected")["notes"] == ["mine: 1", "and more", "run-last-failure: rerun previous 1 failure"]
    notes = "collected 1 item\nmine: 1\nand more\nrun-last-failure: rerun previous 1 failure\n\n"
    argv = [sys.executable, "-m", "pytest", "--lf"]
    assert notes in subprocess.run(argv, cwd=suite.path, env=environment(), capture_output=True, text=True, check=False).stdout
    assert notes in suite.tach("--lf").out


@MODES
def test_cache_fixture_is_kept_for_the_next_run(suite, mode):
    suite.write(text="def test_a(cache):\n    n = cache.get('my/count', 0); print('count', n); cache.set('my/count', n + 1)\n")
    for count in range(3):
        (test,) = suite.json(*mode).tests().values()
        assert ["Captured stdout call", f"count {count}\n"] in test["sections"]


@MODES
def test_without_the_cache_plugin_nothing_is_written(suite, mode):
    suite.write(text="def test_a(): pass\n")
    assert suite.json("-p", "no:cacheprovider", *mode).code == 0
    assert os.listdir(suite.path) == ["test_it.py"]


def test_tach_run_writes_no_cache_unless_told(suite):
    suite.write(text="def test_a(): pass\n")
    spec = json.loads(suite.tach("spec").out)
    assert spec["tach"].pop("cache") is True
    import subprocess

    done = subprocess.run([f"{TACH}-run", "--spec", "-"], input=json.dumps(spec), env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert os.listdir(suite.path) == ["test_it.py"]


@pytest.mark.parametrize(
    "prepare, ini",
    [
        ("mkdir source; echo 1 > source/a.py", "cache_dir = source"),
        ("mkdir -p ../outside; ln -s ../outside .pytest_cache", ""),
        ("mkdir -p ../outside; ln -s ../outside linked", "cache_dir = linked/deeper"),
        ("mkdir -p .pytest_cache ../outside; echo 'Signature: 8a477f597d28d172789f06886806bc55' > .pytest_cache/CACHEDIR.TAG;"
         " ln -s ../../outside .pytest_cache/v", ""),
        ("mkdir ../outside", "cache_dir = ../outside/cache"),
        ("mkdir ../outside", "cache_dir = {above}/outside/cache"),
        ("mkdir ../outside; chmod 555 .", ""),
    ],
)  # fmt: skip
@USERS
def test_only_a_cache_folder_of_the_project_is_written(suite, prepare, ini, user):
    if user is None and "chmod" in prepare:
        pytest.skip("nothing is read-only to root")
    suite.write("pytest.ini", f"[pytest]\n{ini.format(above=suite.path.parent)}\n")
    suite.write(text="def test_a(): assert 0\n")
    if user:
        own(suite, user)
    os.system(f"cd {suite.path} && {prepare}")

    def files():
        return sorted(str(path) for path in suite.path.parent.rglob("*") if "__pycache__" not in str(path))

    before = files()
    result = suite.json(user=user)
    assert result.code == 1 and files() == before
    assert any(event["category"] == "PytestCacheWarning" for event in result.events if event["event"] == "warning")


def test_a_hostile_suite_writes_no_more_than_a_cache(suite):
    """The interpreter that collected says what is to be written: here it lies."""
    suite.write("conftest.py", "import json, os\n"
        "from tach_harness import cachedir\n"
        "here = os.getcwd()\n"
        "def lie(self):\n"
        "    fd = os.memfd_create('x')\n"
        "    os.write(fd, json.dumps({'folder': here + '/' + FOLDER, 'files': {NAME: 'x'}}).encode())\n"
        "    return fd\n"
        "FOLDER, NAME = os.environ['FOLDER'], os.environ['NAME']\n"
        "cachedir.CacheFolder.changes = lie\n"
    )  # fmt: skip
    suite.write(text="def test_a(): pass\n")
    (suite.path / "src").mkdir()
    (suite.path.parent / "victim").mkdir()
    tagged = suite.write(".pytest_cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
    for folder, name in [
        ("src", "v/a"), ("../victim", "v/a"), ("src/../../victim", "v/a"), (".", "v/a"), ("", "v/a"), ("src/", "v/a"),
        (".pytest_cache", "a"), (".pytest_cache", "v/../a"), (".pytest_cache", "v/../../src/a"), (".pytest_cache", "/a"),
        (".pytest_cache", "v/"), (".pytest_cache", "v//a"), (".pytest_cache", "v/."), ("new/v", "v/a"), (".pytest_cache", "v/" + "a" * 300),
        ("test_it.py", "v/a"), ("x" * 5000, "v/a"),
    ]:  # fmt: skip
        result = suite.json(env={"FOLDER": folder, "NAME": name})
        assert result.code == 0 and result.event("warning")["category"] == "PytestCacheWarning", (folder, name)
    # nothing but v/, empty
    found = {str(path.relative_to(suite.path)) for path in suite.path.rglob("*")}
    assert found - {".pytest_cache/v"} == {"conftest.py", "test_it.py", "src", ".pytest_cache", ".pytest_cache/CACHEDIR.TAG"}
    assert list((suite.path.parent / "victim").iterdir()) == [] and tagged.read_text().startswith("Signature")
