"""What `tach list` reads as pytest does: settings under dotted keys, members of enums, what Hypothesis fills in."""

import pytest

from test_list import pytest_list, tach_list, write
from test_list_dynamic import check

SETTINGS = {
    "below [tool.pytest]": "[tool.pytest]\nini_options.python_files = ['check_*.py']\nini_options.testpaths = ['sub']\n",
    "below [tool]": "[tool]\npytest.ini_options.python_files = ['check_*.py']\npytest.ini_options.testpaths = ['sub']\n",
    "at the top": "tool.pytest.ini_options.python_files = ['check_*.py']\ntool.pytest.ini_options.testpaths = ['sub']\n[build-system]\nrequires = []\n",
    "quoted": "[tool]\n\"pytest\" . 'ini_options' . python_files = ['check_*.py']\npytest.ini_options.testpaths = ['sub']\n",
    "as usual": "[tool.pytest.ini_options]\npython_files = ['check_*.py']\ntestpaths = ['sub']\n",
    "of another tool": "[tool.other]\npytest.ini_options.python_files = ['check_*.py']\n",
}


@pytest.mark.parametrize("place", SETTINGS)
def test_where_settings_stand(tmp_path, place):
    files = {"pyproject.toml": SETTINGS[place], "check_a.py": "def test_a(): pass\n", "sub/check_b.py": "def test_b(): pass\n", "test_c.py": "def test_c(): pass\n"}
    write(tmp_path, files)
    expected = ["test_c.py::test_c"] if place == "of another tool" else ["sub/check_b.py::test_b"]
    assert tach_list(tmp_path).stdout.split() == expected == pytest_list(tmp_path)


def test_enum_members_under_other_names(tmp_path):
    module = "import enum\nclass Sentinel(enum.Enum):\n    A = object()\n    B = 2\n    def f(self): pass\nclass Flags(enum.IntFlag):\n    X = 1\nA: Sentinel = Sentinel.A\nB = Sentinel.B\nX = Flags.X\n"
    test = "import pytest, marks\nfrom marks import A, B, X, Sentinel\nC = B\n@pytest.mark.parametrize('v', [A, B, C, marks.B, Sentinel.A, X])\ndef test_a(v): pass\n@pytest.mark.parametrize('v', [A, B])\ndef test_b(v): pass\n"
    dynamic = check(tmp_path, {"marks.py": module, "test_a.py": test})
    assert list(dynamic) in ([], ["test_a.py::test_a"])


def test_parameters_that_hypothesis_fills(tmp_path):
    pytest.importorskip("hypothesis")
    conftest = "import pytest\n@pytest.fixture(params=[1, 2])\ndef slots(request): return request.param\n@pytest.fixture(params=['a', 'b'])\ndef kept(request): return request.param\n"
    test = """
        from hypothesis import given, strategies as st
        import hypothesis
        @given(slots=st.booleans())
        def test_name(slots): pass
        @given(st.booleans())
        def test_right(kept, slots): pass
        class TestA:
            @hypothesis.given(st.booleans(), st.booleans())
            def test_both(self, kept, slots): pass
            def test_none(self, kept, slots): pass
        @given(...)
        def test_all(slots: int): pass
    """
    assert not check(tmp_path, {"conftest.py": conftest, "test_a.py": test})
