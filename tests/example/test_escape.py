"""Tests that try to get out, or to get more than they were given."""

import ctypes
import errno
import os
import socket

import pytest

EXPECT = {
    **{f"test_system_call[{name}]": "passed" for name in
       ["mount", "umount2", "unshare-user", "unshare-mount", "setns", "ptrace", "reboot", "init_module", "keyctl",
        "bpf", "io_uring_setup", "swapon", "pivot_root", "settimeofday"]},
    "test_no_capability": "passed",
    "test_hostname_stays": "passed",
    "test_raw_socket": "passed",
    "test_outside_address": "passed",
    "test_only_loopback": "passed",
    "test_device": "passed",
    "test_kernel_setting": "passed",
    "test_other_processes_memory": "passed",
    "test_no_descriptor_is_left_open": "passed",
}  # fmt: skip

libc = ctypes.CDLL(None, use_errno=True)

CALLS = {
    "mount": lambda: libc.mount(b"none", b"/mnt", b"tmpfs", 0, None),
    "umount2": lambda: libc.umount2(b"/tmp", 2),
    "unshare-user": lambda: libc.unshare(0x10000000),
    "unshare-mount": lambda: libc.unshare(0x00020000),
    "setns": lambda: libc.setns(0, 0),
    "ptrace": lambda: libc.ptrace(16, 1, None, None),
    "reboot": lambda: libc.reboot(0x01234567),
    "init_module": lambda: libc.syscall(175, None, 0, b""),
    "keyctl": lambda: libc.syscall(250, 0, 0, 0, 0, 0),
    "bpf": lambda: libc.syscall(321, 0, None, 0),
    "io_uring_setup": lambda: libc.syscall(425, 1, None),
    "swapon": lambda: libc.swapon(b"/tmp/x", 0),
    "pivot_root": lambda: libc.syscall(155, b"/", b"/"),
    "settimeofday": lambda: libc.settimeofday(ctypes.byref((ctypes.c_long * 2)(0, 0)), None),
}


@pytest.mark.parametrize("name", list(CALLS))
def test_system_call(name):
    assert CALLS[name]() == -1
    assert ctypes.get_errno() in (errno.EPERM, errno.ENOSYS)


def test_no_capability():
    with open("/proc/self/status") as f:
        status = {name: value.strip() for name, value in (line.split(":", 1) for line in f)}
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_hostname_stays():
    with pytest.raises(PermissionError):
        socket.sethostname("changed")


def test_raw_socket():
    with pytest.raises(PermissionError):
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)


def test_outside_address():
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 80), timeout=2)


def test_only_loopback():
    assert [name for _, name in socket.if_nameindex()] == ["lo"]


def test_device():
    with pytest.raises(OSError):
        os.mknod("/tmp/sda", 0o60666, os.makedev(8, 0))
    assert not os.path.exists("/dev/sda") and not os.path.exists("/dev/mem")


def test_kernel_setting():
    with pytest.raises(OSError):
        open("/proc/sys/kernel/core_pattern", "w")


def test_other_processes_memory():
    with pytest.raises(OSError):
        open("/proc/1/mem", "rb")
    with pytest.raises(OSError):
        os.listdir("/proc/1/root/")


def test_no_descriptor_is_left_open():
    """No socket to the engine or the zygote: those are what a test could forge messages on. Its memory's watch is its own."""
    kinds = []
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            kinds.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass
    found = {kind for kind in kinds if kind.startswith(("socket:", "anon_inode:"))}
    assert found <= {"anon_inode:[userfaultfd]"}
