"""What leaves this process: JSON packets to the engine from the zygote, JSON lines from a worker.

Everything that is needed to write is bound here, at import, so that a test which replaces ``os.write``,
``json.dumps`` or ``os.getpid`` cannot disturb it.
"""

import os
from json.encoder import JSONEncoder

#: Characters of one text (a section, a longrepr) that are sent at most.
MAX_TEXT = 1 << 20
#: Characters of one text in a control packet.
MAX_PACKET_TEXT = 24_000

_encode = JSONEncoder(separators=(",", ":")).encode
_write = os.write
_getpid = os.getpid
_exit = os._exit


def clip(text, limit=MAX_TEXT):
    """TEXT as valid Unicode without NUL, at most LIMIT characters: its head and its tail, saying what is left out."""
    if len(text) > limit:
        left_out = len(text) - limit
        half = limit // 2
        text = f"{text[:half]}\n[... {left_out} characters left out ...]\n{text[-half:]}"
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text


class Control:
    """The zygote's packets. Each is one ``send`` on a SOCK_SEQPACKET socket."""

    def __init__(self, fd):
        self.fd = fd

    def send(self, kind, **fields):
        _write(self.fd, _encode({"t": kind, **fields}).encode("ascii"))


class Results:
    """A worker's lines. A process that the test forked and that came back up here is ended instead."""

    def __init__(self, fd):
        self.fd = fd
        self.pid = _getpid()

    def send(self, kind, **fields):
        if _getpid() != self.pid:
            _exit(1)
        data = _encode({"t": kind, **fields}).encode("ascii") + b"\n"
        while data:
            data = data[_write(self.fd, data) :]
