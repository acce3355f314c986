/*
 * result: from a worker's reports to one "test" event, counted as pytest's summary line would.
 */
#ifndef TACH_ENGINE_RESULT_H
#define TACH_ENGINE_RESULT_H

#include <stdint.h>
#include <yajl/yajl_tree.h>

#include "runtime/engine/refusals.h"
#include "runtime/engine/usage.h"
#include "spec/base/error.h"

#define RESULT_MAX_REPORTS 4096 /* subtests of one test that are kept */

/* What the reports of one test have said so far. Zero-initialised is empty. */
struct result {
        yajl_val *reports;
        size_t n, capacity;
        long failed; /* reports that failed */
};

struct verdict;

struct item {
        char *nodeid, *file;
        long long line; /* from 1 */
        uint32_t unit;
        unsigned attempt;
        int finished;
        int is_spawned;       /* in an interpreter of its own */
        int died;             /* it crashed, or ran out of time */
        unsigned asks;        /* for fixtures, as it ran */
        unsigned waits;       /* units whose end is counted to it, and still to come */
        struct verdict *held; /* until then; or NULL */
        struct result later;  /* reports of such ends that came before the verdict */
};

/* How a worker ended that did not finish its test. */
struct death {
        const char *outcome; /* "crashed" or "timeout" */
        char reason[400];
        int out_fd, err_fd; /* its output */
        double elapsed;     /* seconds since the test began */
        int by_sigkill;     /* and not the engine's */
};

struct count {
        char name[32];
        long n;
};

struct counts {
        struct count v[32];
        size_t n;
        long failed; /* what --maxfail counts: reports that failed */
};

void counts_add(struct counts *counts, const char *name, long n);

/* Takes REPORT. */
int result_add(struct result *r, yajl_val report);

/* Where a test ran. */
struct place {
        const char *isolation, *why; /* what it shared a worker with */
        const char *snapshot;        /* what it was cloned from; NULL: the interpreter that collected */
        const char *order;           /* the module in whose order it would have passed; NULL: none */
        const char *worker;          /* "fresh" or "rolled back"; NULL: nobody asked */
        const char *spent;           /* why its worker runs no other test; NULL: it does, or nobody asked */
        const char *cell;            /* "fresh" or "reused"; NULL: none */
        const struct usage *used;    /* of its cgroup leaf; NULL: nothing is known */
        const char *note;            /* what its limits did; NULL: nothing */
        const struct refusals *refusals;
};

/* Says in DEATH's reason what limits had to do with it. USED: of the leaf behind LEAF_FD; NOTE: as in a
 * place.
 */
void death_by_limit(struct death *death, const struct usage *used, int leaf_fd, const char *note);

/* Writes the test event to FD and counts it. USAGE: the "end" line's, or NULL; DEATH: NULL where it ended.
 * Returns 0 or -errno of the write. */
int result_send(const struct result *r, const struct item *item, const struct place *place, yajl_val usage,
                const struct death *death, struct counts *counts, int fd);

/* The phase that had not reported yet: "setup", "call" or "teardown". */
const char *result_phase_of_death(const struct result *r);

void result_finish(struct result *r);

#endif
