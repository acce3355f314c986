#!/usr/bin/python3
"""Runs pytest's own tests, of the version that is installed, under pytest and under tach, and compares outcomes.

usage: suite.py FOLDER PYTEST_GIT [ARGUMENTS OF TACH]

FOLDER: where the tests are put. PYTEST_GIT: pytest's public repository, or a clone of it. Differences that
explained.txt explains are counted apart. Ends with 1 where another one is found, or less than 99 in 100 are the same.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TACH = os.environ.get("TACH", str(HERE.parents[1] / "build" / "tach"))


def fetch(folder, git):
    """What of the repository its tests need, at the tag of the installed version."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if "://" in git:
        clone = folder.with_name(folder.name + ".git")
        shutil.rmtree(clone, ignore_errors=True)
        subprocess.run(["git", "clone", "--quiet", "--depth=1", f"--branch={pytest.__version__}", git, clone], check=True)
        git, tag = clone, "HEAD"
    else:
        tag = pytest.__version__
    archive = subprocess.run(["git", "-C", git, "archive", tag, "testing", "pyproject.toml"], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=archive.stdout, check=True)


def outcomes(report):
    """{class and name of a test: outcome} of a JUnit file."""
    found = {}
    for case in xml.parse(report).iter("testcase"):
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        name = f"{case.get('classname')}::{case.get('name')}"
        found[name] = "failed" if kinds & {"failure", "error"} else "skipped" if kinds else "passed"
    return found


def run(argv, folder, report):
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TACH", "PYTHON"))}
    begin = time.monotonic()
    subprocess.run(argv, cwd=folder, env=env, stdout=subprocess.DEVNULL, check=False)
    return outcomes(report), time.monotonic() - begin


def main():
    folder, git, more = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], sys.argv[3:]
    fetch(folder, git)
    report = folder.with_name(folder.name + ".xml")
    theirs, pytest_s = run([sys.executable, "-m", "pytest", "-q", f"--junit-xml={report}", "testing"], folder, report)
    ours, tach_s = run([TACH, "-q", "--timeout=300", f"--junit-xml={report}", *more, "testing"], folder, report)
    lines = (HERE / "explained.txt").read_text().splitlines()
    explained = dict(line.split("  ", 1) for line in lines if line and not line.startswith("#"))
    different = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
    for name in different:
        print(f"{name}: pytest {theirs.get(name)}, tach {ours.get(name)}: {explained.get(name, 'NOT EXPLAINED')}")
    same = len(theirs) - len(different)
    print(f"pytest {pytest.__version__}: {same} of {len(theirs)} tests the same ({100 * same / max(len(theirs), 1):.2f}%), "
          f"{len(different)} different; pytest {pytest_s:.0f} s, tach {tach_s:.0f} s")  # fmt: skip
    unexplained = [name for name in different if name not in explained]
    return 1 if unexplained or not theirs or same < 0.99 * len(theirs) else 0


if __name__ == "__main__":
    sys.exit(main())
