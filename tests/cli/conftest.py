"""The fixtures of running.py and serving.py for every file here."""

from running import suite, traces  # noqa: F401
from serving import echo, postgres, redis, unix_echo  # noqa: F401
