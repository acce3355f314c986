"""Control groups, overlays, and the parts of the kernel that a cell must not reach."""

import os
import pathlib
import signal
import subprocess

import pytest
from checklist import row

NEW_USER = 0x10000000
NEW_NAMESPACE = 0x00020000


@row("cve-2022-0492")
def test_cve_2022_0492_release_agent(attack):
    assert os.listdir("/sys/fs/cgroup")
    text = (
        "os.mkdir('/tmp/c')\n"
        "found = [os.path.join(path, name) for path, _, names in os.walk('/sys/fs/cgroup') for name in names]\n"
        "print(call('mount', b'none', b'/tmp/c', b'cgroup', 0, b'rdma'), call('mount', b'none', b'/tmp/c', b'cgroup2', 0, None), found)\n"
    )
    if os.geteuid() == 0 and attack.user is None and "rdma" in pathlib.Path("/proc/cgroups").read_text():
        script = "mount -t tmpfs none /mnt; mkdir /mnt/c; mount -t cgroup -o rdma none /mnt/c; test -e /mnt/c/release_agent"
        tried = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, check=False)
        assert tried.returncode == 0 or pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
    assert attack.inside(text) == "EPERM EPERM []"


@row("cve-2023-25809")
def test_cve_2023_25809_control_groups_that_can_be_written(attack):
    root = pathlib.Path("/sys/fs/cgroup")
    if os.geteuid() == 0 and attack.user is None:
        assert os.access(root, os.W_OK)
    text = "print(attempt(os.mkdir, '/sys/fs/cgroup/x'), os.listdir('/sys/fs/cgroup'), open('/proc/self/cgroup').read().split())\n"
    made, seen, *own = attack.inside(text).split()
    assert made == "EROFS" and seen == "[]"
    assert all(one.strip("[],'").endswith(":/") for one in own), own  # the way to its own group is not told


@row("cve-2021-3493")
def test_cve_2021_3493_overlay_in_a_user_namespace(attack):
    overlay = (
        "for name in 'lower', 'upper', 'work', 'merged': os.makedirs(f'o/{name}', exist_ok=True)\n"
        "print(call('mount', b'o', b'o/merged', b'overlay', 0, b'lowerdir=o/lower,upperdir=o/upper,workdir=o/work,userxattr'))\n"
    )
    folder = attack.folder / "o"  # on a tmpfs, since the folder may lie on an overlay itself
    text = f"os.chdir({str(attack.folder)!r})\ncall('mount', b't', b'.', b'tmpfs', 0, None); os.chdir({str(attack.folder)!r})\n" + overlay
    assert attack.outside(text, prefix=["unshare", "-Urm"]) == "done"
    assert not folder.exists()
    text = overlay + (
        f"print(call('unshare', {NEW_USER}), call('unshare', {NEW_NAMESPACE}), call('fsopen', b'overlay', 0),\n"
        "      call('setns', os.open('/proc/self/ns/mnt', 0), 0))\n"
        "print(['nosuid' in line and 'nodev' in line for line in open('/proc/self/mountinfo') if ' - overlay ' in line])\n"
    )
    first, *rest = attack.inside(text).splitlines()
    assert first == "EPERM" and rest[0].split() == ["EPERM"] * 4
    assert "True" in rest[1] and "False" not in rest[1]


@row("cve-2021-3732")
def test_cve_2021_3732_overlay_shows_what_a_mount_covered(attack):
    (attack.folder / "secret").mkdir()
    (attack.folder / "secret" / "key").write_text("the key\n")
    cover = f"mount -t tmpfs none {attack.folder}/secret"
    if os.geteuid() == 0:  # a bind mount that is not recursive does show it
        script = f"set -e; {cover}; mount -t tmpfs none /mnt; mkdir /mnt/p; mount --bind {attack.folder} /mnt/p; cat /mnt/p/secret/key"
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True)
        assert done.stdout == "the key\n"
    done = attack.run(attack.spec("sh", "-c", "ls -A secret; cat secret/key"), before=cover)
    assert done.returncode == 1 and "the key" not in done.stdout and done.stdout == "", done.stdout + done.stderr


@row("cve-2022-0185")
def test_cve_2022_0185_kernel_code_behind_user_namespaces(attack):
    """Refused by the filter, and again by the user namespace where the spec's own filter lets everything through."""
    text = (
        f"print(call('unshare', {NEW_USER}), call('fsopen', b'ext4', 0), attempt(lambda: open('/proc/sys/user/max_user_namespaces', 'w')))\n"
        "print(open('/proc/sys/user/max_user_namespaces').read())\n"
    )
    assert attack.outside(f"print(call('unshare', {NEW_USER}))") == "done"
    user, fsopen, write, most = attack.inside(text).split()
    assert (user, fsopen, most) == ("EPERM", "EPERM", "0") and write in ("EROFS", "EACCES")
    user, fsopen, write, most = attack.inside(text, linux={"seccomp": {"defaultAction": "SCMP_ACT_ALLOW"}}).split()
    assert (user, fsopen, most) == ("ENOSPC", "EPERM", "0") and write in ("EROFS", "EACCES")


@row("cve-2022-0847")
def test_cve_2022_0847_page_cache_written_through_a_pipe(attack):
    """What is read-only shares its pages with the host's: the kernel must not merge a write into them."""
    file = attack.folder / "read-only"
    file.write_text("original\n" * 100)
    file.chmod(0o444)
    text = (
        "r, w = os.pipe()\n"
        "for _ in range(16): os.write(w, b'x' * 4096); os.read(r, 4096)\n"  # leaves the flag that the attack needs
        "fd = os.open(FILE, os.O_RDONLY)\n"
        "n = os.splice(fd, w, 1, offset_src=3) if hasattr(os, 'splice') else None\n"
        "os.write(w, b'WRITTEN')\n"
        "print(n, b'WRITTEN' in open(FILE, 'rb').read())\n"
    )
    assert attack.outside(f"FILE = {str(file)!r}\n" + text) == "1 False"  # the page did get into the pipe
    passwd = pathlib.Path("/etc/passwd").read_bytes()
    assert attack.inside("FILE = '/etc/passwd'\n" + text) == "1 False"
    assert pathlib.Path("/etc/passwd").read_bytes() == passwd and b"WRITTEN" not in passwd


@row("io_uring")
def test_io_uring(attack):
    text = "parameters = ctypes.create_string_buffer(120)\nprint(*(system_call(n, 1, ctypes.addressof(parameters), 0, 0) for n in (425, 426, 427)))\n"
    setup = attack.outside(text).split()[0]
    disabled = pathlib.Path("/proc/sys/kernel/io_uring_disabled")
    assert setup == "done" or (disabled.exists() and disabled.read_text().strip() != "0") or setup == "ENOSYS"
    assert not set(attack.inside(text).split()) - {"EPERM", "ENOSYS"}


@row("other-abi")
def test_other_abi(attack):
    if os.uname().machine != "x86_64":
        pytest.skip("only x86-64 has two others")
    i386 = (
        "import mmap\n"
        "code = mmap.mmap(-1, 4096, prot=7)\n"
        "code.write(bytes.fromhex('b814000000cd80c3'))\n"  # mov $20, %eax; int $0x80; ret: getpid
        "print(ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))() == os.getpid())\n"
    )
    x32 = "print(system_call(0x40000000 + 39))\n"
    assert attack.outside(i386) == "True" and attack.outside(x32) in ("done", "ENOSYS")
    for text in (i386, x32):
        done = attack.run(attack.spec("/usr/bin/python3", "-c", "import ctypes, os, errno\n" + text.replace("system_call(", "ctypes.CDLL(None).syscall(")))
        assert done.returncode == 128 + signal.SIGSYS and done.stdout == ""


@row("clone3")
def test_clone3(attack):
    text = "print(system_call(435, 0, 0))\n"
    assert attack.outside(text) == "EINVAL"  # it looks at its arguments, where no filter can
    assert attack.inside(text + "import threading; t = threading.Thread(target=print, args=('thread',)); t.start(); t.join()\n").split() == ["ENOSYS", "thread"]


@row("exhaustion")
def test_exhaustion_of_private_folders(attack):
    limits = "print(all((s := os.statvfs(d)).f_blocks * s.f_frsize <= 2 << 30 and s.f_files <= 400 << 10 for d in ('/tmp', '/var/tmp', '/dev/shm', '/run', os.getcwd())))\n"
    full = (
        "def fill():\n"
        "    with open('/mnt/full', 'wb') as f:\n"
        "        for _ in range(64): f.write(bytes(1 << 20)); f.flush()\n"
        "print(attempt(fill), attempt(lambda: [open(f'/mnt/{i}', 'w') for i in range(2000)]))\n"
    )
    mounts = [{"destination": "/mnt", "type": "tmpfs", "source": "tmpfs", "options": ["size=8m", "nr_inodes=100"]}]
    assert attack.inside(limits + full, mounts=mounts).split() == ["True", "ENOSPC", "ENOSPC"]


@row("exhaustion")
def test_exhaustion_by_processes(attack):
    """They end with the test that left them, however they try to get away."""
    run = attack.suite(
        test_it="import time\n"
        "def test_storm():\n"
        "    for _ in range(200):\n"
        "        if os.fork() == 0:\n"
        "            os.setsid()\n"
        "            if os.fork() == 0: time.sleep(600)\n"
        "            os._exit(0)\n"
        "def test_after(): assert len([n for n in os.listdir('/proc') if n.isdigit()]) < 20\n"
    )
    before = len(os.listdir("/proc"))
    assert run("-n1").event("finish")["counts"] == {"passed": 2}
    assert len(os.listdir("/proc")) < before + 100
