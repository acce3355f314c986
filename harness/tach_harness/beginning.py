"""How pytest's own begin may fail, before there is a session: a plugin that cannot be imported, a hook that raises."""

import importlib
import pathlib
import sys
import traceback

import _pytest
import pluggy

_RUNNERS = tuple(f"{pathlib.Path(package.__file__).parent}/" for package in (_pytest, pluggy, importlib, sys.modules[__package__]))


def _trim(told):
    """Leaves out frames of pytest and of the harness, and causes that have no others."""
    for name in ("__cause__", "__context__"):
        inner = getattr(told, name)
        if inner is not None:
            _trim(inner)
            if inner.stack is None:
                setattr(told, name, None)
    frames = [frame for frame in told.stack if not frame.filename.startswith((*_RUNNERS, "<frozen "))]
    told.stack = traceback.StackSummary.from_list(frames) if frames else None


def leave(error):
    """Says what the SystemExit ERROR says, as Python would at its end. Returns the exit code."""
    if error.code is None or isinstance(error.code, int):
        return error.code or 0
    print(error.code, file=sys.stderr)
    return 1


def retell(error):
    """What ERROR says, without the way through pytest to it."""
    told = traceback.TracebackException.from_exception(error)
    _trim(told)
    return "tach: error: pytest could not begin:\n" + "".join(told.format())
