/*
 * snapshot: the engine's view of a process that has set up a unit's fixtures, and from which the unit's
 * entries are cloned (harness/tach_harness/snapshot.py).
 *
 * It goes through the entries in order. In turns it sets up what the next ones need, offers those that can
 * run on that, and waits until all of them have ended; at the end it tears down. Where it cannot be cloned it
 * becomes the worker of all that is left. It is as hostile as a test: what it says is checked, and concerns
 * its own unit only.
 */
#ifndef TACH_ENGINE_SNAPSHOT_H
#define TACH_ENGINE_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/engine/keep.h"
#include "runtime/engine/services.h"
#include "runtime/engine/suite.h"
#include "runtime/engine/verdict.h"

enum snapshot_phase {
        SNAPSHOT_SETTING_UP,
        SNAPSHOT_OFFERING,
        SNAPSHOT_TEARING_DOWN,
};

/* What the item ITEM has asked for in PHASE (0 set-up, 1 call); ITEM -1: nothing. */
struct snapshot_ask {
        long item;
        uint32_t fixture, phase;
};

/* Of the entry that is to run before the others, and alone. */
enum snapshot_first {
        SNAPSHOT_NO_FIRST,
        SNAPSHOT_FIRST_IS_NEXT,
        SNAPSHOT_FIRST_RUNS,
        SNAPSHOT_FIRST_RAN,
};

struct snapshot {
        int control; /* SOCK_SEQPACKET, ours, non-blocking */
        enum snapshot_phase phase;
        size_t from, to; /* entries: offered */
        size_t next;     /* of these, not cloned yet */
        size_t first;    /* of these, by what the next says */
        enum snapshot_first first_state;
        struct part *again; /* parts to run again, before the others */
        size_t n_again, again_capacity;
        unsigned children, coming; /* workers and snapshots that live; cells that were asked for */
        int is_gone;               /* its process has ended */
        struct snapshot_ask ask;   /* what it is to set up before it goes on, or sets up */
        int is_ending;             /* it is to be made again, when one around it has set up something */
        uint32_t *carriers;        /* the items that its set-ups are told with */
        size_t n_carriers, carriers_capacity;
        char no_cells[768]; /* why it gets no more cells, or "" */
        int received[SERVICES_MAX];
        struct keep_layers *layers; /* of the cell that is being made */
};

/* NULL: no memory. FIRST: the entry that it begins with. */
struct snapshot *snapshot_new(size_t first);
void snapshot_free(struct snapshot *s);

/* The entry of UNIT that its item number AT begins or is in. */
size_t snapshot_entry(const struct suite *suite, uint32_t unit, size_t at);

/* It offers the entries of UNIT from FROM to before TO, after it has set up what was asked for the same as
 * before: 0 or -EPROTO. FIRST: the one of them that runs before the others, and alone; -1: none. */
int snapshot_offer(struct snapshot *s, const struct unit *unit, long long from, long long to,
                   long long first);

/* What can be cloned from it next: 1, or 0 if there is nothing. */
int snapshot_next(struct snapshot *s, const struct suite *suite, uint32_t unit, struct part *ret);
/* The same, which stays the next. */
int snapshot_peek(const struct snapshot *s, const struct suite *suite, uint32_t unit, struct part *ret);
int snapshot_again(struct snapshot *s, struct part part);
/* How many parts that are. */
size_t snapshot_left(const struct snapshot *s);

/* It has set up in the name of ITEM, whose result tells of it: 0 or -ENOMEM. */
int snapshot_carry(struct snapshot *s, const struct suite *suite, long long item);
/* Whether any of that has been told. */
int snapshot_is_told(const struct snapshot *s, const struct suite *suite);

#endif
