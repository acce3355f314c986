#!/usr/bin/python3
"""Measures tach list beside pytest --collect-only -q and beside nothing but tree-sitter's parser.

usage: discover.py [--rounds N] [--files N,N,N] [SUITE...]

1. Recall and precision, on real suites (tests/parity/fetch gets them): of the node ids that pytest collects, how many
   tach list has as static; static ones that pytest does not have ("invented"); those that an entry marked as dynamic
   stands for; and those that nothing stands for ("lost").
2. Speed on the same suites: medians of rounds in turn of pytest, tach list with nothing kept from before (it keeps
   what it parses), tach list with what the rounds before left ("again"), and tests/bench/parse.c, which reads and parses
   the same files whole, in as many threads.
3. Time and memory for generated projects of 1,000, 3,000 and 10,000 files with 20 tests each, first and again.

Absolute times say little on a shared machine: read the ratios. The exit code is 1 if an id is invented or lost.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))
PARSE = os.environ.get("PARSE", str(ROOT / "build" / "bench" / "parse"))
SUITES = pathlib.Path(os.environ.get("TACH_SUITES", os.environ.get("TMPDIR", "/tmp") + "/tach-suites"))
PYTEST = ["/usr/bin/python3", "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
#: where tach keeps what it parsed, not the user's own
CACHE = pathlib.Path(tempfile.mkdtemp(prefix="tach-kept."))
os.environ["XDG_CACHE_HOME"] = str(CACHE)
#: suite: (the folder of its tests, what PYTHONPATH has)
CASES = {
    "jinja2": ("tests", ["src"]),
    "python-h11": ("h11/tests", ["."]),
    "rich": ("tests", ["."]),
    "loguru": ("tests", ["."]),
    "cloudpickle": ("tests", ["tests/cloudpickle_testpkg", "."]),
    "cpython": ("test", ["."]),
}
PLUGIN = """\
import json, os
def pytest_collection_finish(session):
    with open(os.environ["NODEIDS"], "w") as file:
        json.dump([item.nodeid for item in session.items], file)
"""
MODULE = """\
import pytest

def helper(value):
    result = []
    for i in range(value):
        result.append(i * 2)
    return result

@pytest.mark.parametrize("a, b", [(1, 2), (3, 4), (5, 6), (7, 8), (9, 10)])
def test_pairs_{n}(a, b):
    first = helper(a)
    second = helper(b)
    assert len(first) == a and len(second) == b
    assert first == second[:a]

class TestMany_{n}:
    @pytest.fixture
    def made(self):
        return helper(3)

    @pytest.mark.parametrize("name", ["one", "two", "three", "four", "five"])
    def test_names(self, name, made):
        text = "-".join(str(value) for value in made)
        assert text == "0-2-4", f"{{name}}: {{text}}"

    def test_plain_a(self):
        assert {n} == {n}

    def test_plain_b(self):
        with pytest.raises(ValueError):
            int("x{n}")

    def test_plain_c(self, made):
        assert made

@pytest.mark.slow
def test_marked(): pass
def test_d(tmp_path): assert tmp_path.exists()
def test_e(): assert helper(0) == []
def test_f(): assert helper(1) == [0]
def test_g(): assert helper(2) == [0, 2]
def test_h(): pass
def test_i(): pass
"""


def forget():
    """The next tach list has nothing from before."""
    shutil.rmtree(CACHE / "tach", ignore_errors=True)


def environment(suite):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_", "PYTHON"))}
    folder = SUITES / suite
    path = [str(folder / p) for p in CASES[suite][1]]
    return {**env, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": ":".join(path)}


def collected(suite):
    """The node ids that pytest collects, as it says them to a plugin: printed ones cannot always be told apart."""
    with tempfile.TemporaryDirectory(prefix="tach-nodeids.") as place:
        (pathlib.Path(place) / "nodeids_plugin.py").write_text(PLUGIN)
        env = environment(suite)
        env.update(NODEIDS=f"{place}/ids.json", PYTHONPATH=env["PYTHONPATH"] + ":" + place)
        command = [*PYTEST, "-p", "nodeids_plugin", CASES[suite][0]]
        done = subprocess.run(command, cwd=SUITES / suite, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        try:
            return json.loads(pathlib.Path(place, "ids.json").read_text())
        except FileNotFoundError:
            sys.exit(f"pytest collects nothing of {suite}:\n{done.stdout.decode()[-3000:]}")


def listed(suite):
    command = [TACH, "list", "--format=json", CASES[suite][0]]
    done = subprocess.run(command, cwd=SUITES / suite, env=environment(suite), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in done.stdout.decode("utf-8", "surrogateescape").splitlines()]


def compare(suite):
    expected, entries = collected(suite), listed(suite)
    static = [e["nodeid"] for e in entries if not e["dynamic"]]
    dynamic = {e["nodeid"] for e in entries if e["dynamic"]}
    have, want = set(static), set(expected)

    def stood_for(nodeid):
        parts = nodeid.split("[")[0].split("::")
        return nodeid in dynamic or any("::".join(parts[:n]) in dynamic for n in range(1, len(parts) + 1))

    rest = [n for n in expected if n not in have]
    lost = [n for n in rest if not stood_for(n)]
    invented = [n for n in static if n not in want]
    equal = len(expected) - len(rest)
    order = [n for n in static if n in want] == [n for n in expected if n in have]
    print(
        f"{suite:12} pytest {len(expected):6}  static and equal {equal:6} ({100 * equal / len(expected):6.2f}%)  invented {len(invented)}"
        f"  dynamic {len(rest) - len(lost):5} (of {len(dynamic)} entries)  lost {len(lost)}  order {'equal' if order else 'DIFFERS'}"
    )
    for name, some in (("invented", invented), ("lost", lost)):
        for nodeid in some[:5]:
            print(f"    {name}: {nodeid}")
    return len(expected), equal, len(invented), len(lost)


def run(argv, cwd, env, **more):
    """Seconds, and the peak memory in MiB."""
    begin = time.perf_counter()
    child = subprocess.Popen(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    _, _, usage = os.wait4(child.pid, 0)
    return time.perf_counter() - begin, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def test_files(suite):
    found = {e["nodeid"].split("::")[0] for e in listed(suite)}
    places = [SUITES / suite, SUITES / suite / CASES[suite][0]]  # where the suite's rootdir may be
    return sorted(str(next(p / f for p in places if (p / f).exists())) for f in found)


def race(suite, rounds):
    tests, env, cwd = CASES[suite][0], environment(suite), SUITES / suite
    files = test_files(suite)
    threads = str(os.cpu_count())
    argvs = {"pytest": [*PYTEST, tests], "tach": [TACH, "list", tests], "again": [TACH, "list", tests], "parse": [PARSE, "-t", threads, *files]}
    times = {name: [] for name in argvs}
    cpu = {name: [] for name in argvs}
    for n in range(rounds):
        for name, argv in argvs.items():
            if name == "pytest" and suite == "cpython" and n > 1:
                continue
            if name == "tach":
                forget()
            seconds, _, busy = run(argv, cwd, env)
            times[name].append(seconds)
            cpu[name].append(busy)
    wall = {name: statistics.median(values) for name, values in times.items()}
    busy = {name: statistics.median(values) for name, values in cpu.items()}
    size = sum(os.path.getsize(f) for f in files)
    print(
        f"{suite:12} {len(files):4} files {size / 1e6:6.2f} MB   pytest {wall['pytest'] * 1000:8.1f} ms   tach list {wall['tach'] * 1000:7.1f} ms   again {wall['again'] * 1000:6.1f} ms"
        f"   parse {wall['parse'] * 1000:7.1f} ms   pytest/tach {wall['pytest'] / wall['tach']:6.1f} (again {wall['pytest'] / wall['again']:.1f})"
        f"   tach/parse {wall['tach'] / wall['parse']:5.2f} (again {wall['again'] / wall['parse']:.2f})"
        f"   processor ms {busy['pytest'] * 1000:.0f}, {busy['tach'] * 1000:.1f}, {busy['again'] * 1000:.1f}, {busy['parse'] * 1000:.1f}:"
        f" {busy['pytest'] / busy['tach']:.1f} (again {busy['pytest'] / busy['again']:.1f}), {busy['tach'] / busy['parse']:.2f} (again {busy['again'] / busy['parse']:.2f})"
    )


def grow(counts, rounds):
    with tempfile.TemporaryDirectory(prefix="tach-many.") as place:
        root = pathlib.Path(place)
        (root / "pytest.ini").write_text("[pytest]\n")
        made = 0
        for count in counts:
            for n in range(made, count):
                folder = root / f"part{n // 100:03}"
                if n % 100 == 0:
                    folder.mkdir()
                (folder / f"test_{n:05}.py").write_text(MODULE.format(n=n))
            made = count
            results, again = [], []
            for _ in range(rounds):
                forget()
                results.append(run([TACH, "list"], root, dict(os.environ)))
                again.append(run([TACH, "list"], root, dict(os.environ)))
            lines = subprocess.run([TACH, "list"], cwd=root, stdout=subprocess.PIPE, check=True).stdout.count(b"\n")
            seconds, busy = (statistics.median(r[n] for r in results) for n in (0, 2))
            memory, memory_again = (max(r[1] for r in some) for some in (results, again))
            kept = sum(f.stat().st_size for f in CACHE.glob("tach/*.trees"))
            print(
                f"{count:6} files {lines:7} tests   {seconds:7.3f} s  {seconds / count * 1e6:6.1f} us a file (processor {busy / count * 1e6:.1f})"
                f"   {memory:6.1f} MiB peak  {memory * 1024 * 1024 / lines:6.0f} bytes a test"
                f"   again {statistics.median(r[0] for r in again):.3f} s (processor {statistics.median(r[2] for r in again) / count * 1e6:.1f} us a file)"
                f"  {memory_again:.1f} MiB   kept {kept / 1e6:.1f} MB"
            )


def main():
    try:
        return measure()
    finally:
        shutil.rmtree(CACHE)


def measure():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", default="1000,3000,10000")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("suites", nargs="*", default=list(CASES))
    parser.add_argument("--grow", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.grow is not None:
        grow([int(n) for n in args.grow.split(",") if n], args.rounds)
        return 0
    for suite in args.suites:
        subprocess.run([str(ROOT / "tests" / "parity" / "fetch"), suite, str(SUITES)], check=True)
    sys.stdout.reconfigure(line_buffering=True)
    print("node ids")
    totals = [sum(column) for column in zip(*(compare(suite) for suite in args.suites))]
    print(f"{'all':12} pytest {totals[0]:6}  static and equal {totals[1]:6} ({100 * totals[1] / totals[0]:6.2f}%)  invented {totals[2]}  lost {totals[3]}")
    if not args.no_speed:
        print(f"\nspeed, medians of {args.rounds}")
        for suite in args.suites:
            race(suite, args.rounds)
        print("\ngenerated projects", flush=True)
        # a process begins with the peak memory of the one that it was forked from: from a small one then
        subprocess.run([sys.executable, __file__, "--rounds", str(args.rounds), "--grow", args.files], check=True)
    return totals[2] > 0 or totals[3] > 0


if __name__ == "__main__":
    sys.exit(main())
