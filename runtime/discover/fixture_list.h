/* fixture_list: the fixtures of the tests that PATHS name, written for people, programs or Graphviz, and what
 * is wrong with them. */
#ifndef TACH_DISCOVER_FIXTURE_LIST_H
#define TACH_DISCOVER_FIXTURE_LIST_H

#include <stdatomic.h>
#include <stdio.h>

#include "runtime/discover/fixtures.h"
#include "runtime/discover/match.h"
#include "runtime/discover/walk.h"
#include "spec/base/error.h"

enum fixture_format {
        FIXTURES_HUMAN,
        FIXTURES_JSON,
        FIXTURES_DOT,
        FIXTURES_PROBLEMS, /* as FIXTURES_JSON, nothing else */
};

struct tree_cache;

/* The tests that count, where that is known; others have no problems. */
struct fixture_selection {
        const struct ini *ini; /* with what the options say */
        const struct walk *walk;
        const bool *left_out;          /* of the walk's files */
        const struct matcher *matcher; /* NULL: all match */
};

struct fixture_request {
        const char *root;        /* pytest's rootdir, absolute */
        const char *config_file; /* of -c, or NULL */
        const char *python;      /* the interpreter, absolute; it is not started */
        char *const *paths;      /* as discover_list */
        size_t n;
        const struct spec_strv *options; /* pytest's, or NULL */
        enum fixture_format format;
        const struct fixture_selection *selection; /* NULL: all tests that PATHS name */
        bool all;                                  /* those of plugins too */
        bool django;                               /* Django is set up, which brings fixtures */
        struct tree_cache *cache;                  /* or NULL */
        const atomic_bool *stop;                   /* gives up when it becomes true; may be NULL */
};

/* A problem, and the tests that have it. */
struct fixture_report {
        const struct problem *problem;
        size_t n_tests;
};

/* Writes to OUT the fixtures of all tests that are found, with FIXTURES_JSON one object a line: "fixture",
 * "test" and "problem". EACH (may be NULL) is called for every problem, in the order of the tests.
 * Returns 0, 5 where there is no test, or -errno with ERR (-ECANCELED: it was stopped). */
int fixture_list(const struct fixture_request *request, FILE *out,
                 void (*each)(void *ctx, const struct fixture_report *report), void *ctx, struct error *err);

#endif
