/* ini: pytest's settings that decide what is collected, from pytest.toml, pytest.ini (or the same with a
 * dot), pyproject.toml ([tool.pytest], [tool.pytest.ini_options]), tox.ini ([pytest]) or setup.cfg
 * ([tool:pytest]); the first that has them wins
 * (_pytest/config/findpaths.py). */
#ifndef TACH_DISCOVER_INI_H
#define TACH_DISCOVER_INI_H

#include <stdbool.h>

#include "spec/base/error.h"
#include "spec/spec.h"

struct ini {
        struct spec_strv python_files, python_classes, python_functions, testpaths, norecursedirs, pythonpath;
        struct spec_strv django_settings; /* DJANGO_SETTINGS_MODULE, as pytest-django has it */
        struct spec_strv usefixtures, addopts, doctest_encoding;
        bool raw_ids; /* disable_test_id_escaping_and_forfeit_all_rights_to_community_support */
        /* of options alone: */
        struct spec_strv doctest_globs; /* none: test*.txt */
        struct spec_strv ignore, ignore_globs, deselect;
        bool doctest_modules, no_conftest, in_virtualenv;
        const char *import_mode; /* NULL: prepend */
};

/* Reads the settings of the folder ROOT, or of FILE (-c) where that is not NULL; what is not set there has
 * pytest's default. */
int ini_read(struct ini *ret, const char *root, const char *file, struct error *err);

/* What pytest's options WORDS, "--name=VALUE" or in two words, change of it: -o, and those that decide what
 * is collected. Others are passed over. 0 or -ENOMEM. */
int ini_apply(struct ini *ini, const struct spec_strv *words);

/* Whether --deselect leaves out NODEID. */
bool ini_deselects(const struct ini *ini, const char *nodeid);
void ini_finish(struct ini *ini);

/* Appends the words of TEXT as shlex splits them; quotes group. 0 or -ENOMEM. */
int ini_words(struct spec_strv *strv, const char *text);

/* Python's fnmatch.fnmatchcase: * ? [seq] [!seq]; no escapes, and * matches a slash. */
bool ini_fnmatch(const char *pattern, const char *name);

#endif
