/*
 * report: what a run looks like: each event of the stream once, in order, to the reporters that were asked
 * for.
 */
#ifndef TACH_FRONT_REPORT_H
#define TACH_FRONT_REPORT_H

#include <stdbool.h>
#include <stdio.h>
#include <yajl/yajl_tree.h>

#include "runtime/front/settings.h"
#include "runtime/front/terminal.h"
#include "spec/base/error.h"
#include "spec/service.h"

struct report {
        const struct choices *choices;
        FILE *out;
        int verbosity;
        bool color;
        bool live; /* a terminal: a progress bar that is drawn over */
        bool asks; /* options ask for something else than running tests: pytest tells of that alone */
        bool no_header;
        unsigned width;
        /* the run so far */
        long number, done, failed;
        double begin, drawn; /* seconds, monotonic */
        size_t column;
        bool bar;       /* is on the screen */
        int lost;       /* errno of the first write that failed */
        yajl_val *kept; /* test events with something to tell at the end; all of them for JUnit */
        size_t n_kept, capacity;
        yajl_val *warnings;
        size_t n_warnings, warnings_capacity;
        yajl_val unreachable[SERVICES_MAX]; /* service events, the first that failed of each service */
        size_t n_unreachable;
        yajl_val *scopes; /* scope events */
        size_t n_scopes, scopes_capacity;
        yajl_val *writes; /* wrote events, with -v */
        size_t n_writes, writes_capacity;
        long long n_kept_paths, n_lost_paths;
        yajl_val *more; /* summary events */
        size_t n_more, more_capacity;
        yajl_val start, collected, session, finish; /* NULL until they came */
        struct terminal *passes;                    /* where tests' output is shown as they run; or NULL */
        char *shown;      /* the test whose name or letter was printed last, while it runs; or NULL */
        char letters[16]; /* what was printed of it */
};

void report_begin(struct report *r, const struct choices *choices, int verbosity, FILE *out);

/* Output is shown on TERMINAL as tests run, unless that is NULL. */
void report_pass(struct report *r, struct terminal *terminal);

/* Whether a test with this OUTCOME makes a run fail. */
bool report_is_failure(const char *outcome);

/* One line of the stream. 0, or -EPROTO where it is no event. */
int report_line(struct report *r, const char *text, size_t n);

/* Now and then, for the progress bar. */
void report_tick(struct report *r);

/* After the last event: sections, summary, JUnit file. CODE: tach-run's exit code as engine_run gives it.
 * Returns the exit code of tach. */
int report_end(struct report *r, int code, struct error *err);

void report_finish(struct report *r);

/* ---- the reporters; each file has one ---- */

/* report_writes.c: what tests wrote to the project, and what of it was kept */
void writes_print(struct report *r);

/* report_output.c: what tests print as they run, and how their phases ended */
void output_event(struct report *r, yajl_val v);
void output_phase(struct report *r, yajl_val v);
/* The test V has ended. */
void output_test(struct report *r, yajl_val v);

/* report_human.c */
void human_event(struct report *r, const char *event, yajl_val v);
void human_tick(struct report *r);
void human_end(struct report *r);

/* report_junit.c: writes the file at PATH as pytest's junitxml (xunit2) would. */
int junit_write(const struct report *r, const char *path, struct error *err);
/* "tests/test_a.py::TestA::test_b[x.y]" -> "tests.test_a.TestA" and "test_b[x.y]"; both are the caller's. */
int junit_address(const char *nodeid, char **ret_class, char **ret_name);

#endif
