"""Hostile tests and services: what is let in is reached, and nothing else; what one cell does harms no other."""

import os
import pathlib
import socket
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from running import SLOW  # noqa: E402
from serving import Echo, echo  # noqa: E402, F401

LIMIT = 256  # connections at once, of one cell


@pytest.fixture
def other():
    """A server that is not let in."""
    server = Echo(("127.0.0.1", 0))
    yield server
    server.stop()


@pytest.fixture
def hostile(suite_and_user):
    """Runs TEXT as a suite with services: its result."""
    suite, user = suite_and_user

    def run(text, *services, conftest=None, args=()):
        suite.write(text=text)
        if conftest is not None:
            suite.write("conftest.py", conftest)
        for parent in (suite.path, *suite.path.parents):
            if str(parent).startswith("/tmp/"):
                parent.chmod(0o755)
        return suite.json(*[f"--service={service.name}" for service in services], *args, user=user)

    return run


def all_passed(result, number):
    assert result.event("finish")["counts"] == {"passed": number}, result.out + result.err


def test_other_ports_of_the_host(hostile, echo, other):
    """Neither from a cell nor while the suite is imported; not over any address of the host."""
    text = (
        "import socket\ndef closed():\n"
        "    for host in ('127.0.0.1', '127.0.0.2', '127.1.1.1', '::1', '0.0.0.0', '10.0.0.1'):\n"
        f"        try: socket.create_connection((host, {other.port}), timeout=2).close()\n"
        "        except OSError: continue\n"
        "        raise AssertionError(host)\n"
    )
    elsewhere = f"\ndef test_other_address():\n    for host in ('127.0.0.2', '::1'):\n        try: socket.create_connection((host, {echo.port}), timeout=2)\n        except OSError: continue\n        assert 0\n"
    result = hostile("from conftest import *\ndef test_it(): closed()\n" + elsewhere, echo, conftest=text + "closed()\n")
    all_passed(result, 2)
    assert other.all == 0 and echo.all == 0


def test_other_sockets_beside_a_service(hostile, tmp_path):
    let_in, beside = Echo(str(tmp_path / "a.sock"), socket.AF_UNIX), Echo(str(tmp_path / "b.sock"), socket.AF_UNIX)
    result = hostile(
        "import os, socket\ndef test_it():\n"
        f"    socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'a.sock')!r})\n"
        f"    assert 'b.sock' not in os.listdir({str(tmp_path)!r})\n"
        f"    assert socket.socket(socket.AF_UNIX).connect_ex({str(tmp_path / 'b.sock')!r}) != 0\n",
        let_in,
    )
    all_passed(result, 1)
    assert beside.all == 0
    for server in (let_in, beside):
        server.stop()


def test_nothing_that_is_sent_is_an_address(hostile, echo, other):
    """What proxies of other kinds would act on reaches the service as it is."""
    words = [
        f"CONNECT 127.0.0.1:{other.port} HTTP/1.1\r\nHost: 127.0.0.1:{other.port}\r\n\r\n".encode(),
        b"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01" + other.port.to_bytes(2, "big"),
        f"PROXY TCP4 127.0.0.1 127.0.0.1 1 {other.port}\r\n".encode(),
        b"\x03\x00\x00\x00\x00\x00\x00\x00" * 100,
    ]
    result = hostile(
        f"import socket\ndef test_it():\n    for words in {words!r}:\n"
        f"        s = socket.create_connection(('127.0.0.1', {echo.port})); s.sendall(words); s.shutdown(1)\n"
        "        got = b''\n        while data := s.recv(4096): got += data\n"
        "        assert got == words\n",
        echo,
    )
    all_passed(result, 1)
    assert sorted(echo.got) == sorted(words) and other.all == 0


def test_flood_of_connections(hostile, echo):
    """Bounded for the service; the rest is reset and counted; other cells go on meanwhile."""
    flood = (
        "import resource, socket, time\ndef test_flood():\n    S = []\n"
        "    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]; resource.setrlimit(resource.RLIMIT_NOFILE, (min(2000, hard), hard))\n"
        f"    for _ in range(1500):\n        s = socket.socket(); s.settimeout(5); s.connect_ex(('127.0.0.1', {echo.port})); S.append(s)\n"
        "    time.sleep(0.5)\n    alive = 0\n"
        "    for s in S:\n"
        "        try: s.sendall(b'x'); alive += s.recv(1) == b'x'\n"
        "        except OSError: pass\n"
        f"    assert 0 < alive <= {LIMIT}\n"
    )
    calm = f"def test_calm():\n    for _ in range(50):\n        s = socket.create_connection(('127.0.0.1', {echo.port})); s.sendall(b'y'); assert s.recv(1) == b'y'; s.close(); time.sleep(0.01)\n"
    result = hostile(flood + calm, echo, args=("-n2",))
    all_passed(result, 2)
    assert echo.most <= LIMIT + 2
    (event,) = [e for e in result.events if e["event"] == "service" and e["nodeid"] == "test_it.py::test_flood"]
    assert event["connections"] >= event["failed"] >= 1000 and event["why"] == f"more than {LIMIT} connections at once"


def test_flood_that_never_stops_ends_with_its_test(hostile, echo):
    begin = time.monotonic()
    result = hostile(
        "import socket\ndef test_flood():\n"
        f"    while True:\n        s = socket.socket(); s.setblocking(False); s.connect_ex(('127.0.0.1', {echo.port}))\n"
        "def test_calm(): pass\n",
        echo,
        args=("--timeout=2", "-n1"),
    )
    assert [test["outcome"] for test in result.tests().values()] == ["timeout", "passed"]
    assert time.monotonic() - begin < 20 * SLOW


def test_slow_reader_costs_no_memory_and_no_time(hostile, echo):
    """A client that sends and never reads is stopped by back-pressure; the run ends."""
    begin = time.monotonic()
    result = hostile(
        "import socket\ndef test_it():\n"
        f"    s = socket.create_connection(('127.0.0.1', {echo.port})); s.settimeout(1); sent = 0\n"
        "    try:\n        while sent < 1 << 30: sent += s.send(b'x' * 65536)\n    except TimeoutError: pass\n"
        "    assert sent < 1 << 28\n",
        echo,
    )
    all_passed(result, 1)
    assert time.monotonic() - begin < 15 * SLOW


def test_cells_do_not_see_each_other(hostile, echo):
    """A connection of one test is in no table of another's network."""
    text = (
        "import pytest, socket, time\n@pytest.mark.parametrize('i', range(4))\ndef test_it(i):\n"
        f"    s = socket.create_connection(('127.0.0.1', {echo.port})); time.sleep(0.3)\n"
        "    rows = [line.split() for line in open('/proc/net/tcp')][1:]\n"
        "    states = sorted(row[3] for row in rows)\n"
        "    assert states == ['01', '01', '0A'], rows\n"  # both ends of its own, and the listener
    )
    all_passed(hostile(text, echo, args=("-n4",)), 4)


def test_listener_cannot_be_stolen(hostile, echo):
    """No descriptor of it is in the cell, and its address cannot be taken beside it."""
    result = hostile(
        "import os, pytest, socket\ndef test_it():\n"
        "    for host in ('127.0.0.1', '0.0.0.0', '::ffff:127.0.0.1', '::'):\n"
        "        for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):\n"
        "            s = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)\n"
        "            if option: s.setsockopt(socket.SOL_SOCKET, option, 1)\n"
        f"            with pytest.raises(OSError): s.bind((host, {echo.port})); s.listen()\n"
        "    inode = [line.split()[9] for line in open('/proc/net/tcp') if line.split()[3] == '0A'][0]\n"
        "    held = [os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd') if os.path.lexists('/proc/self/fd/' + fd)]\n"
        "    assert sorted(filter(str.isdigit, os.listdir('/proc'))) == ['1', str(os.getpid())]\n"
        "    for fd in os.listdir('/proc/1/fd'):\n"
        "        with pytest.raises(PermissionError): os.readlink('/proc/1/fd/' + fd)\n"
        "    assert held and f'socket:[{inode}]' not in held\n",
        echo,
    )
    all_passed(result, 1)


def test_listener_is_not_held_where_the_suite_is_imported(hostile, echo):
    conftest = (
        "import os\nINODE = [line.split()[9] for line in open('/proc/net/tcp') if line.split()[3] == '0A'][0]\n"
        "HELD = [os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd') if os.path.lexists(f'/proc/self/fd/{fd}')]\n"
        "try: HELD += [os.readlink('/proc/1/fd/0')]\n"
        "except PermissionError: pass\n"
        "else: HELD = []\n"
    )
    all_passed(hostile("from conftest import HELD, INODE\ndef test_it(): assert HELD and f'socket:[{INODE}]' not in HELD\n", echo, conftest=conftest), 1)


def test_unix_socket_that_a_test_replaces_is_its_own(hostile, tmp_path):
    """Also where the suite replaces it while it is imported: a cell's is made afresh."""
    server = Echo(str(tmp_path / "a.sock"), socket.AF_UNIX)
    path = str(tmp_path / "a.sock")
    conftest = f"import os, socket\nos.unlink({path!r}); S = socket.socket(socket.AF_UNIX); S.bind({path!r}); S.listen()\n"
    text = (
        "import os, pytest, socket\n@pytest.mark.parametrize('i', range(4))\ndef test_it(i):\n"
        f"    c = socket.socket(socket.AF_UNIX); c.connect({path!r}); c.sendall(b'real'); assert c.recv(4) == b'real'\n"
        f"    os.unlink({path!r}); s = socket.socket(socket.AF_UNIX); s.bind({path!r}); s.listen()\n"
    )
    all_passed(hostile(text, server, conftest=conftest), 4)
    assert server.all == 4 and os.path.exists(path)
    server.stop()


def test_link_that_the_suite_leaves_leads_nowhere(hostile, tmp_path):
    """The folder of a Unix service is a link when cells are made: nothing of the host is touched."""
    server = Echo(str(tmp_path / "a.sock"), socket.AF_UNIX)
    folder = str(tmp_path)
    conftest = f"import os\nos.unlink({folder!r} + '/a.sock'); os.symlink('/etc/passwd', {folder!r} + '/a.sock')\n"
    result = hostile("def test_it(): pass\n", server, conftest=conftest)
    assert result.code == 3 and "a.sock in a cell: EADDRINUSE" in result.err
    assert os.path.exists(f"{folder}/a.sock") and not os.path.islink(f"{folder}/a.sock")
    server.stop()


def test_descriptors_are_not_passed_on(hostile, tmp_path):
    path = str(tmp_path / "take.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        os.chmod(path, 0o777)
        listener.listen()
        listener.settimeout(30)

        class Named:
            name = f"unix:{path}"

        result = hostile(
            f"import socket\ndef test_it():\n    s = socket.socket(socket.AF_UNIX); s.connect({path!r})\n"
            "    socket.send_fds(s, [b'with a descriptor'], [0])\n",
            Named,
        )
        all_passed(result, 1)
        taken, _ = listener.accept()
        taken.settimeout(10)
        data, fds, _, _ = socket.recv_fds(taken, 100, 10)
        taken.close()
    assert data == b"with a descriptor" and fds == []
