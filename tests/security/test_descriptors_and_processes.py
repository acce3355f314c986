"""What a process inherits: descriptors, folders, terminals, capabilities, users, libraries."""

import contextlib
import ctypes
import json
import os
import pathlib
import pty
import socket
import subprocess

import pytest
from attack import PRELUDE, PYTHON
from box import TACH_RUN
from checklist import row
from running import as_user

TIOCSTI, TIOCLINUX = 0x5412, 0x541C


@row("cve-2024-21626")
@pytest.mark.parametrize("cwd", ["/proc/self/fd/9", "/proc/self/fd/7", "/proc/1/cwd"])
def test_cve_2024_21626_leaked_folder_as_working_directory(attack, cwd):
    leak = ["sh", "-c", 'exec 7</ 9</; exec "$@"', "sh"]
    assert attack.outside("os.chdir('/proc/self/fd/9'); print('etc' in os.listdir('.'))", prefix=leak) == "True"
    done = attack.run(attack.spec("pwd", process={"cwd": cwd, "args": ["pwd"]}), prefix=leak)
    inside = attack.inside("print(*sorted(map(int, os.listdir('/proc/self/fd'))))", prefix=leak)
    # it is refused, or means the folder of the cell's own root that has the same path
    meant = "/"
    if cwd.startswith("/proc/1/"):
        with contextlib.suppress(PermissionError):  # it may not be looked at: / then, where init is
            meant = os.readlink(cwd)
    assert done.returncode != 0 or done.stdout.split("\n")[0] == meant, done.stdout + done.stderr
    assert inside.split() == ["0", "1", "2", "3"]  # 3: the listing itself


@row("cve-2016-9962")
def test_cve_2016_9962_first_process_is_traced(attack):
    text = (
        "import subprocess\n"
        "p = subprocess.Popen(['sleep', '9'], stdout=subprocess.DEVNULL)\n"
        "print(call('ptrace', 0x4206, p.pid, 0, 0))\n"  # PTRACE_SEIZE
        "p.kill(); p.wait()\n"
    )
    scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    if not scope.exists() or int(scope.read_text()) <= 1:
        assert attack.outside(text) == "done"
    text = (
        "print(call('ptrace', 0x4206, 1, 0, 0), attempt(open, '/proc/1/mem', 'rb'), attempt(os.readlink, '/proc/1/cwd'),\n"
        "      attempt(os.readlink, '/proc/1/root'))\n"
    )
    assert not set(attack.inside(text).split()) - {"EPERM", "EACCES", "ENOSYS"}


@row("cve-2017-5226")
def test_cve_2017_5226_characters_pushed_into_the_terminal(attack):
    """With the terminal that tach-run was started from as its controlling terminal and standard input."""
    text = (
        "import fcntl, termios\n"
        "push = lambda request: attempt(fcntl.ioctl, 0, request, b'x')\n"
        f"print(push({TIOCSTI}), push({TIOCLINUX}), attempt(open, '/dev/tty'), os.getsid(0) == os.getpid(), sep=' ')\n"
        f"print(*(call('ioctl', 0, ctypes.c_ulong(high << 32 | {TIOCSTI}), b'x') for high in (1, 7)))\n"
    )

    def on_a_terminal(argv, **more):
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run(
                ["setsid", "--ctty", "--wait", *argv], stdin=theirs, capture_output=True, text=True, timeout=60, check=False, **more
            )
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    legacy = pathlib.Path("/proc/sys/dev/tty/legacy_tiocsti")
    if attack.user is None and (os.geteuid() == 0 or not legacy.exists()):
        assert on_a_terminal([PYTHON, "-c", PRELUDE + text])[0] == "done"
    spec = attack.folder.parent / "spec.json"
    spec.write_text(json.dumps(attack.spec(PYTHON, "-c", PRELUDE + text)))
    spec.chmod(0o644)
    pushed, console, tty, leads, *high = on_a_terminal([*as_user(attack.user), TACH_RUN, "--spec", str(spec)])
    assert (pushed, console, tty, leads) == ("EPERM", "EPERM", "ENXIO", "True") and high == ["EPERM", "EPERM"]


@row("cve-2020-15257")
def test_cve_2020_15257_abstract_socket_of_the_host(attack):
    name = f"tach-attack-{os.getpid()}"
    text = f"import socket\nprint(attempt(socket.socket(socket.AF_UNIX).connect, '\\0{name}'))\n"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0" + name)
        server.listen()
        assert attack.outside(text) == "done"
        assert attack.inside(text) == "ECONNREFUSED"


@row("cve-2019-14271")
def test_cve_2019_14271_library_from_inside(attack, tmp_path):
    """A library in the environment and in the project says in which programs it was loaded."""
    source = tmp_path / "l.c"
    source.write_text(
        "#include <stdio.h>\n#include <unistd.h>\n"
        '__attribute__((constructor)) static void loaded(void)\n{ char n[32] = ""; FILE *f = fopen("/proc/self/comm", "r");\n'
        '  if (f != NULL && fgets(n, 32, f) != NULL) dprintf(2, "loaded by %s", n); }\n'
    )
    library = attack.folder / "evil.so"
    subprocess.run(["gcc", "-shared", "-fPIC", source, "-o", library], check=True)
    library.chmod(0o755)
    for name in ("libmount.so.1", "libnss_files.so.2", "libselinux.so.1"):
        os.symlink("evil.so", attack.folder / name)
    env = ["PATH=/usr/bin:/bin", f"LD_PRELOAD={library}", f"LD_LIBRARY_PATH={attack.folder}"]
    host = subprocess.run(["/bin/true"], env=dict(one.split("=", 1) for one in env), capture_output=True, text=True, check=True)
    assert "loaded by true" in host.stderr
    mounts = [{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m"]}]
    done = attack.run(attack.spec("/bin/true", process={"env": env}, mounts=mounts))
    assert done.returncode == 0 and set(done.stderr.split("\n")) - {""} == {"loaded by true"}, done.stderr


@row("cve-2022-29162")
def test_cve_2022_29162_inheritable_capabilities(attack):
    if attack.user is not None or os.geteuid() != 0:
        pytest.skip("only root has capabilities to inherit")
    text = "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('Cap')))\n"
    prefix = ["setpriv", "--inh-caps=+net_raw,+sys_admin", "--ambient-caps=+net_raw,+sys_admin"]
    inherited = attack.outside(text, prefix=prefix).split()
    assert int(inherited[0], 16) & 1 << 21 and int(inherited[4], 16) & 1 << 21
    spec = json.dumps(attack.spec(PYTHON, "-c", PRELUDE + text))
    done = subprocess.run([*prefix, TACH_RUN, "--spec", "-"], input=spec, capture_output=True, text=True, check=True)
    assert [int(one, 16) for one in done.stdout.split()] == [0] * 5


@row("cve-2026-30892")
@pytest.mark.parametrize("uid", ['"1000x"', '"0"', "1e3", "0.5", "-1", "4294967296", "4294967295", "18446744073709551616", "0x0", "1_0"])
def test_cve_2026_30892_user_that_is_half_a_number(attack, uid):
    assert ctypes.CDLL(None).atoi(b"1000x") == 1000
    text = json.dumps(attack.spec("true", process={"user": {"uid": 7777, "gid": 7777}})).replace('"uid": 7777', f'"uid": {uid}')
    done = subprocess.run([TACH_RUN, "--spec", "-"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode in (3, 4) and done.stderr.startswith(("tach-run: spec: <stdin>:1:", "tach-run: proc: write")), done


@row("cve-2021-43784")
def test_cve_2021_43784_lengths_that_overflow(attack):
    assert ctypes.c_uint16(65536 + 8).value == 8  # what a netlink attribute's length makes of it
    for change in (
        {"hostname": "h" * 65544},
        {"process": {"cwd": "/" + "d" * 65544}},
        {"mounts": [{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": ["size=" + "1" * 65544]}]},
        {"process": {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 2**64 + 8, "hard": 2**64 + 8}]}},
        {"linux": {"resources": {"unified": {"memory.max": "9" * 65544}}}},
        {"tach": {"services": ["unix:/" + "s" * 65544]}},
    ):
        done = attack.run(attack.spec("true", **change))
        assert done.returncode not in (0, 1) and 0 < done.returncode < 128, (list(change), done.returncode, done.stderr[:300])
        assert done.stderr.startswith("tach-run: ") and len(done.stderr) < 2000, done.stderr[:300]


@row("cve-2020-5291")
def test_cve_2020_5291_owners_rights_and_folder_in_tmp(attack):
    """A program with its owner's rights runs with them on the host; Tach's have none, and no such program has any inside."""
    assert os.stat("/usr/bin/su").st_mode & 0o4000
    for name in ("tach", "tach-run"):
        path = pathlib.Path(TACH_RUN).parent / name
        assert not path.stat().st_mode & 0o6000
        assert "security.capability" not in os.listxattr(path)
    before = set(os.listdir("/tmp"))
    text = (
        "import subprocess\n"
        "print(subprocess.run(['/usr/bin/su', '-c', 'true'], stdin=0, capture_output=True).returncode != 0,\n"
        "      attempt(os.listdir, '/dev/.tach'),\n"
        "      [line for line in open('/proc/self/mountinfo') if 'nosuid' not in line.split()[5] and not line.split()[4].startswith(('/dev/', '/proc/'))])\n"
    )
    refused, layers, *suid = attack.inside(text).split()
    assert refused == "True" and layers in ("EACCES", "done") and suid == ["[]"]
    assert not {name for name in set(os.listdir("/tmp")) - before if name.startswith("tach") and "check" not in name}
