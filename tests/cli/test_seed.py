"""Random numbers in tests: of the run's seed and the node id alone."""

import pytest

MODES = pytest.mark.parametrize("mode", [(), ("--no-isolation",), ("--spawn",)], ids=["cells", "no-isolation", "spawn"])
TEXT = """
import random, pytest
@pytest.mark.parametrize("i", [1, 2])
def test_it(i): print(random.random())
def test_other(): print(random.random())
"""


def printed(result):
    return {nodeid.partition("::")[2]: dict(test["sections"])["Captured stdout call"] for nodeid, test in result.tests().items()}


@MODES
def test_of_seed_and_node_id(suite, mode):
    suite.write(text=TEXT)
    first = suite.json(*mode)
    seed = first.event("start")["seed"]
    assert len(set(printed(first).values())) == 3
    assert printed(suite.json(f"--seed={seed}", *mode)) == printed(first)
    assert set(printed(suite.json(*mode)).values()).isdisjoint(printed(first).values())
    alone = suite.json(f"--seed={seed}", "test_it.py::test_other", *mode)
    assert printed(alone)["test_other"] == printed(first)["test_other"]


def test_all_modes_agree(suite):
    suite.write(text=TEXT)
    found = [printed(suite.json("--seed=1", *mode)) for mode in ((), ("--no-isolation",), ("--spawn",), ("--workers=1", "--reuse=never"))]
    assert all(one == found[0] for one in found)


def test_it_is_said(suite):
    suite.write("pyproject.toml", "[tool.tach]\nseed = 5\n")
    suite.write(text=TEXT)
    assert "\nseed: 5\n" in suite.tach().out and "\nseed: 6\n" in suite.tach("--seed", "6").out
    assert "\nseed: 7\n" in suite.tach(env={"TACH_SEED": "7"}).out
    result = suite.tach("--seed", "4294967296")
    assert result.code == 4 and "--seed: expected a whole number up to 4294967295" in result.err


@MODES
def test_a_seed_of_the_suite_holds(suite, mode):
    """What the suite draws while it is imported is no seed of its own."""
    suite.write("conftest.py", "import random\nfor i in range(2000): random.random()\n")
    suite.write(text=TEXT)
    assert len(set(printed(suite.json(*mode)).values())) == 3
    suite.write("conftest.py", "import random\nrandom.seed(42); random.gauss(0, 1)\n")
    import random

    expected = random.Random(42)
    expected.gauss(0, 1)
    assert set(printed(suite.json(*mode)).values()) == {f"{expected.random()}\n"}


def test_a_seed_of_a_fixture_holds(suite):
    suite.write(
        "conftest.py",
        "import random, pytest\n@pytest.fixture(scope='session', autouse=True)\ndef seed(): random.seed(7)\n",
    )
    suite.write(text=TEXT)
    import random

    assert set(printed(suite.json()).values()) == {f"{random.Random(7).random()}\n"}
    # where the fixture cannot be cloned its tests run one after another, and draw one number after another
    suite.write(
        "conftest.py",
        "import os, random, pytest\n@pytest.fixture(scope='session', autouse=True)\ndef seed(): random.seed(7); yield os.pipe()\n",
    )
    numbers = random.Random(7)
    assert sorted(printed(suite.json()).values()) == sorted(f"{numbers.random()}\n" for _ in range(3))


def test_numpy_follows_a_seed_that_is_chosen(suite):
    pytest.importorskip("numpy")
    suite.write(text="import numpy.random\ndef test_a(): print(numpy.random.rand())\ndef test_b(): print(numpy.random.rand())\n")
    first = printed(suite.json("--seed=3"))
    assert first == printed(suite.json("--seed=3")) and len(set(first.values())) == 2
    suite.write("conftest.py", "import numpy.random\nnumpy.random.seed(1)\n")
    assert len(set(printed(suite.json()).values())) == 1
