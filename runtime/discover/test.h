/*
 * test: what is known of one test. Everything lives until the function that it is handed to returns.
 */
#ifndef TACH_DISCOVER_TEST_H
#define TACH_DISCOVER_TEST_H

#include "runtime/discover/marks.h"
#include "runtime/discover/module.h"

/* The classes that a test is in, innermost first. */
struct chain {
        struct class_def *class_def;
        const struct chain *outer;
        int depth;
};

struct test {
        const char *nodeid;
        const char *path; /* absolute, of the file that has its code: a base class may be in another one */
        uint32_t
            line; /* in that file, from 1, of its first decorator or its def, as pytest counts; 0: none */
        const struct marks *marks;
        struct ids fixtures;            /* the names that it asks for */
        const char *dynamic;            /* why it may not be what pytest collects, or NULL */
        bool partial;                   /* not a test: a file or a class of which more may be collected */
        const struct binding *function; /* NULL if partial */
        const struct scope *scope;      /* that the function is bound in */
        const struct chain *chain;
};

/* Returns 0, or -errno to stop. */
typedef int test_sink(void *ctx, const struct test *test);

#endif
