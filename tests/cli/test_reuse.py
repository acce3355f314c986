"""A cell is used again only if nothing of a test is left in it: each kind of dirt is left by one test and looked for
by those that come after it."""

import json
import os
import subprocess
import textwrap

import pytest
from running import NOBODY, TACH, TACH_RUN, environment, skip_without_user_namespaces

CENSUS = '''
import ctypes, os, pathlib

def tree(top):
    """Every path below TOP with what can be told of it, except times."""
    found = []
    device = os.lstat(top).st_dev
    for path in [top, *sorted(pathlib.Path(top).rglob("*"))]:
        st = os.lstat(path)
        if st.st_dev != device:  # mounted there for every test
            continue
        text = pathlib.Path(path).read_text() if os.path.isfile(path) and not os.path.islink(path) else ""
        found.append((str(path), oct(st.st_mode), st.st_uid, text, os.listxattr(path, follow_symlinks=False)))
    return found

def rows(name):
    return pathlib.Path(name).read_text().splitlines()[1:]

def census():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mq_open(b"/left", os.O_RDONLY)
    return {
        "folders": [tree(top) for top in ("/tmp", "/var/tmp", "/dev/shm", "/run") if os.access(top, os.X_OK)],
        "project": tree(os.getcwd()),
        "sysv": [rows("/proc/sysvipc/" + kind) for kind in ("shm", "sem", "msg")],
        "queue": os.strerror(ctypes.get_errno()),
        "loopback": [line.split()[1:] for line in rows("/proc/net/dev") if "lo:" in line],
        "sockets": [rows("/proc/net/" + kind) for kind in ("unix", "tcp", "udp", "tcp6", "udp6")],
        "flow labels": rows("/proc/net/ip6_flowlabel"),
        "in use": pathlib.Path("/proc/net/sockstat").read_text().splitlines()[0],
        "processes": [p for p in sorted(os.listdir("/proc")) if p.isdigit() and int(p) not in (1, os.getpid())],
        "names": os.uname()[1],
        "pts": oct(os.stat("/dev/pts").st_mode),
    }
'''

SUITE = """
import json, os, pathlib, socket, subprocess, sys, ctypes, time
from census import census
import pytest

@pytest.mark.parametrize("n", range(3))
def test_before(n, record_property):
    record_property("census", json.dumps(census()))

def test_leave():
{leave}

@pytest.mark.parametrize("n", range(4))
def test_after(n, record_property):
    record_property("census", json.dumps(census()))
"""

# name -> (what the test does, what the cell is thrown away for; None: it is cleaned and used again)
KINDS = {
    "nothing": ("pass", None),
    "a child": ("subprocess.Popen(['sleep', '100'])", "process"),
    "a daemon": ("os.fork() or (os.setsid(), os.fork() and os._exit(0), time.sleep(100))", "process"),
    "a stopped process": ("os.kill(subprocess.Popen(['sleep', '100']).pid, 19)", "process"),
    "an ignored SIGTERM": ("subprocess.Popen(['sh', '-c', \"trap '' TERM INT HUP; sleep 100\"])", "process"),
    "a file in the project": ("open('left', 'w').write('x')", "project"),
    "a file made and removed": ("open('left', 'w').close(); os.unlink('left')", "project"),
    "a changed file": ("open('data', 'a').write('x')", "project"),
    "a removed file": ("os.unlink('data')", "project"),
    "a file deep in the project": ("open('folder/deep/left', 'w').write('x')", "project"),
    "the project's mode": ("os.chmod('.', 0o700)", "project"),
    "the project's time": ("os.utime('.', (1, 1))", "project"),
    "a file in /tmp": ("open('/tmp/left', 'w').write('x')", None),
    "folders in /tmp": ("os.makedirs('/tmp/left/a/b/c'); os.symlink('/etc', '/tmp/left/a/link')", None),
    "an unreadable folder": ("os.makedirs('/tmp/left/a'); os.chmod('/tmp/left', 0)", None),
    "a fifo and a socket": ("os.mkfifo('/tmp/left'); socket.socket(socket.AF_UNIX).bind('/tmp/socket')", None),
    "a file in /var/tmp": ("open('/var/tmp/left', 'w').write('x')", None),
    "shared memory": ("open('/dev/shm/left', 'w').write('x')", None),
    "many files": ("[open(f'/tmp/{i}', 'w').close() for i in range(600)]", "files"),
    "a deep folder": ("os.makedirs('/tmp/' + 'a/' * 100)", "files"),
    "the mode of /tmp": ("os.chmod('/tmp', 0o755)", "files"),
    "an attribute of /tmp": ("os.setxattr('/tmp', 'user.left', b'x')", "files"),
    "a flag of /tmp": (
        "import array, fcntl; fd = os.open('/tmp', 0); fcntl.ioctl(fd, 0x40086602, array.array('l', [0x40]))",
        "files",
    ),
    "System V shared memory": ("assert ctypes.CDLL(None).shmget(4711, 4096, 0o1600) >= 0", "ipc"),
    "System V semaphores": ("assert ctypes.CDLL(None).semget(4711, 1, 0o1600) >= 0", "ipc"),
    "a System V queue": ("assert ctypes.CDLL(None).msgget(4711, 0o1600) >= 0", "ipc"),
    "a POSIX queue": ("assert ctypes.CDLL(None).mq_open(b'/left', os.O_CREAT | os.O_RDWR, 0o600, None) >= 0", "ipc"),
    "a TCP connection": (
        "server = socket.create_server(('127.0.0.1', 0)); socket.create_connection(server.getsockname())",
        "network",
    ),
    "a datagram": ("socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))", "network"),
    "an IPv6 datagram": ("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).sendto(b'x', ('::1', 9))", "network"),
    "an IPv6 flow label": (
        "import struct; req = struct.pack('16s4sBBHHHI', socket.inet_pton(socket.AF_INET6, '::1'), b'\\0\\1\\2\\3', 0, 255, 1, 60, 60, 0)\n"
        "socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).setsockopt(41, 32, req)",  # IPV6_FLOWLABEL_MGR
        "network",
    ),
    "the mode of /dev/pts": ("os.chmod('/dev/pts', 0o700)", "device"),
}


#: tmpfs has user attributes since Linux 6.6; devpts's folder belongs to nobody in an ordinary user's older kernel
NOT_HERE = ("[Errno 95]", "[Errno 75]")


def run(suite, leave, *args, user=None):
    suite.write("census.py", CENSUS)
    suite.write("data", "original")
    suite.write("folder/deep/data", "original")
    suite.write("test_it.py", SUITE.format(leave=textwrap.indent(leave, "    ")))
    if user is not None:
        for path in [*suite.path.rglob("*"), suite.path]:
            os.chown(path, user, user)
        for path in (suite.path.parent, *suite.path.parents):
            if str(path).startswith("/tmp/"):
                path.chmod(path.stat().st_mode | 0o055)
    return suite.json("-n", "1", "--reuse=cell", "-p", "no:cacheprovider", *args, user=user)


def seen(tests):
    """What each test but the one that leaves something saw of its cell."""
    found = {}
    for nodeid, event in tests.items():
        if "test_leave" not in nodeid:
            ((_, text),) = event["user_properties"]
            found[nodeid] = json.loads(text)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_no_later_test_sees_it(suite, kind):
    leave, why = KINDS[kind]
    done = run(suite, leave)
    tests = done.tests()
    left = tests["test_it.py::test_leave"]
    for error in NOT_HERE:
        if left["outcome"] == "failed" and error in left["crash"]["message"]:
            pytest.skip(f"it cannot be left here: {left['crash']['message']}")
    assert {event["outcome"] for event in tests.values()} == {"passed"}, done.out[-3000:]
    fresh = tests["test_it.py::test_before[0]"]
    assert fresh["cell"] == "fresh"
    some = seen(tests)
    assert all(one == some["test_it.py::test_before[0]"] for one in some.values())
    cells = done.event("finish")["cells"]
    assert cells["thrown_away"] == ({} if why is None else {why: 1})
    assert cells["reused"] >= 3


@pytest.mark.parametrize("kind", ["nothing", "a child", "a file in /tmp", "a changed file", "a datagram"])
def test_as_an_ordinary_user(suite, kind):
    skip_without_user_namespaces()
    leave, why = KINDS[kind]
    done = run(suite, leave, user=NOBODY if os.geteuid() == 0 else None)
    some = seen(done.tests())
    assert len(some) == 7 and all(one == some["test_it.py::test_before[0]"] for one in some.values()), done.err
    assert done.event("finish")["cells"]["thrown_away"] == ({} if why is None else {why: 1})


def test_a_socket_that_nobody_holds(suite):
    """An abstract socket sent over itself outlives its process until the kernel's garbage collector comes."""
    leave = """\
a, b = socket.socketpair(socket.AF_UNIX)
c = socket.socket(socket.AF_UNIX)
c.bind("\\0left")
for end, other in ((a, b), (b, a)):
    socket.send_fds(end, [b"x"], [a.fileno(), b.fileno(), c.fileno()])"""
    tests = run(suite, leave).tests()
    some = seen(tests)
    assert all(one == some["test_it.py::test_before[0]"] for one in some.values())


def test_a_crash_throws_the_cell_away(suite):
    done = run(suite, "os.abort()")
    assert done.tests()["test_it.py::test_leave"]["outcome"] == "crashed"
    assert done.event("finish")["cells"]["reused"] >= 3


def test_never(suite):
    done = run(suite, "pass", "--reuse", "never")
    assert {event["cell"] for event in done.tests().values()} == {"fresh"}
    assert done.event("finish")["cells"]["reused"] == 0


def test_files_in_tmp_from_the_start(suite):
    """What the suite wrote to /tmp while it was imported could be changed without a trace (mmap): fresh cells."""
    suite.write("conftest.py", "open('/tmp/ready-made', 'w').write('x')")
    done = run(suite, "open('/tmp/ready-made', 'w').write('y')")
    some = seen(done.tests())
    assert all(one == some["test_it.py::test_before[0]"] for one in some.values())
    assert done.event("finish")["cells"]["reused"] == 0


def test_a_filter_of_its_own_gets_fresh_cells(suite):
    """The proof counts on what the built-in filter refuses."""
    run(suite, "pass")
    spec = json.loads(subprocess.check_output([TACH, "spec", "-n", "1", "--reuse=cell"], cwd=suite.path, env=environment()))
    spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
    done = subprocess.run([TACH_RUN, "--spec", "-"], input=json.dumps(spec), text=True, capture_output=True, check=False)
    assert json.loads(done.stdout.splitlines()[-1])["cells"]["reused"] == 0


def test_the_summary_counts_cells(suite):
    run(suite, KINDS["a child"][0])
    done = suite.tach("-v", "-n", "1", "--reuse=cell")
    assert "cells: " in done.out and "thrown away after a test: 1 (process)" in done.out


GROUPS = """
import pathlib, pytest

def groups():
    return [line.split(":", 2)[2] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines()]

@pytest.fixture(scope="module")
def wide():
    return groups()

def test_one(): assert set(groups()) == {"/"}
def test_two(): assert set(groups()) == {"/"}
def test_below(wide): assert set(groups()) == {"/"}
def test_below_too(wide): assert set(groups()) == {"/"}
"""


@pytest.mark.parametrize("reuse", ["rollback", "cell", "never"])
@pytest.mark.parametrize("user", [None, NOBODY])
def test_a_test_sees_no_group_but_its_own(suite, reuse, user):
    """Each has a cgroup namespace whose root is the leaf that it was born into."""
    if user is not None:
        if os.geteuid() != 0:
            pytest.skip("this run is not root's")
        skip_without_user_namespaces()
    suite.write(text=GROUPS)
    for folder in suite.path.parents[:3]:
        if user is not None and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    result = suite.json(f"--reuse={reuse}", "--workers=1", user=user)
    assert result.code == 0, result.out + result.err
    assert result.event("finish")["counts"]["passed"] == 4
