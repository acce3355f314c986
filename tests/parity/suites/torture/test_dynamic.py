import pytest

NAMES = ["of_module", "lazy"]


@pytest.fixture(scope="module")
def of_module(base):
    yield f"module {base}"


@pytest.fixture(scope="module")
def chooses(request):
    yield request.getfixturevalue("of_module")


@pytest.fixture(scope="class")
def of_class(request, chooses):
    request.addfinalizer(lambda: print("class finalizer"))
    yield chooses


@pytest.fixture
def asks(request):
    yield request.getfixturevalue("of_class")
    print("asks down")


@pytest.fixture(scope="module")
def failing():
    raise OSError("asked for")


@pytest.fixture
def finalizes(request):
    request.addfinalizer(lambda: print("first"))
    request.node.addfinalizer(lambda: print("node"))
    yield
    print("yielded")


def test_by_name(request):
    print(request.getfixturevalue("of_module"))


def test_by_fixture(asks):
    print(asks)


def test_by_fixture_again(asks, request):
    print(asks, request.getfixturevalue("lazy"))


@pytest.mark.parametrize("name", NAMES)
def test_by_parameter(request, name):
    print(request.getfixturevalue(name))


@pytest.mark.parametrize("name", ["module", "module"])
def test_computed(request, name):
    print(request.getfixturevalue(f"of_{name}"))


def test_asked_fails(request):
    request.getfixturevalue("failing")


def test_asked_fails_again(request):
    with pytest.raises(OSError):
        request.getfixturevalue("failing")


def test_asked_broken(request):
    request.getfixturevalue("lazy_broken")


def test_asked_skips(request):
    request.getfixturevalue("lazy_skips")


def test_unknown(request):
    with pytest.raises(pytest.FixtureLookupError):
        request.getfixturevalue("no_such_fixture")


def test_finalizes(finalizes, request):
    request.addfinalizer(lambda: print("of the test"))


class TestClass:
    def test_one(self, asks):
        print(asks)

    def test_two(self, request, finalizes):
        print(request.getfixturevalue("asks"))

    def test_three(self, asks, every_class):
        print(asks)


def test_in_teardown(request, thing):
    request.addfinalizer(lambda: print("at the end", request.getfixturevalue("thing")))
