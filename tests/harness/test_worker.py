"""What a test may do to its worker, and what the engine still hears."""

import time

import pytest

import engine

KINDS = ["fake", pytest.param("real", marks=pytest.mark.skipif(engine.built() is None, reason="not built"))]


@pytest.fixture(params=KINDS)
def start(request, tmp_path):
    """Starts an Engine of a suite with one file of TEXT."""
    engines = []

    def run(text, *args, conftest="", cache="no:cacheprovider", **options):
        folder = tmp_path / "suite"
        folder.mkdir()
        (folder / "conftest.py").write_text(conftest)
        (folder / "test_it.py").write_text("import os, sys, time, random, pytest\n" + text)
        engines.append(engine.Engine(folder, "-p", cache, *args, kind=request.param, **options))
        return engines[-1]

    yield run
    for one in engines:
        one.__exit__()


def call(worker):
    """The report of the first call phase."""
    return next(line for line in worker.of("report") if line["when"] == "call")


#: Tests that pass under pytest whatever they do to their process.
SURVIVED = {
    "closed descriptors": "os.close(1); os.close(2); print('x')",
    "replaced streams": "sys.stdout = sys.stderr = None",
    "removed folder": "p = request.getfixturevalue('tmp_path'); os.chdir(p); os.rmdir(p)",
    "a thread": "import threading; threading.Thread(target=time.sleep, args=(100,)).start()",
    "atexit": "import atexit; atexit.register(os._exit, 5)",
    "umask": "os.umask(0o777)",
    "a forked child that returns": "pid = os.fork()\n    if pid: os.waitpid(pid, 0)",
    "a forked child that fails": "pid = os.fork()\n    assert pid; os.waitpid(pid, 0)",
    "a forked child that exits pytest": "pid = os.fork()\n    if not pid: pytest.exit('child')\n    os.waitpid(pid, 0)",
    "a forked child that raises SystemExit": "pid = os.fork()\n    if not pid: sys.exit(3)\n    os.waitpid(pid, 0)",
    "replaced functions": "m = request.getfixturevalue('monkeypatch'); import json\n"
    "    for o, n in ((os, 'write'), (os, 'getpid'), (os, '_exit'), (json, 'dumps'), (time, 'time'),\n"
    "                 (time, 'perf_counter'), (time, 'sleep'), (random, 'random')): m.setattr(o, n, None)",
    "signals": "import signal\n    for s in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD): signal.signal(s, signal.SIG_IGN)",
}


@pytest.mark.parametrize("body", SURVIVED.values(), ids=SURVIVED)
def test_survives(start, body):
    e = start(f"def test_x(request):\n    {body}\ndef test_y(): pass\n")
    began = time.monotonic()
    worker = e.run([0, 1])
    assert time.monotonic() - began < 20
    assert worker.status == 0, worker.err
    assert [line["t"] for line in worker.lines if line["t"] != "report"] == ["begin", "end", "begin", "end", "done"]
    assert [(r["i"], r["when"], r["outcome"]) for r in worker.of("report")] == [
        (i, when, "passed") for i in (0, 1) for when in ("setup", "call", "teardown")
    ]
    assert e.quit() == 0


@pytest.mark.parametrize(
    "patch", ["(io, 'StringIO')", "(shutil, 'get_terminal_size')", "(traceback, 'format_exc')"]
)
def test_failure_is_told_while_a_patch_holds(start, patch):
    e = start(f"import io, shutil, traceback\ndef test_x(monkeypatch):\n    monkeypatch.setattr(*{patch}, None)\n    assert 0\n")
    report = call(e.run([0]))
    assert report["category"] == "failed" and "assert 0" in report["longrepr"]


@pytest.mark.parametrize(
    "body, status",
    [("os.abort()", -6), ("os._exit(7)", 7), ("import ctypes; ctypes.string_at(0)", -11), ("os.kill(os.getpid(), 9)", -9)],
)
def test_crash_loses_no_output(start, body, status):
    e = start(f"def test_x():\n    print('said'); os.write(2, b'raw'); sys.stderr.write('more')\n    {body}\ndef test_y(): pass\n")
    worker = e.run([0])
    assert worker.status == status
    assert [line["t"] for line in worker.lines] == ["begin", "report"]
    assert worker.out == "said\n" and worker.err.startswith("rawmore")
    if status in (-6, -11):
        assert "in test_x" in worker.err  # faulthandler
    assert e.run([1]).status == 0  # and the next is untouched


def test_without_capture_a_crash_loses_no_output_either(start):
    e = start("def test_x(): print('said'); os._exit(1)\ndef test_y(): print('end', end='')\n", "-s", conftest="print('once')\n")
    assert e.run([0]).out == "said\n"
    assert e.run([1]).out == "end"  # and nothing of the zygote's is printed again


def test_timeout_shows_the_stack(start):
    e = start("def test_x(): print('waits', flush=True); time.sleep(60)\n")
    worker = e.run([0], kill_after=1)
    assert worker.status == -6 and "in test_x" in worker.err and worker.out == "waits\n"


def test_faulthandlers_own_timeout_is_told_in_the_tests_output(start):
    e = start("def test_x(): time.sleep(1)\n", "-o", "faulthandler_timeout=0.2")
    worker = e.run([0])
    assert "Timeout" not in e.log_text()
    assert "in test_x" in worker.err or "in test_x" in str(call(worker)["sections"])


def test_workers_do_not_share_their_output(start):
    e = start("def test_x(): print('x' * 10); os.system('echo child')\ndef test_y(): print('y')\n")
    assert call(e.run([0]))["sections"] == [["Captured stdout call", "x" * 10 + "\nchild\n"]]
    assert call(e.run([1]))["sections"] == [["Captured stdout call", "y\n"]]


def test_streams_bound_at_import_are_captured(start):
    e = start("out = sys.__stderr__\nimport logging; log = logging.StreamHandler(out)\ndef test_x(): out.write('kept'); out.flush()\n")
    assert ["Captured stderr call", "kept"] in call(e.run([0]))["sections"]


def test_huge_output_is_cut(start):
    e = start("def test_x(): print('a' * 9_000_000 + '\\u2603' * 9_000_000 + 'z'); assert 0, 'm' * 5_000_000\n")
    report = call(e.run([0]))
    ((_, text),) = report["sections"]
    assert len(text.encode()) < (1 << 20) + 100 and text.startswith("aaa") and text.endswith("\u2603z\n")
    assert text.count("characters left out") == 1
    assert len(report["longrepr"].encode()) < (1 << 20) + 100


def test_each_test_starts_from_what_collection_left(start):
    e = start(
        "random.seed(7)\nstate = random.getstate()\nseen = []\n"
        "def test_a(): assert random.getstate() == state and not seen; seen.append(1); random.random()\n"
        "def test_b(): assert random.getstate() == state and not seen\n"
    )
    assert [call(w)["outcome"] for w in e.run_all().values()] == ["passed"] * 2


def test_the_garbage_collector_knows_what_was_collected(start):
    e = start(
        "import gc, weakref\nclass Node: pass\nkeep = Node(); keep.me = keep\nref = weakref.ref(keep)\n"
        "def test_tracked(): assert any(o is keep for o in gc.get_objects())\n"
        "def test_freed():\n    global keep\n    keep = None; gc.collect(); assert ref() is None\n"
    )
    assert [call(w)["outcome"] for w in e.run_all().values()] == ["passed"] * 2


def test_signal_handlers_of_the_suite_hold(start):
    e = start(
        "import signal\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1))\n"
        "def test_x(): signal.raise_signal(signal.SIGUSR1); assert got\n"
        "def test_y():\n    with pytest.raises(KeyboardInterrupt): signal.raise_signal(signal.SIGINT)\n"
    )
    assert [call(w)["outcome"] for w in e.run_all().values()] == ["passed"] * 2


@pytest.mark.parametrize(
    "body, reason, code",
    [
        ("pytest.exit('enough', returncode=9)", "enough", 9),
        ("pytest.exit('enough')", "enough", 2),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", 2),
    ],
)
def test_the_end_of_the_run_tears_down(start, tmp_path, body, reason, code):
    e = start(
        f"@pytest.fixture(scope='session')\ndef f():\n    yield\n    open({str(tmp_path / 'torn')!r}, 'w').close()\n"
        f"def test_x(f): {body}\ndef test_y(f): pass\n"
    )
    worker = e.run([0, 1])
    assert worker.of("exit") == [{"t": "exit", "reason": reason, "returncode": code}]
    assert worker.lines[-1]["t"] == "exit" and (tmp_path / "torn").exists()


@pytest.mark.parametrize("name, code", [("shouldfail", 1), ("shouldstop", 2)])
def test_a_plugin_may_end_the_run(start, name, code):
    e = start(f"def test_x(request): request.session.{name} = 'enough'\ndef test_y(): pass\n")
    worker = e.run([0, 1])
    assert worker.of("exit") == [{"t": "exit", "reason": "enough", "returncode": code}]
    assert [line["i"] for line in worker.of("end")] == [0]


def test_a_broken_hook_is_told(start):
    e = start("def test_x(): pass\n", conftest="def pytest_runtest_logreport(report): raise OSError('mine')\n")
    worker = e.run([0])
    assert worker.status == 1 and worker.of("internal") and "OSError: mine" in worker.err


def test_properties_are_json(start):
    e = start(
        "class Bad:\n    def __str__(self): raise OSError\n    __repr__ = __str__\n"
        "def test_x(record_property):\n"
        "    for v in (1, True, None, 1.5, 'a', float('nan'), float('inf'), 10**5000, [1], Bad(), '\\udcff'): record_property('k', v)\n"
    )
    values = [v for _, v in call(e.run([0]))["user_properties"]]
    assert values[:5] == [1, True, None, 1.5, "a"] and values[5:7] == ["nan", "inf"] and values[7].startswith("0x")
    assert values[8] == "[1]" and "OSError" in values[9] and values[10] == "\\udcff"


def test_usage_and_phases(start):
    e = start("def test_x():\n    t = time.process_time()\n    while time.process_time() < t + 0.3: pass\ndef test_y(): time.sleep(0.3)\n")
    busy, idle = e.run([0]), e.run([1])
    assert 0.25 < busy.of("end")[0]["usage"]["cpu_s"] < 3 and idle.of("end")[0]["usage"]["cpu_s"] < 0.25
    assert busy.of("end")[0]["usage"]["max_rss_bytes"] > 1 << 20
    assert 0.3 <= call(idle)["duration"] < 5


def test_tmp_path_is_shared_without_isolation_and_made_on_demand_with(start, monkeypatch, tmp_path):
    e = start("def test_x(tmp_path): pass\n", env={"PYTEST_DEBUG_TEMPROOT": str(tmp_path)})
    assert len([p for p in tmp_path.glob("pytest-of-*/pytest-0")]) == 1
    assert call(e.run([0]))["outcome"] == "passed"


def test_tmp_path_is_made_on_demand_in_a_cell(start, tmp_path):
    e = start("def test_x(tmp_path): assert tmp_path.is_dir()\n", env={"PYTEST_DEBUG_TEMPROOT": str(tmp_path)}, isolated=True)
    assert not list(tmp_path.glob("pytest-of-*"))
    assert call(e.run([0]))["outcome"] == "passed"


def test_read_only_cache_is_no_error(tmp_path, start):
    e = start("def test_x(): assert 0\n", "--stepwise", "-o", "cache_dir=/proc/nowhere", cache="cacheprovider")
    worker = e.run([0])
    assert call(worker)["category"] == "failed" and e.quit() == 0


def test_subtests_are_reports(start):
    e = start(
        "from _pytest.reports import TestReport\n"
        "def test_x(request):\n"
        "    r = TestReport(request.node.nodeid, request.node.location, {}, 'failed', 'sub', 'call'); r.context = 'one'\n"
        "    request.node.ihook.pytest_runtest_logreport(report=r)\n"
    )
    calls = [(r["subtest"], r["outcome"]) for r in e.run([0]).of("report") if r["when"] == "call"]
    assert calls == [(True, "failed"), (False, "passed")]
