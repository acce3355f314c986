import pytest


@pytest.fixture(scope="session")
def base():
    yield "base"


@pytest.fixture(scope="session", autouse=True)
def always(base):
    yield base


@pytest.fixture(scope="session", params=["s1", "s2"])
def world(request, base):
    yield request.param


@pytest.fixture(scope="package")
def parcel(request, base):
    request.addfinalizer(lambda: print("parcel down"))
    return [base]


@pytest.fixture(scope="module", autouse=True)
def every_module(request):
    print("module up", request.module.__name__.rpartition(".")[2])
    yield
    print("module down")


@pytest.fixture(scope="class")
def every_class():
    yield "class"


@pytest.fixture
def thing():
    yield ["outermost"]


@pytest.fixture(scope="module")
def shared(base):
    yield "outer"


@pytest.fixture(scope="session")
def lazy(base):
    print("lazy up")
    yield "lazy"


@pytest.fixture(scope="session")
def lazy_broken():
    raise OSError("broken session")


@pytest.fixture(scope="session")
def lazy_skips():
    pytest.skip("not in this session")
