/*
 * run_internal: what run.c and scopes.c share: a run's state, and what each calls of the other.
 */
#ifndef TACH_ENGINE_RUN_INTERNAL_H
#define TACH_ENGINE_RUN_INTERNAL_H

#include "runtime/engine/journal.h"
#include "runtime/engine/keep.h"
#include "runtime/engine/leaves.h"
#include "runtime/engine/order.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/pool.h"
#include "runtime/engine/services.h"
#include "runtime/engine/stream.h"
#include "runtime/engine/suite.h"
#include "runtime/engine/worker.h"
#include "runtime/engine/zygote.h"

enum source {
        FROM_CONTROL = 1,
        FROM_KEEPER,
        FROM_SIGNALS,
        FROM_WORKER,
        FROM_CELL,
        FROM_LISTENER,
        FROM_SNAPSHOT,
        FROM_WRITER
};

struct run {
        const struct plan *plan;
        int epoll_fd, signal_fd;
        struct zygote zygote;
        struct suite suite;
        struct worker *workers;
        unsigned n_workers, busy, leaving, offering,
            idle; /* places taken, and workers and snapshots beside them */
        struct leaves leaves;
        int listener;             /* of the zygote's filter; -1 */
        struct refusals refusals; /* while it collected */
        struct pool pool;
        struct services services;
        struct keep keep;
        struct stream stream;
        struct journal journal;
        struct order order;
        struct again again;
        int collected, quitting, zygote_gone, stopping, interrupted, fatal, signals;
        int exit_requested; /* by pytest.exit(): its code, else -1 */
        int exit_changed;   /* by a hook of the session's end: the code, else -1 */
        char exit_reason[400];
        int stopped; /* by --maxfail */
        double begin, quit_deadline;
};

/* Seconds, monotonic. */
double run_now(void);

/* Ends the run with an error of its own. */
void run_fail(struct run *run, struct error *err);
/* R < 0: nobody reads the events, or memory is short: the run cannot go on. */
void run_check(struct run *run, int r);

int run_watch(struct run *run, int fd, enum source source, uint32_t slot);

/* Says V, whose it becomes; or keeps it until the units have ended whose end is counted to that item. */
void run_tell(struct run *run, struct verdict *v);

/* The verdict of item number ITEM, which has run in W; NULL: no memory, and the run ends. */
struct verdict *run_verdict(struct run *run, const struct worker *w, uint32_t item);

/* PART is to be run again, cloned from ORIGIN. */
void run_again(struct run *run, int origin, struct part part);

/* W's process is gone. */
void run_exited(struct run *run, struct worker *w, int status);

/* Starts what can be started. */
void run_dispatch(struct run *run);

/* The deadline of one test that begins now, or 0. */
double run_deadline(const struct run *run);

#endif
