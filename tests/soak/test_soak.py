"""Many tests, many cells at a time, and death at any moment: nothing may be left, nothing may grow.

SOAK=1 is the short form of make check; make soak takes 20 times as much: 10,000 tests, 200 cells, 100 deaths.
"""

import json
import os
import pathlib
import random
import signal
import subprocess
import time
import uuid

import pytest
from running import TACH, environment, processes

SCALE = int(os.environ.get("SOAK", "1"))
SLABS = ("nsproxy", "net_namespace", "pid_namespace", "user_namespace", "mnt_cache", "pidfs", "task_struct",
         "ovl_inode", "shmem_inode_cache", "sock_inode_cache", "proc_inode_cache", "mqueue_inode_cache")  # fmt: skip

EMPTY = "import pytest\n@pytest.mark.parametrize('n', range({n}))\ndef test_empty(n): {body}\n"
BODIES = {
    "empty": "pass",
    "dirty": "import os, socket; os.fork() or os.execlp('sleep', 'sleep', '1000'); "
    "open('left', 'w').write('x'); open('/tmp/left', 'w').write('x'); "
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
}


def slabs():
    """Objects in use of the kernel's caches that namespaces and mounts live in."""
    try:
        lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()
    except PermissionError:
        return {}
    return {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith(SLABS)}


def grown(before, most):
    """The caches that hold MOST objects more than BEFORE, after the kernel had time to clean up."""
    deadline = time.monotonic() + 30
    while True:
        now = slabs()
        more = {name: now[name] - n for name, n in before.items() if now.get(name, 0) - n > most}
        if not more or time.monotonic() > deadline:
            return more
        time.sleep(0.5)


@pytest.mark.parametrize("kind", BODIES)
def test_many_tests(suite, traces, kind):
    """Mounts, cgroups, processes, files and the kernel's own objects are as many as before."""
    number = 500 * SCALE
    suite.write(text=EMPTY.format(n=number, body=BODIES[kind]))
    token = f"soak-{uuid.uuid4()}"
    suite.json("-n", "2", "-k", "empty and 1", env={"TOKEN": token}, timeout=600)  # what is made once
    before = slabs()
    done = suite.json("-n", "2", env={"TOKEN": token}, timeout=1800)
    finish = done.event("finish")
    assert finish["counts"] == {"passed": number} and done.code == 0, done.err
    assert traces.left(token, within=30) == []
    assert grown(before, number // 4 + 500) == {}
    print(finish["wall"], finish["cells"])


def test_the_engine_does_not_grow(suite):
    """Its descriptors and its memory, and those of keeper and warden, halfway and at the end."""
    number = 500 * SCALE
    suite.write(text=EMPTY.format(n=number, body=BODIES["empty"]))
    process = subprocess.Popen([TACH, "-n", "2", "--format=json"], cwd=suite.path, env=environment(), stdout=subprocess.PIPE, text=True)
    seen = []
    for count, line in enumerate(process.stdout):
        if json.loads(line)["event"] == "test" and count % (number // 5) == number // 10:
            seen.append({p.name: p.size() for p in family(process.pid) if p.name.startswith("tach")})
    assert process.wait() == 0 and len(seen) >= 4
    for name in ("tach-run", "tach-keeper", "tach-warden"):
        descriptors = [one[name][0] for one in seen]
        memory = [one[name][1] for one in seen]
        assert max(descriptors) <= min(descriptors) + 24, (name, descriptors)  # those of workers that are leaving
        assert max(memory) <= min(memory) + 4096 + number // 2, (name, memory)  # KiB; the suite itself is in it


def test_many_cells_at_a_time(suite, traces):
    workers = min(200, max(20, 10 * SCALE))
    suite.write(text=EMPTY.format(n=workers, body="import time; time.sleep(2)"))
    token = f"soak-{uuid.uuid4()}"
    done = suite.json("-n", str(workers), env={"TOKEN": token}, timeout=600)
    assert done.event("finish")["counts"] == {"passed": workers}, done.err
    assert traces.left(token, within=30) == []


class Process:
    def __init__(self, pid):
        self.pid = pid
        self.name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()

    def size(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        rss = int(status.partition("VmRSS:")[2].split()[0]) if "VmRSS" in status else 0
        return len(os.listdir(f"/proc/{self.pid}/fd")), rss


def family(pid):
    """PID and its descendants, parents first; those that are just ending are left out."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop(0)
        try:
            found.append(Process(one))
            todo += map(int, pathlib.Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue
    return found


# which process is killed -> the exit codes of tach, and what it says
DEATHS = {
    "tach-run": ((3,), "tach-run was ended by SIGKILL"),
    "tach-keeper": ((3,), "the keeper of the sandbox was killed"),
    "tach-warden": ((3,), "the keeper of the sandbox was killed"),
    "python3": ((3,), "was killed by SIGKILL"),
}


@pytest.mark.parametrize("victim", DEATHS)
def test_death_at_any_moment(suite, traces, victim):
    """kill -9 of the engine, the keeper, the warden or the interpreter: one error, the exit code, nothing left."""
    codes, text = DEATHS[victim]
    suite.write(text=EMPTY.format(n=400, body=BODIES["dirty"]))
    dice = random.Random(f"{victim} {SCALE}")
    for _ in range(max(2, 5 * SCALE // 4)):
        token = f"soak-{uuid.uuid4()}"
        process = subprocess.Popen(
            [TACH, "-n", "2", "-q"], cwd=suite.path, env=environment(TOKEN=token), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(dice.uniform(0.02, 1.5))
        deadline = time.monotonic() + 5
        target = None
        while target is None and time.monotonic() < deadline and process.poll() is None:
            named = [one for one in family(process.pid) if one.name == victim]
            target = named[0] if named else None  # the interpreter comes before its workers
        if target is not None:
            os.kill(target.pid, signal.SIGKILL)
        out, err = process.communicate(timeout=60)
        assert target is not None, out + err
        assert process.returncode in codes, (process.returncode, out[-1000:], err)
        assert text in out + err, out[-1000:] + err
        assert sorted(path.name for path in suite.path.iterdir()) == ["test_it.py"]
        assert traces.left(token, within=10) == []
    assert not processes("sleep\x001000\x00")
