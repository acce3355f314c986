"""Runs specs through tach-run."""

import json
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH_RUN = os.environ.get("TACH_RUN", str(ROOT / "build" / "tach-run"))
NOBODY = 65534
SLOW = int(os.environ.get("TACH_SLOW", "1"))  # as in tests/cli/running.py


def run_spec(spec, user=None, **popen):
    """Runs SPEC through tach-run, as uid USER where given; returns the completed process (text)."""
    argv = [TACH_RUN, "--spec", "-"]
    if user is not None:
        argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *argv]
    return subprocess.run(
        argv, input=json.dumps(spec), text=True, capture_output=True, timeout=60 * SLOW, check=False, **popen
    )
