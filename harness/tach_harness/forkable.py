"""Whether this process can be cloned and go on in each clone: what fixtures have left running or open in it.

The process itself is looked at, not the fixtures. Threads do not exist in a clone, a child process has one parent, and
what is open is one thing for all clones: two of them would speak over the same connection.
"""

import fcntl
import os
import socket
import stat
import threading

#: Whatever a fixture of a wider scope has made of it.
_open_file = open


def _link(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # the listing's own
        return None


def _open():
    """{(descriptor, what it leads to)}"""
    return {(fd, link) for fd in map(int, os.listdir("/proc/self/fd")) if (link := _link(fd)) is not None}


def _shared_memory():
    """The writable shared mappings."""
    with _open_file("/proc/self/maps") as maps:
        return {line for line in maps if line.split(maxsplit=2)[1][1::2] == "ws"}


class Traces:
    """What was there before fixtures were set up, and is not theirs."""

    def __init__(self):
        self.open = _open()
        self.memory = _shared_memory()


def _thread():
    native = {thread.native_id: thread.name for thread in threading.enumerate()}
    for tid in map(int, os.listdir("/proc/self/task")):
        if tid != os.getpid():
            try:
                with _open_file(f"/proc/self/task/{tid}/comm") as comm:
                    return f"thread '{native.get(tid) or comm.read().strip()}'"
            except OSError:  # it ended meanwhile
                continue
    return ""


def _child():
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return ""
    return "a child process"


def _socket(fd):
    with socket.socket(fileno=os.dup(fd)) as one:
        kind = "a socket"
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            kind = "a listening socket"
        try:
            one.getpeername()
            return "a connected socket"
        except OSError:
            pass
        try:
            name = one.getsockname()
        except OSError:
            name = ""
    if isinstance(name, tuple) and name[1:] and name[1]:
        return f"{kind} on {name[0]}:{name[1]}"
    return f"{kind} at {name}" if isinstance(name, str) and name else kind


def _descriptor(fd, link):
    """What is wrong with FD in clones, or ""."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISSOCK(mode):
        return _socket(fd)
    if stat.S_ISFIFO(mode):
        return "an open pipe"
    if "eventpoll" in link:
        return "an event loop (epoll)"
    if stat.S_ISREG(mode):
        writable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        return f"{link}, open for writing" if writable else ""
    if stat.S_ISDIR(mode) or link in ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"):
        return ""
    return link


def obstacle(before):
    """Why this process cannot be cloned, or "". BEFORE: its Traces."""
    found = _thread() or _child()
    if found:
        return found
    for fd, link in sorted(_open() - before.open):
        try:
            found = _descriptor(fd, link)
        except OSError:
            continue
        if found:
            return found
    return "shared memory" if _shared_memory() - before.memory else ""
