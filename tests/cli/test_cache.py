"""Run after run with pytest's cache: what runs, in which order, how it ends and what the cache has then, as under pytest."""

import json
import subprocess
import sys

import pytest

from running import Suite, environment

FILES = {
    "pytest.ini": "[pytest]\n",
    "bad2": "", "bade": "",
    "test_a.py": "import os\ndef test_1(): pass\ndef test_2(): assert not os.path.exists('bad2')\ndef test_3(): pass\n",
    "test_b.py": "import os, pytest\nbad = os.path.exists('bad2')\n"
    "@pytest.mark.parametrize('n', range(3))\ndef test_param(n): assert n != 1 or not bad\n"
    "class TestC:\n    def test_skip(self): pytest.skip('x')\n"
    "    @pytest.mark.xfail(strict=bad)\n    def test_xpass(self): pass\n",
    "sub/test_c.py": "def test_c(cache): cache.set('x/y', cache.get('x/y', 0) + 1)\ndef test_bad(missing): pass\n",
    "sub/test_d.py": "import os\nif os.path.exists('broken'): raise ValueError\ndef test_d(): pass\ndef test_e(): assert not os.path.exists('bade')\n",
}  # fmt: skip
#: {name: steps}: (options, what is written and removed before)
CHAINS = {
    "last failed": [
        ((), ""), (("--lf",), ""), (("--ff",), ""), (("--lf",), "-bad2"), (("--lf", "--lfnf=none"), "-bade"),
        (("--lf", "sub"), "+bade"), (("--lf", "-x"), "+bad2"), (("--ff", "--maxfail=2"), ""), (("--lf",), ""),
    ],
    "all pass": [(("--deselect", "sub/test_c.py::test_bad"), "-bad2-bade")] + [
        ((*args, "--deselect", "sub/test_c.py::test_bad"), "") for args in (("--lf",), ("--lf", "--lfnf=none"), ("--lf", "--lfnf=all"))
    ],
    "what cannot be collected": [((), ""), ((), "+broken"), (("--lf",), ""), (("--lf",), "-broken"), (("--cache-clear", "--lf"), "")],
    "new first": [((), ""), (("--nf",), "+test_new.py"), (("--nf", "--ff"), ""), (("-k", "test_param"), ""), (("--lf", "test_b.py::TestC"), "")],
    "step by step": [
        (("--sw",), ""), (("--sw",), "-bad2"), (("--sw-skip",), "+bad2"), (("--sw", "--sw-skip"), ""), ((), ""), (("--sw",), "-bad2-bade"),
        (("--sw",), ""), (("--cache-clear", "--sw"), "+bade"),
    ],
}  # fmt: skip


def _change(suite, change):
    for sign, name in zip(change[0::2], change[1::2]):
        if sign == "+":
            suite.write(name, "def test_new(): assert 0\n" if name.endswith(".py") else "")
        else:
            (suite.path / name).unlink()


def _cached(suite):
    folder = suite.path / ".pytest_cache/v"
    found = {str(path.relative_to(folder)): json.loads(path.read_text()) for path in folder.rglob("*") if path.is_file()}
    found.pop("tach/durations", None)
    return found


def _pytest(suite, args):
    argv = [sys.executable, "-m", "pytest", "-v", *args]
    done = subprocess.run(argv, cwd=suite.path, env=environment(), capture_output=True, text=True, check=False)
    lines = (line.split(" ") for line in done.stdout.splitlines() if "::" in line and "%]" in line)
    notes = [line for line in done.stdout.splitlines() if line.startswith(("run-last-failure", "stepwise:"))]
    return done.returncode, [words[0] for words in lines], notes


def _tach(suite, args):
    result = suite.json("-n", "1", *args)
    return result.code, list(result.tests()), result.event("collected")["notes"]


@pytest.mark.parametrize("name", CHAINS)
def test_run_after_run(tmp_path, name):
    theirs, ours = Suite(tmp_path / "pytest"), Suite(tmp_path / "tach")
    for suite in (theirs, ours):
        for file, text in FILES.items():
            suite.write(file, text)
    for number, (args, changes) in enumerate(CHAINS[name]):
        seen = []
        for suite, run in ((theirs, _pytest), (ours, _tach)):
            words = changes.replace("-", " - ").replace("+", " + ").split()
            _change(suite, words)
            # without a --maxfail, a failure is told when its module has run again
            seen.append((*run(suite, ("--maxfail=99", *args)), _cached(suite)))
        assert seen[0] == seen[1], (number, args)
