/*
 * writer: the one process that changes the project. It is given upper layers of cells that have ended, and
 * puts what matches tach.keep into the project, one layer after the other.
 *
 * It has no capabilities: it can do to the project what its user can, as the tests could to their view of it.
 * A layer is not trusted (sandbox/upper.h), and the project is reached beneath its descriptor only
 * (sandbox/tree.h).
 */
#ifndef TACH_ENGINE_WRITER_H
#define TACH_ENGINE_WRITER_H

#include <stdint.h>
#include <sys/types.h>

#include "sandbox/project.h"
#include "spec/base/error.h"
#include "spec/spec.h"

#define WRITER_MAX_FILE     (256ll << 20) /* bytes of a file that is kept */
#define WRITER_MAX_BYTES    (1ll << 30)   /* that are written for one cell */
#define WRITER_MAX_RUN      (8ll << 30)   /* that are written for a run */
#define WRITER_MAX_ENTRIES  100000u       /* of one cell's layer that are looked at */
#define WRITER_MAX_LISTED   20            /* paths that are named, of each kind */
#define WRITER_MAX_PROBLEMS 10            /* of one cell that are told */
#define WRITER_PATIENCE_MS  5000          /* that a killed cell may take to end */

struct writer_plan {
        const char *project; /* real path */
        const struct project_parts *parts;
        const struct spec_strv *patterns;
};

enum writer_op {
        WRITER_LAYER, /* request: the attached descriptor is the upper layer of part number PART; no answer */
        WRITER_WRITE, /* request: keep what the layers given before have, which CELL wrote; the cell's pidfd
                       * may be attached. A cell comes after those that were made in it. */
        WRITER_KEPT,  /* answers: a path */
        WRITER_LOST,
        WRITER_PROBLEM, /* what could not be kept, and why: ERR */
        WRITER_DONE,    /* the last: how many paths were kept and lost */
};

struct writer_request {
        int32_t op, part;
        uint32_t cell, parent; /* claims.h */
        char owner[1024];      /* node id */
};

struct writer_answer {
        int32_t op;
        uint32_t kept, lost;
        union {
                char path[1024];
                struct error err;
        };
};

/* In a child of the engine's; serves the requests that come over SOCKET until its other end is closed. */
void writer_main(int socket, const struct writer_plan *plan) __attribute__((noreturn));

#endif
