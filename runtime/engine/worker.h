/*
 * worker: the engine's view of one cloned worker: its descriptors, its line buffer, where it is in its unit.
 */
#ifndef TACH_ENGINE_WORKER_H
#define TACH_ENGINE_WORKER_H

#include <stdint.h>
#include <yajl/yajl_tree.h>

#include "runtime/engine/console.h"
#include "runtime/engine/leaves.h"
#include "runtime/engine/refusals.h"
#include "runtime/engine/result.h"
#include "runtime/engine/snapshot.h"
#include "runtime/engine/suite.h"
#include "runtime/engine/usage.h"
#include "runtime/engine/verdict.h"
#include "sandbox/proof.h"
#include "spec/base/buf.h"

#define WORKER_MAX_TEST_BYTES (64u << 20)  /* reports of one test */
#define WORKER_MAX_OUTPUT     (512u << 20) /* bytes a stream that a test may print */

enum worker_stage {
        WORKER_FREE,
        WORKER_RUNNING,  /* takes one of the run's places */
        WORKER_OFFERING, /* a snapshot that others are cloned from: takes none */
        WORKER_IDLE,     /* it was put back, and can run another test: takes none */
        WORKER_LEAVING,  /* said that it is done, or was abandoned; its exit is still to come */
};

struct worker {
        enum worker_stage stage;
        uint32_t slot;
        int result_fd, out_fd, err_fd; /* ours; -1: none */
        struct console console;        /* where the run passes its output on */
        int cell;                      /* index in the pool; -1: not isolated */
        int cell_fd;                   /* the cell's pidfd, the pool's; -1 */
        int cell_used;                 /* a test was in the cell before */
        ino_t pid_namespace;           /* of the cell; 0: not asked for yet */
        struct refusals refusals;      /* of the test that runs */
        int pidfd;                     /* the worker's; -1 until it started */
        struct leaf leaf;              /* the leaves' */
        struct usage before;           /* of the leaf, when the test began */
        struct buf in;
        size_t test_bytes;
        struct part part;
        int origin;                /* the slot of the snapshot that it is cloned from; -1: the zygote */
        int control;               /* where it hears which test it is to run after this one; -1: none */
        unsigned turns;            /* tests that it has run and was put back after */
        int has_uffd;              /* it has what it needs for that */
        struct verdict *ended;     /* of its last test, until what becomes of it is known; or NULL */
        const char *tripped;       /* the tripwire that its test hit; or NULL */
        int is_back;               /* it was put back after that */
        int is_proved;             /* and its cell is clean */
        enum dirt dirt;            /* what its test left in the cell */
        struct snapshot *snapshot; /* it is one; else NULL */
        int is_lane;               /* it runs what a snapshot's clones would */
        uint32_t *items;           /* to run, one after another */
        size_t n_items, next;      /* NEXT: index of the next test to begin */
        long current;              /* the item that runs; -1: none */
        struct result result;
        double began, deadline; /* seconds, monotonic; deadline 0: none */
        unsigned kills;         /* since its end was due */
        int used_service;       /* its cell is not clean, whatever it says */
        int abort_sent, killed, timed_out, abandoned, ended_well;
        char why_killed[128];
};

enum worker_line {
        WORKER_BEGIN,
        WORKER_REPORT, /* where output is passed on, it waits until this was told */
        WORKER_WARNING,
        WORKER_CACHE,    /* a value for pytest's cache: "key", "value" */
        WORKER_COVERAGE, /* what coverage.py measured: "arcs", "rows" */
        WORKER_DEBUG,    /* a debugger is entered; it waits until that is known */
        WORKER_END,      /* likewise */
        WORKER_DONE,     /* "spent": why it was not put back, or not there */
        WORKER_BACK,     /* as it was before its test; "differs": how it is not, where that was looked for */
        WORKER_UP,       /* a snapshot: it is in its cell, and sets up */
        WORKER_ASK,      /* for a fixture that a snapshot can set up: "i", "u", "fixture", "phase" */
        WORKER_OFFER, /* a snapshot: "from", "to", "first" or -1, "for" items, "why" it cannot be cloned, or
                         "", for which "fixture" */
        WORKER_EXIT,  /* pytest.exit() or an interrupt: "reason", "returncode" */
        WORKER_INTERNAL, /* pytest itself failed under the test */
        WORKER_FAILED,   /* it could not enter its cell: "what" */
        WORKER_BROKEN,   /* not what a worker may say here */
};

/* Reads what is there: > 0 bytes, 0 nothing now, -EPIPE all ends closed. */
int worker_read(struct worker *w);

/* Takes the next whole line from the buffer: 1 with its kind and object (yajl_tree_free), or 0. A line is
 * checked against what the worker may say: only about the test that it runs, in its unit's order. */
int worker_line(struct worker *w, const struct suite *suite, enum worker_line *ret_kind, yajl_val *ret);

/* The inode of the pid namespace of W's cell, or 0. */
ino_t worker_pid_namespace(struct worker *w);

/* Ends the worker with everything in its cell (or its process group where there is none). */
void worker_kill(struct worker *w);
void worker_signal(const struct worker *w, int sig);

/* Says in *RET how the worker ended that had STATUS (wait(2)). */
void worker_death(const struct worker *w, int status, double timeout, double now, struct death *ret);

/* W is the free worker of SLOT; it owns nothing yet. */
void worker_init(struct worker *w, uint32_t slot);

/* Closes and frees everything; the worker is free again. */
void worker_reset(struct worker *w);

#endif
