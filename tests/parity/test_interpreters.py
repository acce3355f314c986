"""The same under other versions of CPython, where the machine has some: pyenv's, and python3.N on the path."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

import parity

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


@pytest.mark.parametrize("suite", ["fixtures", "outcomes"])
@pytest.mark.parametrize("version", ["3.10", "3.12", "3.13", "3.14"])
def test_same_as_pytest(version, suite, tmp_path):
    python = _others().get(tuple(map(int, version.split("."))))
    if python is None:
        pytest.skip(f"there is no other CPython {version} here")
    env = {"PYTHONPATH": os.pathsep.join([str(HERE), path]) if (path := _pytest_for(python, tmp_path / "pytest")) else str(HERE)}
    shutil.copytree(HERE / "suites" / suite, tmp_path / "suite", ignore=shutil.ignore_patterns("__pycache__"))
    found, expected, actual = parity.compare(str(tmp_path / "suite"), ["-p", "no:cacheprovider"], env=env, python=python)
    assert not found, "\n".join(found)
    assert expected.tests and actual.tests, expected.text + actual.text
