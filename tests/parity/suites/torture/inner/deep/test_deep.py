import pytest


@pytest.fixture(scope="module", params=[1, 2])
def numbered(request, deep_package, base):
    yield request.param, deep_package, base


def test_one(numbered, thing):
    print(numbered, thing)


def test_two(numbered, every_package):
    print(numbered, every_package)


@pytest.mark.parametrize("numbered", [7, 8], indirect=True, scope="class")
class TestIndirect:
    def test_one(self, numbered):
        print(numbered)

    def test_two(self, numbered, every_class):
        print(numbered)


def test_base(base, lazy):
    print(base, lazy)
