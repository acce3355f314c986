"""Fixtures that leave something running, which no clone of the process could have."""

import http.server
import multiprocessing
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="class")
def pool():
    with ThreadPoolExecutor(2) as executor:
        executor.submit(int).result()
        yield executor


@pytest.fixture(scope="class", params=["one", "two"])
def echo(request):
    code = f"for line in __import__('sys').stdin: print({request.param!r}, line, end='', flush=True)"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
    yield process
    process.stdin.close()
    assert process.wait() == 0
    process.stdout.close()


@pytest.fixture
def seen(server):
    with urllib.request.urlopen(server) as answer:
        yield answer.read().decode()


counter = []


def test_served(seen):
    print(seen)


def test_counter():
    counter.append(1)


def test_served_again(server, request, seen):
    print(request.getfixturevalue("seen"))


class TestPool:
    def test_one(self, pool):
        print(pool.submit(max, 1, 2).result())

    def test_two(self, pool, seen):
        print(list(pool.map(abs, [-1, -2])), seen)


class TestEcho:
    def test_one(self, echo):
        echo.stdin.write("a\n")
        echo.stdin.flush()
        print(echo.stdout.readline())

    def test_two(self, echo, every_class):
        echo.stdin.write("b\n")
        echo.stdin.flush()
        print(echo.stdout.readline())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes(method):
    with multiprocessing.get_context(method).Pool(2) as workers:
        assert workers.map(abs, [-1, -2, 3]) == [1, 2, 3]


def test_after(seen):
    print(seen)
