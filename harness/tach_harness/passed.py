"""Reports that say no more than that a phase passed, as most do: a line of what neither the engine nor the zygote knows.

The zygote makes the whole report again of the item that it has collected, for the plugins that it tells at the end.
"""

import functools

from _pytest.reports import TestReport

from tach_harness import pytest_versions

#: What a report of pytest's own has; the last two from pytest 8 on.
_KNOWN = frozenset(
    "nodeid location keywords outcome longrepr when user_properties sections duration start stop".split()
)
#: What pytest counts a phase as that passed.
_CATEGORIES = {"setup": "", "call": "passed", "teardown": ""}


class Passed:
    """Of ITEMS, by number, as they were collected."""

    def __init__(self, config, items):
        hooks = config.hook.pytest_report_teststatus, config.hook.pytest_report_to_serializable
        if all(pytest_versions.is_builtin(each.plugin) for hook in hooks for each in hook.get_hookimpls()):
            self.items, self.counts = items, {number: pytest_versions.count_keywords(items[number]) for number in items}
        else:  # a plugin may see in it what pytest does not
            self.items = self.counts = {}

    def line(self, index, report):
        """The line about the item INDEX, or None where REPORT says more."""
        count = self.counts.get(index)
        if report.outcome != "passed" or report.longrepr is not None or report.sections or report.user_properties:
            return None
        if count is None or type(report) is not TestReport or not vars(report).keys() <= _KNOWN:
            return None
        category, duration = _CATEGORIES.get(report.when), report.duration
        if category is None or type(duration) is not float or not 0 <= duration < 1e9:
            return None
        if pytest_versions.count_keywords(self.items[index]) != count:  # a marker, added since
            return None
        times = "".join(f',"{name}":{vars(report)[name]!r}' for name in ("start", "stop") if name in vars(report))
        return (
            f'{{"t":"report","i":{index},"when":"{report.when}","outcome":"passed","category":"{category}",'
            f'"duration":{duration!r},"data":{{"passed":1{times}}}}}'
        )


@functools.lru_cache(maxsize=1)
def _keywords(item):
    """As pytest puts them into each report; they are gathered from all that ITEM is in, once for its three phases."""
    return {name: 1 for name in item.keywords}


def unpack(line, item):
    """The report of a LINE about ITEM, or None where it is not such a line."""
    data = line["data"]
    if data is None or "passed" not in data:
        return None
    times = {name: data[name] for name in ("start", "stop") if name in data}
    return TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords=dict(_keywords(item)),
        outcome="passed",
        longrepr=None,
        when=line["when"],
        sections=[],
        duration=line["duration"],
        user_properties=[],
        **times,
    )
