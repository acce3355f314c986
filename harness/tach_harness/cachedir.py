"""pytest's cache folder: what the session changed in it, so that the engine can do the same on disk.

In the sandbox the project is copy-on-write: without that, --lf would know nothing of the run before.
"""

import json
import os

#: What pytest puts beside v/ into a new cache folder.
_ABOUT = ("README.md", ".gitignore", "CACHEDIR.TAG")


def _path(config):
    try:
        text = config.getini("cache_dir")
    except (KeyError, ValueError):  # -p no:cacheprovider
        return None
    return os.path.join(config.rootpath, os.path.expandvars(os.path.expanduser(text)))


def _read(folder):
    """{path below FOLDER: text} of what belongs to the cache. What is no text is left alone."""
    found = {}
    paths = [os.path.join(folder, name) for name in _ABOUT]
    for above, _, names in os.walk(os.path.join(folder, "v")):
        paths += [os.path.join(above, name) for name in names]
    for path in paths:
        try:
            with open(path, encoding="utf-8", newline="") as file:
                found[os.path.relpath(path, folder)] = file.read()
        except (OSError, UnicodeDecodeError):
            continue
    return found


class CacheFolder:
    """Made before pytest configures itself, which may empty the folder (--cache-clear)."""

    def __init__(self, config):
        self.path = _path(config)
        self.before = _read(self.path) if self.path is not None else {}

    def changes(self):
        """A memory file with {"folder", "files": {path: text, or null where it is gone}}, or None: nothing changed."""
        if self.path is None:
            return None
        now = _read(self.path)
        files = {name: text for name, text in now.items() if self.before.get(name) != text}
        files.update((name, None) for name in self.before if name not in now)
        if not files:
            return None
        fd = os.memfd_create("tach-cache")
        with open(fd, "w", encoding="utf-8", errors="replace", closefd=False) as file:
            json.dump({"folder": self.path, "files": files}, file)
        return fd
