import pytest


@pytest.fixture(scope="class")
def shared(shared):
    yield f"{shared} of the class"


class TestOverridden:
    def test_one(self, shared, late_package):
        print(shared, late_package)

    def test_two(self, shared, thing, late_package):
        print(shared, thing, late_package)

    @pytest.mark.parametrize("shared", ["direct"])
    def test_direct(self, shared):
        print(shared)


def test_outside(shared):
    print(shared)
