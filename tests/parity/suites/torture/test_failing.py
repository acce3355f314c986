import pytest


def make(scope, place, how):
    def fail():
        if how == "skip":
            pytest.skip(f"{scope} {place}")
        raise OSError(f"{scope} {place}")

    def set_up(request):
        print("up", scope, place, how)
        if place == "setup":
            fail()
        yield scope
        print("down", scope, place, how)
        if place == "teardown":
            fail()

    return pytest.fixture(scope=scope, name=f"{scope}_{place}_{how}")(set_up)


for scope in ("session", "package", "module", "class", "function"):
    for place in ("setup", "teardown"):
        for how in ("error", "skip"):
            globals()[f"{scope}_{place}_{how}"] = make(scope, place, how)


@pytest.fixture(scope="module")
def after_broken(module_setup_error):
    yield


@pytest.fixture(scope="module")
def beside_broken():
    yield "beside"


@pytest.fixture(scope="class", params=["good", "bad", "skipped"])
def sometimes(request):
    if request.param == "bad":
        raise OSError("bad parameter")
    if request.param == "skipped":
        pytest.skip("skipped parameter")
    yield request.param


@pytest.fixture(scope="module")
def finalizers(request):
    def bad():
        print("bad finalizer")
        raise OSError("finalizer")

    request.addfinalizer(lambda: print("first finalizer"))
    request.addfinalizer(bad)
    request.addfinalizer(lambda: print("last finalizer"))
    raise OSError("after finalizers")


def test_session(session_setup_error):
    pass


def test_session_again(session_setup_error):
    pass


def test_session_skip(session_setup_skip):
    pass


def test_session_skip_again(beside_broken, session_setup_skip):
    pass


def test_package(package_setup_error, beside_broken):
    pass


def test_package_again(package_setup_error):
    pass


def test_package_skip(beside_broken, package_setup_skip):
    pass


def test_package_skip_again(package_setup_skip):
    pass


def test_module(beside_broken, module_setup_error):
    pass


def test_module_again(module_setup_error, beside_broken):
    pass


def test_after(after_broken):
    pass


def test_module_skip(module_setup_skip):
    pass


def test_module_skip_again(module_setup_skip):
    pass


def test_function(function_setup_error):
    pass


def test_function_skip(function_setup_skip):
    pass


def test_function_teardown(function_teardown_error):
    pass


def test_function_teardown_skip(function_teardown_skip):
    pass


def test_finalizers(finalizers):
    pass


def test_finalizers_again(finalizers):
    pass


@pytest.mark.xfail(reason="known")
def test_expected(module_setup_error):
    pass


class TestSetup:
    def test_error(self, class_setup_error):
        pass

    def test_error_again(self, class_setup_error, beside_broken):
        pass

    def test_skip(self, class_setup_skip):
        pass

    def test_skip_again(self, class_setup_skip):
        pass

    def test_plain(self):
        pass


class TestTeardown:
    def test_one(self, class_teardown_error):
        pass

    def test_two(self, class_teardown_error):
        pass


class TestTeardownSkip:
    def test_one(self, class_teardown_skip):
        pass

    def test_two(self, class_teardown_skip):
        pass


class TestSometimes:
    def test_one(self, sometimes):
        print(sometimes)

    def test_two(self, sometimes, beside_broken):
        print(sometimes)


def test_module_teardown(module_teardown_error):
    pass


def test_module_teardown_skip(module_teardown_error, module_teardown_skip):
    pass


def test_module_teardown_again(beside_broken, module_teardown_skip):
    pass


def test_last_fails(module_teardown_error):
    assert 0
