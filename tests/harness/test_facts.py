"""What a test finds out about its process is what it finds out under pytest."""

import json
import os
import pathlib
import resource
import subprocess
import sys

import pytest

import engine

TACH = os.environ.get("TACH", str(engine.ROOT / "build" / "tach"))
pytestmark = pytest.mark.skipif(engine.built() is None, reason="not built")
MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])

FACTS = """
import builtins, gc, json, locale, logging, os, pathlib, resource, signal, sys, tempfile, threading, time, warnings
import beside
at_import = [os.getcwd(), __name__, __file__, list(sys.path)]

def facts(request, tmp_path):
    def read_stdin():
        try: return sys.stdin.read()
        except OSError as e: return str(e)
    def name(handler): return getattr(handler, "name", None) or getattr(handler, "__name__", str(handler))
    mask = os.umask(0); os.umask(mask)
    base = tmp_path.parent
    return {
        "at import": at_import,
        "cwd": os.getcwd(),
        "argv": sys.argv,
        "path": sys.path,
        "files": [__file__, beside.__file__, str(request.config.rootpath), str(request.path), request.config.rootdir.strpath],
        "names": [__name__, __package__, beside.__name__],
        "environment": dict(os.environ),
        "pid": [os.getpid() > 1, os.getpid() == threading.get_native_id()],
        "signals": {s.name: name(signal.getsignal(s)) for s in signal.Signals},
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid()],
        "umask": mask,
        "locale": [locale.getlocale(), locale.getpreferredencoding(), sys.getfilesystemencoding(), locale.setlocale(locale.LC_ALL)],
        "limits": {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource) if n.startswith("RLIMIT_") and n != "RLIMIT_CORE"},
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "stdin": [type(sys.stdin).__name__, read_stdin(), sys.__stdin__.name],
        "ttys": [os.isatty(fd) for fd in range(3)] + [sys.stdout.isatty(), sys.stderr.isatty()],
        "streams": [type(sys.stdout).__name__, sys.stdout.encoding, sys.stderr.encoding, sys.stdout.errors, sys.__stdout__.name],
        "flags": [str(sys.flags), sys.dont_write_bytecode, sys.executable, sys.prefix, sys._xoptions],
        "hooks": [sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, sys.gettrace(), sys.getprofile()],
        "collector": [gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.get_freeze_count()],
        "threads": [threading.current_thread().name, threading.active_count(), threading.current_thread() is threading.main_thread()],
        "logging": [[type(h).__name__ for h in logging.root.handlers], logging.root.level, logging.raiseExceptions],
        "warnings": [str(f[:1] + f[2:3]) for f in warnings.filters],
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": sorted(os.sched_getaffinity(0)),
        "zone": [time.tzname, time.timezone],
        "tmp": [tmp_path.name, base.name.rstrip("0123456789"), base.parent.name, str(base.parent.parent), tempfile.gettempdir(),
                oct(tmp_path.stat().st_mode), oct(base.stat().st_mode), list(tmp_path.iterdir())],
        "main": sys.modules["__main__"].__name__,
        "finders": [getattr(f, "__name__", type(f).__name__) for f in sys.meta_path],
        "cached": sys.path_hooks and len(sys.path_hooks),
    }

class TestIn:
    def test_facts(self, request, tmp_path, record_property):
        record_property("facts", json.dumps(facts(request, tmp_path), default=str, sort_keys=True))
"""
TELL = """
import os
def pytest_runtest_logreport(report):
    if report.when == "teardown" and "FACTS" in os.environ and not hasattr(config, "workerinput"):
        open(os.environ["FACTS"], "w").write(dict(report.user_properties)["facts"])
def pytest_configure(config): globals()["config"] = config
"""
#: What is not as under pytest: tach says that it is there.
OWN = {"TACH"}


@pytest.fixture
def compare(tmp_path):
    """Runs the suite's facts with ARGS under both; (pytest's, tach's)."""

    def run(*args, mode=(), env=(), more=""):
        folder = tmp_path / "suite"
        (folder / "tests" / "sub").mkdir(parents=True, exist_ok=True)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "conftest.py").write_text(TELL + more)
        (folder / "tests" / "beside.py").touch()
        (folder / "tests" / "sub" / "beside.py").touch()
        (folder / "tests" / "sub" / "test_facts.py").write_text(FACTS)
        clean = {k: v for k, v in engine.clean_environment().items() if k not in ("DENY", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        clean |= {"PYTHONDONTWRITEBYTECODE": "1", **dict(env)}
        args = ("-p", "no:cacheprovider", *args)
        told = tmp_path / "facts.json"
        subprocess.run([sys.executable, "-m", "pytest", *args], cwd=folder, env={**clean, "FACTS": str(told)}, check=True,
                       stdin=subprocess.DEVNULL, capture_output=True)  # fmt: skip
        theirs = json.loads(told.read_text())
        theirs["environment"].pop("FACTS")
        done = subprocess.run([TACH, "--format=json", "--python", sys.executable, *mode, "--", *args], cwd=folder, env=clean, check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)  # fmt: skip
        (test,) = [event for line in done.stdout.splitlines() if (event := json.loads(line))["event"] == "test"]
        ours = json.loads(dict(test["user_properties"])["facts"])
        assert OWN <= set(ours["environment"])
        for name in OWN:
            ours["environment"].pop(name)
        return theirs, ours

    return run


def differing(theirs, ours):
    return {name: (theirs[name], ours[name]) for name in theirs if theirs[name] != ours[name]}


@MODES
@pytest.mark.parametrize(
    "args",
    [
        (),
        ("tests/sub/test_facts.py::TestIn::test_facts",),
        ("--import-mode=append",),
        ("--import-mode=importlib", "-o", "pythonpath=tests"),
        ("--rootdir=tests", "--confcutdir=.", "-o", "pythonpath=. tests/sub", "-s"),
        ("--capture=sys", "-W", "error::FutureWarning", "-p", "no:faulthandler"),
        ("--log-level=INFO", "-v"),
    ],
    ids=str,
)
def test_process(compare, mode, args):
    assert differing(*compare(*args, mode=mode)) == {}


@MODES
def test_what_the_caller_set(compare, mode):
    """Limits, umask and variables come through."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    mask = os.umask(0o027)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(333, hard), hard))
    try:
        theirs, ours = compare(mode=mode, env={"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo", "MINE": "a=b\n c"})
    finally:
        os.umask(mask)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert differing(theirs, ours) == {}
    assert (ours["umask"], ours["environment"]["MINE"], ours["limits"]["RLIMIT_NOFILE"][0]) == (0o027, "a=b\n c", min(333, hard))
    assert ours["environment"]["PYTEST_CURRENT_TEST"].endswith("TestIn::test_facts (call)")


@MODES
def test_what_the_suite_set_while_it_was_imported(compare, mode):
    more = (
        "import sys, os, signal, gc, locale, logging, threading\nsys.setrecursionlimit(1234); os.umask(0o77); gc.disable(); sys.setswitchinterval(0.01)\n"
        "signal.signal(signal.SIGUSR1, lambda *_: None); signal.signal(signal.SIGUSR2, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP]); os.environ['ADDED'] = '1'; locale.setlocale(locale.LC_ALL, 'C.UTF-8')\n"
        "logging.basicConfig(level=15); sys.path.append('/nowhere'); os.nice(1)\n"
    )
    assert differing(*compare(mode=mode, more=more)) == {}


def test_temporary_folders_are_numbered_and_the_last_three_kept(tmp_path):
    """Without isolation, as pytest does; in a cell they are gone with it."""
    (tmp_path / "test_it.py").write_text("def test_a(tmp_path): (tmp_path / 'x').touch()\ndef test_b(tmp_path): pass\n")
    root = tmp_path / "root"
    root.mkdir()
    env = engine.clean_environment() | {"PYTEST_DEBUG_TEMPROOT": str(root)}
    for _ in range(5):
        subprocess.run([TACH, "--no-isolation", "-p", "no:cacheprovider"], cwd=tmp_path, env=env, check=True, capture_output=True)
    (base,) = root.iterdir()
    kept = sorted(path.name for path in base.iterdir() if not path.is_symlink())
    assert kept == ["pytest-2", "pytest-3", "pytest-4"] and pathlib.Path(base, "pytest-current").resolve().name == "pytest-4"
    assert sorted(path.name for path in (base / "pytest-4").iterdir() if not path.is_symlink()) == ["test_a0", "test_b0"]


@pytest.mark.skipif(not hasattr(pytest, "version_tuple") or pytest.version_tuple < (7, 3), reason="pytest has no such setting")
@pytest.mark.parametrize("policy", ["all", "failed", "none"])
@pytest.mark.parametrize("fails", [False, True])
def test_which_temporary_folders_are_kept(tmp_path, policy, fails):
    """Without isolation, as pytest keeps them."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite/pytest.ini").write_text(f"[pytest]\ntmp_path_retention_policy = {policy}\ntmp_path_retention_count = 2\n")
    (tmp_path / "suite/test_it.py").write_text(
        f"import pytest\ndef test_a(tmp_path): (tmp_path / 'x').touch()\ndef test_b(tmp_path): (tmp_path / 'y').touch(); assert not {fails}\n"
        "@pytest.fixture(scope='module')\ndef wide(tmp_path_factory): return tmp_path_factory.mktemp('wide')\ndef test_c(wide): pass\n"
    )
    found = []
    for command in ([sys.executable, "-m", "pytest"], [TACH, "--no-isolation", "-n", "1", "--python", sys.executable]):
        root = tmp_path / f"root{len(found)}"
        root.mkdir()
        env = engine.clean_environment() | {"PYTEST_DEBUG_TEMPROOT": str(root)}
        for _ in range(3):
            done = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=tmp_path / "suite", env=env, check=False, capture_output=True)
            assert done.returncode == fails
        found.append(sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.name != ".lock"))
    assert found[0] == found[1]
    kept = any("pytest-2" in path for path in found[0])
    assert kept or (pytest.version_tuple >= (7, 3) and (policy == "none" or not fails))
