#!/usr/bin/python3
"""Runs a suite under pytest and under tach and tells every difference that a user could see.

usage: parity.py [--tach PROGRAM] [--python PATH] [--user UID] [--no-isolation] [FOLDER] [-- PYTEST ARGUMENTS]

Compared: node ids, outcomes, reasons of skips and expected failures, captured sections, the fixtures that each test
sets up and tears down, in order; how often fixtures of wider scopes are set up; warnings; exit code. Not compared:
the order of tests (they run side by side), times, addresses, the runner's own frames in a traceback, and what differs
between two runs of pytest already. Listed apart: tests of which only the output differs, and which print under
pytest the same when they run alone. Ends with 1 where something differs, or where there was nothing to compare.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TACH = os.environ.get("TACH", str(HERE.parents[1] / "build" / "tach"))
#: Addresses, descriptors, numbers that a process counts, and times.
_CHANGING = re.compile(
    r"0x[0-9a-f]+|/pytest-\d+|\d+ frames hidden|\bname=\d+|\b(?:Task|Thread|Dummy|Process)-\d+"
    r"|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d+)?"
)
#: A frame of a traceback that is the runner's: its lines, up to the next frame or the traceback's end.
_RUNNER = re.compile(
    r'^(?:> )?  File "(?:<frozen runpy>|[^"]*(?:__main__|/_pytest/(?:config/__init__|main|runner|python)|/pluggy/\w+|/tach_harness/\w+)\.py)"'
    r'.*\n(?:(?!(?:> )?  File "|\S).*\n)*',
    re.MULTILINE,
)
#: How often pytest runs once more to see what differs between two runs of its own.
_AGAIN = 3
#: Tests at most that are run alone to see whether what they print depends on those before.
_ALONE = 50
_OUTCOMES = {"passed", "failed", "error", "skipped", "xfailed", "xpassed"}


def normal(text):
    return _CHANGING.sub("<...>", _RUNNER.sub("", text))


def as_user(uid):
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid is not None else []


def environment(more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "COLUMNS"))}
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    # what prints a set prints it in one order
    return clean | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PYTHONPATH": path} | more


class Test:
    """What one run said of one test."""

    def __init__(self):
        self.outcome = None
        self.reason = None
        self.sections = []
        self.properties = []  # [name, value] as they were recorded
        self.phases = []  # (when, what was set up and torn down)

    def take_properties(self, properties):
        self.properties = properties or []
        self.phases = [json.loads(value) for name, value in properties or () if name == "parity"]

    def said(self):
        return self.outcome, normal(self.reason or "")

    def traced(self, narrow):
        """[verb, scope, fixture, parameter] in order: of function scope (NARROW), or of wider ones."""
        found = [step for _, steps in self.phases for step in steps if (step[1] == "function") == narrow]
        return [[*step[:3], normal(step[3])] for step in found]


class Run:
    """``tests``: node id -> Test; ``counts``: category -> number; ``code``; ``text`` to show where it went wrong;
    ``apart``: tests with the outcome and reason that pytest gives them, but the output that they have there when run alone."""

    def __init__(self, code, text):
        self.code, self.text = code, text
        self.tests = collections.defaultdict(Test)
        self.counts = collections.Counter()
        self.apart = set()


def _fold(test, report):
    """Takes one more REPORT of the test: its outcome is what pytest's summary counts it as."""
    category = report["category"]
    if category and category not in _OUTCOMES:  # a plugin's
        category = "failed" if report["failed"] else "passed"
    if report["when"] == "call":
        if test.outcome != "failed" and category:
            test.outcome = category
    elif category == "error":
        test.outcome = "error" if test.outcome in (None, "passed") else test.outcome
    elif category and test.outcome is None:
        test.outcome = category
    if test.reason is None:
        test.reason = report["reason"]
    test.sections = report["sections"] or test.sections
    test.take_properties(report["properties"])


def run_pytest(python, folder, args, user, env):
    with tempfile.TemporaryDirectory() as aside:
        os.chmod(aside, 0o777)
        record = os.path.join(aside, "record.json")
        command = [*as_user(user), python, "-m", "pytest", "-p", "recorder", *args]
        done = subprocess.run(
            command, cwd=folder, env=environment(env | {"PARITY_RECORD": record}), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", check=False,
        )  # fmt: skip
        run = Run(done.returncode, done.stdout)
        if not os.path.exists(record):  # it ended before its session did
            return run
        with open(record, encoding="utf-8") as file:
            found = json.load(file)
    for report in found["reports"]:
        if report["category"]:
            run.counts[report["category"]] += 1
        if report["when"] != "collect":
            _fold(run.tests[report["nodeid"]], report)
    if found["warnings"]:
        run.counts["warnings"] = found["warnings"]
    return run


def run_tach(tach, python, folder, args, user, env, isolated):
    options = [] if isolated else ["--no-isolation"]
    command = [*as_user(user), tach, "--format=json", "--python", python, *options, "-p", "recorder", "--", *args]
    done = subprocess.run(
        command, cwd=folder, env=environment(env), stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
        errors="replace", check=False,
    )  # fmt: skip
    run = Run(done.returncode, done.stderr)
    for line in done.stdout.splitlines():
        event = json.loads(line)
        if event["event"] == "test":
            test = run.tests[event["nodeid"]]
            test.outcome, test.reason, test.sections = event["outcome"], event["reason"], event["sections"]
            test.take_properties(event.get("user_properties"))
        elif event["event"] == "finish":
            run.counts.update({k: v for k, v in event["counts"].items() if k != "deselected"})
    return run


def _compare_tests(one, other):
    if one.outcome != other.outcome:
        yield f"{one.outcome} became {other.outcome}"
    elif normal(one.reason or "") != normal(other.reason or ""):
        yield f"reason {one.reason!r} became {other.reason!r}"
    if one.outcome == other.outcome:
        ours, theirs = ([(name, normal(text)) for name, text in test.sections] for test in (one, other))
        for a in ours:
            if a not in theirs:
                yield f"section {a!r} is not among {theirs!r}"
        if len(theirs) > len(ours):
            yield f"sections {theirs!r} instead of {ours!r}"
    if one.traced(narrow=True) != other.traced(narrow=True):
        yield f"fixtures {one.traced(narrow=True)} became {other.traced(narrow=True)}"


def _wider(run):
    """How often what was done. A teardown is told with the parameter of what is set up next: that does not count."""
    steps = (step for test in run.tests.values() for step in test.traced(narrow=False))
    return collections.Counter(tuple(step if step[0] == "SETUP" else step[:3]) for step in steps)


def differences(expected, actual, unstable=()):
    """In words. UNSTABLE: node ids that are only looked for."""
    if expected.code != actual.code:
        yield f"exit code {expected.code} became {actual.code}"
    for nodeid in sorted(expected.tests.keys() | actual.tests.keys()):
        if nodeid not in actual.tests or nodeid not in expected.tests:
            yield f"{nodeid}: {'absent under tach' if nodeid in expected.tests else 'only under tach'}"
        elif nodeid not in unstable:
            yield from (f"{nodeid}: {found}" for found in _compare_tests(expected.tests[nodeid], actual.tests[nodeid]))
    for category in sorted(expected.counts.keys() | actual.counts.keys()):
        if expected.counts[category] != actual.counts[category]:
            yield f"{expected.counts[category]} {category} became {actual.counts[category]}"
    ours, theirs = _wider(expected), _wider(actual)
    for step in sorted(ours.keys() | theirs.keys()):
        if ours[step] != theirs[step]:
            yield f"{' '.join(step)}: {ours[step]} times became {theirs[step]}"


def _says_alone(python, folder, args, user, env, nodeids, actual):
    """Those of NODEIDS of which pytest, when it runs nothing else, says what tach said: no test before left anything."""
    found = set()
    for nodeid in sorted(nodeids)[:_ALONE]:
        options = [arg for arg in args if not os.path.exists(os.path.join(folder, arg.split("::")[0]))]
        alone = run_pytest(python, folder, [*options, nodeid], user, env).tests
        if nodeid in alone and not any(_compare_tests(alone[nodeid], actual.tests[nodeid])):
            found.add(nodeid)
    return found


def compare(folder, args=(), user=None, isolated=True, env=(), tach=TACH, python="/usr/bin/python3"):
    """(differences, pytest's Run, tach's Run)"""
    expected = run_pytest(python, folder, args, user, dict(env))
    actual = run_tach(tach, python, folder, args, user, dict(env), isolated)
    found = list(differences(expected, actual))
    if found and expected.tests:
        unstable, both = set(), expected.tests.keys()
        for number in range(_AGAIN):
            again = run_pytest(python, folder, args, user, dict(env))
            both = both & again.tests.keys()
            unstable |= {nodeid for nodeid in both if any(_compare_tests(expected.tests[nodeid], again.tests[nodeid]))}
            if number == 0:
                printed = {
                    nodeid for nodeid in both & actual.tests.keys() - unstable
                    if expected.tests[nodeid].said() == actual.tests[nodeid].said()
                    and any(_compare_tests(expected.tests[nodeid], actual.tests[nodeid]))
                }  # fmt: skip
                actual.apart = _says_alone(python, folder, args, user, dict(env), printed, actual)
            found = list(differences(expected, actual, unstable | actual.apart))
            if not found:
                break
    return found, expected, actual


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0], add_help=False)
    parser.add_argument("--tach", default=TACH)
    parser.add_argument("--python", default="/usr/bin/python3")
    parser.add_argument("--user", type=int)
    parser.add_argument("--no-isolation", action="store_true")
    parser.add_argument("folder", nargs="?", default=".")
    argv, _, args = "\0".join(sys.argv[1:]).partition("\0--\0")
    options = parser.parse_args(argv.split("\0") if argv else [])
    found, expected, actual = compare(
        options.folder, args.split("\0") if args else [], options.user, not options.no_isolation,
        tach=os.path.abspath(options.tach), python=options.python,
    )  # fmt: skip
    print("\n".join(text[:1000] for text in found[:200]))
    for nodeid in sorted(actual.apart):
        print(f"{nodeid}: prints what it prints under pytest alone, without what the tests before leave behind")
    if not expected.tests or not actual.tests:
        print(f"pytest said:\n{expected.text[-4000:]}\ntach said:\n{actual.text[-4000:]}")
    counts = ", ".join(f"{number} {name}" for name, number in sorted(expected.counts.items()))
    print(f"{len(expected.tests)} tests under pytest ({counts}), {len(actual.tests)} under tach: {len(found)} differences")
    return 1 if found or not expected.tests else 0


if __name__ == "__main__":
    sys.exit(main())
