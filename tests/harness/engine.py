"""Drives a zygote as the engine does, without cells: what it says of a suite, and what each worker says."""

import json
import os
import pathlib
import select
import signal
import socket
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = ROOT / "harness" / "tach_harness"
FAKE = pathlib.Path(__file__).resolve().parent / "fake" / "zygote.py"
_RUN_ITEMS, _RUN_QUIT = 1, 2


def built():
    """The built harness with the extension, or None."""
    tach = os.environ.get("TACH")
    folder = (pathlib.Path(tach).parent if tach else ROOT / "build") / "harness" / "tach_harness"
    return folder if (folder / "_tach.abi3.so").exists() else None


def clean_environment():
    """What the suite that runs this one set must not reach the other."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "TACH", "COLUMNS", "COV_"))}


class Worker:
    """What one worker said and how it ended."""

    def __init__(self, lines, out, err, status):
        self.lines, self.out, self.err, self.status = lines, out, err, status

    def of(self, kind):
        return [line for line in self.lines if line["t"] == kind]


class Engine:
    """A zygote of the suite in CWD. ``packets`` holds what it said up to "collected", which is ``collected``."""

    def __init__(self, cwd, *args, kind="fake", env=(), isolated=False, seconds=60):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(seconds)
        self.control = ours
        self.log = os.memfd_create("log")
        command = [sys.executable, str(FAKE), str(SOURCES)] if kind == "fake" else [sys.executable, str(built())]
        self.process = subprocess.Popen(
            command,
            env={**clean_environment(), **dict(env), "TACH_CONTROL_FD": str(theirs.fileno())},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
        settings = {"cwd": str(cwd), "args": list(args), "pythonPath": [], "shared": [], "spawn": [], "seed": 1, "seedIsChosen": False, "rollsBack": False, "verifyRollback": False, "isolated": isolated, "passes": False}
        settings |= {"workers": 2, "timeout": 60.0, "seccompFd": -1, "rlimits": []}
        ours.send(json.dumps(settings).encode())
        self.packets = []
        while not self.of("collected"):
            data = ours.recv(1 << 18)
            assert data, f"the zygote died: {self.log_text()}"
            self.packets.append(json.loads(data))
        self.collected = self.packets[-1]
        self.items = self.of("item")
        parent = {unit["u"]: unit["parent"] for unit in self.of("unit")}
        self.units = {}  # what can run apart: {unit without parent: its items and those of the units in it}
        for item in self.items:
            unit = item["u"]
            while parent[unit] >= 0:
                unit = parent[unit]
            self.units.setdefault(unit, []).append(item["i"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.control.close()
        os.close(self.log)

    def of(self, kind):
        return [packet for packet in self.packets if packet["t"] == kind]

    def log_text(self):
        return os.pread(self.log, 1 << 20, 0).decode("utf-8", "replace")

    def run(self, indices, slot=0, kill_after=None):
        """Runs the items of INDICES in one worker until it is gone. KILL_AFTER: seconds to a SIGABRT."""
        read, write = os.pipe()
        out, err = os.memfd_create("out"), os.memfd_create("err")
        head = struct.pack(f"=IIII{len(indices)}I", _RUN_ITEMS, slot, 0, len(indices), *indices)
        socket.send_fds(self.control, [head], [write, out, err])
        os.close(write)
        data, fds, _, _ = socket.recv_fds(self.control, 1 << 16, 1)
        assert json.loads(data) == {"t": "started", "slot": slot}
        if kill_after is not None:
            time.sleep(kill_after)
            signal.pidfd_send_signal(fds[0], signal.SIGABRT)
        # the exit first: a process that the test left behind may hold the channel open
        os.set_blocking(read, False)
        lines, status = b"", None
        while status is None:
            for fd in select.select([read, self.control], [], [], 60)[0]:
                if fd is self.control:
                    status = json.loads(self.control.recv(1 << 16))["status"]
                else:
                    lines += os.read(read, 1 << 20)
        while True:
            try:
                more = os.read(read, 1 << 20)
            except BlockingIOError:
                break
            if not more:
                break
            lines += more
        texts = [os.pread(fd, 1 << 24, 0).decode("utf-8", "replace") for fd in (out, err)]
        for fd in (read, out, err, *fds):
            os.close(fd)
        return Worker([self.whole(json.loads(line)) for line in lines.splitlines()], *texts, os.waitstatus_to_exitcode(status))

    def whole(self, line):
        """LINE with what the engine knows itself, where it says only that a phase passed."""
        if line["t"] != "report" or "passed" not in (line["data"] or ()):
            return line
        item = self.items[line["i"]]
        known = {"nodeid": item["nodeid"], "location": [item["file"], item["line"], ""], "sections": [], "user_properties": []}
        return known | {"subtest": False} | dict.fromkeys(("longrepr", "reason", "crash", "wasxfail")) | line

    def run_all(self):
        """{nodeid: Worker} of every unit's items; a unit's worker stands under each."""
        names = {item["i"]: item["nodeid"] for item in self.items}
        found = {}
        for indices in self.units.values():
            worker = self.run(indices)
            found.update((names[i], worker) for i in indices)
        return found

    def quit(self):
        """Ends the session; the zygote's exit code."""
        self.control.send(struct.pack("=IIII", _RUN_QUIT, 0, 0, 0))
        return self.process.wait(30)
