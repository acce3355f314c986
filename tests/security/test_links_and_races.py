"""Paths that lead elsewhere than they say, and change while they are followed."""

import ctypes
import errno
import os
import subprocess
import sys
import threading
import time

import pytest
from attack import sandbox_library
from checklist import row

EXCHANGE = 2  # renameat2(2)


@pytest.fixture
def library():
    return sandbox_library()


@pytest.fixture
def roots(tmp_path):
    """(root, what lies outside it)"""
    for name in ("root", "outside"):
        (tmp_path / name).mkdir()
    return tmp_path / "root", tmp_path / "outside"


def open_root(path):
    return os.open(path, os.O_PATH | os.O_DIRECTORY)


@row("cve-2019-5736")
def test_cve_2019_5736_program_overwritten_through_proc_self_exe(attack):
    text = (
        "import shutil, subprocess, time\n"
        "def held(path, end):\n"
        "    try: fd = os.open(path, os.O_PATH)\n"
        "    except OSError as e: return errno.errorcode[e.errno]\n"
        "    end()\n"
        "    for _ in range(200):\n"  # the kernel lets go of the program a little later
        "        said = attempt(os.open, f'/proc/self/fd/{fd}', os.O_WRONLY)\n"
        "        if said != 'ETXTBSY': break\n"
        "        time.sleep(0.01)\n"
        "    return said\n"
    )
    victim = (
        "shutil.copy('/bin/sleep', 'victim')\n"
        "p = subprocess.Popen(['./victim', '9'])\n"
        "print(held(f'/proc/{p.pid}/exe', lambda: (p.kill(), p.wait())))\n"
    )
    assert attack.outside(text + victim) == "done"
    victim = (
        "p = subprocess.Popen(['/usr/bin/tsort'], stdin=subprocess.PIPE)\n"  # that nobody else on the machine runs
        "print(held(f'/proc/{p.pid}/exe', lambda: (p.kill(), p.wait())))\n"
        "for pid in 1, os.getppid(), 'self':\n"  # they still run: it is the mount that must refuse
        "    try: print(bool(os.fstatvfs(os.open(f'/proc/{pid}/exe', os.O_PATH)).f_flag & os.ST_RDONLY))\n"
        "    except PermissionError: print(True)\n"
    )
    written, *mounts = attack.inside(text + victim).split()
    assert written in ("EROFS", "EACCES") and mounts == ["True"] * 3


@row("cve-2021-30465")
def test_cve_2021_30465_folder_exchanged_while_it_is_mounted_on(attack, tmp_path):
    outside = tmp_path / "outside"
    (outside / "b").mkdir(parents=True)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "marker").write_text("x")
    os.chmod(tmp_path, 0o755)
    inner = attack.folder / "a"
    (inner / "b").mkdir(parents=True)
    os.symlink(outside, attack.folder / "link")
    mounts = [{"destination": f"{inner}/b", "type": "bind", "source": str(tmp_path / "source"), "options": ["bind", "ro"]}]

    def exchange():
        libc = ctypes.CDLL(None)
        assert libc.renameat2(-100, bytes(inner), -100, bytes(attack.folder / "link"), EXCHANGE) == 0

    # a path that was checked and is then used again leads out
    assert os.path.realpath(inner / "b").startswith(str(attack.folder))
    exchange()
    assert os.path.realpath(inner / "b") == str(outside / "b")
    end = threading.Event()

    def race():
        while not end.is_set():
            exchange()

    racer = threading.Thread(target=race)
    racer.start()
    try:
        tried, until = 0, time.monotonic() + 20  # the race slows a small machine down by much
        while tried < 3 or (tried < 25 and time.monotonic() < until):
            tried += 1
            done = attack.run(attack.spec("sh", "-c", f"ls {outside}/b; ls {attack.folder}/a/b", mounts=mounts))
            assert done.returncode == 0 or "mount" in done.stderr, done.stderr
    finally:
        end.set()
        racer.join()
    assert os.listdir(outside) == ["b"] and os.listdir(outside / "b") == []
    assert str(outside) not in open("/proc/self/mountinfo").read()


@row("cve-2023-27561")
@pytest.mark.parametrize("fake", ["mount -t tmpfs none /proc; mkdir -p /proc/self/attr; echo x > /proc/self/attr/exec"])
def test_cve_2023_27561_proc_that_is_none(attack, fake):
    if os.geteuid() == 0:  # such writes succeed, and change nothing
        subprocess.run(["unshare", "-m", "sh", "-c", f"set -e; {fake}"], check=True)
    spec = attack.spec("true")
    del spec["tach"], spec["process"]["cwd"]
    done = attack.run(spec | {"process": spec["process"] | {"cwd": "/"}}, before=fake)
    assert done.returncode == 3 and "/proc is no procfs" in done.stderr


@row("cve-2023-27561")
def test_cve_2019_19921_proc_that_is_a_link(library, roots):
    root, outside = roots
    os.symlink(outside, root / "proc")
    assert os.path.samefile(root / "proc", outside)
    assert library.mnt_resolve_folder(open_root(root), b"/proc", None) in (-errno.ELOOP, -errno.ENOTDIR)


@row("cve-2025-31133")
def test_cve_2025_31133_masked_with_what_is_not_dev_null(attack):
    swap = "mount -t tmpfs none /dev; for n in zero full random urandom tty; do : > /dev/$n; done; ln -s /etc/passwd /dev/null"
    if os.geteuid() == 0:  # by its path it is taken for the device
        script = f"{swap}; : > /dev/t; mount --bind /dev/null /dev/t; cat /dev/t"
        assert "root" in subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, check=True).stdout
    done = attack.run(attack.spec("cat", "/proc/keys"), before=swap)
    assert done.returncode == 3 and "/dev/null" in done.stderr and "root:" not in done.stdout


@row("cve-2025-52565")
def test_cve_2025_52565_console_from_a_terminals_path(attack):
    assert attack.outside("import pty; a, b = pty.openpty(); print(os.path.exists(os.ttyname(b)))") == "True"
    assert attack.inside("print(os.path.lexists('/dev/console'), os.listdir('/dev/pts'))") == "False ['ptmx']"


@row("cve-2025-52881")
def test_cve_2025_52881_procfs_write_led_to_another_file(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can mount what this needs")
    script = tmp_path / "attack.py"
    script.write_text(
        "import errno, os, subprocess, sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from attack import sandbox_library\n"
        "library, own = sandbox_library(), f'/proc/{os.getpid()}'\n"
        "subprocess.run(['mount', '--bind', f'{own}/oom_score_adj', f'{own}/comm'], check=True)\n"
        "with open(f'{own}/comm', 'w') as f: f.write('7')\n"
        "assert open(f'{own}/oom_score_adj').read() == '7\\n', 'the attack does not work'\n"
        "r = library.proc_write(library.proc_open(None), f'{os.getpid()}/comm'.encode(), b'9', None)\n"
        "print(errno.errorcode[-r], open(f'{own}/oom_score_adj').read())\n"
    )
    done = subprocess.run(["unshare", "-m", "/usr/bin/python3", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["EXDEV", "7"], done.stderr


@row("cve-2026-41579")
def test_cve_2026_41579_dev_that_is_a_link(library, roots):
    root, outside = roots
    os.symlink(outside, root / "dev")
    assert os.path.samefile(root / "dev", outside)
    assert library.mnt_resolve_folder(open_root(root), b"/dev", None) in (-errno.ELOOP, -errno.ENOTDIR)


@row("cve-2026-41579")
def test_cve_2026_88264_device_known_by_its_number_alone(library, roots):
    root, _ = roots
    if os.geteuid() != 0:
        pytest.skip("only root can make devices")
    null, block = os.makedev(1, 3), os.makedev(1, 3)
    os.mknod(root / "char", 0o600 | 0o020000, null)
    os.mknod(root / "block", 0o600 | 0o060000, block)
    os.mknod(root / "other", 0o600 | 0o020000, os.makedev(1, 5))
    os.symlink("char", root / "link")
    assert os.stat(root / "block").st_rdev == os.stat(root / "char").st_rdev
    fd = open_root(root)
    assert library.mnt_clone_device(fd, b"/char", 1, 3, None) >= 0
    for name in (b"/block", b"/other", b"/link"):
        assert library.mnt_clone_device(fd, name, 1, 3, None) == -errno.ENODEV


@row("cve-2024-45310")
def test_cve_2024_45310_folders_made_outside_the_root(library, roots):
    root, outside = roots
    os.symlink(outside, root / "a")
    os.makedirs(root / "a" / "by-path")
    assert os.listdir(outside) == ["by-path"]
    os.rmdir(outside / "by-path")
    (root / "folder").mkdir()
    fd, libc, end = open_root(root), ctypes.CDLL(None), threading.Event()

    def race():
        while not end.is_set():
            libc.renameat2(-100, bytes(root / "a"), -100, bytes(root / "folder"), EXCHANGE)

    racer = threading.Thread(target=race)
    racer.start()
    try:
        for i in range(2000):
            made = library.mnt_resolve(fd, f"/a/x{i}/y".encode(), 1, 1, None)
            if made >= 0:
                os.close(made)
    finally:
        end.set()
        racer.join()
    assert os.listdir(outside) == []


@row("cve-2019-18837")
def test_cve_2019_18837_target_outside_the_root(library, roots):
    root, outside = roots
    (outside / "target").mkdir()
    os.symlink("/proc/self/root", root / "magic")
    os.symlink("../outside", root / "up")
    fd = open_root(root)
    for path in ("../outside/target", "up/target", f"magic{outside}/target"):
        assert os.path.samefile(root / path, outside / "target")
        assert library.mnt_resolve(fd, b"/" + path.encode(), 0, 0, None) < 0


@row("cve-2024-42472")
def test_cve_2024_42472_source_exchanged_for_a_link(attack, tmp_path):
    """What is mounted is what was opened; nothing inside can exchange it for what comes next."""
    source = tmp_path / "source"
    (source / "data").mkdir(parents=True)
    (source / "data" / "file").write_text("meant\n")
    for path in (tmp_path, source):
        os.chmod(path, 0o755)
    if attack.user is not None:
        os.chown(source, attack.user, attack.user)
    text = f"print(attempt(os.rename, '{source}/data', '{source}/other'), attempt(os.symlink, '/etc', '{source}/new'), open('/mnt/file').read())"
    assert attack.outside(f"print(attempt(os.rename, '{source}/data', '{source}/other'))") == "done"
    os.rename(source / "other", source / "data")
    mounts = [{"destination": "/mnt", "type": "bind", "source": str(source / "data"), "options": ["bind", "ro"]}]
    *refused, content = attack.inside(text, mounts=mounts).split()
    assert set(refused) <= {"EROFS", "ENOENT"} and content == "meant"


@row("traversal")
@pytest.mark.parametrize(
    "change",
    [
        {"linux": {"cgroupsPath": "../../escape"}},
        {"linux": {"cgroupsPath": "/a/../../escape"}},
        {"hostname": "../x"},
        {"mounts": [{"destination": "../etc", "type": "tmpfs", "source": "tmpfs"}]},
    ],
)
def test_traversal(attack, change):
    assert os.path.normpath("/sys/fs/cgroup/../../escape") == "/sys/escape"
    done = attack.run(attack.spec("true", **change))
    assert done.returncode in (2, 3, 4) and done.stderr.count("\n") <= 2, (done.returncode, done.stderr)
