"""What a cell has of the host without a copy: its device nodes, its read-only files, its procfs."""

import os
import pathlib

from checklist import row

NODES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"]


def marks(path):
    st = os.stat(path)
    return st.st_mode, st.st_uid, st.st_gid, st.st_ctime_ns, st.st_mtime_ns


@row("device-nodes")
def test_device_nodes_cannot_be_changed(attack):
    """Of a run of root's they are the test's own: it has root's id. Harmless where it succeeds: all stays as it is."""
    text = (
        "def change(path):\n"
        "    st = os.stat(path)\n"
        "    return [attempt(os.chmod, path, st.st_mode & 0o7777), attempt(lambda: os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))),\n"
        "            attempt(os.chown, path, os.getuid(), -1)]\n"
    )
    assert attack.outside(text + "open('own', 'w').close(); print(*change('own'))") == "done done done"
    before = [marks(path) for path in NODES]
    masked = [path for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list") if os.path.exists(path)]
    said = attack.inside(text + f"for path in {NODES + masked!r}: print(*change(path))").split()
    assert len(said) == 3 * len(NODES + masked) and set(said) <= {"EROFS", "EPERM"}, said
    assert attack.user is not None or os.geteuid() != 0 or set(said) == {"EROFS"}
    assert [marks(path) for path in NODES] == before
    assert attack.inside(
        "for mode in 'w', 'a', 'r+b': open('/dev/null', mode).close()\n"
        "print(open('/dev/zero', 'rb').read(2), len(os.urandom(9)), len(open('/dev/urandom', 'rb').read(9)),\n"
        "      attempt(os.write, os.open('/dev/full', os.O_WRONLY), b'x'), attempt(os.write, os.open('/dev/null', os.O_WRONLY), b'x'))"
    ).split() == ["b'\\x00\\x00'", "9", "9", "ENOSPC", "done"]  # fmt: skip


@row("leases")
def test_lease_on_a_file_of_the_host(attack):
    """Who opens a file that another process has a lease on waits until that gives it up, or 45 seconds."""
    text = (
        "import fcntl, signal\n"
        "signal.signal(signal.SIGIO, signal.SIG_IGN)\n"
        "def lease(path, what):\n"
        "    return attempt(fcntl.fcntl, os.open(path, os.O_RDONLY), fcntl.F_SETLEASE, what)\n"
    )
    waits = (
        "open('own', 'w').close()\n"
        "r, w = os.pipe()\n"
        "if os.fork() == 0:\n"
        "    fd = os.open('own', os.O_RDONLY)\n"
        "    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK); os.write(w, b'x'); time.sleep(5); os._exit(0)\n"
        "os.read(r, 1)\n"
        "print(attempt(os.open, 'own', os.O_RDONLY | os.O_NONBLOCK))\n"
    )
    assert attack.outside("import time\n" + text + waits) == "EAGAIN"
    code = "open('own', 'w').close()\nprint(*[lease(p, w) for p in ('/etc/passwd', 'own') for w in (fcntl.F_WRLCK, fcntl.F_RDLCK)])"
    assert attack.inside(text + code).split() == ["EPERM"] * 4


def test_nothing_of_procfs_can_be_written_but_what_is_the_tests_own(attack):
    """With root's id some of its files would let themselves be opened."""
    text = (
        "import stat\n"
        "for folder, below, names in os.walk('/proc'):\n"
        "    if folder == '/proc': below[:] = [name for name in below if not name.isdigit() and name not in ('self', 'thread-self')]\n"
        "    for name in names:\n"
        "        path = os.path.join(folder, name)\n"
        "        try:\n"
        "            if stat.S_ISREG(os.lstat(path).st_mode): os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK)); print(path)\n"
        "        except OSError: pass\n"
    )
    everybodys = {str(path) for path in pathlib.Path("/proc/pressure").glob("*")}  # each user may wait for pressure
    assert set(attack.inside(text).split()) <= everybodys
