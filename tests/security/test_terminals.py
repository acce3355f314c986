"""A test on a terminal (tach -s, --pdb): it gets at neither the user's terminal, nor the next test's, nor holds up the run."""

import os
import time

import pytest
from checklist import row
from running import SLOW, TACH, as_user
from terminals import PROMPT, Session, run, tach

ASKS = """
import ctypes, errno, fcntl, os, signal, subprocess, sys, termios, time
def attempt(f, *args):
    try:
        f(*args)
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno]
"""


@pytest.fixture
def project(suite_and_user):
    """A suite, and as whom it runs."""
    suite, suite.user = suite_and_user
    suite.path.mkdir()
    if suite.user is not None:
        os.chown(suite.path, suite.user, suite.user)
    for parent in suite.path.parents:
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    return suite


@row("terminal")
def test_what_it_types_reaches_no_shell(project):
    """The shell that tach was started from reads what is left in its terminal."""
    project.write(
        text=ASKS + "def test_it():\n"
        "    push = [attempt(fcntl.ioctl, 0, r, b'e') for r in (0x5412, 0x541C, 7 << 32 | 0x5412)]\n"
        "    with open('/dev/tty', 'wb', 0) as tty: push += [attempt(fcntl.ioctl, tty, 0x5412, b'e')]\n"
        "    print('pushed', push)\n"
        "    print('\\x1b[6n\\x1b[c\\x1b[21t', flush=True)\n"
        "    time.sleep(3)\n"
    )
    script = f'"{TACH}" -s -p no:cacheprovider; echo "ended $?"; stty -icanon min 0 time 10; od -An -c | head -c 100; echo over'
    session = Session(project, "/bin/sh", "-c", script, user=project.user)
    session.wait("pushed")
    # what a terminal answers to the questions that the test printed
    session.child.send("\x1b[24;80R")
    session.wait("ended 0")
    session.wait("over")
    assert session.end() == 0
    assert session.said.count("EPERM") == 4
    assert "24" not in session.said.rpartition("ended 0")[2]


@row("terminal")
def test_the_users_terminal_is_not_in_sight(project):
    project.write(
        text=ASKS + "def test_it():\n"
        "    mine = {os.fstat(fd).st_rdev for fd in range(3)}\n"
        "    assert len(mine) == 1 and os.getsid(0) == os.getpid()\n"
        "    others = [fd for fd in map(int, os.listdir('/proc/self/fd')) if os.isatty(fd) and os.fstat(fd).st_rdev not in mine]\n"
        "    assert not others\n"
        "    print('mine', os.minor(mine.pop()), 'of', [attempt(os.open, f'/dev/pts/{i}', os.O_RDWR | os.O_NOCTTY) for i in range(200)].count('done'))\n"
    )
    session = tach(project, "-s", user=project.user)
    number = os.minor(os.fstat(session.child.child_fd).st_rdev)
    session.wait(r"mine (\d+) of (\d+)")
    mine, opened = session.child.match.groups()
    assert opened == "0" and int(mine) != number
    assert session.end() == 0


@row("terminal")
@pytest.mark.parametrize("mode", [(), ("--no-isolation",)], ids=["cells", "no-isolation"])
def test_nothing_of_it_reaches_the_next_test(project, mode):
    """Settings, a process that reads and writes the terminal for ever, input that was typed ahead."""
    project.write(
        text=ASKS + "def test_a():\n"
        "    subprocess.Popen(['sh', '-c', 'trap \"\" HUP INT TERM; while :; do echo LEFT; read x; sleep 0.01; done'])\n"
        "    then = termios.tcgetattr(0)\n"
        "    new = [a[:] if isinstance(a, list) else a for a in then]; new[0] = new[1] = new[3] = 0; new[6][termios.VINTR] = b'x'\n"
        "    termios.tcsetattr(0, termios.TCSANOW, new)\n"
        "    fcntl.ioctl(0, termios.TIOCEXCL)\n"
        "    time.sleep(0.5)\n"
        "    print('A ENDS')\n"
        "def test_b():\n"
        "    print('B BEGINS')\n"
        "    now = termios.tcgetattr(0)\n"
        "    assert now[3] & termios.ICANON and now[3] & termios.ECHO and now[1] & termios.OPOST and now[6][termios.VINTR] == b'\\x03'\n"
        "    time.sleep(0.5)\n"
        "    assert input('asks: ') == 'answered'\n"
    )
    began = time.monotonic()
    session = tach(project, "-s", *mode, user=project.user)
    session.wait("LEFT")
    session.child.send("typed for a\r")
    session.wait("asks: ", "answered\r")
    assert session.end() == 0, session.said
    assert "LEFT" not in session.said.partition("B BEGINS")[2]
    assert "2 passed" in session.said and time.monotonic() - began < 30 * SLOW
    assert session.after == session.before


@row("terminal")
def test_a_terminal_that_is_stopped_holds_up_nobody(project):
    project.write(text=ASKS + "def test_a(): termios.tcflow(0, termios.TCOOFF)\ndef test_b(): print('B')\n")
    session = tach(project, "-s", "--timeout=5", user=project.user)
    assert session.end() in (0, 1)
    assert "B" in session.said and "1 passed" in session.said.replace("2 passed", "1 passed")


@row("terminal")
def test_a_flood_ends(project):
    project.write(
        text="import os\ndef test_flood():\n    for i in range(1 << 15): os.write(1, b'x' * 65536)\ndef test_next(): print('next')\n"
    )
    done = run(project, "-s", "--timeout=0", program=[*as_user(project.user), TACH, "-p", "no:cacheprovider"])
    assert done.returncode == 1 and "the test printed more than 512 MiB" in done.stdout
    assert "next\n." in done.stdout and len(done.stdout) < 600 << 20


@row("terminal")
def test_a_flood_is_interrupted(project):
    project.write(text="import os\ndef test_flood():\n    while True: os.write(1, b'x' * 99 + b'\\n')\n")
    session = tach(project, "-s", user=project.user)
    session.wait("xxx")
    session.child.send("\x03")
    assert session.end() == 2
    assert session.after == session.before


@row("terminal")
def test_who_says_that_it_debugs_is_ended_by_the_user(project):
    """A debugger has no deadline, and Ctrl-C is its own: Ctrl-\\ ends what only pretends."""
    project.write(
        text=ASKS + "def test_it():\n    signal.signal(signal.SIGINT, signal.SIG_IGN)\n    breakpoint()\n    print('on', flush=True)\n    while True: pass\n"
    )
    session = tach(project, "-s", user=project.user)
    session.wait(PROMPT, "c\r")
    session.wait("on\r")
    session.child.send("\x03\x03\x03\x1c")
    assert session.end() == 2
    assert session.after == session.before
