#!/usr/bin/python3
"""selection.py [-n N] [--seed S] [FOLDER [PATH...]]: what tach selects by -k and -m beside what pytest selects.

pytest collects the suite once and evaluates N generated expressions on its items. For each of them:
- no test that pytest selects may lie in a file that a run of tach would not import,
- the tests of those files must be as many as tach counts as deselected,
- `tach list` must have every selected test, if only without its brackets, and none that pytest does not select but those
  that it marks as dynamic.
The exit code is 1 if one of that does not hold.
"""

import argparse
import json
import os
import pathlib
import random
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TACH = os.environ.get("TACH", str(HERE.parents[1] / "build" / "tach"))


class Items:
    """What pytest collects, and which of it an expression selects."""

    def pytest_collection_finish(self, session):
        from _pytest.mark import KeywordMatcher, MarkMatcher

        self.root = session.config.rootpath
        self.items = [(item.nodeid, str(item.path), KeywordMatcher.from_item(item)) for item in session.items]
        if hasattr(MarkMatcher, "from_item"):
            self.marks = [MarkMatcher.from_item(item) for item in session.items]
        else:
            self.marks = [MarkMatcher.from_markers(item.iter_markers()) for item in session.items]
        # tach list does not know doctests; with them, all files are imported
        self.unlisted = {item.nodeid for item in session.items if type(item).__name__ == "DoctestItem"}
        self.words = {mark.name for item in session.items for mark in item.iter_markers()}

    def selected(self, keyword, mark):
        from _pytest.mark.expression import Expression

        keyword = Expression.compile(keyword) if keyword else None
        mark = Expression.compile(mark) if mark else None
        return [
            (nodeid, path)
            for (nodeid, path, names), marks in zip(self.items, self.marks)
            if (keyword is None or keyword.evaluate(names)) and (mark is None or mark.evaluate(marks))
        ]


def collect(folder, paths):
    items = Items()
    os.chdir(folder)
    with open(os.devnull, "w", encoding="utf-8") as null:
        saved, sys.stdout = sys.stdout, null
        try:
            code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", *paths], plugins=[items])
        finally:
            sys.stdout = saved
    assert code in (0, 5), f"pytest ended with {code}"
    return items


def words_of(items, rng):
    """Words that select something, and some that do not."""
    found = set()
    for nodeid, _, _ in items.items:
        for part in re.split(r"::|/", nodeid):
            found.add(part)
            found.update(re.findall(r"\w+", part))
    found = sorted(word for word in found if re.fullmatch(r"(:?\w|:|\+|-|\.|\[|\]|\\|/)+", word))
    words = [word for word in found if word not in ("and", "or", "not")]
    for word in rng.sample(words, min(len(words), 40)):
        start = rng.randrange(len(word))
        piece = word[start : start + rng.randint(1, 6)]
        words += [piece if piece not in ("and", "or", "not") else word, word.upper()]
    return words + ["nothing_like_it", "pytestmark", "parametrize", "tests", "test_", "tests/", "."]


def expression(words, rng, depth=2):
    if depth == 0 or rng.random() < 0.35:
        return rng.choice(words)
    form = rng.choice(["{} and {}", "{} or {}", "not {}", "({})", "{} and not {}", "not ({} or {})"])
    return form.format(*(expression(words, rng, depth - 1) for _ in range(form.count("{}"))))


def expressions(items, n, seed):
    rng = random.Random(seed)
    keywords, marks = words_of(items, rng), sorted(items.words) + ["nothing"]
    for _ in range(n):
        kind = rng.random()
        keyword = expression(keywords, rng) if kind < 0.75 else ""
        yield keyword, expression(marks, rng) if kind > 0.65 else ""


def run(folder, command, *args):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "TACH"))}
    return subprocess.run([TACH, command, *args], cwd=folder, env=env, capture_output=True, text=True, check=False)


def base(nodeid):
    head, colons, last = nodeid.rpartition("::")
    return head + colons + last.split("[")[0] if "[" not in head else nodeid.split("[")[0]


def check(folder, paths, items, keyword, mark):
    """(what does not hold, files that pytest needs, files that tach imports, files with tests)"""
    args = [*(["-k", keyword] if keyword else []), *(["-m", mark] if mark else []), *paths]
    wanted = items.selected(keyword, mark)
    wrong = []
    spec = run(folder, "spec", *args)
    if spec.returncode != 0:
        return [f"tach spec: {spec.stderr}"], 0, 0, 0
    select = json.loads(spec.stdout)["tach"].get("select", {"unmatched": []})
    unmatched = {os.path.normpath(items.root / entry["file"]): entry["tests"] for entry in select["unmatched"]}
    tests = {}
    for _, path, _ in items.items:
        tests[path] = tests.get(path, 0) + 1
    wrong += [f"{nodeid} is selected, its file is not imported" for nodeid, path in wanted if path in unmatched]
    wrong += [f"{path} has {tests.get(path, 0)} tests, not {n}" for path, n in unmatched.items() if tests.get(path, 0) != n]
    listed = [json.loads(line) for line in run(folder, "list", "--format=json", *args).stdout.splitlines()]
    sure = {entry["nodeid"] for entry in listed if not entry["dynamic"]}
    maybe = [entry["nodeid"] for entry in listed if entry["dynamic"]]
    ids = {nodeid for nodeid, _ in wanted}
    bases = {base(nodeid) for nodeid in maybe}
    partial = tuple(entry["nodeid"] + "::" for entry in listed if entry.get("partial"))
    wrong += [f"{nodeid} is selected and not listed" for nodeid in ids - sure - items.unlisted if base(nodeid) not in bases and not nodeid.startswith(partial)]
    wrong += [f"{nodeid} is listed and not selected" for nodeid in sure - ids]
    return wrong, len({path for _, path in wanted}), len(set(tests) - set(unmatched)), len(tests)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folder", nargs="?", default=".")
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args()
    folder = os.path.abspath(options.folder)
    items = collect(folder, options.paths)
    bad, needed, imported, files = 0, 0, 0, 0
    for keyword, mark in expressions(items, options.n, options.seed):
        wrong, *numbers = check(folder, options.paths, items, keyword, mark)
        if wrong:
            bad += 1
            print(f"-k {keyword!r} -m {mark!r}: {len(wrong)} differences, such as {'; '.join(sorted(wrong)[:3])}")
        needed, imported, files = needed + numbers[0], imported + numbers[1], files + numbers[2]
    print(f"{options.n} expressions, {bad} with differences; of {files} files pytest needs {needed}, tach imports {imported}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
