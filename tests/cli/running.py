"""Helpers to run the built programs on small suites, and to look for what they leave behind."""

import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))
TACH_RUN = os.environ.get("TACH_RUN", str(ROOT / "build" / "tach-run"))
DENY = os.environ.get("DENY", str(ROOT / "build" / "deny"))
NOBODY = 65534
#: how much longer everything may take than on a machine of today: scripts/vm emulates one
SLOW = int(os.environ.get("TACH_SLOW", "1"))

# a shell that starts a job in the background has it ignore these; what tests start is to end by them
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)


def environment(**more):
    """The caller's, without what would change how tach behaves."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "VIRTUAL_ENV", "COLUMNS"))}
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", **more}


def as_user(user):
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user is not None else []


def skip_without_user_namespaces():
    if int(pathlib.Path("/proc/sys/user/max_user_namespaces").read_text()) == 0:
        pytest.skip("user.max_user_namespaces is 0")
    switch = pathlib.Path("/proc/sys/kernel/unprivileged_userns_clone")
    if switch.exists() and switch.read_text().strip() == "0":
        pytest.skip("kernel.unprivileged_userns_clone is 0")


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def events(self):
        return [json.loads(line) for line in self.out.split("\n") if line]

    def tests(self):
        """node id -> test event; each test is reported once."""
        found = {}
        for event in self.events:
            if event["event"] == "test":
                assert event["nodeid"] not in found
                found[event["nodeid"]] = event
        return found

    def event(self, name):
        (one,) = [event for event in self.events if event["event"] == name]
        return one


class Suite:
    """A folder with test files, run by tach."""

    def __init__(self, path):
        self.path = path

    def write(self, name="test_it.py", text=""):
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def tach(self, *args, user=None, env=None, timeout=60):
        more = dict(env or {})
        if user is not None and self.path.stat().st_uid != user:  # pytest warns of a cache that it cannot write
            more.setdefault("PYTEST_ADDOPTS", "-p no:cacheprovider")
        done = subprocess.run(
            [*as_user(user), TACH, *args], cwd=self.path, env=environment(**more), capture_output=True,
            encoding="utf-8", timeout=timeout * SLOW, check=False,
        )  # fmt: skip
        return Result(done)

    def json(self, *args, **more):
        return self.tach("--format=json", *args, **more)

    def start(self, *args):
        return subprocess.Popen(
            [TACH, "--format=json", *args], cwd=self.path, env=environment(), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "suite"
    path.mkdir()
    return Suite(path)


def processes(token):
    """The pids whose command line or environment holds TOKEN, zombies not counted."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() + pathlib.Path(f"/proc/{pid}/environ").read_bytes()
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        if token.encode() in text and state != "Z" and int(pid) != os.getpid():
            found.append(int(pid))
    return found


def _has_engine(group):
    """Whether the run that made GROUP (.../tach-PID/...) still goes on: somebody else's."""
    pid = group.partition("/tach-")[2].split("/")[0]
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text() == "tach-run\n"
    except OSError:
        return False


class Traces:
    """What a run could leave behind, taken before it; ``left()`` says what is new."""

    def __init__(self):
        self.before = self._now()

    @staticmethod
    def _now():
        mounts = set(pathlib.Path("/proc/self/mountinfo").read_text().splitlines())
        groups = {path for path, _, _ in os.walk("/sys/fs/cgroup") if "/tach-" in path and not _has_engine(path)}
        # others use these folders too: only what tach or the suites here would make
        names = ("tach", "cache.db", "example", "run.json", "psm_")
        files = {
            f"{folder}/{name}" for folder in ("/tmp", "/dev/shm", "/var/tmp", "/run")
            for name in os.listdir(folder) if name.startswith(names) and not name.startswith("tach-check.")
        }  # fmt: skip
        return {"mount": mounts, "cgroup": groups, "file": files}

    def left(self, token=None, within=5.0):
        deadline = time.monotonic() + within
        while True:
            now = self._now()
            new = [f"{kind} {one}" for kind, some in now.items() for one in sorted(some - self.before[kind])]
            new += [f"process {pid}" for pid in (processes(token) if token else [])]
            if not new or time.monotonic() > deadline:
                return new
            time.sleep(0.05)


@pytest.fixture
def traces():
    return Traces()


def end(process, number=signal.SIGINT):
    """Sends NUMBER and waits; (exit code, output)."""
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err
