"""Workers are clones of one process: what it holds, and what one clone could do to another."""

import os
import shutil
import subprocess

import pytest
from box import TACH_RUN
from checklist import row
from running import SLOW, as_user, environment

TACH = os.path.join(os.path.dirname(TACH_RUN), "tach")


def outcomes(result):
    return {nodeid.rpartition("::")[2]: test["outcome"] for nodeid, test in result.tests().items()}, result.out + result.err


@row("zygote-threads")
def test_zygote_threads(attack):
    """A lock that another thread holds at the clone is never released in it: such a thread is there no more, and says so."""
    hang = (
        "import threading, time\n"
        "lock, held = threading.Lock(), threading.Event()\n"
        "def hold():\n"
        "    with lock: held.set(); time.sleep(5)\n"
    )
    fork = (
        "threading.Thread(target=hold, daemon=True).start(); held.wait()\n"
        "pid = os.fork()\n"
        "if pid == 0: os._exit(lock.acquire(timeout=1))\n"
        "print(os.waitpid(pid, 0)[1] >> 8)\n"
    )
    assert attack.outside(hang + fork) == "0"  # 0: it could not be acquired
    run = attack.suite(
        conftest="calls = []\nos.register_at_fork(after_in_child=lambda: calls.append(1))\n",
        test_it="import logging, threading\nfrom conftest import calls\n"
        "def test_one(): assert len(os.listdir('/proc/self/task')) == 1 == threading.active_count()\n"
        "def test_callbacks(): assert calls\n"
        "def test_locks(): logging.getLogger().error('x'); __import__('json.tool')\n",
    )
    found, said = outcomes(run())
    assert found == {"test_one": "passed", "test_callbacks": "passed", "test_locks": "passed"}, said


@row("zygote-state")
def test_zygote_state(attack):
    """The suite's import leaves signals ignored and descriptors open, the engine has a secret: a test has none of it."""
    secret = "s3cr3t-of-the-environment"
    assert attack.outside("print(open('/proc/self/environ').read().count('SECRET'))", env={"SECRET": secret}) == "1"
    run = attack.suite(
        test_it="import signal\n"
        "def test_signals():\n"
        "    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and not signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
        "    state = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "    assert int(state['SigBlk'], 16) == 0\n"
        "def test_session(): assert os.getsid(0) == os.getpid() and attempt(open, '/dev/tty') == 'ENXIO'\n"
        "def test_keyring(): assert system_call(250, 0, -3, 0) == 'EPERM' and not open('/proc/keys').read()\n"
        "def test_memory_of_the_first_process():\n"
        "    assert attempt(lambda: open('/proc/1/environ').read()) in ('EACCES', 'EPERM')\n",
    )
    found, said = outcomes(run(env={"SECRET": secret}))
    assert set(found.values()) == {"passed"} and len(found) == 4, said


@row("zygote-siblings")
def test_zygote_siblings(attack):
    """Two tests that run at the same time: neither sees, traces, reads or signals the other."""
    text = (
        "import subprocess\n"
        "p = subprocess.Popen(['sleep', '9'], stdout=subprocess.DEVNULL)\n"
        "print(call('ptrace', 0x4206, p.pid, 0, 0), attempt(open, f'/proc/{p.pid}/mem', 'rb'))\n"
        "p.kill(); p.wait()\n"
    )
    assert attack.outside(text).split()[1] == "done"
    body = (
        "import time\n"
        "def look():\n"
        "    time.sleep(0.5)\n"
        "    others = [int(n) for n in os.listdir('/proc') if n.isdigit() and int(n) not in (1, os.getpid())]\n"
        "    assert others == []\n"
        "    remote = (ctypes.c_void_p * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)\n"
        "    tried = [attempt(os.kill, pid, 0) for pid in range(2, 300) if pid != os.getpid()]\n"
        "    assert set(tried) == {'ESRCH'}\n"
        "    assert system_call(101, 0x4206, 1, 0, 0) == 'EPERM'\n"
        "    assert system_call(310, 1, ctypes.addressof(remote), 1, ctypes.addressof(remote), 1, 0) == 'EPERM'\n"
        "    assert system_call(312, os.getpid(), 1, 0, 0, 0) in ('EPERM', 'ENOSYS')\n"
        "def test_a(): look()\n"
        "def test_b(): look()\n"
    )
    found, said = outcomes(attack.suite(test_it=body)("-n2"))
    assert found == {"test_a": "passed", "test_b": "passed"}, said


@row("zygote-control")
def test_zygote_control(attack):
    """Hoarded at import with dup(), and looked for in a test: no socket of the zygote, and none can be received."""
    hoard = (
        "import socket\n"
        "kept = []\n"
        "for name in os.listdir('/proc/self/fd'):\n"
        "    try:\n"
        "        if os.readlink(f'/proc/self/fd/{name}').startswith('socket:'): kept.append(os.dup(int(name)))\n"
        "    except OSError: pass\n"
    )
    run = attack.suite(
        conftest=hoard,
        test_it="from conftest import kept\n"
        "def test_there_was_one(): assert kept\n"
        "def test_closed():\n"
        "    links = [attempt(os.fstat, fd) for fd in kept]\n"
        "    sockets = [n for n in os.listdir('/proc/self/fd') if int(n) > 2 and n.isdigit()\n"
        "               and os.path.exists(f'/proc/self/fd/{n}') and os.readlink(f'/proc/self/fd/{n}').startswith('socket:')]\n"
        "    print('LEFT', links, sockets)\n"
        "    assert not [fd for fd in kept if str(fd) in sockets]\n",
    )
    found, said = outcomes(run())
    assert found == {"test_there_was_one": "passed", "test_closed": "passed"}, said


@row("kill-by-number")
def test_kill_by_number(attack):
    """A number may mean another process by the time of the signal: what ends tests holds a descriptor of them."""
    text = (
        "p = os.fork() or os._exit(0)\n"
        "fd = os.pidfd_open(p); os.waitpid(p, 0)\n"
        "import signal\n"
        "print(attempt(signal.pidfd_send_signal, fd, 0))\n"
    )
    assert attack.outside(text) == "ESRCH"
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    attack.suite(test_it="import time\ndef test_hangs(): time.sleep(60)\n")
    trace = attack.folder / "trace"
    subprocess.run(
        [*as_user(attack.user), "strace", "-f", "-o", trace, "-e", "trace=kill,tkill,tgkill,pidfd_send_signal", TACH, "--timeout", "1"],
        cwd=attack.folder, env=environment(), capture_output=True, timeout=60 * SLOW, check=False,
    )  # fmt: skip
    calls = [line.split(maxsplit=1)[1] for line in trace.read_text().splitlines() if "SIGKILL" in line and "---" not in line and "+++" not in line]
    assert any(call.startswith("pidfd_send_signal(") for call in calls), calls
    # by number: only a child of the caller, not reaped yet, whose number cannot be another's
    for call in calls:
        assert call.startswith(("pidfd_send_signal(", "kill(")) and "kill(-1" not in call, calls
