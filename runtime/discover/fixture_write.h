/* fixture_write: fixtures as text (one line each, grouped by file), as JSON lines, or as a graph. */
#ifndef TACH_DISCOVER_FIXTURE_WRITE_H
#define TACH_DISCOVER_FIXTURE_WRITE_H

#include <stdio.h>

#include "runtime/discover/fixture_list.h"

struct fixture_writer {
        const struct fixture_request *request;
        const struct fixtures *fixtures;
        FILE *out;
        /* definitions that have been written, and edges of the graph: hash tables of pointers and pairs */
        const void **slots;
        size_t n_slots, n;
        struct listed {
                const struct fixture_def *def, *overrides;
        } * defs; /* of FIXTURES_HUMAN, which are sorted first */
        size_t n_defs, cap_defs;
};

void fixture_write_begin(struct fixture_writer *w, const struct fixture_request *request,
                         const struct fixtures *fixtures, FILE *out);
int fixture_write_test(struct fixture_writer *w, const char *nodeid, const struct closure *closure);
/* A test whose fixtures cannot be told. */
int fixture_write_unknown(struct fixture_writer *w, const char *nodeid);
int fixture_write_problem(struct fixture_writer *w, const struct fixture_report *report);
int fixture_write_end(struct fixture_writer *w);
void fixture_write_finish(struct fixture_writer *w);

#endif
