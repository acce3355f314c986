import pytest


def setup_module(module):
    print("setup_module")


def teardown_module():
    print("teardown_module")


def setup_function(function):
    print("setup_function", function.__name__)


def teardown_function(function):
    print("teardown_function", function.__name__)


def test_one():
    pass


def test_two(thing):
    print(thing)


class TestBase:
    @classmethod
    def setup_class(cls):
        print("setup_class")
        cls.seen = []

    @classmethod
    def teardown_class(cls):
        print("teardown_class")

    def setup_method(self, method):
        print("setup_method", method.__name__)

    def teardown_method(self, method):
        print("teardown_method", method.__name__)

    @pytest.fixture(autouse=True, scope="class")
    def automatic(self, base):
        print("automatic")
        yield

    def test_one(self, every_class):
        pass

    def test_two(self):
        pass


class TestMethods(TestBase):
    class TestNested:
        @classmethod
        def setup_class(cls):
            print("nested setup_class")

        def test_three(self):
            pass

        def test_four(self, every_class):
            pass

class TestInherits(TestBase):
    def test_more(self, every_class):
        pass


class TestBadSetup:
    @classmethod
    def setup_class(cls):
        raise OSError("setup_class")

    @classmethod
    def teardown_class(cls):
        print("is not called")

    def test_one(self):
        pass

    def test_two(self):
        pass


class TestBadTeardown:
    @classmethod
    def teardown_class(cls):
        raise OSError("teardown_class")

    def test_one(self):
        pass

    def test_two(self):
        assert 0


class TestSkips:
    @classmethod
    def setup_class(cls):
        pytest.skip("no class")

    def test_one(self):
        pass

    def test_two(self):
        pass


class TestBadMethods:
    def setup_method(self):
        raise OSError("setup_method")

    def teardown_method(self):
        print("is not called")

    def test_one(self, every_class):
        pass

    def test_two(self, every_class):
        pass
