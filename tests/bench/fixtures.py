#!/usr/bin/python3
"""Compares the fixtures that tach list tells for every test with those that pytest has for it.

usage: fixtures.py [--installed PACKAGE]... [--path FOLDER]... [SUITE...]

SUITE: a package of Debian (tests/parity/fetch gets its source), or one of this tree's own suites; without any, all of
them. PACKAGE: an installed Python package that has its tests with it; it is copied. FOLDER: tests where they are.

For every function that pytest collects, the names and their order must be those of item.fixturenames; or they are
marked as unsure, with the reason. Every problem that tach tells must be what pytest says when it runs that test;
otherwise it is a false alarm. The exit code is 1 if a sure list differs or an alarm is false.
"""

import argparse
import collections
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from discover import CASES, ROOT, SUITES, TACH

PLUGIN = """\
import json, os
def pytest_collection_finish(session):
    tests = {}
    for item in session.items:
        if getattr(item, "_fixtureinfo", None) is not None and hasattr(item, "originalname"):
            name = item.parent.nodeid + "::" + item.originalname
            tests.setdefault(name, []).append(list(item.fixturenames))
    with open(os.environ["FIXTURES"], "w") as file:
        json.dump(tests, file)
"""
OWN = {"example": "tests/example", "fixtures": "tests/parity/suites/fixtures", "outcomes": "tests/parity/suites/outcomes",
       "torture": "tests/parity/suites/torture", "hooks": "tests/parity/suites/hooks", "cli": "tests/cli"}  # fmt: skip


class Suite:
    def __init__(self, name, folder, tests, path):
        self.name, self.folder, self.tests = name, folder, tests
        env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "PYTHON"))}
        self.env = {**env, "PYTHONDONTWRITEBYTECODE": "1"}
        if path:
            self.env["PYTHONPATH"] = ":".join(str(folder / one) for one in path)

    def pytest(self, *args, **more):
        env = {**self.env, **more}
        env["PYTHONPATH"] = ":".join(filter(None, [self.env.get("PYTHONPATH"), more.get("PYTHONPATH")]))
        if not env["PYTHONPATH"]:
            del env["PYTHONPATH"]
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", *args]
        return subprocess.run(
            command, cwd=self.folder, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )

    def collected(self):
        with tempfile.TemporaryDirectory(prefix="tach-fixtures.") as place:
            (pathlib.Path(place) / "fixtures_plugin.py").write_text(PLUGIN)
            done = self.pytest(
                "--collect-only", "--continue-on-collection-errors", "-p", "fixtures_plugin", *self.tests,
                FIXTURES=f"{place}/out.json", PYTHONPATH=place,
            )  # fmt: skip
            try:
                return json.loads(pathlib.Path(place, "out.json").read_text())
            except FileNotFoundError:
                print(f"{self.name}: pytest collects nothing:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
                return {}

    def listed(self):
        begin = time.perf_counter()
        done = subprocess.run(
            [TACH, "list", "--fixtures", "--format=json", *self.tests], cwd=self.folder, env=self.env, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        events = [json.loads(line) for line in done.stdout.decode("utf-8", "surrogateescape").splitlines()]
        return events, time.perf_counter() - begin

    def is_true(self, problem):
        """Whether pytest says the same of the test; what it does not collect at all cannot be wrong."""
        done = self.pytest(problem["nodeid"])
        shown = " ".join(done.stdout.split())
        return problem["message"] in shown or done.returncode in (4, 5)


def compare(suite):
    expected = suite.collected()
    events, seconds = suite.listed()
    tests = {event["nodeid"]: event for event in events if event["event"] == "test"}
    problems = [event for event in events if event["event"] == "fixture_problem"]
    reasons = collections.Counter(test["unsure"].split(":")[0] for test in tests.values() if test["unsure"])
    equal, unsure, differing, unlisted = 0, 0, [], 0
    for nodeid, lists in expected.items():
        test = tests.get(nodeid)
        if test is None:
            unlisted += 1
        elif test["unsure"]:
            unsure += 1
        elif all(names == test["fixtures"] for names in lists):
            equal += 1
        else:
            differing.append((nodeid, lists[0], test["fixtures"]))
    wrong = [problem for problem in problems if not suite.is_true(problem)]
    print(
        f"{suite.name:12} functions {len(expected):5}  equal {equal:5}  unsure {unsure:4}  not listed {unlisted:4}  differing"
        f" {len(differing)}  problems {len(problems)}, false {len(wrong)}  ({seconds:.2f} s)"
    )
    for nodeid, theirs, ours in differing[:5]:
        print(f"    {nodeid}\n        pytest {theirs}\n        tach   {ours}")
    for problem in wrong[:5]:
        print(f"    false: {problem['file']}:{problem['line']}: {problem['message']}: {problem['nodeid']}")
    for reason, number in reasons.most_common(4):
        print(f"    unsure {number}: {reason}")
    return len(expected), equal, len(differing), len(wrong)


def fetched(name):
    subprocess.run([ROOT / "tests" / "parity" / "fetch", name, SUITES], check=True)
    tests, path = CASES[name]
    return Suite(name, SUITES / name, [tests], path)


def copied(name, place):
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        sys.exit(f"{name}: no such package is installed")
    target = place / name
    shutil.copytree(pathlib.Path(spec.origin).parent, target / name, ignore=shutil.ignore_patterns("*.pyc"))
    return Suite(name, target, [name], ["."])


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].removeprefix("usage: "))
    parser.add_argument("--installed", action="append", default=[])
    parser.add_argument("--path", action="append", default=[])
    parser.add_argument("suites", nargs="*")
    args = parser.parse_args()
    names = args.suites or ([] if args.installed or args.path else [*OWN, *(n for n in CASES if n != "cpython")])
    totals = [0, 0, 0, 0]
    with tempfile.TemporaryDirectory(prefix="tach-installed.") as place:
        suites = [Suite(n, ROOT / OWN[n], [], []) if n in OWN else fetched(n) for n in names]
        suites += [copied(name, pathlib.Path(place)) for name in args.installed]
        suites += [Suite(pathlib.Path(p).name, pathlib.Path(p).resolve(), [], []) for p in args.path]
        for suite in suites:
            totals = [a + b for a, b in zip(totals, compare(suite), strict=True)]
    number, equal, differing, wrong = totals
    print(f"{equal} of {number} ({100 * equal / max(number, 1):.2f}%) equal and sure, {differing} differing, {wrong} false alarms")
    return 1 if differing or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
