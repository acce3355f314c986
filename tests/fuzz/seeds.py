#!/usr/bin/python3
"""seeds.py FOLDER: writes code that the tests of tach list have in strings, each as a file to begin fuzzing with."""

import pathlib
import re
import sys
import textwrap

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from test_list_made import GIVEN_UP, ODD, PLAYED

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, files in {**PLAYED, **GIVEN_UP, **ODD}.items():
    for number, text in enumerate(files.values() if isinstance(files, dict) else [files]):
        (folder / f"{re.sub('[^a-z]+', '-', name)}-{number}").write_text(textwrap.dedent(text))
