"""Reports on their way from a worker to the zygote, as pytest-xdist sends them: through pytest's own hooks for that.

What JSON cannot say becomes text on the way out; what it turns into lists becomes tuples again on the way in.
"""

from _pytest.reports import TestReport

from tach_harness import passed
from tach_harness.channel import clip

#: Of nested containers; the engine reads no deeper JSON.
_MAX_DEPTH = 16
#: Sent beside the data already.
_BESIDE = ("nodeid", "when", "outcome", "duration", "sections", "user_properties")


def plain(value, depth=0):
    """VALUE in what JSON has: names and texts stay, containers are copied, the rest becomes text."""
    if value is None or isinstance(value, (bool, float)):
        return value if value == value and value not in (float("inf"), float("-inf")) else str(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() < 64 else hex(value)
    if isinstance(value, str):
        return clip(str(value))
    if depth < _MAX_DEPTH:
        if isinstance(value, dict):
            return {clip(str(key), 4000): plain(one, depth + 1) for key, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [plain(one, depth + 1) for one in value]
    try:
        return clip(str(value))
    except Exception:
        return f"<{type(value).__name__}>"


def pack(config, report):
    """What a line holds of REPORT beside its other fields, or None where a plugin's hook fails."""
    try:
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        return plain({key: value for key, value in data.items() if key not in _BESIDE})
    except Exception:
        return None


def _tuples(data):
    for key in ("sections", "user_properties"):
        data[key] = [tuple(pair) for pair in data[key]]
    data["location"] = tuple(data["location"])
    if isinstance(data.get("longrepr"), list):
        data["longrepr"] = tuple(data["longrepr"])


def unpack(config, line, item):
    """The report of a LINE about ITEM."""
    report = passed.unpack(line, item)
    if report is not None:
        return report
    data = {**(line["data"] or {"keywords": {}, "location": item.location}), **{key: line[key] for key in _BESIDE}}
    _tuples(data)
    report = None
    if line["data"] is not None:
        report = config.hook.pytest_report_from_serializable(config=config, data=data)
    if report is None:
        data.setdefault("longrepr", line["longrepr"])
        data = {key: value for key, value in data.items() if key[0] not in "$_"}
        report = TestReport(**data)
    return report


def of_death(line, item):
    """The report of a test that ended its worker."""
    return TestReport(
        nodeid=item.nodeid,
        location=item.location,
        keywords={name: 1 for name in item.keywords},
        outcome="failed",
        longrepr=line["reason"],
        when=line["when"],
        sections=[],
        duration=line["elapsed"],
        user_properties=list(item.user_properties),
    )
