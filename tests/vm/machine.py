"""Runs one-test suites under limits, and looks at this process's control group."""

import json
import os
import pathlib
import subprocess

from running import SLOW, TACH, TACH_RUN, Result, environment

#: "root", "delegated" or "ordinary": see scripts/vm; None elsewhere
MODE = os.environ.get("TACH_VM")
MIB = 1 << 20
TREE = pathlib.Path("/sys/fs/cgroup")


def own_group():
    (path,) = [line[3:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")]
    return TREE / path.lstrip("/")


def run(suite, text, resources, *args, **tach):
    """A suite of TEXT under linux.RESOURCES, run from its spec."""
    suite.write(text=text)
    made = subprocess.run([TACH, "spec", *args], cwd=suite.path, env=environment(), capture_output=True, check=True)
    spec = json.loads(made.stdout)
    spec["linux"]["resources"] = resources
    spec["tach"].update(tach)
    done = subprocess.run(
        [TACH_RUN, "--spec", "-"], input=json.dumps(spec), cwd=suite.path, capture_output=True, encoding="utf-8",
        timeout=120 * SLOW, check=False,
    )  # fmt: skip
    return Result(done)


def one(result):
    """The event of the only test."""
    (test,) = result.tests().values()
    return test


def command(script, resources, **tach):
    """SCRIPT as the single command of a spec, under RESOURCES."""
    spec = {
        "ociVersion": "1.1.0",
        "process": {"cwd": "/", "args": ["sh", "-c", script], "env": [f"PATH={os.environ['PATH']}"]},
        "linux": {"resources": resources},
        "tach": tach,
    }
    return subprocess.run(
        [TACH_RUN, "--spec", "-"], input=json.dumps(spec), capture_output=True, text=True, timeout=120 * SLOW, check=False
    )
