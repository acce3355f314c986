"""Every row of the checklist has a test."""

import pathlib
import re

from checklist import ROWS


def test_every_row_has_a_test():
    marked = set()
    for file in pathlib.Path(__file__).parent.glob("test_*.py"):
        marked |= set(re.findall(r'^@row\("([\w.-]+)"\)$', file.read_text(), re.M))
    assert marked == set(ROWS)
