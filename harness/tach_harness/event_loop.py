"""An event loop that runs one coroutine after another for tests and fixtures, as asyncio.Runner (3.11) would."""

import sys


async def _settle(coroutine):
    """(result, None) or (None, exception): what fails must not pass through asyncio's frames."""
    try:
        return await coroutine, None
    except BaseException as e:
        return None, e


class EventLoop:
    """Made of the suite's own policy, and its thread's current loop until it is closed."""

    def __init__(self):
        import asyncio  # what the suite does not import shall not be there
        import contextvars

        self.asyncio = asyncio
        self.loop = asyncio.new_event_loop()
        # what a fixture sets in context variables, later fixtures and the test find (from Python 3.11 on)
        self.context = contextvars.copy_context()

    def run(self, awaitable, context=None):
        """The result of AWAITABLE, or what it raises, with a traceback that begins in its own code."""
        __tracebackhide__ = True
        more = {"context": context or self.context} if sys.version_info >= (3, 11) else {}
        # the policy attaches its child watcher, where it has one that needs a loop
        self.asyncio.set_event_loop(self.loop)
        task = self.loop.create_task(_settle(awaitable), **more)
        result, failure = self.loop.run_until_complete(task)
        if failure is not None:
            raise failure.with_traceback(failure.__traceback__.tb_next)
        return result

    def _cancel(self, tasks):
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(self.asyncio.gather(*tasks, return_exceptions=True))
        for task in tasks:
            if not task.cancelled() and task.exception() is not None:
                self.loop.call_exception_handler(
                    {"message": "unhandled exception while a task that was left was cancelled", "exception": task.exception(), "task": task}
                )  # fmt: skip

    def close(self):
        """Cancels the tasks that are left, ends asynchronous generators and executors, and the loop."""
        if self.loop.is_closed():  # by the test
            return
        try:
            self.asyncio.set_event_loop(self.loop)
            tasks = self.asyncio.all_tasks(self.loop)
            if tasks:
                self._cancel(tasks)
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.run_until_complete(self.loop.shutdown_default_executor())
        finally:
            self.asyncio.set_event_loop(None)
            self.loop.close()
