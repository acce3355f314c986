"""The same under other versions of CPython, where the machine has some: pyenv's, and python3.N on the path."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import parity

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "harness"))
import test_fork_safety  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
#: What pytest needs, by the names of its packages.
_NEEDS = ["pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "attr", "attrs", "exceptiongroup", "tomli"]


def _others():
    """{version: path}, one of each, but this one's and what Tach does not run on."""
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    found = [*pyenv.glob("versions/*/bin/python"), *(shutil.which(f"python3.{n}") for n in range(10, 20))]
    versions = {}
    for path in filter(None, found):
        done = subprocess.run([path, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=False)
        version = tuple(map(int, done.stdout.split())) if done.returncode == 0 else ()
        if version >= (3, 10) and version != sys.version_info[:2]:
            versions.setdefault(version, str(path))
    return versions


def _pytest_for(python, folder):
    """What PYTHONPATH must be for PYTHON to have a pytest: its own, one that was unpacked, or this interpreter's."""
    if subprocess.run([python, "-c", "import pytest"], capture_output=True, check=False).returncode == 0:
        return ""
    folder.mkdir()
    for place in map(pathlib.Path, filter(None, sys.path)):
        for name in _NEEDS:
            if (place / name / "__init__.py").exists() and not (folder / name).exists():
                (folder / name).symlink_to(place / name)
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(folder)]))
    done = subprocess.run([python, "-c", "import pytest"], env={"PYTHONPATH": path}, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no pytest for {python}")
    return path


def _compare(version, folder, *args):
    python = _others().get(tuple(map(int, version.split("."))))
    if python is None:
        pytest.skip(f"there is no other CPython {version} here")
    path = _pytest_for(python, folder.parent / "pytest")
    env = {"PYTHONPATH": os.pathsep.join(filter(None, [str(HERE), path]))}
    found, expected, actual = parity.compare(str(folder), ["-p", "no:cacheprovider", *args], env=env, python=python)
    assert not found, "\n".join(found)
    assert expected.tests and actual.tests, expected.text + actual.text
    return actual


@pytest.mark.parametrize("suite", ["fixtures", "outcomes"])
@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13", "3.14"])
def test_same_as_pytest(version, suite, tmp_path):
    shutil.copytree(HERE / "suites" / suite, tmp_path / "suite", ignore=shutil.ignore_patterns("__pycache__"))
    _compare(version, tmp_path / "suite")


@pytest.mark.parametrize("version", ["3.12", "3.13", "3.14"])
def test_processes_that_a_test_starts(version, tmp_path):
    """Python warns from 3.12 on where a process with threads forks: it does so neither in tests, nor where these come from."""
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite/test_it.py").write_text(test_fork_safety.SUITES["processes"])
    run = _compare(version, tmp_path / "suite", "-W", "error:This process:DeprecationWarning")
    assert {test.outcome for test in run.tests.values()} == {"passed"}
