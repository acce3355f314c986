"""``async def`` tests and fixtures without a plugin for them.

A test and its function-scoped fixtures share an event loop, made when it is first needed, which is in the test's own
process, and closed when the test has been torn down. Fixtures of a wider scope run in a second loop, which lives as
long as any of them is set up; a test that uses one of them runs there too, as its own fixtures do: what it gets from
them may be bound to that loop. A process with such a loop is not cloned (forkable.py).

This plugin is registered before all but pytest's own, so what others make of a coroutine comes first.
"""

import contextlib
import inspect
import sys
import types

import pytest

from tach_harness import pytest_versions
from tach_harness.event_loop import EventLoop

#: Packages with plugins that say how async tests run: what they leave alone, pytest skips or fails.
_OTHERS = {
    "aiohttp", "alt_pytest_asyncio", "pytest_aiohttp", "pytest_asyncio", "pytest_asyncio_cooperative", "pytest_curio",
    "pytest_tornado", "pytest_tornasync", "pytest_trio", "pytest_twisted", "qtrio",
}  # fmt: skip


def _package(plugin):
    return pytest_versions.module_of(plugin).partition(".")[0]


def _is_async(function):
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _named_as(function, wrapper):
    """WRAPPER under the name of FUNCTION; not its attributes, some of which say that it is async."""
    wrapper.__name__ = getattr(function, "__name__", wrapper.__name__)
    wrapper.__qualname__ = getattr(function, "__qualname__", wrapper.__qualname__)
    wrapper.__module__ = getattr(function, "__module__", None)
    wrapper.__wrapped__ = function
    return wrapper


def _bound_as(function, wrapper):
    owner = getattr(function, "__self__", None)
    return wrapper if owner is None else types.MethodType(wrapper, owner)


class AsyncNative:
    def __init__(self):
        self.enabled = True
        #: the loop of wider fixtures, and those that are set up
        self.shared, self.wide = None, set()
        #: of the test that runs
        self.own = None
        self.replaced = contextlib.ExitStack()

    def pytest_collection_finish(self, session):
        self.enabled = not any(_package(plugin) in _OTHERS for plugin in session.config.pluginmanager.get_plugins())
        if self.enabled and any(_is_async(getattr(item, "obj", None)) for item in session.items):
            import asyncio  # noqa: F401  once for all workers

    def _is_ours(self, item):
        """Whether no other plugin runs ITEM's coroutines. Anyio's comes with many libraries, and wants a mark."""
        if not self.enabled:
            return False
        by_anyio = item.get_closest_marker("anyio") or "anyio_backend" in getattr(item, "fixturenames", ())
        return not (by_anyio and item.config.pluginmanager.hasplugin("anyio"))

    def _of_test(self, item, request):
        """Where ITEM's coroutines run."""
        if self.wide.intersection(request._fixture_defs.values()):
            return self.shared
        if self.own is None:
            self.own = EventLoop()
            item.addfinalizer(self._close_own)
        return self.own

    def _close_own(self):
        loop, self.own = self.own, None
        loop.close()

    def _of_fixture(self, definition, request):
        if request.scope == "function":
            return self._of_test(request.node, request)
        if self.shared is None:
            self.shared = EventLoop()
        self.wide.add(definition)
        request.addfinalizer(lambda: self._release(definition))
        return self.shared

    def _release(self, definition):
        self.wide.discard(definition)
        if not self.wide:
            loop, self.shared = self.shared, None
            loop.close()

    def pytest_fixture_setup(self, fixturedef, request):
        """Gives pytest's own implementation, which comes next, a function that is not async."""
        function = fixturedef.func
        if not _is_async(function) or not self._is_ours(request._pyfuncitem):
            return
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None and asyncio._get_running_loop() is not None:
            pytest.fail(
                f"async fixture '{fixturedef.argname}' was asked for while an event loop runs, which cannot wait for it: "
                "take it as an argument",
                pytrace=False,
            )
        loop = self._of_fixture(fixturedef, request)
        call = getattr(function, "__func__", function)

        def value(*args, **kwargs):
            __tracebackhide__ = True
            return loop.run(call(*args, **kwargs))

        def values(*args, **kwargs):
            __tracebackhide__ = True
            generator = call(*args, **kwargs)
            try:
                yield loop.run(generator.__anext__())
                loop.run(generator.__anext__())
            except StopAsyncIteration:
                return
            pytest_versions.fail_fixture(function, "async fixture function has more than one 'yield'")

        wrapper = values if inspect.isasyncgenfunction(function) else value
        fixturedef.func = _bound_as(function, _named_as(call, wrapper))
        request.addfinalizer(lambda: setattr(fixturedef, "func", function))

    def pytest_pyfunc_call(self, pyfuncitem):
        """Gives pytest's own implementation, which comes next, a function that waits for what the test's returns."""
        holder, name = pyfuncitem, "obj"
        if hasattr(getattr(pyfuncitem.obj, "hypothesis", None), "inner_test"):  # what @given calls for each example
            holder, name = pyfuncitem.obj.hypothesis, "inner_test"
        function = getattr(holder, name)
        if not inspect.iscoroutinefunction(inspect.unwrap(function)) or not self._is_ours(pyfuncitem):
            return  # not even a frame of ours in its traceback

        def call(*args, **kwargs):
            __tracebackhide__ = True
            result = function(*args, **kwargs)
            if not hasattr(result, "__await__"):
                return result
            loop = self._of_test(pyfuncitem, pyfuncitem._request)
            return loop.run(result, loop.context.copy())

        setattr(holder, name, _named_as(function, call))
        self.replaced.callback(setattr, holder, name, function)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self):
        self.replaced.close()
