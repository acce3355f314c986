import pytest


@pytest.fixture
def thing(thing):
    yield [*thing, "inner"]


@pytest.fixture(scope="package", autouse=True)
def every_package(parcel):
    yield


@pytest.fixture(scope="module")
def shared(shared):
    yield f"{shared} inner"


@pytest.fixture(scope="package")
def late_package(request):
    yield "late"
    print("late package down")
