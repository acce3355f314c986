"""What a worker has for standard input, output and error where the run passes its output on (tach -s, --pdb).

Output and what is told to the engine must stay in order: who has told something of a test waits until the engine
has passed on what was printed before.
"""

import fcntl
import os
from contextlib import suppress

_read = os.read
#: Where the acknowledgements come: beyond what tests open, and close by number.
_DESCRIPTOR = 1000


def move_up(fd):
    """FD, moved out of the way."""
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _DESCRIPTOR)
    except OSError:  # there are no such numbers
        return fd
    os.close(fd)
    return moved


class Console:
    """FDS: standard input, output, error, and where the acknowledgements come; all -1: there is none."""

    def __init__(self, fds=(-1, -1, -1, -1)):
        self.stdin, self.stdout, self.stderr, self.acknowledgements = self.fds = tuple(fds)

    def __bool__(self):
        return self.acknowledgements >= 0

    def take(self):
        """This process, the leader of its session, is the one that the terminal, if it is one, sends signals to."""
        import termios  # here: suites do not find it imported

        self.acknowledgements = move_up(self.acknowledgements)
        if os.isatty(self.stdin):
            fcntl.ioctl(self.stdin, termios.TIOCSCTTY, 0)

    def close(self):
        """Of what the process has under 0, 1 and 2 now."""
        for fd in (self.stdin, self.stdout, self.stderr):
            os.close(fd)

    def wait(self):
        """Until what was told, and printed before, has been passed on."""
        if self:
            with suppress(OSError):  # a test has closed it
                _read(self.acknowledgements, 1)
