/*
 * nest: cells inside a cell, for the tests of a snapshot (a process that has set up fixtures,
 * runtime/engine).
 *
 * What is around a snapshot's cell is around its tests' cells too, and what the snapshot wrote lies below
 * them: to /tmp and the like as a copy, to the project as another lower layer of the overlay. The cells are
 * children of the snapshot's user namespace, so that the snapshot, which has no capability, may put processes
 * into them (enter.h), and into no others.
 */
#ifndef TACH_SANDBOX_NEST_H
#define TACH_SANDBOX_NEST_H

#include "sandbox/cell.h"

struct nest {
        struct cell_plan plan; /* of the cell itself; of those inside it once it is open */
        int socket;            /* the cell's */
        int layers_fd;         /* of the folder that this cell's project was made of, in its own mounts */
        int limit_fd;          /* user_open_limit() */
        int is_open;
};

/* In pid 1 of a cell: makes another one inside and hands it over. -errno: nobody listens any more. */
int nest_make(struct nest *n);

#endif
