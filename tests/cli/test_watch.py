"""--watch: after each change, the tests that it can affect run again; and nothing else ever does."""

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time

import pytest
from running import SLOW, TACH, Suite, environment

QUIET = 0.7 * SLOW  #: seconds in which a run that is not to come would have begun

FILES = {
    "pytest.ini": "[pytest]\n",
    "pkg/__init__.py": "",
    "pkg/a.py": "X = 1\n",
    "pkg/b.py": "Y = 1\n",
    "tests/test_a.py": "from pkg.a import X\ndef test_a(): assert X == 1\n",
    "tests/test_b.py": "from pkg.b import Y\ndef test_b(): assert Y == 1\n",
    "tests/sub/conftest.py": "",
    "tests/sub/test_c.py": "def test_c(): pass\n",
}
A, B, C = "tests/test_a.py::test_a", "tests/test_b.py::test_b", "tests/sub/test_c.py::test_c"


class Watched:
    """A project under tach --watch --format=json."""

    def __init__(self, root, *args, **env):
        self.root = root
        command = [TACH, "-w", "--format=json", *args]
        self.process = subprocess.Popen(
            command, cwd=root, env=environment(PYTHONPATH="", **env), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
        )  # fmt: skip
        self.lines, self.said = queue.Queue(), queue.Queue()
        self.threads = [
            threading.Thread(target=self._pass_on, args=pair)
            for pair in ((self.process.stdout, self.lines), (self.process.stderr, self.said))
        ]
        for thread in self.threads:
            thread.start()
        self.heard = ""

    @staticmethod
    def _pass_on(stream, lines):
        for line in stream:
            lines.put(line)
        lines.put(None)

    def event(self):
        line = self.lines.get(timeout=60 * SLOW)
        assert line is not None, self.heard + "".join(iter(lambda: self.said.get(timeout=5) or "", ""))
        return json.loads(line)

    def wait(self, text):
        """Until TEXT stands in a line that is said to people."""
        while True:
            line = self.said.get(timeout=60 * SLOW)
            assert line is not None, self.heard
            self.heard += line
            if text in line:
                return line

    def run(self):
        """The outcomes of the next run, once the watch waits again."""
        outcomes = {}
        while True:
            event = self.event()
            if event["event"] == "test":
                outcomes[event["nodeid"]] = event["outcome"]
            if event["event"] == "finish":
                self.wait("watching")
                return outcomes

    def quiet(self):
        """Nothing runs."""
        with pytest.raises(queue.Empty):
            self.lines.get(timeout=QUIET)

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30 * SLOW)
        for thread in self.threads:
            thread.join()
        while (line := self.said.get()) is not None:
            self.heard += line
        return code


@pytest.fixture
def watch(tmp_path, traces):
    watched = []

    def start(*args, files=FILES, **env):
        root = tmp_path / "project"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        watched.append(Watched(root, *args, **env))
        return watched[-1]

    yield start
    for one in watched:
        if one.process.poll() is None:
            one.end()
    assert traces.left() == []


def test_a_change_runs_what_it_can_affect(watch):
    w = watch()
    assert w.run() == {A: "passed", B: "passed", C: "passed"}
    w.write("pkg/a.py", "X = 2\n")
    assert w.run() == {A: "failed"}
    w.write("pkg/b.py", "Y = 2\n")
    assert w.run() == {B: "failed"}
    assert "pkg/a.py changed: 1 of 3 test files" in w.heard
    assert "tach: fails: tests/test_a.py" in w.heard
    w.write("pkg/a.py", "X = 1  # mended\n")
    assert w.run() == {A: "passed"}
    w.write("tests/sub/conftest.py", "import pytest\n")
    assert w.run() == {C: "passed"}
    w.write("pytest.ini", "[pytest]\nmarkers = a\n")
    assert w.run() == {A: "passed", B: "failed", C: "passed"}
    w.write("pkg/b.py", "Y = 1  # mended\n")
    assert w.run() == {B: "passed"}
    assert w.end() == 0


def test_the_exit_code_is_of_all_that_fails(watch):
    w = watch()
    w.run()
    w.write("pkg/a.py", "X = 2\n")
    assert w.run() == {A: "failed"}
    w.write("pkg/b.py", "Y = 1 \n")
    assert w.run() == {B: "passed"}
    assert w.end() == 1


def test_test_files_come_and_go(watch):
    w = watch()
    w.run()
    w.write("tests/test_new.py", "def test_new(): assert False\n")
    assert w.run() == {"tests/test_new.py::test_new": "failed"}
    w.write("tests/deep/er/test_newer.py", "def test_newer(): pass\n")
    assert w.run() == {"tests/deep/er/test_newer.py::test_newer": "passed"}
    w.write("tests/deep/er/test_newer.py", "def test_newest(): pass\n")
    assert w.run() == {"tests/deep/er/test_newer.py::test_newest": "passed"}
    (w.root / "tests/test_new.py").unlink()
    w.wait("changed: 0 of")
    w.wait("watching")
    assert w.end() == 0, "what is gone does not fail"


def test_a_module_that_goes_fails_what_imports_it(watch):
    w = watch()
    w.run()
    (w.root / "pkg/a.py").rename(w.root / "pkg/z.py")
    assert w.run() == {}  # an error of collection
    assert "fails: tests/test_a.py" in w.heard
    (w.root / "pkg/z.py").rename(w.root / "pkg/a.py")
    assert w.run() == {A: "passed"}
    assert w.end() == 0


def test_a_broken_file_is_an_error_until_it_is_mended(watch):
    w = watch()
    w.run()
    w.write("tests/test_a.py", "def test_a(: pass\n")
    assert w.run() == {}
    w.write("tests/test_a.py", FILES["tests/test_a.py"] + "\n")
    assert w.run() == {A: "passed"}
    w.write("pyproject.toml", "[tool.tach]\nworkerz = 1\n")
    w.wait("tool.tach.workerz: unknown key")
    w.wait("watching")
    w.write("pyproject.toml", "[tool.tach]\nworkers = 1\n")
    assert w.run() == {A: "passed", B: "passed", C: "passed"}
    assert w.end() == 0


def test_editors(watch):
    """How vim, emacs and others save: what they leave beside a file is nothing, a renamed file is the file."""
    w = watch()
    w.run()
    for name in ("4913", "pkg/.a.py.swp", "pkg/a.py~", "pkg/#a.py#", "pkg/a.py.tmp.17", "pkg/a.py___jb_tmp___"):
        w.write(name, "x")
    (w.root / "4913").unlink()
    (w.root / "pkg/a.py.tmp.17").unlink()
    (w.root / "pkg/.#a.py").symlink_to("me@here.1")
    w.quiet()
    w.write("pkg/a.py.new", "X = 3\n")
    (w.root / "pkg/a.py.new").rename(w.root / "pkg/a.py")
    assert w.run() == {A: "failed"}
    w.write("pkg/a.py", "X = 3\n")  # saved, but not changed
    w.quiet()


def test_files_that_are_not_python(watch):
    w = watch()
    w.run()
    w.write("README.md", "a word\n")
    w.wait("changed: 0 of 3")
    w.wait("watching")
    w.write("data/table.csv", "1,2\n")
    assert w.run() == {A: "passed", B: "passed", C: "passed"}
    os.mkfifo(w.root / "data/pipe")
    w.write("node_modules/x/y.js", "1")
    w.write(".venv/lib/z.py", "1")
    w.write("pkg/__pycache__/a.cpython-311.pyc", "1")
    w.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n")
    w.write("cache/v/lastfailed", "{}")
    w.quiet()


def test_what_git_ignores_is_nothing(watch, tmp_path):
    w = watch(files={**FILES, ".gitignore": "*.log\nvar/\nignored.py\n", "tests/test_d.py": "import ignored\ndef test_d(): pass\n",
                     "ignored.py": ""})  # fmt: skip
    w.run()
    subprocess.run(["git", "init", "-q", "."], cwd=w.root, check=True)
    w.write("server.log", "a line\n")
    w.write("var/db.sqlite3", "a row\n")
    w.quiet()
    w.write("ignored.py", "Z = 1\n")  # but who imports it is known
    assert w.run() == {"tests/test_d.py::test_d": "passed"}
    w.write("table.csv", "1\n")
    assert len(w.run()) == 4


def test_links_and_folders_elsewhere(watch, tmp_path):
    lib = tmp_path / "lib"
    (lib / "far").mkdir(parents=True)
    (lib / "far/__init__.py").write_text("F = 1\n")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/near.py").write_text("N = 1\n")
    files = {
        **FILES,
        "pytest.ini": f"[pytest]\npythonpath = . {lib}\n",
        "tests/test_far.py": "from far import F\ndef test_far(): assert F == 1\n",
        "tests/test_near.py": "from here.near import N\ndef test_near(): assert N == 1\n",
    }
    (tmp_path / "project").mkdir()
    (tmp_path / "project/here").symlink_to(tmp_path / "linked")
    (tmp_path / "linked/round").symlink_to(tmp_path / "project")
    w = watch("--no-isolation", "tests", files=files)  # in a cell /tmp is the cell's own
    assert len(w.run()) == 5
    (lib / "far/__init__.py").write_text("F = 2\n")
    assert w.run() == {"tests/test_far.py::test_far": "failed"}
    (tmp_path / "linked/near.py").write_text("N = 2\n")
    assert w.run() == {"tests/test_near.py::test_near": "failed"}


def test_a_folder_that_is_renamed(watch):
    w = watch()
    w.run()
    (w.root / "tests/sub").rename(w.root / "tests/bus")
    moved = "tests/bus/test_c.py::test_c"
    assert w.run() == {A: "passed", B: "passed", moved: "passed"}
    w.write("tests/bus/test_c.py", "def test_c(): assert False\n")
    assert w.run() == {moved: "failed"}
    assert w.end() == 1


def test_selections_hold(watch):
    w = watch("-k", "test_a or test_c", "tests")
    assert w.run() == {A: "passed", C: "passed"}
    w.write("pkg/b.py", "Y = 2\n")
    assert w.run() == {}
    w.write("pkg/a.py", "X = 2\n")
    assert w.run() == {A: "failed"}


def test_what_a_run_writes_begins_no_other(watch):
    clock = "import pathlib, time\ndef test_w(): pathlib.Path('out').mkdir(exist_ok=True); pathlib.Path('out/at.py').write_text(f'T = {time.time_ns()}')\n"
    w = watch("--junit-xml=report.xml", "--keep=out/**", files={**FILES, "tests/test_w.py": clock})
    assert len(w.run()) == 4
    assert (w.root / "out/at.py").exists()
    assert (w.root / "report.xml").exists()
    w.quiet()
    w.write("pkg/a.py", "X = 2\n")
    assert w.run() == {A: "failed"}
    w.quiet()


def test_without_isolation_data_that_tests_write_begins_no_other(watch):
    clock = "import pathlib, time\ndef test_w(): pathlib.Path('at.txt').write_text(str(time.time_ns()))\n"
    w = watch("--no-isolation", files={**FILES, "tests/test_w.py": clock})
    assert len(w.run()) == 4
    w.quiet()


def test_a_change_during_a_run_begins_it_again(watch):
    slow = "import time\nfrom pkg.b import Y\ndef test_slow(): time.sleep(0 if Y == 2 else 50)\n"
    w = watch("--workers=2", files={**FILES, "tests/test_slow.py": slow})
    while w.event()["event"] != "collected":
        pass
    begin = time.monotonic()
    w.write("pkg/b.py", "Y = 2\n")
    w.wait("changed during the run")
    while (event := w.event())["event"] != "finish":  # of the run that ends
        pass
    assert event["exit_code"] == 2
    outcomes = w.run()
    assert set(outcomes) == {A, B, C, "tests/test_slow.py::test_slow"}
    assert outcomes[B] == "failed" and outcomes["tests/test_slow.py::test_slow"] == "passed"
    assert time.monotonic() - begin < 40 * SLOW


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("during", [False, True])
def test_signals_end_it(watch, number, during):
    w = watch(files={**FILES, "tests/test_slow.py": f"import time\ndef test_slow(): time.sleep({50 if during else 0})\n"})
    if during:
        while w.event()["event"] != "collected":
            pass
    else:
        w.run()
    assert w.end(number) == (2 if during else 0)


def test_killed_it_leaves_nothing(watch):
    w = watch(files={**FILES, "tests/test_slow.py": "import time\ndef test_slow(): time.sleep(50)\n"})
    while w.event()["event"] != "collected":
        pass
    assert w.end(signal.SIGKILL) == -signal.SIGKILL  # the rest is looked for by the fixture


def test_wrong_use(tmp_path):
    for args in (["list", "--watch"], ["spec", "-w"], ["check", "--watch"]):
        done = subprocess.run([TACH, *args], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
        assert done.returncode == 4
        assert done.stderr.count("\n") == 1 and "--watch" in done.stderr
    done = subprocess.run([TACH, "-w", "-k", "and"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 4  # it does not wait for a change that cannot help
    assert "Wrong expression" in done.stderr


def test_too_few_watches(tmp_path):
    """The kernel's limit is said with its name."""
    for n in range(30):
        (tmp_path / f"d{n}").mkdir()
    # the limit of a user namespace of its own, not the machine's
    script = f"echo 3 > /proc/sys/user/max_inotify_watches && exec {TACH} -w"
    command = ["unshare", "--user", "--map-root-user", "sh", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60)
    if TACH not in done.stderr and not done.stderr.startswith("tach:"):
        pytest.skip(f"the limit cannot be set here: {done.stderr.strip()}")
    assert done.returncode == 4
    assert "max_user_watches" in done.stderr and done.stderr.count("\n") == 1


def test_keys(tmp_path):
    terminals = pytest.importorskip("terminals")
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    suite = Suite(tmp_path)
    t = terminals.tach(suite, "--watch")
    t.wait("3 passed")
    t.wait("Enter: run all", "\n")
    t.wait("3 passed")
    t.wait("Enter: run all")
    suite.write("pkg/a.py", "X = 2\n")
    t.wait("1 failed")
    t.wait("fails: tests/test_a.py")
    t.wait("Enter: run all", "f\n")
    t.wait("1 failed")
    t.wait("Enter: run all", "q\n")
    assert t.end() == 1
    t = terminals.tach(suite, "--watch", "-k", "test_b")
    t.wait("1 passed")
    t.wait("Enter: run all", "\x03")
    assert t.end() == 0
    t = terminals.tach(suite, "-w", "-s", "-k", "test_b")  # keys are the tests' while they run
    t.wait("1 passed")
    t.wait("Enter: run all", "\n")
    t.wait("1 passed")
    t.wait("Enter: run all", "\x04")
    assert t.end() == 0
    assert t.after == t.before


def test_a_run_that_stops_early_is_made_up_for(watch):
    w = watch("-x", files={**FILES, "tests/test_d.py": "from pkg.a import X\ndef test_d(): assert X == 1\n"})
    assert len(w.run()) == 4
    w.write("pkg/a.py", "X = 2\n")
    w.run()
    w.write("pkg/b.py", "Y = 1  # b\n")
    w.run()  # and what did not run before
    w.write("pkg/a.py", "X = 1  # a\n")
    assert {A: "passed", "tests/test_d.py::test_d": "passed"}.items() <= w.run().items()
    assert w.end() == 0


def test_what_an_error_of_collection_kept_from_running(watch):
    w = watch()
    w.run()
    w.process.send_signal(signal.SIGSTOP)  # both changes in one batch
    w.write("tests/test_a.py", "def test_a(: pass\n")
    w.write("pkg/b.py", "Y = 2\n")
    w.process.send_signal(signal.SIGCONT)
    assert w.run() == {}
    w.write("tests/test_a.py", FILES["tests/test_a.py"] + "\n")
    assert w.run() == {A: "passed", B: "failed"}
    assert w.end() == 1


def test_settings_that_change_during_a_run_without_isolation(watch):
    slow = "import time\ndef test_slow(): time.sleep(3)\n"
    w = watch("--no-isolation", files={**FILES, "tests/test_slow.py": slow})
    while w.event()["event"] != "collected":
        pass
    w.write("pytest.ini", "[pytest]\nmarkers = a\n")
    assert len(w.run()) == 4  # it goes on, since its tests could have written the file
    assert len(w.run()) == 4


def test_without_isolation_python_that_tests_write(watch):
    clock = "import pathlib, time\ndef test_w(): pathlib.Path('made.py').write_text(f'T = {time.time_ns()}')\n"
    w = watch("--no-isolation", files={**FILES, "tests/test_w.py": clock, "tests/test_made.py": "import made\ndef test_m(): pass\n", "made.py": ""})
    w.run()
    w.wait("made.py changes in every run")
    w.run()
    w.quiet()
    w.write("pkg/a.py", "X = 2\n")
    assert w.run() == {A: "failed"}


def test_the_project_goes(watch, tmp_path):
    w = watch()
    w.run()
    shutil.rmtree(w.root)
    assert w.process.wait(timeout=30 * SLOW) == 4
    for thread in w.threads:
        thread.join()
    while (line := w.said.get()) is not None:
        w.heard += line
    assert "what was watched is gone" in w.heard


def test_links_to_folders_that_come_and_go(watch, tmp_path):
    (tmp_path / "ext").mkdir()
    (tmp_path / "ext/mod.py").write_text("M = 1\n")
    files = {**FILES, "a/one.py": "", "b/two.py": "", "tests/test_l.py": "import sys; sys.path.insert(0, 'b')\nfrom x.mod import M\ndef test_l(): assert M == 1\n"}
    w = watch("--no-isolation", "tests", files=files)
    w.run()
    (w.root / "a/x").symlink_to(tmp_path / "ext")
    (w.root / "b/x").symlink_to(tmp_path / "ext")
    w.run()
    (w.root / "a").rename(w.root / ".a")
    w.run()
    (tmp_path / "ext/mod.py").write_text("M = 2\n")
    assert w.run()["tests/test_l.py::test_l"] == "failed"
