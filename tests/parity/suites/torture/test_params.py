import pytest


@pytest.fixture(scope="module", params=["m1", "m2"])
def of_module(request, world):
    yield request.param, world


@pytest.fixture(scope="class", params=["c1", "c2"])
def of_class(request):
    yield request.param


@pytest.fixture(params=["f1", "f2"])
def of_function(request, of_class):
    yield request.param, of_class


@pytest.fixture(scope="module", params=["k1", pytest.param("k2", marks=pytest.mark.skip(reason="no k2")), "k3"])
def marked(request):
    yield request.param


def test_all(of_module, of_class, of_function):
    print(of_module, of_class, of_function)


class TestParams:
    def test_class(self, of_class, of_function):
        print(of_class, of_function)

    def test_module(self, of_module, of_class):
        print(of_module, of_class)

    @pytest.mark.parametrize("plain", [1, 2], scope="class")
    def test_plain(self, plain, of_class):
        print(plain, of_class)


def test_marked(marked):
    print(marked)


def test_marked_too(marked, of_module):
    print(marked, of_module)


@pytest.mark.parametrize("of_module", ["i1", "i2"], indirect=True)
@pytest.mark.parametrize("number", [1, 2], scope="module")
def test_indirect(of_module, number):
    print(of_module, number)


def test_last(of_function, world):
    print(of_function, world)
