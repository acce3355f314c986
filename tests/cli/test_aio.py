"""An asyncio project, tests/projects/aio, without a plugin: the same as pytest-asyncio's automatic mode says."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from running import ROOT, environment

PROJECT = ROOT / "tests" / "projects" / "aio"
PLUGIN = ROOT / "build/plugins/python3-pytest-asyncio/usr/lib/python3/dist-packages"
QUIET = ("-p", "no:cacheprovider")
OUTCOMES = {"PASSED": "passed", "FAILED": "failed", "ERROR": "error", "XFAIL": "xfailed", "SKIPPED": "skipped"}


@pytest.fixture
def project(suite):
    shutil.copytree(PROJECT, suite.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return suite


def outcomes(result):
    return {nodeid.partition("::")[2]: test["outcome"] for nodeid, test in result.tests().items()}


def by_pytest_asyncio(path):
    if not PLUGIN.is_dir():
        pytest.skip("python3-pytest-asyncio is missing: scripts/bootstrap plugins")
    paths = os.pathsep.join(filter(None, [str(PLUGIN), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *QUIET, "-v", "--asyncio-mode=auto", "tests/test_room.py"], cwd=path,
        env=environment(PYTHONPATH=paths), capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {name: OUTCOMES[word] for name, word in re.findall(r"^tests/test_room.py::(\S+) ([A-Z]+)", done.stdout, re.MULTILINE)}


@pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
def test_aio(project, traces, mode):
    result = project.json(*QUIET, *mode, "tests/test_room.py")
    found = outcomes(result)
    assert sorted(set(found.values())) == ["error", "failed", "passed", "skipped", "xfailed"], result.out
    assert {test["isolation"] for test in result.tests().values()} == {"none" if mode else "test"}
    assert not traces.left()
    if pytest.version_tuple >= (8,):
        pytest.skip("Debian's pytest-asyncio is for an older pytest")
    assert found == by_pytest_asyncio(project.path)


@pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
def test_shared_loop(project, mode):
    result = project.json(*QUIET, *mode, "tests/test_shared.py")
    assert set(outcomes(result).values()) == {"passed"} and len(outcomes(result)) == 4, result.out
