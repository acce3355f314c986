"""Sockets of the host that are let into cells, and what network cells have."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest

from running import NOBODY, TACH, TACH_RUN, environment, skip_without_user_namespaces
from serving import Echo, free_port

TALK = """\
import socket
def talk(address, text=b"hello"):
    s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    s.connect(address)
    s.sendall(text)
    s.shutdown(socket.SHUT_WR)
    got = b""
    while data := s.recv(65536):
        got += data
    assert got == text
"""


@pytest.fixture(params=["root", "ordinary"])
def who(request, suite):
    """The user to run as: root, and an ordinary one who can reach the suite."""
    if request.param == "root":
        return None if os.geteuid() == 0 else pytest.skip("this run is not root's")
    skip_without_user_namespaces()
    for parent in (suite.path, *suite.path.parents):
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    return NOBODY if os.geteuid() == 0 else None


def uses(result):
    """(node id, service) -> (connections, failed) of the service events; one each."""
    found = {}
    for event in result.events:
        if event["event"] == "service":
            assert (event["nodeid"], event["service"]) not in found
            found[event["nodeid"], event["service"]] = (event["connections"], event["failed"])
    return found


def test_tcp(suite, echo, who):
    """A connection is passed on: both ways, long and short, each way with its own end."""
    suite.write(
        text=f"{TALK}A = ('127.0.0.1', {echo.port})\n"
        "def test_short(): talk(A)\n"
        "def test_many():\n    for i in range(20): talk(A, b'%d' % i)\n"
        "def test_none(): pass\n"
        "def test_long():\n"
        "    import threading\n"
        "    s, text, got = socket.create_connection(A), b'0123456789' * 1000000, bytearray()\n"
        "    threading.Thread(target=lambda: (s.sendall(text), s.shutdown(socket.SHUT_WR))).start()\n"
        "    while data := s.recv(65536): got += data\n"
        "    assert got == text\n"
    )
    result = suite.json("--service", echo.name, "-p", "no:cacheprovider", user=who)
    assert result.event("finish")["counts"] == {"passed": 4}, result.out
    assert uses(result) == {(f"test_it.py::test_{n}", echo.name): (c, 0) for n, c in {"short": 1, "many": 20, "long": 1}.items()}
    assert result.event("start")["isolation"]["services"] == [echo.name]


def test_unix(suite, unix_echo, who):
    path = unix_echo.name.removeprefix("unix:")
    suite.write(text=f"{TALK}def test_it(): talk({path!r}, b'x' * 20000)\ndef test_peer():\n    s = socket.socket(socket.AF_UNIX); s.connect({path!r}); assert s.getpeername() == {path!r}\n")
    result = suite.json("--service", unix_echo.name, "-p", "no:cacheprovider", user=who)
    assert result.event("finish")["counts"] == {"passed": 2}, result.out
    assert len(uses(result)) == 2


@pytest.mark.parametrize("folder", ["/run", "/tmp", "/var/tmp", "/dev/shm", "project"])
def test_unix_socket_in_any_private_folder(suite, folder):
    base = suite.path if folder == "project" else pathlib.Path(folder)
    path = base / f"tach-test-{os.getpid()}.sock"
    server = Echo(str(path), socket.AF_UNIX)
    try:
        suite.write(text=f"{TALK}def test_it(): talk({str(path)!r})\n")
        result = suite.json("--service", server.name)
    finally:
        server.stop()
        path.unlink()
    assert result.event("finish")["counts"] == {"passed": 1}, result.out


def test_ipv6(suite):
    if not pathlib.Path("/proc/net/if_inet6").exists():
        pytest.skip("this machine has no IPv6")
    server = Echo(("::1", 0), socket.AF_INET6)
    suite.write(text=f"{TALK}def test_it(): talk(('::1', {server.port}))\n")
    result = suite.json("--service", server.name)
    server.stop()
    assert result.event("finish")["counts"] == {"passed": 1}, result.out


def test_folder_that_is_read_only_in_cells(suite):
    """One clear error before anything runs."""
    suite.write(text="def test_it(): pass\n")
    result = suite.json("--service", "unix:/usr/share/tach.sock")
    assert result.code == 3 and not result.tests()
    assert "tach-run: service: listen on unix:/usr/share/tach.sock in a cell: EROFS" in result.err
    assert "let the service listen below /run" in result.err


def test_service_that_is_down(suite):
    """The test sees a connection that is reset, the event says why, the report says it once."""
    name = f"127.0.0.1:{free_port()}"
    suite.write(
        text="import pytest, socket\n@pytest.mark.parametrize('i', range(3))\ndef test_it(i):\n"
        f"    s = socket.create_connection(('127.0.0.1', {name.split(':')[1]}))\n"
        "    with pytest.raises(ConnectionResetError): s.recv(1)\n"
    )
    result = suite.json("--service", name)
    assert result.event("finish")["counts"] == {"passed": 3}, result.out
    events = [event for event in result.events if event["event"] == "service"]
    assert [event["why"] for event in events] == ["ECONNREFUSED (Connection refused)"] * 3
    assert suite.tach("--service", name).out.count(f"service {name}: ECONNREFUSED (Connection refused), first for test_it.py::test_it[") == 1


def test_services_that_are_down_over_unix(suite, tmp_path):
    name = f"unix:{tmp_path}/nobody.sock"
    suite.write(text=f"import socket\ndef test_it():\n    s = socket.socket(socket.AF_UNIX); s.connect({name[5:]!r}); assert s.recv(1) == b''\n")
    result = suite.json("--service", name)
    assert result.event("finish")["counts"] == {"passed": 1}, result.out
    assert result.event("service")["why"] == "ENOENT (No such file or directory)"


def test_while_the_suite_is_imported(suite, echo):
    """The collecting interpreter has the services too; what it uses is nobody's test's."""
    suite.write("conftest.py", f"{TALK}talk(('127.0.0.1', {echo.port}))\n")
    suite.write(text="def test_it(): pass\n")
    result = suite.json("--service", echo.name)
    assert result.event("finish")["counts"] == {"passed": 1}, result.out
    assert uses(result) == {(None, echo.name): (1, 0)}


def test_what_is_sent_is_delivered(suite, echo):
    """Also when the test does not wait for it, and its cell is thrown away at once."""
    suite.write(
        text="import os, socket\n"
        f"def test_ends():\n    socket.create_connection(('127.0.0.1', {echo.port})).sendall(b'last words')\n"
        f"def test_dies():\n    socket.create_connection(('127.0.0.1', {echo.port})).sendall(b'dying words'); os._exit(1)\n"
    )
    result = suite.json("--service", echo.name)
    assert result.event("finish")["counts"] == {"passed": 1, "failed": 1}, result.out
    assert len(uses(result)) == 2
    deadline = time.monotonic() + 5
    while len(echo.got) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert sorted(echo.got) == [b"dying words", b"last words"]


def test_connection_that_is_left_open_does_not_hold_up_the_run(suite, echo):
    suite.write(text=f"import socket\nS = []\ndef test_it():\n    S.append(socket.create_connection(('127.0.0.1', {echo.port})))\n")
    begin = time.monotonic()
    assert suite.json("--service", echo.name).event("finish")["counts"] == {"passed": 1}
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_cell_that_used_a_service_is_not_used_again(suite, echo, unix_echo, kind):
    server = echo if kind == "tcp" else unix_echo
    address = ("127.0.0.1", echo.port) if kind == "tcp" else unix_echo.name[5:]
    suite.write(text=f"{TALK}import pytest\n@pytest.mark.parametrize('i', range(8))\ndef test_it(i): talk({address!r})\n")
    result = suite.json("-n1", "--service", server.name)
    assert {test["cell"] for test in result.tests().values()} == {"fresh"}
    assert result.event("finish")["cells"]["thrown_away"] == {"service": 8}
    suite.write(text="import pytest\n@pytest.mark.parametrize('i', range(8))\ndef test_it(i): pass\n")
    cells = [test["cell"] for test in suite.json("-n1", "--service", server.name).tests().values()]
    assert "reused" in cells  # a service that nobody uses does no harm


def test_nothing_is_added_without_services(suite):
    """No proxy runs; with a service there is one, and it ends with the engine, however that ends."""
    suite.write(text="import time\ndef test_it(): time.sleep(30)\n")
    for args, expected in ((), 0), (("--service", "127.0.0.1:1"), 1):
        run = suite.start(*args)
        assert json.loads(run.stdout.readline())["event"] == "start"
        (engine,) = children(run.pid)
        found = [pid for pid in children(engine) if name(pid) == "tach-services"]
        assert len(found) == expected
        os.kill(engine, signal.SIGKILL)
        run.communicate(timeout=30)
        deadline = time.monotonic() + 5
        while any(name(pid) == "tach-services" for pid in found) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert not any(name(pid) == "tach-services" for pid in found)


def test_proxy_that_is_killed_ends_the_run(suite, echo):
    """One error; no test hangs on it."""
    suite.write(text="import time\ndef test_it(): time.sleep(1)\n")
    run = suite.start("--service", echo.name)
    assert json.loads(run.stdout.readline())["event"] == "start"
    (engine,) = children(run.pid)
    os.kill(next(pid for pid in children(engine) if name(pid) == "tach-services"), signal.SIGKILL)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 3 and "tach-run: service: the proxy of the services ended: EPIPE" in err


def children(pid):
    return [other for other in map(int, filter(str.isdigit, os.listdir("/proc"))) if parent(other) == pid]


def parent(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return None


def name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def test_the_address_is_taken_in_the_cell(suite, echo):
    suite.write(
        text="import errno, pytest, socket\ndef test_it():\n"
        f"    with pytest.raises(OSError) as e: socket.socket().bind(('127.0.0.1', {echo.port}))\n"
        "    assert e.value.errno == errno.EADDRINUSE\n"
    )
    assert suite.json("--service", echo.name).event("finish")["counts"] == {"passed": 1}


def test_as_many_as_there_may_be(suite, echo, who):
    """Also on ports that only root may take on the host."""
    names = [f"--service=127.0.0.1:{port}" for port in range(1, 32)]
    suite.write(
        text=f"{TALK}import pytest\n@pytest.mark.parametrize('port', range(1, 32))\ndef test_it(port):\n"
        f"    talk(('127.0.0.1', {echo.port}))\n    socket.create_connection(('127.0.0.1', port)).close()\n"
    )
    result = suite.json("-n4", *names, "--service", echo.name, "-p", "no:cacheprovider", user=who)
    assert result.event("finish")["counts"] == {"passed": 31}, result.out
    assert len(uses(result)) == 62
    assert suite.json(*names, "--service", echo.name, "--service", "127.0.0.1:99").code == 4


def test_without_isolation(suite, echo):
    """Everything is there anyhow."""
    suite.write(text=f"{TALK}def test_it(): talk(('127.0.0.1', {echo.port}))\n")
    result = suite.json("--no-isolation", "--service", echo.name)
    assert result.event("finish")["counts"] == {"passed": 1}
    assert result.event("start")["isolation"]["network"] == "host" and not uses(result)


def test_configuration(suite, echo, unix_echo):
    """The file's services and the command line's, each once."""
    suite.write("pyproject.toml", f'[tool.tach]\nservices = ["{echo.name}"]\nnetwork = "host"\n')
    suite.write(text="def test_it(): pass\n")
    spec = json.loads(suite.tach("spec", "--network", "none", "--service", unix_echo.name, "--service", echo.name).out)
    assert spec["tach"]["network"] == "none" and sorted(spec["tach"]["services"]) == sorted([echo.name, unix_echo.name])
    assert json.loads(suite.tach("spec", env={"TACH_NETWORK": "private"}).out)["tach"]["network"] == "private"


@pytest.mark.parametrize(
    "file, args, message",
    [
        ('services = "127.0.0.1:80"', (), "pyproject.toml:2: tool.tach.services: expected an array of strings"),
        ('services = ["db:80"]', (), 'pyproject.toml:2: tool.tach.services: expected 127.0.0.1:PORT, [::1]:PORT or unix:/PATH; host names are not looked up: found "db:80"'),
        ('service = ["127.0.0.1:80"]', (), 'did you mean "services"?'),
        ('network = "hots"', (), "expected \"private\", \"host\" or \"none\""),
        ("", ("--service", "192.168.0.1:80"), "--service: only loopback addresses can be let in"),
        ("", ("--network", "none", "--service", "127.0.0.1:80"), '127.0.0.1:80 with tach.network "none"'),
    ],
)  # fmt: skip
def test_wrong_settings(suite, file, args, message):
    suite.write("pyproject.toml", f"[tool.tach]\n{file}\n")
    suite.write(text="def test_it(): pass\n")
    result = suite.tach(*args)
    assert result.code == 4 and message in result.err


def test_single_command(echo, tmp_path):
    script = f"{TALK}talk(('127.0.0.1', {echo.port}))"
    spec = {"ociVersion": "1.1.0", "process": {"cwd": "/", "args": [sys.executable, "-c", script]}, "tach": {"services": [echo.name]}}
    done = subprocess.run([TACH_RUN, "--spec", "-"], input=json.dumps(spec), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_no_network(suite, unix_echo, who):
    """Not even loopback; a service's Unix socket needs none."""
    path = unix_echo.name.removeprefix("unix:")
    text = (
        f"{TALK}import errno\ndef check():\n"
        "    s = socket.socket(); assert s.connect_ex(('127.0.0.1', 9)) == errno.ENETUNREACH\n"
        f"    talk({path!r})\n"
    )
    suite.write("conftest.py", text + "check()\n")
    suite.write(text="from conftest import check\ndef test_it(): check()\n")
    result = suite.json("--network=none", "--service", unix_echo.name, "-p", "no:cacheprovider", user=who)
    assert result.event("finish")["counts"] == {"passed": 1}, result.out
    assert result.event("start")["isolation"]["network"] == "none"


def test_host_network(suite, echo, unix_echo, who):
    """Reaches what the host reaches, says so, and isolates the rest."""
    abstract = f"\0tach-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(abstract)
        listener.listen()
        text = (
            f"{TALK}import os\ndef check():\n    talk(('127.0.0.1', {echo.port}))\n"
            f"    socket.socket(socket.AF_UNIX).connect({abstract!r})\n"
            f"    talk({unix_echo.name[5:]!r})\n"
            f"    assert os.listdir('/dev/shm') == [] and not os.path.exists('/proc/{os.getpid()}/fd')\n"
        )
        suite.write("conftest.py", text + "check()\n")
        suite.write(text="from conftest import check\ndef test_it(): check()\ndef test_again(): check()\n")
        result = suite.json("--network=host", "--service", echo.name, "--service", unix_echo.name, "-p", "no:cacheprovider", user=who)
    assert result.event("finish")["counts"] == {"passed": 2}, result.out
    isolation = result.event("start")["isolation"]
    assert isolation["network"] == "host" and "network" not in isolation["enforced"]
    assert [one["what"] for one in isolation["not_enforced"] if one["what"] == "network"] == ["network"]
    assert {service for _, service in uses(result)} == {unix_echo.name}
    assert {test["cell"] for test in result.tests().values()} == {"fresh"}
    assert 'not enforced: network (tach.network is "host"' in suite.tach("--network=host", "-p", "no:cacheprovider", user=who).out


POSTGRES = """\
import psycopg2, pytest
def connect(**how): return psycopg2.connect(user="tach", dbname="postgres", **how)
HOW = {how!r}
@pytest.mark.parametrize("i", range(4))
@pytest.mark.parametrize("how", HOW)
def test_query(how, i):
    with connect(**how) as c, c.cursor() as q:
        q.execute("create temporary table t as select generate_series(1, 20000) as n, repeat('x', 100) as x")
        q.execute("select * from t order by n")
        assert [row[0] for row in q.fetchall()] == list(range(1, 20001))
def test_two_at_once():
    a, b = connect(**HOW[0]), connect(**HOW[1])
    with a.cursor() as p, b.cursor() as q:
        p.execute("select pg_backend_pid()"); q.execute("select pg_backend_pid()")
        assert p.fetchone() != q.fetchone()
def test_error():
    with pytest.raises(psycopg2.OperationalError, match='database "nothing" does not exist'):
        psycopg2.connect(user="tach", dbname="nothing", **HOW[0])
"""


def test_postgresql(suite, postgres, who):
    port, folder = postgres
    names = [f"127.0.0.1:{port}", f"unix:{folder}/.s.PGSQL.{port}"]
    suite.write(text=POSTGRES.format(how=[{"host": "127.0.0.1", "port": port}, {"host": str(folder), "port": port}]))
    result = suite.json("--service", names[0], "--service", names[1], "-p", "no:cacheprovider", user=who)
    assert result.event("finish")["counts"] == {"passed": 10}, result.out
    assert all(failed == 0 for _, failed in uses(result).values()) and len(uses(result)) == 11


REDIS = """\
import redis, threading, uuid
def clients(): return redis.Redis(port={port}), redis.Redis(unix_socket_path={path!r})
def test_values():
    for r in clients():
        key = uuid.uuid4().hex
        r.set(key, b"x" * 3000000)
        assert r.get(key) == b"x" * 3000000 and r.delete(key) == 1
def test_pipeline():
    for r in clients():
        with r.pipeline() as p:
            for i in range(5000): p.echo(str(i))
            assert p.execute()[4999] == b"4999"
def test_messages():
    a, b = clients()
    with a.pubsub() as s:
        s.subscribe("tach"); assert s.get_message(timeout=5)["type"] == "subscribe"
        b.publish("tach", "hello")
        assert s.get_message(timeout=5)["data"] == b"hello"
def test_many_clients():
    r = redis.Redis(port={port}); r.delete("count")
    def add():
        for _ in range(50): redis.Redis(port={port}).incr("count")
    threads = [threading.Thread(target=add) for _ in range(10)]
    for t in threads: t.start()
    for t in threads: t.join()
    assert r.get("count") == b"500"
"""


def test_redis(suite, redis, who):
    port, sock = redis
    suite.write(text=REDIS.format(port=port, path=str(sock)))
    result = suite.json("--service", f"127.0.0.1:{port}", "--service", f"unix:{sock}", "-p", "no:cacheprovider", user=who)
    assert result.event("finish")["counts"] == {"passed": 4}, result.out


def test_host_network_looks_up_names_as_the_host(suite):
    """/etc/resolv.conf may lead below /run, as systemd-resolved's does."""
    if os.geteuid() != 0:
        pytest.skip("changes /etc in a mount namespace of its own: only root can")
    suite.write(text="def test_it(): assert open('/etc/resolv.conf').read() == 'nameserver 127.0.0.53\\n'\n")
    script = (
        "set -e; mount -t tmpfs none /mnt; cp -a /etc /mnt/etc; mount -t tmpfs none /run; mkdir /run/resolver\n"
        "echo 'nameserver 127.0.0.53' > /run/resolver/stub.conf; ln -sf /run/resolver/stub.conf /mnt/etc/resolv.conf\n"
        'mount --bind /mnt/etc /etc; exec "$@"\n'
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", TACH, "--network=host"], cwd=suite.path, env=environment(),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
