"""A snapshot runs fixtures, which are as hostile as tests: what it can reach of others, and its tests of it."""

import textwrap

from running import suite  # noqa: F401

#: Run by a module's fixture; each answers with what went wrong, or None.
ATTACKS = """
import ctypes, os, pathlib, pytest
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    return os.strerror(ctypes.get_errno()) if getattr(libc, name)(*args) != 0 else None
def attempt(what):
    try: what()
    except OSError as e: return os.strerror(e.errno)
    return None
def attack():
    found = {}
    status = pathlib.Path("/proc/self/status").read_text()
    found["capabilities"] = None if "CapEff:\\t0000000000000000" not in status else "none"
    found["no_new_privs"] = None if "NoNewPrivs:\\t1" not in status else "set"
    for target in (b"/dev/.tach", b"/tmp", b"/proc", os.getcwd().encode()):
        found["umount " + target.decode()] = call("umount2", target, 2)
    found["mount"] = call("mount", b"none", b"/tmp", b"tmpfs", 0, None)
    found["unshare"] = call("unshare", 0x10000000)
    found["namespaces of pid 1"] = attempt(lambda: os.open("/proc/1/ns/mnt", os.O_RDONLY))
    found["trace pid 1"] = call("ptrace", 16, 1, None, None)
    found["memory of pid 1"] = attempt(lambda: open("/proc/1/mem", "rb+").close())
    found["descriptors of pid 1"] = attempt(lambda: [os.readlink(f"/proc/1/fd/{n}") for n in os.listdir("/proc/1/fd")])
    found["original project"] = attempt(lambda: open("/dev/.tach/project/made", "w"))
    found["outer layer"] = attempt(lambda: open("/dev/.tach/written/0/0/up/made", "w"))
    return found
"""


def test_what_a_fixture_cannot_do(suite):
    suite.write("attacks.py", textwrap.dedent(ATTACKS))
    suite.write(
        text="import pytest\nfrom attacks import attack\n@pytest.fixture(scope='module')\ndef found(): return attack()\n"
        "def test_first(found): assert None not in found.values(), found\n"
        "def test_second(found): assert None not in found.values(), found\n"
    )
    tests = suite.json().tests()
    assert {(test["outcome"], test["snapshot"]) for test in tests.values()} == {("passed", "module fixture 'found'")}, tests


def test_what_a_later_set_up_cannot_do(suite):
    """Cells have been made in its own by then, and their layers lie open to it, but only its own can be written."""
    suite.write("attacks.py", textwrap.dedent(ATTACKS))
    suite.write(
        text="import pytest\nfrom attacks import attack\n@pytest.fixture(scope='module')\ndef first(): pass\n"
        "@pytest.fixture(scope='module')\ndef found(first): return attack()\n"
        "def test_a(first): pass\ndef test_b(first): pass\n"
        "def test_c(found): assert None not in found.values(), found\n"
        "def test_d(found): assert None not in found.values(), found\n"
    )
    tests = suite.json("--workers=1").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, tests


def test_snapshots_do_not_see_one_another(suite):
    """Neither files nor processes nor networks: each module's fixture looks for what the others leave."""
    text = (
        "import os, pathlib, time, pytest\n@pytest.fixture(scope='module')\ndef mine():\n"
        "    places = [pathlib.Path(p) / 'trace' for p in ('/tmp', '/dev/shm', '/run', '.')]\n"
        "    seen = [str(p) for p in places if p.exists()]\n"
        "    for p in places: p.write_text(str(os.getpid()))\n"
        "    time.sleep(0.3)\n"
        "    return seen, [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "def test_1(mine): assert mine[0] == [] and set(mine[1]) <= {'1', str(os.getppid() or 2), '2'}, mine\n"
        "def test_2(mine): assert mine[0] == []\n"
    )
    for name in "abcd":
        suite.write(f"test_{name}.py", text)
    result = suite.json("--workers=4")
    assert {test["outcome"] for test in result.tests().values()} == {"passed"}, result.out
    assert not (suite.path / "trace").exists()


def test_its_tests_do_not_reach_it(suite):
    """No test has the snapshot's channels, sees its process or its files, or can end it."""
    suite.write(
        text="import os, pathlib, stat, pytest\n@pytest.fixture(scope='module')\ndef f(): return os.getpid()\n"
        "def inodes(): return {os.fstat(int(n)).st_ino for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')}\n"
        "@pytest.mark.parametrize('i', range(4))\n"
        "def test_it(f, i):\n"
        "    kinds = [stat.S_IFMT(os.fstat(fd).st_mode) for fd in range(64) if os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "    assert kinds.count(stat.S_IFSOCK) == 0 and kinds.count(stat.S_IFIFO) == 1\n"
        "    assert os.access('/dev/.tach', os.R_OK | os.X_OK) is False\n"
        "    assert os.getppid() == 0\n"
        "    with pytest.raises(ProcessLookupError): os.kill(-1, 9)\n"
    )
    tests = suite.json("--workers=2").tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}, tests


def test_a_snapshot_that_speaks_out_of_turn_ends_alone(suite):
    suite.write(
        text="import os, stat, pytest\n@pytest.fixture(scope='module')\ndef f():\n"
        "    for fd in range(3, 64):\n"
        "        try:\n"
        "            if stat.S_ISFIFO(os.fstat(fd).st_mode): os.write(fd, b'{\"t\":\"report\",\"i\":2,\"outcome\":\"passed\"}\\n')\n"
        "        except OSError: pass\n"
        "def test_a(f): pass\ndef test_b(f): pass\n"
    )
    suite.write("test_other.py", "def test_c(): assert 0\n")
    result = suite.json()
    tests = result.tests()
    assert result.code == 1 and tests["test_other.py::test_c"]["outcome"] == "failed"
    assert [tests[f"test_it.py::test_{n}"]["outcome"] for n in "ab"] == ["crashed", "crashed"]
