import unittest

import pytest


def setUpModule():
    print("setUpModule")
    unittest.addModuleCleanup(print, "module cleanup")


def tearDownModule():
    print("tearDownModule")


class Plain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("setUpClass")
        cls.addClassCleanup(print, "class cleanup")
        cls.made = []

    @classmethod
    def tearDownClass(cls):
        print("tearDownClass")

    def setUp(self):
        self.addCleanup(print, "cleanup")
        print("setUp", len(self.made))

    def tearDown(self):
        print("tearDown")

    def test_one(self):
        self.assertEqual(self.made, [])

    def test_two(self):
        self.assertEqual(self.made, [1])

    def test_three(self):
        self.skipTest("three")


class Derived(Plain):
    @pytest.fixture(autouse=True)
    def automatic(self, thing, every_class):
        self.thing = thing
        yield
        print("automatic down")

    def test_thing(self):
        print(self.thing)


class BadSetUp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(print, "cleanup after bad")
        raise OSError("setUpClass")

    @classmethod
    def tearDownClass(cls):
        print("is not called")

    def test_one(self):
        pass

    def test_two(self):
        pass


class BadTearDown(unittest.TestCase):
    @classmethod
    def tearDownClass(cls):
        raise OSError("tearDownClass")

    def test_one(self):
        pass

    def test_two(self):
        pass


class Skips(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        raise unittest.SkipTest("no class")

    def test_one(self):
        pass

    def test_two(self):
        pass


@unittest.skip("whole class")
class Skipped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        print("is not called")

    def test_one(self):
        pass


class BadCleanup(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.addClassCleanup(cls.fail_late)

    @classmethod
    def fail_late(cls):
        raise OSError("class cleanup")

    def setUp(self):
        self.addCleanup(self.fail_late)

    def test_one(self):
        pass

    def test_two(self):
        pass


class SetUps(unittest.TestCase):
    def setUp(self):
        raise OSError("setUp")

    def test_one(self):
        pass

    def test_subtests(self):
        pass


class Sub(unittest.TestCase):
    def test_sub(self):
        for i in range(3):
            with self.subTest(i=i):
                self.assertNotEqual(i, 1)
