"""Where a worker's output goes: into the engine's two memory files, so that a crash loses none of it.

pytest's capture keeps working: the files under its temporary files are exchanged, not the Python objects, some
of which the suite may have taken hold of while it was imported.
"""

import faulthandler
import os

from tach_harness import _tach


def _replace(fd, target):
    if target is not None and target >= 0:
        os.dup2(fd, target)


def redirect(config, out_fd, err_fd):
    """Puts OUT_FD and ERR_FD under standard output and error and under pytest's capture of them."""
    manager = config.pluginmanager.getplugin("capturemanager")
    capture = getattr(manager, "_global_capturing", None)
    for fd, target, side in ((out_fd, 1, "out"), (err_fd, 2, "err")):
        _replace(fd, target)
        one = getattr(capture, side, None)
        if hasattr(one, "targetfd_save"):  # capture=fd
            _replace(fd, one.targetfd_save)
            _replace(fd, one.tmpfile.fileno())
    # Enabled anew, since the clone cleared the handlers; on a copy of its own, since a test may close 2.
    faulthandler.disable()
    own = os.dup(err_fd)
    faulthandler.enable(file=own, all_threads=True)
    _tach.tell_blocked_calls(own)
    os.close(out_fd)
    os.close(err_fd)


def silence_terminal(config):
    """pytest's own progress goes nowhere; the reporter stays, for the plugins that ask for it."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter._tw._file = open(os.devnull, "w")
