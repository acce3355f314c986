/* run_message: the packet with which the engine asks the zygote, or a snapshot, for a worker. Same machine,
 * same byte order. */
#ifndef TACH_HARNESS_RUN_MESSAGE_H
#define TACH_HARNESS_RUN_MESSAGE_H

#include <stdint.h>

#define RUN_MAX_ITEMS 40000u /* indices in one packet */
#define RUN_MAX_FDS   10     /* descriptors with one packet */

/* What a worker writes to its standard error before it dies of a trapped system call; the call's number and
 * six arguments follow in hexadecimal. */
#define BLOCKED_CALL_PREFIX "tach: blocked system call"

enum run_op {
        RUN_ITEMS = 1,
        RUN_QUIT = 2, /* the zygote: the journal is attached, unless the run failed; a snapshot: tear down */
        RUN_SNAPSHOT = 3, /* items: a unit, and which of its entries is the first */
        RUN_NEXT = 4,     /* a snapshot: what it offered is done */
        RUN_HERE = 5,     /* a snapshot: become the worker of these items; nothing is attached */
        RUN_SET_UP = 6,   /* a snapshot: items: one that asked, for which of the unit's fixtures, and in which
                             phase (0 set-up, 1 call) */
};

enum run_flag {
        RUN_CELL = 1,         /* a cell's pidfd is attached */
        RUN_CGROUP = 2,       /* a cgroup leaf's descriptor is attached, last */
        RUN_HOST_NETWORK = 4, /* cells have no network namespace of their own */
        RUN_ROLLS_BACK = 8,   /* RUN_ITEMS: a pipe's end is attached: more items come there */
        RUN_CONSOLE = 16,     /* standard input, output and error are attached, and a pipe's end: a byte comes
                                 there     when what the worker has said and printed was passed on */
};

struct run_head {
        uint32_t op;
        uint32_t slot; /* the engine's name for the worker or snapshot */
        uint32_t flags;
        uint32_t n_items; /* that many uint32_t follow */
};

/* What comes on the pipe of a worker that is used again. */
struct run_one {
        struct run_head head;
        uint32_t item;
};

#endif
