"""Code that runs while the suite is imported: it has the zygote's own capabilities, and no way out of the sandbox.

Each attack runs in a conftest; what it found out is what the one test prints.
"""

import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from running import TACH_RUN, Result, Suite, as_user  # noqa: E402

PRELUDE = """\
import ctypes, json, os, pytest
libc = ctypes.CDLL(None, use_errno=True)
found = {}
def call(name, *args):
    r = getattr(libc, name)(*args)
    return 0 if r >= 0 else ctypes.get_errno()
def attempt(function):
    try:
        return function() or "done"
    except OSError as e:
        return e.errno
@pytest.fixture
def told():
    print("FOUND" + json.dumps(found))
"""


@pytest.fixture
def imported(suite_and_user):
    """Runs the attack TEXT as conftest and returns what it put into ``found``."""
    suite, user = suite_and_user

    def run(text, filtered=True):
        """FILTERED False: with a spec whose own filter allows every call; the zygote's still applies."""
        suite.write("conftest.py", PRELUDE + text)
        suite.write(text="def test_it(told): pass\n")
        for parent in (suite.path, *suite.path.parents):
            if str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
        if filtered:
            result = suite.json(user=user)
        else:
            spec = json.loads(suite.tach("spec", "-p", "no:cacheprovider", user=user).out)
            spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
            argv = [*as_user(user), TACH_RUN, "--spec", "-"]
            result = Result(subprocess.run(argv, input=json.dumps(spec), capture_output=True, text=True, check=False))
        (test,) = result.tests().values()
        (line,) = [line for _, text in test["sections"] for line in text.splitlines() if line.startswith("FOUND")]
        return json.loads(line[len("FOUND") :])

    run.path = suite.path
    return run


def test_root_cannot_be_made_writable(imported):
    """MS_REMOUNT of the read-only root: locked for the zygote's user namespace."""
    found = imported(
        "found['remount'] = call('mount', None, b'/', None, 0x20 | 0x1000, None)\n"
        "found['write'] = attempt(lambda: open('/etc/tach-escape', 'w'))\n"
        "found['attr'] = call('syscall', 442, -100, b'/', 0, (ctypes.c_uint64 * 4)(0, 1, 0, 0), 32)\n"
        "found['again'] = attempt(lambda: open('/etc/tach-escape', 'w'))\n",
        filtered=False,
    )
    assert found["remount"] == 1 and found["attr"] == 1
    assert found["write"] in (13, 30) and found["again"] in (13, 30)
    assert not os.path.exists("/etc/tach-escape")


def test_lower_project_cannot_be_written(imported):
    """The project as it is lies below the overlay, read-only and locked."""
    found = imported(
        "found['remount'] = call('mount', None, b'/dev/.tach/project', None, 0x20 | 0x1000, None)\n"
        "found['write'] = attempt(lambda: open('/dev/.tach/project/made', 'w'))\n"
        "found['umount'] = call('umount2', b'/dev/.tach/project', 2)\n",
        filtered=False,
    )
    assert found["remount"] == 1 and found["umount"] != 0 and found["write"] in (13, 30)
    assert sorted(os.listdir(imported.path)) == ["conftest.py", "test_it.py"]


def test_covers_cannot_be_lifted(imported):
    """/proc, /tmp, /sys/fs/cgroup and the hidden procfs stay covered."""
    paths = ["/proc/sys", "/tmp", "/sys/fs/cgroup", "/dev/.tach/hidden", "/dev", "/"]
    found = imported(f"for p in {paths!r}: found[p] = call('umount2', p.encode(), 2)\n", filtered=False)
    locked = {path: errno for path, errno in found.items() if path != "/proc/sys"}
    assert all(locked.values()), found


@pytest.mark.parametrize(
    "call",
    [
        "('ptrace', 16, 1, None, None)",
        "('mount', b'none', b'/mnt', b'tmpfs', 0, None)",
        "('unshare', 0x10000000)",
        "('syscall', 321, 0, None, 0)",  # bpf
        "('syscall', 323, 0)",  # userfaultfd
        "('syscall', 425, 1, None)",  # io_uring_setup
        "('syscall', 250, 0, 0, 0, 0, 0)",  # keyctl
        "('syscall', 310, 1, None, 0, None, 0, 0)",  # process_vm_readv
        "('syscall', 428, -100, b'/', 1)",  # open_tree
        "('syscall', 304, 0, None, 0)",  # open_by_handle_at
    ],
)
def test_zygotes_filter(imported, call):
    assert imported(f"found['errno'] = call(*{call})\n")["errno"] in (1, 38)


def test_kernel_settings_cannot_be_written(imported):
    found = imported(
        "for p in ('/proc/sys/kernel/core_pattern', '/proc/sysrq-trigger', '/sys/kernel/uevent_helper'):\n"
        "    found[p] = attempt(lambda: open(p, 'r+').close())\n"
    )
    assert set(found.values()) <= {2, 13, 30}, found


def test_keeper_cannot_be_traced(imported):
    """Process 1 there is the warden, in the zygote's own user namespace; the keeper is out of reach."""
    found = imported(
        "found['parent'] = os.getppid()\n"
        "found['attach'] = [call('ptrace', 16, pid, None, None) for pid in (2**22 - 1, 0)]\n"
        "found['userns'] = attempt(lambda: os.listdir('/proc/1/root/') and None)\n",
        filtered=False,
    )
    assert found["parent"] == 1 and all(found["attach"])


def test_no_descriptor_of_the_engine(imported):
    """Neither the zygote nor the process that it may trace holds the event stream or a host folder."""
    found = imported(
        "import stat\n"
        "for pid in ('self', '1'):\n"
        "    for fd in os.listdir(f'/proc/{pid}/fd'):\n"
        "        try: found[pid + ':' + fd] = os.readlink(f'/proc/{pid}/fd/{fd}')\n"
        "        except OSError: pass\n"
    )
    for where, target in found.items():
        assert target.startswith(("/memfd:", "socket:", "anon_inode:", "/null", "/dev/null", "/proc/", "/tmp/", "pipe:")), (where, target)
        assert "cgroup" not in target and "run.json" not in target


def test_control_groups_are_not_seen(imported):
    found = imported("found['writable'] = [p for p in ('/sys/fs/cgroup', '/sys/fs/cgroup/unified') if os.access(p, os.W_OK)]\n")
    assert found["writable"] == []


def test_other_processes_are_not_seen(imported):
    found = imported("found['pids'] = [int(n) for n in os.listdir('/proc') if n.isdigit()]; found['me'] = os.getpid()\n")
    assert found["pids"] == [1, found["me"]]


def test_few_capabilities(imported):
    found = imported("found['s'] = dict(l.split(':', 1) for l in open('/proc/self/status') if l.startswith(('Cap', 'NoNew')))\n")
    allowed = 1 << 21  # CAP_SYS_ADMIN: what joining the cells needs
    for name in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb"):
        assert int(found["s"][name], 16) == allowed
    assert found["s"]["NoNewPrivs"].strip() == "1"


def test_host_is_unchanged_and_no_listening_socket_is_shared(imported):
    """Abstract sockets and the network are the sandbox's own."""
    listener = subprocess.Popen(
        [sys.executable, "-c", "import socket,sys;s=socket.socket(socket.AF_UNIX);s.bind('\\0tach-test');s.listen();print(1,flush=True);sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    listener.stdout.readline()
    found = imported(
        "import socket\n"
        "found['abstract'] = attempt(lambda: socket.socket(socket.AF_UNIX).connect('\\0tach-test'))\n"
        "found['interfaces'] = [n for _, n in socket.if_nameindex()]\n"
    )
    listener.communicate()
    assert found == {"abstract": 111, "interfaces": ["lo"]}


HOARDER = """\
import os
CONTROL = None
for n in os.listdir('/proc/self/fd'):
    try:
        if os.readlink('/proc/self/fd/' + n).startswith('socket:'):
            CONTROL = os.dup(int(n))
            break
    except OSError:
        pass
"""


def test_hoarded_control_socket_is_closed_in_workers(tmp_path):
    """Import-time code duplicates the socket to the engine: no test finds it."""
    suite = Suite(tmp_path / "suite")
    suite.write("conftest.py", HOARDER)
    suite.write(
        text="import os\nfrom conftest import CONTROL\n"
        "def test_closed():\n    assert CONTROL is not None\n"
        "    links = [f'/proc/self/fd/{n}' for n in os.listdir('/proc/self/fd')]\n"
        "    assert not any(os.readlink(l).startswith('socket:') for l in links if os.path.lexists(l))\n"
    )
    assert suite.json().event("finish")["counts"] == {"passed": 1}


@pytest.mark.parametrize("timeout", ["0", "60"])
def test_zygote_that_starts_no_worker_ends_the_run(tmp_path, timeout):
    """A thread of the suite's steals the engine's requests: one error, no hang, nothing left."""
    suite = Suite(tmp_path / "suite")
    suite.write(
        "conftest.py",
        HOARDER + "import socket, threading\n"
        "def steal():\n"
        "    s = socket.socket(fileno=CONTROL)\n"
        "    while True: s.recvmsg(4096, 4096)\n"
        "threading.Thread(target=steal, daemon=True).start()\n",
    )
    suite.write(text="".join(f"def test_{i}(): pass\n" for i in range(20)))
    result = suite.json(f"--timeout={timeout}", timeout=45)
    assert result.code in (0, 3)
    if result.code == 3:
        assert "did not start a worker" in result.err


def test_forged_end_of_a_worker_harms_only_its_test(tmp_path):
    suite = Suite(tmp_path / "suite")
    suite.write(
        "conftest.py",
        HOARDER + "import threading, time\n"
        "def forge():\n"
        "    for _ in range(50):\n"
        "        time.sleep(0.05)\n"
        "        for slot in range(4): os.write(CONTROL, b'{\"t\":\"exited\",\"slot\":%d,\"status\":0}' % slot)\n"
        "threading.Thread(target=forge, daemon=True).start()\n",
    )
    suite.write(text="import time\n" + "".join(f"def test_{i}(): time.sleep(0.2)\n" for i in range(6)) + "def test_fail(): assert 0\n")
    result = suite.json(timeout=60)
    assert result.code in (1, 3)
    assert all(test["outcome"] in ("passed", "crashed", "failed") for test in result.tests().values())
    if "test_it.py::test_fail" in result.tests():
        assert result.tests()["test_it.py::test_fail"]["outcome"] in ("failed", "crashed")


@pytest.mark.parametrize(
    "packets, message",
    [
        ("os.write(CONTROL, b'{\"t\":\"unit\",\"u\":0,\"isolation\":\"module\",\"parent\":7}')", "broke the protocol"),
        (
            "for u in range(1000): os.write(CONTROL, b'{\"t\":\"unit\",\"u\":%d,\"isolation\":\"module\",\"parent\":%d}' % (u, u - 1))",
            "broke the protocol",
        ),
        (
            "while True: os.write(CONTROL, b'{\"t\":\"header\",\"pytest\":\"%s\"}' % (b'x' * 200000))",
            "told of more than a GiB of tests",
        ),
    ],
    ids=["no such unit", "units in units", "without end"],
)
def test_forged_collection_ends_the_run(tmp_path, packets, message):
    """What the engine keeps of a suite, and how long it takes for it, has limits."""
    suite = Suite(tmp_path / "suite")
    suite.write("conftest.py", HOARDER + packets + "\n")
    suite.write(text="def test_a(): pass\n")
    result = suite.json(timeout=60)
    assert result.code == 3 and f"the interpreter {message} while it collected the tests" in result.err, result.err


def test_durations_that_are_none(tmp_path):
    """A test writes 1e300 and 1e308 as durations: the stream stays valid and holds nothing of the engine's memory."""
    suite = Suite(tmp_path / "suite")
    suite.write(
        text="import fcntl, os\n"
        "def test_a():\n"
        "    for n in os.listdir('/proc/self/fd'):\n"
        "        try: l = os.readlink('/proc/self/fd/' + n)\n"
        "        except OSError: continue\n"
        "        if l.startswith('pipe:') and fcntl.fcntl(int(n), fcntl.F_GETFL) & os.O_WRONLY:\n"
        "            for d in (b'1e300', b'1e308', b'1e308', b'-5'):\n"
        "                os.write(int(n), b'{\"t\":\"report\",\"i\":0,\"when\":\"call\",\"outcome\":\"passed\",\"category\":\"passed\",\"duration\":%s}\\n' % d)\n"
        "def test_b(): pass\n"
    )
    result = suite.json("-n", "1")
    assert result.code == 0 and len(result.tests()) == 2


def test_outcome_names_of_a_plugin(tmp_path):
    suite = Suite(tmp_path / "suite")
    suite.write("conftest.py", "def pytest_report_teststatus(report):\n    if report.when == 'call': return 'é' + '日' * 30 + '\\x1b[31m', 'w', 'WEIRD'\n")
    suite.write(text="def test_weird(): pass\n")
    result = suite.json()
    assert result.code == 0 and result.event("finish")["counts"]


def test_sockets_beside_the_network_namespace(tmp_path):
    suite = Suite(tmp_path / "suite")
    suite.write(
        text="import pytest, socket\n"
        "@pytest.mark.parametrize('family', [40, 38, 31, 21, 30, 44])\n"
        "def test_it(family):\n"
        "    with pytest.raises(OSError): socket.socket(family, socket.SOCK_STREAM)\n"
    )
    assert suite.json().event("finish")["counts"] == {"passed": 6}


def test_keeper_messages_are_not_forged(tmp_path):
    """pidfd_getfd of the warden's socket, then messages that nobody asked for."""
    suite = Suite(tmp_path / "suite")
    suite.write(
        "conftest.py",
        "import array, ctypes, os, socket\n"
        "libc = ctypes.CDLL(None)\n"
        "p = os.pidfd_open(1)\n"
        "for n in range(3, 40):\n"
        "    fd = libc.syscall(438, p, n, 0)\n"
        "    if fd < 0: continue\n"
        "    try: s = socket.socket(fileno=fd)\n"
        "    except OSError: continue\n"
        "    for i in range(3000): s.sendmsg([b'\\2\\0\\0\\0' + b'\\0' * 1184], [(1, 1, array.array('i', [0]))])\n",
    )
    suite.write(text="def test_it(): pass\n")
    assert suite.json().event("finish")["counts"] == {"passed": 1}
