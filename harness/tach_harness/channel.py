"""What leaves this process: JSON packets to the engine from the zygote, JSON lines from a worker.

Everything that is needed to write is bound here, at import, so that a test which replaces ``os.write``,
``json.dumps`` or ``os.getpid`` cannot disturb it.
"""

import os
import socket
from json.encoder import JSONEncoder

#: Operations of a packet from the engine (harness/run_message.h).
RUN_ITEMS, RUN_QUIT, RUN_SNAPSHOT, RUN_NEXT, RUN_HERE, RUN_SET_UP = range(1, 7)
#: Bytes of UTF-8 of one text (a section, a longrepr) that are sent at most.
MAX_TEXT = 1 << 20
#: Bytes of one text in a control packet.
MAX_PACKET_TEXT = 24_000

encode = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_write = os.write
_getpid = os.getpid
_exit = os._exit


def _mend(text):
    """TEXT as valid Unicode without NUL, and how many bytes of UTF-8 that is."""
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    try:
        return text, len(text.encode("utf-8"))
    except UnicodeEncodeError:
        data = text.encode("utf-8", "backslashreplace")
        return data.decode("utf-8"), len(data)


def _fit(text, limit, tail):
    """The longest head (or TAIL) of TEXT found to fit into LIMIT bytes, mended, and its length before."""
    while True:
        mended, size = _mend(text)
        if size <= limit:
            return mended, len(text)
        keep = len(text) * limit // size
        text = text[len(text) - keep :] if tail else text[:keep]


def clip(text, limit=MAX_TEXT):
    """TEXT as valid Unicode without NUL, at most LIMIT bytes: its head and its tail, saying what is left out."""
    if len(text) <= limit:
        if text.isascii() and "\0" not in text:
            return text
        mended, size = _mend(text)
        if size <= limit:
            return mended
    half = limit // 2
    # cut before it is looked at: two gigabytes of output must not be copied
    head, used = _fit(text[:half], half, tail=False)
    rest, used_by_rest = _fit(text[-half:], half, tail=True)
    return f"{head}\n[... {len(text) - used - used_by_rest} characters left out ...]\n{rest}"


class Control:
    """The zygote's packets. Each is one ``send`` on a SOCK_SEQPACKET socket."""

    def __init__(self, fd):
        self.fd = fd

    def send(self, kind, attach=None, **fields):
        """ATTACH: a descriptor that goes with it."""
        packet = encode({"t": kind, **fields}).encode("utf-8", "backslashreplace")
        if attach is None:
            _write(self.fd, packet)
            return
        with socket.socket(fileno=os.dup(self.fd)) as sender:
            socket.send_fds(sender, [packet], [attach])


class Results:
    """A worker's lines. A process that the test forked and that came back up here is ended instead."""

    def __init__(self, fd):
        self.fd = fd
        self.pid = _getpid()
        self.held = b""

    def end_copies(self):
        """Returns in the worker only, not in a process that the test forked."""
        if _getpid() != self.pid:
            _exit(1)

    def send(self, kind, **fields):
        self.send_line(encode({"t": kind, **fields}))

    def hold_line(self, line):
        """Goes out with the next."""
        self.end_copies()
        self.held += line.encode() + b"\n"

    def send_line(self, line):
        self.end_copies()
        data = self.held + line.encode("utf-8", "backslashreplace") + b"\n"
        self.held = b""
        while data:
            data = data[_write(self.fd, data) :]
