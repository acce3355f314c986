"""tach says of a suite what pytest says of it; and parity.py finds what differs."""

import os
import pathlib
import shutil
import tempfile

import pytest

import parity

SUITES = pathlib.Path(__file__).with_name("suites")


@pytest.mark.parametrize("user", [None, 65534], ids=["own", "ordinary"])
@pytest.mark.parametrize("isolated", [True, False], ids=["cells", "no-isolation"])
@pytest.mark.parametrize("name", sorted(path.name for path in SUITES.iterdir() if path.is_dir()))
def test_same_as_pytest(name, isolated, user):
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory(prefix="tach-check.") as folder:  # the user can reach no tmp_path of root's
        shutil.copytree(SUITES / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        os.chmod(folder, 0o755)
        found, expected, actual = parity.compare(folder, ["-p", "no:cacheprovider"], user=user, isolated=isolated)
    assert not found, "\n".join(found)
    assert expected.tests and actual.tests


ONE = "import pytest, sys\n@pytest.fixture\ndef f(): yield\n@pytest.fixture(scope='module')\ndef m(): yield\n"
UNDER_TACH = "import os\ntach = 'TACH' in os.environ\n"


@pytest.mark.parametrize(
    "text, told",
    [
        ("def test_a(): assert not tach\n", "test_it.py::test_a: passed became failed"),
        ("if tach:\n    def test_a(): pass\n", "test_it.py::test_a: only under tach"),
        ("if not tach:\n    def test_a(): pass\n", "test_it.py::test_a: absent under tach"),
        ("def test_a(): pytest.skip(str(tach))\n", "test_it.py::test_a: reason 'False' became 'True'"),
        ("def test_a(): print(tach)\n", "section ('Captured stdout call', 'False\\n')"),
        ("def test_a(): tach and print(1)\n", "sections [('Captured stdout call', '1\\n')] instead of []"),
        ("def test_a(request): tach and request.getfixturevalue('f')\n", "fixtures [] became [['SETUP', 'function', 'f', '']"),
        ("def test_a(request): tach and request.getfixturevalue('m')\n", "SETUP module m : 0 times became 1"),
        ("def test_a():\n    import warnings\n    tach and warnings.warn('w')\n", "0 warnings became 1"),
        ("def test_a(): pytest.exit('x', returncode=7 + tach)\n", "exit code 7 became 8"),
    ],
)
def test_differences_are_told(tmp_path, text, told):
    (tmp_path / "test_it.py").write_text(UNDER_TACH + ONE + "def test_other(): pass\n" + text)
    found, _, _ = parity.compare(tmp_path, ["-p", "no:cacheprovider"], isolated=False)
    assert any(told in one for one in found), found


def test_what_differs_anyway_is_not_told(tmp_path):
    (tmp_path / "test_it.py").write_text("import os, time\ndef test_a(): print(os.getpid(), time.time())\n")
    assert parity.compare(tmp_path, ["-p", "no:cacheprovider"])[0] == []


LEAK = "import logging\ndef test_a(): logging.getLogger().setLevel('DEBUG')\ndef test_b():\n    logging.debug('d')\n    assert {}\n"


@pytest.mark.parametrize("isolated", [True, False])
def test_output_that_depends_on_what_others_left_is_listed_apart(tmp_path, isolated):
    (tmp_path / "test_it.py").write_text(LEAK.format("1"))
    found, _, run = parity.compare(tmp_path, ["-p", "no:cacheprovider"], isolated=isolated)
    assert run.apart == {"test_it.py::test_b"} and not found, found


def test_an_outcome_that_depends_on_what_others_left_is_a_difference(tmp_path):
    (tmp_path / "test_it.py").write_text(LEAK.format("logging.root.level == 10"))
    found, _, run = parity.compare(tmp_path, ["-p", "no:cacheprovider"])
    assert any("passed became failed" in one for one in found) and not run.apart


def test_the_runners_frames_are_not_compared():
    own = '  File "/p/test_it.py", line 3, in test_a\n    f()\n'
    runner = '  File "/usr/lib/python3/dist-packages/_pytest/runner.py", line 1, in run\n    run(item, nextitem)\n        |     -> {}\n'
    texts = [f"Traceback (most recent call last):\n{runner.format(name) * 2}{own}E: no\n" for name in ("a", "b")]
    assert parity.normal(texts[0]) == parity.normal(texts[1]) == f"Traceback (most recent call last):\n{own}E: no\n"
