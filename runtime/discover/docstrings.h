/*
 * docstrings: the doctest items of a module, as --doctest-modules collects them (DoctestModule in
 * _pytest/doctest.py, DocTestFinder in Lib/doctest.py): by name "package.module.Class.method".
 */
#ifndef TACH_DISCOVER_DOCSTRINGS_H
#define TACH_DISCOVER_DOCSTRINGS_H

#include "runtime/discover/ini.h"
#include "runtime/discover/module.h"
#include "runtime/discover/test.h"

/* Hands each item of MODULE, whose whole text has the tree below ROOT, to EACH, in pytest's order; an entry
 * for the file (PREFIX) where code may make others. SELECT: the one item that is wanted, or NULL.
 * Returns 0, -ENOMEM or what EACH returned. */
int docstrings_collect(struct module *module, struct node root, const struct ini *ini, const char *prefix,
                       const char *select, test_sink *each, void *ctx);

#endif
