"""Which tests share a worker: exactly those that share a fixture wider than a test."""

import pytest

from tach_harness import units

PREFIX = "import pytest, unittest\n"


@pytest.fixture
def grouped(pytester):
    """Collects TEXT (or files) and returns [(isolation, why, [names])]."""

    def run(text="", **files):
        pytester.makepyfile(**({"test_it": PREFIX + text} if text else {k: PREFIX + v for k, v in files.items()}))
        items = pytester.inline_run("--collect-only", "-q", plugins=[keeper := Keeper()]) and keeper.items
        return [(u.isolation, u.why, [items[i].name for i in u.items]) for u in units.group(items)]

    return run


class Keeper:
    def pytest_collection_finish(self, session):
        self.items = session.items


def test_tests_are_units_of_their_own(grouped):
    assert grouped("def test_a(tmp_path, capsys): pass\ndef test_b(monkeypatch, request): pass\n") == [
        ("test", "", ["test_a"]),
        ("test", "", ["test_b"]),
    ]


def test_parameters_do_not_group(grouped):
    assert len(grouped("@pytest.mark.parametrize('x', range(5))\ndef test_a(x): pass\n")) == 5


def test_function_fixture_does_not_group(grouped):
    assert len(grouped("@pytest.fixture\ndef f(): pass\ndef test_a(f): pass\ndef test_b(f): pass\n")) == 2


@pytest.mark.parametrize("scope", ["module", "session", "package"])
def test_wider_fixture_groups(grouped, scope):
    text = f"@pytest.fixture(scope='{scope}')\ndef f(): pass\ndef test_a(f): pass\ndef test_b(): pass\ndef test_c(f): pass\n"
    assert grouped(text) == [(scope, f"{scope} fixture 'f'", ["test_a", "test_c"]), ("test", "", ["test_b"])]


def test_fixture_of_one_test_does_not_group(grouped):
    assert grouped("@pytest.fixture(scope='session')\ndef f(): pass\ndef test_a(f): pass\ndef test_b(): pass\n") == [
        ("test", "", ["test_a"]),
        ("test", "", ["test_b"]),
    ]


def test_indirect_use_groups(grouped):
    text = (
        "@pytest.fixture(scope='module')\ndef f(): pass\n@pytest.fixture\ndef g(f): pass\n"
        "def test_a(g): pass\n@pytest.mark.usefixtures('f')\ndef test_b(): pass\n"
    )
    assert [u[2] for u in grouped(text)] == [["test_a", "test_b"]]


def test_module_fixture_is_set_up_for_each_module(grouped):
    found = grouped(
        conftest="@pytest.fixture(scope='module')\ndef f(): pass\n",
        test_one="def test_a(f): pass\ndef test_b(f): pass\n",
        test_two="def test_c(f): pass\ndef test_d(f): pass\n",
    )
    assert [u[2] for u in found] == [["test_a", "test_b"], ["test_c", "test_d"]]


def test_session_fixture_joins_modules(grouped):
    found = grouped(
        conftest="@pytest.fixture(scope='session')\ndef f(): pass\n",
        test_one="def test_a(f): pass\n",
        test_two="def test_b(f): pass\n",
    )
    assert found == [("session", "session fixture 'f'", ["test_a", "test_b"])]


def test_class_fixture_is_set_up_for_each_class(grouped):
    text = (
        "@pytest.fixture(scope='class')\ndef f(): pass\n"
        "class TestA:\n    def test_a(self, f): pass\n    def test_b(self, f): pass\n"
        "class TestB:\n    def test_c(self, f): pass\n    def test_d(self, f): pass\n"
    )
    assert [(u[0], u[2]) for u in grouped(text)] == [("class", ["test_a", "test_b"]), ("class", ["test_c", "test_d"])]


def test_widest_scope_is_named(grouped):
    text = (
        "@pytest.fixture(scope='module')\ndef m(): pass\n@pytest.fixture(scope='session')\ndef s(): pass\n"
        "def test_a(m): pass\ndef test_b(m, s): pass\ndef test_c(s): pass\n"
    )
    assert grouped(text) == [("session", "session fixture 's'", ["test_a", "test_b", "test_c"])]


def test_overridden_fixture_does_not_group(grouped):
    found = grouped(
        conftest="@pytest.fixture(scope='session')\ndef f(): pass\n",
        test_one="@pytest.fixture\ndef f(): pass\ndef test_a(f): pass\ndef test_b(f): pass\n",
    )
    assert len(found) == 2


def test_overriding_fixture_that_asks_for_the_overridden_groups(grouped):
    found = grouped(
        conftest="@pytest.fixture(scope='session')\ndef f(): pass\n",
        test_one="@pytest.fixture\ndef f(f): pass\ndef test_a(f): pass\ndef test_b(f): pass\n",
    )
    assert [u[2] for u in found] == [["test_a", "test_b"]]


def test_autouse_groups(grouped):
    text = "@pytest.fixture(scope='module', autouse=True)\ndef f(): pass\ndef test_a(): pass\ndef test_b(): pass\n"
    assert [u[2] for u in grouped(text)] == [["test_a", "test_b"]]


@pytest.mark.parametrize(
    "text, isolation, why",
    [
        ("def setup_module(): pass\ndef test_a(): pass\ndef test_b(): pass\n", "module", "setup_module"),
        ("class TestX:\n    @classmethod\n    def setup_class(cls): pass\n    def test_a(self): pass\n    def test_b(self): pass\n", "class", "setup_class"),
        ("class X(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls): pass\n    def test_a(self): pass\n    def test_b(self): pass\n", "class", "setUpClass"),
    ],
)
def test_xunit_set_up_groups(grouped, text, isolation, why):
    assert grouped(text) == [(isolation, f"{isolation} fixture '{why}'", ["test_a", "test_b"])]


def test_unittest_without_class_set_up_does_not_group(grouped):
    assert len(grouped("class X(unittest.TestCase):\n    def test_a(self): pass\n    def test_b(self): pass\n")) == 2


def test_class_fixture_of_functions_does_not_group(grouped):
    assert len(grouped("@pytest.fixture(scope='class')\ndef f(): pass\ndef test_a(f): pass\ndef test_b(f): pass\n")) == 2


def test_indirect_parameter_groups_in_the_scope_that_it_is_given(grouped):
    text = "@pytest.fixture\ndef f(request): pass\n"
    for name in "ab":
        text += f"@pytest.mark.parametrize('f', [1, 1], indirect=True{{0}})\ndef test_{name}(f): pass\n"
    assert len(grouped(text.format(""))) == 4
    assert [u[:2] for u in grouped(text.format(", scope='module'"))] == [("module", "module fixture 'f'")]


def test_parametrized_wider_fixture_groups(grouped):
    text = "@pytest.fixture(scope='module', params=[1, 2])\ndef f(): pass\ndef test_a(f): pass\n"
    assert len(grouped(text)) == 2
    assert [u[2] for u in grouped(text + "def test_b(f): pass\n")] == [["test_a[1]", "test_b[1]", "test_a[2]", "test_b[2]"]]


def test_direct_parameters_of_a_wider_scope_do_not_group(grouped):
    assert len(grouped("@pytest.mark.parametrize('x', [1, 2], scope='module')\ndef test_a(x): pass\n")) == 2


def test_parameter_in_place_of_a_wider_fixture_does_not_group(grouped):
    text = "@pytest.fixture(scope='module')\ndef f(): pass\n@pytest.mark.parametrize('f', [1, 2])\ndef test_a(f): pass\n"
    assert len(grouped(text)) == 2


def test_doctests_use_autouse_fixtures(grouped, pytester):
    pytester.makeini("[pytest]\naddopts = --doctest-modules\n")
    found = grouped(
        conftest="@pytest.fixture(scope='session', autouse=True)\ndef f(): pass\n",
        test_one="def a():\n    '''\n    >>> 1\n    1\n    '''\ndef test_a(): pass\n",
    )
    assert [(u[0], sorted(u[2])) for u in found] == [("session", ["test_a", "test_one.a"])]


def test_doctests_alone_do_not_group(grouped, pytester):
    pytester.makeini("[pytest]\naddopts = --doctest-modules\n")
    assert len(grouped("def a():\n    '''\n    >>> 1\n    1\n    '''\ndef b():\n    '''\n    >>> 2\n    2\n    '''\n")) == 2
