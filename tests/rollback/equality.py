#!/usr/bin/python3
"""Runs a suite with processes rolled back, with cells used again, and with neither, and tells what differs.

usage: equality.py [--orders N] [--verify] FOLDER [-- TACH ARGUMENTS]

Compared: each test's event, without times, usage, and which process or cell it got; the counts; the exit code. Each in N shuffled orders (5), by one worker: side by side it is chance which test a shared fixture is set up for. What differs between two runs with --reuse=never already is no difference. TACH: the program.
Exit code: 1 where something differs, or nothing ran.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "parity"))
from parity import normal  # noqa: E402

TACH = os.environ.get("TACH", str(HERE.parents[1] / "build" / "tach"))
#: Of a test's event: how it ran, not what it said.
_HOW = {"duration", "phases", "usage", "cell", "worker", "spent", "attempt", "refused"}
_HARNESS = re.compile(r'^  File "[^"]*/tach_harness/[^\n]*\n(?:    [^\n]*\n)*', re.MULTILINE)
_TIMES = re.compile(r"\b\d+(?:\.\d+)?(?:e-\d+)? ?(?:s|ms|us|seconds)\b|\bpid[= ]\d+|\d\d:\d\d:\d\d(?:[.,]\d+)?|/proc/\d+|\[pid \d+\]")


def plain(value):
    """VALUE without what differs from run to run, and without the harness's own frames."""
    if isinstance(value, str):
        return _TIMES.sub("<...>", _HARNESS.sub("", normal(value)))
    if isinstance(value, list):
        return [plain(one) for one in value]
    return {key: plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def run(folder, order, arguments, *options):
    """({nodeid: what its event says}, the finish event)"""
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "COLUMNS"))}
    env |= {"PYTHONPATH": path, "SHUFFLE": str(order), "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [TACH, "--format=json", "--seed=1", "--workers=1", *options, "-p", "shuffle", *arguments]
    done = subprocess.run(argv, cwd=folder, env=env, text=True, capture_output=True)
    events = [json.loads(line) for line in done.stdout.split("\n") if line]
    errors = [event for event in events if event["event"] == "error"]
    if errors:
        raise SystemExit(f"{' '.join(options)}: {errors[0]['phase']}: {errors[0]['what']}")
    tests = {}
    for event in events:
        if event["event"] == "test":
            told = {key: plain(value) for key, value in event.items() if key not in _HOW}
            if told["outcome"] == "timeout":
                del told["sections"]  # where it was just then
            tests[event["nodeid"]] = told
    return tests, events[-1]


def differing(one, other):
    return {nodeid for nodeid in one.keys() | other.keys() if one.get(nodeid) != other.get(nodeid)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--orders", type=int, default=5)
    parser.add_argument("--verify", action="store_true")
    parser.add_argument("folder")
    parser.add_argument("arguments", nargs="*")
    args = parser.parse_args()
    verify = ["--verify-rollback"] if args.verify else []
    failed = 0
    for order in range(1, args.orders + 1):
        never, end = run(args.folder, order, args.arguments, "--reuse=never")
        again, _ = run(args.folder, order, args.arguments, "--reuse=never")
        changing = differing(never, again)
        for mode in (["--reuse=cell"], ["--reuse=rollback", *verify]):
            tests, finish = run(args.folder, order, args.arguments, *mode)
            found = sorted(differing(never, tests) - changing)
            workers = finish.get("workers", {})
            print(
                f"{args.folder} order {order} {' '.join(mode)}: {len(tests)} tests, {len(found)} differ, "
                f"{len(changing)} differ without; rolled back {workers.get('rolled_back', 0)}, spent {workers.get('spent', {})}"
            )
            for nodeid in found:
                a, b = never.get(nodeid, {}), tests.get(nodeid, {})
                keys = [key for key in a.keys() | b.keys() if a.get(key) != b.get(key)]
                print(f"  {nodeid}: " + "; ".join(f"{key}: {str(a.get(key))[-200:]} -> {str(b.get(key))[-200:]}" for key in keys))
            failed |= bool(found) or not tests or (not changing and finish["exit_code"] != end["exit_code"])
    return failed


if __name__ == "__main__":
    sys.exit(main())
