import unittest


def setUpModule():
    raise unittest.SkipTest("no module")


def tearDownModule():
    print("not called")


class Case(unittest.TestCase):
    def test_one(self):
        pass


def test_two():
    pass
