#!/usr/bin/python3
"""What collapsing a zygote's memory to huge pages would gain: fork and exit, and fork, a test's first writes and exit,
of an interpreter with pytest loaded, before and after MADV_COLLAPSE of its anonymous memory.

usage: collapse.py [ROUNDS]

On the development machine a fork with its first writes gets some 3 % cheaper and collapsing takes as long as ten tests:
Tach does not do it.
"""

import ctypes
import gc
import os
import statistics
import sys
import time

import pytest  # noqa: F401

MADV_COLLAPSE = 25
HUGE = 2 << 20


def collapse():
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    done = 0
    for line in open("/proc/self/maps"):
        span, mode, _, _, inode, *name = line.split()
        if inode != "0" or "w" not in mode or (name and name[0] not in ("[heap]",)):
            continue
        low, high = (int(part, 16) for part in span.split("-"))
        low, high = -(-low // HUGE) * HUGE, high // HUGE * HUGE
        if high > low and libc.madvise(low, high - low, MADV_COLLAPSE) == 0:
            done += high - low
    return done


def write(objects):
    """Touches the reference counts of every 50th object: some of every page, as running code does."""
    for one in objects[::50]:
        kept = one
    return kept


def measure(rounds, work, objects):
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        pid = os.fork()
        if pid == 0:
            if work:
                write(objects)
            os._exit(0)
        os.waitpid(pid, 0)
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1e3


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    gc.collect()
    objects = gc.get_objects()
    before = [measure(rounds, work, objects) for work in (False, True)]
    begin = time.perf_counter()
    size = collapse()
    took = (time.perf_counter() - begin) * 1e3
    after = [measure(rounds, work, objects) for work in (False, True)]
    print(f"MADV_COLLAPSE of {size >> 20} MiB took {took:.1f} ms; medians of {rounds}")
    for name, x, y in zip(("fork, exit", "fork, first writes, exit"), before, after):
        print(f"  {name:26} {x:6.2f} ms before, {y:6.2f} ms after, ratio {y / x:.2f}")


if __name__ == "__main__":
    main()
