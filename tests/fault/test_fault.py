"""Every system call on the way of making a sandbox fails in turn: one clear error, a documented exit code, nothing
left behind; or, where the call is dispensable, a sandbox that is whole all the same.

FAULT_EVERY=N takes every Nth call only where a system call is made often (default 1 with a single command, 7 with
a suite); make fault takes all.
"""

import json
import os
import re
import subprocess
import uuid

import pytest
from running import DENY, TACH, TACH_RUN, as_user, environment, processes, skip_without_user_namespaces

EVERY = int(os.environ.get("FAULT_EVERY", "0"))

# what tach's own processes call until the program starts in the sandbox, with the errors that are likely
CALLS = {
    "mount": ("EPERM", "ENOSPC", "ENOMEM", "ENOSYS"),
    "umount2": ("EPERM",),
    "open_tree": ("EPERM", "EMFILE", "ENOSYS"),
    "move_mount": ("EPERM", "ENOSPC", "ENOSYS"),
    "mount_setattr": ("EPERM", "ENOSYS"),
    "openat2": ("EMFILE", "ENOSYS"),
    "openat": ("EMFILE", "ENOMEM"),
    "pivot_root": ("EPERM",),
    "fsopen": ("EPERM", "EMFILE", "ENOSYS"),
    "fsconfig": ("ENOMEM",),
    "fsmount": ("EPERM",),
    "clone3": ("EPERM", "ENOMEM", "ENOSPC", "ENOSYS"),
    "setns": ("EPERM", "ENOMEM"),
    "unshare": ("EPERM", "ENOSPC"),
    "socketpair": ("EMFILE",),
    "socket": ("EMFILE",),
    "pipe2": ("EMFILE",),
    "memfd_create": ("EMFILE", "ENOMEM", "ENOSYS"),
    "signalfd4": ("EMFILE",),
    "epoll_create1": ("EMFILE",),
    "epoll_ctl": ("ENOMEM",),
    "sethostname": ("EPERM",),
    "mkdir": ("ENOSPC",),
    "mkdirat": ("ENOSPC",),
    "symlinkat": ("ENOSPC",),
    "chmod": ("EPERM",),
    "chdir": ("EPERM",),
    "fchdir": ("EPERM",),
    "setsid": ("EPERM",),
    "prctl": ("EPERM", "EINVAL"),
    "capset": ("EPERM",),
    "seccomp": ("EPERM", "ENOMEM", "ENOSYS"),
    "prlimit64": ("EPERM",),
    "close_range": ("ENOSYS",),
    "sendmsg": ("ENOBUFS", "ENOMEM"),
    "write": ("ENOSPC", "EPERM"),
    "dup2": ("EMFILE",),
}

# a sandbox that lacks anything of this must not be run in
WHOLE = """\
import os, pathlib
status = dict(line.split(":\\t") for line in pathlib.Path("/proc/self/status").read_text().splitlines() if ":\\t" in line)
assert all(int(status[name], 16) == 0 for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")), status
assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status
assert os.uname()[1] == "tach" and os.getpid() < 100
assert pathlib.Path("/proc/self/uid_map").read_text().split()[2] == "1"
lines = pathlib.Path("/proc/net/dev").read_text().splitlines()[2:]
assert len(lines) == 1 and "lo:" in lines[0]
for folder in ("/etc", "/usr", "/dev", "/sys", "/proc/sys"):
    assert os.statvfs(folder).f_flag & os.ST_RDONLY, folder
for name in ("tmp", "var/tmp", "dev/shm"):
    assert os.statvfs("/" + name).f_flag & (os.ST_NOSUID | os.ST_NODEV) == os.ST_NOSUID | os.ST_NODEV
assert not os.path.exists("/tmp/seen-from-outside")
assert os.listdir("/dev/.tach") == [] if os.access("/dev/.tach", os.R_OK) else True
assert len(os.listdir("/proc/self/fd")) <= 20, os.listdir("/proc/self/fd")
open("written", "w").write("x")
"""


@pytest.fixture(params=["root", "ordinary"])
def project(request, tmp_path):
    """A project with one test, and who runs it."""
    user = None
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("this run is not root's")
    if request.param == "ordinary":
        skip_without_user_namespaces()
        user = 65534 if os.geteuid() == 0 else None
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "test_it.py").write_text("import os\ndef test_whole():\n" + "".join(f"    {line}\n" for line in WHOLE.splitlines()))
    for path in (folder, folder / "test_it.py"):
        if user is not None:
            os.chown(path, user, user)
    for parent in folder.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    return folder, user


def single(folder):
    spec = {
        "ociVersion": "1.1.0",
        "process": {"cwd": str(folder), "args": ["/usr/bin/python3", "-c", WHOLE], "env": ["PATH=/usr/bin:/bin"]},
        "tach": {"project": str(folder)},
    }
    return [TACH_RUN, "--spec", "-"], spec


def suite(folder):
    done = subprocess.run([TACH, "spec", "-n", "1", "--timeout", "10"], cwd=folder, env=environment(), capture_output=True, check=True)
    return [TACH_RUN, "--spec", "-"], json.loads(done.stdout)


class Fault:
    """COMM: only processes whose name begins with that are made to fail."""

    def __init__(self, argv, spec, folder, user, comm):
        self.argv, self.folder, self.user, self.comm = argv, folder, user, comm
        self.token = f"fault-{uuid.uuid4()}"
        spec["process"].setdefault("env", []).append(f"TOKEN={self.token}")
        self.spec = json.dumps(spec)

    def run(self, call, error, nth):
        argv = [*as_user(self.user), DENY, "--nth", str(nth), "--comm", self.comm, f"{call}={error}", "--", *self.argv]
        return subprocess.run(
            argv, input=self.spec, cwd=self.folder, env=environment(TOKEN=self.token), capture_output=True,
            encoding="utf-8", timeout=60, check=False,
        )  # fmt: skip

    def count(self, call):
        done = self.run(call, "EPERM", 0)
        assert done.returncode == 0, (call, done.stdout, done.stderr)
        return int(re.search(rf"deny: {call}: (\d+) calls", done.stderr)[1])

    def check(self, call, error, nth):
        done = self.run(call, error, nth)
        what = f"{call} {nth}: {error}: {done.returncode} {done.stdout[-2000:]} {done.stderr}"
        errors = [line for line in done.stderr.splitlines() if not line.startswith("deny: ")]
        assert done.returncode in (0, 1, 3, 4), what
        if done.returncode == 0:
            return "whole"
        if done.returncode == 1:  # told as the test's own end
            assert '"outcome":"crashed"' in done.stdout or '"outcome":"failed"' in done.stdout, what
            assert "AssertionError" not in done.stdout, what
            return "test"
        assert len(errors) == 1 and errors[0].startswith("tach-run: "), what
        assert re.match(r"tach-run: \w+: ", errors[0]) and len(errors[0]) < 1500, what
        return "error"


def faults(kind, project, call, every, traces, comm="tach"):
    folder, user = project
    if not os.access(DENY, os.X_OK):
        pytest.skip(f"{DENY} is not built (make programs)")
    fault = Fault(*kind(folder), folder, user, comm)
    number = fault.count(call)
    seen = {"whole": 0, "test": 0, "error": 0}
    for position, error in enumerate(CALLS[call]):
        step = 1 if number <= 3 else min(EVERY or every, number)
        for nth in range(1 + position % step, number + 1, step):
            seen[fault.check(call, error, nth)] += 1
    assert {path.name for path in folder.iterdir()} - {".pytest_cache"} == {"test_it.py"}
    assert traces.left(fault.token) == []
    print(call, number, "calls:", seen)


@pytest.mark.parametrize("call", CALLS)
def test_a_single_command(project, call, traces):
    faults(single, project, call, 1, traces)


@pytest.mark.parametrize("call", CALLS)
def test_a_suite(project, call, traces):
    faults(suite, project, call, 12, traces)


# on a worker's way from the interpreter into its cell
@pytest.mark.parametrize("call", ["clone3", "setns", "setsid", "prctl", "capset", "seccomp", "prlimit64", "sendmsg"])
def test_a_worker(project, call, traces):
    faults(suite, project, call, 6, traces, comm="python")
