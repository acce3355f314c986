"""What Django's test runner would do around a test that is no TestCase of Django's.

Such a test may use every database, in a transaction that begins when it first does, and is rolled back after the
test's fixtures have been torn down. What its coroutines hand to threads uses the same connection.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import SyncToAsync
from django.conf import settings
from django.core import mail
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase


class _WhenAsked:
    """The connection's ``in_atomic_block`` while a test's own block is still to begin: whoever asks makes it begin.

    As an attribute of the class it is found only where the connection has none."""

    def __get__(self, connection, _):
        connection.ensure_connection()
        return vars(connection)["in_atomic_block"]


class _Block:
    """The transactions of one test, by alias."""

    def __init__(self, aliases, checks):
        self.entered = {}
        self.checks = checks
        #: {alias: what in_atomic_block was} of those that are still to begin
        self.armed = {}
        self.aliases = list(aliases)
        self.durability = getattr(transaction.Atomic, "_ensure_durability", None)  # Django before 4.1

    def _mind_durability(self, how):
        """A durable block may be what makes the test's own begin, and asks before."""
        if self.durability:
            transaction.Atomic._ensure_durability = how

    def arm(self):
        self._mind_durability(False)
        for alias in self.aliases:
            if alias not in self.entered:
                self._arm(alias)

    def _arm(self, alias):
        attributes = vars(connections[alias])
        self.armed[alias] = attributes.pop("in_atomic_block")
        attributes["ensure_connection"] = lambda: self._enter(alias)

    def disarm(self):
        self._mind_durability(True)
        for alias in list(self.armed):
            self._disarm(alias)

    def _disarm(self, alias):
        attributes = vars(connections[alias])
        attributes.setdefault("in_atomic_block", self.armed.pop(alias))
        attributes.pop("ensure_connection", None)

    def _enter(self, alias):
        connection = connections[alias]
        self._disarm(alias)  # connecting calls it again, and must not be in a transaction yet
        try:
            connection.ensure_connection()
        except BaseException:
            self._arm(alias)
            raise
        block = transaction.atomic(using=alias)
        block._from_testcase = True
        block.__enter__()
        self.entered[alias] = block

    def _check(self, connection):
        if connection.connection is None or connection.needs_rollback or not connection.is_usable():
            return
        if connection.features.can_defer_constraint_checks:
            connection.check_constraints()

    def roll_back(self):
        """Ends the transactions. Raises what constraints are violated."""
        self.disarm()
        try:
            for alias in reversed(self.entered) if self.checks else ():
                self._check(connections[alias])
        finally:
            for alias, block in reversed(self.entered.items()):
                transaction.set_rollback(True, using=alias)
                block.__exit__(None, None, None)
            self.entered.clear()


class _SharedConnections:
    """In the one thread that asgiref runs synchronous code of coroutines in, the connections of this one."""

    def __init__(self, aliases):
        self.shared = {alias: connections[alias] for alias in aliases}
        self.executor = ThreadPoolExecutor(max_workers=1, initializer=self._share)

    def _share(self):
        for alias, connection in self.shared.items():
            connections[alias] = connection

    def __enter__(self):
        for connection in self.shared.values():
            connection.inc_thread_sharing()
        self.before, SyncToAsync.single_thread_executor = SyncToAsync.single_thread_executor, self.executor

    def __exit__(self, *_):
        SyncToAsync.single_thread_executor = self.before
        self.executor.shutdown()
        for connection in self.shared.values():
            connection.dec_thread_sharing()


def _options(transaction=False, reset_sequences=False, databases=None, serialized_rollback=False):
    return {
        "transaction": transaction or reset_sequences,
        "reset_sequences": reset_sequences,
        "databases": "__all__" if databases is None else databases,
        "serialized_rollback": serialized_rollback,
    }


#: Fixtures whose tests commit.
_COMMITTING = {"transactional_db", "django_db_reset_sequences", "live_server"}


def _live_server_case():
    """Serves what it is asked for, static files too."""
    if "django.contrib.staticfiles" not in settings.INSTALLED_APPS:
        return LiveServerTestCase
    from django.contrib.staticfiles.testing import StaticLiveServerTestCase

    return StaticLiveServerTestCase


class DjangoTests:
    def __init__(self, databases):
        BaseDatabaseWrapper.in_atomic_block = _WhenAsked()
        self.databases = databases
        self.block = None
        #: of Django, that the test runs as, if it commits
        self.case = None

    def _is_case(self, item, case):
        cls = getattr(item, "cls", None)
        return isinstance(cls, type) and issubclass(cls, case)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef, request):
        """What fixtures of wider scopes do to a database stays, but for setUpClass, which begins a transaction."""
        if request.scope == "function":
            yield
            return
        before, self.databases.atomic = self.databases.atomic, False
        if "setUpClass" in fixturedef.argname:
            self.databases.atomic = self._is_case(request, TestCase)
        if self.block is not None:
            self.block.disarm()
        yield
        self.databases.atomic = before
        if self.block is not None:
            self.block.arm()

    @pytest.fixture(autouse=True)
    def _django_test(self, request):
        if self._is_case(request.node, TestCase):
            # for what its fixtures do before its own block begins, which is in that of its class
            used = [alias for alias in self.databases.made if alias in request.cls.databases]
            yield from self._rolled_back(_Block(used, checks=False))
            return
        if self._is_case(request.node, SimpleTestCase):
            yield
            return
        mail.outbox = []
        mark = request.node.get_closest_marker("django_db")
        options = _options(*mark.args, **mark.kwargs) if mark is not None else _options()
        names = set(request.fixturenames)
        options["reset_sequences"] |= "django_db_reset_sequences" in names
        options["serialized_rollback"] |= "django_db_serialized_rollback" in names
        if options.pop("transaction") or names & _COMMITTING:
            yield from self._transactional(_live_server_case() if "live_server" in names else TransactionTestCase, options)
        else:
            with _SharedConnections(self.databases.made):
                yield from self._rolled_back(_Block(self.databases.made, checks=True))

    def _rolled_back(self, block):
        self.databases.atomic = True
        self.block = block
        block.arm()
        try:
            yield
        finally:
            self.databases.atomic = False
            self.block = None
            block.roll_back()

    def _transactional(self, base, options):
        """As a test of BASE, a TransactionTestCase."""
        case_type = type("Case", (base,), {**options, "runTest": lambda self: None})
        case_type.setUpClass()
        try:
            self.case = case = case_type()
            case._pre_setup()
            yield
            case._post_teardown()
        finally:
            self.case = None
            case_type.tearDownClass()
            case_type.doClassCleanups()
