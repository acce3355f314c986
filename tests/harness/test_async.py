"""async def tests and fixtures, without a plugin and beside one."""

import importlib.util
import os
import pathlib
import sys

import pytest

import engine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from running import suite  # noqa: E402, F401

pytestmark = pytest.mark.skipif(engine.built() is None, reason="not built")
MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
#: What pytest makes of an async test that nothing runs.
LEFT = "skipped" if pytest.version_tuple < (8, 4) else "failed"
HEAD = "import asyncio, contextvars, unittest, pytest\nrunning = asyncio.get_running_loop\n"


@pytest.fixture
def run(suite):  # noqa: F811
    """Runs a suite of one file: {name: test event}, and the whole Result as ``run.result``."""
    def run(text, *args, **files):
        for name, other in files.items():
            suite.write(f"{name}.py", other)
        suite.write(text=HEAD + text)
        run.result = suite.json("-p", "no:cacheprovider", *args)
        return {nodeid.partition("::")[2]: test for nodeid, test in run.result.tests().items()}

    return run


def outcomes(tests):
    return {name: test["outcome"] for name, test in tests.items()}


@MODES
def test_test_and_its_fixtures_share_a_loop(run, mode):
    tests = run(
        "var = contextvars.ContextVar('var')\n"
        "@pytest.fixture\nasync def f(): await asyncio.sleep(0); return running()\n"
        "@pytest.fixture\nasync def g(f):\n"
        "    token = var.set(1); yield f; await asyncio.sleep(0); var.reset(token); print('down', f is running())\n"
        "@pytest.fixture\ndef plain(g): yield g; assert not g.is_closed()\n"
        "async def test_it(plain): assert plain is running() and var.get() == 1\n"
        "def test_sync(g): assert not g.is_running()\n"
        "class TestIt:\n    @pytest.fixture\n    async def me(self): self.x = 1; yield self\n"
        "    async def test_method(self, me): assert me is self and self.x == 1\n"
        "@pytest.mark.parametrize('n', [1, 2])\nasync def test_number(n): await asyncio.sleep(0); assert n == 1\n",
        *mode,
    )
    assert outcomes(tests) == {
        "test_it": "passed", "test_sync": "passed", "TestIt::test_method": "passed", "test_number[1]": "passed",
        "test_number[2]": "failed",
    }  # fmt: skip
    assert ["Captured stdout teardown", "down True\n"] in tests["test_it"]["sections"]
    assert {test["isolation"] for test in tests.values()} == {"none" if mode else "test"}


@MODES
def test_coroutines_are_awaited(run, mode):
    """Of async functions, decorated ones too."""
    tests = run(
        "import functools\nasync def fail(): await asyncio.sleep(0); assert 0\n"
        "def wrapped(f):\n    @functools.wraps(f)\n    def call(): return f()\n    return call\n"
        "test_wrapped = wrapped(fail)\n"
        "@wrapped\nasync def test_passes(): await asyncio.sleep(0)\n"
        "async def test_value(): return 3\n"
        "async def test_skip(): pytest.skip('not now')\n"
        "@pytest.mark.xfail(strict=True)\nasync def test_xfail(): await fail()\n"
        "async def test_cancelled(): raise asyncio.CancelledError\n"
        "async def test_exit():\n    import os\n    os._exit(3)\n",
        *mode,
    )
    assert outcomes(tests) == {
        "test_wrapped": "failed", "test_passes": "passed", "test_value": "passed",
        "test_skip": "skipped", "test_xfail": "xfailed", "test_cancelled": "failed", "test_exit": "crashed",
    }  # fmt: skip
    (warning,) = [event for event in run.result.events if event["event"] == "warning"]
    assert warning["category"] == "PytestReturnNotNoneWarning" and warning["nodeid"] == "test_it.py::test_value"


@MODES
def test_tracebacks_are_of_the_suite(run, mode):
    tests = run(
        "async def deep(): await asyncio.sleep(0); raise ValueError('deep')\n"
        "async def test_fail(): await deep()\n"
        "@pytest.fixture\nasync def up(): await deep()\n"
        "async def test_up(up): pass\n"
        "@pytest.fixture\nasync def down(): yield; await deep()\n"
        "def test_down(down): pass\n"
        "@pytest.fixture\nasync def two(): yield; yield\n"
        "def test_two(two): pass\n"
        "@pytest.fixture\nasync def none():\n    if 0: yield\n"
        "def test_none(none): pass\n",
        *mode,
    )
    assert outcomes(tests) == {"test_fail": "failed"} | dict.fromkeys(("test_up", "test_down", "test_two", "test_none"), "error")
    for name, lines in (("test_fail", [4, 3]), ("test_up", [6, 3]), ("test_down", [9, 3])):
        text = tests[name]["longrepr"]
        shown = [line for line in text.splitlines() if ".py:" in line]
        assert [line.split()[0] for line in shown] == [f"test_it.py:{line}:" for line in lines], text
    assert "async fixture function has more than one 'yield'" in tests["test_two"]["longrepr"]
    assert "async def two(): yield; yield" in tests["test_two"]["longrepr"]
    assert "none did not yield a value" in tests["test_none"]["longrepr"]


@MODES
def test_what_a_test_leaves_is_ended(run, mode):
    tests = run(
        "import socket, sys\nkept = []\n"
        "async def forever():\n    try: await asyncio.sleep(100)\n    finally: print('cancelled')\n"
        "async def numbers():\n    try: yield 1\n    finally: print('closed')\n"
        "@pytest.fixture\ndef last(): yield; print(kept[0].is_closed())\n"
        "async def test_it():\n"
        "    kept.extend([running(), asyncio.create_task(forever()), numbers()])\n"
        "    await kept[2].__anext__(); await asyncio.sleep(0)\n"
        "    await running().run_in_executor(None, print, 'thread')\n"
        "def test_next():\n"
        "    with pytest.raises(RuntimeError): running()\n"
        "    assert not kept or kept[0].is_closed()\n"
        "async def test_bad_task():\n"
        "    async def bad():\n        try: await asyncio.sleep(100)\n        finally: 1 / 0\n"
        "    asyncio.create_task(bad()); await asyncio.sleep(0)\n",
        *mode,
        "--",
        "-p", "no:unraisableexception",
    )  # fmt: skip
    assert outcomes(tests) == dict.fromkeys(("test_it", "test_next", "test_bad_task"), "passed")
    assert ["Captured stdout teardown", "cancelled\nclosed\n"] in tests["test_it"]["sections"]
    assert any(name == "Captured log teardown" and "ZeroDivisionError" in text for name, text in tests["test_bad_task"]["sections"])


@MODES
def test_child_processes_and_policies(run, mode):
    tests = run(
        "async def test_process():\n"
        "    for _ in range(2):\n"
        "        p = await asyncio.create_subprocess_exec('sh', '-c', 'echo hi; exit 3', stdout=-1)\n"
        "        assert await p.communicate() == (b'hi\\n', None) and p.returncode == 3\n"
        "async def test_policy(): assert type(running()).__name__ == 'Mine'\n"
        "async def test_signal():\n"
        "    import os, signal\n    got = asyncio.Event(); running().add_signal_handler(signal.SIGUSR1, got.set)\n"
        "    os.kill(os.getpid(), signal.SIGUSR1); await asyncio.wait_for(got.wait(), 5)\n"
        "async def test_server():\n"
        "    async def answer(r, w): w.write(await r.readline()); w.close()\n"
        "    async with await asyncio.start_server(answer, '127.0.0.1', 8089):\n"
        "        r, w = await asyncio.open_connection('127.0.0.1', 8089); w.write(b'hi\\n'); assert await r.read() == b'hi\\n'\n",
        *mode,
        conftest="import asyncio\nclass Mine(asyncio.SelectorEventLoop): pass\n"
        "class Policy(asyncio.DefaultEventLoopPolicy): _loop_factory = Mine\n"
        "policy = Policy(); policy.set_child_watcher(asyncio.SafeChildWatcher()); asyncio.set_event_loop_policy(policy)\n",
    )
    assert outcomes(tests) == dict.fromkeys(("test_process", "test_policy", "test_signal", "test_server"), "passed")


WIDE = """
order = []
@pytest.fixture(scope="session")
async def session(): order.append("+session"); yield running(); order.append("-session")
@pytest.fixture(scope="module")
async def queue(session):
    async def echo():
        while True: await back.put(await there.get())
    there, back = asyncio.Queue(), asyncio.Queue()
    task = asyncio.create_task(echo())
    assert running() is session
    yield there, back
    task.cancel()
    assert order == ["+session"]; print("module down")
@pytest.fixture
async def narrow(queue): yield running()
async def test_one(queue, narrow, session):
    await queue[0].put(1); assert await queue[1].get() == 1
    assert narrow is session is running() and order == ["+session"]
async def test_two(queue, session):
    await queue[0].put(2); assert await queue[1].get() == 2 and session is running()
def test_sync(queue, narrow): assert not narrow.is_running()
async def test_alone(): assert running()
class TestIn:
    @pytest.fixture(scope="class")
    async def inner(self): yield running()
    async def test_a(self, inner): assert inner is running()
    async def test_b(self, inner, session): assert inner is session is running()
"""


@MODES
def test_wider_fixtures_have_one_loop(run, mode):
    """Their tests, and these tests' own fixtures, run in it too; the process that has it is not cloned."""
    tests = run(WIDE, *mode)
    assert set(outcomes(tests).values()) == {"passed"}, run.result.out
    assert sum(text.count("module down") for test in tests.values() for _, text in test["sections"]) == 1
    if not mode:
        shared = {name: test["why"] for name, test in tests.items() if test["isolation"] != "test"}
        assert {"test_one", "test_two", "test_sync"} <= set(shared), run.result.out
        assert any("event loop" in why for why in shared.values()), shared


@MODES
def test_fixture_cannot_be_awaited_in_a_running_loop(run, mode):
    tests = run(
        "@pytest.fixture\nasync def f(): return running()\n"
        "async def test_asks(request): request.getfixturevalue('f')\n"
        "def test_sync(request): assert not request.getfixturevalue('f').is_running()\n",
        *mode,
    )
    assert outcomes(tests) == {"test_asks": "failed", "test_sync": "passed"}
    assert tests["test_asks"]["longrepr"].endswith("take it as an argument")


@MODES
def test_unittest(run, mode):
    tests = run(
        "class T(unittest.IsolatedAsyncioTestCase):\n"
        "    async def asyncSetUp(self): await asyncio.sleep(0); self.loop = running()\n"
        "    async def asyncTearDown(self): print('down', self.loop is running())\n"
        "    async def test_pass(self): await asyncio.sleep(0); assert self.loop is running()\n"
        "    async def test_fail(self): await asyncio.sleep(0); self.assertEqual(1, 2)\n"
        "    @unittest.skip('no')\n    async def test_skip(self): pass\n",
        *mode,
    )
    assert outcomes(tests) == {"T::test_pass": "passed", "T::test_fail": "failed", "T::test_skip": "skipped"}
    assert ["Captured stdout call", "down True\n"] in tests["T::test_pass"]["sections"]


def test_generator_test_is_left_to_pytest(run):
    """Which says that nothing ran it."""
    assert outcomes(run("async def test_it(): yield\n")) == {"test_it": LEFT}


@MODES
def test_own_plugin_comes_first(run, mode):
    tests = run(
        "@pytest.fixture\nasync def f(): return 1\n"
        "async def test_it(f): assert f == 2\nasync def test_other(): assert 0\n",
        *mode,
        conftest="import asyncio, inspect\n"
        "def pytest_pyfunc_call(pyfuncitem):\n"
        "    if pyfuncitem.name == 'test_it':\n"
        "        print('mine'); asyncio.run(pyfuncitem.obj(pyfuncitem.funcargs['f'])); return True\n"
        "def pytest_fixture_setup(fixturedef, request):\n"
        "    if inspect.iscoroutinefunction(fixturedef.func):\n"
        "        fixturedef.cached_result = (2, fixturedef.cache_key(request), None); return 2\n",
    )
    assert outcomes(tests) == {"test_it": "passed", "test_other": "failed"}
    assert ["Captured stdout call", "mine\n"] in tests["test_it"]["sections"]


def test_installed_plugin_decides(run, monkeypatch):
    """pytest-asyncio's strict mode skips what is not marked; anyio takes what is marked, and leaves the rest."""
    own = os.environ.get("PYTHONPATH")
    plugins = pathlib.Path(__file__).resolve().parents[2] / "build" / "plugins"
    text = "@pytest.mark.NAME\nasync def test_marked(): await asyncio.sleep(0)\nasync def test_plain(): await asyncio.sleep(0)\n"
    for name, module, package, args, plain in (
        ("asyncio", "pytest_asyncio", "python3-pytest-asyncio", ("--", "--asyncio-mode=strict"), LEFT),
        ("anyio", "anyio", "python3-anyio", ("--", "-k", "not trio"), "passed"),
    ):
        path = plugins / package / "usr/lib/python3/dist-packages"
        if importlib.util.find_spec(module) is None:
            if not path.is_dir():
                pytest.skip(f"{package} is missing: scripts/bootstrap plugins")
            monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(path), own])))
        tests = run(text.replace("NAME", name), *args)
        assert {test["outcome"] for name, test in tests.items() if "marked" in name} == {"passed"}, run.result.out
        assert tests["test_plain"]["outcome"] == plain
