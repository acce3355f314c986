"""Temporary folders: those that the environment names are each test's own, as /tmp is; those of a test may be kept."""

import os
import pathlib
import shutil
import tempfile

import pytest

from running import NOBODY, TACH, Suite

SUITE = """
import os, pathlib, tempfile, pytest
folder = pathlib.Path(os.environ["TMPDIR"])
root = pathlib.Path(os.environ.get("PYTEST_DEBUG_TEMPROOT", folder))
@pytest.mark.parametrize("n", range(6))
def test_own(n, tmp_path):
    assert tempfile.gettempdir() == str(folder) and tmp_path.parents[2] == root and tmp_path.name == f"test_own_{n}_0"
    assert {path.name for path in folder.iterdir()} <= {"suite", "deep", tmp_path.parents[1].name}
    assert not [path for path in tmp_path.parent.iterdir() if not path.name.startswith((f"test_own_{n}_", ".lock"))]
    for parent in {folder, root}: (parent / f"left{n}").mkdir()
    assert tempfile.mkdtemp().startswith(str(folder))
"""


@pytest.fixture
def elsewhere():
    """A folder that is in none of those that a cell has of its own."""
    folder = tempfile.mkdtemp(prefix="tach-check.", dir=pathlib.Path(TACH).resolve().parent)
    if folder.startswith(("/tmp/", "/var/tmp/", "/run/", "/dev/shm/")):
        os.rmdir(folder)
        pytest.skip("built in a temporary folder")
    os.chmod(folder, 0o1777)
    yield pathlib.Path(folder)
    shutil.rmtree(folder)


@pytest.fixture
def below_tmp():
    folder = tempfile.mkdtemp(prefix="tach-check.", dir="/tmp")
    os.chmod(folder, 0o1777)
    yield pathlib.Path(folder)
    shutil.rmtree(folder)


@pytest.mark.parametrize("user", [None, pytest.param(NOBODY, marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another"))])
@pytest.mark.parametrize("where", ["elsewhere", "below_tmp", "around the project", "one in another"])
def test_each_test_has_its_own(elsewhere, below_tmp, where, user):
    folder, suite, more = elsewhere, Suite(below_tmp), {}
    if where == "below_tmp":
        folder, suite = below_tmp, Suite(elsewhere)
    elif where == "around the project":
        suite = Suite(elsewhere / "suite")
    elif where == "one in another":
        (elsewhere / "deep" / "er").mkdir(parents=True)
        (elsewhere / "deep" / "er").chmod(0o777)
        more = {"PYTEST_DEBUG_TEMPROOT": str(elsewhere / "deep" / "er"), "TMP": str(elsewhere)}
    suite.write(text=SUITE)
    before = sorted(map(str, folder.rglob("*")))
    result = suite.json("-p", "no:cacheprovider", "-n", "1", user=user, env={"TMPDIR": str(folder), **more})
    assert result.code == 0 and len(result.tests()) == 6, result.out
    assert sorted(map(str, folder.rglob("*"))) == before
    assert result.event("finish")["cells"]["made"] < 6  # it is emptied: cells are used again


@pytest.mark.parametrize("name", ["HOME", "the project's", "missing"])
def test_what_is_no_folder_for_temporary_files_stays_as_it_is(elsewhere, below_tmp, name):
    (elsewhere / "data").write_text("seen")
    (below_tmp / "tmp").mkdir()
    folder = {"HOME": elsewhere, "the project's": below_tmp / "tmp", "missing": elsewhere / "missing"}[name]
    suite = Suite(below_tmp)
    suite.write(text=f"import pathlib\ndef test_a(): assert pathlib.Path({str(elsewhere / 'data')!r}).read_text() == 'seen'\n"
                     f"def test_b(): assert pathlib.Path({str(folder)!r}).exists() == {name != 'missing'}\n")  # fmt: skip
    result = suite.json("-p", "no:cacheprovider", env={"TMPDIR": str(folder), "HOME": str(elsewhere / "me" if name != "HOME" else elsewhere)})
    assert result.code == 0, result.out


KEPT = """
import pytest
def test_fails(tmp_path): (tmp_path / "log").write_text("why"); assert 0
def test_passes(tmp_path): (tmp_path / "log").write_text("fine")
class TestIn:
    @pytest.mark.parametrize("x", [1, 2])
    def test_param(self, tmp_path, x): (tmp_path / "log").write_text(str(x)); assert 0
"""


def test_folders_of_tests_are_kept_where_they_lie_in_the_project(suite):
    suite.write(text=KEPT)
    result = suite.json("-p", "no:cacheprovider", "--keep", "out/**", "--", "--basetemp=out")
    assert result.code == 1 and not [event for event in result.events if event["event"] == "error"]
    found = {str(path.relative_to(suite.path / "out")): path.read_text() for path in (suite.path / "out").rglob("log") if "current" not in str(path)}
    assert found == {"test_fails0/log": "why", "test_passes0/log": "fine", "test_param_1_0/log": "1", "test_param_2_0/log": "2"}
