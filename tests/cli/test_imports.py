"""`tach list --graph=imports`: what each test file really imports is reached from it."""

import importlib.util
import os
import pathlib
import subprocess
import textwrap

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PARITY = ROOT / "tests" / "parity"
TACH = os.environ.get("TACH", str(ROOT / "build" / "tach"))


def tool(monkeypatch):
    monkeypatch.setenv("TACH", TACH)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    spec = importlib.util.spec_from_file_location("imports_tool", PARITY / "imports.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FILES = {
    "pytest.ini": "[pytest]\npythonpath = src extra\naddopts = -p always\n",
    "conftest.py": "pytest_plugins = ['plugs.first', 'second']\n",
    "always.py": "import low_always\n",
    "low_always.py": "",
    "plugs/first.py": "import extra_module\n",
    "second.py": "",
    "extra/extra_module.py": "",
    "src/lib/__init__.py": "from .core import *\n",
    "src/lib/core.py": "from . import data as d\nfrom .deep.er import x\n",
    "src/lib/data.py": "",
    "src/lib/deep/__init__.py": "",
    "src/lib/deep/er.py": "x = 1\n",
    "src/lib/lazy.py": """
        import importlib
        def __getattr__(name):
            return importlib.import_module("." + name, __package__)
    """,
    "src/space/part.py": "",
    "tests/helper.py": "",
    "tests/test_plain.py": "import helper, lib\ndef test(): pass\n",
    "tests/one/test_same.py": "from lib import lazy\nlazy.data\ntry:\n    import nothing\nexcept ImportError:\n    import space.part\ndef test(): pass\n",
    "tests/two/__init__.py": "import two_low\n",
    "tests/two_low.py": "",
    "tests/two/conftest.py": "from . import inside\n",
    "tests/two/inside.py": "",
    "tests/two/test_same.py": "name = 'lib.deep.er'\n__import__('lib.deep.er')\ndef test(): pass\n",
    "tests/two/test_exec.py": "exec('import space.part')\nimport runpy\nrunpy.run_path('src/lib/data.py')\ndef test(): pass\n",
}  # fmt: skip


@pytest.mark.parametrize("mode", ["prepend", "append", "importlib"])
def test_what_is_imported_is_reached(tmp_path, monkeypatch, mode):
    files = dict(FILES)
    if mode == "importlib":  # tests cannot import one another in this mode
        files["tests/test_plain.py"] = "import lib\ndef test(): pass\n"
        files["tests/two/__init__.py"] = ""
        files["tests/two/conftest.py"] = ""
    files["pytest.ini"] = files["pytest.ini"].replace("-p", f"--import-mode={mode} -p")
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    missing, tests, pairs, _ = tool(monkeypatch).compare(tmp_path, [], tmp_path)
    assert missing == [] and tests == 4
    assert pairs > 30


@pytest.mark.parametrize("suite", ["torture", "fixtures"])
def test_suites(tmp_path, monkeypatch, suite):
    missing, tests, pairs, _ = tool(monkeypatch).compare(PARITY / "suites" / suite, [], tmp_path)
    assert missing == [] and tests > 0 and pairs >= tests


def test_the_graph_is_dot(tmp_path):
    odd = 'test_"quoted\\.py'
    for name, text in {odd: "import a\n", "a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import b\n", "b.py": "__import__(a)\n"}.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run([TACH, "list", "--graph=imports"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "digraph imports {",
        "  rankdir=LR;",
        "  node [shape=box];",
        '  "test_\\"quoted\\\\.py" [style=bold];',
        '  "test_\\"quoted\\\\.py" -> "a.py";',
        '  "a.py" [style=solid];',
        '  "a.py" -> "b.py" [style=dashed];',
        '  "b.py" [style=solid, color=red, xlabel="computed imports"];',
        "}",
    ]
