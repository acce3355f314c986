/*
 * keep: what tests write to the project and the project gets (tach.keep), as the engine sees it; the files
 * themselves are the writer's (writer.h).
 *
 * Every sandbox hands over the upper layers of its project before anything else runs there. When it has
 * ended, they go to the writer, and a "wrote" event tells what that did. Without tach.keep and
 * tach.reportWrites nothing is started, nothing handed over, and every call returns at once.
 */
#ifndef TACH_ENGINE_KEEP_H
#define TACH_ENGINE_KEEP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/engine/plan.h"
#include "runtime/engine/writer.h"
#include "spec/base/error.h"

struct stream;

/* The upper layers of a sandbox. */
struct keep_layers {
        size_t n;  /* the project's parts */
        int fds[]; /* by part; -1: none */
};

struct keep_cell {
        struct keep_layers *layers; /* NULL: none */
        uint32_t number, parent;
        char owner[1024]; /* who wrote it: the test that was last in the cell; "": nobody was */
};

/* Layers on their way to the writer. */
struct keep_job {
        struct keep_job *next;
        struct keep_cell cell;
        int pidfd; /* of the cell; -1: it has ended */
        char *paths[2][WRITER_MAX_LISTED];
        unsigned n_paths[2];
};

struct keep {
        int active;
        struct writer_plan plan;
        struct stream *stream; /* borrowed */
        int socket;            /* to the writer; non-blocking to read; -1: it has ended */
        pid_t pid;
        struct keep_layers *received; /* of the sandbox that the keeper makes */
        struct keep_cell *cells, outer;
        size_t n_cells, n_jobs;
        uint32_t last_number;
        struct keep_job *first, *last; /* the writer has the first one */
};

#define KEEP_OUTER (-1) /* the outer sandbox, where the number of a cell is asked for */

/* Starts the writer where PLAN wants it. Whatever it returns, K is for keep_finish and keep_free. */
int keep_start(struct keep *k, const struct plan *plan, struct stream *stream, size_t n_cells,
               struct error *err);

/* Takes FD (it is closed here in any case), the upper layer of PART of the sandbox that is being made, to
 * *RECEIVED: those of the maker that makes it; NULL at first, the caller's to free by keep_close. */
void keep_receive(const struct keep *k, struct keep_layers **received, int part, int fd);
/* What was RECEIVED belongs to CELL, or KEEP_OUTER, which was made in the cell AROUND or KEEP_OUTER. An
 * incomplete set is an error. */
int keep_open(struct keep *k, struct keep_layers **received, int cell, int around, struct error *err);
void keep_close(struct keep_layers **layers);

/* From now on NAME runs in CELL; SHARED: others did before. */
void keep_enter(struct keep *k, int cell, const char *name, int shared);
/* Nothing was written in CELL, which is used again, or nothing that counts. */
void keep_clean(struct keep *k, int cell);
/* CELL was killed; PIDFD (borrowed) tells when it has ended. */
void keep_end(struct keep *k, int cell, int pidfd);

/* Whether so many layers wait that no test should begin. */
int keep_is_behind(const struct keep *k);

/* Something can be read from the socket. */
void keep_answer(struct keep *k);

/* Once all sandboxes have ended: writes what is left, the outer sandbox's layer last, and ends the writer. */
void keep_finish(struct keep *k);

#endif
