"""Tests in an interpreter of their own: --spawn, and [tool.tach] spawn."""

import pytest

MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
#: Passes in no fork: a thread does not survive one, and what is imported notes which process that was.
THREAD = """
import os, pytest, threading, time
HERE = os.getpid()
thread = threading.Thread(target=time.sleep, args=(1000,), daemon=True); thread.start()
"""


def outcomes(result):
    return {nodeid: test["outcome"] for nodeid, test in result.tests().items()}


@MODES
def test_the_interpreter_is_fresh(suite, mode):
    suite.write("pyproject.toml", '[tool.tach]\nspawn = ["gpu", "test_gpu.py"]\n')
    text = THREAD + "def test_it(): assert thread.is_alive() and os.getpid() == HERE\n"
    for name in ("test_gpu.py", "gpu/test_deep.py", "test_other.py"):
        suite.write(name, text)
    result = suite.json(*mode)
    assert outcomes(result) == {
        "test_gpu.py::test_it": "passed", "gpu/test_deep.py::test_it": "passed", "test_other.py::test_it": "failed",
    }, result.out  # fmt: skip
    assert set(outcomes(suite.json("--spawn", *mode)).values()) == {"passed"}
    assert {test["isolation"] for test in result.tests().values()} == {"none" if mode else "test"}


@MODES
def test_it_runs_as_the_others_do(suite, mode):
    """Parameters, fixtures, output, warnings, outcomes, the environment that the run was started with."""
    suite.write(
        "conftest.py",
        "import os, pytest\nos.environ['SET_BY'] = os.environ.get('SET_BY', '') + 'conftest'\n"
        "@pytest.fixture(scope='session')\ndef wide(): print('up'); yield 7; print('down')\n"
        "def pytest_sessionfinish(session): print('finished', hasattr(session.config, 'workerinput'))\n",
    )
    suite.write(
        text="import os, pytest, sys, unittest, warnings\n"
        "@pytest.mark.parametrize('i', ['a', 'b', 'b::c [d]'])\ndef test_param(i, tmp_path): print('out', i); assert i != 'b' and tmp_path.is_dir()\n"
        "def test_wide(wide): assert wide == 7\n"
        "def test_environment(): assert os.environ['SET_BY'] == 'conftest' and not [n for n in os.environ if n.startswith('TACH_')]\n"
        "def test_descriptors(): assert sorted(map(int, os.listdir('/proc/self/fd')))[:3] == [0, 1, 2]\n"
        "def test_skip(): pytest.skip('not now')\n"
        "@pytest.mark.xfail\ndef test_xfail(): assert 0\n"
        "def test_warns(): warnings.warn('beware')\n"
        "async def test_async(): pass\n"
        "class Test(unittest.TestCase):\n    def test_method(self): self.assertIn('test_it', sys.modules)\n",
    )
    result = suite.json("--spawn", *mode)
    tests = {nodeid.partition("::")[2]: test for nodeid, test in result.tests().items()}
    assert {name: test["outcome"] for name, test in tests.items()} == {
        "test_param[a]": "passed", "test_param[b]": "failed", "test_param[b::c [d]]": "passed", "test_wide": "passed",
        "test_environment": "passed", "test_descriptors": "passed", "test_skip": "skipped", "test_xfail": "xfailed",
        "test_warns": "passed", "test_async": "passed", "Test::test_method": "passed",
    }, result.out  # fmt: skip
    assert tests["test_param[b]"]["sections"] == [["Captured stdout call", "out b\n"]]
    assert tests["test_param[b]"]["crash"]["line"] == 3
    assert tests["test_wide"]["sections"] == [["Captured stdout setup", "up\n"], ["Captured stdout teardown", "down\n"]]
    assert tests["test_skip"]["reason"] == "not now"
    assert [e["message"] for e in result.events if e["event"] == "warning"] == ["beware"]
    assert result.event("session")["text"].count("finished") <= 1


@MODES
def test_crash_timeout_and_what_cannot_be_imported_again(suite, mode):
    suite.write(
        text="import os, time\n"
        "def test_exit(): os._exit(4)\n"
        "def test_signal(): os.kill(os.getpid(), 11)\n"
        "def test_slow(): time.sleep(60)\n"
        "def test_next(): pass\n"
    )
    result = suite.json("--spawn", "--timeout=2", *mode)
    assert outcomes(result) == {
        "test_it.py::test_exit": "crashed", "test_it.py::test_signal": "crashed", "test_it.py::test_slow": "timeout",
        "test_it.py::test_next": "passed",
    }  # fmt: skip
    suite.write(
        text="import os\nif os.path.exists('once'): raise ValueError('imported twice')\n"
        "open('once', 'w').close()\ndef test_it(): pass\n"
    )
    result = suite.json("--spawn", *mode)
    (test,) = result.tests().values()
    assert test["outcome"] == "crashed" and "imported twice" in str(test["sections"]), result.out


def test_it_is_as_isolated(suite):
    """The same cell, filter and credentials as a clone's."""
    suite.write(
        text="import pathlib\n"
        "def test_it():\n"
        "    status = dict(l.split(':\\t', 1) for l in pathlib.Path('/proc/self/status').read_text().splitlines())\n"
        "    assert status['CapEff'] == status['CapBnd'] == '0' * 16 and status['NoNewPrivs'] == '1' and status['Seccomp'] == '2'\n"
        "    assert status['NSpid'].split()[-1] == status['Pid'].split()[0]\n"
        "    open('written', 'w').close(); open('/tmp/written', 'w').close()\n"
    )
    result = suite.json("--spawn")
    assert set(outcomes(result).values()) == {"passed"}, result.out
    assert not (suite.path / "written").exists()


@MODES
def test_plugins_configure_themselves_as_for_a_fork(suite, mode):
    """What pytest-xdist's controller would have told its worker is not there."""
    suite.write(
        "conftest.py",
        "import pytest\n"
        "def pytest_configure(config):\n    if hasattr(config, 'workerinput'): config.workerinput['told by pytest_configure_node']\n"
        "@pytest.fixture\ndef worker(request): return request.config.workerinput['workerid']\n",
    )
    suite.write(text="def test_it(worker): assert worker.startswith('gw')\n")
    result = suite.json("--spawn", *mode)
    assert outcomes(result) == outcomes(suite.json(*mode)) == {"test_it.py::test_it": "passed"}, result.out
