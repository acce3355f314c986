"""Servers on the host for tests of services: an echo that remembers what it got, PostgreSQL and Redis."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time

import pytest

from running import NOBODY, as_user


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Echo:
    """Sends back what it gets, connection by connection. ADDRESS: (host, port) or a path."""

    def __init__(self, address, family=socket.AF_INET):
        self.listener = socket.socket(family)
        self.listener.bind(address)
        self.listener.listen(1000)
        if family == socket.AF_UNIX:
            os.chmod(address, 0o777)
            self.name = f"unix:{address}"
        elif family == socket.AF_INET6:
            self.name = f"[::1]:{self.listener.getsockname()[1]}"
        else:
            self.name = "%s:%d" % self.listener.getsockname()
        self.got = []  # bytes of each connection that has ended
        self.now = self.most = self.all = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=self.listener.accept()[:1], daemon=True).start()

    def serve(self, connection):
        with self.lock:
            self.all += 1
            self.now += 1
            self.most = max(self.most, self.now)
        got = bytearray()
        with connection:
            with contextlib.suppress(OSError):
                while data := connection.recv(65536):
                    got += data
                    connection.sendall(data)
            with self.lock:  # before the client can see the end
                self.now -= 1
                self.got.append(bytes(got))

    def stop(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def echo():
    server = Echo(("127.0.0.1", 0))
    yield server
    server.stop()


@pytest.fixture
def unix_echo(tmp_path):
    server = Echo(str(tmp_path / "echo.sock"), socket.AF_UNIX)
    yield server
    server.stop()


def server_user():
    """Servers refuse to be root."""
    return NOBODY if os.geteuid() == 0 else None


def wait_for(process, ready):
    deadline = time.monotonic() + 30
    while not ready():
        assert process.poll() is None and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.05)


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def running(argv, folder, ready):
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([*as_user(server_user()), *argv], cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(process, ready)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)


def folder_for_server(tmp_path_factory, name):
    """A folder that the server's user owns and can reach."""
    folder = tmp_path_factory.mktemp(name)
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        for parent in folder.parents:
            if str(parent).startswith("/tmp/"):
                parent.chmod(parent.stat().st_mode | 0o055)
    return folder


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """(port, folder of its socket) of a PostgreSQL server with a database and a user "tach"."""
    bins = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not bins or not pathlib.Path("/usr/lib/python3/dist-packages/psycopg2").exists():
        pytest.skip("postgresql or python3-psycopg2 is not installed (scripts/bootstrap services)")
    folder, port, bin_ = folder_for_server(tmp_path_factory, "pg"), free_port(), bins[-1].parent
    init = [bin_ / "initdb", "-D", folder / "data", "-U", "tach", "-A", "trust", "--no-sync", "--locale=C"]
    subprocess.run([*as_user(server_user()), *init], cwd=folder, check=True, capture_output=True)
    argv = [bin_ / "postgres", "-D", folder / "data", "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    sock = folder / f".s.PGSQL.{port}"
    with running(argv, folder, lambda: sock.exists() and answers(port)):
        yield port, folder


@pytest.fixture(scope="session")
def redis(tmp_path_factory):
    """(port, path of its socket) of a Redis server."""
    program = shutil.which("redis-server")
    if program is None or not pathlib.Path("/usr/lib/python3/dist-packages/redis").exists():
        pytest.skip("redis-server or python3-redis is not installed (scripts/bootstrap services)")
    folder, port = folder_for_server(tmp_path_factory, "redis"), free_port()
    sock = folder / "redis.sock"
    argv = [program, "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", sock, "--unixsocketperm", "777", "--save", "", "--dir", folder]
    with running(argv, folder, lambda: sock.exists() and answers(port)):
        yield port, sock
