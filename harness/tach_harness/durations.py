"""How long each test took, left in pytest's cache folder for the next --shard."""

#: The key in pytest's cache.
KEY = "tach/durations"
#: Its name among pytest's plugins.
PLUGIN = "tach-durations"


class Durations:
    """Lives in the interpreter that collected, which is told of every test at the end."""

    def __init__(self):
        self.seconds = {}

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration

    def pytest_sessionfinish(self, session):
        cache = getattr(session.config, "cache", None)
        if cache is None or not self.seconds:
            return
        known = cache.get(KEY, {})
        if not isinstance(known, dict):
            known = {}
        known.update((nodeid, round(seconds, 4)) for nodeid, seconds in self.seconds.items())
        cache.set(KEY, known)
