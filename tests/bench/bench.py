#!/usr/bin/python3
"""Measures Tach beside its peers, in turn and in one run, and prints ratios of medians.

usage: bench.py [ROUNDS]

1. A worker in a cell beside a plain fork of the same interpreter (tach-run --bench-clone).
2. Whole suites: tach, tach --no-isolation, pytest, pytest -n 2, pytest --forked; on jinja2's, h11's and rich's suites,
   with the share of tests that were rolled back, and on a small one of 78 tests that is made here.
3. tach list beside pytest --collect-only.
4. 1,000 empty tests in processes that are put back, in cells that are used again, in fresh cells, without isolation, and
   under pytest and pytest -n 2.
5. The start of a sandbox for one command: tach-run beside bwrap and crun (cold.py); what collapsing the
   interpreter's memory to huge pages would gain (collapse.py).

Absolute times say little on a shared machine: read the ratios, and the spread beside them. Those that a target was set
for are repeated at the end.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))
TACH_RUN = os.environ.get("TACH_RUN", str(ROOT / "build" / "tach-run"))
PYTEST = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider"]

SMALL = """\
import pytest
@pytest.mark.parametrize("n", range(26))
def test_sum(n): assert sum(range(n)) == n * (n - 1) // 2
@pytest.mark.parametrize("n", range(26))
def test_text(n, tmp_path):
    (tmp_path / "f").write_text("x" * n)
    assert len((tmp_path / "f").read_text()) == n
@pytest.mark.parametrize("n", range(26))
def test_sorted(n): assert sorted(range(n, 0, -1)) == list(range(1, n + 1))
"""

#: Debian's source package, its tests, and what goes on sys.path.
SUITES = (("jinja2", "tests", "src"), ("python-h11", "h11/tests", "."), ("rich", "tests", "."))

EMPTY = """\
import pytest
@pytest.mark.parametrize("n", range(1000))
def test_empty(n): pass
"""


def timed(argv, cwd, env):
    begin = time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    elapsed = time.perf_counter() - begin
    if done.returncode not in (0, 1):  # 1: the suite has tests that fail
        sys.exit(f"{' '.join(argv)} in {cwd} ended with {done.returncode}:\n{done.stdout[-3000:]}")
    return elapsed


def compare(title, commands, cwd, env, rounds, base):
    """Runs COMMANDS (name -> argv) in turn, ROUNDS times after one warm-up; ratios are to BASE."""
    times = {name: [] for name in commands}
    for argv in commands.values():
        timed(argv, cwd, env)
    for _ in range(rounds):
        for name, argv in commands.items():
            times[name].append(timed(argv, cwd, env))
    reference = statistics.median(times[base])
    print(f"\n{title} (median of {rounds}; min..max; ratio to {base})")
    for name, some in times.items():
        median = statistics.median(some)
        print(f"  {name:24} {median:7.3f} s   {min(some):.3f}..{max(some):.3f}   {median / reference:6.2f}")
    return {name: statistics.median(some) for name, some in times.items()}


class Targets:
    """What is aimed at, and what was seen."""

    def __init__(self):
        self.rows = []

    def add(self, title, ratio, target):
        self.rows.append((title, ratio, target))

    def show(self):
        print("\ntargets")
        for title, ratio, target in self.rows:
            print(f"  {title:76} {ratio:5.2f}  (at most {target:.2f}: {'met' if ratio <= target else 'missed'})")


def runners():
    """The peers that are there, and why one is not."""
    commands = {
        "pytest": [*PYTEST, "-p", "no:xdist", "-p", "no:forked"],
        "pytest -n 2": [*PYTEST, "-n", "2"],
        "pytest --forked": [*PYTEST, "--forked"],
        "tach": [TACH, "-q", "-n", "2"],
        "tach --no-isolation": [TACH, "-q", "-n", "2", "--no-isolation"],
    }
    for name, module in (("pytest -n 2", "xdist"), ("pytest --forked", "pytest_forked")):
        if subprocess.run(["/usr/bin/python3", "-c", f"import {module}"], capture_output=True, check=False).returncode:
            print(f"skipped: {name}: {module} is not installed")
            del commands[name]
    return commands


def bench_clone(folder, env):
    spec = subprocess.run([TACH, "spec"], cwd=folder, env=env, stdout=subprocess.PIPE, check=True).stdout
    ratios = []
    for _ in range(3):
        done = subprocess.run(
            [TACH_RUN, "--spec", "-", "--bench-clone", "300"], input=spec, stdout=subprocess.PIPE, check=True
        )
        ratios.append(json.loads(done.stdout))
    print("\na worker in a prepared cell beside a plain fork+exit of the same zygote (medians of 300, three times)")
    for one in ratios:
        print(f"  fork {one['fork_us']} us, cell {one['cell_us']} us, ratio {one['ratio']:.2f}")
    return statistics.median(one["ratio"] for one in ratios)


def rolled_back(argv, cwd, env):
    """How many tests of a suite were run in a process that had been put back, and why others were not."""
    done = subprocess.run(argv, cwd=cwd, env=env, stdout=subprocess.PIPE, text=True, check=False)
    finish = json.loads(done.stdout.splitlines()[-1])
    number, workers = sum(n for name, n in finish["counts"].items() if name != "warnings"), finish.get("workers")
    if workers is not None:
        print(f"  rolled back: {workers['rolled_back']} of {number} tests; spent: {workers['spent']}")


def bench_suite(suites, package, tests, path, env, rounds):
    if subprocess.run([ROOT / "tests" / "parity" / "fetch", package, suites], check=False).returncode != 0:
        print(f"\nskipped: {package}: its source could not be fetched")
        return
    folder = suites / package
    env = {**env, "PYTHONPATH": str(folder / path)}
    commands = {name: [*argv, tests] for name, argv in runners().items()}
    compare(f"{package}'s suite", commands, folder, env, rounds, "pytest")
    rolled_back([TACH, "-n", "2", "--format", "json", tests], folder, env)
    if package == "jinja2":
        listing = {
            "pytest --collect-only": [*PYTEST, "--collect-only", tests],
            "tach list": [TACH, "list", tests],
        }
        compare("jinja2's tests listed", listing, folder, env, rounds, "pytest --collect-only")
    shutil.rmtree(folder / ".pytest_cache", ignore_errors=True)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TACH", "PYTEST_"))}
    suites = pathlib.Path(os.environ.get("TACH_SUITES", tempfile.gettempdir() + "/tach-suites"))
    print(f"{os.cpu_count()} CPUs, {' '.join(os.uname()[i] for i in (0, 2, 4))}")
    with tempfile.TemporaryDirectory() as folder:
        small = pathlib.Path(folder)
        (small / "test_small.py").write_text(SMALL)
        targets = Targets()
        targets.add("a worker in a prepared cell, beside a plain fork of the same interpreter", bench_clone(small, env), 1.15)
        compare("78 small tests", runners(), small, env, rounds, "pytest")
        (small / "test_small.py").write_text(EMPTY)
        tach = [TACH, "-q", "-n", "2", "-p", "no:cacheprovider"]
        modes = {f"tach --reuse {mode}": [*tach, "--reuse", mode] for mode in ("rollback", "cell", "never")}
        peers = {"pytest": PYTEST, "pytest -n 2": [*PYTEST, "-n", "2"]}
        plain = {"tach --no-isolation": [*tach, "--no-isolation"]}
        seen = compare("1,000 empty tests", modes | plain | peers, small, env, rounds, "pytest")
        bare = seen["tach --no-isolation"]
        targets.add("1,000 empty tests, a fresh cell each, beside plain forks (wall, 2 workers)", seen["tach --reuse never"] / bare, 1.3)
        targets.add("1,000 empty tests, a process each, cells used again, beside plain forks", seen["tach --reuse cell"] / bare, 1.25)
        targets.add("1,000 empty tests, isolated as by default, beside plain forks", seen["tach --reuse rollback"] / bare, 1.25)
    for name in ("cold.py", "collapse.py"):
        script = pathlib.Path(__file__).with_name(name)
        said = subprocess.run([sys.executable, script], env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
        print(f"\n{said}", end="", flush=True)
        for peer, ratio in re.findall(r"^  (bwrap|crun)\b.* (\d+\.\d+)$", said, re.MULTILINE):
            targets.add(f"/bin/true in a new sandbox, beside {peer}", 1 / float(ratio), 1.0)
    for package, tests, path in SUITES:
        bench_suite(suites, package, tests, path, env, rounds)
    targets.show()


if __name__ == "__main__":
    main()
