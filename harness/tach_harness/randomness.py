"""The state of ``random`` in tests: it depends on the run's seed and the test's node id alone, so that a failure can be
repeated (--seed). Where the suite itself has seeded the module, while it was imported or in a fixture, that holds.

The module would seed itself anew in every process that is cloned.
"""

import hashlib
import random
import sys

#: Of 624 numbers each, that a suite may have drawn and that still count as no seed of its own.
_BLOCKS = 16


class Randomness:
    def __init__(self, seed, is_chosen):
        """IS_CHOSEN: the user gave SEED: numpy's global generator follows it too."""
        self.seed, self.is_chosen = seed, is_chosen
        random.seed(seed)
        self.state = random.getstate()
        self.is_own = True

    def _was_drawn_from(self, before):
        """Whether the state now is that of BEFORE, but for numbers that were drawn since."""
        shadow, now = random.Random(), random.getstate()[1][:-1]
        shadow.setstate(before)
        for _ in range(_BLOCKS):
            if shadow.getstate()[1][:-1] == now:
                return True
            shadow.getrandbits(32 * 624)
        return False

    def take(self):
        """The suite's code has run: what clones begin with."""
        if random.getstate() != self.state:
            self.is_own = self.is_own and self._was_drawn_from(self.state)
            self.state = random.getstate()

    def restore(self):
        """In a clone."""
        random.setstate(self.state)

    def begin(self, nodeid):
        """The first test of this process, or the only one."""
        digest = hashlib.sha256(f"{self.seed}:{nodeid}".encode("utf-8", "surrogatepass")).digest()
        if self.is_own:
            random.seed(digest)
        if self.is_chosen and "numpy.random" in sys.modules:
            sys.modules["numpy.random"].seed(int.from_bytes(digest[:4], "little"))
