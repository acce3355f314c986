#!/usr/bin/python3
"""imports.py [FOLDER [PATH...]]: what `tach list --graph=imports` says of a suite, beside what Python imports.

Each test file is collected by a pytest of its own. Every file of the project that is in ``sys.modules`` then must be
reached from the test file in the graph; one that is not is printed. The exit code is 1 if there is any.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TACH = os.environ.get("TACH", str(HERE.parents[1] / "build" / "tach"))

PROBE = """
import json, os, sys
import pytest

class Probe:
    def pytest_sessionfinish(self, session):
        files = {os.path.realpath(m.__file__) for m in list(sys.modules.values()) if isinstance(getattr(m, "__file__", None), str)}
        with open(sys.argv[1], "w") as out:
            json.dump({"root": str(session.config.rootpath), "files": sorted(files)}, out)

sys.exit(pytest.main(sys.argv[2:], plugins=[Probe()]))
"""


def environment():
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "TACH"))} | {"PYTHONDONTWRITEBYTECODE": "1"}


def graph(folder, paths):
    """(test files, {file: files it may execute}) of the graph, by paths relative to the root."""
    command = [TACH, "list", "--graph=imports", *paths]
    text = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=True).stdout
    name = r'"((?:[^"\\]|\\.)*)"'
    tests = re.findall(rf"^  {name} \[style=bold", text, re.M)
    edges = {}
    for source, target, style in re.findall(rf"^  {name} -> {name}( \[style=dashed\])?;$", text, re.M):
        if not style:
            edges.setdefault(source, []).append(target)
    return tests, edges


def rootdir(folder, paths):
    command = [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider", *paths]
    text = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False).stdout
    return re.search(r"^rootdir: ([^,\n]+)", text, re.M)[1]


def reached(edges, start):
    seen, queue = {start}, [start]
    for node in queue:
        for target in edges.get(node, ()):
            if target not in seen:
                seen.add(target)
                queue.append(target)
    return seen


def imported(folder, test, root, scratch):
    """The files of the project that collecting the file TEST imports, or None where it cannot be collected."""
    out = pathlib.Path(scratch) / "modules.json"
    out.unlink(missing_ok=True)
    command = [sys.executable, "-c", PROBE, str(out), "--collect-only", "-q", "-p", "no:cacheprovider", test]
    subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if not out.exists():
        return None
    files = json.loads(out.read_text())["files"]
    prefixes = [os.path.realpath(place) + os.sep for place in (root, folder)]
    return {file for file in files if file.startswith(tuple(prefixes)) and file.endswith(".py")}


def compare(folder, paths, scratch, root=None):
    """[(test file, files that were imported and are not reached)], number of test files, pairs, pairs in the graph."""
    tests, edges = graph(folder, paths)
    root = os.path.realpath(root or rootdir(folder, paths))
    missing, pairs, reach = [], 0, 0
    for test in tests:
        found = imported(folder, os.path.join(root, test), root, scratch)
        if found is None:
            continue
        possible = {os.path.realpath(os.path.join(root, file)) for file in reached(edges, test)}
        pairs += len(found)
        reach += len(possible)
        if found - possible:
            missing.append((test, sorted(found - possible)))
    return missing, len(tests), pairs, reach


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else "."
    scratch = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"tach-imports-{os.getpid()}"
    scratch.mkdir()
    missing, tests, pairs, reach = compare(folder, sys.argv[2:], scratch)
    for test, files in missing:
        print(f"{test}: not in the graph: {' '.join(files)}")
    print(f"{tests} test files: {pairs} imports seen, {reach} files reached in the graph, {sum(len(f) for _, f in missing)} missing")
    for path in scratch.iterdir():
        path.unlink()
    scratch.rmdir()
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
