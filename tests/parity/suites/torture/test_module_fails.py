import pytest


def setup_module():
    raise OSError("setup_module")


def teardown_module():
    print("teardown_module is called all the same")


def test_one():
    pass


def test_two(every_class):
    pass


class TestClass:
    def test_three(self, thing):
        pass


@pytest.mark.skip(reason="never begun")
def test_skipped():
    pass
