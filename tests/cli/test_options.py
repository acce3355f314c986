"""pytest's own options beside pytest: what is asked for instead of running tests, and how the report looks."""

import json
import re
import subprocess
import sys

import pytest

from running import TACH, environment

MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
SUITE = """
import pytest, warnings
@pytest.fixture(scope="module")
def wide():
    "A wide one."
    yield 1
@pytest.fixture
def narrow(wide):
    "A narrow one."
    return 2
def test_pass(narrow): print("printed by a test that passes")
def test_fail(wide): print("printed"); assert 0, "why\\nnot"
@pytest.mark.skip(reason="later")
def test_skip(): pass
@pytest.mark.skip(reason="later")
def test_skip_too(): pass
def test_skips(): pytest.skip("now")
@pytest.mark.xfail(reason="known")
def test_xfail(): print("expected"); assert 0
@pytest.mark.xfail(reason="fixed")
def test_xpass(): print("unexpected")
@pytest.fixture
def bad(): raise ValueError("bad one")
def test_error(bad): pass
@pytest.fixture
def bad_end():
    yield
    print("at the end")
    raise ValueError("bad end")
def test_teardown(bad_end): print("before")
@pytest.fixture
def chatty():
    yield
    print("good end")
def test_chatty(chatty): pass
class TestC:
    @pytest.mark.parametrize("x", [1, 2])
    def test_m(self, x): pass
def test_warns(): warnings.warn("careful")
"""
SETUPS = """
import pytest
@pytest.fixture(scope="session", autouse=True)
def widest(): print("not shown")
@pytest.fixture(scope="module", params=[1, "two"], ids=["one", "two"])
def wide(request): yield request.param
@pytest.fixture
def narrow(wide, monkeypatch): return 2
@pytest.fixture
def bad(wide): raise ValueError("bad one")
def test_pass(narrow): print("not shown")
def test_fail(wide): assert 0
def test_error(bad): pass
@pytest.mark.skip
def test_skip(wide): pass
class TestC:
    @pytest.fixture(scope="class")
    def own(self): yield
    @pytest.mark.parametrize("x", [1, 2])
    def test_m(self, wide, own, x): pass
"""


def write(suite, text=SUITE, ini=""):
    suite.write("pytest.ini", "[pytest]\nmarkers =\n  slow: takes long\n" + ini)
    suite.write("conftest.py", "'''The suite's.'''\n")
    suite.write(text=text)


def under_pytest(suite, *args):
    argv = [sys.executable, "-m", "pytest", *args]
    return subprocess.run(argv, cwd=suite.path, env=environment(), capture_output=True, text=True, check=False)


def same(text):
    """TEXT without what differs from run to run, or must from runner to runner."""
    text = re.sub(r"in \d+\.\d+s(?: \([0-9:]+\))?", "in SECONDS", text)
    text = re.sub(r"(?m)^=+ (.*) =+$", r"= \1 =", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0xADDRESS", text)
    text = re.sub(r"^usage: \S.*? \[options\]", "usage: pytest [options]", text)
    text = re.sub(r"'test_it.py::(.*)': \d[0-9.e-]*", r"'test_it.py::\1': SECONDS", text)
    return text.replace("@pytest.mark.tach_shared: run the tests of this module or class in one worker, in order\n\n", "")


@MODES
@pytest.mark.parametrize(
    "args",
    ["--cache-show", "--cache-show=cache/n*", "--markers", "--fixtures", "--fixtures -v", "--funcargs", "--fixtures-per-test",
     "--collect-only", "--co -q", "--co -qq", "--co -k fail", "--co -m slow", "--co test_it.py::test_pass", "--co nowhere",
     "--co --deselect=test_it.py::test_pass", "--setup-plan", "--setup-only", "--setup-only -x", "--setup-only -k m", "--version",
     "--version --version", "--help", "-h"],
)  # fmt: skip
def test_what_is_asked_for_instead_of_running_tests(suite, mode, args):
    write(suite)
    if "--cache-show" in args:
        assert under_pytest(suite, "--lf").returncode == 1
    expected = under_pytest(suite, *args.split())
    result = suite.tach(*mode, "--", *args.split())
    assert same(result.out + result.err) == same(expected.stdout + expected.stderr)
    assert result.code == expected.returncode


@pytest.mark.parametrize("args", ["--co", "--co -q", "--collect-only", "--setup-plan", "--markers", "--fixtures-per-test"])
def test_without_dashes_before_it(suite, args):
    write(suite)
    expected = under_pytest(suite, *args.split())
    assert same(suite.tach(*args.split()).out) == same(expected.stdout)


@MODES
def test_asked_for_in_addopts_and_the_environment(suite, mode):
    write(suite, ini="addopts = --co\n")
    assert same(suite.tach(*mode).out) == same(under_pytest(suite).stdout)
    write(suite)
    result = suite.tach(*mode, env={"PYTEST_ADDOPTS": "--fixtures-per-test"})
    assert same(result.out) == same(under_pytest(suite, "--fixtures-per-test").stdout)


@MODES
@pytest.mark.parametrize("args", ["--co", "--setup-only", "--fixtures", "--co --continue-on-collection-errors"])
def test_files_that_cannot_be_collected(suite, mode, args):
    write(suite)
    suite.write("test_broken.py", "import nothing_of_that_name\n")
    expected = under_pytest(suite, *args.split())
    result = suite.tach(*mode, "--", *args.split())
    assert (same(result.out), result.code) == (same(expected.stdout), expected.returncode)


def test_no_tests_are_an_answer_too(suite):
    write(suite, text="")
    result = suite.tach("--co")
    assert (result.code, same(result.out)) == (5, same(under_pytest(suite, "--co").stdout))


@MODES
def test_of_plugins(suite, mode):
    """An option of a conftest.py that ends pytest otherwise than by running tests."""
    write(suite)
    suite.write("conftest.py", "def pytest_addoption(parser): parser.addoption('--tell', action='store_true')\n"
        "def pytest_cmdline_main(config):\n    if config.option.tell: print('told ä'); return 0\n")  # fmt: skip
    result = suite.tach("-q", *mode, "--", "--tell")
    assert (result.code, result.out) == (0, "told ä\n")


def test_as_events(suite):
    write(suite)
    result = suite.json("--", "--co", "-q")
    assert result.event("collected")["instead"] is True and result.event("finish")["exit_code"] == result.code == 0
    text = "".join(event["text"] for event in result.events if event["event"] == "output")
    assert text.startswith("test_it.py::test_pass\n") and "tests collected in" in text


def test_much_text_is_shown_whole(suite):
    n = 9000
    suite.write(text=f"import pytest\n@pytest.mark.parametrize('i', range({n}))\ndef test_ü_{'x' * 30}(i): pass\n")
    lines = suite.tach("--co", "-q").out.splitlines()
    assert [line.rpartition("[")[2] for line in lines if "::" in line] == [f"{i}]" for i in range(n)]


def test_setup_only_sees_the_project_copy_on_write(suite):
    text = "import pathlib, pytest\n@pytest.fixture\ndef f(): pathlib.Path('made').write_text('x')\ndef test_a(f): assert 0\n"
    write(suite, text=text)
    assert suite.tach("--setup-only").code == 5 or "SETUP" in suite.tach("--setup-only").out
    assert not (suite.path / "made").exists()


@MODES
def test_setup_show(suite, mode):
    """As under pytest; but a module's fixture ends with the last test that uses it."""
    write(suite, text=SETUPS)
    expected, result = under_pytest(suite, "--setup-show", "-q"), suite.tach("-q", "--setup-show", *mode)
    shown = expected.stdout.partition("\n=")[0]
    assert "SETUP    M wide['one']" in shown and same(result.out.partition("\n=")[0]) == same(shown)
    assert result.code == 1
    refused = suite.tach("--setup-show", "-n", "2")
    assert refused.code == 4 and "one after another" in refused.err


def sections(text):
    """{title: its lines} of a report."""
    parts = re.split(r"(?m)^=+ (.*) =+$\n", text)
    return {re.sub(r"in \d+\.\d+s", "", title).strip(): body for title, body in zip(parts[1::2], parts[2::2])}


OURS = re.compile("cells: |workers: ")
REPORT = ("ERRORS", "FAILURES", "PASSES", "XPASSES", "XFAILURES", "short test summary info")


@MODES
@pytest.mark.parametrize(
    "args",
    ["", "-rA", "-ra", "-rP", "-rp", "-rx", "-rX", "-rs", "-rN", "-rf", "-rE", "-rsX -rP", "-rEf", "-rw", "-r fE", "-vrA", "--tb=no -rA",
     "--tb=line -rP", "--tb=short", "--show-capture=no -rA", "--show-capture=log", "--no-summary", "--disable-warnings", "--no-header",
     "-q", "-q -rA", "-qq"],
)  # fmt: skip
def test_sections_and_short_summary(suite, mode, args):
    write(suite)
    suite.write("test_more.py", "import pytest\npytest.importorskip('nothing_of_that_name')\n")
    if pytest.version_tuple >= (9,) and "--tb=line" in args:
        pytest.skip("pytest 9 says everything twice")
    expected, result = under_pytest(suite, *args.split()), suite.tach("-n", "1", *mode, "--", *args.split())
    theirs, ours = sections(expected.stdout), sections(result.out)
    assert result.code == expected.returncode == 1
    for name in REPORT:
        # tests run in another order: wider fixtures' come first
        blocks = [re.split(r"(?m)^(?=_+ .* _+$)", found.get(name, "")) for found in (theirs, ours)]
        lines = [sorted(line for block in one for line in same(block).splitlines() if not OURS.match(line)) for one in blocks]
        assert lines[0] == lines[1] and len(blocks[0]) == len(blocks[1]), name
        assert (name in theirs) == (name in ours)
    assert ("warnings summary" in theirs) == ("warnings summary" in ours)
    kinds = [re.findall(r"(?m)^[A-Z]+(?= )", found.get(REPORT[-1], "")) for found in (theirs, ours)]
    assert kinds[0] == kinds[1]
    last = [re.sub(r" in [0-9.]+s", "", text.splitlines()[-1]) for text in (expected.stdout, result.out)]
    assert last[0] == last[1] or "-qq" in args
    assert ("plugins: " in expected.stdout) == ("plugins: " in result.out)


LONG = """
import pytest
def fail(text): raise ValueError(text)
def test_short(): fail("why\\nnot")
def test_long(): fail("x" * 300 + "\\nmore")
def test_wide(): fail("\u6f22\u5b57" * 60)
def test_mixed(): fail("e\u0301\u6f22a" * 40)
@pytest.mark.parametrize("name", ["n" * 60, "n" * 200, "\u6f22" * 30])
def test_named(name): fail("no room")
@pytest.fixture
def bad(): fail("y" * 100)
def test_error(bad): pass
"""


@pytest.mark.parametrize("variable", [{}, {"CI": "1"}, {"CI": ""}, {"BUILD_NUMBER": "7"}, {"COLUMNS": "60"}, {"COLUMNS": "133"}], ids=str)
@pytest.mark.parametrize("args", ["-rfE", "-vv"])
def test_messages_of_the_short_summary(suite, variable, args):
    """Cut to the terminal's width, or whole."""
    write(suite, text=LONG)
    env = {key: value for key, value in environment().items() if key not in ("CI", "BUILD_NUMBER")} | variable
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", args]
    expected = subprocess.run(argv, cwd=suite.path, env=env, capture_output=True, text=True, check=False)
    tach = subprocess.run([TACH, args, "-p", "no:cacheprovider"], cwd=suite.path, env=env, capture_output=True, text=True, check=False)
    theirs, ours = (sections(run.stdout)["short test summary info"].splitlines() for run in (expected, tach))
    assert sorted(theirs) == sorted(line for line in ours if not OURS.match(line)) and len(theirs) > 7
    assert tach.returncode == 1


@MODES
@pytest.mark.parametrize(
    "conftest, said",
    [
        ("pytest_plugins = ['nothing_of_that_name']", "No module named 'nothing_of_that_name'"),
        ("def pytest_addoption(parser): parser.addoption('--verbose')", "conflicting option string: --verbose"),
        ("def pytest_cmdline_main(config): raise ValueError('no')", "ValueError: no"),
        ("import sys; sys.exit('bye')", "bye"),
        ("import sys; sys.exit(7)", ""),
        ("import sys; sys.exit()", ""),
        ("def pytest_cmdline_main(config): raise SystemExit(5)", ""),
        ("def pytest_configure(config): raise ValueError('no')", "ValueError: no"),
        ("import nothing_of_that_name", "No module named 'nothing_of_that_name'"),
        ("def pytest_unconfigure(config): raise ValueError('late')", "ValueError: late"),
    ],
    ids=range(10),
)
def test_what_ends_pytest_before_it_begins(suite, mode, conftest, said):
    write(suite, text="def test_a(): pass\n")
    suite.write("conftest.py", conftest + "\n")
    expected, result = under_pytest(suite), suite.tach(*mode)
    assert result.code == expected.returncode
    assert said in expected.stderr + expected.stdout and said in result.err + result.out
    assert "zygote" not in result.err
    assert "/_pytest/" not in result.err.partition("could not begin:")[2]


def test_verbosity_of_addopts(suite):
    write(suite, text="def test_a(): pass\n", ini="addopts = -v\n")
    assert "test_it.py::test_a PASSED" in suite.tach().out
    assert "test_it.py::test_a PASSED" not in suite.tach("-q").out
    write(suite, text="def test_a(): pass\n", ini="addopts = -q -ra\n")
    assert "test session starts" not in suite.tach().out


def test_crashes_in_the_short_summary(suite):
    write(suite, text="import os\ndef test_crash(): os.abort()\ndef test_pass(): pass\n")
    lines = sections(suite.tach("-rA").out)["short test summary info"].splitlines()
    assert lines == ["PASSED test_it.py::test_pass", "CRASHED test_it.py::test_crash - killed by SIGABRT (Aborted)"]


def test_many_lines_of_the_short_summary(suite):
    suite.write(text="import pytest\n@pytest.mark.parametrize('i', range(3000))\ndef test_with_a_long_name(i): pass\n")
    lines = sections(suite.tach("-rp").out)["short test summary info"].splitlines()
    assert sorted(lines) == sorted(f"PASSED test_it.py::test_with_a_long_name[{i}]" for i in range(3000))


@pytest.mark.parametrize("option", ["--junitxml=out/r.xml", "--junit-xml out/r.xml"])
def test_junit_where_pytest_takes_it(suite, option):
    write(suite)
    counts = []
    for run in (under_pytest, lambda suite, *args: suite.tach("--", *args)):
        run(suite, *option.split())
        counts.append(re.findall('(?:errors|failures|skipped|tests)="[0-9]+"', (suite.path / "out/r.xml").read_text()))
        (suite.path / "out/r.xml").unlink()
    same = 4 if pytest.version_tuple < (9,) else 3  # then a test that fails in its call and its teardown is one
    assert counts[0][:same] == counts[1][:same] and len(counts[0]) == 4
    write(suite, ini=f"addopts = {option}\n")
    assert suite.tach().code == 1 and (suite.path / "out/r.xml").exists()


def test_durations_trace_and_debug(suite):
    write(suite)
    out = suite.tach("--", "--durations=2", "--durations-min=0").out
    assert len(sections(out)["slowest 2 durations"].split("\n\n")[0].strip().splitlines()) == 2
    out = suite.tach("--", "--trace-config").out
    assert "active plugins:\n" in out and "    cacheprovider       : " in out
    assert suite.tach("--keep", "pytestdebug.log", "--", "--debug").code == 1
    assert "pytest_runtestloop" in (suite.path / "pytestdebug.log").read_text()


def test_reports_of_plugins(suite):
    """As pytest-reportlog writes them: from the hooks of the session."""
    write(suite)
    suite.write("conftest.py", "import json, pytest\n"
        "def pytest_addoption(parser): parser.addoption('--log-to')\n"
        "class Log:\n"
        "    def __init__(self, config): self.config, self.file = config, open(config.option.log_to, 'w')\n"
        "    def put(self, data): self.file.write(json.dumps(data, default=str) + '\\n'); self.file.flush()\n"
        "    def pytest_sessionstart(self): self.put({'v': pytest.__version__})\n"
        "    def pytest_sessionfinish(self, exitstatus): self.put({'exit': int(exitstatus)})\n"
        "    def pytest_runtest_logreport(self, report):\n"
        "        self.put(self.config.hook.pytest_report_to_serializable(config=self.config, report=report))\n"
        "def pytest_configure(config):\n"
        "    if config.option.log_to and not hasattr(config, 'workerinput'): config.pluginmanager.register(Log(config), 'log-to')\n")  # fmt: skip
    assert under_pytest(suite, "--log-to=a.json").returncode == 1
    assert suite.tach("--keep", "b.json", "--", "--log-to=b.json").code == 1
    found = []
    for name in ("a.json", "b.json"):
        lines = [json.loads(line) for line in (suite.path / name).read_text().splitlines()]
        found.append({(line.get("nodeid"), line.get("when"), "v" in line): line for line in lines})
        assert len(found[-1]) == len(lines) == 2 + 3 * 13 - 3
        for line, key in ((line, key) for line in lines for key in ("duration", "start", "stop")):
            line.pop(key, None)
    assert found[0] == found[1]
