/*
 * discover: which tests a suite has, from its sources alone; Python is never started. A hint: what pytest
 * collects is the truth.
 */
#ifndef TACH_DISCOVER_DISCOVER_H
#define TACH_DISCOVER_DISCOVER_H

#include <stddef.h>
#include <stdio.h>

#include "spec/base/error.h"

/* Writes the node ids below PATHS[0..N) (files, folders, FILE::NODE; none: testpaths or the current folder)
 * to OUT, one a line, relative to ROOT, in pytest's order. A file that is no Python gets a warning on
 * standard error. Returns 0, 5 (pytest's "no tests") or -errno with ERR (phase "list"). */
int discover_list(const char *root, char *const *paths, size_t n, FILE *out, struct error *err);

#endif
