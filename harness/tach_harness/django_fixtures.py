"""Fixtures of pytest-django's names, for suites that were written for it."""

from contextlib import ExitStack, contextmanager

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import get_user_model
from django.core import mail
from django.db import connections
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory, TestCase
from django.test.utils import CaptureQueriesContext, override_settings


class Settings:
    """Django's, as long as a test runs: what is set or deleted here comes back."""

    def __init__(self, stack):
        self.__dict__["_stack"] = stack

    def __getattr__(self, name):
        return getattr(django_settings, name)

    def __setattr__(self, name, value):
        self._stack.enter_context(override_settings(**{name: value}))

    def __delattr__(self, name):
        self._stack.enter_context(override_settings())
        delattr(django_settings, name)


class LiveServer:
    """Where a server answers that uses the test's databases."""

    def __init__(self, url):
        self.url = url

    def __str__(self):
        return self.url

    def __add__(self, path):
        return self.url + path


def _count_queries(is_exact):
    @contextmanager
    def count(num, connection=None, info=None, *, using="default"):
        __tracebackhide__ = True
        with CaptureQueriesContext(connection or connections[using]) as context:
            yield context
        done = len(context)
        if done == num or (done < num and not is_exact):
            return
        wanted = "" if is_exact else " or less"
        queries = "".join(f"\n{number}. {query['sql']}" for number, query in enumerate(context.captured_queries, 1))
        pytest.fail(f"{num} queries{wanted} were expected, {done} were made{f' ({info})' if info else ''}:{queries}")

    return count


class DjangoFixtures:
    """The plugin. CASE: called for the test case of Django's that a committing test runs as."""

    def __init__(self, case):
        self.case = case

    @pytest.fixture
    def db(self):
        """Every test may use the databases."""

    @pytest.fixture
    def transactional_db(self):
        """The test commits; its databases are flushed afterwards."""

    @pytest.fixture
    def django_db_reset_sequences(self):
        """The same, and sequences begin at 1."""

    @pytest.fixture
    def django_db_serialized_rollback(self):
        """What migrations have put into the databases is there, where it was flushed."""

    @pytest.fixture
    def client(self):
        return Client()

    @pytest.fixture
    def async_client(self):
        return AsyncClient()

    @pytest.fixture
    def rf(self):
        return RequestFactory()

    @pytest.fixture
    def async_rf(self):
        return AsyncRequestFactory()

    @pytest.fixture
    def django_user_model(self):
        return get_user_model()

    @pytest.fixture
    def django_username_field(self, django_user_model):
        return django_user_model.USERNAME_FIELD

    @pytest.fixture
    def admin_user(self, django_user_model, django_username_field):
        """A superuser with the password "password"."""
        name = "admin@example.com" if django_username_field == "email" else "admin"
        manager = django_user_model._default_manager
        try:
            return manager.get_by_natural_key(name)
        except django_user_model.DoesNotExist:
            more = {"email": "admin@example.com"} if "email" in django_user_model.REQUIRED_FIELDS else {}
            return manager.create_superuser(**{**more, django_username_field: name, "password": "password"})

    @pytest.fixture
    def admin_client(self, admin_user):
        client = Client()
        client.force_login(admin_user)
        return client

    @pytest.fixture
    def settings(self):
        with ExitStack() as stack:
            yield Settings(stack)

    @pytest.fixture
    def live_server(self):
        return LiveServer(self.case().live_server_url)

    @pytest.fixture
    def mailoutbox(self):
        return mail.outbox

    @pytest.fixture
    def django_assert_num_queries(self):
        return _count_queries(is_exact=True)

    @pytest.fixture
    def django_assert_max_num_queries(self):
        return _count_queries(is_exact=False)

    @pytest.fixture
    def django_capture_on_commit_callbacks(self):
        return TestCase.captureOnCommitCallbacks
