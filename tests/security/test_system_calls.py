"""The system call filter: what it refuses in a test, that the report names it, and that ordinary programs run under it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from running import DENY, SLOW, TACH, TACH_RUN, Suite, environment  # noqa: E402

pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86-64")

CALL = """\
import ctypes, errno, os, pytest
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *args):
    ctypes.set_errno(0)
    r = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(a & 2**64 - 1) for a in args))
    return errno.errorcode[ctypes.get_errno()] if r < 0 else r
"""
#: name: (number, arguments, what it gets)
REFUSED = {
    "ptrace": (101, (0, 0, 0, 0), "EPERM"),
    "process_vm_readv": (310, (1, 0, 0, 0, 0, 0), "EPERM"),
    "process_vm_writev": (311, (1, 0, 0, 0, 0, 0), "EPERM"),
    "kcmp": (312, (1, 1, 0, 0, 0), "EPERM"),
    "pidfd_getfd": (438, (0, 0, 0), "EPERM"),
    "process_madvise": (440, (0, 0, 0, 0, 0), "EPERM"),
    "mount": (165, (0, 0, 0, 0, 0), "EPERM"),
    "umount2": (166, (0, 0), "EPERM"),
    "pivot_root": (155, (0, 0), "EPERM"),
    "chroot": (161, (0,), "EPERM"),
    "open_tree": (428, (0, 0, 0), "EPERM"),
    "move_mount": (429, (0, 0, 0, 0, 0), "EPERM"),
    "fsopen": (430, (0, 0), "EPERM"),
    "fsconfig": (431, (0, 0, 0, 0, 0), "EPERM"),
    "fsmount": (432, (0, 0, 0), "EPERM"),
    "fspick": (433, (0, 0, 0), "EPERM"),
    "mount_setattr": (442, (0, 0, 0, 0, 0), "EPERM"),
    "setns": (308, (0, 0), "EPERM"),
    "unshare-user": (272, (0x10000000,), "EPERM"),
    "unshare-time": (272, (0x80,), "EPERM"),
    "clone-user": (56, (0x10000000 | 17, 0, 0, 0, 0), "EPERM"),
    "clone-user-high-bits": (56, (1 << 32 | 0x10000000 | 17, 0, 0, 0, 0), "EPERM"),
    "clone3": (435, (0, 0), "ENOSYS"),
    "io_uring_setup": (425, (1, 0), "ENOSYS"),
    "io_uring_enter": (426, (0, 0, 0, 0, 0, 0), "ENOSYS"),
    "io_uring_register": (427, (0, 0, 0, 0), "ENOSYS"),
    "bpf": (321, (0, 0, 0), "EPERM"),
    "userfaultfd": (323, (0,), "EPERM"),
    "perf_event_open": (298, (0, 0, 0, 0, 0), "EPERM"),
    "add_key": (248, (0, 0, 0, 0, 0), "EPERM"),
    "request_key": (249, (0, 0, 0, 0), "EPERM"),
    "keyctl": (250, (0, 0, 0, 0, 0), "EPERM"),
    "init_module": (175, (0, 0, 0), "EPERM"),
    "finit_module": (313, (0, 0, 0), "EPERM"),
    "delete_module": (176, (0, 0), "EPERM"),
    "kexec_load": (246, (0, 0, 0, 0), "EPERM"),
    "kexec_file_load": (320, (0, 0, 0, 0, 0), "EPERM"),
    "clock_settime": (227, (0, 0), "EPERM"),
    "clock_adjtime": (305, (0, 0), "EPERM"),
    "settimeofday": (164, (0, 0), "EPERM"),
    "swapon": (167, (0, 0), "EPERM"),
    "swapoff": (168, (0,), "EPERM"),
    "quotactl": (179, (0, 0, 0, 0), "EPERM"),
    "acct": (163, (0,), "EPERM"),
    "reboot": (169, (0, 0, 0, 0), "EPERM"),
    "open_by_handle_at": (304, (0, 0, 0), "EPERM"),
    "name_to_handle_at": (303, (0, 0, 0, 0, 0), "EPERM"),
    "fanotify_init": (300, (0, 0), "EPERM"),
    "nfsservctl": (180, (0, 0, 0), "ENOSYS"),
    "sethostname": (170, (0, 0), "EPERM"),
    "syslog": (103, (3, 0, 0), "EPERM"),
    "ioctl-TIOCSTI": (16, (0, 0x5412, 0), "EPERM"),
    "ioctl-TIOCSTI-high-bits": (16, (0, 7 << 32 | 0x5412, 0), "EPERM"),
    "ioctl-TIOCLINUX": (16, (0, 0x541C, 0), "EPERM"),
    "personality-no-randomize": (135, (0x0040000,), "EPERM"),
    "socket-vsock": (41, (40, 1, 0), "EAFNOSUPPORT"),
    "socket-vsock-high-bits": (41, (1 << 32 | 40, 1, 0), "EAFNOSUPPORT"),
    "socket-alg": (41, (38, 5, 0), "EAFNOSUPPORT"),
    "newer-than-known": (900, (), "ENOSYS"),
    "negative": (-1, (), "ENOSYS"),
}


@pytest.fixture
def run(suite_and_user):
    """Runs TEXT as a test file and returns its Result."""
    suite, user = suite_and_user

    def run(text, *args, **more):
        suite.write(text=text)
        for parent in (suite.path, *suite.path.parents):
            if str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
        return suite.json(*args, user=user, **more)

    run.path, run.user = suite.path, user
    return run


def section(test):
    return dict(test["sections"]).get("System calls that the sandbox refused", "")


def test_each_refused_call(run):
    result = run(
        CALL + f"CASES = {REFUSED!r}\n"
        "@pytest.mark.parametrize('name', CASES)\n"
        "def test_it(name):\n"
        "    number, args, expected = CASES[name]\n"
        "    assert call(number, *args) == expected\n"
        "def test_fork_after(): assert os.waitpid(os.fork() or os._exit(3), 0)[1] == 3 << 8\n"
    )
    assert result.event("finish")["counts"] == {"passed": len(REFUSED) + 1}, result.out
    assert not any("refused" in test for test in result.tests().values())


def test_other_abis_kill(run):
    """int $0x80 is i386's way; bit 30 of the number is x32's."""
    result = run(
        CALL + "import mmap, subprocess, sys\n"
        "def test_x32(): call(0x40000000 + 39)\n"
        "def test_i386():\n"
        "    code = mmap.mmap(-1, 4096, prot=7)\n"
        "    code.write(bytes.fromhex('b814000000cd80c3'))  # mov $20, %eax; int $0x80; ret\n"
        "    ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()\n"
        "def test_after(): pass\n"
    )
    outcomes = {nodeid.split("::")[1]: test for nodeid, test in result.tests().items()}
    assert outcomes["test_after"]["outcome"] == "passed"
    for name in ("test_x32", "test_i386"):
        assert outcomes[name]["outcome"] == "crashed" and "SIGSYS" in outcomes[name]["reason"], outcomes[name]


def test_report_names_what_was_refused(run):
    result = run(
        CALL + "import subprocess, sys\n"
        "def test_own(): assert call(165, 1, 2, 3, 4, 5) == 0\n"
        "def test_of_a_child():\n"
        "    subprocess.run([sys.executable, '-c', 'import ctypes; exit(ctypes.CDLL(None).unshare(0x20000))'], check=True)\n"
        "def test_of_a_crash():\n    call(321, 1, 2, 3); os.abort()\n"
        "def test_many():\n    for i in range(50): call(155, i, 0)\n    assert 0\n"
        "def test_probe(): assert call(101, 0, 0, 0, 0) == 'EPERM'\n"
        "def test_nothing_refused(): assert 0\n"
        "def test_unsupported(): assert call(425, 1, 0) == 0\n"
    )
    tests = {nodeid.split("::")[1]: test for nodeid, test in result.tests().items()}
    assert tests["test_own"]["refused"] == ["mount(0x1, 0x2, 0x3, 0x4, 0x5) = EPERM"]
    assert section(tests["test_own"]) == "mount(0x1, 0x2, 0x3, 0x4, 0x5) = EPERM\n"
    assert tests["test_of_a_child"]["refused"] == ["unshare(0x20000) = EPERM"]
    assert tests["test_of_a_crash"]["outcome"] == "crashed"
    assert tests["test_of_a_crash"]["refused"] == ["bpf(0x1, 0x2, 0x3) = EPERM"]
    assert tests["test_many"]["refused"] == ["pivot_root(0x0, 0x0) = EPERM (50 times)"]
    assert tests["test_unsupported"]["refused"] == ["io_uring_setup(0x1, 0x0) = ENOSYS"]
    assert tests["test_probe"]["outcome"] == "passed" and "refused" not in tests["test_probe"]
    assert "refused" not in tests["test_nothing_refused"]
    assert section(tests["test_nothing_refused"]) == ""


def test_refusals_belong_to_their_test(run):
    """Two tests of one worker, and others beside them: each has its own."""
    result = run(
        CALL + "@pytest.fixture(scope='module')\ndef shared(): pass\n"
        "def test_first(shared): assert call(165, 1, 0, 0, 0, 0) == 0\n"
        "def test_second(shared): assert call(166, 2, 0) == 0\n"
        "def test_third(shared): assert 0\n"
        "@pytest.mark.parametrize('i', range(12))\n"
        "def test_beside(i): assert call(155, i, i) == 0\n"
    )
    tests = {nodeid.split("::")[1]: test.get("refused") for nodeid, test in result.tests().items()}
    assert tests.pop("test_first") == ["mount(0x1, 0x0, 0x0, 0x0, 0x0) = EPERM"]
    assert tests.pop("test_second") == ["umount2(0x2, 0x0) = EPERM"]
    assert tests.pop("test_third") is None
    assert tests == {f"test_beside[{i}]": [f"pivot_root({i:#x}, {i:#x}) = EPERM"] for i in range(12)}


def test_refused_while_collecting(run):
    result = run(CALL + "assert call(165, 1, 2, 3, 4, 5) == 0\n")
    (error,) = result.event("collected")["errors"]
    assert "mount(0x1, 0x2, 0x3, 0x4, 0x5) = EPERM" in error["longrepr"]


def test_flood_of_refused_calls_does_not_stop_others(run):
    """Processes that do nothing but make refused calls: their test times out, the others finish."""
    result = run(
        CALL + "import time\n"
        "def test_flood():\n"
        "    for _ in range(4): os.fork()\n"
        "    while True: call(165, 0, 0, 0, 0, 0)\n"
        "@pytest.mark.parametrize('i', range(20))\ndef test_beside(i): pass\n",
        "-n2", f"--timeout={3 * SLOW}", timeout=60,
    )  # fmt: skip
    assert result.event("finish")["counts"] == {"failed": 1, "passed": 20}
    flood = result.tests()["test_it.py::test_flood"]
    assert flood["outcome"] == "timeout" and flood["refused"][0].startswith("mount(")


def test_killed_while_it_waits_for_an_answer(run):
    """A caller that dies in the middle of a refused call harms nobody."""
    result = run(
        CALL + "import signal, threading\n"
        "def test_it():\n"
        "    for _ in range(200):\n"
        "        pid = os.fork()\n"
        "        if pid == 0:\n"
        "            while True: call(165, 0, 0, 0, 0, 0)\n"
        "        os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)\n"
        "def test_signals():\n"
        "    signal.signal(signal.SIGALRM, lambda *a: None)\n"
        "    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)\n"
        "    assert {call(165, 0, 0, 0, 0, 0) for _ in range(2000)} <= {'EPERM', 'EINTR'}\n"
    )
    assert result.event("finish")["counts"] == {"passed": 2}, result.out


def test_trapped_call_is_named_with_its_arguments(tmp_path):
    suite = Suite(tmp_path / "suite")
    suite.write(text=CALL + "def test_it(): call(83, 0x1234, 0o755)\n")
    (suite.path / "p.json").write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_TRAP"}]}))
    (test,) = suite.json("--seccomp", "p.json").tests().values()
    assert test["reason"] == "killed by SIGSYS (Bad system call): the filter blocks mkdir(0x1234, 0x1ed)"


PROGRAMS = """\
import asyncio, concurrent.futures, ctypes, multiprocessing, os, pytest, shutil, signal, socket, sqlite3, ssl, subprocess, sys, threading, time

def out(*argv, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True, **more).stdout

def need(program):
    found = shutil.which(program)
    if not found: pytest.skip(program)
    return found

def square(x): return x * x

@pytest.mark.parametrize('method', ['fork', 'spawn', 'forkserver'])
def test_multiprocessing(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        assert pool.map(square, range(4)) == [0, 1, 4, 9]
    queue, lock = context.Queue(), context.Lock()
    queue.put(1); assert queue.get(timeout=10) == 1

def test_subprocess():
    assert out('sh', '-c', 'echo a | cat') == 'a\\n'
    assert os.posix_spawn('/bin/true', ['true'], {}) > 0 and os.wait()[1] == 0

def test_threads():
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(square, range(100))) == 328350

def test_sqlite(tmp_path):
    base = sqlite3.connect(tmp_path / 'db'); base.execute('pragma journal_mode=wal')
    base.execute('create table t(x)'); base.execute('insert into t values (1)'); base.commit()
    assert base.execute('select x from t').fetchall() == [(1,)]

def test_asyncio_and_ssl(tmp_path):
    need('openssl')
    out('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'k', '-out', 'c', '-days', '1', '-subj', '/CN=localhost', cwd=tmp_path)
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=tmp_path / 'c')
    server_side.load_cert_chain(tmp_path / 'c', tmp_path / 'k')
    client_side.check_hostname = False
    async def talk():
        async def answer(reader, writer): writer.write(await reader.readline()); await writer.drain(); writer.close()
        server = await asyncio.start_server(answer, '127.0.0.1', 0, ssl=server_side)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname(), ssl=client_side)
        writer.write(b'hello\\n'); assert await reader.readline() == b'hello\\n'
        writer.close(); server.close()
        process = await asyncio.create_subprocess_exec('true'); assert await process.wait() == 0
    asyncio.run(talk())

def test_numpy():
    numpy = pytest.importorskip('numpy')
    a = numpy.arange(250000.0).reshape(500, 500); assert (a @ a).shape == (500, 500)
    assert numpy.linalg.svd(a, compute_uv=False)[0] > 0

def test_git(tmp_path):
    need('git')
    git = lambda *args: out('git', '-c', 'user.name=a', '-c', 'user.email=b', *args, cwd=tmp_path)
    git('init', '-q', '.'); (tmp_path / 'f').write_text('x'); git('add', 'f'); git('commit', '-qm', 'm'); git('gc', '-q')
    assert git('log', '--oneline').endswith(' m\\n')

def test_gcc(tmp_path):
    need('gcc')
    (tmp_path / 'a.c').write_text('#include <stdio.h>\\nint main(void) { puts("built"); }\\n')
    out('gcc', '-pipe', '-O2', 'a.c', '-o', 'a', cwd=tmp_path)
    assert out(str(tmp_path / 'a')) == 'built\\n'

def test_node():
    need('node')
    script = "const fs=require('fs').promises; const {Worker}=require('worker_threads'); fs.readFile('/etc/hostname').then(() => new Worker('process.exit(0)', {eval: true}).on('exit', () => console.log(require('child_process').execSync('echo deep').toString().trim())))"
    assert out('node', '-e', script) == 'deep\\n'

def test_redis(tmp_path):
    need('redis-server')
    server = subprocess.Popen(['redis-server', '--port', '6399', '--dir', str(tmp_path), '--save', ''], stdout=subprocess.DEVNULL)
    for _ in range(200):
        try: s = socket.create_connection(('127.0.0.1', 6399)); break
        except OSError: time.sleep(0.05)
    s.sendall(b'SET a b\\r\\nBGSAVE\\r\\nGET a\\r\\n')
    s.settimeout(10); got = b''
    while b'$1\\r\\nb' not in got: got += s.recv(4096)
    server.terminate(); assert server.wait(10) == 0

def test_postgresql(tmp_path):
    import glob
    (bin, *_) = glob.glob('/usr/lib/postgresql/*/bin') or [None]
    if bin is None or os.geteuid() == 0: pytest.skip('no PostgreSQL, or root, whom it refuses')
    data, socket_dir = str(tmp_path / 'data'), '/tmp'
    out(bin + '/initdb', '-D', data, '-A', 'trust', '-U', 'me', '-N')
    out(bin + '/pg_ctl', '-D', data, '-w', '-l', str(tmp_path / 'log'), '-o', '-k ' + socket_dir + ' -h 127.0.0.1', 'start')
    assert out('psql', '-h', '127.0.0.1', '-U', 'me', '-d', 'postgres', '-Atc', 'select sum(i) from generate_series(1, 10) i') == '55\\n'
    out(bin + '/pg_ctl', '-D', data, '-m', 'fast', '-w', 'stop')

def test_other_programs(tmp_path):
    assert out('find', '/etc/hostname') and out('ps') and out('df', '/tmp') and out('date') and out('id')
    (tmp_path / 'd').mkdir(); out('cp', '-a', '/etc/hostname', str(tmp_path / 'd')); out('rm', '-r', str(tmp_path / 'd'))

def test_gdb_is_refused():
    need('gdb')
    done = subprocess.run(['gdb', '-nx', '-batch', '-ex', 'run', '/bin/true'], capture_output=True, text=True)
    assert 'exited normally' in done.stdout, done.stderr

def test_perf_is_refused():
    need('perf')
    subprocess.run(['perf', 'stat', 'true'], check=True)
"""


def test_programs(run):
    tests = {nodeid.split("::")[1]: test for nodeid, test in run(PROGRAMS, timeout=240).tests().items()}
    gdb, perf = tests.pop("test_gdb_is_refused"), tests.pop("test_perf_is_refused")
    bad = {name: (test["longrepr"], test.get("refused")) for name, test in tests.items() if test["outcome"] not in ("passed", "skipped")}
    assert not bad
    if gdb["outcome"] != "skipped":
        assert any(line.startswith("ptrace(") and "EPERM" in line for line in gdb["refused"]), gdb
    if perf["outcome"] != "skipped" and shutil.which("perf"):
        assert any(line.startswith("perf_event_open(") for line in perf.get("refused", ())), perf


def test_own_profile(tmp_path):
    """--seccomp, and tool.tach.seccomp relative to the project: here it allows ptrace and denies mkdir."""
    suite = Suite(tmp_path / "suite")
    suite.write(
        text=CALL + "def test_ptrace(): assert call(101, 0, 0, 0, 0) == 0\n"
        "def test_mkdir(): assert call(83, 0, 0) == 'EDOM'\n"
        "def test_mount(): assert call(165, 0, 0, 0, 0, 0) == 'EPERM'\n"
    )
    profile = json.loads(suite.tach("seccomp").out)
    for rule in profile["syscalls"]:
        rule["names"] = [name for name in rule["names"] if name not in ("ptrace", "mkdir")]
    profile["syscalls"] += [{"names": ["ptrace"], "action": "SCMP_ACT_ALLOW"}, {"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errno": "EDOM"}]
    (suite.path / "conf").mkdir()
    (suite.path / "conf" / "profile.json").write_text(json.dumps(profile))
    (suite.path / "sub").mkdir()
    assert suite.json("--seccomp", "conf/profile.json").event("finish")["counts"] == {"passed": 3}
    suite.write("pyproject.toml", '[tool.tach]\nseccomp = "conf/profile.json"\n[tool.pytest.ini_options]\n')
    done = subprocess.run([TACH, "--format=json", ".."], cwd=suite.path / "sub", env=environment(), capture_output=True, text=True, check=False)
    assert '"passed":3' in done.stdout.splitlines()[-1], done.stdout + done.stderr
    assert suite.json(env={"TACH_SECCOMP": str(suite.path / "conf" / "profile.json")}).event("finish")["counts"] == {"passed": 3}
    spec = suite.tach("spec")
    assert json.loads(spec.out)["linux"]["seccomp"]["syscalls"][-1]["names"] == ["mkdir"]
    run = subprocess.run([TACH_RUN, "--spec", "-"], input=spec.out, capture_output=True, text=True, check=False)
    assert '"passed":3' in run.stdout.splitlines()[-1]


def test_built_in_profile_written_out_is_the_built_in_one(tmp_path):
    """Cells are reused under it as without it."""
    suite = Suite(tmp_path / "suite")
    suite.write(text="import pytest\n@pytest.mark.parametrize('i', range(12))\ndef test_it(i): pass\n")
    (suite.path / "p.json").write_text(suite.tach("seccomp").out)
    finish = suite.json("--seccomp", "p.json", "-n1", "--reuse=cell").event("finish")
    assert finish["counts"] == {"passed": 12} and finish["cells"]["reused"] > 0


@pytest.mark.parametrize(
    "profile, message",
    [
        (None, "seccomp: --seccomp: read {path}: ENOENT"),
        ('{"defaultAction": "SCMP_ACT_ALOW"}', '{path}:1:19: $.defaultAction: unknown action "SCMP_ACT_ALOW": did you mean "SCMP_ACT_ALLOW"?'),
        ('{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}', "unsupported filter flag SECCOMP_FILTER_FLAG_LOG"),
        ('{"defaultAction": "SCMP_ACT_NOTIFY"}', "unsupported action SCMP_ACT_NOTIFY"),
        ('{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"]}', "SCMP_ARCH_X86 is not this machine's own"),
        ('{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["muont"], "action": "SCMP_ACT_ERRNO"}]}', "no system call is called muont"),
    ],
)
def test_profile_that_cannot_be_used(tmp_path, profile, message):
    suite = Suite(tmp_path / "suite")
    suite.write(text="def test_it(): pass\n")
    path = suite.path / "p.json"
    if profile is not None:
        path.write_text(profile)
    result = suite.tach("--seccomp", "p.json")
    assert result.code in (3, 4) and message.format(path=path) in result.err, result.err


def test_without_a_listener(tmp_path):
    """Somebody supervises us by seccomp already: calls are refused all the same, and the start event says that none is named."""
    if not os.access(DENY, os.X_OK):
        pytest.skip("build/deny is not built")
    suite = Suite(tmp_path / "suite")
    suite.write(text=CALL + "def test_it(): assert call(165, 0, 0, 0, 0, 0) == 'EPERM'\ndef test_fails(): assert call(165, 0, 0, 0, 0, 0) == 0\n")
    done = subprocess.run(
        [DENY, "--count", "acct", "--", TACH, "--format=json"], cwd=suite.path, env=environment(), capture_output=True, text=True, check=False
    )
    events = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert [e["what"] for e in events[0]["isolation"]["not_enforced"] if "names" in e["what"]] == ["names of refused system calls"]
    tests = {e["nodeid"]: e for e in events if e["event"] == "test"}
    assert tests["test_it.py::test_it"]["outcome"] == "passed"
    assert tests["test_it.py::test_fails"]["outcome"] == "failed" and "refused" not in tests["test_it.py::test_fails"]
