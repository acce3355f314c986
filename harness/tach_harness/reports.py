"""pytest's reports as the engine gets them: the outcome that pytest counts, the text that its terminal prints."""

import io

from _pytest._io import TerminalWriter

from tach_harness.channel import clip


def _terminal_text(report):
    file = io.StringIO()
    report.toterminal(TerminalWriter(file))
    return file.getvalue().rstrip("\n")


def _without(text, prefix):
    return text[len(prefix) :] if text.startswith(prefix) else text


def longrepr(report, style):
    """What the terminal would print of REPORT with ``--tb=STYLE``, or None."""
    if report.longrepr is None or report.passed:
        return None
    if isinstance(report.longrepr, tuple):  # skipped: path, line, reason
        path, line, reason = report.longrepr
        return clip(f"{path}:{line}: {_without(reason, 'Skipped: ')}")
    if style == "no":
        return None
    if style == "line":
        where = getattr(report.longrepr, "reprcrash", None)
        return clip(str(where) if where is not None else str(report.longrepr).splitlines()[-1])
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
    return value if isinstance(value, (int, float, bool, type(None))) else clip(str(value))


def fields(config, report):
    """The fields of a "report" line."""
    category, _, _ = config.hook.pytest_report_teststatus(report=report, config=config)
    file, line, domain = report.location
    return {
        "nodeid": clip(report.nodeid),
        "when": report.when,
        "outcome": report.outcome,
        "category": category,
        "duration": report.duration,
        "longrepr": longrepr(report, config.option.tbstyle),
        "reason": _reason(report),
        "location": [clip(file), (line or 0) + 1, clip(domain)],
        "crash": _crash(report),
        "sections": [[clip(name), clip(text)] for name, text in report.sections],
        "wasxfail": clip(report.wasxfail) if hasattr(report, "wasxfail") else None,
        "subtest": type(report).__name__ == "SubTestReport" or hasattr(report, "context"),
        "user_properties": [[clip(str(name)), _plain(value)] for name, value in report.user_properties],
    }


def collect_fields(config, report):
    """The fields of a "collect_report" packet."""
    text = longrepr(report, config.option.tbstyle)
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
