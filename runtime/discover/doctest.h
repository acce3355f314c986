/*
 * doctest: whether a text has examples of doctest (DocTestParser in Lib/doctest.py).
 */
#ifndef TACH_DISCOVER_DOCTEST_H
#define TACH_DISCOVER_DOCTEST_H

#include <stddef.h>

enum doctest_found {
        DOCTEST_NONE,
        DOCTEST_EXAMPLES,
        DOCTEST_UNSURE, /* it raises ValueError unless some plugin knows an option */
        DOCTEST_BROKEN, /* it has some, and the parser raises ValueError */
        DOCTEST_FAILED, /* no memory */
};

/* Looks through the N bytes at TEXT. *RET_LINE (from 0) is where, if it is not NONE. */
enum doctest_found doctest_find(const char *text, size_t n, size_t *ret_line);

#endif
