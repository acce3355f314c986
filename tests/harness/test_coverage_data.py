"""What workers tell of coverage: a worker that lies costs nothing but its own data."""

import pytest

from tach_harness.coverage_data import Gathered


@pytest.mark.parametrize(
    "rows", [None, 7, "text", [1], [[]], [["", "f", "", None]], [["", "f", "", [10**12]]], [["", "f", "", [1e300]]], [["", "f", "", ["1"]]]]
)
@pytest.mark.parametrize("arcs", [True, False, None])
def test_what_is_no_coverage_is_not_taken(rows, arcs):
    gathered = Gathered()
    gathered.take({"arcs": arcs, "rows": rows})
    assert gathered.found == {}


def test_of_several_workers():
    gathered = Gathered()
    gathered.take({"arcs": False, "rows": [["", "f", "", [1, 2]], ["c", "f", "", [3]]]})
    gathered.take({"arcs": False, "rows": [["", "f", "plugin", [2, 4]]]})
    assert gathered.found == {(False, ""): {"f": {1, 2, 4}}, (False, "c"): {"f": {3}}}
    assert gathered.tracers == {"f": "plugin"}
