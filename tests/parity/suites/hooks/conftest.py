import pytest


def pytest_addoption(parser):
    parser.addoption("--shout", default="quiet")
    parser.addini("mood", "a word", default="calm")


def pytest_generate_tests(metafunc):
    if "generated" in metafunc.fixturenames:
        metafunc.parametrize("generated", ["p", "q"])


def pytest_collection_modifyitems(config, items):
    items.reverse()
    for item in items:
        if "slow" in item.name:
            item.add_marker(pytest.mark.skip(reason=config.getoption("--shout")))


def pytest_runtest_setup(item):
    print("setup hook", item.name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    done = yield
    report = done.get_result()
    report.sections.append(("mine", f"{call.when} {report.outcome}"))
    item.stash.setdefault(reports, []).append(report)


def pytest_runtest_teardown(item):
    print("reports so far", [r.when for r in item.stash[reports]])


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    item.user_properties.append(("protocol", "begun"))
    yield


def pytest_report_teststatus(report):
    if report.when == "call" and "odd" in report.nodeid:
        return "oddities", "o", "ODD"


def pytest_assertrepr_compare(left, right):
    return ["compared my way"]


reports = pytest.StashKey[list]()
