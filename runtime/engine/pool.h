/*
 * pool: the cells of a run. They are asked for ahead; one that a test leaves is asked whether it is clean,
 * and is then used again or thrown away. Cells inside a snapshot's cell belong to that snapshot.
 */
#ifndef TACH_ENGINE_POOL_H
#define TACH_ENGINE_POOL_H

#include <stddef.h>

#include "runtime/engine/keep.h"
#include "runtime/engine/keeper.h"
#include "runtime/engine/services.h"
#include "sandbox/proof.h"
#include "spec/base/error.h"

struct pool_cell {
        enum { POOL_NONE, POOL_READY, POOL_TAKEN, POOL_ASKED, POOL_PROVING } state;
        int pidfd;
        int socket; /* for the question; -1: it is used once */
        unsigned uses;
        unsigned stale; /* answers that nobody waits for any more */
        int owner;      /* the slot of the snapshot in whose cell it is; -1: the outer sandbox */
        double due;     /* when the answer must have come; seconds, monotonic */
};

struct pool {
        struct keeper *keeper;     /* borrowed */
        struct services *services; /* borrowed */
        struct keep *keep;         /* borrowed */
        struct pool_cell *v;
        size_t n;      /* of v: the most cells that there can be */
        size_t ahead;  /* how many to have ready */
        size_t coming; /* from the keeper */
        size_t asked;
        unsigned made, reused, thrown_away[DIRT_N]; /* thrown_away[DIRT_NONE]: not asked, as after a crash */
};

#define POOL_CELLS(workers) ((workers)*12u + 24u) /* the most that there can be */

/* For at most WORKERS tests at a time. */
int pool_init(struct pool *p, struct keeper *keeper, struct services *services, struct keep *keep,
              unsigned workers, struct error *err);

/* Asks for cells until as many are on their way as WANTED or as are useful. */
int pool_fill(struct pool *p, size_t wanted, struct error *err);

/* A cell has come that was asked for (the owner's are the caller's to count): its index, or -1: it was not,
 * and the descriptors are still the caller's. */
int pool_add(struct pool *p, int owner, int pidfd, int socket);

/* Takes a ready cell of OWNER's: its index or -1. */
int pool_take(struct pool *p, int owner);

/* How many of OWNER's cells are ready, or are asked whether they are clean. */
size_t pool_ready(const struct pool *p, int owner);
size_t pool_near(const struct pool *p, int owner);

/* How many cells more there is room for. */
size_t pool_room(const struct pool *p);

/* Ends OWNER's ready cells, which are not as their owner is any more, or all that it has. */
void pool_disown(struct pool *p, int owner, int all);

/* The worker in the cell has ended well: asks whether it is clean. The answer arrives at the cell's socket.
 * NOW: seconds, monotonic. */
void pool_give_back(struct pool *p, int index, double now);

/* The worker in the cell stays there, for another test: asks whether all else is clean: 0, or -errno where it
 * cannot be asked. */
int pool_prove(struct pool *p, int index);
/* The answer, when something can be read from the socket of a cell that is POOL_PROVING: 1; 0: not yet. */
int pool_proved(struct pool *p, int index, enum dirt *ret);

/* Ends the cells that do not answer. */
void pool_expire(struct pool *p, double now);

/* Something can be read from the cell's socket. 1: the cell is ready again. */
int pool_answer(struct pool *p, int index);

/* Ends the cell and everything in it. WHY: DIRT_NONE where it was not looked at. */
void pool_discard(struct pool *p, int index, enum dirt why);

/* Closes what is left; the keeper's end ends the cells. */
void pool_finish(struct pool *p);

#endif
