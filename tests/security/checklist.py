"""The attacks that the sandbox is checked against: each row has a test of its own, marked with its name.

Container engines have been broken by every one of them. A test first shows the attack at work where the defence is
not, or, where that cannot be had, asserts what the attack starts from; then it attacks a cell.
"""

import pytest

ROWS = {
    "cve-2019-5736": "the runtime's program overwritten through /proc/self/exe",
    "cve-2021-30465": "a folder exchanged for a link while something is mounted in it",
    "cve-2023-27561": "a /proc that is a link or no procfs",
    "cve-2025-31133": "a /dev/null that is something else, mounted to mask a path",
    "cve-2025-52565": "a console from a terminal's path",
    "cve-2025-52881": "writes to procfs led to another file of procfs",
    "cve-2026-41579": "a /dev that is a link, a device known by its number alone",
    "cve-2024-45310": "folders made on the way to a mount, outside the root",
    "cve-2019-18837": "a mount target outside the root",
    "cve-2024-42472": "the source of a bind mount exchanged for a link",
    "traversal": "names and paths with ..",
    "cve-2024-21626": "a leaked folder of the host as the working directory",
    "cve-2016-9962": "the first process traced before it is confined",
    "cve-2017-5226": "characters pushed into the terminal outside",
    "cve-2020-15257": "abstract sockets of the host",
    "cve-2019-14271": "the runtime loads a library that the sandbox brought",
    "cve-2022-29162": "capabilities that are inherited",
    "cve-2026-30892": "a user that is a number only at its beginning",
    "cve-2021-43784": "lengths from the configuration that overflow",
    "cve-2020-5291": "a program with its owner's rights, a folder in /tmp",
    "cve-2022-0492": "release_agent of control groups",
    "cve-2023-25809": "control groups that can be written",
    "cve-2021-3493": "overlays in user namespaces",
    "cve-2021-3732": "an overlay shows what a mount covered",
    "cve-2022-0185": "kernel code that user namespaces open up",
    "cve-2022-0847": "pages of read-only files written through a pipe",
    "io_uring": "calls that no filter sees",
    "other-abi": "calls by the numbers of another architecture",
    "clone3": "flags that no filter reads",
    "exhaustion": "fork bombs and full file systems",
    "zygote-threads": "locks that a thread of the zygote holds for ever",
    "zygote-state": "descriptors, signals, session, environment of the process that workers are cloned from",
    "zygote-siblings": "tests that trace each other",
    "zygote-control": "the socket of the zygote in a test's hands",
    "device-nodes": "mode, owner and times of the host's device nodes, which a cell has",
    "leases": "a lease on a file of the host, which makes those wait that open it",
    "terminal": "the terminal that a test gets to be debugged on: its input, settings, processes, floods",
    "kill-by-number": "a signal to a process that is not there any more",
}


def row(name):
    assert name in ROWS
    return pytest.mark.checklist(name)
