"""What test files import is read only where it may matter: what is told without reading it holds all the same."""

import os
import pathlib
import re
import shutil
import subprocess
import sysconfig
import time

import pytest

from test_list import TACH, environment, tach_list, write
from test_list_dynamic import check

CASES = {
    "classes of the standard library as bases": {
        "test_a.py": """
            import collections, contextlib, http.server, socketserver, threading, unittest
            from collections.abc import Sized
            from enum import Enum
            from typing import Generic, TypeVar
            T = TypeVar("T")
            class Handler(socketserver.BaseRequestHandler):
                def test_handler(self): pass
            class Server(http.server.HTTPServer, socketserver.ThreadingMixIn):
                def test_server(self): pass
            class Of(Generic[T], Sized):
                def test_of(self): pass
            class More(Of[int], Exception):
                def test_more(self): pass
            class TestThread(threading.Thread):
                def test_thread(self): pass
            class TestDict(collections.UserDict):
                def test_dict(self): pass
            class TestPlain(contextlib.AbstractContextManager):
                def test_plain(self): pass
                def __exit__(self, *args): pass
            class TestMixin(socketserver.ForkingMixIn):
                def test_mixin(self): pass
            class Wanted(contextlib.ContextDecorator):
                __test__ = True
                def test_wanted(self): pass
            class Heir(Wanted):
                def test_heir(self): pass
            class Case(Of, unittest.TestCase):
                def test_case(self): pass
            class Kind(Enum):
                test_kind = 1
        """,
    },
    "a module of the project's with the name of one of the library's": {
        "wave.py": "import unittest\nclass Wave_read(unittest.TestCase):\n    def test_read(self): pass\n",
        "chunk/__init__.py": "import unittest\nclass Chunk(unittest.TestCase): pass\n",
        "test_a.py": """
            import wave
            from chunk import Chunk
            class Mine(wave.Wave_read):
                def test_mine(self): pass
            class Other(Chunk):
                def test_other(self): pass
        """,
    },
    "a class that has another base when it is defined": {
        "test_a.py": """
            import socketserver, sys, unittest
            class Base(socketserver.BaseServer): pass
            if sys.maxsize > 0:
                class Base(unittest.TestCase): pass
            class Mine(Base):
                def test_mine(self): pass
            try:
                import nothing_of_that_name as library
            except ImportError:
                import unittest as library
            class Tried(library.TestCase):
                def test_tried(self): pass
            library = unittest
            class Assigned(library.TestCase):
                def test_assigned(self): pass
        """,
    },
    "decorators and calls of the library's": {
        "test_a.py": """
            import dataclasses, functools, logging, os.path, re, unittest
            from functools import total_ordering
            logging.basicConfig()
            test_path = os.path.join(os.path.dirname(__file__), "test-file")
            test_pattern = re.compile("a")
            TestPattern = re.compile("b")
            @dataclasses.dataclass
            class Data:
                test_field: int = 1
            @dataclasses.dataclass
            class TestData:
                test_field: int = 1
                def test_data(self): pass
            @total_ordering
            class TestOrdered:
                def __lt__(self, other): return True
                def test_ordered(self): pass
            @unittest.skip("not now")
            class Skipped(unittest.TestCase):
                def test_skipped(self): pass
        """,
    },
    "values of the library's": {
        "test_a.py": """
            import copy, datetime, os, pytest, re
            from datetime import timedelta, timezone
            from pathlib import Path
            @pytest.mark.parametrize("value", [datetime.datetime(2020, 1, 1), timedelta(days=1), timezone.utc, Path("a"),
                                               datetime.timezone(datetime.timedelta(hours=1)), re.compile("x+"), os.sep,
                                               copy.copy, os.path.join, datetime.date(2020, 1, 2), os.O_RDONLY])
            def test_value(value): pass
        """,
    },
}

BASE = "import unittest\nclass Base(unittest.TestCase):\n    def test_base(self): pass\n"
IMPORTS = {
    "from": "from base import Base\n",
    "as": "from base import Base as Other\nOther = Other\n",
    "relative": "from .base import Base\n",
    "dots with blanks": "from . base  import Base\n",
    "parentheses": "from base import (  # which, and why\n    nothing_else as _nothing,  # )\n\n    Base\n    ,\n)\n",
    "backslashes": "from \\\n  base \\\n  import nothing_else, \\\n  Base\n",
    "one line": "if True: from base import nothing_else; from base import Base\n",
    "behind a string": "text = 'import'; from base import Base\n",
    "tried": "try:\n    from nothing_of_that_name import Base\nexcept ImportError:\n    from base import Base\n",
    "in a class of the name": "import importlib; from base import Base  # import\n",
    "star": "from base import *\n",
    "lines end in CRLF": "import os\r\nfrom base import nothing_else, \\\r\n  Base\r\n",
    "derived": "from base import Base as B\nclass Base(B, metaclass=type(B)):\n    pass\n",
    "derived from an attribute": "import pkg.base\nclass Base(\n    pkg . base.Base,  # it\n): more = 1\n",
    "an attribute": "from . import base\nBase = base.Base  # as it was\n",
    "assigned by turns": "try:\n    from base import nothing_else as Base\nfinally:\n    import pkg.base\n    Base = pkg.base.Base\n",
    "defined by turns": "from base import Base as B\nif B is None:\n    class Base: pass\nelse:\n    class Base(B): pass\n",
    "tabs": "from\tbase\timport\tBase\n",
}

# pkg/via.py, which makes Base of pkg/base.py's; read for its words alone
ODD = {
    "a mark of the byte order": b"\xef\xbb\xbffrom .base import Base\n",
    "lines end in CR": b"import os\rfrom .base import ( # why\r nothing,\r Base)\r",
    "a joined line ends in CR": b"from .base \\\r import Base\r",
    "a comment that ends in a backslash": b"# a comment \\\nfrom .base import Base\n",
    "an encoding that is not ASCII's": b"# -*- coding: utf-7 -*-\nfrom .base imp+AG8-rt Base\n",
    "no end of line": b"from .base import Base",
    "very many names": b"from .base import nothing as a0" + b"".join(b", nothing as a%d" % n for n in range(1, 5000)) + b", Base\n",
    "an annotation over lines": b"import typing\nfrom . import base\nBase: typing.Union[\n  int, type] = base.Base\n",
    "an annotation with an equals sign": b"from . import base\nBase: (lambda x=1: x) = base.Base\n",
    "an annotation in quotes": b"from . import base\nBase: 'x=1' = base.Base\n",
    "the first of two": b"from . import base\nBase, x = base.Base, 1\n",
    "a list of one": b"from . import base\n[Base] = [base.Base]\n",
    "a module with the name of one of the library's": b"from . import queue\nclass Base(queue.Base): pass\n",
    "a module under the name of one of the library's": b"from . import base as socket\nclass Base(socket.Base): pass\n",
    "an imported module under such a name": b"import pkg.base as socket\nclass Base(socket.Base): pass\n",
    "a name that is not the library's any more": b"import socket\nfrom . import base\nsocket = base\nclass Base(socket.Base): pass\n",
    "a builtin that is another": b"from .base import Base as Exception\nclass Base(Exception): pass\n",
    "a builtin that is assigned": b"from . import base\nlist = base.Base\nclass Base(list): pass\n",
    "a builtin from all that a module has": b"from .names import *\nclass Base(object): pass\n",
    "a module from all that a module has": b"import socket\nfrom .names import *\nclass Base(socket.Base): pass\n",
    "bases behind other names": b"import socket, pkg.base\nclass Base(socket.socket if 0 else pkg.base.Base): pass\n".replace(b"socket.socket if 0 else ", b""),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_texts(tmp_path, name):
    names = "from . import base as socket\nobject = socket.Base\n"
    files = {"pkg/__init__.py": "", "pkg/base.py": BASE + "nothing = 1\n", "pkg/queue.py": "from .base import Base\n", "pkg/names.py": names, "pkg/via.py": ODD[name],
             "pkg/test_a.py": "from .via import Base\n", "pkg/test_b.py": "from .via import Base\nclass Mine(Base):\n    def test_mine(self): pass\n"}  # fmt: skip
    assert not check(tmp_path, files)
    expected = ["pkg/test_a.py::Base::test_base", "pkg/test_b.py::Base::test_base", "pkg/test_b.py::Mine::test_base", "pkg/test_b.py::Mine::test_mine"]
    assert tach_list(tmp_path).stdout.split() == expected


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_read(tmp_path, name):
    dynamic = check(tmp_path, CASES[name])
    assert not dynamic or name.startswith(("values", "a class that", "decorators"))


@pytest.mark.parametrize("name", IMPORTS)
def test_a_test_case_by_way_of_another_module(tmp_path, name):
    """Where a text has the name from is told from its words."""
    via = IMPORTS[name].replace("nothing_else", "nothing")
    bound = "Other" if name == "as" else "Base"
    package = {"pkg/__init__.py": "", "pkg/base.py": BASE + "nothing = 1\n", "pkg/via.py": via.replace("from base", "from .base").replace("base \\\n", ".base \\\n").replace("\tbase", "\t.base").encode()}
    files = {**package, "pkg/further.py": f"from .via import {bound} as Further\n", "pkg/test_a.py": f"from .via import {bound}\n",
             "pkg/test_b.py": "from .further import Further\n",
             "pkg/test_c.py": f"from .via import {bound}\nclass Mine({bound}):\n    def test_mine(self): pass\n"}  # fmt: skip
    check(tmp_path, files)
    expected = [f"pkg/test_a.py::{bound}::test_base", "pkg/test_b.py::Further::test_base", f"pkg/test_c.py::{bound}::test_base"]
    expected += ["pkg/test_c.py::Mine::test_base", "pkg/test_c.py::Mine::test_mine"]
    assert sorted(tach_list(tmp_path).stdout.split()) == sorted(expected)


APP = {"app/__init__.py": "", "app/base.py": BASE}
USES = {"pytest.ini": "[pytest]\n", "test_a.py": "from app.base import Base\nclass Mine(Base):\n    def test_mine(self): pass\n"}
FOUND = ["test_a.py::Base::test_base", "test_a.py::Mine::test_base", "test_a.py::Mine::test_mine"]


def interpreter(folder):
    """One with a standard library of its own that can be written to."""
    library = folder / "lib" / "python3.11"
    (folder / "bin").mkdir(parents=True)
    (library / "site-packages").mkdir(parents=True)
    (folder / "bin" / "python3.11").symlink_to("python3")
    shutil.copy(os.path.realpath("/usr/bin/python3"), folder / "bin" / "python3")
    for name in ("os.py", "socket.py", "unittest"):
        (library / name).symlink_to(pathlib.Path(sysconfig.get_path("stdlib")) / name)
    return folder / "bin" / "python3.11", library


def list_with(python, folder, **more):
    env = {**environment(), "TACH_PYTHON": str(python), **more}
    done = subprocess.run([TACH, "list"], cwd=folder, env=env, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("where", ["proj", "site-packages/proj"])
def test_a_project_that_lies_among_the_library_s_modules(tmp_path, where):
    python, library = interpreter(tmp_path)
    write(library / where, {**APP, **USES})
    assert list_with(python, library / where) == FOUND


def test_a_folder_among_the_library_s_modules_that_is_not_the_library_s(tmp_path):
    python, library = interpreter(tmp_path)
    write(library / "extra", APP)
    write(tmp_path / "proj", USES)
    assert list_with(python, tmp_path / "proj", PYTHONPATH=str(library / "extra")) == FOUND
    (library / "site-packages" / "extra.pth").write_text(f"{library / 'extra'}\n")
    assert list_with(python, tmp_path / "proj") == FOUND


def test_a_project_by_way_of_a_link_and_beside_a_virtual_environment(tmp_path):
    write(tmp_path / "proj", {**APP, **USES})
    (tmp_path / "link").symlink_to("proj")
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", tmp_path / "proj" / ".venv"], check=True)
    assert tach_list(tmp_path / "link").stdout.split() == FOUND


def test_files_with_blanks_in_their_names_are_no_modules(tmp_path):
    check(tmp_path, {"app/a copy.py": "", "app/__init__.py": "", "b socket.py": "", "test_a.py": "import socket\nclass TestA(socket.socket): pass\ndef test_a(): pass\n"})


def test_modules_that_import_from_one_another(tmp_path):
    """A name that goes in circles, along very many ways, ends."""
    many = "\n".join(f"try: from .m{n % 3} import Base\nexcept ImportError: pass" for n in range(600))
    files = {f"pkg/m{n}.py": many + "\nBase = None\n" for n in range(3)}
    begin = time.monotonic()
    check(tmp_path, {"pkg/__init__.py": "", **files, "pkg/test_a.py": "from .m0 import Base\ndef test_a(): pass\n"})
    assert time.monotonic() - begin < 60


def test_the_standard_library_has_no_test_case():
    """What library_is_standard stands on: outside of modules that have "test" in their names."""
    library = pathlib.Path(sysconfig.get_path("stdlib"))
    case = re.compile(r"^\s*class .*TestCase|^\s*(import|from)\s+unittest|SkipTest|pytest", re.M)
    seen = 0
    for path in library.rglob("*.py"):
        name = str(path.relative_to(library))
        if "test" in name.lower() or "-packages" in name or name.startswith("pydoc_data"):
            continue
        seen += 1
        found = case.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{name}: {found}"
    assert seen > 300
