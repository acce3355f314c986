"""pytest's reports as the engine gets them: the outcome that pytest counts, the text that its terminal prints.

What is needed is bound here, at import: a report is made while the test's monkeypatch still holds.
"""

from io import StringIO
from math import isfinite

from _pytest._io import TerminalWriter
from _pytest._io.saferepr import saferepr
from _pytest._io.terminalwriter import get_terminal_width

from tach_harness import wire
from tach_harness.channel import clip

#: Columns of pytest's terminal; asked for once, as pytest's own writer does.
_width = 80


def prepare(config):
    """Before the clone: what every worker's reports need, and the module that pytest imports to explain a failure."""
    global _width
    writer = getattr(config.pluginmanager.getplugin("terminalreporter"), "_tw", None)
    _width = writer.fullwidth if writer is not None else get_terminal_width()
    if config.pluginmanager.hasplugin("assertion"):
        import difflib  # noqa: F401


def _terminal_text(report):
    file = StringIO()
    writer = TerminalWriter(file)
    writer.hasmarkup = False  # whatever PY_COLORS and FORCE_COLOR say: the text is data
    writer.fullwidth = _width
    report.toterminal(writer)
    return file.getvalue().rstrip("\n")


def _without(text, prefix):
    return text[len(prefix) :] if text.startswith(prefix) else text


def _crash_line(report):
    """As TerminalReporter._getcrashline, to the "None" that pytest 7 prints for ``pytest.fail(pytrace=False)``."""
    if hasattr(report.longrepr, "reprcrash"):
        return str(report.longrepr.reprcrash)
    return str(report.longrepr)[:50]


def longrepr(report, style, category="failed"):
    """What the terminal would print of REPORT, which it counts as CATEGORY, with ``--tb=STYLE``, or None."""
    if report.longrepr is None or report.passed:
        return None
    if isinstance(report.longrepr, tuple):  # skipped: path, line, reason
        path, line, reason = report.longrepr
        return clip(f"{path}:{line}: {_without(reason, 'Skipped: ')}")
    if style == "no":
        return None
    if style == "line" and category == "failed":  # the errors are printed whole
        return clip(_crash_line(report))
    return clip(_terminal_text(report))


def _reason(report):
    """Why it was skipped, or expected to fail."""
    if hasattr(report, "wasxfail"):
        return clip(_without(report.wasxfail, "reason: "))
    if report.skipped:
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2]
        else:
            crash = getattr(report.longrepr, "reprcrash", None)
            reason = crash.message if crash is not None else str(report.longrepr)
        return clip(_without(reason, "Skipped: "))
    return None


def _crash(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None:
        return None
    return {"path": clip(str(crash.path)), "line": crash.lineno, "message": clip(str(crash.message))}


def _plain(value):
    """VALUE as JSON has it, else as text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if value.bit_length() < 64 else hex(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    try:
        return clip(str(value))
    except Exception:
        return clip(saferepr(value))


def _category(config, report):
    """What the terminal counts REPORT as; without a terminal plugin, what it would have."""
    status = config.hook.pytest_report_teststatus(report=report, config=config)
    if status is not None:
        return str(status[0])
    return report.outcome if report.when == "call" or not report.passed else ""


def _style(config):
    return getattr(config.option, "tbstyle", "auto")  # of the terminal plugin


def fields(config, report):
    """The fields of a "report" line."""
    category = _category(config, report)
    file, line, domain = report.location
    return {
        "nodeid": clip(report.nodeid),
        "when": report.when,
        "outcome": report.outcome,
        "category": category,
        "duration": report.duration if isfinite(report.duration) else 0.0,
        "longrepr": longrepr(report, _style(config), category),
        "reason": _reason(report),
        "location": [clip(file), (line or 0) + 1, clip(domain)],
        "crash": _crash(report),
        "sections": [[clip(name), clip(text)] for name, text in report.sections],
        "wasxfail": clip(report.wasxfail) if hasattr(report, "wasxfail") else None,
        "subtest": type(report).__name__ == "SubTestReport" or hasattr(report, "context"),
        "user_properties": [[clip(str(name)), _plain(value)] for name, value in report.user_properties],
        "data": wire.pack(config, report),
    }


def collect_fields(config, report):
    """The fields of a "collect_report" packet."""
    text = longrepr(report, _style(config), "error")
    if text is None and report.longrepr is not None:
        text = str(report.longrepr)
    return {
        "nodeid": clip(report.nodeid, 4000),
        "outcome": report.outcome,
        "longrepr": clip(text or "", 12_000),
    }


def warning_fields(warning, nodeid):
    """The fields of a "warning" line."""
    return {
        "message": clip(str(warning.message), 4000),
        "category": getattr(warning.category, "__name__", str(warning.category)),
        "file": clip(str(warning.filename), 4000),
        "line": warning.lineno,
        "nodeid": clip(nodeid, 4000),
    }
