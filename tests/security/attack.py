"""Runs one attack outside and inside a cell."""

import ctypes
import json
import os
import pathlib
import subprocess

import pytest
from box import NOBODY, TACH_RUN
from running import SLOW, Suite, as_user, skip_without_user_namespaces

PYTHON = "/usr/bin/python3"
#: Before every attack's text: call("name", ...) is 0 or the error's name.
PRELUDE = """\
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    r = getattr(libc, name)(*args)
    return "done" if r >= 0 else errno.errorcode[ctypes.get_errno()]
def system_call(number, *args):
    return call("syscall", ctypes.c_long(number), *map(ctypes.c_long, args))
def attempt(function, *args):
    try:
        function(*args)
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno]
"""


class Attack:
    """Attacks of one user: root or another."""

    def __init__(self, who, tmp_path):
        if who == "root" and os.geteuid() != 0:
            pytest.skip("this run is not root's")
        if who == "ordinary":
            skip_without_user_namespaces()
        self.user = NOBODY if who == "ordinary" and os.geteuid() == 0 else None
        self.folder = tmp_path / "project"
        self.folder.mkdir()
        if self.user is not None:
            os.chown(self.folder, self.user, self.user)
        for parent in self.folder.parents:
            if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o055)

    def outside(self, text, prefix=(), **more):
        """What TEXT prints on the host, where nothing holds it."""
        done = subprocess.run(
            [*as_user(self.user), *prefix, PYTHON, "-c", PRELUDE + text], cwd=self.folder, capture_output=True, text=True,
            timeout=60 * SLOW, check=False, **more,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def spec(self, *args, **more):
        spec = {
            "ociVersion": "1.1.0",
            "process": {"cwd": str(self.folder), "args": list(args), "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
            "tach": {"project": str(self.folder)},
        }
        for key, value in more.items():
            if isinstance(value, dict):
                spec.setdefault(key, {}).update(value)
            else:
                spec[key] = value
        return spec

    def run(self, spec, before=None, prefix=(), **more):
        """The completed process; BEFORE: a shell script that mounts things in a namespace of the run's own (root)."""
        argv = [*as_user(self.user), *prefix, TACH_RUN, "--spec", "-"]
        if before is not None:
            if os.geteuid() != 0:
                pytest.skip("only root can mount what this needs")
            argv = ["unshare", "-m", "sh", "-c", f'set -e\n{before}\nexec "$@"', "sh", *argv]
        return subprocess.run(argv, input=json.dumps(spec), capture_output=True, text=True, timeout=60 * SLOW, check=False, **more)

    def inside(self, text, prefix=(), **more):
        """What TEXT prints in a cell."""
        done = self.run(self.spec(PYTHON, "-c", PRELUDE + text, **more), prefix=prefix)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def suite(self, **files):
        """A suite of those files in the project; .json() and .tach() run as this user."""
        suite = Suite(self.folder)
        for name, text in files.items():
            suite.write(f"{name}.py", PRELUDE + text)
        return lambda *args, **more: suite.json(*args, user=self.user, **more)


def sandbox_library():
    """The sandbox's own C functions, as the interpreter's extension has them."""
    folder = pathlib.Path(TACH_RUN).parent / "harness" / "tach_harness"
    return ctypes.CDLL(str(folder / "_tach.abi3.so"), use_errno=True)
