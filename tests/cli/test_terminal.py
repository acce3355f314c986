"""Output that is shown as tests run, and debuggers: tach -s, --pdb, --trace beside pytest's own, on a terminal and without one."""

import base64
import json
import os
import re
import signal
import subprocess
import termios
import time

import pytest
from running import SLOW, TACH, environment, processes
from terminals import PROMPT, PYTEST, Session, run, tach

MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])


def body(text):
    """What is printed while tests run: from the header to the summary."""
    text = text.replace("\r\n", "\n")
    text = re.split(r"collected \d+ items?[^\n]*\n\n", text, maxsplit=1)[1]
    text = re.split(r"\n=+ (?:FAILURES|ERRORS|short test|.* in )", text, maxsplit=1)[0]
    return text.strip()


MIXED = """
import os, pytest, sys
@pytest.fixture
def small(): print("small up"); yield 1; print("small down")
def test_one(small): print("one"); print("to stderr", file=sys.stderr); os.write(1, b"by descriptor\\n")
def test_two(): print("two", end=""); sys.stdout.flush(); assert 0
def test_child(): os.system("echo from a child")
@pytest.fixture
def broken(): print("before"); raise ValueError
def test_error(broken): pass
@pytest.fixture
def late(): yield; print("late"); raise ValueError
def test_late(late): print("on time")
@pytest.mark.skip
def test_skipped(): pass
@pytest.mark.xfail
def test_expected(): print("as expected"); assert 0
@pytest.mark.parametrize("i", range(3))
def test_many(i): print("number", i)
"""


@MODES
def test_output_is_in_pytests_order(suite, mode):
    suite.write(text=MIXED)
    for terminal in (True, False):
        if terminal:
            ours, theirs = tach(suite, "-s", *mode), Session(suite, *PYTEST, "-s")
            codes, said = (ours.end(), theirs.end()), (ours.said, theirs.said)
        else:
            both = run(suite, "-s", *mode), run(suite, "-s", program=PYTEST)
            codes, said = [done.returncode for done in both], [done.stdout for done in both]
        assert codes[0] == codes[1] == 1
        # sys.stdout of pytest is not flushed at each line where it is a pipe
        same = (body, lambda text: sorted(body(text).replace(".", "").split()))[not terminal]
        assert same(said[0]) == same(said[1])
    assert body(said[0]).startswith("test_it.py small up\none\nto stderr\nby descriptor\n.small down\ntwoF")


def test_v_names_the_test_before_its_output(suite):
    suite.write(text=MIXED)
    ours, theirs = run(suite, "-sv"), run(suite, "-sv", program=[*PYTEST[:1], "-u", *PYTEST[1:]])
    ours, theirs = ("".join(done.stdout.split()) for done in (ours, theirs))
    text = theirs[theirs.index("test_it.py::test_one") :].partition("==")[0]
    assert text in ours


@MODES
def test_fixtures_of_wider_scopes_print_in_order(suite, mode):
    text = "".join(
        f"@pytest.fixture(scope='{scope}', autouse={scope != 'class'})\ndef of_{scope}(): print('{scope} up'); yield; print('{scope} down')\n"
        for scope in ("session", "module", "class")
    )
    suite.write("conftest.py", "import pytest\n" + text)
    test = "class Test:\n    def test_a(self, {0}): print('a')\n    def test_b(self, {0}): print('b')\ndef test_c(): print('c')\n"
    suite.write("test_1.py", test.format("request"))
    suite.write("test_2.py", "import pytest\n@pytest.mark.usefixtures('of_class')\n" + test.format("request"))
    ours, theirs = run(suite, "-s", *mode), run(suite, "-s", program=[*PYTEST[:1], "-u", *PYTEST[1:]])
    # a letter stands before the end of wider fixtures as under pytest
    assert body(ours.stdout) == body(theirs.stdout)


def test_bytes_pass_as_they_are(suite):
    noise = bytes(range(256)) * 3 + "ä€😀".encode() * 5000
    suite.write(text=f"import os\ndef test_it():\n    for i in range(0, {len(noise)}, 1001): os.write(1, {noise!r}[i : i + 1001])\n")
    done = subprocess.run([TACH, "-s"], cwd=suite.path, env=environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * SLOW, check=False)
    assert done.returncode == 0 and b" " + noise + b"." in done.stdout


def test_streams_stay_apart(suite):
    suite.write(text="import sys\ndef test_it(): print('out'); print('err', file=sys.stderr)\n")
    done = run(suite, "-s", stderr=subprocess.PIPE)
    assert "out\n." in done.stdout and done.stderr == "err\n"


@MODES
def test_a_terminal_is_seen_where_there_is_one(suite, mode):
    text = (
        "import os, sys\n"
        "def test_it():\n"
        "    print('ttys', [os.isatty(i) for i in range(3)], [s.isatty() for s in (sys.stdin, sys.stdout, sys.stderr)])\n"
    )
    suite.write(text=text + "    print('size', os.get_terminal_size(), os.tcgetpgrp(0) == os.getpgrp())\n")
    session = tach(suite, "-s", *mode, rows=33, columns=77)
    assert session.end() == 0
    assert f"ttys {[True] * 3} {[True] * 3}" in session.said
    assert "size os.terminal_size(columns=77, lines=33) True" in session.said
    suite.write(text=text)
    assert f"ttys {[False] * 3} {[False] * 3}" in run(suite, "-s", *mode).stdout


def test_without_it_output_is_kept(suite):
    """addopts of the project do not make a run slow: what is not captured is in the result."""
    suite.write("pytest.ini", "[pytest]\naddopts = -s\n")
    suite.write(text="def test_it(): print('printed'); assert 0\n")
    (test,) = suite.json().tests().values()
    assert test["outcome"] == "failed"
    assert not [event for event in suite.json().events if event["event"] == "output"]


def test_json_has_output_as_events(suite):
    suite.write(text="import os\ndef test_it(): print('ä'); os.write(1, b'\\xff\\0'); os.write(2, b'e')\n")
    result = suite.json("-s", "--junit-xml=r.xml")
    assert result.code == 0
    output = [event for event in result.events if event["event"] == "output"]
    assert {event["nodeid"] for event in output} == {"test_it.py::test_it"}
    said = {"stdout": b"", "stderr": b""}
    for event in output:
        said[event["stream"]] += event["text"].encode() if "text" in event else base64.b64decode(event["base64"])
    assert said == {"stdout": "ä\n".encode() + b"\xff\0", "stderr": b"e"}
    phases = [(event["when"], event["outcome"]) for event in result.events if event["event"] == "phase"]
    assert phases == [("setup", "passed"), ("call", "passed"), ("teardown", "passed")]
    assert 'tests="1"' in (suite.path / "r.xml").read_text()


def test_each_test_has_a_worker_of_its_own(suite):
    suite.write(text="X = []\ndef test_a(): X.append(1)\ndef test_b(): assert not X\n")
    tests = suite.json("-s").tests().values()
    assert [(test["outcome"], test["worker"]) for test in tests] == [("passed", None)] * 2


FAILS = """
def helper(n):
    inner = n * 2
    assert inner == 3
def test_fails():
    x = 41
    print("printed")
    helper(x)
def test_passes(): pass
"""


@MODES
@pytest.mark.parametrize("more", [(), ("-s",)], ids=["captured", "s"])
def test_pdb_is_pytests(suite, mode, more):
    suite.write(text=FAILS)
    commands = ("p inner", "up", "p x", "c") if not more else ("p inner", "c")

    def shown(said):
        text = said.replace("\r\n", "\n")
        return text[text.index("traceback >>") : text.index("PDB continue")]

    ours, theirs = tach(suite, "--pdb", *more, *mode), Session(suite, *PYTEST, "--pdb", *more)
    for session in (ours, theirs):
        for command in commands:
            session.wait(PROMPT, command + "\r")
        assert session.end() == 1
        assert session.after == session.before
    assert shown(ours.said) == shown(theirs.said)
    assert "82" in ours.said and "1 failed, 1 passed" in ours.said


@MODES
def test_q_ends_the_session(suite, mode):
    suite.write(text=FAILS)
    for session in (tach(suite, "--pdb", *mode), Session(suite, *PYTEST, "--pdb")):
        session.wait(PROMPT, "q\r")
        assert session.end() == 2
        assert "1 failed" in session.said and "passed" not in session.said.rpartition("1 failed")[2]
        assert "Quitting debugger" in session.said


@MODES
@pytest.mark.parametrize("how", ["breakpoint()", "import pdb; pdb.set_trace()", "import pytest; pytest.set_trace()"])
def test_breakpoints(suite, mode, how):
    suite.write(text=f"def test_it():\n    x = 7\n    {how}\n    assert x == 8\n")
    session = tach(suite, "-s", *mode)
    session.wait(PROMPT, "p x + 35\r")
    session.wait("42")
    session.wait(PROMPT, "x = 8\r")
    session.wait(PROMPT, "c\r")
    assert session.end() == 0, session.said


def test_a_breakpoint_suspends_capture(suite):
    suite.write(text="def test_it():\n    print('kept')\n    breakpoint()\n    print('kept too')\n    assert 0\n")
    session = tach(suite, "--pdb")
    session.wait(PROMPT, "c\r")
    session.wait(PROMPT, "c\r")
    assert session.end() == 1
    assert session.said.index("IO-capturing turned off") < session.said.index("kept")
    assert session.said.count("kept too") >= 1


@MODES
def test_trace(suite, mode):
    suite.write(text="def test_it():\n    x = 1\n    assert x\n")
    session = tach(suite, "--trace", *mode)
    session.wait("-> x = 1")
    session.wait(PROMPT, "n\r")
    session.wait("-> assert x")
    session.wait(PROMPT, "c\r")
    assert session.end() == 0


@MODES
def test_breakpoints_in_fixtures(suite, mode):
    suite.write(
        text="import pytest\n@pytest.fixture(scope='module')\ndef wide():\n    v = 'of the module'\n    breakpoint()\n    yield v\n    breakpoint()\n"
        "def test_a(wide): pass\ndef test_b(wide): pass\n"
    )
    session = tach(suite, "-s", *mode)
    session.wait(PROMPT, "p v\r")
    session.wait("'of the module'")
    session.wait(PROMPT, "c\r")
    session.wait(PROMPT, "c\r")
    assert session.end() == 0 and "2 passed" in session.said


def test_a_fixture_that_fails_is_debugged(suite):
    suite.write(
        text="import pytest\n@pytest.fixture(scope='session')\ndef wide():\n    cause = 'found'\n    1 / 0\ndef test_a(wide): pass\ndef test_b(wide): pass\n"
    )
    session = tach(suite, "--pdb", "-x")
    session.wait(PROMPT, "p cause\r")
    session.wait("'found'")
    session.wait(PROMPT, "c\r")
    assert session.end() == 1


def test_spawned_tests_are_debugged(suite):
    suite.write(text=FAILS)
    session = tach(suite, "--pdb", "--spawn")
    session.wait(PROMPT, "p inner\r")
    session.wait("82")
    session.wait(PROMPT, "c\r")
    assert session.end() == 1 and "1 failed, 1 passed" in session.said


def test_getfixturevalue_is_not_begun_again(suite):
    """What a test printed, and where one stood in it, cannot be forgotten."""
    suite.write(
        text="import pytest\n@pytest.fixture(scope='session')\ndef wide(): print('up'); return 1\n"
        "def test_a(request): print('a begins'); assert request.getfixturevalue('wide')\n"
        "def test_b(request): print('b begins'); assert request.getfixturevalue('wide')\n"
    )
    done = run(suite, "-s")
    assert done.returncode == 0 and done.stdout.count("a begins") == done.stdout.count("b begins") == 1


@MODES
def test_line_editing(suite, mode):
    """Arrow keys and history are readline's, Ctrl-D ends the debugger, what is typed is echoed once."""
    suite.write(text="def test_it():\n    breakpoint()\n")
    session = tach(suite, "-s", *mode)
    session.wait(PROMPT, "p 40 + 1\x7f2\r")
    session.wait(r"p 40 \+ 1\x08 ?\x08?.*2\r\n42\r\n")
    session.wait(PROMPT, "\x1b[A\r")  # up: the line before
    session.wait("42\r\n")
    session.wait(PROMPT, "p 'typed-once'\r")
    session.wait(PROMPT, "\x04")
    assert session.end() == 1 and "BdbQuit" in session.said  # so it is under pytest
    assert session.said.count("p 'typed-once'") == 1


@MODES
def test_a_test_may_read_from_the_terminal(suite, mode):
    suite.write(text="def test_a(): assert input('first? ') == 'one'\ndef test_b(): assert input('second? ') == 'zwei ä'\n")
    session = tach(suite, "-s", *mode)
    session.wait("first\\? ", "one\r")
    session.wait("second\\? ", "zwei ä\r")
    assert session.end() == 0, session.said


@MODES
def test_ctrl_c_in_the_debugger(suite, mode):
    suite.write(text="def test_it():\n    x = 5\n    breakpoint()\n    assert x == 5\n")
    session = tach(suite, "-s", *mode)
    session.wait(PROMPT, "p x  # not sent\x03")
    session.wait("KeyboardInterrupt")
    session.wait(PROMPT, "p 'still here'\r")
    session.wait("'still here'\r\n")
    session.wait(PROMPT, "c\r")
    assert session.end() == 0, session.said


@MODES
def test_ctrl_c_while_a_test_runs(suite, mode, traces):
    suite.write(text="import time\ndef test_it():\n    print('runs')\n    time.sleep(100)\n")
    session = tach(suite, "-s", *mode, env={"TOKEN": str(suite.path)})
    session.wait("runs", "\x03")
    assert session.end() == 2
    assert session.after == session.before
    assert traces.left(str(suite.path)) == []


def test_ctrl_c_with_pdb_shows_where_a_test_is(suite):
    text = "import time\ndef test_it():\n    where = 'asleep'\n    print('runs', flush=True)\n    open('began', 'w').close()\n    time.sleep(100)\n"
    suite.write(text=text)
    session = tach(suite, "--pdb", "-s")
    session.wait("runs", None)
    time.sleep(0.5)
    session.child.send("\x03")
    session.wait(PROMPT, "p where\r")
    session.wait("'asleep'")
    session.wait(PROMPT, "q\r")
    assert session.end() == 2


@pytest.mark.parametrize("key, code", [("\x1c", 2)], ids=["quit"])
def test_ctrl_backslash_always_ends_the_run(suite, key, code, traces):
    """Also in a debugger, and where a test does not hear of Ctrl-C."""
    suite.write(text="def test_it():\n    breakpoint()\n")
    session = tach(suite, "-s", env={"TOKEN": str(suite.path)})
    session.wait(PROMPT, key)
    assert session.end() == code
    assert session.after == session.before
    assert traces.left(str(suite.path)) == []


def test_the_window_changes_its_size(suite):
    suite.write(
        text="import os, signal, time\ndef test_it():\n    seen = []\n    signal.signal(signal.SIGWINCH, lambda *_: seen.append(os.get_terminal_size()))\n"
        "    print('waits')\n    while not seen: time.sleep(0.01)\n    print('now', seen[0])\n"
    )
    session = tach(suite, "-s")
    session.wait("waits")
    session.child.setwinsize(41, 123)
    assert session.end() == 0
    assert "now os.terminal_size(columns=123, lines=41)" in session.said


def test_stopped_and_continued(suite):
    """Ctrl-Z stops tach as any job, with the terminal as it was."""
    suite.write(text="def test_it():\n    breakpoint()\n")
    session = tach(suite, "-s")
    session.wait(PROMPT)
    session.child.send("\x1a")
    state = ""
    for _ in range(500 * SLOW):
        with open(f"/proc/{session.child.pid}/stat") as file:
            state = file.read().rpartition(")")[2].split()[0]
        if state == "T":
            break
        time.sleep(0.02)
    assert state == "T"
    assert termios.tcgetattr(session.child.child_fd) == session.before
    os.kill(session.child.pid, signal.SIGCONT)
    time.sleep(0.3)
    session.child.send("p 1234 + 1\r")
    session.wait("1235")
    session.wait(PROMPT, "c\r")
    assert session.end() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGSEGV], ids=lambda number: number.name)
def test_the_terminal_is_put_back_when_tach_dies(suite, number, traces):
    suite.write(text="def test_it():\n    breakpoint()\n")
    # under a shell, which keeps the terminal open
    session = Session(suite, "/bin/sh", "-c", f'{TACH} -s -p no:cacheprovider; echo "ended $?"; sleep 2', env={"TOKEN": str(suite.path)})
    session.wait(PROMPT)
    assert termios.tcgetattr(session.child.child_fd) != session.before
    (pid,) = (pid for pid in processes(str(suite.path)) if is_front(pid))
    os.kill(pid, number)
    session.wait("ended")
    deadline = time.monotonic() + 5 * SLOW
    while termios.tcgetattr(session.child.child_fd) != session.before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert termios.tcgetattr(session.child.child_fd) == session.before
    session.end()
    assert traces.left(str(suite.path)) == []


def test_the_terminal_is_put_back_when_tach_run_dies(suite, traces):
    suite.write(text="def test_it():\n    breakpoint()\n")
    session = tach(suite, "-s", env={"TOKEN": str(suite.path)})
    session.wait(PROMPT)
    with open(f"/proc/{session.child.pid}/task/{session.child.pid}/children") as file:
        children = file.read().split()
    (engine,) = (int(pid) for pid in children if name_of(pid) == "tach-run")
    os.kill(engine, signal.SIGKILL)
    assert session.end() == 3 and "tach-run was ended by SIGKILL" in session.said
    assert session.after == session.before
    assert traces.left(str(suite.path)) == []


def name_of(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def is_front(pid):
    """Whether that is tach itself, not the process that watches over its terminal."""
    with open(f"/proc/{pid}/stat") as stat:
        parent = stat.read().rpartition(")")[2].split()[1]
    return name_of(pid) == "tach" != name_of(parent)


@MODES
def test_commands_from_a_pipe(suite, mode):
    """As `echo c | pytest --pdb`; what one test does not read is for the next."""
    suite.write(text="def test_a():\n    x = 'first'\n    assert 0\ndef test_b():\n    x = 'second'\n    assert 0\ndef test_c(): pass\n")
    commands = "p x\nc\np x\nc\n"
    ours, theirs = run(suite, "--pdb", *mode, stdin=commands), run(suite, "--pdb", program=PYTEST, stdin=commands)
    assert ours.returncode == theirs.returncode == 1
    for done in (ours, theirs):
        assert re.findall(r"\(Pdb\) ('\w+')", done.stdout) == ["'first'", "'second'"], done.stdout
        assert "2 failed, 1 passed" in done.stdout
    ended = run(suite, "--pdb", *mode, stdin="p x\n")
    assert ended.returncode == run(suite, "--pdb", program=PYTEST, stdin="p x\n").returncode == 2


@MODES
def test_a_breakpoint_without_a_terminal_says_what_to_do(suite, mode):
    suite.write(text="def deep():\n    breakpoint()\ndef test_it():\n    deep()\ndef test_other(): pass\n")
    result = suite.json(*mode)
    test = result.tests()["test_it.py::test_it"]
    assert test["outcome"] == "failed" and result.tests()["test_it.py::test_other"]["outcome"] == "passed"
    assert test["longrepr"] == f"{suite.path}/test_it.py:2: no terminal for a debugger: run tach with -s or --pdb"
    suite.write(text="breakpoint()\ndef test_it(): pass\n")
    result = suite.json("-s")
    assert result.code == 2
    (error,) = result.event("collected")["errors"]
    assert error["longrepr"].endswith("test_it.py:1: a debugger cannot be entered while tests are collected under tach")


def test_a_debugger_that_a_test_talks_to(suite):
    """In a session of pytest that the test begins, or with a standard input of its own."""
    suite.write("pytest.ini", "[pytest]\naddopts = -s -p pytester\n")
    suite.write(
        text="import io, pdb, sys\n"
        "def test_own(monkeypatch):\n    monkeypatch.setattr(sys, 'stdin', io.StringIO('c\\n'))\n    breakpoint()\n"
        "def test_inner(pytester):\n"
        "    pytester.makepyfile('def test_it(): breakpoint()')\n"
        "    pytester.runpytest_inprocess().assert_outcomes(failed=1)\n"
    )
    assert {test["outcome"] for test in suite.json().tests().values()} == {"passed"}


def test_a_module_does_not_run_again(suite):
    """A test that depends on an earlier one fails, and what it printed is printed once."""
    suite.write(text="DONE = []\ndef test_a(): DONE.append(1)\ndef test_b(): print('once'); assert DONE\n")
    done = run(suite, "-s")
    assert done.returncode == 1 and done.stdout.count("once\nF") == 1
    assert done.stdout.partition("FAILURES")[0].count("once") == 1


def test_imports_of_spawned_tests_are_silent(suite):
    suite.write(text="print('imported')\ndef test_a(): print('a')\ndef test_b(): print('b')\n")
    done = run(suite, "-s", "--spawn")
    assert done.returncode == 0 and done.stdout.count("imported") == 1
    assert "test_it.py a\n.b\n.\n" in done.stdout


def test_shared_workers(suite):
    """Tests that share a worker, since what their fixture left running cannot be cloned."""
    suite.write(
        text="import pytest, threading\n@pytest.fixture(scope='module', autouse=True)\ndef wide():\n    print('up')\n"
        "    stop = threading.Event(); thread = threading.Thread(target=stop.wait); thread.start()\n"
        "    yield\n    stop.set(); thread.join(); print('down')\n"
        "def test_a(): print('a')\ndef test_b():\n    breakpoint()\n    print('b')\ndef test_c(): print('c')\n"
    )
    session = tach(suite, "-s")
    session.wait(PROMPT, "p 6 * 7\r")
    session.wait("42")
    session.wait(PROMPT, "c\r")
    assert session.end() == 0
    said = session.said.replace("\r\n", "\n")
    assert "test_it.py up\na\n." in said and "\nb\n.c\n.down\n" in said and "3 passed" in said


def test_errors_while_collecting_are_not_debugged(suite):
    suite.write(text="1 / 0\n")
    done = run(suite, "--pdb")
    assert done.returncode == 2 and "ZeroDivisionError" in done.stdout and "(Pdb)" not in done.stdout


def test_pdb_of_the_project_is_for_the_command_line(suite):
    suite.write("pytest.ini", "[pytest]\naddopts = --pdb\n")
    suite.write(text="def test_it(): pass\n")
    done = run(suite)
    assert done.returncode == 4 and "--pdb is for tach's own command line" in done.stdout
    assert run(suite, "--pdb").returncode == run(suite, "--", "--pdb").returncode == 0


@pytest.mark.parametrize("how", ["breakpoint()", "import pdb; pdb.Pdb().set_trace()"])
def test_timeouts_wait_for_a_debugger(suite, how):
    suite.write(text=f"import time\ndef test_it():\n    {how}\n    pass\ndef test_slow(): time.sleep(100)\n")
    session = tach(suite, "-s", "--timeout=1")
    session.wait(PROMPT)
    time.sleep(2.5)
    session.child.send("c\r")
    assert session.end() == 1
    assert "1 failed, 1 passed" in session.said and "timed out after 1 s" in session.said


def test_a_crash_is_told_as_ever(suite):
    suite.write(text="import os\ndef test_it(): print('last words'); os.kill(os.getpid(), 11)\ndef test_next(): print('next')\n")
    done = run(suite, "-s")
    assert done.returncode == 1
    assert "last words\nCnext\n." in done.stdout and "killed by SIGSEGV" in done.stdout


def test_imports_that_print(suite):
    suite.write("conftest.py", "print('from the conftest')\n")
    suite.write(text="print('from the module')\ndef test_it(): pass\n")
    done = run(suite, "-s")
    assert "from the conftest\nfrom the module\n" in done.stdout and done.stdout.count("from the") == 2
    assert done.stdout.count("test session starts") == 1


def test_what_cannot_be(suite):
    suite.write(text="def test_it(): pass\n")
    done = run(suite, "-s", "-n", "4")
    assert done.returncode == 4
    assert done.stdout == "tach: usage: -n 4: with -s, --pdb or --trace tests run one after another: leave it out\n"
    suite.write("pyproject.toml", "[tool.tach]\nworkers = 4\n")
    assert run(suite, "-s").returncode == 0


def test_the_spec_says_it(suite):
    suite.write(text="def test_it(): pass\n")
    spec = json.loads(run(suite, "spec", "-s", program=[TACH], stderr=subprocess.DEVNULL).stdout)
    assert spec["process"]["terminal"] is False and spec["tach"]["output"] == "streams" and spec["tach"]["workers"] == 1
    session = Session(suite, TACH, "spec", "-s", rows=12, columns=99)
    assert session.end() == 0
    spec = json.loads(session.said)
    assert spec["process"]["terminal"] is True and spec["process"]["consoleSize"] == {"height": 12, "width": 99}
