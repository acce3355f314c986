"""What a snapshot's fixtures print and log in a test's name, put where the test has it under pytest.

What was set up before the test precedes what its own set-up prints. What the test asked for as it ran is said where it asks
again: from then on whatever captures there, the test's own ``capsys`` too, has it.
"""

import sys
from contextlib import suppress

from _pytest.logging import caplog_handler_key, caplog_records_key

_STREAMS = {"stdout": lambda: sys.stdout, "stderr": lambda: sys.stderr}


class _Asked:
    """A fixture that was set up because a test asked for it. SECTIONS: (phase, name, text) of that."""

    def __init__(self, definition, phase, sections, records):
        self.definition, self.phase, self.records = definition, phase, records
        self.sections = sections

    def say(self, plugin):
        """PLUGIN: pytest's for logging, or None."""
        for _, name, text in self.sections:
            with suppress(Exception):  # whatever the test has made of them
                _STREAMS[name]().write(text)
        for record in self.records if plugin is not None else ():
            plugin.caplog_handler.emit(record)
            plugin.report_handler.emit(record)


class Retold:
    """Of one process; clones inherit what its snapshots have noted."""

    def __init__(self, config):
        self.config = config
        #: {index of an item: log records}, {index: what it asked for}
        self.early, self.asked = {}, {}
        self.watched = []

    def note(self, item, index):
        """The item has been set up for."""
        records = item.stash.get(caplog_records_key, {}).get("setup", ())
        self.early.setdefault(index, []).extend(records)

    def note_asked(self, item, index, definition, phase, n_before):
        """... because it asked for the DEFINITION. N_BEFORE: sections it had before, records too."""
        n_sections, n_records = n_before
        sections, records = item._report_sections, self.early.get(index, [])
        new = [(phase, *section[1:]) for section in sections[n_sections:]]
        self.asked.setdefault(index, []).append(_Asked(definition, phase, new, records[n_records:]))
        del sections[n_sections:], records[n_records:]

    def forget(self, item, index, n_before):
        """The test will say it itself."""
        n_sections, n_records = n_before
        del item._report_sections[n_sections:], self.early[index][n_records:]

    def count(self, item, index):
        return len(item._report_sections), len(self.early.get(index, ()))

    def begin(self, item, index, asking):
        """The item is about to run in this process."""
        for asked in self.asked.get(index, ()):
            self._watch(item, asked, asking)

    def _watch(self, item, asked, asking):
        definition = asked.definition
        plugin = self.config.pluginmanager.getplugin("logging-plugin")

        def cache_key(request):
            # pytest asks for it when the fixture is asked for; what is done here is seen in no traceback
            if request._pyfuncitem is item and asking.phase == asked.phase and asked in self.watched:
                self._unwatch(asked)
                asked.say(plugin)
            return type(definition).cache_key(definition, request)

        definition.cache_key = cache_key
        self.watched.append(asked)

    def _unwatch(self, asked):
        self.watched.remove(asked)
        vars(asked.definition).pop("cache_key", None)

    def begin_setup(self, item, index):
        """``caplog`` knows what was logged before."""
        handler = item.stash.get(caplog_handler_key, None)
        for record in self.early.get(index, ()) if handler is not None else ():
            handler.emit(record)

    def end_phase(self, item, phase):
        """What was not asked for again comes first; one section of each name."""
        left = [asked for asked in self.watched if asked.phase == phase]
        for asked in left:
            self._unwatch(asked)
        found = {}
        for when, name, text in [*(section for asked in left for section in asked.sections), *item._report_sections]:
            before = found.get((when, name), "")
            gap = "" if name in _STREAMS or not before or before.endswith("\n") else "\n"
            found[when, name] = before + gap + text
        item._report_sections[:] = [(*key, text) for key, text in found.items()]
