"""What a cell is: one test a property, each asked from inside."""

import os

import pytest

NAMESPACES = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_namespace_is_its_own(cell, namespace):
    inside = cell.sh(f"readlink /proc/self/ns/{namespace}").strip()
    assert inside.startswith(f"{namespace}:[") and inside != os.readlink(f"/proc/self/ns/{namespace}")


def test_no_capability_no_new_privileges_and_a_filter(cell):
    status = dict(line.split(":", 1) for line in cell.sh("cat /proc/self/status").splitlines())
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"


def test_project_is_copy_on_write(cell):
    assert cell.sh("cat file; echo changed > file; echo new > other; cat file other; rm -rf file; ls") == (
        "original\nchanged\nnew\nother\n"
    )
    assert (cell.project / "file").read_text() == "original\n"
    assert os.listdir(cell.project) == ["file"]


def test_project_can_be_removed_and_made_anew(cell):
    out = cell.sh(f"cd /; rm -rf {cell.project}/* && mkdir {cell.project}/d && ls {cell.project}")
    assert out == "d\n"
    assert os.listdir(cell.project) == ["file"]


def test_inode_numbers_agree(cell):
    """What a folder's listing says and what stat says, for old and for new files."""
    out = cell.py(
        "import os\nopen('new', 'w').close(); os.mkdir('folder'); open('folder/f', 'w').close(); open('file', 'a').close()\n"
        "for d in ('.', 'folder'):\n"
        "    for e in os.scandir(d): print(e.inode() == os.stat(e.path).st_ino)"
    )
    assert out.split() == ["True"] * 4


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp", "/dev/shm", "/run"])
def test_private_folder(cell, folder):
    out = cell.sh(f"stat -f -c %T {folder}; echo x > {folder}/tach-sandbox-test && cat {folder}/tach-sandbox-test")
    assert out == "tmpfs\nx\n"
    assert not os.path.exists(f"{folder}/tach-sandbox-test")


@pytest.mark.parametrize("path", ["/etc/hosts", "/usr/tach-sandbox-test", "/root/tach-sandbox-test", "/dev/x"])
def test_everything_else_is_read_only(cell, path):
    done = cell.run("sh", "-c", f"echo x >> {path}")
    assert done.returncode != 0
    assert "Read-only file system" in done.stderr or "Permission denied" in done.stderr
    assert not path.endswith("test") or not os.path.exists(path)


def test_dev_is_minimal_and_works(cell):
    out = cell.sh("ls /dev; echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 8 /dev/urandom | wc -c; : < /dev/ptmx")
    names = out.split()
    assert set(names[:-2]) == {
        "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"
    }  # fmt: skip
    assert names[-2:] == ["4", "8"]


def test_pseudo_terminal_opens(cell):
    assert cell.py("import pty, os; a, b = pty.openpty(); os.write(b, b'x'); print(os.read(a, 1), os.ttyname(b))").startswith("b'x' /dev/pts/")


def test_proc_shows_only_the_cell(cell):
    pids = [int(n) for n in cell.sh("ls /proc").split() if n.isdigit()]
    assert 1 in pids and len(pids) <= 4 and max(pids) < 32


def test_first_process_is_not_the_command(cell):
    assert cell.sh("echo $$").strip() != "1"


def test_orphans_are_reaped(cell):
    out = cell.sh("(sh -c 'sleep 0.01 & exec true' &) ; sleep 0.2; ps -eo stat,comm | grep -c Z || true")
    assert out.strip() == "0"


def test_loopback_is_up_and_alone(cell):
    out = cell.py(
        "import socket\n"
        "a = socket.socket(); a.bind(('127.0.0.1', 8080)); a.listen()\n"
        "b = socket.create_connection(('127.0.0.1', 8080)); a.accept()[0].sendall(b'hi'); print(b.recv(2))\n"
        "print([n for _, n in socket.if_nameindex()])\n"
        "try: socket.create_connection(('192.0.2.1', 80), timeout=2)\n"
        "except OSError as e: print(e.errno)"
    )
    assert out.splitlines() == ["b'hi'", "['lo']", "101"]


def test_hostname(cell):
    assert cell.sh("hostname").strip() == "tach"
    assert cell.sh("hostname", hostname="other").strip() == "other"
    assert cell.run("hostname", "changed").returncode != 0


def test_environment_is_the_specs_alone(cell):
    assert sorted(cell.sh("env | cut -d= -f1 | grep -v -e PWD -e _ -e SHLVL").split()) == ["HOME", "PATH", "TACH"]


def test_rlimits(cell):
    more = {"env": ["PATH=/usr/bin:/bin"], "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 78}]}
    assert cell.sh("ulimit -Sn; ulimit -Hn; ulimit -c", process=more).split() == ["77", "78", "0"]


def test_masked_and_read_only_paths(cell):
    assert cell.sh("cat /proc/kcore | wc -c").strip() == "0"
    assert cell.run("sh", "-c", "echo 1 > /proc/sys/kernel/sysrq").returncode != 0
    given = {"linux": {"maskedPaths": ["/proc/uptime"], "readonlyPaths": []}}
    assert cell.sh("cat /proc/uptime", **given) == ""


def test_mounts_of_the_spec(cell, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o777)
    shared.chmod(0o777)
    (shared / "in").write_text("in\n")
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/mnt", "type": "bind", "source": str(shared), "options": ["rbind", "ro"]},
        {"destination": "/srv", "type": "tmpfs", "source": "tmpfs", "options": ["size=64k", "mode=1777"]},
    ]
    assert cell.sh("cat /mnt/in; echo y > /srv/y && cat /srv/y; echo x > /mnt/out || true", mounts=mounts) == "in\ny\n"
    assert os.listdir(shared) == ["in"]
    mounts[1]["options"] = ["rbind"]
    cell.sh("echo x > /mnt/out", mounts=mounts)
    assert sorted(os.listdir(shared)) == ["in", "out"]


def test_mount_that_cannot_be_made_is_an_error(cell):
    done = cell.run("true", mounts=[{"destination": "/mnt", "type": "ext4", "source": "/dev/sda"}])
    assert done.returncode == 4
    assert "mounts[0]: type ext4 at /mnt" in done.stderr and done.stderr.count("\n") == 1


def test_exit_code_and_streams(cell):
    done = cell.run("sh", "-c", "echo out; echo err >&2; exit 7")
    assert (done.returncode, done.stdout, done.stderr) == (7, "out\n", "err\n")
    assert cell.run("sh", "-c", "kill -9 $$").returncode == 128 + 9
    done = cell.run("/nonexistent/program")
    assert done.returncode == 3 and "start /nonexistent/program" in done.stderr


def test_leaves_nothing_behind(cell):
    mounts = open("/proc/self/mountinfo").read()
    cell.sh("setsid sleep 987654 & (setsid sleep 987654 &) & true")
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            left += [pid] if b"987654" in open(f"/proc/{pid}/cmdline", "rb").read() else []
        except OSError:
            pass
    assert left == []
    assert open("/proc/self/mountinfo").read() == mounts


def test_seccomp_of_the_spec(cell):
    seccomp = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}],
    }
    done = cell.run("mkdir", "/tmp/x", linux={"seccomp": seccomp})
    assert done.returncode == 1 and "Function not implemented" in done.stderr
    seccomp["syscalls"][0] = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL_PROCESS"}
    assert cell.run("mkdir", "/tmp/x", linux={"seccomp": seccomp}).returncode == 128 + 31


@pytest.mark.parametrize(
    "call",
    [
        "unshare(0x10000000)",  # CLONE_NEWUSER
        "unshare(0x00020000)",  # CLONE_NEWNS
        "mount(b'none', b'/mnt', b'tmpfs', 0, None)",
        "umount2(b'/tmp', 2)",
        "setns(0, 0)",
        "ptrace(16, 1, None, None)",
        "syscall(169, 0xfee1dead, 672274793, 0x1234567)",  # reboot
        "syscall(250, 0, 0, 0, 0, 0)",  # keyctl
        "syscall(321, 0, 0, 0)",  # bpf
        "syscall(323, 0)",  # userfaultfd
        "syscall(425, 1, 0)",  # io_uring_setup
        "syscall(298, 0, 0, -1, -1, 0)",  # perf_event_open
        "syscall(304, 0, 0, 0)",  # open_by_handle_at
    ],
)
def test_system_call_is_refused(cell, call):
    out = cell.py(
        f"import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\nr = libc.{call}\nprint(r, ctypes.get_errno())"
    )
    result, errno = out.split()
    assert result == "-1" and errno in ("1", "38"), out


def test_cgroup_limits_are_enforced_or_refused(cell):
    limit = {"linux": {"resources": {"pids": {"limit": 20}}}}
    done = cell.run("true", **limit)
    if done.returncode != 0:  # no controller here: the one error names it and the way out
        assert done.returncode == 4 and "controllers missing" in done.stderr and "best-effort" in done.stderr
        assert done.stderr.count("\n") == 1
        limit["tach"] = {"enforce": "best-effort"}
        done = cell.run("cat", "/proc/self/cgroup", **limit)
        assert done.returncode == 0
        if cell.user is None and os.access("/sys/fs/cgroup/unified", os.W_OK):
            assert "0::/\n" in done.stdout  # born into its own group all the same, and sees none beside or above


def test_no_mount_has_devices_or_foreign_rights(cell):
    """nosuid everywhere, nodev everywhere but for the few nodes of /dev and what masks files with /dev/null."""
    mounts = [line.split() for line in cell.sh("cat /proc/self/mountinfo").splitlines()]
    assert mounts
    for fields in mounts:
        target, options = fields[4], fields[5].split(",")
        root = fields[3]
        if root not in ("/null", "/zero", "/full", "/random", "/urandom", "/tty") and target != "/dev/pts":
            assert "nodev" in options, fields
        assert "nosuid" in options or target.startswith(("/dev/", "/proc/")), fields
