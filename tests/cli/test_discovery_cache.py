"""What was parsed is kept for the next run: with it, without it and whatever became of it, the answers are the same."""

import concurrent.futures
import os
import pathlib
import random
import subprocess
import tempfile

import pytest
from running import DENY, ROOT, TACH, environment

MODULE = """\
import pytest
from helpers import VALUES

@pytest.fixture(params=["x", "y"])
def made_{n}(request):
    return request.param

@pytest.mark.parametrize("a, b", [(1, 2), (3, {n}), ("s", None)])
def test_pairs(a, b): assert a
@pytest.mark.parametrize("v", VALUES)
def test_values_{n}(v): pass
class TestMany:
    '''{filling}

    >>> {n}
    {n}
    '''
    def test_a(self, made_{n}): pass
    def test_b(self, missing_{n}): pass
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    root.mkdir()
    (root / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (root / "helpers.py").write_text("VALUES = [10, 20]\n")
    (root / "conftest.py").write_text("import pytest\n@pytest.fixture(autouse=True)\ndef always(): pass\n")
    for n in range(60):
        (root / f"test_{n}.py").write_text(MODULE.format(n=n, filling=f"what is left out {n} " * 40))
    return root


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "xdg"


WAYS = (["--format=json"], ["-k", "test_a"], ["--fixtures", "--format=json"], ["--doctest-modules"])


def run(project, cache, *args, **env):
    env = environment(XDG_CACHE_HOME=str(cache), **env)
    command = [TACH, "list", *args]
    done = subprocess.run(command, cwd=project, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def answers(project, cache, **env):
    return [run(project, cache, *args, **env) for args in WAYS]


def anew(project):
    """The answers of a tach that keeps nothing."""
    return answers(project, "/nonexistent", TACH_DISCOVERY_CACHE="false")


def stores(cache):
    return sorted((cache / "tach").glob("*.trees"))


def own(cache):
    """The project's own store, beside the one of all projects, whose name is the hash of nothing."""
    (one,) = [p for p in stores(cache) if not p.name.startswith("0e5751c026e543b2")]
    return one


def test_answers_are_the_same(project, cache):
    expected = anew(project)
    assert expected[0][0] == 0 and expected[0][1].count(b"\n") == 60 * 8
    assert not cache.exists()
    assert answers(project, cache) == expected
    assert stores(cache)
    before = [p.stat().st_mtime_ns for p in stores(cache)]
    assert answers(project, cache) == expected
    assert [p.stat().st_mtime_ns for p in stores(cache)] == before  # nothing was parsed, so nothing is written
    assert (cache / "tach" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55\n")
    assert [p for p in project.iterdir() if p.suffix not in (".py", ".ini")] == []


def test_an_edit_is_seen_whatever_its_times_say(project, cache):
    answers(project, cache)
    file = project / "test_7.py"
    times = file.stat()
    file.write_text(file.read_text().replace("test_pairs", "test_paris"))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert b"test_7.py::test_paris[1-2]" in run(project, cache)[1]
    assert answers(project, cache) == anew(project)
    (project / "helpers.py").write_text("VALUES = [10, 30]\n")
    assert b"test_values_3[30]" in run(project, cache)[1]
    assert answers(project, cache) == anew(project)
    os.utime(file)
    (project / "test_8.py").rename(project / "test_80.py")
    (project / "test_9.py").unlink()
    assert answers(project, cache) == anew(project)
    file.write_text(file.read_text() + "def (:\n")
    assert answers(project, cache) == anew(project)


def test_it_can_be_deleted_at_any_time(project, cache):
    expected = anew(project)
    answers(project, cache)
    for path in [*stores(cache), cache / "tach" / "CACHEDIR.TAG"]:
        path.unlink()
    assert answers(project, cache) == expected
    assert stores(cache)
    subprocess.run(["rm", "-r", cache], check=True)
    assert answers(project, cache) == expected
    assert stores(cache)


def test_a_damaged_file_is_written_anew(project, cache):
    expected = anew(project)
    answers(project, cache)
    pick = random.Random(3)
    for turn in range(12):
        for path in stores(cache):
            data = bytearray(path.read_bytes())
            if turn % 3 == 0:
                data = data[: pick.randrange(len(data))]
            for _ in range(turn % 3 * 20):
                data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
            path.write_bytes(data)
        assert answers(project, cache) == expected
    for path in stores(cache):
        path.write_bytes(b"")
    assert answers(project, cache) == expected
    sizes = [p.stat().st_size for p in stores(cache)]
    assert min(sizes) > 10000


def test_another_tach_has_its_own(project, cache, tmp_path):
    answers(project, cache)
    store = own(cache)
    before = store.read_bytes()
    other = tmp_path / "other" / "tach"
    other.parent.mkdir()
    other.write_bytes(pathlib.Path(TACH).read_bytes())
    notes = subprocess.run(["readelf", "-n", TACH], capture_output=True, text=True).stdout
    build_id = next((line.split()[-1] for line in notes.splitlines() if "Build ID" in line), None)
    if build_id is None:
        pytest.skip("this tach has no build id, or there is no readelf")
    other.write_bytes(other.read_bytes().replace(bytes.fromhex(build_id), bytes(len(build_id) // 2)))
    other.chmod(0o755)
    env = environment(XDG_CACHE_HOME=str(cache))
    done = subprocess.run([other, "list", "--format=json"], cwd=project, env=env, capture_output=True, timeout=60)
    assert done.stdout == anew(project)[0][1]
    assert store.read_bytes()[:40] != before[:40]  # it took nothing of it, and left one of its own
    assert answers(project, cache) == anew(project)


def test_many_at_once(project, cache):
    expected = anew(project)[0]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            results = list(pool.map(lambda n: run(project, cache, "--format=json"), range(4)))
            assert all(result == expected for result in results)
            (project / "test_1.py").write_text(MODULE.format(n=1, filling="other " * 8000))
            expected = anew(project)[0]
    assert [p for p in (cache / "tach").iterdir() if p.suffix not in (".trees", ".TAG")] == []


@pytest.mark.parametrize("why", ["no HOME", "HOME is no folder", "read-only", "full", "another's", "a file"])
def test_where_it_cannot_be_kept_nothing_is_said(project, cache, tmp_path, why):
    expected = run(project, "/nonexistent", TACH_DISCOVERY_CACHE="0")
    env = {k: v for k, v in environment().items() if k not in ("HOME", "XDG_CACHE_HOME")}
    command = [TACH, "list"]
    cache.mkdir()
    if why == "HOME is no folder":
        env["HOME"] = str(project / "helpers.py")
    elif why != "no HOME":
        env["XDG_CACHE_HOME"] = str(cache)
    if why == "read-only":
        command = [DENY, "mkdirat=EROFS", "mkdir=EROFS", "--", *command]
    elif why == "full":
        (cache / "tach").mkdir(mode=0o700)
        command = [DENY, "pwrite64=ENOSPC", "--", *command]
    elif why == "another's":
        (cache / "tach").mkdir(mode=0o700)
        (cache / "tach").chmod(0o777)
    elif why == "a file":
        (cache / "tach").write_text("")
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == expected
    assert list(cache.glob("tach/*")) == []


@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_it_can_be_switched_off(project, cache, how):
    args = ["--no-discovery-cache"] if how == "flag" else []
    env = {"TACH_DISCOVERY_CACHE": "false"} if how == "variable" else {}
    if how == "file":
        (project / "pyproject.toml").write_text("[tool.tach]\ndiscovery_cache = false\n")
    assert run(project, cache, *args, **env)[0] == 0
    assert not cache.exists()
    if how == "file":
        assert run(project, cache, TACH_DISCOVERY_CACHE="true")[0] == 0
        assert stores(cache)


def test_the_switch_is_true_or_false(project, cache):
    code, _, err = run(project, cache, TACH_DISCOVERY_CACHE="maybe")
    assert code == 4 and b'TACH_DISCOVERY_CACHE: expected true or false, found "maybe"' in err
    (project / "pyproject.toml").write_text('[tool.tach]\ndiscovery_cache = "no"\n')
    code, _, err = run(project, cache)
    assert code == 4 and b"pyproject.toml:2: tool.tach.discovery_cache: expected true or false" in err


def test_code_under_test_cannot_write_it():
    """Neither when it is imported nor when it runs: the user's own folder is read-only in every sandbox."""
    with tempfile.TemporaryDirectory(prefix=".tach-cache-test.", dir=pathlib.Path.home()) as name:
        folder = pathlib.Path(name)
        (folder / "cache" / "tach").mkdir(parents=True, mode=0o700)
        root = folder / "project"
        root.mkdir()
        (root / "test_it.py").write_text(
            "import pathlib\n"
            f"place = pathlib.Path({str(folder / 'cache' / 'tach')!r})\n"
            "def attempt(name):\n"
            "    try:\n"
            "        place.mkdir(parents=True, exist_ok=True)\n"
            "        (place / name).write_text('x')\n"
            "    except OSError:\n"
            "        pass\n"
            "attempt('import.trees')\n"
            "def test_it(): attempt('test.trees')\n"
        )
        env = environment(XDG_CACHE_HOME=str(folder / "cache"))
        done = subprocess.run([TACH], cwd=root, env=env, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        left = {p.name for p in (folder / "cache" / "tach").iterdir()}
        assert "import.trees" not in left and "test.trees" not in left


def test_python_s_own_sources(cache):
    """The standard library's modules, given as files."""
    folder = next(p for p in pathlib.Path("/usr/lib").glob("python3.*") if (p / "unittest").is_dir())
    files = [str(p) for p in sorted([*folder.glob("*.py"), *folder.glob("unittest/*.py")])[:120]]
    args = ["--rootdir", str(folder), "--format=json", *files]
    expected = run(ROOT, cache, "--no-discovery-cache", *args)
    assert run(ROOT, cache, *args) == expected
    assert run(ROOT, cache, *args) == expected
    assert stores(cache)
