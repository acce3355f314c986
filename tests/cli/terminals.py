"""Programs on a terminal, and the same without one."""

import subprocess
import sys
import termios

import pytest
from running import SLOW, TACH, as_user, environment

pexpect = pytest.importorskip("pexpect")

PYTEST = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
PROMPT = r"\(Pdb\) "


class Session:
    """A program on a terminal of its own."""

    def __init__(self, suite, *command, rows=30, columns=100, env=None, user=None):
        more = {"TERM": "xterm", "NO_COLOR": "1", **(env or {})}
        command = [*as_user(user), *command]
        self.child = pexpect.spawn(
            command[0], command[1:], cwd=str(suite.path), env=environment(**more), timeout=60 * SLOW,
            dimensions=(rows, columns), encoding="utf-8", codec_errors="replace",
        )  # fmt: skip
        self.before = termios.tcgetattr(self.child.child_fd)
        self.said = ""

    def wait(self, what, answer=None):
        """Until WHAT is printed; types ANSWER. The match."""
        self.child.expect(what)
        self.said += self.child.before + self.child.after
        if answer is not None:
            self.child.send(answer)
        return self.child.match

    def end(self):
        """The exit code, or minus the signal; all that was printed is ``said``."""
        self.child.expect(pexpect.EOF)
        self.said += self.child.before
        self.after = termios.tcgetattr(self.child.child_fd)
        self.child.close()
        return self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus


def tach(suite, *args, **more):
    return Session(suite, TACH, "-p", "no:cacheprovider", *args, **more)


def run(suite, *args, program=(TACH, "-p", "no:cacheprovider"), stdin="", **more):
    """Without a terminal: the finished process."""
    return subprocess.run(
        [*program, *args], cwd=suite.path, env=environment(NO_COLOR="1"), input=stdin, stdout=subprocess.PIPE,
        encoding="utf-8", errors="surrogateescape", timeout=60 * SLOW, check=False, **{"stderr": subprocess.STDOUT, **more},
    )  # fmt: skip
