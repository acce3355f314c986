"""The harness from its sources, without the extension: what does not clone can be tested in process."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "harness"))
pytest_plugins = ["pytester"]
