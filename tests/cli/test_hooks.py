"""Each hook of a suite runs as often as under pytest, whichever process it runs in."""

import collections
import subprocess
import sys

import pytest

from running import environment

MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
HOOKS = {
    "addoption": "parser", "addhooks": "", "configure": "", "unconfigure": "", "sessionstart": "", "sessionfinish": "exitstatus",
    "report_header": "", "collection": "", "collection_modifyitems": "items", "collection_finish": "", "report_collectionfinish": "",
    "itemcollected": "item", "collectstart": "collector", "collectreport": "report", "make_collect_report": "collector",
    "ignore_collect": "", "pycollect_makeitem": "name", "generate_tests": "metafunc", "make_parametrize_id": "val", "deselected": "items",
    "runtest_protocol": "item", "runtest_logstart": "nodeid", "runtest_logfinish": "nodeid", "runtest_setup": "item",
    "runtest_call": "item", "runtest_teardown": "item", "runtest_makereport": "item, call", "runtest_logreport": "report",
    "pyfunc_call": "pyfuncitem", "fixture_setup": "fixturedef, request", "exception_interact": "node, call",
    "warning_recorded": "warning_message, when, nodeid, location", "terminal_summary": "exitstatus",
    "assertrepr_compare": "left, right", "assertion_pass": "item, lineno", "keyboard_interrupt": "", "internalerror": "",
}  # fmt: skip
#: As pytest-xdist's, both the worker and the interpreter that collected are told of these.
TWICE = {"runtest_logstart", "runtest_logfinish", "runtest_logreport", "warning_recorded"}
#: What a snapshot calls as well: in the name of the test for which it sets up, and at its end for the collector's last.
SNAPSHOTS = {"runtest_setup", "runtest_makereport"}

CONFTEST = """
import os, pathlib, uuid, pytest
def note(*said):
    folder = pathlib.Path(__file__).parent / "log"
    folder.mkdir(exist_ok=True)
    (folder / uuid.uuid4().hex).write_text(" ".join(getattr(one, "nodeid", None) or getattr(one, "when", None) or
        getattr(one, "argname", None) or (one if isinstance(one, str) else type(one).__name__ * (not isinstance(one, int))) for one in said))
@pytest.fixture(scope="session")
def whole(): yield
@pytest.fixture(scope="module")
def module(whole): yield
@pytest.fixture
def own(module): yield
"""
TESTS = """
import pytest, unittest, warnings
class TestA:
    def test_m(self, whole): assert whole is None
    def test_n(self, module): assert module is None
def test_own(own): pass
@pytest.mark.parametrize("a", [1, "b", None])
def test_param(a, own): assert a
def test_fail(): assert 1 == 2
def test_warn(): warnings.warn("careful")
def test_skip(): pytest.skip("s")
@pytest.mark.xfail
def test_xfail(): assert 0
@pytest.fixture
def bad(): raise ValueError
def test_bad(bad): pass
@pytest.fixture
def bad_end(): yield; 1 / 0
def test_bad_end(bad_end): pass
class TestCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls): pass
    def test_u(self): self.assertTrue(1)
    def test_v(self): self.fail("x")
"""


def _log(suite):
    """{hook: Counter of what it was called with}"""
    found = collections.defaultdict(collections.Counter)
    for path in (suite.path / "log").iterdir():
        hook, _, rest = path.read_text().partition(" ")
        found[hook][rest] += 1
        path.unlink()
    return found


@MODES
@pytest.mark.parametrize("args", [(), ("-k", "not test_param")], ids=["all", "some"])
def test_as_often_as_under_pytest(suite, mode, args):
    hooks = "".join(f"def pytest_{name}({given}): note({name!r}{', ' * bool(given)}{given})\n" for name, given in HOOKS.items())
    suite.write("conftest.py", CONFTEST + hooks)
    suite.write("pytest.ini", "[pytest]\nenable_assertion_pass_hook = true\naddopts = -p no:cacheprovider\n")
    for name in ("test_a.py", "test_b.py"):
        suite.write(name, TESTS)
    argv = [sys.executable, "-m", "pytest", *args]
    code = subprocess.run(argv, cwd=suite.path, env=environment(), capture_output=True, check=False).returncode
    theirs = _log(suite)
    result = suite.tach("--keep", "log/**", *mode, "--", *args)
    ours = _log(suite)
    assert result.code == code == 1, result.out
    assert theirs.keys() == ours.keys() == HOOKS.keys() - {"keyboard_interrupt", "internalerror"} - ({"deselected"} if not args else set())
    for hook, expected in theirs.items():
        if hook in TWICE:
            assert ours[hook] == expected + expected, hook
        elif hook in SNAPSHOTS and not mode:
            assert ours[hook].keys() == expected.keys() and not expected - ours[hook] and sum((ours[hook] - expected).values()) <= 12, hook
        else:
            assert ours[hook] == expected, hook
