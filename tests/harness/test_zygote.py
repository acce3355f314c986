"""What the zygote says of a collection, and that other runners stay out of it."""

import importlib.util
import json
import subprocess
import sys

import pytest

import engine

EMPTY = "def test_a(): pass\ndef test_b(): pass\n"


@pytest.fixture
def start(tmp_path):
    """Starts an Engine of FILES."""
    engines = []

    def run(*args, env=(), **files):
        for name, text in {"test_it": EMPTY, **files}.items():
            (tmp_path / (name if "." in name else f"{name}.py")).write_text(text)
        engines.append(engine.Engine(tmp_path, "-p", "no:cacheprovider", *args, env=env))
        return engines[-1]

    yield run
    for one in engines:
        one.__exit__()


def ran(e):
    return sorted(name for name, worker in e.run_all().items() if worker.status == 0 and worker.of("done"))


def test_header(start):
    header = start().of("header")[-1]
    assert header["pytest"] == pytest.__version__ and header["rootdir"]
    assert header["python"] == "{}.{}.{}".format(*sys.version_info[:3])


def test_items_come_in_order_with_their_lines(start):
    e = start(test_it="\n\ndef test_b(): pass\n\n@staticmethod\ndef skip(): pass\ndef test_a(): pass\n")
    assert [(i["i"], i["nodeid"], i["file"], i["line"]) for i in e.items] == [
        (0, "test_it.py::test_b", "test_it.py", 3),
        (1, "test_it.py::test_a", "test_it.py", 7),
    ]


def test_collection_error(start):
    e = start(test_bad="import no_such_module\n", test_skipped="import pytest\npytest.importorskip('no_such_module')\n")
    reports = {r["nodeid"]: (r["outcome"], r["longrepr"]) for r in e.of("collect_report")}
    assert e.collected["exit"] == 2 and e.collected["errors"] == 1
    assert reports["test_bad.py"][0] == "failed" and "No module named 'no_such_module'" in reports["test_bad.py"][1]
    assert reports["test_skipped.py"][0] == "skipped" and "could not import" in reports["test_skipped.py"][1]
    assert e.process.wait(30) == 0


def test_collection_error_and_on(start):
    e = start("--continue-on-collection-errors", test_bad="1 / 0\n")
    assert (e.collected["exit"], e.collected["errors"], e.collected["n"]) == (0, 1, 2)
    assert len(ran(e)) == 2 and e.quit() == 0


def test_huge_collection_error_fits(start):
    e = start(test_bad="raise ValueError('\\u2603' * 3_000_000)\n")
    assert "left out" in e.of("collect_report")[0]["longrepr"]


@pytest.mark.parametrize(
    "args, code, text",
    [
        (["--no-such-option"], 4, "unrecognized arguments: --no-such-option"),
        (["no_such_file.py"], 4, "not found: no_such_file.py"),
        (["test_it.py::no_such"], 4, "no_such"),
        (["-k", "nothing"], 5, ""),
        (["-k", "a b c ("], 4, ""),
        (["--pdb"], 4, "--pdb is for tach's own command line"),
        (["--trace"], 4, "--trace is for tach's own command line"),
        (["-o", "addopts=--bogus"], 4, "--bogus"),
    ],
)
def test_nothing_runs(start, args, code, text):
    e = start(*args)
    assert e.collected["exit"] == code and text in e.collected["text"]
    assert e.process.wait(30) == 0


@pytest.mark.parametrize("args", ["--collect-only", "--setup-plan", "--setup-only", "--help", "--version", "--markers"])
def test_something_else_is_asked_for(start, args):
    e = start(args)
    assert (e.collected["instead"], e.collected["exit"], e.collected["n"]) == (True, 0, 0)
    assert e.process.wait(30) == 0


@pytest.mark.parametrize(
    "conftest, code, text",
    [
        ("1 / 0\n", 4, "ZeroDivisionError"),
        ("def pytest_collection_modifyitems(): 1 / 0\n", 3, "INTERNALERROR"),
        ("def pytest_configure(): 1 / 0\n", 3, "ZeroDivisionError"),
        ("import pytest\ndef pytest_sessionstart(): pytest.exit('no more', returncode=7)\n", 7, "no more"),
        ("import pytest\ndef pytest_collection_modifyitems(): raise pytest.UsageError('not so')\n", 4, "not so"),
        ("def pytest_collection(): raise KeyboardInterrupt\n", 2, "KeyboardInterrupt"),
    ],
)
def test_broken_conftest(start, conftest, code, text):
    try:
        e = start(conftest=conftest)
    except AssertionError as died:  # pytest itself lets it pass up
        assert text in str(died)
    else:
        assert e.collected["exit"] == code and text in e.collected["text"]


def test_maxfail_is_the_engines(start):
    e = start("--maxfail=3", test_it="def test_a(): assert 0\ndef test_b(): assert 0\n")
    assert e.collected["maxfail"] == 3
    assert len(ran(e)) == 2


@pytest.mark.parametrize("option", ["-n 2", "-n auto", "-n 1 --dist loadfile", "-d --tx 2*popen", "-f"])
@pytest.mark.skipif(importlib.util.find_spec("xdist") is None, reason="needs xdist")
def test_xdist_stays_out(start, option):
    e = start(**{"pytest.ini": f"[pytest]\naddopts = {option}\n"})
    assert len(ran(e)) == 2 and e.quit() == 0


@pytest.mark.skipif(importlib.util.find_spec("pytest_forked") is None, reason="needs pytest-forked")
def test_forked_stays_out(start):
    e = start(**{"pytest.ini": "[pytest]\naddopts = --forked\n"}, test_it="import os\nhome = os.getpid()\ndef test_a(): assert os.getppid() == home\n")
    (worker,) = e.run_all().values()
    assert [r["outcome"] for r in worker.of("report")] == ["passed"] * 3


@pytest.mark.parametrize("plugin", ["terminal", "capture", "faulthandler", "tmpdir", "junitxml", "warnings", "assertion", "logging", "doctest", "unittest"])
def test_without_a_plugin_of_pytests_own(start, plugin):
    e = start("-p", f"no:{plugin}", test_it="def test_a(): pass\ndef test_b(): assert 0\n")
    found = e.run_all()
    categories = [[r["category"] for r in worker.of("report") if r["when"] == "call"] for worker in found.values()]
    assert categories == [["passed"], ["failed"]] and e.quit() == 0


def test_plugins_find_the_terminal_reporter_silent(start):
    e = start(conftest="def pytest_runtest_logreport(report): pass\ndef pytest_sessionfinish(session):\n"
              "    session.config.pluginmanager.getplugin('terminalreporter').write_line('at the end')\n")
    assert len(ran(e)) == 2 and e.quit() == 0 and "at the end" not in e.log_text()


def test_the_sessions_end_comes_once_in_the_zygote(start, tmp_path):
    e = start(conftest=f"def pytest_sessionfinish():\n    open({str(tmp_path / 'ends')!r}, 'a').write('x')\n")
    ran(e)
    assert e.quit() == 0 and (tmp_path / "ends").read_text() == "x"


def test_looks_like_python_m_pytest(start, tmp_path):
    e = start(
        "-k", "test_a",
        test_it="import os, sys\nimport beside\nargv, path = sys.argv, list(sys.path)\n"
        "def test_a(): assert argv[0].endswith('pytest/__main__.py') and os.getcwd() in path and 'TACH_CONTROL_FD' not in os.environ\n"
        "def test_b(): pass\n",
        beside="",
    )
    (worker,) = e.run_all().values()
    assert [r["longrepr"] for r in worker.of("report")] == [None] * 3


def test_no_module_of_ours_but_the_harness_is_imported(start, tmp_path):
    text = "import sys, json\nopen({!r}, 'w').write(json.dumps(sorted(sys.modules)))\ndef test_a(): pass\n"
    start(test_it=text.format(str(tmp_path / "ours.json")))
    (tmp_path / "test_it.py").write_text(text.format(str(tmp_path / "theirs.json")))
    subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider"], cwd=tmp_path, env=engine.clean_environment(), check=True, capture_output=True)
    ours, theirs = (set(json.loads((tmp_path / f"{name}.json").read_text())) for name in ("ours", "theirs"))
    added = {name.split(".")[0].strip("_") for name in ours - theirs}
    standin = {"pkgutil", "runpy", "select", "struct"}
    assert added - standin <= {"tach_harness", "json", "socket", "selectors", "array", "resource"}
