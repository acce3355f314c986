"""A pytest plugin for the virtual machine: says what failed when it fails, so that a run that is cut off has named it."""


def pytest_runtest_logreport(report):
    if report.failed:
        print(f"\n{report.when} of {report.nodeid} failed after {report.duration:.1f} s\n{report.longreprtext}", flush=True)
