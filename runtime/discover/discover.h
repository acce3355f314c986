/*
 * discover: the tests of a project, read from its text. No Python is started and nothing is imported.
 *
 * The order and the spelling of the node ids are pytest's (checked against 7.2.1): of each folder first its
 * files by name, then its folders; of each class first what it inherits (reverse MRO), then its own methods
 * in the order of the class's dict; unittest.TestCase methods by name.
 *
 * A hint: what pytest collects is the truth. It knows more of names imported from other files, of tests made
 * by code (pytest_generate_tests, metaclasses, plugins, load_tests), of collect_ignore in conftest files and
 * of doctests. A function whose parameters cannot be read as literals, or that asks for a fixture with
 * params, is printed once, without brackets; fixtures of conftest files and plugins are not looked at.
 */
#ifndef TACH_DISCOVER_DISCOVER_H
#define TACH_DISCOVER_DISCOVER_H

#include <stddef.h>
#include <stdio.h>

#include "spec/base/error.h"

/* Prints one node id a line on OUT, as `pytest --collect-only -q` orders them. ROOT is pytest's rootdir, an
 * absolute path: node ids are relative to it and its ini file counts. The N PATHS are files, folders and node
 * ids as pytest takes them, relative to the current folder; with none, testpaths (if the current folder is
 * ROOT), else the current folder.
 * A file with a syntax error or one that cannot be read is named on stderr as a warning, and the others are
 * listed; so is an argument that matches no test.
 * Returns 0, 5 (pytest's "no tests") or -errno with ERR (phase "list"): a path that does not exist, an ini
 * file that cannot be read, no memory, a failed write. */
int discover_list(const char *root, char *const *paths, size_t n, FILE *out, struct error *err);

#endif
