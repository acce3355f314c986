"""A process that is cloned: the zygote or a snapshot. What is done before, and what a clone becomes."""

import functools
import gc
import os
import sys

from tach_harness import _tach, output, rollback, snapshot, worker
from tach_harness.channel import RUN_ITEMS, RUN_SNAPSHOT
from tach_harness.console import Console

_hidden = []


def _open_descriptors(own):
    """What clones inherit beside 0, 1 and 2: all that the suite opened, but not what is this process's OWN."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            os.fstat(fd)
        except OSError:  # the listing's own
            continue
        if fd > 2 and fd not in own:
            found.append(fd)
    return sorted(found)


def hide():
    """What replaces functions in all modules that are loaded, as pyfakefs and freezegun do, is not to find these."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "tach_harness"]:
        _hidden.append(sys.modules.pop(name))


class Origin:
    """What clones are made from. UNITS: of the session's items."""

    def __init__(self, session, reporter, units, randomness, measured):
        self.session, self.reporter, self.units = session, reporter, units
        self.randomness, self.measured = randomness, measured
        self.items = session.items
        #: of the zygote: who starts fresh interpreters
        self.spawner = None
        #: whether workers are put back after a test, and memory that was put back is compared
        self.rolls_back = self.verifies = False
        self.state = None

    def prepare(self, *own, tests=0):
        """Before clones are made, each time that the suite's code has run. OWN: descriptors that are not theirs; TESTS: as
        many will run in clones."""
        self.measured.before_clones()
        inherited = _open_descriptors(own)
        output.prepare(self.session.config, inherited)
        _tach.keep_fds(inherited)
        self.state = worker.State()
        self.randomness.take()
        gc.freeze()
        if self.rolls_back:
            _tach.take_image(tests)

    def serve(self, control):
        """What the engine asks of this process itself, of ``_tach.serve``; a clone does not return from here."""
        asked = _tach.serve(control)
        if not isinstance(asked, int) and asked[0] in (RUN_ITEMS, RUN_SNAPSHOT):
            self._become(*asked)
        return asked

    def _become(self, op, slot, numbers, result_fd, out_fd, err_fd, control, console_fds):
        console = Console(console_fds)
        self.reporter.asking.become(numbers[0] if op == RUN_SNAPSHOT else None)
        if op == RUN_ITEMS and self.spawner is not None and not self.spawner.indices.isdisjoint(numbers[:1]):
            self.spawner.become(self.session, numbers[0], slot, result_fd, out_fd, err_fd, console)
        if op == RUN_ITEMS:
            floor = next(reversed(self.session._setupstate.stack), None)
            if control >= 0:
                arguments = functools.partial(rollback.begin, self, numbers[0], floor, control)
            else:
                arguments = lambda: (self, numbers, floor)  # noqa: E731
            worker.live(self, slot, result_fd, out_fd, err_fd, console, worker.run, arguments)
        unit, first = numbers
        arguments = lambda: (self, self.units[unit], first, control)  # noqa: E731
        worker.live(self, slot, result_fd, out_fd, err_fd, console, snapshot.run, arguments)
