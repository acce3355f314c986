"""Kinds of dirt: what a test can leave in its process, and how the next one would see it.

A kind is a function that leaves it, whose docstring says what it is, and that returns nothing; ``look`` of the same name
says whether it is there. What both need to know of each other is known before any test runs (module globals below), since
nothing else may get from one test to another.
"""

import array
import asyncio
import atexit
import builtins
import codecs
import collections
import contextvars
import ctypes
import decimal
import faulthandler
import fcntl
import gc
import locale
import logging
import mmap
import multiprocessing
import os
import random
import resource
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import types
import warnings
import weakref

LEAVE, LOOK = {}, {}
libc = ctypes.CDLL(None, use_errno=True)
PAGE = 4096


def kind(look):
    """Registers the function that leaves the dirt, with LOOK, which is true where it is seen."""

    def register(leave):
        LEAVE[leave.__name__] = leave
        LOOK[leave.__name__] = look
        return leave

    return register


class Box:
    """Something of the suite's own."""

    items = []
    table = {}
    value = 0
    generator = None
    cycle = None


def counter():
    n = 0
    while True:
        yield n
        n += 1


GENERATOR = counter()
next(GENERATOR)
ARRAY = array.array("q", [0] * 200_000)
BYTES = bytearray(1 << 20)
TEXT = "tach is put back " + "exactly"
INTEGER = 1 << 70
TUPLE = (1, "two", 3.0)
CONTEXT = contextvars.ContextVar("CONTEXT", default=0)
LOCAL = threading.local()
LOCK = threading.Lock()
DEQUE = collections.deque(maxlen=10)
CODE = compile("1 + 1", "x", "eval")
EXCEPTION = ValueError("as it was")
MAPPED = mmap.mmap(-1, PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
BUFFER = ctypes.create_string_buffer(64)
DATABASE = sqlite3.connect(":memory:", check_same_thread=False)
DATABASE.execute("create table t (x)")
DATABASE.commit()
LOGGER = logging.getLogger("dirt")
WATCHED = type("Watched", (), {})()
RANDOM = random.Random(1)
FD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)
STDOUT, STDERR, STDIN = sys.stdout, sys.stderr, sys.stdin
HOOK = sys.excepthook
PATH = list(sys.path)
NICE = os.nice(0)
AFFINITY = os.sched_getaffinity(0)
INTERRUPT = signal.getsignal(signal.SIGINT)
UMASK = os.umask(0)
os.umask(UMASK)


def prctl(option, value=0):
    return libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def name():
    text = ctypes.create_string_buffer(16)
    libc.prctl(16, text)
    return text.value


# -- Python's memory ------------------------------------------------------------------------------------------


@kind(lambda: hasattr(builtins, "leftover"))
def builtin_added():
    builtins.leftover = 1


@kind(lambda: len([1]) != 1)
def builtin_replaced():
    builtins.len = lambda _: 42


@kind(lambda: "LEFTOVER" in os.environ or "HOMELESS" in os.environ)
def environment_changed():
    os.environ["LEFTOVER"] = "1"
    os.environ.pop("PATH", None)
    os.putenv("HOMELESS", "1")


@kind(lambda: "PATH" not in os.environ)
def environment_emptied():
    os.environ.clear()


@kind(lambda: "leftover_module" in sys.modules)
def module_added():
    sys.modules["leftover_module"] = types.ModuleType("leftover_module")


@kind(lambda: "json" not in sys.modules)
def module_removed():
    import json

    del sys.modules[json.__name__]


@kind(lambda: "wave" in sys.modules)
def module_imported():
    import wave  # noqa: F401


@kind(lambda: "_zoneinfo" in sys.modules)
def extension_imported():
    import zoneinfo  # noqa: F401
    import _zoneinfo  # noqa: F401


@kind(lambda: sys.path != PATH)
def search_path_changed():
    sys.path.insert(0, "/leftover")


@kind(lambda: any(getattr(hook, "leftover", False) for hook in sys.meta_path))
def import_hook_added():
    sys.meta_path.append(types.SimpleNamespace(leftover=True, find_spec=lambda *_: None))


@kind(lambda: Box.items != [])
def list_grown():
    Box.items.extend(range(100_000))


@kind(lambda: Box.table != {})
def dict_grown():
    Box.table.update((n, str(n)) for n in range(100_000))


@kind(lambda: Box.value != 0 or hasattr(Box, "more"))
def class_changed():
    Box.value, Box.more = 1, 2


@kind(lambda: ARRAY[100_000] != 0 or len(ARRAY) != 200_000)
def array_changed():
    ARRAY[100_000] = 1
    ARRAY.extend([1] * 1_000_000)


@kind(lambda: any(BYTES[:: PAGE // 2]))
def bytes_changed():
    for n in range(0, len(BYTES), PAGE // 2):
        BYTES[n] = 1


@kind(lambda: next(GENERATOR) != 1)
def generator_advanced():
    for _ in range(10):
        next(GENERATOR)


@kind(lambda: Box.generator is not None)
def generator_left_open():
    Box.generator = (n for n in iter(int, 1))
    next(Box.generator)


@kind(lambda: Box.cycle is not None)
def garbage_left():
    class Finalised:
        def __del__(self):
            Box.value = 2

    one = Finalised()
    one.itself = one
    Box.cycle = weakref.ref(one)


@kind(lambda: getattr(WATCHED, "seen", False) or weakref.getweakrefcount(WATCHED) != 0)
def weak_reference_left():
    Box.watch = weakref.ref(WATCHED, lambda _: None)
    WATCHED.seen = True


@kind(lambda: CONTEXT.get() != 0)
def context_variable_set():
    CONTEXT.set(1)


@kind(lambda: hasattr(LOCAL, "value"))
def thread_local_set():
    LOCAL.value = 1


@kind(lambda: LOCK.locked())
def lock_held():
    LOCK.acquire()


@kind(lambda: len(DEQUE) > 0)
def deque_filled():
    DEQUE.extend(range(20))


@kind(lambda: EXCEPTION.__traceback__ is not None)
def exception_raised():
    try:
        raise EXCEPTION
    except ValueError:
        pass


@kind(lambda: decimal.getcontext().prec != 28)
def decimal_precision():
    decimal.getcontext().prec = 3


@kind(lambda: sys.getrecursionlimit() != LIMIT)
def recursion_limit():
    sys.setrecursionlimit(LIMIT + 1000)


LIMIT = sys.getrecursionlimit()


@kind(lambda: sys.getswitchinterval() > 1)
def switch_interval():
    sys.setswitchinterval(10)


@kind(lambda: sys.gettrace() is not None)
def trace_function():
    sys.settrace(lambda *_: None)


@kind(lambda: sys.getprofile() is not None)
def profile_function():
    sys.setprofile(lambda *_: None)


@kind(lambda: sys.excepthook is not HOOK)
def exception_hook():
    sys.excepthook = print


@kind(lambda: Box.value == 3)
def exit_function():
    atexit.register(lambda: setattr(Box, "value", 3))
    Box.value = 3


@kind(lambda: gc.get_threshold()[0] == 7 or not gc.isenabled())
def collector_changed():
    gc.set_threshold(7, 7, 7)
    gc.disable()


@kind(lambda: gc.get_freeze_count() > 0)
def collector_frozen():
    gc.freeze()


@kind(lambda: tracemalloc.is_tracing())
def allocations_traced():
    tracemalloc.start()


@kind(lambda: any(getattr(f, "__name__", "") == "leftover" for f in warnings.filters) or warnings.filters[0][0] == "error")
def warnings_filter():
    warnings.simplefilter("error")


@kind(lambda: LOGGER.handlers or LOGGER.level or logging.getLogger().level == 1 or logging.root.manager.disable)
def logging_changed():
    LOGGER.addHandler(logging.NullHandler())
    LOGGER.setLevel(1)
    logging.disable(logging.CRITICAL)


@kind(lambda: _has_codec())
def codec_registered():
    codecs.register(lambda name: codecs.lookup("utf-8") if name == "leftover" else None)
    codecs.lookup("leftover")


def _has_codec():
    try:
        codecs.lookup("leftover")
    except LookupError:
        return False
    return True


@kind(lambda: locale.setlocale(locale.LC_NUMERIC) == "C.UTF-8")
def locale_changed():
    locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")


@kind(lambda: time.tzname[0] == "DIRT")
def time_zone():
    os.environ["TZ"] = "DIRT+3"
    time.tzset()


@kind(lambda: sys.stdout is not STDOUT and not hasattr(sys.stdout, "buffer"))
def stdout_replaced():
    sys.stdout = types.SimpleNamespace(write=lambda _: None, flush=lambda: None)


@kind(lambda: sys.stderr.closed)
def stderr_closed():
    sys.stderr.close()


@kind(lambda: RANDOM.getrandbits(64) != random.Random(1).getrandbits(64))
def own_random_used():
    RANDOM.random()


@kind(lambda: tempfile.tempdir == "/leftover")
def temporary_folder():
    tempfile.tempdir = "/leftover"


@kind(lambda: DATABASE.in_transaction or DATABASE.execute("select count(*) from t").fetchone()[0] > 0)
def database_written():
    DATABASE.execute("insert into t values (1)")


@kind(lambda: Box.value == 4)
def database_left_open():
    Box.value, Box.database = 4, sqlite3.connect(":memory:")
    Box.database.execute("create table x (y)")


@kind(lambda: Box.value == 5)
def deep_recursion():
    def down(n):
        return n and down(n - 1)

    sys.setrecursionlimit(20_000)
    down(10_000)
    Box.value = 5


@kind(lambda: Box.value == 6)
def much_memory_freed():
    data = bytearray(300 << 20)
    data[:: PAGE] = b"x" * len(data[:: PAGE])
    del data
    Box.value = 6


@kind(lambda: Box.value == 7)
def much_memory_kept():
    Box.value, Box.kept = 7, [bytearray(1 << 20) for _ in range(50)]


@kind(lambda: Box.value == 8)
def memory_trimmed():
    libc.malloc_trim(0)
    Box.value = 8


# -- memory, past Python ---------------------------------------------------------------------------------------


@kind(lambda: TEXT != "tach is put back " + "exactly" or INTEGER != 1 << 70)
def constants_overwritten():
    ctypes.memset(id(TEXT) + sys.getsizeof(TEXT) - 8, ord("x"), 4)
    ctypes.memset(id(INTEGER) + 24, 1, 4)


@kind(lambda: ctypes.c_long.from_address(id(TUPLE)).value > 1 << 20)
def reference_count_changed():
    ctypes.c_long.from_address(id(TUPLE)).value += 1 << 24


@kind(lambda: BUFFER.raw != bytes(64))
def c_memory_written():
    ctypes.memset(BUFFER, 1, 64)


@kind(lambda: MAPPED[0] != 0)
def private_mapping_written():
    MAPPED[0] = 1


@kind(lambda: _readable(ADDRESS))
def mapping_left():
    at = libc.mmap(ctypes.c_void_p(ADDRESS), ctypes.c_size_t(PAGE), 3, 0x100022, -1, 0)
    assert at == ADDRESS, "there is something already"


libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
libc.munmap.argtypes = libc.mprotect.argtypes = None
ADDRESS = 0x10000000000


def _readable(at):
    lines = open("/proc/self/maps").read().splitlines()
    return any(int(line.split("-")[0], 16) <= at < int(line.split("-")[1].split()[0], 16) for line in lines)


def _address(buffer):
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


OWN = mmap.mmap(-1, 16 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
OWN[:] = b"o" * len(OWN)
OWN_AT = _address(OWN)


def _own_is_whole():
    lines = open("/proc/self/maps").read().splitlines()
    for line in lines:
        begin, end = (int(n, 16) for n in line.split()[0].split("-"))
        if begin <= OWN_AT + 4 * PAGE < end:
            return line.split()[1] == "rw-p" and ctypes.string_at(OWN_AT + 4 * PAGE, 4) == b"oooo"
    return False


@kind(lambda: not _own_is_whole())
def mapping_taken_away():
    assert libc.munmap(ctypes.c_void_p(OWN_AT + 4 * PAGE), ctypes.c_size_t(PAGE)) == 0


@kind(lambda: not _own_is_whole())
def mapping_replaced():
    at = libc.mmap(ctypes.c_void_p(OWN_AT + 4 * PAGE), PAGE, 3, 0x32, -1, 0)
    assert at == OWN_AT + 4 * PAGE


@kind(lambda: not _own_is_whole())
def mapping_protected():
    assert libc.mprotect(ctypes.c_void_p(OWN_AT + 4 * PAGE), ctypes.c_size_t(PAGE), 0) == 0


@kind(lambda: not _own_is_whole())
def mapping_dropped():
    assert libc.madvise(ctypes.c_void_p(OWN_AT + 4 * PAGE), ctypes.c_size_t(PAGE), 4) == 0


@kind(lambda: libc.sbrk(0) > Box_break + (64 << 20))
def heap_grown():
    libc.sbrk(ctypes.c_long(128 << 20))


libc.sbrk.restype = ctypes.c_long
Box_break = libc.sbrk(0)


# -- descriptors -----------------------------------------------------------------------------------------------


def _is_open(fd):
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


@kind(lambda: _is_open(200))
def descriptor_left():
    os.dup2(1, 200)


@kind(lambda: not _is_open(0))
def stdin_closed():
    os.close(0)


@kind(lambda: not (_is_open(1) and _is_open(2)))
def streams_closed():
    os.close(1)
    os.close(2)


@kind(lambda: not (_is_open(1) and _is_open(2)))
def all_closed():
    os.closerange(0, 256)


@kind(lambda: not (_is_open(1) and _is_open(2)))
def everything_closed():
    os.closerange(0, 4096)


@kind(lambda: os.path.samestat(os.fstat(1), os.stat("/dev/null")))
def stdout_redirected():
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)


@kind(lambda: fcntl.fcntl(1, fcntl.F_GETFL) & os.O_NONBLOCK)
def stdout_non_blocking():
    fcntl.fcntl(1, fcntl.F_SETFL, fcntl.fcntl(1, fcntl.F_GETFL) | os.O_NONBLOCK)


@kind(lambda: fcntl.fcntl(0, fcntl.F_GETFD) & fcntl.FD_CLOEXEC)
def stdin_closed_on_exec():
    fcntl.fcntl(0, fcntl.F_SETFD, fcntl.FD_CLOEXEC)


@kind(lambda: os.lseek(FILE.fileno(), 0, os.SEEK_CUR) != 0)
def file_read():
    os.read(FILE.fileno(), 10)


FILE = open("/etc/passwd", "rb")


@kind(lambda: any(os.readlink(f"/proc/self/fd/{fd}").startswith("anon_inode:[event") for fd in _fds()))
def epoll_left():
    Box.epoll = select.epoll()
    os.eventfd(1) if hasattr(os, "eventfd") else None


def _fds():
    return [int(fd) for fd in os.listdir("/proc/self/fd") if os.path.islink(f"/proc/self/fd/{fd}")]


@kind(lambda: any("memfd:leftover" in os.readlink(f"/proc/self/fd/{fd}") for fd in _fds()))
def memory_file_left():
    os.memfd_create("leftover")


@kind(lambda: any(os.readlink(f"/proc/self/fd/{fd}").startswith("socket:") and fd < 900 for fd in _fds()))
def socket_pair_left():
    Box.pair = socket.socketpair()


@kind(lambda: _connects(8080))
def listener_left():
    Box.server = socket.create_server(("127.0.0.1", 8080))


def _connects(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@kind(lambda: sum(os.readlink(f"/proc/self/fd/{fd}").startswith("pipe:") for fd in _fds()) > 2)
def pipe_left():
    Box.pipe = os.pipe()
    os.write(Box.pipe[1], b"leftover")


# -- what else the kernel keeps of a process -------------------------------------------------------------------


@kind(lambda: os.getcwd() == "/")
def folder_changed():
    os.chdir("/")


@kind(lambda: os.umask(UMASK) != UMASK)
def umask_changed():
    os.umask(0o123)


@kind(lambda: signal.getsignal(signal.SIGUSR1) != signal.SIG_DFL)
def handler_installed():
    signal.signal(signal.SIGUSR1, lambda *_: None)


@kind(lambda: signal.getsignal(signal.SIGINT) != INTERRUPT)
def interrupt_ignored():
    signal.signal(signal.SIGINT, print)


@kind(lambda: signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, []))
def signal_blocked():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])


@kind(lambda: signal.SIGUSR2 in signal.sigpending())
def signal_pending():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    os.kill(os.getpid(), signal.SIGUSR2)


@kind(lambda: signal.getitimer(signal.ITIMER_REAL)[0] > 0)
def alarm_left():
    signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 100)


@kind(lambda: open("/proc/self/timers").read() != "")
def timer_left():
    timer = ctypes.c_void_p()
    assert libc.timer_create(1, None, ctypes.byref(timer)) == 0


@kind(lambda: signal.set_wakeup_fd(-1) != -1)
def wakeup_descriptor():
    Box.wakeup = os.pipe()
    os.set_blocking(Box.wakeup[1], False)
    signal.set_wakeup_fd(Box.wakeup[1])


@kind(lambda: resource.getrlimit(resource.RLIMIT_NOFILE) != FD_LIMIT)
def soft_limit_lowered():
    resource.setrlimit(resource.RLIMIT_NOFILE, (FD_LIMIT[0] - 1, FD_LIMIT[1]))


@kind(lambda: resource.getrlimit(resource.RLIMIT_CORE)[1] == 1)
def hard_limit_lowered():
    resource.setrlimit(resource.RLIMIT_CORE, (0, min(1, resource.getrlimit(resource.RLIMIT_CORE)[1])))


@kind(lambda: os.nice(0) != NICE)
def niceness():
    os.nice(1)


@kind(lambda: os.sched_getaffinity(0) != AFFINITY)
def affinity():
    os.sched_setaffinity(0, {min(AFFINITY)})
    assert len(AFFINITY) == 1 or os.sched_getaffinity(0) != AFFINITY


@kind(lambda: os.sched_getscheduler(0) == os.SCHED_BATCH)
def scheduler():
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


@kind(lambda: name() == b"dirty")
def name_changed():
    libc.prctl(15, b"dirty")


@kind(lambda: prctl(30) == 123_456)
def timer_slack():
    prctl(29, 123_456)


def own_file(name):
    with open("/proc/self/" + name) as file:
        return file.read()


@kind(lambda: int(own_file("oom_score_adj")) == 777)
def killed_first():
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("777")


@kind(lambda: int(own_file("coredump_filter"), 16) == 0x41)
def core_dump_filter():
    with open("/proc/self/coredump_filter", "w") as file:
        file.write("0x41")


@kind(lambda: prctl(3) != 1)
def not_dumpable():
    prctl(4, 0)


@kind(lambda: prctl(42) == 1)
def no_huge_pages():
    prctl(41, 1)


@kind(lambda: "VmLck:\t       0 kB" not in open("/proc/self/status").read())
def memory_locked():
    assert libc.mlock(ctypes.c_void_p(OWN_AT), ctypes.c_size_t(PAGE)) == 0


@kind(lambda: libc.syscall(135, 0xFFFFFFFF) != 0)
def personality():
    libc.syscall(135, 0x20000)


@kind(lambda: libc.fegetround() != 0)
def rounding_mode():
    libc.fesetround(0x400)


libm = ctypes.CDLL("libm.so.6")
libc.fegetround, libc.fesetround = libm.fegetround, libm.fesetround


@kind(lambda: not _can_see_root())
def landlocked():
    ruleset = libc.syscall(444, ctypes.byref(ctypes.c_uint64(4)), 8, 0)
    if ruleset < 0:
        return
    prctl(38, 1)
    assert libc.syscall(446, ruleset, 0) == 0


def _can_see_root():
    try:
        open("/etc/passwd").close()
    except PermissionError:
        return False
    return True


# -- other processes and threads -------------------------------------------------------------------------------


@kind(lambda: threading.active_count() != 1)
def thread_joined():
    thread = threading.Thread(target=Box.items.append, args=(1,))
    thread.start()
    thread.join()
    Box.items.clear()


@kind(lambda: threading.active_count() != 1 or len(os.listdir("/proc/self/task")) != 1)
def thread_left():
    threading.Thread(target=time.sleep, args=(100,), daemon=True).start()


@kind(lambda: threading.active_count() != 1)
def timer_thread_left():
    Box.timer = threading.Timer(100, print)
    Box.timer.daemon = True
    Box.timer.start()


def _has_children():
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


@kind(_has_children)
def child_left():
    if os.fork() == 0:
        time.sleep(100)
        os._exit(0)


@kind(_has_children)
def zombie_left():
    if os.fork() == 0:
        os._exit(0)
    time.sleep(0.02)


@kind(_has_children)
def subprocess_left():
    Box.process = subprocess.Popen(["sleep", "100"])


@kind(lambda: _processes() > 2)
def daemon_left():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(100)
        os._exit(0)
    os.wait()


def _processes():
    return sum(name.isdigit() for name in os.listdir("/proc"))


@kind(lambda: multiprocessing.active_children() != [])
def pool_left():
    Box.pool = multiprocessing.get_context("fork").Pool(1)


@kind(lambda: _running_loop())
def event_loop_left():
    Box.loop = asyncio.new_event_loop()
    asyncio.set_event_loop(Box.loop)
    Box.loop.call_later(100, print)


def _running_loop():
    return getattr(asyncio.get_event_loop_policy()._local, "_loop", None) is not None


@kind(lambda: faulthandler.is_enabled() is False)
def fault_handler_off():
    faulthandler.disable()


# -- files and the like, which are the cell's ------------------------------------------------------------------


@kind(lambda: os.path.exists("/tmp/leftover"))
def temporary_file():
    open("/tmp/leftover", "w").close()


@kind(lambda: os.path.exists("leftover"))
def project_file():
    open("leftover", "w").close()


@kind(lambda: os.path.exists("/dev/shm/leftover"))
def shared_memory_file():
    open("/dev/shm/leftover", "w").close()


@kind(lambda: libc.shmget(0x1234, 0, 0) >= 0)
def shared_memory_segment():
    segment = libc.shmget(0x1234, ctypes.c_size_t(PAGE), 0o1600)
    libc.shmat.restype = ctypes.c_void_p
    assert segment >= 0 and libc.shmat(segment, None, 0) > 0


# -- the end of the process ------------------------------------------------------------------------------------


@kind(lambda: Box.value == 9)
def crash():
    Box.value = 9
    os.kill(os.getpid(), signal.SIGSEGV)


@kind(lambda: Box.value == 10)
def exit_at_once():
    Box.value = 10
    os._exit(0)


@kind(lambda: Box.value == 11)
def scribbled_over_everything():
    Box.value = 11
    for line in open("/proc/self/maps").read().splitlines():
        fields = line.split()
        begin, end = (int(n, 16) for n in fields[0].split("-"))
        if fields[1] == "rw-p" and len(fields) == 5:
            ctypes.memset(begin, 0x5A, end - begin)


@kind(lambda: Box.value == 12)
def scribbled_over_the_extension():
    Box.value = 12
    for line in open("/proc/self/maps").read().splitlines():
        fields = line.split()
        begin, end = (int(n, 16) for n in fields[0].split("-"))
        if fields[1] == "rw-p" and "_tach" in line:
            ctypes.memset(begin, 0, end - begin)
