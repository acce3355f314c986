/*
 * select: which test files a run need not import, by --changed, --shard, -k and -m, and what tach list
 * prints.
 */
#ifndef TACH_FRONT_SELECT_H
#define TACH_FRONT_SELECT_H

#include <stdatomic.h>
#include <stdio.h>

#include "runtime/discover/discover.h"
#include "runtime/front/args.h"
#include "runtime/front/settings.h"
#include "spec/base/error.h"
#include "spec/spec.h"

struct tree_cache;

struct select_request {
        const struct args *args;
        const struct settings *settings;
        const char *root;         /* pytest's rootdir */
        const char *python;       /* whose modules names are looked up in, or NULL */
        struct tree_cache *cache; /* or NULL */
        FILE *say; /* where it is said what --changed and --shard left, and why; NULL: nowhere */
        /* Absolute paths that changed while they were watched: only what they can affect is left; NULL: not
         * known, all is left. --changed does not count then. */
        const struct spec_strv *touched;
};

/* Fills RET, which is empty before, with what the run leaves out; given stays false where that is nothing.
 * 1: nothing is left, by what was touched. Errors: of -k and -m (phase "usage"), of git (phase "changed"), of
 * reading. */
int select_files(const struct select_request *request, struct spec_select *ret, struct error *err);

/* Prints the tests that are left; as discover_print. */
int select_list(const struct select_request *request, enum discover_format format, FILE *out,
                struct error *err);

/* Writes to OUT, as events, what is wrong with the fixtures of the tests that are surely run; SELECT is what
 * select_files said. Gives up when STOP becomes true. Nothing is written where options choose among the tests
 * by what is not read here. 0 or -errno. */
int select_problems(const struct select_request *request, const struct spec_select *select,
                    const atomic_bool *stop, FILE *out, struct error *err);

/* Prints the import graph of the test files that are left in Graphviz' language. */
int select_print_imports(const struct select_request *request, FILE *out, struct error *err);

#endif
