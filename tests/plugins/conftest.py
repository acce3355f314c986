"""``plugin``: pytest plugins of Debian's, where they are installed or unpacked below build/plugins."""

import importlib.util
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "parity"), str(ROOT / "tests" / "cli")]

import parity  # noqa: E402


class Plugins:
    """Suites that use plugins, run by pytest and by tach."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch

    def use(self, module, package):
        """Makes the plugin MODULE of Debian's PACKAGE visible, or skips."""
        if importlib.util.find_spec(module) is not None:
            return
        path = ROOT / "build" / "plugins" / package / "usr/lib/python3/dist-packages"
        if not path.is_dir():
            pytest.skip(f"{package} is missing: scripts/bootstrap plugins")
        self.monkeypatch.setenv("PYTHONPATH", str(path), prepend=":")

    def write(self, **files):
        for name, text in files.items():
            name = name if "." in name else f"{name}.py"
            (self.folder / name).write_text(text)

    def same(self, *args, isolated=True):
        """Asserts that tach says what pytest says; tach's run."""
        found, expected, actual = parity.compare(self.folder, ["-p", "no:cacheprovider", *args], isolated=isolated)
        assert not found and expected.tests, "\n".join(found) + expected.text + actual.text
        return actual


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    folder = tmp_path / "suite"
    folder.mkdir()
    for name in ("PYTHONPATH", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    return Plugins(folder, monkeypatch)


@pytest.fixture
def tach(plugin):
    """Runs tach in the suite's folder; its Result."""
    import os

    from running import Suite

    return lambda *args: Suite(plugin.folder).tach(*args, env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")})
