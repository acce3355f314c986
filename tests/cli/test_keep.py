"""What tests write to the project and the project gets (tach.keep), and what is said about it."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import time

import pytest
from running import NOBODY

KEEP = '[tool.tach]\nkeep = ["*.txt", "out/**"]\n'


def files(folder):
    """{path: text} of what the tests made; links as "-> target"."""
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if name.startswith((".pytest_cache", "pyproject.toml", "test_", "conftest.py")) or "__pycache__" in name:
            continue
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)}"
        elif path.is_file():
            found[name] = path.read_text()
    return found


def wrote(result):
    return {event["who"]: (event["kept"], event["lost"]) for event in result.events if event["event"] == "wrote"}


def errors(result):
    return [event["what"] for event in result.events if event["event"] == "error"]


def give(folder, user):
    """The folder and what is in it become USER's, who can reach it."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user)
    for parent in folder.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)


@pytest.fixture
def project(suite):
    suite.write("pyproject.toml", KEEP)
    return suite


@pytest.mark.parametrize("user", [None, NOBODY], ids=["root", "ordinary"])
def test_what_matches_is_kept_and_the_rest_is_lost(project, user):
    project.write("old.txt", "old")
    project.write("changed.txt", "before")
    project.write(
        text="import os\n"
        "def test_it():\n"
        "    os.makedirs('out/deep/er'); open('out/deep/er/x', 'w').write('x')\n"
        "    os.symlink('x', 'out/deep/er/link')\n"
        "    open('new.txt', 'w').write('new'); open('changed.txt', 'a').write(' after'); os.unlink('old.txt')\n"
        "    open('other.tmp', 'w').write('y')\n"
        "def test_other(): assert not os.path.exists('other.tmp')\n"
    )
    if user is not None:
        give(project.path, user)
    result = project.json(user=user)
    assert result.code == 0, result.out + result.err
    assert files(project.path) == {
        "new.txt": "new", "changed.txt": "before after", "out/deep/er/x": "x", "out/deep/er/link": "-> x",
    }  # fmt: skip
    assert wrote(result) == {
        "test_it.py::test_it": (
            ["changed.txt", "new.txt", "old.txt", "out/deep/er/link", "out/deep/er/x"],
            ["other.tmp"],
        )
    }
    assert not list(project.path.rglob(".tach-keep-*"))


def test_nothing_is_written_without_a_pattern(suite):
    suite.write("old.txt", "old")
    suite.write(text="import os\ndef test_it(): os.unlink('old.txt'); open('new.txt', 'w').write('new')\n")
    result = suite.json()
    assert files(suite.path) == {"old.txt": "old"} and wrote(result) == {}
    verbose = suite.tach("-v")
    assert files(suite.path) == {"old.txt": "old"}
    assert "test_it.py::test_it: lost new.txt, old.txt\n" in verbose.out
    assert "2 paths that tests wrote to the project are gone with their cells (keep)\n" in verbose.out
    assert "lost" not in suite.tach().out


def test_the_option_adds_to_the_file(project):
    project.write(text="def test_it():\n    for n in ('a.txt', 'a.bin', 'a.tmp'): open(n, 'w').write(n)\n")
    result = project.tach("--keep", "*.bin", "-v")
    assert files(project.path) == {"a.txt": "a.txt", "a.bin": "a.bin"}
    assert "test_it.py::test_it: kept a.bin, a.txt; lost a.tmp\n" in result.out
    assert "2 project paths kept, 1 lost\n" in result.out
    assert "2 project paths kept, 1 lost (-v lists them)\n" in project.tach("--keep", "*.bin").out


@pytest.mark.parametrize(
    "pattern, wrong", [("/etc/*", "/"), ("../x", ".."), ("", "expected a pattern"), ("a//b", "//"), ("[a", "["), ("a/**b", "**")]
)
def test_bad_patterns(suite, pattern, wrong):
    suite.write(text="def test_it(): pass\n")
    result = suite.tach("--keep", pattern)
    assert result.code == 4 and result.err.startswith("tach: settings: --keep: ") and result.err.count("\n") <= 2, result.err
    assert wrong in result.err


def test_two_that_write_different_things(project):
    project.write(
        text="def test_a(): open('same.txt', 'w').write('same'); open('x.txt', 'w').write('a')\n"
        "def test_b(): open('same.txt', 'w').write('same'); open('x.txt', 'w').write('b')\n"
    )
    result = project.json("--workers=1")
    assert result.code == 1
    (error,) = errors(result)
    assert error == (
        "x.txt: test_it.py::test_a wrote it and test_it.py::test_b wrote something else: what the first one did was kept"
    )
    assert files(project.path) == {"same.txt": "same", "x.txt": "a"}
    assert {test["outcome"] for test in result.tests().values()} == {"passed"}
    human = project.tach("--workers=1")
    assert human.code == 1 and error in human.err and "let each test write files of its own" in human.err
    assert "1 error" in human.out


def test_one_removes_what_the_other_writes(project):
    project.write("x.txt", "x")
    project.write(
        text="import os\ndef test_a(): os.unlink('x.txt')\ndef test_b(): open('x.txt', 'w').write('b')\n"
        "def test_c(): pass\n"
    )
    result = project.json("--workers=1")
    assert result.code == 1
    assert errors(result) == [
        "x.txt: test_it.py::test_a removed it and test_it.py::test_b wrote it: what the first one did was kept"
    ]
    assert files(project.path) == {}


def test_both_remove_it(project):
    project.write("x.txt", "x")
    project.write(text="import os\ndef test_a(): os.unlink('x.txt')\ndef test_b(): os.path.exists('x.txt') and os.unlink('x.txt')\n")
    result = project.json("--workers=1")
    assert result.code == 0 and files(project.path) == {}


def test_folders(project):
    project.write("out/a/1", "1")
    project.write("out/b/2", "2")
    project.write("out/c/3", "3")
    project.write(
        text="import os, shutil\n"
        "def test_it():\n"
        "    shutil.rmtree('out/a')\n"  # gone
        "    shutil.rmtree('out/b'); os.mkdir('out/b'); open('out/b/new', 'w').write('new')\n"  # another in its place
        "    shutil.rmtree('out/c'); open('out/c', 'w').write('a file')\n"  # a file in its place
        "    os.makedirs('out/empty'); os.chmod('out/empty', 0o750)\n"
    )
    result = project.json()
    assert result.code == 0, result.out
    assert files(project.path) == {"out/b/new": "new", "out/c": "a file"}
    assert not (project.path / "out/a").exists()
    assert stat.S_IMODE((project.path / "out/empty").stat().st_mode) == 0o750


def test_a_folder_that_several_make_at_once(project):
    """And the fixture around them, and the suite itself, before them: no one removed what is not theirs."""
    project.write("pyproject.toml", '[tool.tach]\nkeep = ["out/**", "old/**", "made/**"]\n')
    project.write("old/sub/1", "1")
    project.write("conftest.py", "import os, pathlib, pytest\nos.makedirs('out/deep'); open('out/first', 'w').close()\n"
        "@pytest.fixture(scope='module')\n"
        "def wide():\n    os.makedirs('out/wide'); open('out/wide/begin', 'w').close(); yield; open('out/wide/end', 'w').close()\n"
        "def pytest_sessionfinish(): open('out/last', 'w').close(); open('out/deep/last', 'w').close()\n")  # fmt: skip
    project.write("test_wide.py", "def test_a(wide): open('out/wide/a', 'w').close()\ndef test_b(wide): open('out/wide/b', 'w').close()\n")
    project.write(
        text="import os, pathlib, pytest, shutil, time\n"
        "@pytest.mark.parametrize('n', range(4))\n"
        "def test_it(n):\n"
        "    os.makedirs('made/deep/er', exist_ok=True); os.makedirs(f'made/empty{n}', exist_ok=True)\n"
        "    time.sleep(0.3)\n"
        "    for folder in ('made', 'made/deep/er', 'out/deep'): open(f'{folder}/{n}', 'w').close()\n"
    )
    project.write("test_old.py", "import os, shutil\ndef test_old(): shutil.rmtree('old'); os.makedirs('old/sub/new'); open('old/sub/2', 'w').close()\n")
    result = project.json("-n", "4")
    assert result.code == 0 and not errors(result), result.out
    found = files(project.path)
    assert set(found) == {
        "out/first", "out/last", "out/deep/last", "out/wide/begin", "out/wide/end", "out/wide/a", "out/wide/b", "old/sub/2",
        *(f"{folder}/{n}" for folder in ("made", "made/deep/er", "out/deep") for n in range(4)),
    }  # fmt: skip
    assert sorted(path.name for path in (project.path / "made").glob("empty*")) == ["empty0", "empty1", "empty2", "empty3"]


def test_a_folder_that_is_made_anew_has_nothing_of_those_before(project):
    project.write(text="import os, shutil\n"
        "def test_a(): os.mkdir('out'); open('out/a', 'w').close()\n"
        "def test_b(): shutil.rmtree('out'); os.mkdir('out'); open('out/b', 'w').close()\n")  # fmt: skip
    result = project.json("-n", "1", "--reuse", "never")
    assert errors(result) == ["out/a: test_it.py::test_a wrote it and test_it.py::test_b removed it: what the first one did was kept"]


def test_a_removed_folder_keeps_what_no_pattern_has(suite):
    suite.write("pyproject.toml", '[tool.tach]\nkeep = ["out/**/*.txt"]\n')
    suite.write("out/a/1.txt", "1")
    suite.write("out/a/2.bin", "2")
    suite.write(text="import shutil\ndef test_it(): shutil.rmtree('out')\n")
    suite.json()
    assert files(suite.path) == {"out/a/2.bin": "2"}


def test_modes_and_times(project):
    project.write(
        text="import os\n"
        "def test_it():\n"
        "    open('a.txt', 'w').write('a'); os.chmod('a.txt', 0o4751); os.utime('a.txt', (1, 1234567890))\n"
        "    open('secret.txt', 'w').write('s'); os.chmod('secret.txt', 0)\n"
    )
    assert project.json().code == 0
    a, secret = (project.path / "a.txt").stat(), (project.path / "secret.txt").stat()
    assert stat.S_IMODE(a.st_mode) == 0o751 and a.st_mtime == 1234567890  # no setuid
    assert stat.S_IMODE(secret.st_mode) == 0 and secret.st_size == 1


def test_a_file_is_replaced_at_once(project):
    """Who has it open reads the old one to its end."""
    file = project.write("x.txt", "old" * 100000)
    project.write(text="def test_it(): open('x.txt', 'w').write('new' * 100000)\n")
    with file.open() as before:
        before.read(10)
        assert project.json().code == 0
        assert before.read() == ("old" * 100000)[10:]
    assert file.read_text() == "new" * 100000


def test_crashed_and_timed_out_tests(project):
    project.write(
        text="import os, time\n"
        "def test_crash(): open('crash.txt', 'w').write('c'); os.kill(os.getpid(), 9)\n"
        "def test_slow(): open('slow.txt', 'w').write('s'); time.sleep(60)\n"
        "def test_daemon():\n"
        "    if os.fork() == 0:\n"
        "        os.setsid(); time.sleep(0.2); open('late.txt', 'w').write('l'); time.sleep(60)\n"
    )
    result = project.json("--timeout=1")
    assert result.code == 1
    found = files(project.path)
    assert found.pop("late.txt", "l") == "l"  # its cell may end before
    assert found == {"crash.txt": "c", "slow.txt": "s"}


def test_fixtures_of_wider_scopes(project):
    """As if they had run one after another: set-up, tests, teardown."""
    project.write("gone.txt", "before")
    project.write(
        "conftest.py",
        "import os, pytest\n"
        "@pytest.fixture(scope='session')\n"
        "def outer():\n"
        "    for n in ('outer.txt', 'all.txt'): open(n, 'w').write('outer')\n"
        "    os.makedirs('out/o'); open('out/o/1', 'w').write('1')\n"
        "    yield\n"
        "    open('end.txt', 'w').write('end'); open('last.txt', 'w').write('outer')\n",
    )
    project.write("test_other.py", "def test_c(outer): pass\ndef test_d(outer): pass\n")
    project.write(
        text="import os, pytest\n"
        "@pytest.fixture(scope='module')\n"
        "def inner(outer):\n"
        "    for n in ('inner.txt', 'all.txt', 'removed.txt'): open(n, 'w').write('inner')\n"
        "    os.unlink('gone.txt')\n"
        "    yield\n"
        "def test_a(inner):\n"
        "    open('all.txt', 'w').write('test'); os.unlink('removed.txt'); open('last.txt', 'w').write('test')\n"
        "    os.unlink('out/o/1'); open('gone.txt', 'w').write('again')\n"
        "def test_b(inner): pass\n"
    )
    result = project.json()
    assert result.code == 0, result.out
    assert files(project.path) == {
        "outer.txt": "outer", "all.txt": "test", "inner.txt": "inner", "end.txt": "end", "last.txt": "outer",
        "gone.txt": "again",
    }  # fmt: skip
    assert "module fixture 'inner' of test_it.py" in wrote(result) and "session fixture 'outer'" in wrote(result), wrote(result)


def test_tests_in_one_worker(project):
    project.write("pyproject.toml", KEEP + 'shared = ["test_it.py"]\n')
    project.write(text="def test_a(): open('a.txt', 'w').write('a')\ndef test_b(): open('a.txt', 'a').write('b')\n")
    result = project.json()
    assert result.code == 0 and files(project.path) == {"a.txt": "ab"}
    assert wrote(result) == {"test_it.py::test_b (or one before it)": (["a.txt"], [])}


def test_what_the_suite_itself_writes(project):
    project.write(
        "conftest.py",
        "open('import.txt', 'w').write('i')\ndef pytest_sessionfinish(): open('end.txt', 'w').write('e')\n",
    )
    project.write(text="def test_it(): assert open('import.txt').read() == 'i'\n")
    result = project.json()
    assert result.code == 0 and files(project.path) == {"import.txt": "i", "end.txt": "e"}
    assert wrote(result) == {"the suite itself": (["end.txt", "import.txt"], [])}


def test_what_ran_again_to_find_out_about_order_is_not_kept(project):
    project.write(
        text="state = []\n"
        "def test_a(): state.append(1); open('a.txt', 'w').write('a')\n"
        "def test_b(): open(f'b{len(state)}.txt', 'w').write('b'); assert state\n"
    )
    result = project.json()
    assert result.tests()["test_it.py::test_b"]["depends_on"] == "test_it.py"
    assert files(project.path) == {"a.txt": "a", "b0.txt": "b"}


def test_many_tests(project):
    """In cells that are used again, and in others: each has its own."""
    project.write(
        text="import pytest\n"
        "@pytest.mark.parametrize('i', range(200))\n"
        "def test_it(i):\n    if i % 3 == 0: open(f'out{i}.txt', 'w').write(str(i))\n"
    )
    result = project.json()
    assert result.code == 0
    assert files(project.path) == {f"out{i}.txt": str(i) for i in range(0, 200, 3)}
    assert wrote(result) == {f"test_it.py::test_it[{i}]": ([f"out{i}.txt"], []) for i in range(0, 200, 3)}


def test_long_lists_are_cut(project):
    project.write(text="def test_it():\n    for i in range(50): open(f'{i}.txt', 'w'); open(f'{i}.bin', 'w')\n")
    result = project.json()
    (event,) = [event for event in result.events if event["event"] == "wrote"]
    assert event["n_kept"] == event["n_lost"] == 50 and len(event["kept"]) == len(event["lost"]) == 20
    assert " and 30 more; lost " in project.tach("-v").out


def test_names_of_all_kinds(project):
    names = ["a b,c:d\\e.txt", "é.txt", "-rf.txt", "*.txt", "new\nline.txt"]
    project.write(text=f"def test_it():\n    for n in {names!r}: open(n, 'w').write(n)\n")
    assert project.json().code == 0
    assert files(project.path) == {name: name for name in names}


def test_a_project_that_cannot_be_written(project):
    project.write(text="def test_it(): open('a.txt', 'w').write('a')\n")
    give(project.path, 1)
    result = project.json(user=NOBODY)
    assert result.code == 1 and files(project.path) == {}
    assert errors(result) == ["a.txt of test_it.py::test_it cannot be kept: EACCES (Permission denied)"]


def test_a_full_disk(project, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", disk], check=True)
    try:
        for file in ("pyproject.toml",):
            (disk / file).write_text(KEEP)
        (disk / "test_it.py").write_text(
            "def test_big(): open('big.txt', 'w').write('x' * 1000000)\ndef test_small(): open('small.txt', 'w').write('s')\n"
        )
        project.path = disk
        result = project.json("-p", "no:cacheprovider")
        assert result.code == 1 and files(disk) == {"small.txt": "s"}
        assert errors(result) == ["big.txt of test_it.py::test_big cannot be kept: ENOSPC (No space left on device)"]
        assert not list(disk.rglob(".tach-keep-*"))
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_without_isolation_tests_write_themselves(project):
    project.write(text="def test_it(): open('a.txt', 'w').write('a'); open('b.tmp', 'w').write('b')\n")
    result = project.json("--no-isolation")
    assert files(project.path) == {"a.txt": "a", "b.tmp": "b"} and wrote(result) == {}


def test_a_killed_writer(project):
    """One error; the tests go on."""
    project.write(
        text="import time, pytest\n@pytest.mark.parametrize('i', range(4))\n"
        "def test_it(i): time.sleep(0.5); open(f'{i}.txt', 'w')\n"
    )
    run = project.start("--workers=1")
    deadline, pid = time.monotonic() + 20, None
    while pid is None and time.monotonic() < deadline:
        for child in filter(str.isdigit, os.listdir("/proc")):
            try:
                comm = pathlib.Path(f"/proc/{child}/comm").read_text()
                parent = int(pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[1])
                up = pathlib.Path(f"/proc/{parent}/stat").read_text().rsplit(")", 1)[1].split()[1]
            except (OSError, IndexError):
                continue
            if comm == "tach-writer\n" and run.pid in (parent, int(up)):
                pid = int(child)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    out, _ = run.communicate(timeout=60)
    events = [json.loads(line) for line in out.splitlines()]
    assert run.returncode == 1
    assert [e["what"] for e in events if e["event"] == "error"] == ["the process that writes to the project was killed"]
    assert sum(e["event"] == "test" and e["outcome"] == "passed" for e in events) == 4


def test_an_interrupted_run_keeps_what_was_done(project):
    project.write(
        text="import time\ndef test_a(): open('a.txt', 'w').write('a')\n"
        "def test_b(): open('b.txt', 'w').write('b'); time.sleep(60)\n"
    )
    run = project.start("--workers=1")
    for line in run.stdout:
        if '"test"' in line:
            break
    time.sleep(0.5)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 2
    assert files(project.path)["a.txt"] == "a"


