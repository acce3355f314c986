/*
 * source: the tests of one Python file, read by tree-sitter.
 */
#ifndef TACH_DISCOVER_SOURCE_H
#define TACH_DISCOVER_SOURCE_H

#include <stddef.h>

#include "runtime/discover/ini.h"
#include "spec/spec.h"

/* Appends the node ids of the file (TEXT, N bytes) to OUT, each "PREFIX::...". *RET_ERROR_LINE: the first
 * line that is no Python, 0 if none. 0 or -ENOMEM. */
int source_tests(const char *text, size_t n, const char *prefix, const struct ini *ini, struct spec_strv *out,
                 unsigned *ret_error_line);

#endif
