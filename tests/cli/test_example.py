"""The bundled example suite does exactly what its files announce, and leaves nothing behind."""

import ast
import hashlib
import os
import pathlib
import shutil

import pytest

from running import NOBODY, ROOT, Suite, skip_without_user_namespaces

EXAMPLE = ROOT / "tests" / "example"


def announced(name):
    """EXPECT or EXPECT_REASON of every file: node id -> text. Read, not imported."""
    found = {}
    for path in sorted(EXAMPLE.glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and node.targets[0].id == name:
                value = eval(compile(ast.Expression(node.value), str(path), "eval"), {"__builtins__": {"range": range}})
                found.update({f"{path.name}::{test}": outcome for test, outcome in value.items()})
    return found


def fingerprint(tree):
    """Every path below TREE with its mode, owner and content."""
    found = {}
    for path in sorted(tree.rglob("*")):
        st = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(tree))] = (st.st_mode, st.st_uid, st.st_gid, content)
    return found


def run_and_check(folder, user, traces):
    before = fingerprint(folder)
    token = f"tach-example-{os.getpid()}-{user}"
    result = Suite(folder).json("-n", "2", "-p", "no:cacheprovider", user=user, env={"EXAMPLE_TOKEN": token})
    outcomes = {nodeid: test["outcome"] for nodeid, test in result.tests().items()}
    assert outcomes == announced("EXPECT")
    for nodeid, reason in announced("EXPECT_REASON").items():
        assert reason in result.tests()[nodeid]["reason"], nodeid
    assert result.code == 1
    assert fingerprint(folder) == before
    assert traces.left(token) == []
    return result


def test_more_than_fifty_tests():
    assert len(announced("EXPECT")) > 50


@pytest.mark.skipif(os.geteuid() != 0, reason="this run is not root's")
def test_as_root(traces):
    result = run_and_check(EXAMPLE, None, traces)
    tests = result.tests()
    segv = tests["test_crash.py::test_segmentation_fault"]
    assert ["Captured stdout", "the last words\n"] in segv["sections"]
    assert any("in test_segmentation_fault" in text for name, text in segv["sections"] if name == "Captured stderr")
    hang = tests["test_crash.py::test_sleeps"]
    assert any("in test_sleeps" in text for name, text in hang["sections"] if name == "Captured stderr")
    for name, snapshot in (
        ("test_module_second", "session fixture 'session_log'"),
        ("TestClassScope::test_first", "class fixture 'numbers'"),
        ("test_session_first", "session fixture 'session_log'"),
    ):
        test = tests[f"test_fixtures.py::{name}"]
        assert (test["isolation"], test["snapshot"]) == ("test", snapshot)
    assert tests["test_outcomes.py::test_passes"]["isolation"] == "test"


def test_as_ordinary_user(tmp_path, traces):
    skip_without_user_namespaces()
    user = NOBODY if os.geteuid() == 0 else None
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    if user is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, user)
        for parent in folder.parents:
            if str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
    run_and_check(folder, user, traces)


def test_plain_pytest_is_harmless(suite):
    """Someone who runs the example suite by pytest itself loses nothing."""
    import subprocess
    import sys

    folder = suite.path / "example"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    before = fingerprint(folder)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", folder],
        env={**os.environ, "TACH": "", "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "skipped" in done.stdout and "failed" not in done.stdout and "passed" not in done.stdout
    assert fingerprint(folder) == before
