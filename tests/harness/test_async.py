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


EVERY = """
import functools
SCOPES = ["function", "class", "module", "package", "session"]
def make(scope, kind):
    async def value(request):
        await asyncio.sleep(0); print("+", scope, kind, request.param if hasattr(request, "param") else ""); return scope
    async def values(request):
        await asyncio.sleep(0); print("+", scope, kind, request.param if hasattr(request, "param") else ""); yield scope
        await asyncio.sleep(0); print("-", scope, kind)
    return {"value": value, "values": values}[kind]
for scope in SCOPES:
    for kind in ("value", "values"):
        globals()[f"{scope}_{kind}"] = pytest.fixture(scope=scope, name=f"{scope}_{kind}")(make(scope, kind))
    globals()[f"{scope}_params"] = pytest.fixture(scope=scope, name=f"{scope}_params", params=["a", "b"])(make(scope, "values"))
@pytest.fixture(params=[1, 2], ids=["one", "two"], autouse=True)
async def everywhere(request, session_value): yield request.param
@pytest.fixture
def sync_on_async(class_values, function_value): return class_values + function_value
@pytest.fixture(scope="module")
async def async_on_sync(tmp_path_factory, session_values): return tmp_path_factory, session_values
class TestAll:
    async def test_async(self, FIXTURES, everywhere, sync_on_async): assert sync_on_async == "classfunction"
    def test_sync(self, FIXTURES, async_on_sync): assert async_on_sync[1] == "session"
@pytest.mark.usefixtures("module_params", "class_params")
async def test_marked(): pass
async def test_params(function_params, package_params): assert (function_params, package_params) == ("function", "package")
"""


@MODES
def test_fixtures_of_every_scope(run, mode):
    """Set up and torn down as often as by pytest-asyncio, parametrized ones too."""
    names = [f"{scope}_{kind}" for scope in ("function", "class", "module", "package", "session") for kind in ("value", "values")]
    tests = run(EVERY.replace("FIXTURES", ", ".join(names)), "-n", "1", *mode)
    assert set(outcomes(tests).values()) == {"passed"}, run.result.out
    assert len(tests) == 2 + 2 + 8 + 8
    said = "".join(text for test in tests.values() for name, text in test["sections"] if "stdout" in name).splitlines()
    for scope, times in (("class", 1), ("module", 1), ("package", 1), ("session", 1), ("function", 4)):
        assert said.count(f"+ {scope} values ") == times, (scope, said)
    ups = [sum(line.startswith(f"+ {scope} values ") for line in said) for scope in ("function", "class", "module", "package", "session")]
    downs = [said.count(f"- {scope} values") for scope in ("function", "class", "module", "package", "session")]
    assert ups == downs, said


@MODES
@pytest.mark.parametrize("scope", ["class", "module", "package", "session"])
def test_failures_of_wider_fixtures(run, mode, scope):
    """In set-up: of all tests that need it; in teardown: of the last one."""
    tests = run(
        f"@pytest.fixture(scope={scope!r})\nasync def bad(): await asyncio.sleep(0); raise ValueError('up')\n"
        f"@pytest.fixture(scope={scope!r})\nasync def bad_end(): yield 1; await asyncio.sleep(0); raise ValueError('down')\n"
        f"@pytest.fixture(scope={scope!r})\nasync def skips(): pytest.skip('not here')\n"
        "class TestIt:\n"
        "    async def test_up(self, bad): pass\n    def test_up_too(self, bad): pass\n"
        "    async def test_skipped(self, skips): pass\n"
        "    async def test_down(self, bad_end): assert bad_end == 1\n    async def test_down_too(self, bad_end): assert bad_end == 1\n",
        "-n", "1", *mode,
    )  # fmt: skip
    found = {name.partition("::")[2]: outcome for name, outcome in outcomes(tests).items()}
    last = {"test_down": "passed", "test_down_too": "error"}
    assert found == {"test_up": "error", "test_up_too": "error", "test_skipped": "skipped", **last}, run.result.out
    assert "ValueError: up" in tests["TestIt::test_up_too"]["longrepr"]
    assert "ValueError: down" in tests["TestIt::test_down_too"]["longrepr"]


@MODES
def test_unittest_with_fixtures(run, mode):
    """Async fixtures that a class is marked with, or that are used by all."""
    tests = run(
        "seen = []\n@pytest.fixture(autouse=True)\nasync def always(): seen.append('always'); yield; print('end')\n"
        "@pytest.fixture(scope='class')\nasync def wide(request): request.cls.value = await asyncio.sleep(0, 3); yield; print('wide end')\n"
        "@pytest.mark.usefixtures('wide')\nclass T(unittest.IsolatedAsyncioTestCase):\n"
        "    @pytest.fixture(autouse=True)\n    async def mine(self): self.own = await asyncio.sleep(0, 4)\n"
        "    async def test_it(self): assert (self.value, self.own, seen[-1]) == (3, 4, 'always'); await asyncio.sleep(0)\n"
        "    async def test_more(self): assert (self.value, self.own, seen[-1]) == (3, 4, 'always'); await asyncio.sleep(0)\n"
        "class S(unittest.TestCase):\n    def test_sync(self): assert seen[-1] == 'always'\n",
        *mode,
    )
    assert outcomes(tests) == dict.fromkeys(("T::test_it", "T::test_more", "S::test_sync"), "passed"), run.result.out
    said = "".join(text for test in tests.values() for name, text in test["sections"] if name == "Captured stdout teardown")
    assert said.count("wide end") == 1 and said.splitlines().count("end") == 3


@MODES
def test_hypothesis(run, mode):
    pytest.importorskip("hypothesis")
    tests = run(
        "from hypothesis import given, settings, strategies as st\nloops = []\n"
        "@pytest.fixture(scope='module')\nasync def f(): return 5\n"
        "@given(n=st.integers())\n@settings(max_examples=20, database=None)\n"
        "async def test_good(n, f): await asyncio.sleep(0); assert isinstance(n, int) and f == 5; loops.append(running()); assert len(set(loops)) == 1\n"
        "class TestIt:\n"
        "    @settings(max_examples=200, database=None)\n    @given(n=st.integers(0, 1000))\n"
        "    async def test_bad(self, n): await asyncio.sleep(0); assert n < 10\n",
        *mode,
    )
    assert outcomes(tests) == {"test_good": "passed", "TestIt::test_bad": "failed"}, run.result.out
    assert "n=10" in tests["TestIt::test_bad"]["longrepr"].replace(" ", "")


@MODES
def test_patched_and_decorated(run, mode):
    tests = run(
        "import os, functools\nfrom unittest import mock\n"
        "@mock.patch('os.getcwd', return_value='/there')\nasync def test_patched(getcwd): await asyncio.sleep(0); assert os.getcwd() == '/there'\n"
        "@mock.patch.object(os, 'sep', new='!')\nasync def test_new(tmp_path): await asyncio.sleep(0); assert os.sep == '!'\n"
        "async def test_mock():\n    m = mock.AsyncMock(return_value=3); assert await m() == 3; m.assert_awaited_once()\n"
        "async def test_timeout():\n    with pytest.raises(asyncio.TimeoutError): await asyncio.wait_for(asyncio.sleep(9), 0.01)\n"
        "class TestStatic:\n    @staticmethod\n    async def test_static(): await asyncio.sleep(0); assert running()\n",
        *mode,
    )
    assert set(outcomes(tests).values()) == {"passed"} and len(tests) == 5, run.result.out


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
