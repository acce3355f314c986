"""compare.py finds what differs and nothing else."""

import pathlib
import subprocess
import sys

COMPARE = pathlib.Path(__file__).with_name("compare.py")
PASSED = '<testcase classname="a" name="x" time="1"/>'
FAILED = '<testcase classname="a" name="x" time="2"><failure message="m">t</failure></testcase>'
OTHER = '<testcase classname="a" name="y"><skipped type="pytest.skip"/></testcase>'


def compare(tmp_path, one, other):
    for name, cases in (("one.xml", one), ("other.xml", other)):
        (tmp_path / name).write_text(f'<testsuites><testsuite name="pytest">{cases}</testsuite></testsuites>')
    argv = [sys.executable, COMPARE, tmp_path / "one.xml", tmp_path / "other.xml"]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_same(tmp_path):
    assert compare(tmp_path, PASSED + OTHER, OTHER + PASSED).returncode == 0


def test_other_outcome(tmp_path):
    done = compare(tmp_path, PASSED, FAILED)
    assert done.returncode == 1 and "a::x: passed became failure" in done.stdout


def test_missing_and_additional(tmp_path):
    assert "a::y: pytest.skip became absent" in compare(tmp_path, PASSED + OTHER, PASSED).stdout
    assert "a::y: absent became pytest.skip" in compare(tmp_path, PASSED, PASSED + OTHER).stdout


def test_repeated_address(tmp_path):
    assert compare(tmp_path, PASSED + PASSED, PASSED).returncode == 1


def test_empty_is_not_the_same(tmp_path):
    assert compare(tmp_path, "", "").returncode == 1
