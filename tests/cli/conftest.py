"""The fixtures of running.py for every file here."""

from running import suite, traces  # noqa: F401
