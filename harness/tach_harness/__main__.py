"""Entry point of the zygote: ``PYTHON .../tach_harness`` with TACH_CONTROL_FD in the environment."""

import os
import sys


def start():
    here = os.path.dirname(os.path.abspath(__file__))
    # The package is imported by its own name; then nothing of Tach stays on the suite's path.
    sys.path[0] = os.path.dirname(here)
    from tach_harness import pytest_versions

    why = pytest_versions.why_not()
    if why is not None:
        sys.exit(why)
    from tach_harness import spawn, zygote

    del sys.path[0]
    task = spawn.take_task()
    if task is not None:
        return zygote.main_spawned(task)
    return zygote.main(int(os.environ.pop("TACH_CONTROL_FD")))


if __name__ == "__main__":
    sys.exit(start())
