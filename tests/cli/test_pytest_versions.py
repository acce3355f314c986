"""The pytest that the interpreter has, and what is said where it cannot be used."""

import sys

import pytest
from running import ROOT, Suite

sys.path.insert(0, str(ROOT / "harness"))

from tach_harness import pytest_versions  # noqa: E402


@pytest.mark.parametrize(
    "version, works", [((6, 2, 5), 0), ((7, 1, 9), 0), ((7, 2, 0), 1), ((7, 4, 4), 1), ((8, 4, 2), 1), ((9, 1, 1), 1), ((10, 0, "dev"), 1)]
)
def test_which_work(monkeypatch, version, works):
    monkeypatch.setattr(pytest, "version_tuple", version)
    monkeypatch.setattr(pytest, "__version__", ".".join(map(str, version)))
    why = pytest_versions.why_not()
    assert why is None if works else why == f"pytest {'.'.join(map(str, version))} is too old: 7.2 to 9 can be used"


def test_an_old_one_is_refused(tmp_path):
    old = tmp_path / "old"
    (old / "pytest").mkdir(parents=True)
    (old / "pytest" / "__init__.py").write_text("__version__, version_tuple = '6.2.5', (6, 2, 5)\n")
    suite = Suite(tmp_path / "suite")
    suite.path.mkdir()
    suite.write(text="def test_it(): pass\n")
    result = suite.tach(env={"PYTHONPATH": str(old)})
    assert result.code == 3
    assert "pytest 6.2.5 is too old: 7.2 to 9 can be used" in result.err
