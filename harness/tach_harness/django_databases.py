"""The test databases of Django: made once in the zygote, and what each of its clones has instead of them.

SQLite in memory is part of the process, and copied with it. An SQLite file is the cell's own copy; without cells, a
process copies it before it first connects. Of a PostgreSQL database, processes have copies (CREATE DATABASE ...
TEMPLATE): one for each worker, in which everything happens in transactions that are rolled back, and a fresh one for a
process that commits: TransactionTestCase, fixtures of wider scopes.
"""

import contextlib
import os
import shutil
import tempfile
import threading

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import NO_DB_ALIAS, BaseDatabaseWrapper
from django.test import SimpleTestCase, utils

from tach_harness import django_postgres


class DatabaseNotAllowed(RuntimeError):
    pass


def _is_in_memory(connection):
    return connection.vendor == "sqlite" and connection.is_in_memory_db()


def _needed(items):
    """The aliases that ITEMS may use; None: all."""
    found = set()
    for item in items:
        cls = getattr(item, "cls", None)
        aliases = cls.databases if isinstance(cls, type) and issubclass(cls, SimpleTestCase) else "__all__"
        if aliases == "__all__":
            return None
        found.update(aliases)
    return found | ({DEFAULT_DB_ALIAS} if found else set())


class Databases:
    def __init__(self, isolated, config):
        self.isolated, self.config = isolated, config
        #: {alias: the alias whose test database it uses}; None: anything goes
        self.made = {}
        self.are_made = False
        self.old_names = []
        #: whether what connects now rolls back all that it does
        self.atomic = False
        #: process, {alias: what it has of it: "worker" (the worker's copy), "own"}, {alias: what is copied for it}
        self.pid, self.copies, self.templates = os.getpid(), {}, {}
        self.lock = threading.RLock()
        self.folder = None
        self.replaced = connect = BaseDatabaseWrapper.connect

        def connect_to_copy(wrapper):
            __tracebackhide__ = True
            with self.lock:
                self._before(wrapper)
                try:
                    return connect(wrapper)
                except wrapper.Database.OperationalError:
                    if not self._make_missing(wrapper):
                        raise
                return connect(wrapper)

        BaseDatabaseWrapper.connect = connect_to_copy

    def leave(self):
        BaseDatabaseWrapper.connect = self.replaced

    def make(self, items):
        """Makes those that ITEMS need, in the zygote."""
        aliases = _needed(items)
        databases, mirrors = utils.get_unique_databases_and_mirrors(aliases)
        made = {alias: names[0] for _, names in databases.values() for alias in names}
        made.update((alias, made[primary]) for alias, primary in mirrors.items() if primary in made)
        for alias in made:
            if connections[alias].vendor not in ("sqlite", "postgresql"):
                raise NotImplementedError(
                    f"the database '{alias}' is {connections[alias].display_name}, of which no copies can be made for workers: "
                    "SQLite and PostgreSQL can; with pytest-django installed, its way is used"
                )
        self.made = None
        self.old_names = utils.setup_databases(verbosity=0, interactive=False, aliases=aliases)
        for alias in made:
            connection = connections[alias]
            _ = connection.features.supports_transactions  # finds out by making a table
            connection.close()
            self.templates[alias] = connection.settings_dict["NAME"]
            if connection.vendor == "postgresql" and made[alias] == alias:
                django_postgres.drop_copies(connection, self.templates[alias])
        if not self.isolated and any(connections[alias].vendor == "sqlite" for alias in made):
            self.folder = tempfile.mkdtemp(prefix="tach-django-")
        self.made, self.are_made = made, True

    def destroy(self):
        """At the session's end, in the zygote."""
        made, self.made = self.made or {}, None  # none where they could not be made
        for alias, primary in made.items():
            if connections[alias].vendor == "postgresql" and primary == alias:
                django_postgres.drop_copies(connections[alias], self.templates[alias])
        utils.teardown_databases(self.old_names, verbosity=0)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.leave()

    def _rename(self, primary, name):
        for alias, one in self.made.items():
            if one == primary:
                settings.DATABASES[alias]["NAME"] = connections[alias].settings_dict["NAME"] = name

    def _worker(self):
        return getattr(self.config, "workerinput", {}).get("workerid", "zygote")

    def _become(self):
        """Forgets what the process had that this one was cloned from: it connects to copies of that."""
        if self.pid != os.getpid():
            self.pid = os.getpid()
            for primary, kind in self.copies.items():
                if kind == "own":
                    self.templates[primary] = connections[primary].settings_dict["NAME"]
            self.copies = {primary: "base" for primary, kind in self.copies.items() if kind != "worker"}

    def _before(self, wrapper):
        """WRAPPER is about to connect: to which copy."""
        if self.made is None or wrapper.alias == NO_DB_ALIAS:
            return
        if wrapper.alias not in self.made:
            raise DatabaseNotAllowed(
                f"no test database was made for '{wrapper.alias}': the real one is not to be touched by tests"
                if self.are_made
                else "the suite uses a database while it is collected, before there is a test database"
            )
        self._become()
        primary = self.made[wrapper.alias]
        if _is_in_memory(wrapper) or (wrapper.vendor == "sqlite" and self.isolated):
            return
        kind = self.copies.get(primary)
        if wrapper.vendor == "sqlite":
            if kind != "own":
                name = os.path.join(self.folder, f"{primary}-{self._worker()}.sqlite3")
                for end in ("", "-journal", "-wal", "-shm"):  # of a process before
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(name + end)
                shutil.copy(self.templates[primary], name)
                self._rename(primary, name)
                self.copies[primary] = "own"
        elif self.atomic and kind in (None, "worker"):
            self._rename(primary, django_postgres.name_of_copy(self.templates[primary], self._worker()))
            self.copies[primary] = "worker"
        elif kind != "own":
            name = django_postgres.name_of_copy(self.templates[primary], self._worker(), own=True)
            django_postgres.make_copy(wrapper, self.templates[primary], name)
            self._rename(primary, name)
            self.copies[primary] = "own"

    def _make_missing(self, wrapper):
        """Whether the worker's copy was missing, which WRAPPER could not connect to."""
        if self.made is None or self.copies.get(self.made.get(wrapper.alias)) != "worker":
            return False
        name = wrapper.settings_dict["NAME"]
        if django_postgres.exists(wrapper, name):
            return False
        django_postgres.make_copy(wrapper, self.templates[self.made[wrapper.alias]], name)
        return True
