"""Tests that are in each other's way unless each has a world of its own: files, ports, environment, modules."""

import multiprocessing.shared_memory
import os
import pathlib
import socket
import sqlite3
import sys

import pytest

EXPECT = {
    **{f"test_cache[{n}]": "passed" for n in range(6)},
    **{f"test_port[{n}]": "passed" for n in range(6)},
    **{f"test_shared_memory[{n}]": "passed" for n in range(2)},
    **{f"test_project_file[{n}]": "passed" for n in range(3)},
    "test_environment_is_changed": "passed",
    "test_environment_is_clean": "passed",
    "test_module_is_poisoned": "passed",
    "test_module_is_whole": "passed",
    "test_working_folder_is_left": "passed",
    "test_working_folder_is_the_project": "passed",
}

PROJECT = pathlib.Path(__file__).parent


@pytest.mark.parametrize("n", range(6))
def test_cache(n):
    path = pathlib.Path("/tmp/cache.db")
    assert not path.exists()
    with sqlite3.connect(path) as db:
        db.execute("create table t (n integer)")
        db.execute("insert into t values (?)", (n,))
    assert sqlite3.connect(path).execute("select n from t").fetchall() == [(n,)]


@pytest.mark.parametrize("n", range(6))
def test_port(n):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 8080))
        server.listen()
        with socket.create_connection(("127.0.0.1", 8080)) as client:
            server.accept()[0].sendall(b"%d" % n)
            assert client.recv(8) == b"%d" % n


@pytest.mark.parametrize("n", range(2))
def test_shared_memory(n):
    memory = multiprocessing.shared_memory.SharedMemory("example", create=True, size=16)
    memory.buf[0] = n
    memory.close()
    assert os.listdir("/dev/shm") == ["example"]


@pytest.mark.parametrize("n", range(3))
def test_project_file(n):
    state = PROJECT / "state.txt"
    assert not state.exists()
    state.write_text(str(n))
    (PROJECT / "conftest.py").write_text("broken")


def test_environment_is_changed():
    os.environ.clear()
    os.umask(0o777)


def test_environment_is_clean():
    assert os.environ["TACH"] == "1"
    assert os.umask(0o022) != 0o777


def test_module_is_poisoned():
    os.path.splitext = None
    sys.modules["json"] = None
    sys.path.clear()


def test_module_is_whole():
    import json

    assert json.loads("[1]") == [1]
    assert os.path.splitext("a.b") == ("a", ".b")


def test_working_folder_is_left():
    os.chdir("/")


def test_working_folder_is_the_project():
    assert pathlib.Path.cwd() in (PROJECT, *PROJECT.parents)
    assert str(pathlib.Path.cwd()) != "/"
