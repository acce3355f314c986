#!/usr/bin/python3
"""Compares two JUnit files: the same tests with the same outcomes.

usage: compare.py EXPECTED.xml ACTUAL.xml

Prints every difference and ends with 1 if there is one. Times, messages and the order of tests are not compared:
tests run side by side.
"""

import collections
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    """What the children of a testcase say: "passed", or the sorted names of its result elements."""
    found = []
    for child in case:
        if child.tag in ("failure", "error"):
            found.append(child.tag)
        elif child.tag == "skipped":
            found.append(child.get("type", "skipped"))
    return "+".join(sorted(found)) or "passed"


def read(path):
    """(classname, name) -> the outcomes of all testcases of that address, sorted."""
    cases = collections.defaultdict(list)
    for case in ElementTree.parse(path).iter("testcase"):
        cases[case.get("classname", ""), case.get("name", "")].append(outcome(case))
    return {address: sorted(found) for address, found in cases.items()}


def differences(expected, actual):
    for address in sorted(expected.keys() | actual.keys()):
        one, other = expected.get(address), actual.get(address)
        if one != other:
            name = "::".join(address)
            yield f"{name}: {', '.join(one) if one else 'absent'} became {', '.join(other) if other else 'absent'}"


def main(argv):
    if len(argv) != 3:
        print(__doc__, file=sys.stderr)
        return 4
    expected, actual = read(argv[1]), read(argv[2])
    found = list(differences(expected, actual))
    print("\n".join(found[:200]))
    total = sum(map(len, expected.values()))
    print(f"{total} tests in {argv[1]}, {sum(map(len, actual.values()))} in {argv[2]}: {len(found)} addresses differ")
    return 1 if found or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
