"""Runs from end to end: exit codes, options, what ends a test, interrupts, and what must not be left behind."""

import json
import os
import signal
import subprocess
import time

import pytest

from running import NOBODY, TACH, TACH_RUN, as_user, end, environment, processes, skip_without_user_namespaces

PASS = "def test_pass():\n    pass\n"
FAIL = "def test_fail():\n    assert 1 == 2\n"

MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])


@MODES
@pytest.mark.parametrize(
    "text, args, code",
    [
        (PASS, (), 0),
        (PASS + FAIL, (), 1),
        ("import nothing_like_this\n", (), 2),
        ("def test_it(:\n", (), 2),
        (PASS, ("--tb=nonsense",), 4),
        (PASS, ("nothing_here.py",), 4),
        (PASS, ("test_it.py::test_nothing",), 4),
        ("x = 1\n", (), 5),
        (PASS, ("-k", "nothing"), 5),
        (PASS, ("--no-such-option",), 4),
        (PASS, ("--timeout=-1",), 4),
        (PASS, ("--", "--collect-only"), 0),
    ],
)
def test_exit_code(suite, mode, text, args, code):
    suite.write(text=text)
    result = suite.tach(*mode, *args)
    assert result.code == code, result.out + result.err


def test_counts_and_human_report(suite):
    suite.write(text=PASS + FAIL + "import pytest\n@pytest.mark.skip(reason='why')\ndef test_skip(): pass\n")
    result = suite.tach()
    assert "= FAILURES =" in result.out and "E       assert 1 == 2" in result.out
    assert "FAILED test_it.py::test_fail - assert 1 == 2" in result.out
    assert "1 failed, 1 passed, 1 skipped in " in result.out.splitlines()[-1]
    assert suite.tach("-q").out.splitlines()[0] != result.out.splitlines()[0]
    assert "test_it.py::test_pass PASSED" in suite.tach("-v").out


def test_selection(suite):
    suite.write(text=PASS + FAIL)
    assert list(suite.json("-k", "pass").tests()) == ["test_it.py::test_pass"]
    assert suite.json("-k", "pass").event("collected")["deselected"] == 1
    assert list(suite.json("test_it.py::test_pass").tests()) == ["test_it.py::test_pass"]


def test_first_failure_ends_the_run(suite):
    suite.write(text="import time\n" + FAIL + "".join(f"def test_{i}(): time.sleep(0.2)\n" for i in range(30)))
    result = suite.json("-x", "-n", "1")
    assert result.code == 1 and list(result.tests()) == ["test_it.py::test_fail"]
    suite.write("pytest.ini", "[pytest]\naddopts = -x\n")
    assert list(suite.json("-n", "1").tests()) == ["test_it.py::test_fail"]


@MODES
def test_timeout(suite, mode):
    suite.write(text="import time\ndef test_hang():\n    print('so far')\n    time.sleep(60)\n" + PASS)
    result = suite.json("--timeout=1", *mode)
    test = result.tests()["test_it.py::test_hang"]
    assert (test["outcome"], test["reason"]) == ("timeout", "timed out after 1 s")
    assert 0.9 < test["phases"]["call"] < 5
    sections = dict(test["sections"])
    assert sections["Captured stdout"] == "so far\n" and "in test_hang" in sections["Captured stderr"]
    assert result.tests()["test_it.py::test_pass"]["outcome"] == "passed"
    assert result.event("finish")["counts"] == {"passed": 1, "failed": 1}


@MODES
@pytest.mark.parametrize(
    "body, reason",
    [
        ("import ctypes; ctypes.string_at(0)", "killed by SIGSEGV (Segmentation fault)"),
        ("import os; os._exit(0)", "exit code 0"),
        ("import os; os._exit(7)", "exit code 7"),
        ("import os; os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("import os; os.kill(os.getpid(), 15)", "killed by SIGTERM"),
        ("import os; os.abort()", "killed by SIGABRT"),
    ],
)
def test_crash(suite, mode, body, reason):
    suite.write(text=f"def test_crash():\n    print('words')\n    {body}\n" + PASS)
    result = suite.json(*mode)
    test = result.tests()["test_it.py::test_crash"]
    assert test["outcome"] == "crashed" and reason in test["reason"]
    assert ["Captured stdout", "words\n"] in test["sections"]
    assert result.tests()["test_it.py::test_pass"]["outcome"] == "passed"
    assert result.code == 1


def test_crash_while_collecting(suite):
    suite.write(text="import os\nprint('importing', flush=True)\nos.abort()\n")
    result = suite.json()
    assert result.code == 3
    error = result.event("error")
    assert "SIGABRT" in error["what"] and "while it collected" in error["what"]
    assert result.event("finish")["exit_code"] == 3


def test_crash_between_tests_of_a_unit(suite):
    suite.write(
        text="import os, pytest\n"
        "@pytest.fixture(scope='module')\ndef shared(): return []\n"
        "def test_1(shared): shared.append(1)\n"
        "def test_2(shared): os._exit(1)\n"
        "def test_3(shared): assert shared == []\n"
        "def test_4(shared): pass\n"
    )
    outcomes = [test["outcome"] for test in suite.json("-n", "1").tests().values()]
    assert outcomes == ["passed", "crashed", "passed", "passed"]


def test_higher_scoped_fixture_is_set_up_once(suite):
    suite.write(
        text="import pytest\n"
        + "".join(f"def test_{i}(): pass\n" for i in range(20))
        + "@pytest.fixture(scope='module', autouse=True)\ndef log():\n    print('set up')\n    yield\n    print('torn down')\n"
    )
    tests = suite.json().tests()
    assert {test["outcome"] for test in tests.values()} == {"passed"}
    printed = [text for test in tests.values() for _, text in test["sections"]]
    assert "".join(printed).count("set up") == 1 and "".join(printed).count("torn down") == 1


def test_teardown_error_of_a_failed_test(suite):
    suite.write(
        text="import pytest\n@pytest.fixture\ndef f():\n    yield\n    raise RuntimeError('at the end')\n"
        "def test_it(f): assert 0\n"
    )
    result = suite.json()
    test = result.tests()["test_it.py::test_it"]
    assert test["outcome"] == "failed"
    (error,) = test["errors"]
    assert error["when"] == "teardown" and "at the end" in error["longrepr"]
    assert result.event("finish")["counts"] == {"failed": 1, "error": 1}


def test_module_skip_and_collection_error(suite):
    suite.write("test_skip.py", "import pytest\npytest.skip('not here', allow_module_level=True)\n")
    suite.write("test_ok.py", PASS)
    assert suite.json().event("finish")["counts"] == {"skipped": 1, "passed": 1}
    suite.write("test_bad.py", "import nothing_like_this\n")
    result = suite.json()
    assert result.code == 2 and result.tests() == {}
    failed = [e for e in result.event("collected")["errors"] if e["outcome"] == "failed"]
    assert failed[0]["nodeid"] == "test_bad.py" and "nothing_like_this" in failed[0]["longrepr"]
    assert "ERROR collecting test_bad.py" in suite.tach().out
    result = suite.json("--continue-on-collection-errors")
    assert result.code == 1 and list(result.tests()) == ["test_ok.py::test_pass"]


def test_pytest_exit(suite):
    suite.write(text="import pytest\ndef test_exit(): pytest.exit('enough', returncode=9)\n")
    result = suite.json()
    assert result.code == 9 and result.event("error")["what"] == "enough"
    assert result.event("finish")["interrupted"] is True


def test_output_that_is_no_text(suite):
    suite.write(
        text="import os, sys\n"
        "def test_bytes():\n"
        "    os.write(1, b'\\xff\\x00\\xed\\xa0\\x80 \\xc3\\xa9\\n')\n"
        "    print('\\udcff\\u0000\\u2028', file=sys.stderr)\n"
        "    raise AssertionError('\\udcff\\x00 \\x1b[0m')\n"
        "def test_crash():\n    os.write(1, b'\\xff\\x00 tail'); os.abort()\n"
    )
    result = suite.json()  # decodes as UTF-8 and parses each line
    assert result.tests()["test_it.py::test_bytes"]["outcome"] == "failed"
    assert "tail" in dict(result.tests()["test_it.py::test_crash"]["sections"])["Captured stdout"]
    assert suite.tach("--junit-xml=out.xml").code == 1
    import xml.etree.ElementTree as ElementTree

    assert len(list(ElementTree.parse(suite.path / "out.xml").iter("testcase"))) == 2


def test_much_output_is_bounded(suite):
    suite.write(
        text="import sys\nline = 'x' * 1023 + '\\n'\n"
        "def test_much():\n    for _ in range(100 * 1024): sys.stdout.write(line)\n    raise AssertionError\n"
    )
    result = suite.json(timeout=120)
    ((name, text),) = result.tests()["test_it.py::test_much"]["sections"]
    assert name == "Captured stdout call" and "characters left out" in text and len(text) < 2 << 20


def test_endless_output_ends_the_test(suite):
    suite.write(text="import os\ndef test_endless():\n    while True: os.write(1, b'x' * 65536)\n" + PASS)
    result = suite.json("--timeout=50")
    test = result.tests()["test_it.py::test_endless"]
    assert test["outcome"] == "crashed" and "printed more than 512 MiB" in test["reason"]
    assert "the last" in test["sections"][0][0] and len(test["sections"][0][1]) <= 1 << 18


def test_forged_results(suite):
    """A test that finds its channel and writes a result for another one fails itself."""
    suite.write(
        text="import json, os\n"
        "def test_forger():\n"
        "    for fd in map(int, os.listdir('/proc/self/fd')):\n"
        "        try:\n"
        "            if 'pipe' in os.readlink(f'/proc/self/fd/{fd}'):\n"
        "                line = json.dumps({'t': 'report', 'i': 1, 'when': 'call', 'outcome': 'passed'})\n"
        "                os.write(fd, line.encode() + b'\\n')\n"
        "        except OSError: pass\n"
        "def test_victim(): assert 0\n"
    )
    tests = suite.json("-n", "1").tests()
    assert tests["test_it.py::test_victim"]["outcome"] == "failed"
    assert tests["test_it.py::test_forger"]["outcome"] == "crashed"
    assert "channel" in tests["test_it.py::test_forger"]["reason"]


def test_many_processes(suite, traces):
    suite.write(
        text="import os, time\n"
        "def test_bomb():\n"
        "    for _ in range(500):\n"
        "        if os.fork() == 0:\n"
        "            os.setsid(); time.sleep(3600); os._exit(0)\n" + PASS
    )
    token = f"tach-bomb-{os.getpid()}"
    result = suite.json(env={"BOMB": token})
    assert [test["outcome"] for test in result.tests().values()] == ["passed", "passed"]
    assert traces.left(token) == []


@pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
def test_leaked_processes_are_ended(suite, traces, mode):
    suite.write(text="import subprocess\ndef test_leak(): subprocess.Popen(['sleep', '3600'], start_new_session=True)\n")
    token = f"tach-leak-{os.getpid()}"
    assert suite.json(*mode, env={"LEAK": token}).code == 0
    assert traces.left(token) == []


def wait_for(process, name):
    """Reads events until NAME."""
    while True:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        if json.loads(line)["event"] == name:
            return


SLEEPERS = "import time, pytest\n@pytest.mark.parametrize('i', range(8))\ndef test_sleep(i): time.sleep(60)\n"


@MODES
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt(suite, traces, mode, number):
    suite.write(text=SLEEPERS)
    process = suite.start(*mode)
    wait_for(process, "collected")
    time.sleep(0.3)
    begin = time.monotonic()
    code, out, _ = end(process, number)
    assert code == 2 and time.monotonic() - begin < 10
    finish = json.loads(out.splitlines()[-1])
    assert finish["event"] == "finish" and finish["interrupted"] is True
    assert traces.left(str(suite.path)) == []


def test_second_interrupt_is_at_once(suite, traces):
    suite.write(text=SLEEPERS)
    suite.write("conftest.py", "import time\ndef pytest_sessionfinish(): time.sleep(30)\n")
    process = suite.start()
    wait_for(process, "collected")
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    begin = time.monotonic()
    code, _, _ = end(process, signal.SIGINT)
    assert code == 2 and time.monotonic() - begin < 3
    assert traces.left(str(suite.path)) == []


def test_interrupt_while_workers_are_born(suite):
    """Their cells are killed before the interpreter has put them there."""
    suite.write(text=SLEEPERS)
    for k in range(15):
        process = suite.start()
        wait_for(process, "collected")
        time.sleep(k * 0.0004)
        code, _, err = end(process, signal.SIGINT)
        assert (code, err) == (2, "")


@MODES
@pytest.mark.parametrize("victim", ["tach", "tach-run"])
def test_killed_program_leaves_nothing(suite, traces, mode, victim):
    suite.write(text=SLEEPERS)
    process = suite.start(*mode)
    wait_for(process, "collected")
    time.sleep(0.5)
    if victim == "tach":
        process.kill()
    else:
        (child,) = map(int, open(f"/proc/{process.pid}/task/{process.pid}/children").read().split())
        os.kill(child, signal.SIGKILL)
    _, err = process.communicate(timeout=30)
    assert victim == "tach" or (process.returncode == 3 and "SIGKILL" in err)
    assert traces.left(str(suite.path)) == []


def test_closed_reader_ends_the_run(suite, traces):
    suite.write(text=SLEEPERS)
    process = suite.start("--timeout=1")
    process.stdout.readline()
    process.stdout.close()
    process.stderr.close()
    process.wait(timeout=30)
    assert traces.left(str(suite.path)) == []


def run_spec(spec, **more):
    return subprocess.run([TACH_RUN, "--spec", "-"], input=spec, capture_output=True, text=True, timeout=60, **more)


def test_spec_goes_through_a_file(suite, tmp_path):
    suite.write(text=PASS)
    spec = suite.tach("spec").out
    assert json.loads(spec)["tach"]["tests"] == []
    (tmp_path / "run.json").write_text(spec)
    done = subprocess.run([TACH_RUN, "--spec", tmp_path / "run.json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["start", "collected", "test", "finish"]


def test_workers_that_are_timed_do_not_fail(suite):
    """What the benchmark of clones measures is not the cost of an exception."""
    suite.write(text=PASS)
    done = subprocess.run(
        [TACH_RUN, "--spec", "-", "--bench-clone", "3"], input=suite.tach("spec").out, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rounds"] == 3


@pytest.mark.parametrize(
    "spec, message",
    [
        ("", "<stdin>:1:1: $"),
        ('{"ociVersion": "1.1.0",\n "proces": {}}', '<stdin>:2:2: $.proces: unknown key: did you mean "process"?'),
        ('{"ociVersion": "1.1.0"}', "nothing to run"),
        ('{"ociVersion": "1.1.0", "tach": {"tests": [], "project": "/nonexistent"}}', "/nonexistent"),
        ('{"ociVersion": "1.1.0", "process": {"args": ["x"], "terminal": true}}', "process.terminal"),
    ],
)
def test_broken_spec_is_one_line(spec, message):
    done = run_spec(spec)
    assert done.returncode == 4 and message in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_interpreter_that_is_none(suite):
    suite.write(text=PASS)
    assert suite.tach("--python=/nonexistent").code == 4
    result = suite.tach("--python=/bin/true")
    assert result.code == 3 and "ended with exit code 0" in result.err


def test_interpreter_without_pytest(suite):
    suite.write("venv/bin/python", "#!/bin/sh\nexec /usr/bin/python3 -S \"$@\"\n").chmod(0o755)
    result = suite.tach("--python=venv/bin/python", env={"PYTHONPATH": ""})  # which may have another pytest
    assert result.code == 3 and "No module named 'pytest'" in result.err


def test_virtual_environment(suite):
    """A venv is found by VIRTUAL_ENV and by its place in the project; its packages are seen."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--system-site-packages", "--without-pip", suite.path / ".venv"], check=True)
    suite.write(text=f"import sys\ndef test_prefix(): assert sys.prefix == {str(suite.path / '.venv')!r}\n")
    assert suite.tach().code == 0
    os.rename(suite.path / ".venv", suite.path.parent / "elsewhere")
    suite.write(text=f"import sys\ndef test_prefix(): assert sys.prefix == {str(suite.path.parent / 'elsewhere')!r}\n")
    assert suite.tach(env={"VIRTUAL_ENV": str(suite.path.parent / "elsewhere")}).code == 0


def test_settings_come_from_file_variable_and_flag(suite):
    suite.write("pyproject.toml", '[tool.tach]\nworkers = 3\ntimeout = 7.5\npytest-args = ["-k", "pass"]\n')
    suite.write(text=PASS + FAIL)
    spec = json.loads(suite.tach("spec").out)["tach"]
    assert (spec["workers"], spec["timeout"], spec["pytestArgs"]) == (3, 7.5, ["-k", "pass"])
    spec = json.loads(suite.tach("spec", "--timeout=9", env={"TACH_TIMEOUT": "8", "TACH_WORKERS": "4"}).out)["tach"]
    assert (spec["workers"], spec["timeout"]) == (4, 9)
    assert suite.tach().code == 0
    suite.write("pyproject.toml", "[tool.tach]\nworker = 3\n")
    result = suite.tach()
    assert result.code == 4 and 'pyproject.toml:2: tool.tach.worker: unknown key: did you mean "workers"?' in result.err
    suite.write("pyproject.toml", "[tool.tach\n")
    assert "pyproject.toml:1: not TOML" in suite.tach().err
    (suite.path / "pyproject.toml").unlink()
    assert "TACH_WORKERS" in suite.tach(env={"TACH_WORKERS": "many"}).err


def test_junit_is_pytests(suite):
    import xml.etree.ElementTree as ElementTree

    suite.write(
        "tests/test_a.py",
        "import pytest\n"
        "class TestA:\n"
        "    @pytest.mark.parametrize('x', ['a.b', 'c::d', 'e/f'])\n    def test_p(self, x): pass\n"
        "    def test_property(self, record_property): record_property('key', 1)\n"
        "@pytest.mark.xfail(reason='known')\ndef test_x(): assert 0\n"
        "@pytest.mark.skip(reason='why')\ndef test_s(): pass\n"
        "@pytest.fixture\ndef f(): raise ValueError\ndef test_e(f): pass\n" + PASS + FAIL,
    )
    assert suite.tach("--junit-xml=tach.xml").code == 1
    subprocess.run(["/usr/bin/python3", "-m", "pytest", "-q", "--junit-xml=pytest.xml"], cwd=suite.path, env=environment(), capture_output=True, check=False)

    def read(name):
        cases = {}
        root = ElementTree.parse(suite.path / name).getroot()
        for case in root.iter("testcase"):
            children = [(c.tag, c.get("type"), c.get("message")) for c in case if c.tag != "properties"]
            cases[case.get("classname"), case.get("name")] = (children, [p.attrib for p in case.iter("property")])
        totals = {k: v for k, v in root.find("testsuite").attrib.items() if k in ("name", "errors", "failures", "skipped", "tests")}
        return totals, cases

    assert read("tach.xml") == read("pytest.xml")


def test_plugins_that_would_run_tests_a_second_time(suite):
    suite.write("pytest.ini", "[pytest]\naddopts = -n 2\n")
    suite.write(text=PASS)
    assert suite.json().event("finish")["counts"] == {"passed": 1}


def test_project_is_not_written(suite):
    suite.write(text="import pathlib\ndef test_write():\n    pathlib.Path('made').write_text('x')\n    assert pathlib.Path('made').exists()\n")
    before = sorted(os.listdir(suite.path))
    assert suite.tach("-p", "no:cacheprovider").code == 0
    assert sorted(os.listdir(suite.path)) == before


def test_subfolder_run_sees_the_project(suite):
    suite.write("pyproject.toml", "[tool.pytest.ini_options]\n")
    suite.write("pkg/tests/test_a.py", "import pathlib\ndef test_it(): assert pathlib.Path('../../pyproject.toml').exists()\n")
    from running import Suite

    assert Suite(suite.path / "pkg" / "tests").tach().code == 0


def test_ordinary_user(suite):
    skip_without_user_namespaces()
    user = NOBODY if os.geteuid() == 0 else None
    suite.write(text="import os\ndef test_uid(): assert os.geteuid() == %d and os.stat('.').st_uid == os.geteuid()\n" % (NOBODY if user else os.geteuid()))
    if user is not None:
        os.chown(suite.path, user, user)
        for parent in suite.path.parents:
            if str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
    result = suite.json(user=user)
    assert result.code == 0, result.err


def test_without_user_namespaces_it_says_what_to_do(suite):
    """Fails closed: no sandbox, no run."""
    suite.write(text=PASS)
    if os.geteuid() != 0:
        pytest.skip("needs root to make a user namespace that forbids others")
    command = "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\""
    done = subprocess.run(["unshare", "-Ur", "sh", "-c", command, "sh", TACH], cwd=suite.path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 3 and "user.max_user_namespaces is 0: sudo sysctl -w user.max_user_namespaces=15000" in done.stderr
    assert "--no-isolation" in done.stderr
    assert done.stdout.count("passed") == 0


def test_list_and_version(suite):
    suite.write(text=PASS)
    assert suite.tach("list").out == "test_it.py::test_pass\n"
    assert suite.tach("list", "--python=/nonexistent").code == 0
    assert suite.tach("--version").out.startswith("tach ")
    assert "usage: tach" in suite.tach("--help").out
    result = suite.tach("--worker", "2")
    assert result.code in (0, 4)
    assert "did you mean --workers?" in suite.tach("--workerz=2").err


def test_files_made_while_importing_are_each_tests_own(suite):
    suite.write(
        text="import os, pathlib, pytest, tempfile\n"
        "FOLDER = pathlib.Path(tempfile.mkdtemp())\n"
        "(FOLDER / 'sub').mkdir()\n(FOLDER / 'sub' / 'f').write_text('seed')\n(FOLDER / 'link').symlink_to('sub/f')\n"
        "os.chmod(FOLDER / 'sub' / 'f', 0o640)\n"
        "@pytest.mark.parametrize('i', range(4))\n"
        "def test_it(i):\n"
        "    assert (FOLDER / 'link').read_text() == 'seed'\n"
        "    assert (FOLDER / 'sub' / 'f').stat().st_mode & 0o777 == 0o640\n"
        "    (FOLDER / 'sub' / 'f').write_text('changed')\n"
    )
    assert suite.json().event("finish")["counts"] == {"passed": 4}


@pytest.mark.parametrize(
    "action, reason",
    [("SCMP_ACT_TRAP", "the filter blocks mkdir"), ("SCMP_ACT_KILL_PROCESS", "the filter blocks a system call")],
)
def test_blocked_system_call_is_named(suite, action, reason):
    suite.write(text="import os\ndef test_it(): os.mkdir('/tmp/x')\n" + PASS)
    spec = json.loads(suite.tach("spec").out)
    rule = {"names": ["mkdir", "mkdirat"], "action": action}
    spec["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}
    done = run_spec(json.dumps(spec))
    events = {e["nodeid"]: e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "test"}
    assert reason in events["test_it.py::test_it"]["reason"] and "SIGSYS" in events["test_it.py::test_it"]["reason"]
    assert events["test_it.py::test_pass"]["outcome"] == "passed"


def test_memory_limit_of_the_spec(suite):
    suite.write(text="def test_it(): bytearray(4 << 30)\n" + PASS)
    spec = json.loads(suite.tach("spec").out)
    spec["process"]["rlimits"] = [{"type": "RLIMIT_AS", "soft": 1 << 30, "hard": 1 << 30}]
    done = run_spec(json.dumps(spec))
    events = {e["nodeid"]: e for e in map(json.loads, done.stdout.splitlines()) if e["event"] == "test"}
    assert events["test_it.py::test_it"]["crash"]["message"] == "MemoryError"
    assert events["test_it.py::test_pass"]["outcome"] == "passed"


def test_full_disk(suite):
    suite.write(text=PASS)
    result = suite.tach("--junit-xml=/dev/full")
    assert result.code == 3 and "write /dev/full: ENOSPC" in result.err
    with open("/dev/full", "w") as full:
        for args in ((), ("--format=json",)):
            done = subprocess.run([TACH, *args], cwd=suite.path, env=environment(), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode == 3 and "write the report: ENOSPC" in done.stderr


def test_progress_bar_on_a_terminal(suite):
    import pty

    suite.write(text=PASS + FAIL + "".join(f"def test_{i}(): pass\n" for i in range(60)))
    master, slave = pty.openpty()
    process = subprocess.Popen([TACH], cwd=suite.path, env=environment(TERM="xterm"), stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    out = b""
    while True:
        try:
            out += os.read(master, 65536)
        except OSError:
            break
    assert process.wait() == 1
    os.close(master)
    text = out.decode()
    assert "\r[" in text and "/62" in text and "1 failed" in text
    assert "\x1b[31mFAILED\x1b[0m test_it.py::test_fail" in text


def test_installed_programs(suite, tmp_path):
    from running import ROOT

    built = os.path.dirname(TACH)
    if not os.access(ROOT, os.W_OK):
        pytest.skip("the tree cannot be written, make cannot run")
    done = subprocess.run(
        ["make", "-s", "install", f"BUILD={built}", f"DESTDIR={tmp_path}", "PREFIX=/opt/tach"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    suite.write(text=PASS)
    installed = tmp_path / "opt" / "tach"
    done = subprocess.run([installed / "bin" / "tach"], cwd=suite.path, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_limits_without_isolation_are_reported(suite):
    suite.write(text="def test_it(): pass\n")
    result = suite.json("--no-isolation", "--memory=64M")
    missing = {one["what"]: one["why"] for one in result.event("start")["isolation"]["not_enforced"]}
    assert result.code == 0 and missing["resource limits"] == "isolation is switched off"


def test_limits_of_the_settings_reach_the_spec(suite):
    suite.write("pyproject.toml", '[tool.tach]\nmemory = "1G"\npids = 20\ncpu = 0.5\n')
    spec = json.loads(suite.tach("spec", "--pids=7", env={"TACH_MEMORY": "64MiB"}).out)
    assert spec["linux"]["resources"] == {
        "memory": {"limit": 64 << 20}, "pids": {"limit": 7}, "cpu": {"quota": 50000, "period": 100000}
    }  # fmt: skip
    assert "collectMemory" not in spec["tach"]  # the default
    suite.write("pyproject.toml", '[tool.tach]\ncollect_memory = "2G"\n')
    assert json.loads(suite.tach("spec").out)["tach"]["collectMemory"] == 2 << 30
    assert json.loads(suite.tach("spec", env={"TACH_COLLECT_MEMORY": "0"}).out)["tach"]["collectMemory"] == 0
    assert json.loads(suite.tach("spec", "--collect-memory=3M").out)["tach"]["collectMemory"] == 3 << 20
    wrong = suite.tach("spec", "--memory=lots")
    assert wrong.code == 4 and '--memory: expected bytes such as 500000000, "64M" or "2G", found "lots"' in wrong.err


def test_what_cannot_be_collected_is_shown_once(suite):
    suite.write(text="1 / 0\n")
    result = suite.tach("-p", "no:cacheprovider")
    assert result.code == 2 and result.out.count("ERROR collecting test_it.py") == 1 and "Interrupted" not in result.out
    suite.write("conftest.py", "def pytest_terminal_summary(terminalreporter): terminalreporter.write_line('mine')\n")
    result = suite.tach("-p", "no:cacheprovider")
    assert result.out.count("ERROR collecting test_it.py") == 1 and "\nmine\n" in result.out
