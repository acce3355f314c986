"""-k, -m and --shard: what is listed and what is imported, beside what pytest selects."""

import json
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARITY = ROOT / "tests" / "parity"
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_"))}
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", **more}


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def tach(folder, *args, **more):
    return subprocess.run([TACH, *args], cwd=folder, env=environment(**more), capture_output=True, text=True)


def select(folder, *args):
    done = tach(folder, "spec", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["tach"].get("select", {"unmatched": [], "excluded": []})


def unmatched(folder, *args):
    return {entry["file"]: entry["tests"] for entry in select(folder, *args)["unmatched"]}


def compare(folder, n, seed=1):
    command = [sys.executable, str(PARITY / "selection.py"), "-n", str(n), "--seed", str(seed), str(folder)]
    done = subprocess.run(command, cwd=folder, env=environment(TACH=TACH), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


# every way to get a name that -k or -m may look for
FILES = {
    "pytest.ini": "[pytest]\nmarkers = slow\n  fast\n  device\n  hooked\n",
    "conftest.py": """
        import pytest
        def pytest_collection_modifyitems(items):
            for item in items:
                if "plain" in item.name:
                    item.add_marker(pytest.mark.hooked)
    """,
    "test_plain.py": """
        def test_plain(): pass
        def test_Other(): pass
        test_Other.attribute_set = 1
    """,
    "test_marks.py": """
        import pytest
        from shared import slow, both
        pytestmark = pytest.mark.fast
        @slow
        def test_slow(): pass
        @pytest.mark.device(serial=1, name="x", flag=True)
        @pytest.mark.device(serial=2)
        class TestDevice:
            def test_in(self): pass
            @both
            @pytest.mark.skipif(True, reason="slow")
            def test_both(self): pass
    """,
    "shared.py": """
        import pytest
        slow = pytest.mark.slow
        def both(function):
            return pytest.mark.slow(pytest.mark.fast(function))
        MARKED = [pytest.param(1, marks=pytest.mark.slow), 2]
    """,
    "test_params.py": """
        import pytest
        import shared
        @pytest.mark.parametrize("a", ["first", pytest.param("second", marks=pytest.mark.slow)])
        def test_param(a): pass
        @pytest.mark.parametrize("a", shared.MARKED)
        def test_imported(a): pass
        @pytest.mark.parametrize("a", [str(i) for i in range(3)])
        def test_computed(a): pass
    """,
    "test_decorated.py": """
        from unittest import mock
        import functools, unittest
        def tag(function):
            function.tagged = 1
            return function
        @tag
        def test_tagged(): pass
        @mock.patch("os.getcwd")
        def test_patched(getcwd): pass
        class TestCase(unittest.TestCase):
            @unittest.skip("no")
            def test_skipped(self): pass
    """,
    "sub/conftest.py": """
        import pytest
        @pytest.fixture(params=["red", "green"])
        def color(request): return request.param
        @pytest.fixture
        def painted(color): return color
        @pytest.fixture
        def plain_one(): pass
    """,
    "sub/test_fixtures.py": """
        import pytest
        def test_color(painted): pass
        def test_without(plain_one): pass
        @pytest.fixture
        def mine(color): return color
        def test_mine(mine): pass
    """,
    "sub/pack/__init__.py": "",
    "sub/pack/inner/__init__.py": "",
    "sub/pack/inner/test_deep.py": "class TestDeep:\n    class TestDeeper:\n        def test_deepest(self): pass\n",
    "auto/conftest.py": """
        import pytest
        @pytest.fixture(autouse=True, params=["one", "two"])
        def every(request): pass
    """,
    "auto/test_auto.py": "def test_auto(): pass\n",
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_generated_expressions_select_what_pytest_selects(tmp_path, seed):
    write(tmp_path, FILES)
    compare(tmp_path, 50, seed)


def test_the_same_without_hooks(tmp_path):
    write(tmp_path, {name: text for name, text in FILES.items() if name != "conftest.py"})
    compare(tmp_path, 50)


@pytest.mark.parametrize("suite", sorted(path.name for path in (PARITY / "suites").iterdir()))
def test_suites(suite):
    compare(PARITY / "suites" / suite, 25)


WORDS = ["slow", "tagged", "attribute_set", "hooked", "red", "green", "two", "first", "wrapped", "patchings", "pytestmark", "unittest_skip",
         "pack", "inner", "sub", "sub/", "TESTDEEPER", "not test_", "parametrize", "2"]  # fmt: skip


def test_every_kind_of_name(tmp_path):
    write(tmp_path, FILES)
    for word in WORDS:
        expected = collected(tmp_path, "-k", word)
        left = unmatched(tmp_path, "-k", word)
        assert not {nodeid.split("::")[0] for nodeid in expected} & set(left), word
    assert unmatched(tmp_path, "-m", "device") == {"sub/pack/inner/test_deep.py": 1, "test_plain.py": 2}


def collected(folder, *args):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *args]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode in (0, 5), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if "::" in line]


def test_arguments_of_marks(tmp_path):
    """The grammar of pytest 8.3, whatever version there is."""
    write(tmp_path, FILES)

    def found(expression):
        lines = tach(tmp_path, "list", "--format=json", "test_marks.py", "-m", expression).stdout.splitlines()
        return [entry["nodeid"].rpartition("::")[2] for entry in map(json.loads, lines) if not entry["dynamic"]]

    device = ["test_in", "test_both"]
    for yes in ("serial=1", "serial=2", "name='x'", 'name="x", serial=1', "flag=True", "flag=1"):
        assert found(f"device({yes})") == device, yes
    for no in ("serial=3", "serial='1'", "name='y'", "serial=2, name='x'", "flag=False", "flag=None", "other=1", "name=None"):
        assert found(f"device({no})") == [], no
        assert found(f"not device({no}) and device") == device, no


def test_errors_are_pytests(tmp_path):
    write(tmp_path, {"test_a.py": "def test_a(): pass\n"})
    cases = {
        "a and": "at column 6: expected not OR left parenthesis OR identifier; got end of input",
        "(a": "at column 3: expected right parenthesis; got end of input",
        "a b": "at column 3: expected end of input; got identifier",
        "a)": "at column 2: expected end of input; got right parenthesis",
        "or": "at column 1: expected not OR left parenthesis OR identifier; got or",
        "ää ?": 'at column 4: unexpected character "?"',
        "not": "at column 4: expected not OR left parenthesis OR identifier; got end of input",
        "a and (b or)": "at column 12: expected not OR left parenthesis OR identifier; got right parenthesis",
    }
    for text, message in cases.items():
        for option in "-k", "-m":
            command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", option, text]
            theirs = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
            expected = f"Wrong expression passed to '{option}': {text}: {message}"
            assert expected in theirs.stderr and theirs.returncode == 4
            for command in ("list", "run", "spec"):
                ours = tach(tmp_path, command, option, text)
                assert (ours.stderr, ours.returncode) == (f"tach: usage: {expected}\n", 4)
    for text, message in {
        "m(a=": "at column 5: expected identifier; got end of input",
        "m(a": "at column 4: expected =; got end of input",
        "m(1a=2)": 'at column 3: unexpected character/s "1a"',
        "m(if=2)": 'at column 3: unexpected character/s "if"',
        "m(a=x)": 'at column 5: unexpected character/s "x"',
        "m(a='x)": "at column 5: closing quote \"'\" is missing",
        "m(a='\\n')": "at column 5: escaping not supported in marker expression",
        "m()": "at column 3: expected identifier; got right parenthesis",
    }.items():
        ours = tach(tmp_path, "list", "-m", text)
        assert ours.stderr == f"tach: usage: Wrong expression passed to '-m': {text}: {message}\n"


LOGGED = {
    f"test_{name}.py": f"""
        import os
        with open(os.environ["LOG"], "a") as log:
            log.write("{name} ")
        def test_{name}_one(): pass
        def test_{name}_two(): pass
    """
    for name in "abc"
}


def run(folder, *args):
    """(exit code, counts, modules imported) of a run."""
    log = folder / "imported.log"
    log.write_text("")
    done = tach(folder, "--no-isolation", "--format=json", "-p", "no:cacheprovider", *args, LOG=str(log))
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events and done.returncode != 3, done.stdout + done.stderr
    return done.returncode, events[-1]["counts"], sorted(set(log.read_text().split()))


def test_only_files_that_match_are_imported(tmp_path):
    write(tmp_path, LOGGED)
    assert run(tmp_path) == (0, {"passed": 6}, ["a", "b", "c"])
    assert run(tmp_path, "-k", "b_one") == (0, {"passed": 1, "deselected": 5}, ["b"])
    assert run(tmp_path, "--", "-k", "b_one") == (0, {"passed": 1, "deselected": 5}, ["b"])
    assert run(tmp_path, "-k", "b_one", "test_a.py", "test_b.py") == (0, {"passed": 1, "deselected": 3}, ["b"])
    assert run(tmp_path, "-k", "nothing") == (5, {"deselected": 6}, [])
    assert run(tmp_path, "-m", "slow") == (5, {"deselected": 6}, [])
    assert run(tmp_path, "-k", "a_one or c_two") == (0, {"passed": 2, "deselected": 4}, ["a", "c"])
    write(tmp_path, {"pytest.ini": "[pytest]\naddopts = -k 'c_two'\n"})
    assert run(tmp_path) == (0, {"passed": 1, "deselected": 5}, ["c"])


@pytest.mark.parametrize("isolation", [["-n", "8"], ["--no-isolation"]])
def test_an_interpreter_without_tests_ends_by_itself(tmp_path, isolation):
    write(tmp_path, LOGGED)
    for _ in range(5):  # it may end before or after it is told to
        done = tach(tmp_path, "-p", "no:cacheprovider", "-k", "nothing", *isolation, LOG=os.devnull)
        assert done.returncode == 5 and not done.stderr, done.stdout + done.stderr


HOOKS = {
    "a hook that renames": ("conftest.py", "def pytest_itemcollected(item): item.extra_keyword_matches.add('odd')\n", []),
    "a hook that is imported": ("conftest.py", "from hooks import pytest_collection_modifyitems\n", []),
    "a hook that makes items": ("conftest.py", "def pytest_pycollect_makeitem(collector, name): return None\n", []),
    "parameters for all": ("conftest.py", "def pytest_generate_tests(metafunc): pass\n", []),
    "a plugin": ("hooks.py", "def pytest_collection_modifyitems(items): pass\n", ["-p", "hooks"]),
    "other names of tests": ("hooks.py", "def pytest_configure(config): config.addinivalue_line('python_functions', 'check')\n", ["-p", "hooks"]),
    "doctests": ("hooks.py", "def pytest_configure(config): config.option.doctestmodules = True\n", ["-p", "hooks"]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOOKS)
def test_what_could_change_the_answer_has_all_imported(tmp_path, name):
    file, text, args = HOOKS[name]
    write(tmp_path, LOGGED | {"hooks.py": "def pytest_collection_modifyitems(items): pass\n"} | {file: text})
    code, counts, imported = run(tmp_path, "-k", "b_one", *args)
    assert imported == ["a", "b", "c"] and code == 0 and counts == {"passed": 1, "deselected": 5}


def test_files_without_a_doctest_that_matches_are_not_imported(tmp_path):
    files = {name.replace("test_", "test_t"): textwrap.dedent(text) for name, text in LOGGED.items()}
    for n, name in enumerate("ab"):
        log = textwrap.dedent(LOGGED[f"test_{name}.py"]).partition("def")[0]
        files[f"src_{name}.py"] = f"{log}def f():\n    '''\n    >>> {n}\n    {n}\n    '''\n"
    write(tmp_path, files)
    assert run(tmp_path, "--doctest-modules") == (0, {"passed": 8}, ["a", "b", "c"])
    assert run(tmp_path, "--doctest-modules", "-k", "src_b") == (0, {"passed": 1, "deselected": 7}, ["b"])
    assert run(tmp_path, "--doctest-modules", "-k", "a_one") == (0, {"passed": 1, "deselected": 7}, ["a"])
    assert run(tmp_path, "--doctest-modules", "-k", "a_one", "-o", "python_functions=test check")[1] == {"passed": 1, "deselected": 7}
    parts = [run(tmp_path, "--doctest-modules", "--shard", f"{k}/2")[1]["passed"] for k in (1, 2)]
    assert sum(parts) == 8 and all(parts)


def test_hooks_that_only_mark_leave_files_out(tmp_path):
    hook = """
        import pytest
        slow = pytest.mark.slow
        def pytest_collection_modifyitems(items):
            for item in items:
                if item.name == "test_a_one":
                    item.add_marker(slow)
                    item.add_marker(pytest.mark.skip(reason="x"))
    """
    write(tmp_path, LOGGED | {"conftest.py": hook})
    assert run(tmp_path, "-k", "b_one") == (0, {"passed": 1, "deselected": 5}, ["b"])
    assert run(tmp_path, "-m", "slow") == (0, {"skipped": 1, "deselected": 5}, ["a", "b", "c"])


def test_modules_that_skip_or_fail_are_told_as_before(tmp_path):
    write(tmp_path, LOGGED | {"test_d.py": "import pytest\npytest.importorskip('nothing_like_it')\ndef test_d(): pass\n"})
    assert run(tmp_path, "-k", "b_one") == (0, {"passed": 1, "deselected": 5, "skipped": 1}, ["b"])
    write(tmp_path, {"test_d.py": "def test_d(:\n"})
    code, counts, imported = run(tmp_path, "-k", "b_one")
    assert code == 2 and imported == ["b"]


# ---- --shard ----


def shards(folder, n, *args):
    found = []
    for k in range(1, n + 1):
        lines = tach(folder, "list", f"--shard={k}/{n}", *args)
        assert lines.returncode in (0, 5), lines.stderr
        found.append(lines.stdout.splitlines())
    return found


def make_many(folder):
    write(folder, {f"d{i % 3}/test_{i}.py": "".join(f"def test_{k}(): pass\n" for k in range(1 + i % 7)) for i in range(30)})


@pytest.mark.parametrize("n", [1, 2, 3, 7, 40])
def test_shards_are_disjoint_complete_and_balanced(tmp_path, n):
    make_many(tmp_path)
    everything = tach(tmp_path, "list").stdout.splitlines()
    found = shards(tmp_path, n)
    assert sorted(sum(found, [])) == sorted(everything) and shards(tmp_path, n) == found
    for part in found:
        assert part == [nodeid for nodeid in everything if nodeid in part]  # in order
    files = [{nodeid.split("::")[0] for nodeid in part} for part in found]
    assert sum(map(len, files)) == 30
    assert max(map(len, found)) - min(map(len, found)) <= 7


def test_shards_of_what_else_is_selected(tmp_path):
    make_many(tmp_path)
    args = ["-k", "test_3", "d0", "d1/test_4.py", "d1/test_10.py::test_3"]
    everything = tach(tmp_path, "list", *args).stdout.splitlines()
    assert everything and sorted(sum(shards(tmp_path, 3, *args), [])) == sorted(everything)


def test_shards_that_run(tmp_path):
    write(tmp_path, LOGGED)
    plugin = """
        import pytest
        class Item(pytest.Item):
            def runtest(self): pass
        class File(pytest.File):
            def collect(self): yield Item.from_parent(self, name=self.path.name)
        def pytest_collect_file(file_path, parent):
            if file_path.suffix == ".case":
                return File.from_parent(parent, path=file_path)
    """
    write(tmp_path, {"conftest.py": plugin} | {f"{i}.case": "" for i in range(6)})
    ran = []
    for k in (1, 2):
        log = tmp_path / "imported.log"
        done = tach(tmp_path, "--no-isolation", "--format=json", "-p", "no:cacheprovider", f"--shard={k}/2", LOG=str(log))
        assert done.returncode == 0 and f"tach: --shard {k}/2: " in done.stderr
        ran.append([event["nodeid"] for event in map(json.loads, done.stdout.splitlines()) if event["event"] == "test"])
        assert ran[-1]
    assert sorted(ran[0] + ran[1]) == sorted(set(ran[0] + ran[1])) and len(ran[0] + ran[1]) == 12
    named = [run(tmp_path, f"--shard={k}/2", "test_a.py::test_a_one", "test_b.py") for k in (1, 2)]
    assert sorted(counts.get("passed") for _, counts, _ in named) == [1, 2]


def test_durations_of_earlier_runs_balance(tmp_path):
    write(tmp_path, {f"test_{i}.py": f"import time\ndef test_it(): time.sleep({0.4 if i == 0 else 0})\n" for i in range(5)})
    assert sorted(map(len, shards(tmp_path, 2))) == [2, 3]
    assert tach(tmp_path, "--no-isolation").returncode == 0
    durations = json.loads((tmp_path / ".pytest_cache/v/tach/durations").read_text())
    assert len(durations) == 5 and durations["test_0.py::test_it"] > 0.3
    assert sorted(map(len, shards(tmp_path, 2))) == [1, 4]
    (tmp_path / ".pytest_cache/v/tach/durations").write_text("{broken")
    assert sorted(map(len, shards(tmp_path, 2))) == [2, 3]


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "a/b", "1/2x", "-1/2", "1/", "/2", "1/99999"])
def test_wrong_shards(tmp_path, text):
    done = tach(tmp_path, f"--shard={text}")
    assert done.returncode == 4 and done.stderr == f'tach: usage: --shard: expected K/N, as in 2/5, found "{text}"\n'
