"""Options with which pytest does something else than running tests: it then goes on as it is, in the zygote, and whatever
it prints is shown. ``--setup-only`` is one of them: it sets fixtures up, one test's after another's, and runs no test."""

#: pytest's names for them.
OPTIONS = (
    "collectonly", "setuponly", "setupplan", "showfixtures", "show_fixtures_per_test", "markers", "cacheshow", "version", "help",
)  # fmt: skip


def is_asked(option):
    """Whether OPTION, pytest's options, or None, has one of them."""
    return any(getattr(option, name, None) for name in OPTIONS)


def sets_up(option):
    """Whether fixtures are set up all the same."""
    return bool(getattr(option, "setuponly", False)) and not getattr(option, "setupplan", False)
