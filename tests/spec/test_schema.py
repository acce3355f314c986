"""run.schema.json says what the reader (spec/read.c) accepts: both judge the same documents alike."""

import copy
import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SCHEMA = json.loads((ROOT / "spec" / "run.schema.json").read_text())
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
VALID = sorted((HERE / "valid").glob("*.json"))
INVALID = sorted((HERE / "invalid").glob("*.json"))
# what a schema cannot say: the text itself, lengths in bytes, pairs of values
TEXT = sorted((HERE / "invalid" / "text").glob("*.json"))


def name(path):
    return path.stem


def strict(text):
    """The document, where Python takes it; duplicate keys are a ValueError."""

    def pairs(items):
        keys = [key for key, _ in items]
        if len(set(keys)) != len(keys):
            raise ValueError("duplicate key")
        return dict(items)

    return json.loads(text.decode(), object_pairs_hook=pairs)


class Error(ctypes.Structure):
    """spec/base/error.h"""

    _fields_ = [
        ("errnum", ctypes.c_int),
        ("phase", ctypes.c_char * 24),
        ("what", ctypes.c_char * 768),
        ("hint", ctypes.c_char * 384),
    ]


class Buf(ctypes.Structure):
    """spec/base/buf.h"""

    _fields_ = [("data", ctypes.c_void_p), ("len", ctypes.c_size_t), ("cap", ctypes.c_size_t)]


class Reader:
    """spec_read of SPEC, the library."""

    def __init__(self, spec):
        self.spec = spec

    def read(self, text, use):
        """What USE makes of the struct spec that TEXT reads as; ValueError with the reader's objection."""
        room = ctypes.create_string_buffer(1 << 16)  # more than sizeof(struct spec)
        err = Error()
        if self.spec.spec_read(room, text, len(text), b"run.json", ctypes.byref(err)) != 0:
            raise ValueError(err.what.decode())
        try:
            return use(room)
        finally:
            self.spec.spec_finish(room)

    def __call__(self, text):
        """What the reader objects to in TEXT, or ''."""
        try:
            return self.read(text, lambda room: "")
        except ValueError as objection:
            return str(objection)

    def rewrite(self, text):
        """TEXT as the writer would have written it."""

        def write(room):
            out = Buf()
            assert self.spec.spec_write(room, ctypes.byref(out), None) == 0
            written = ctypes.string_at(out.data, out.len)
            self.spec.buf_finish(ctypes.byref(out))
            return written

        return self.read(text, write)


@pytest.fixture(scope="session")
def reader(tmp_path_factory):
    """The reader, built as a library."""
    cc = os.environ.get("CC", "gcc")
    if shutil.which(cc) is None:
        pytest.skip("no C compiler")
    library = tmp_path_factory.mktemp("reader") / "libspec.so"
    sources = sorted((ROOT / "spec").glob("*.c")) + sorted((ROOT / "spec" / "base").glob("*.c"))
    subprocess.run(
        [cc, "-std=gnu17", "-D_GNU_SOURCE", f"-I{ROOT}", "-shared", "-fPIC", *sources, "-lyajl", "-o", library],
        cwd=ROOT,  # what the sources include
        check=True,
    )
    spec = ctypes.CDLL(str(library))
    spec.spec_read.argtypes = [
        ctypes.c_void_p,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.POINTER(Error),
    ]
    spec.spec_write.argtypes = [ctypes.c_void_p, ctypes.POINTER(Buf), ctypes.POINTER(Error)]
    spec.spec_finish.argtypes = [ctypes.c_void_p]
    spec.buf_finish.argtypes = [ctypes.POINTER(Buf)]
    return Reader(spec)


def test_the_schema_is_one():
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", VALID, ids=name)
def test_valid(path, reader):
    assert reader(path.read_bytes()) == ""
    VALIDATOR.validate(strict(path.read_bytes()))


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid(path, reader):
    assert reader(path.read_bytes()) != ""
    assert not VALIDATOR.is_valid(strict(path.read_bytes()))


@pytest.mark.parametrize("path", TEXT, ids=name)
def test_invalid_beyond_the_schema(path, reader):
    """These belong where they are: Python's parser refuses them, or the schema has no objection."""
    assert reader(path.read_bytes()) != ""
    try:
        document = strict(path.read_bytes())
    except (ValueError, RecursionError):
        return
    VALIDATOR.validate(document)


def places(node, path=()):
    """The path of every value in NODE."""
    yield path
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from places(child, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def neighbours(value):
    """Values that might stand where VALUE does."""
    yield from (None, True, False, 0, 1, 5, 6, 1.5, -1, -2, 1024, 1025, 4095, 4096, 604800, 604801)
    yield from (2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 1e300)
    yield from ("", "x", "/", "/x/", "/a/../b", "/a/..", "..", "A=b", "=b", "1.9", "2.0", "a" * 64, "a" * 65)
    yield from ("/" + "a" * 4094, "/" + "a" * 4095, "none", "SCMP_ACT_LOG", "SCMP_CMP_LT", "CAP_KILL", "pid")
    yield from ("127.0.0.1:1", "127.0.0.1:0", "127.0.0.1:080", "127.0.0.1:65536", "127.0.0.1", "127.0.0.01:80", "10.0.0.1:80")
    yield from ("localhost:80", "[::1]:80", "::1:80", "[::2]:80", "unix:/x", "unix:x", "unix:/x/", "unix:/x/../y", "unix:/./x")
    yield from ("unix:/" + "a" * 106, "unix:/" + "a" * 107, "unix:/..x/.y", "unix:", "127.0.0.256:80", "127.1:80")
    yield from ([], [[]], [""], ["/"], ["a=b"], {}, {"x": 1}, {"x": "1"}, {"type": "uts"}, {"": ""})
    if isinstance(value, str):
        yield from (value + "x", value[1:], value.lower(), value.upper(), "a\0b")
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
        yield {**value, "unknownKey": 1}
        yield {**value, "": "x"}
        if value:
            yield {key.upper(): v for key, v in value.items()}
    if isinstance(value, list):
        yield value + value[:1]
        yield [f"127.0.0.1:{port}" for port in range(1, 33)]
        yield [f"127.0.0.1:{port}" for port in range(1, 34)]
        for other in (value[1:], [*value, None], [*value, ""], [*value, "x"], [*value, {}]):
            yield other


def twice_or_crossed(document):
    """What the reader refuses and a schema cannot."""
    linux, process = document.get("linux", {}), document.get("process", {})
    limits, namespaces = process.get("rlimits", []), linux.get("namespaces", [])
    for things in (limits, namespaces):
        types = [thing["type"] for thing in things]
        if len(set(types)) != len(types):
            return True
    select = document.get("tach", {}).get("select", {})
    if select.get("shard", 1) > select.get("shards", 65536):
        return True
    return any(limit["soft"] > limit["hard"] for limit in limits)


def test_reader_and_schema_agree_on_what_is_near_a_valid_document(reader):
    full = json.loads((HERE / "valid" / "full.json").read_text())
    judged = {True: 0, False: 0}
    for path in places(full):
        for value in neighbours(at(full, path)):
            document = copy.deepcopy(full)
            if path:
                at(document, path[:-1])[path[-1]] = value
            else:
                document = value
            objection = reader(json.dumps(document).encode())
            valid = VALIDATOR.is_valid(document) and not twice_or_crossed(document)
            assert (objection == "") == valid, (path, value, objection)
            judged[valid] += 1
    assert min(judged.values()) > 500, judged


def lists_in_c():
    """The lists of spec/names.c by name."""
    text = (ROOT / "spec" / "names.c").read_text()
    for match in re.finditer(r"\*const names_(\w+)\[\] = \{(.*?)NULL\}", text, re.S):
        yield match[1], re.findall(r'"([^"]+)"', match[2])


def enums(node):
    if isinstance(node, dict):
        if isinstance(node.get("enum"), list):
            yield sorted(node["enum"])
        for value in node.values():
            yield from enums(value)
    elif isinstance(node, list):
        for value in node:
            yield from enums(value)


def test_names_are_the_same_on_both_sides():
    found = sorted(set(map(tuple, enums(SCHEMA))))
    assert found == sorted(tuple(sorted(names)) for _, names in lists_in_c())


def keys_of(node):
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            yield from node["properties"]
        for value in node.values():
            yield from keys_of(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys_of(value)


def test_keys_are_the_same_on_both_sides():
    text = "".join((ROOT / "spec" / name).read_text() for name in ("read.c", "seccomp.c", "select.c"))
    fields = re.findall(r'\{"(\w+)",\s*take_\w+,', text)
    assert sorted(set(keys_of(SCHEMA))) == sorted(set(fields))


def test_the_fuzzers_dictionary_has_every_word():
    text = (ROOT / "tests" / "fuzz" / "spec.dict").read_text()
    words = set(keys_of(SCHEMA)) | {word for enum in enums(SCHEMA) for word in enum}
    assert [word for word in sorted(words) if f'"\\"{word}\\""' not in text] == []


def test_defaults_are_what_the_writer_writes(reader):
    written = json.loads(reader.rewrite(b'{"ociVersion":"1.1.0"}'))
    found = list(walk_defaults(SCHEMA, written))
    assert len(found) > 10
    for path, default, value in found:
        assert value == default, path
    VALIDATOR.validate(written)


def walk_defaults(schema, written, path="$"):
    """(path, default by SCHEMA, value in WRITTEN) of all that has a default."""
    for key, value in schema.get("properties", {}).items():
        if "default" in value:
            yield f"{path}.{key}", value["default"], written[key]
        yield from walk_defaults(value, written.get(key, {}), f"{path}.{key}")
