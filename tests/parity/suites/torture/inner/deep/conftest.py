import pytest


@pytest.fixture(scope="session")
def base(base):
    yield f"{base} deep"


@pytest.fixture
def thing(thing, shared):
    yield [*thing, shared]


@pytest.fixture(scope="package")
def deep_package(every_package):
    yield "deep"
