"""pytest 7.2 to 9: what differs between them in what the harness stands on, private parts of pytest's included.

Everything that asks for a version, or whether pytest has something, is here.
"""

import inspect
import sys
from contextlib import suppress
from types import ModuleType

import pytest
from _pytest.config import create_terminal_writer
from _pytest.fixtures import FixtureRequest
from _pytest.terminal import getreportopt, running_on_ci

#: The oldest that the harness knows, and the first that it does not.
FIRST, BEYOND = (7, 2), (10,)
#: Whether fixtures of one scope end in the order of their last use, not of their set-up (before pytest 8.2).
ENDS_LAST_USED_FIRST = getattr(pytest, "version_tuple", (0,)) < (8, 2)


def why_not():
    """Why this pytest cannot be used, or None. A later one than those that were tried may work."""
    version = getattr(pytest, "version_tuple", (0,))
    if tuple(version[:2]) >= FIRST:
        return None
    first, last = ".".join(map(str, FIRST)), BEYOND[0] - 1
    return f"pytest {pytest.__version__} is too old: {first} to {last} can be used"


def has_markup(config, file):
    """Whether pytest writes colours to FILE."""
    return create_terminal_writer(config, file).hasmarkup


def messages_are_whole(option):
    """Whether the short summary has exceptions' messages whole, not cut to the terminal's width; -vv says so from pytest 8 on."""
    more = getattr(option, "verbose", 0) >= 2 and hasattr(option, "force_short_summary")
    return (running_on_ci() or more) and not getattr(option, "force_short_summary", False)


def look_of_report(config):
    """What the options ask of the report, as fields of a packet."""
    option = config.option
    return {
        "report_chars": getreportopt(config) if hasattr(option, "reportchars") else "wfE",
        "no_summary": bool(getattr(option, "no_summary", False)),
        "whole_messages": messages_are_whole(option),
        "traceback": str(getattr(option, "tbstyle", "auto")),
        "show_capture": str(getattr(option, "showcapture", "all")),
    }


def ini_of_another(config, name, description):
    """The value of NAME in pytest's file, which no plugin has to know of; from now on it is known. None: it is not there."""
    if name not in (config._inicfg if hasattr(config, "_inicfg") else config.inicfg):  # from pytest 9 on; before
        return None
    try:
        return config.getini(name)
    except (KeyError, ValueError):
        config._parser.addini(name, description)
        return config.getini(name)


def report_passes(reporter):
    """The sections of ``-rP`` and the like that this terminal REPORTER has."""
    for name in ("summary_xfailures", "summary_passes", "summary_xpasses"):  # from pytest 8 on; always; from 8 on
        getattr(reporter, name, lambda: None)()


def fixtures_of_doctest(item):
    """What pytest before 8 works out only when it sets a doctest up (_pytest.doctest._setup_fixtures), or None."""
    doctest = sys.modules.get("_pytest.doctest")
    if doctest is None or not isinstance(item, doctest.DoctestItem):
        return None
    return item.session._fixturemanager.getfixtureinfo(node=item, func=lambda: None, cls=None, funcargs=False)


def begin_request(item):
    """What fixtures are asked for on behalf of ITEM, made anew."""
    if hasattr(item, "_initrequest"):
        item._initrequest()
        return item._request
    item.funcargs = {}  # a doctest before pytest 8
    item._fixtureinfo = fixtures_of_doctest(item)
    return FixtureRequest(item, _ispytest=True)


def end_request(item):
    """ITEM is as if nothing had been asked for."""
    if hasattr(item, "_initrequest"):
        item._initrequest()
    else:
        del item.funcargs, item._fixtureinfo


def lend_instance(item):
    """Gives a unittest test the instance that its class's set-up wants before pytest 8.2; whether it did."""
    if getattr(type(item), "_testcase", item) is not None:
        return False
    item._testcase = item.parent.obj(item.name)
    return True


def take_instance(item):
    item._testcase = None


def set_up_fixture(request, name, definition, definitions):
    """Sets DEFINITION up, one of the DEFINITIONS of the fixture NAME, which another may override for the test."""
    known = request._arg2fixturedefs
    definitions = known.get(name) or definitions
    if definitions[-1] is definition:
        request._get_active_fixturedef(name)
    elif hasattr(request, "_compute_fixture_value"):  # before pytest 8
        if hasattr(request, "_arg2index"):  # what it overrides in its turn is the one before it
            request._arg2index[name] = list(definitions).index(definition) - len(definitions)
        request._compute_fixture_value(definition)
    elif name in known:  # as if nothing overrode it
        known[name] = definitions[: list(definitions).index(definition) + 1]
        try:
            request._get_active_fixturedef(name)
        finally:
            known[name] = definitions
            request._fixture_defs.pop(name, None)


def package_of(definition, nodes):
    """The package among NODES that a package-scoped fixture belongs to, or None."""
    places = (definition.baseid, f"{definition.baseid}/__init__.py")  # from pytest 8 on; before
    return next((node for node in reversed(nodes) if isinstance(node, pytest.Package) and node.nodeid in places), None)


def sets_itself_up(package):
    """Whether a package's own setup_module and teardown_module are called with the collector's set-up (before pytest 8),
    and which of them there is first."""
    if "setup" not in vars(pytest.Package):
        return None
    module = getattr(package, "obj", None)
    names = ("setup_module", "setUpModule", "teardown_module", "tearDownModule")
    return next((name for name in names if hasattr(module, name)), None)


def module_of(plugin):
    """The name of the module that PLUGIN is, or that its class is from."""
    if isinstance(plugin, ModuleType):
        return plugin.__name__
    return (plugin if isinstance(plugin, type) else type(plugin)).__module__


def is_builtin(plugin):
    """Whether PLUGIN is pytest's own."""
    return module_of(plugin).startswith("_pytest.")


def count_keywords(item):
    """How many names ITEM and what it is in have been given as keywords, markers among them; None: it does not tell."""
    try:
        return sum([len(node.keywords._markers) for node in item.listchain()])
    except AttributeError:
        return None


def leave_out(config, plugin, *hooks):
    """Calls PLUGIN no more for these HOOKS; it stays registered."""
    for name in hooks:
        with suppress(AttributeError, ValueError):
            getattr(config.hook, name)._remove_plugin(plugin)


def fail_fixture(function, message):
    """As pytest's own, which version 9 no longer has."""
    source = inspect.getsource(function)
    place = f"{inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]}"
    indented = "".join(f"    {line}\n" for line in source.splitlines())
    pytest.fail(f"{message}:\n\n{indented.rstrip()}\n{place}", pytrace=False)
