/*
 * run_internal: the state of a run, and what the files that share it call of each other.
 *
 * There is one struct run, on the stack of run_tests(), and one thread: what is said to own a field is the
 * only code that changes it; all may read it. A worker (worker.h) moves between the files with its stage:
 *
 *     FREE -> RUNNING                     run_dispatch.c chooses the part, run_start.c has it cloned
 *     RUNNING                             run_lines.c hears it, run_verdict.c says what came of its tests
 *     RUNNING <-> OFFERING                scopes.c: a snapshot that others are cloned from
 *     RUNNING <-> IDLE                    again.c: put back, for another test
 *     any -> LEAVING                      it said "done" (run_lines.c), or is ended (run_stop.c)
 *     any -> FREE                         run_exit.c: it is gone
 *
 * run_move() does it, and keeps count.
 */
#ifndef TACH_ENGINE_RUN_INTERNAL_H
#define TACH_ENGINE_RUN_INTERNAL_H

#include "runtime/engine/input.h"
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

#define RUN_GRACE_SECONDS     2.0  /* for a worker that said it is done, or was told to end */
#define RUN_UNSTARTED_SECONDS 15.0 /* a worker that the zygote was asked for must be there */

enum source {
        FROM_CONTROL = 1,
        FROM_KEEPER,
        FROM_SIGNALS,
        FROM_WORKER,
        FROM_CELL,
        FROM_LISTENER,
        FROM_SNAPSHOT,
        FROM_WRITER,
        FROM_OUTPUT,
        FROM_ERRORS,
        FROM_INPUT
};

struct run {
        const struct plan *plan;
        int epoll_fd, signal_fd;          /* run.c */
        struct zygote zygote;             /* run.c starts and stops it */
        struct suite suite;               /* filled by run_zygote.c while it collects */
        struct worker *workers;           /* by slot, for the whole run */
        unsigned n_workers;               /* their slots */
        unsigned busy;                    /* places taken; a snapshot that goes on may take one more */
        unsigned leaving, offering, idle; /* workers and snapshots beside them */
        struct leaves leaves; /* leaf cgroups, lent by run_start.c until run_exit.c gives them back */
        int listener; /* of the zygote's filter; -1: none. run_keeper.c opens, run_listener.c closes */
        struct refusals refusals; /* of no worker: while the zygote collected. run_listener.c */
        struct pool pool;         /* cells, lent like leaves */
        struct services services;
        struct keep keep;
        struct stream stream; /* who has something to say writes it */
        struct journal journal;
        struct input input; /* run_console.c */
        struct order order; /* run_verdict.c */
        struct again again; /* again.c */
        int collected;      /* the suite is whole: run_zygote.c */
        size_t n_collected; /* bytes of it so far */
        int quitting;       /* the zygote was told to end the session: run.c */
        int zygote_gone;    /* the zygote or its keeper */
        int stopping;       /* no further tests: run_stop() */
        int interrupted;    /* by a signal */
        int signals;        /* that it got: a second one ends the run at once */
        int fatal;          /* errors of the run's own: run_fail() and run_check() */
        int exit_requested; /* by pytest.exit(): its code, else -1 */
        int exit_changed;   /* by a hook of the session's end: the code, else -1 */
        char exit_reason[400];
        int stopped; /* by --maxfail */
        double begin, quit_deadline;
};

/* ---- run.c: the loop */

/* Seconds, monotonic. */
double run_now(void);

/* The deadline of one test that begins now, or 0. */
double run_deadline(const struct run *run);

/* Ends the run with an error of its own. */
void run_fail(struct run *run, struct error *err);
/* R < 0: nobody reads the events, or memory is short: the run cannot go on. */
void run_check(struct run *run, int r);

int run_watch(struct run *run, int fd, enum source source, uint32_t slot);

/* ---- run_dispatch.c: what runs next */

/* W is at stage TO from here on, and is counted there. */
void run_move(struct run *run, struct worker *w, enum worker_stage to);

/* Starts what can be started. */
void run_dispatch(struct run *run);

/* PART is to be run again, cloned from ORIGIN. */
void run_again(struct run *run, int origin, struct part part);

/* Asks for the cells that are wanted ahead. */
void run_ask_cells(struct run *run);

/* ---- run_start.c: what a worker starts with */

/* Has W, which is free, cloned from ORIGIN (a snapshot's slot, or -1: the zygote) to run PART. Where that
 * fails W is for run_release(). */
int run_start(struct run *run, struct worker *w, struct part part, int origin, struct error *err);

/* ---- run_lines.c: what workers say */

/* Takes what W has said. */
void run_drain(struct run *run, struct worker *w);

/* W's next test begins. */
void run_begin_test(struct run *run, struct worker *w);

/* ---- run_console.c: where the run passes output on (plan.passes); else these do nothing */

/* W gets a console; RET is its side of it. */
int run_open_console(struct run *run, struct worker *w, struct console_ends *ret, struct error *err);

/* There is output of W. */
void run_from_console(struct run *run, struct worker *w, enum console_stream stream);

/* Passes on what W has printed so far. */
void run_pass_output(struct run *run, struct worker *w);

/* W's test has said V, a report, and waits. */
void run_pass_report(struct run *run, struct worker *w, yajl_val v);

/* W has entered a debugger, and waits: where somebody may type, no deadline is for it until its test has
 * ended. */
void run_enter_debugger(struct run *run, struct worker *w);

/* W is gone: the last of its output; what it has not read is for the next. */
void run_end_console(struct run *run, struct worker *w);

/* The user has typed something. */
void run_from_input(struct run *run);

/* Gives input to who runs; whether there is something to try again soon. */
int run_feed(struct run *run);

/* ---- run_verdict.c: what is said of tests */

/* W's test has ended. END: the worker's line, or NULL; becomes the verdict's. DEATH: of what it died, or
 * NULL. */
void run_end_test(struct run *run, struct worker *w, yajl_val end, struct death *death);

/* The verdict of item number ITEM, which has run in W; NULL: no memory, and the run ends. */
struct verdict *run_verdict(struct run *run, const struct worker *w, uint32_t item);

/* Says V, whose it becomes; or keeps it until the units have ended whose end is counted to that item. */
void run_tell(struct run *run, struct verdict *v);

/* The module of ITEM has run in order, or nothing will any more (-1). */
void run_tell_in_order(struct run *run, long item);

/* Where the run was stopped, what tests' verdicts waited for did not come. */
void run_tell_held(struct run *run);

/* Says what the cell number CELL has used since it was last asked: whether it used anything. */
int run_report_services(struct run *run, int cell, const char *nodeid);

/* Failures that end the run; 0: none do. */
long long run_max_failures(const struct run *run);

/* Ends the run with CODE because of REASON, which a test, a plugin or an option of pytest's gave. */
void run_request_exit(struct run *run, int code, const char *reason);

/* ---- run_stop.c: ending workers before their time */

/* No further tests; those that run are ended. What snapshots have set up they may tear down, as pytest does,
 * unless the run failed. */
void run_stop(struct run *run);

/* Ends W at T if it takes or prints too much. */
void run_check_deadline(struct run *run, struct worker *w, double t);

/* ---- run_exit.c: workers that are gone */

/* W's process is gone. */
void run_exited(struct run *run, struct worker *w, int status);

/* W's process was not made, for the reason in V. */
void run_clone_failed(struct run *run, struct worker *w, yajl_val v);

/* W is free again; its cell is used again if its worker ended as it should, else it ends. */
void run_release(struct run *run, struct worker *w);

/* ---- run_zygote.c, run_keeper.c, run_listener.c: what is heard from the sandbox */

void run_from_control(struct run *run);
void run_from_snapshot(struct run *run, struct worker *w);
void run_from_keeper(struct run *run);
void run_from_listener(struct run *run, uint32_t events);

/* Who made a cell, and what of it was handed over before it. */
struct cell_maker {
        int slot;                    /* the snapshot's; -1: the keeper */
        int cell;                    /* that it is made in, or KEEP_OUTER */
        int *services;               /* listening sockets (services.h) */
        struct keep_layers **layers; /* upper layers (keep.h) */
};

/* Takes the cell in FDS, its pidfd and its socket, from MAKER: 0, or < 0 where there is no room for it, and
 * FDS stay the caller's. */
int run_add_cell(struct run *run, const struct cell_maker *maker, int fds[KEEPER_FDS]);

/* The interpreter ended with STATUS (wait(2)). */
void run_zygote_ended(struct run *run, int status);
/* Without a keeper it is our child. */
void run_reap_zygote(struct run *run);

#endif
