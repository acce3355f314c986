"""Starts the harness from its sources (argv[1]) with the extension's stand-in."""

import runpy
import sys

import _tach  # this script's folder is first on the path

sys.modules["tach_harness._tach"] = _tach
del sys.modules["_tach"], sys.path[0]
runpy.run_path(sys.argv[1], run_name="__main__")
