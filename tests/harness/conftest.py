"""The harness from its sources, without the extension: what does not clone can be tested in process."""

import pathlib
import signal
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "harness"))
pytest_plugins = ["pytester"]

# a shell that starts a job in the background has it ignore this
signal.signal(signal.SIGINT, signal.default_int_handler)
