"""Django without pytest-django: django.setup() once, before conftests are imported; the test databases once, after the
suite has been collected and before tests are cloned; both undone at the session's end.

Steps aside where pytest-django is loaded, and where the suite has called setup_test_environment() itself.
"""

import importlib.util
import os
import sys

import pytest

from tach_harness import pytest_versions

VARIABLE = "DJANGO_SETTINGS_MODULE"


def _is_there(module):
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _causes(error):
    """ERROR and what led to it, in one line."""
    found = []
    while error is not None:
        text = str(error).strip().replace("\n", " ")
        found.append(f"{type(error).__name__}: {text}" if text else type(error).__name__)
        error = error.__cause__
    return "; caused by ".join(found)


class DjangoNative:
    """SETTINGS: the module; None: what the environment says; "": none. ISOLATED: whether each process has files of its own."""

    def __init__(self, settings, isolated):
        self.named, self.isolated = bool(settings), isolated
        self.databases = None
        self.old_names = None
        if settings:
            os.environ[VARIABLE] = settings  # for pytest-django too
        self.settings = os.environ.get(VARIABLE) if settings is None else settings

    def _take_ini(self, config):
        """The file of pytest's settings, where pytest-django has it, comes last."""
        found = pytest_versions.ini_of_another(config, VARIABLE, "Django's settings")
        if found and self.settings is None:
            self.named, self.settings = True, found
            os.environ[VARIABLE] = found

    def _is_wanted(self, manager):
        if not self.settings or any(pytest_versions.module_of(one).startswith("pytest_django") for one in manager.get_plugins()):
            return False
        # a variable that is left over from something else is not an error
        return self.named or (_is_there("django") and _is_there(self.settings))

    def pytest_load_initial_conftests(self, early_config):
        self._take_ini(early_config)
        if not self._is_wanted(early_config.pluginmanager):
            return
        try:
            import django
            from django.conf import settings

            settings.DATABASES  # noqa: B018  reads the module
            django.setup()
        except Exception as e:
            raise pytest.UsageError(
                f"Django cannot be set up with the settings '{self.settings}': {_causes(e)} (other settings: django_settings "
                f'in [tool.tach], or {VARIABLE}; none: django_settings = "")'
            ) from e
        from tach_harness import django_databases, django_fixtures, django_tests

        self.databases = django_databases.Databases(self.isolated, early_config)
        tests = django_tests.DjangoTests(self.databases)
        early_config.pluginmanager.register(tests, "tach-django")
        early_config.pluginmanager.register(django_fixtures.DjangoFixtures(lambda: tests.case), "tach-django-fixtures")
        early_config.addinivalue_line(
            "markers", "django_db(transaction=False, reset_sequences=False, databases=None, serialized_rollback=False): "
            "how the test uses Django's databases, which every test may use in a transaction that is rolled back"
        )  # fmt: skip

    def pytest_report_header(self):
        if self.databases is None:
            return None
        import django

        return f"django: {django.get_version()}, settings: {self.settings}"

    def before_clones(self, session):
        """Makes the databases. Raises UsageError."""
        if self.databases is None:
            return
        from django.test import utils

        if hasattr(utils._TestState, "saved_data"):
            self.databases.leave()
            session.config.pluginmanager.unregister(name="tach-django")
            session.config.pluginmanager.unregister(name="tach-django-fixtures")
            self.databases = None
            return
        utils.setup_test_environment(debug=False)
        try:
            self.databases.make(session.items)
        except (Exception, SystemExit) as e:
            sys.stderr.flush()
            raise pytest.UsageError(
                f"Django's test databases cannot be made: {_causes(e)} (a database server of this machine is let in with "
                '[tool.tach] services = ["127.0.0.1:5432"])'
            ) from e

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self):
        if self.databases is None:
            return
        from django.test import utils

        if hasattr(utils._TestState, "saved_data"):
            self.databases.destroy()
            utils.teardown_test_environment()
