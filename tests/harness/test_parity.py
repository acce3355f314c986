"""Workers report what pytest itself reports: the same suite under both."""

import json
import os
import re
import subprocess
import sys

import pytest

import engine

#: Every outcome, scope and kind of item that pytest has.
SUITE = {
    "conftest.py": """
import pytest
@pytest.fixture(scope="session")
def ses(): yield []
@pytest.fixture(scope="module")
def mod(ses): print("mod up"); yield ses; print("mod down")
""",
    "pytest.ini": "[pytest]\naddopts = --doctest-modules\nmarkers = slow\n",
    "lib.py": "def double(x):\n    '''\n    >>> double(2)\n    4\n    >>> double(3)\n    7\n    '''\n    return 2 * x\n",
    "test_plain.py": """
import sys, warnings, logging, pytest
def test_pass(): print("to out"); print("to err", file=sys.stderr); logging.getLogger().warning("logged")
def test_fail(): print("before"); x = [1, 2, 3]; assert x == [1, 2, 4]
def test_deep():
    def inner(n): return 1 // n if n == 0 else inner(n - 1)
    inner(3)
def test_diff(): assert "a\\nb\\nc" * 20 == "a\\nb\\nd" * 20
def test_unicode(): print("\\u2603 \\U0001f600"); assert "\\u2603" == "\\U0001f600"
@pytest.mark.skip(reason="never")
def test_skip(): pass
@pytest.mark.skipif(True, reason="not here")
class TestSkipped:
    def test_one(self): pass
def test_skip_inside(): pytest.skip("half way")
@pytest.mark.xfail(reason="known")
def test_xfail(): assert 0
@pytest.mark.xfail
def test_xpass(): pass
@pytest.mark.xfail(strict=True, reason="must fail")
def test_strict(): pass
def test_xfail_inside(): pytest.xfail("imperative")
@pytest.mark.xfail(raises=ValueError)
def test_other_error(): raise KeyError("k")
def test_pytest_fail(): pytest.fail("short", pytrace=False)
def test_warns(): warnings.warn("careful")
def test_missing(no_such_fixture): pass
def test_system_exit(): raise SystemExit(2)
def test_chain():
    try: 1 / 0
    except ZeroDivisionError as e: raise RuntimeError("outer") from e
def test_group(): raise ExceptionGroup("g", [ValueError(1), TypeError("t")]) if sys.version_info >= (3, 11) else ValueError(1)
def test_property(record_property): record_property("k", 3)
@pytest.mark.parametrize("a, b", [(1, 1), (1, 2), pytest.param(3, 3, marks=pytest.mark.skip)])
def test_param(a, b): assert a == b
""",
    "test_fixtures.py": """
import pytest
def test_a(mod): mod.append(1); assert len(mod) == 1
def test_b(mod): mod.append(2); assert len(mod) == 2
@pytest.fixture(params=["x", "y"], scope="module")
def par(request): print("par", request.param); yield request.param; print("par end", request.param)
def test_c(par): pass
def test_d(par, mod): assert par == "x"
""",
    "test_function_fixtures.py": """
import pytest
@pytest.fixture
def bad_setup(): print("setting up"); raise OSError("no")
@pytest.fixture
def bad_teardown(): yield; print("tearing down"); raise OSError("late")
def test_setup_error(bad_setup): pass
def test_teardown_error(bad_teardown): print("body")
def test_both(bad_teardown): assert 0
@pytest.fixture(scope="module")
def bad_module(): raise RuntimeError("whole module")
def test_bm1(bad_module): pass
def test_bm2(bad_module): pass
def test_capsys(capsys): print("hidden"); assert capsys.readouterr().out == "hidden\\n"; print("left")
def test_capfd(capfd):
    import os
    os.write(1, b"raw"); assert capfd.readouterr().out == "raw"
def test_tmp(tmp_path, monkeypatch): monkeypatch.chdir(tmp_path); (tmp_path / "f").write_text("x")
def test_recwarn(recwarn):
    import warnings
    warnings.warn("w"); assert len(recwarn) == 1
""",
    # the last test that uses a fixture gets its teardown, so that test is the module's last here
    "test_end.py": """
import pytest
@pytest.fixture(scope="module")
def bad_end(): yield; raise RuntimeError("end of module")
def test_be1(bad_end): pass
def test_be2(bad_end): pass
""",
    "test_xunit.py": """
import unittest
log = []
def setup_module(): log.append("module")
def teardown_module(): assert 0, "module end"
class TestX:
    @classmethod
    def setup_class(cls): cls.n = 0
    def setup_method(self): type(self).n += 1
    def test_one(self): assert self.n == 1 and log == ["module"]
    def test_two(self): assert self.n == 2
class U(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.r = []
    def setUp(self): self.addCleanup(self.r.append, 1)
    def test_1(self): self.assertEqual(self.r, [])
    def test_2(self): self.assertEqual(self.r, [1])
    def test_3(self): self.assertEqual(self.r, [])
    @unittest.expectedFailure
    def test_4(self): self.fail("as expected")
    @unittest.expectedFailure
    def test_5(self): pass
    @unittest.skip("no need")
    def test_6(self): pass
    def test_7(self): raise unittest.SkipTest("later")
class V(unittest.TestCase):
    @classmethod
    def setUpClass(cls): raise OSError("class")
    def test_1(self): pass
    def test_2(self): pass
""",
}
#: Of every report what does not depend on time; told by a plugin of real pytest.
RECORDER = """
import json, os
found = []
def pytest_runtest_logreport(report):
    found.append([report.nodeid, report.when, report.outcome, [list(s) for s in report.sections], str(getattr(report, "wasxfail", None))])
def pytest_sessionfinish(session):
    tr = session.config.pluginmanager.getplugin("terminalreporter")
    counts = {k: len([r for r in v if getattr(r, "count_towards_summary", True)]) for k, v in tr.stats.items() if k and k not in ("warnings", "deselected")}
    with open(os.environ["RECORD"], "w") as f: json.dump([found, counts], f)
"""
KINDS = ["fake", pytest.param("real", marks=pytest.mark.skipif(engine.built() is None, reason="not built"))]


def reference(folder, tmp_path_factory, *args):
    """What real pytest says of FOLDER: reports, counts by category, its terminal's text."""
    aside = tmp_path_factory.mktemp("aside")
    (aside / "recorder.py").write_text(RECORDER)
    path = os.pathsep.join(filter(None, [str(aside), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "recorder", *args],
        cwd=folder,
        env=engine.clean_environment() | {"PYTHONPATH": path, "RECORD": str(aside / "record.json")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    reports, counts = json.loads((aside / "record.json").read_text())
    return reports, counts, done.stdout


def from_workers(found):
    """The report lines of all workers, in no order."""
    return [line for worker in {id(w): w for w in found.values()}.values() for line in worker.of("report")]


def without_addresses(text):
    return re.sub("0x[0-9a-f]+", "0x", text)


def counted(lines):
    counts = {}
    for category in (line["category"] for line in lines if line["category"]):
        counts[category] = counts.get(category, 0) + 1
    return counts


@pytest.fixture
def suite(tmp_path):
    folder = tmp_path / "suite"
    folder.mkdir()
    for name, text in SUITE.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "kind, style",
    [("fake", style) for style in ("auto", "short", "long", "native", "line", "no")]
    + [pytest.param("real", "auto", marks=pytest.mark.skipif(engine.built() is None, reason="not built"))],
)
def test_same_as_pytest(suite, tmp_path_factory, kind, style):
    args = [f"--tb={style}", "--showlocals"] if style == "long" else [f"--tb={style}"]
    reports, counts, text = reference(suite, tmp_path_factory, *args)
    with engine.Engine(suite, "-p", "no:cacheprovider", *args, kind=kind) as e:
        found = e.run_all()
        assert e.quit() == 0
    lines = from_workers(found)
    assert all(worker.status == 0 and worker.lines[-1]["t"] == "done" for worker in found.values())
    assert counted(lines) == counts

    def key(one):
        return (one[0], one[1], one[2], sorted(map(tuple, one[3])), one[4])

    ours = [[r["nodeid"], r["when"], r["outcome"], r["sections"], str(r["wasxfail"])] for r in lines]
    assert sorted(map(key, ours)) == sorted(map(key, reports))
    # every explanation stands in pytest's own output, to the letter
    for line in lines:
        if line["outcome"] == "failed" and style != "no":
            assert line["longrepr"] and without_addresses(line["longrepr"]) in without_addresses(text), line["nodeid"]
        assert style != "no" or line["outcome"] != "failed" or line["longrepr"] is None
        assert 0 <= line["duration"] < 60 and line["location"][1] >= 1
    # warnings too
    messages = [w["message"] for worker in found.values() for w in worker.of("warning")]
    assert "careful" in messages


@pytest.mark.parametrize("kind", KINDS)
def test_units_cover_every_item_once_in_order(suite, kind):
    # pytest 8.0 forgets setup_module under --doctest-modules
    with engine.Engine(suite, "-p", "no:cacheprovider", "-o", "addopts=", kind=kind) as e:
        assert sorted(i for unit in e.units.values() for i in unit) == list(range(e.collected["n"]))
        assert all(unit == sorted(unit) for unit in e.units.values())
        why = {u["why"]: u["isolation"] for u in e.of("unit")}
    # mod asks for ses, so both join the same tests
    assert why["session fixture 'ses'"] == "session"
    assert why["module fixture 'setup_module'"] == "module"


@pytest.mark.parametrize(
    "args, number", [(["-k", "test_pass or test_fail"], 3), (["--deselect", "test_plain.py::test_fail"], None), (["test_xunit.py::U"], 7)]
)
def test_selection_is_pytests(suite, tmp_path_factory, args, number):
    reports, _, _ = reference(suite, tmp_path_factory, *args)
    with engine.Engine(suite, "-p", "no:cacheprovider", *args) as e:
        assert {item["nodeid"] for item in e.items} == {report[0] for report in reports}
        assert number is None or e.collected["n"] == number
        assert e.collected["deselected"] == {3: e.collected["deselected"], None: 1, 7: 0}[number]
