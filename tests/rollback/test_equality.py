"""What is used again changes nothing of what tests say."""

import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent


@pytest.mark.parametrize("suite", ["example", "parity/suites/torture"])
def test_equal(suite):
    argv = [sys.executable, HERE / "equality.py", "--orders=1", "--verify", HERE.parent / suite]
    done = subprocess.run(argv, text=True, capture_output=True, env=os.environ)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
