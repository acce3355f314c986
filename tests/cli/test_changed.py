"""--changed: which test files a change of the work tree can affect, asked of git without running what it configures."""

import json
import os
import pathlib
import subprocess
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "PYTHONPATH", "GIT_"))}
    about = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a"}
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", "GIT_COMMITTER_EMAIL": "a@b", **about, **more}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def git(folder, *args):
    return subprocess.run(["git", *args], cwd=folder, env=environment(), check=True, capture_output=True, text=True).stdout


def tach(folder, *args, **more):
    return subprocess.run([TACH, *args], cwd=folder, env=environment(**more), capture_output=True, text=True)


def selected(folder, *args):
    """The test files that would be collected."""
    done = tach(folder, "spec", *args)
    assert done.returncode == 0, done.stderr
    excluded = json.loads(done.stdout)["tach"].get("select", {"excluded": []})["excluded"]
    found = {str(path.relative_to(folder)) for path in folder.rglob("test_*.py")}
    assert set(excluded) <= found
    return sorted(found - set(excluded))


FILES = {
    "pytest.ini": "[pytest]\n",
    "README.md": "read me\n",
    "pkg/__init__.py": "",
    "pkg/core.py": "from . import low\n",
    "pkg/low.py": "X = 1\n",
    "pkg/typed.py": "",
    "pkg/late.py": "",
    "pkg/plugins/__init__.py": "",
    "pkg/plugins/one.py": "",
    "tests/conftest.py": "",
    "tests/test_core.py": """
        from pkg.core import low
        def test_core(): pass
    """,
    "tests/test_late.py": """
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from pkg import typed
        def test_late():
            try:
                import pkg.late
            except ImportError:
                pass
    """,
    "tests/test_other.py": "def test_other(): pass\n",
    "tests/sub/conftest.py": "",
    "tests/sub/test_sub.py": """
        import importlib
        def test_sub():
            importlib.import_module("pkg.plugins." + "one")
    """,
}
ALL = ["tests/sub/test_sub.py", "tests/test_core.py", "tests/test_late.py", "tests/test_other.py"]


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "project"
    write(folder, FILES)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


CHANGES = {
    "nothing": ({}, []),
    "a module": ({"pkg/low.py": "X = 2\n"}, ["tests/test_core.py"]),
    "an import in a function": ({"pkg/late.py": "X = 2\n"}, ["tests/test_late.py"]),
    "what only type checkers import": ({"pkg/typed.py": "X = 2\n"}, []),
    "a package": ({"pkg/__init__.py": "X = 2\n"}, ["tests/sub/test_sub.py", "tests/test_core.py", "tests/test_late.py"]),
    "below a computed name": ({"pkg/plugins/one.py": "X = 2\n"}, ["tests/sub/test_sub.py"]),
    "a test file": ({"tests/test_other.py": "def test_other(): assert 1\n"}, ["tests/test_other.py"]),
    "a new test file": ({"tests/test_new.py": "def test_new(): pass\n"}, ["tests/test_new.py"]),
    "a new module that is imported": ({"tests/importlib.py": ""}, ["tests/sub/test_sub.py"]),
    "a conftest": ({"tests/sub/conftest.py": "X = 2\n"}, ["tests/sub/test_sub.py"]),
    "a new conftest": ({"conftest.py": ""}, ALL),
    "settings": ({"pytest.ini": "[pytest]\naddopts = -q\n"}, ALL),
    "settings of a folder": ({"tests/sub/tox.ini": ""}, ["tests/sub/test_sub.py"]),
    "prose": ({"README.md": "new\n", "docs/index.rst": "x"}, []),
    "data": ({"tests/data.json": "{}\n"}, ALL),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_change_affects(repository, name):
    change, expected = CHANGES[name]
    write(repository, change)
    assert selected(repository, "--changed") == expected
    git(repository, "add", ".")  # staged, nothing differs
    assert selected(repository, "--changed") == expected
    if change:
        git(repository, "commit", "-qm", "second")
        assert selected(repository, "--changed=HEAD~1") == expected
    assert selected(repository, "--changed") == []


def test_moves_and_deletions_affect_who_imports_the_old_name(repository):
    git(repository, "mv", "pkg/low.py", "pkg/lower.py")
    assert selected(repository, "--changed") == ["tests/test_core.py"]
    git(repository, "reset", "-q", "--hard")
    (repository / "pkg/late.py").unlink()
    assert selected(repository, "--changed") == ["tests/test_late.py"]
    git(repository, "reset", "-q", "--hard")
    (repository / "tests/conftest.py").unlink()
    assert selected(repository, "--changed") == ALL


def test_prose_that_a_file_reads(repository):
    write(repository, {"tests/test_other.py": "def test_other(): open('README.md')\n"})
    git(repository, "commit", "-qam", "second")
    write(repository, {"README.md": "new\n"})
    assert selected(repository, "--changed") == ["tests/test_other.py"]


def test_what_imports_by_computed_names_is_affected_by_all(repository):
    write(repository, {"pkg/late.py": "def load(name): return __import__(name)\n"})
    git(repository, "commit", "-qam", "second")
    write(repository, {"pkg/typed.py": "X = 1\n"})
    assert selected(repository, "--changed") == ["tests/test_late.py"]
    done = tach(repository, "--no-isolation", "--changed")
    assert "pkg/late.py line 1: __import__ with a computed name" in done.stderr


def test_a_touched_file_has_not_changed(repository):
    os.utime(repository / "pkg/low.py", (1, 1))
    (repository / "pkg/core.py").write_text(FILES["pkg/core.py"])
    assert selected(repository, "--changed") == []


def test_names_of_any_kind(repository):
    odd = 'tests/test_"ä \n\\odd.py'
    write(repository, {odd: "def test_odd(): pass\n"})
    done = tach(repository, "list", "--graph=imports")
    assert done.returncode == 0
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "odd")
    write(repository, {odd: "def test_odd(): assert 1\n", "tests/test_ö.py": "def test_oe(): pass\n"})
    assert selected(repository, "--changed") == [odd, "tests/test_ö.py"]


def test_before_the_first_commit(tmp_path):
    write(tmp_path, FILES)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    assert selected(tmp_path, "--changed") == ALL


def test_a_root_below_the_repository(tmp_path):
    write(tmp_path, {"lib/pkg/__init__.py": "", "py/pytest.ini": "[pytest]\n", "py/test_a.py": "import pkg\n", "py/test_b.py": ""})
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    write(tmp_path, {"lib/pkg/__init__.py": "X = 1\n"})
    assert selected(tmp_path / "py", "--changed") == ["test_a.py"]


def test_only_affected_files_are_run(repository):
    write(repository, {"pkg/low.py": "X = 2\n", "tests/test_other.py": FILES["tests/test_other.py"]})
    done = tach(repository, "--no-isolation", "--changed")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    assert done.stderr == "tach: --changed: 1 of 4 test files, by 1 changed files\n"
    named = tach(repository, "--no-isolation", "--changed", "tests/test_other.py", "tests/test_core.py::test_core")
    assert named.returncode == 0 and "1 passed" in named.stdout, named.stdout + named.stderr
    git(repository, "reset", "-q", "--hard")
    none = tach(repository, "--no-isolation", "--changed")
    assert none.returncode == 5, none.stdout + none.stderr


def test_errors_are_one_line(tmp_path, repository):
    outside = tmp_path / "outside"
    write(outside, {"test_a.py": "def test_a(): pass\n"})
    done = tach(outside, "--changed")
    assert (done.returncode, done.stdout) == (4, "") and done.stderr.count("\n") == 1
    assert f"tach: changed: {outside} is not in a git repository" in done.stderr
    for rev in ("nothing", "-x", "HEAD:pkg", "--help"):
        done = tach(repository, f"--changed={rev}")
        assert done.returncode == 4 and done.stderr.startswith(f"tach: changed: no commit {rev}") and done.stderr.count("\n") == 1
    done = tach(repository, "--changed", PATH="/nonexistent")
    assert done.returncode == 4 and done.stderr.startswith("tach: changed: git is needed") and done.stderr.count("\n") == 1


def test_nothing_of_a_hostile_repository_is_executed(repository, tmp_path):
    proof = tmp_path / "executed"
    program = repository / "evil.sh"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >>{proof}\ncat\n")
    program.chmod(0o755)
    hooks = repository / ".git/hooks"
    for name in ("post-index-change", "pre-commit", "fsmonitor-watchman", "reference-transaction"):
        (hooks / name).write_text(program.read_text())
        (hooks / name).chmod(0o755)
    (repository / ".gitattributes").write_text("*.py filter=evil diff=evil merge=evil\n* ident\n")
    git(repository, "add", ".gitattributes")
    settings = {
        "core.fsmonitor": program, "core.pager": program, "core.sshCommand": program, "core.editor": program,
        "core.askPass": program, "core.gitProxy": program, "pager.diff-index": program, "pager.ls-files": program,
        "diff.external": program, "diff.evil.textconv": program, "diff.evil.command": program,
        "filter.evil.clean": program, "filter.evil.smudge": program, "filter.evil.process": program,
        "filter.evil.required": "true", "interactive.diffFilter": program, "credential.helper": program,
        "gpg.program": program, "alias.diff-index": f"!{program}", "alias.rev-parse": f"!{program}",
        "remote.origin.url": f"ext::{program} %S", "remote.origin.promisor": "true",
        "extensions.partialClone": "origin", "diff.relative": "true",
    }  # fmt: skip
    with open(repository / ".git/config", "a", encoding="utf-8") as config:
        for key, value in settings.items():
            section, _, name = key.rpartition(".")
            head, _, rest = section.partition(".")
            config.write(f'[{head} "{rest}"]\n' if rest else f"[{head}]\n")
            config.write(f"\t{name} = {json.dumps(str(value))}\n")
    write(repository, {"pkg/low.py": "X = 3\n"})
    os.utime(repository / "pkg/late.py", (1, 1))
    proof.unlink(missing_ok=True)
    assert "tests/test_core.py" in selected(repository, "--changed")
    assert tach(repository, "--changed=nothing").returncode == 4
    blob = subprocess.run(["git", "-c", "core.fsmonitor=false", "rev-parse", "HEAD:pkg/late.py"], cwd=repository, env=environment(), capture_output=True, text=True).stdout.strip()
    (repository / ".git/objects" / blob[:2] / blob[2:]).unlink()  # what is missing is not fetched either
    assert "tests/test_core.py" in selected(repository, "--changed")
    assert not proof.exists(), proof.read_text()
    git_status = ["git", "status", "--porcelain"]  # it is hostile
    subprocess.run(git_status, cwd=repository, env=environment(), capture_output=True, check=False)
    assert proof.exists()
