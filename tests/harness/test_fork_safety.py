"""What a clone could break in an interpreter works in a test as under pytest."""

import sys

import pytest

import engine

sys.path.insert(0, str(engine.ROOT / "tests" / "parity"))
import parity  # noqa: E402

pytestmark = pytest.mark.skipif(engine.built() is None, reason="not built")
MODES = pytest.mark.parametrize("isolated", [True, False], ids=["cells", "no-isolation"])

SUITES = {
    "logging": """
import logging, logging.handlers, queue, threading
log = logging.getLogger("mine"); log.addHandler(logging.StreamHandler()); log.propagate = True
held = logging.getLogger("held")
def test_lock_is_free(caplog):
    assert logging._lock.acquire(timeout=5); logging._lock.release()
    log.warning("one"); assert caplog.messages == ["one"]
def test_in_threads(caplog):
    threads = [threading.Thread(target=log.error, args=(f"t{i}",)) for i in range(5)]
    for t in threads: t.start()
    for t in threads: t.join(5)
    assert sorted(caplog.messages) == [f"t{i}" for i in range(5)]
def test_queue_listener(caplog):
    q = queue.Queue(); seen = []
    class H(logging.Handler):
        def emit(self, record): seen.append(record.getMessage())
    listener = logging.handlers.QueueListener(q, H()); listener.start()
    logging.handlers.QueueHandler(q).emit(logging.makeLogRecord({"msg": "x"})); listener.stop()
    assert seen == ["x"]
def test_configured(tmp_path):
    import logging.config
    logging.config.dictConfig({"version": 1, "handlers": {"f": {"class": "logging.FileHandler", "filename": str(tmp_path / "l")}}, "root": {"handlers": ["f"], "level": "INFO"}})
    logging.info("written"); assert "written" in (tmp_path / "l").read_text()
""",
    "threads_and_imports": """
import importlib, os, pytest, sys, threading, concurrent.futures
local = threading.local(); local.x = 1
lock, condition, event = threading.RLock(), threading.Condition(), threading.Event()
def test_threads():
    assert local.x == 1 and threading.main_thread() is threading.current_thread() and threading.active_count() == 1
    timer = threading.Timer(0.01, event.set); timer.start(); assert event.wait(5); timer.join(5)
    with lock, condition: assert threading.get_ident() == threading.main_thread().ident
def test_nobody_elses_child():
    with pytest.raises(ChildProcessError): os.waitpid(-1, os.WNOHANG)
def test_import_lock():
    found = []
    t = threading.Thread(target=lambda: found.append(importlib.import_module("colorsys"))); t.start(); t.join(5)
    assert found and sys.modules["colorsys"] is found[0]
def test_thread_pool():
    with concurrent.futures.ThreadPoolExecutor(3) as pool: assert sum(pool.map(abs, range(-9, 1))) == 45
""",
    "processes": """
import asyncio, concurrent.futures, multiprocessing, os, signal, subprocess, sys, time, pytest
def square(x): return x * x
def put(q): q.put(os.getppid())
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool: assert pool.map(square, range(5)) == [0, 1, 4, 9, 16]
    q = context.Queue(); p = context.Process(target=put, args=(q,)); p.start(); q.get(timeout=20); p.join(20)
    assert p.exitcode == 0 and multiprocessing.current_process().name == "MainProcess" and multiprocessing.parent_process() is None
def fill(d, q, e): d["b"] = 2; q.put(3); e.set()
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_manager(method):
    context = multiprocessing.get_context(method)
    with context.Manager() as manager:
        d, q, e = manager.dict(a=1), manager.Queue(), manager.Event()
        p = context.Process(target=fill, args=(d, q, e)); p.start(); p.join(20)
        assert dict(d) == {"a": 1, "b": 2} and q.get(timeout=5) == 3 and e.is_set() and p.exitcode == 0
    assert not multiprocessing.active_children()
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_executor_of(method):
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        assert pool.submit(square, 7).result(20) == 49
def test_executor():
    with concurrent.futures.ProcessPoolExecutor(2) as pool: assert list(pool.map(square, [2, 3])) == [4, 9]
def test_shared_memory():
    from multiprocessing import shared_memory
    m = shared_memory.SharedMemory(create=True, size=8); m.buf[0] = 7; o = shared_memory.SharedMemory(m.name); assert o.buf[0] == 7; o.close(); m.close(); m.unlink()
def test_subprocess():
    assert subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True, text=True).returncode == 3
    p = subprocess.Popen(["sleep", "60"]); p.terminate(); assert p.wait(5) == -signal.SIGTERM
    assert subprocess.check_output([sys.executable, "-c", "print(1)"]) == b"1\\n" and os.system("exit 4") >> 8 == 4
@pytest.mark.parametrize("watcher", ["ThreadedChildWatcher", "PidfdChildWatcher"])
def test_child_watchers(watcher):
    async def run():
        w = getattr(asyncio, watcher)()
        if hasattr(w, "attach_loop"): w.attach_loop(asyncio.get_running_loop())
        asyncio.set_child_watcher(w)
        p = await asyncio.create_subprocess_exec("sh", "-c", "exit 5"); assert await p.wait() == 5
    asyncio.run(run())
def test_sigchld():
    got = []; old = signal.signal(signal.SIGCHLD, lambda *_: got.append(1))
    subprocess.run(["true"]); signal.signal(signal.SIGCHLD, old); assert got
def test_fork_and_wait():
    pid = os.fork()
    if pid == 0: os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
""",
    "files_and_sockets": """
import asyncio, os, pathlib, socket, sqlite3, ssl, tempfile, threading, selectors
memory = sqlite3.connect(":memory:"); memory.execute("create table t (x)")
context = ssl.create_default_context()
names = [next(tempfile._get_candidate_names())]
def test_sqlite(tmp_path):
    memory.execute("insert into t values (1)"); assert memory.execute("select count(*) from t").fetchone() == (1,)
    one, other = sqlite3.connect(tmp_path / "d"), sqlite3.connect(tmp_path / "d")
    with one: one.execute("create table t (x)"); one.execute("insert into t values (2)")
    assert other.execute("select x from t").fetchall() == [(2,)]
def test_sqlite_in_memory_is_as_it_was_imported():
    assert memory.total_changes in (0, 1)
def test_tempfile():
    with tempfile.NamedTemporaryFile() as f, tempfile.TemporaryDirectory() as d: assert os.path.exists(f.name) and os.path.isdir(d)
    assert next(tempfile._get_candidate_names()) not in names
def test_sockets():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        conn, _ = server.accept(); client.sendall(b"x"); assert conn.recv(1) == b"x"; conn.close()
    a, b = socket.socketpair(); a.send(b"y"); assert b.recv(1) == b"y"; a.close(); b.close()
def test_loop():
    async def serve():
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        async with server:
            r, w = await asyncio.open_connection(*server.sockets[0].getsockname()); assert await r.read() == b""; w.close()
        await asyncio.get_running_loop().run_in_executor(None, sum, [1, 2])
    asyncio.run(serve())
def test_ssl_and_selectors():
    assert len(ssl.RAND_bytes(16)) == 16 and context.get_ca_certs() is not None; selectors.DefaultSelector().close()
""",
}


@MODES
@pytest.mark.parametrize("name", SUITES)
def test_as_under_pytest(tmp_path, name, isolated):
    (tmp_path / f"test_{name}.py").write_text(SUITES[name])
    found, expected, actual = parity.compare(tmp_path, ["-p", "no:cacheprovider"], isolated=isolated, python=sys.executable)
    assert not found, "\n".join(found)
    assert set(test.outcome for test in actual.tests.values()) == {"passed"}, expected.text


@MODES
def test_callbacks_of_a_fork_are_called(tmp_path, isolated):
    """os.register_at_fork: once in a test's process, as in every child."""
    (tmp_path / "test_it.py").write_text(
        "import os\nseen = []\nos.register_at_fork(before=lambda: seen.append('before'), after_in_child=lambda: seen.append('child'),\n"
        "                    after_in_parent=lambda: seen.append('parent'))\n"
        "def test_a(record_property): record_property('seen', ' '.join(seen[-2:]))\n"
    )
    run = parity.run_tach(parity.TACH, sys.executable, tmp_path, ["-p", "no:cacheprovider"], None, {}, isolated)
    (test,) = run.tests.values()
    assert test.outcome == "passed" and dict(test.properties)["seen"] == "before child"
