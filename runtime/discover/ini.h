/*
 * ini: the settings of pytest that decide what is collected.
 */
#ifndef TACH_DISCOVER_INI_H
#define TACH_DISCOVER_INI_H

#include "spec/base/error.h"
#include "spec/spec.h"

struct ini {
        struct spec_strv python_files, python_classes, python_functions, testpaths, norecursedirs;
};

/* From the first of pytest.ini, pyproject.toml, tox.ini, setup.cfg in ROOT that configures pytest; defaults
 * for the rest. */
int ini_read(struct ini *ret, const char *root, struct error *err);
void ini_finish(struct ini *ini);

/* pytest's rule for python_functions and python_classes: a prefix, or a glob. */
int ini_matches(const struct spec_strv *patterns, const char *name);

#endif
