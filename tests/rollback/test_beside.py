"""Where processes are put back, and what that must leave room for: trace functions, crashes, fresh interpreters, shared workers."""

import pytest

MANY = "import pytest\n@pytest.mark.parametrize('n', range(12))\ndef test_many(n): pass\n"


def run(suite, *args):
    """The result, and its test events by node id."""
    result = suite.json("-n", "1", "-p", "no:cacheprovider", *args)
    if "workers" not in result.event("finish"):
        pytest.skip("processes cannot be put back here")
    return result, result.tests()


def workers(tests, file):
    return [test["worker"] for nodeid, test in tests.items() if nodeid.startswith(file)]


def test_they_are_put_back(suite):
    suite.write("test_many.py", MANY)
    _, tests = run(suite)
    assert workers(tests, "test_many").count("rolled back") >= 10


def test_a_trace_function_is_not_forgotten(suite):
    """coverage.py's, a debugger's: what it has seen must outlive the test."""
    suite.write("conftest.py", "import sys\nSEEN = []\ndef trace(frame, what, arg): SEEN.append(1)\nsys.settrace(trace)\n")
    suite.write("test_many.py", MANY + "def test_it():\n    import sys, conftest\n    assert sys.gettrace() is conftest.trace and conftest.SEEN\n")
    result, tests = run(suite)
    assert result.code == 0 and "rolled back" not in workers(tests, "test_many")
    # where most are spent at once, few are tried
    assert {test["spent"] for test in tests.values()} - {None} == {"a trace function is set"}


def test_a_crash_is_told_with_its_own_stack(suite):
    suite.write("test_many.py", MANY + "def test_dies():\n    import os\n    os.kill(os.getpid(), 11)\n" + MANY.replace("test_many", "test_more"))
    _, tests = run(suite)
    test = tests["test_many.py::test_dies"]
    assert test["outcome"] == "crashed"
    (stack,) = [text for name, text in test["sections"] if name == "Captured stderr"]
    assert "Segmentation fault" in stack and "in test_dies" in stack
    assert {test["outcome"] for nodeid, test in tests.items() if "dies" not in nodeid} == {"passed"}


def test_faulthandlers_timeout_is_of_one_test(suite):
    """What is set for one test goes off neither in the next nor not at all."""
    suite.write("test_many.py", MANY + "def test_slow():\n    import time\n    time.sleep(1)\n    assert 0\n" + MANY.replace("test_many", "test_more"))
    _, tests = run(suite, "--", "-o", "faulthandler_timeout=0.4")
    said = "".join(text for _, text in tests["test_many.py::test_slow"]["sections"])
    assert "Timeout" in said and "in test_slow" in said
    assert {test["outcome"] for nodeid, test in tests.items() if "slow" not in nodeid} == {"passed"}


def test_fresh_interpreters_and_shared_workers_run_beside_them(suite):
    suite.write("pyproject.toml", '[tool.tach]\nspawn = ["test_spawned.py"]\n')
    suite.write("test_many.py", MANY)
    suite.write("test_spawned.py", "def test_a(): pass\ndef test_b(): pass\n")
    suite.write(
        "test_threads.py",
        "import pytest, threading\n@pytest.fixture(scope='module', autouse=True)\ndef wide():\n"
        "    stop = threading.Event(); thread = threading.Thread(target=stop.wait); thread.start(); yield; stop.set(); thread.join()\n"
        "SEEN = []\ndef test_a(): SEEN.append(1)\ndef test_b(): assert SEEN\n",
    )
    result, tests = run(suite)
    assert result.code == 0
    assert "rolled back" in workers(tests, "test_many")
    for file in ("test_spawned", "test_threads"):
        assert "rolled back" not in workers(tests, file)


@pytest.mark.parametrize("option", ["-s", "--pdb"])
def test_it_is_off_for_who_looks_on(suite, option):
    suite.write("test_many.py", MANY)
    result = suite.json("-p", "no:cacheprovider", option)
    assert result.code == 0
    assert {test["worker"] for test in result.tests().values()} == {None}
