/*
 * suite: what the zygote collected, and the queue of what is still to run.
 */
#ifndef TACH_ENGINE_SUITE_H
#define TACH_ENGINE_SUITE_H

#include <stddef.h>
#include <stdint.h>
#include <yajl/yajl_tree.h>

#include "runtime/engine/result.h"
#include "spec/base/error.h"

#define SUITE_MAX_ITEMS 2000000u
#define SUITE_MAX_DEPTH 8 /* of units in units that get snapshots; those further in run as one worker */

/* What is cloned from a unit's snapshot: an item, or the unit that begins with it. */
struct entry {
        long unit; /* -1: an item */
        size_t at; /* of its first item in the items of the unit that it is in */
};

/* A test, or tests that share fixtures: those are set up in a snapshot, from which the entries are cloned. */
struct unit {
        char isolation[16]; /* "test", or the widest scope of what they share */
        char *why;          /* "" for one test */
        char *nodeid;       /* of their collector */
        char *lane;         /* why they get no snapshot, and run one after another; or NULL */
        long parent;        /* the unit that it is an entry of; -1: none */
        uint32_t last;      /* the item that the end of what it shares is counted to */
        int is_over;        /* that has ended */
        int is_entry;       /* it is among its parent's entries */
        unsigned depth;
        uint32_t *items; /* those of the units inside too, in the suite's order */
        size_t n, capacity;
        struct entry *entries; /* none: one test */
        size_t n_entries, entries_capacity;
};

/* The unfinished items of UNIT with index FROM to before TO. */
struct part {
        uint32_t unit;
        size_t from, to;
        int is_snapshot; /* a snapshot of the unit is to be made; else a worker runs them one after another */
        int is_order;    /* items in order, from number FROM of the suite on (order.h) */
};

struct suite {
        struct item *items;
        size_t n_items, items_capacity;
        struct unit *units;
        size_t n_units, units_capacity;
        struct part *again; /* parts to run again with a fresh worker, before the others */
        size_t n_again, again_capacity;
        size_t next_unit, n_roots, n_taken; /* of the units without a parent */
        int snapshots;     /* are made; else a unit's tests run in one worker: they share files */
        yajl_val *reports; /* of collection: errors and skipped modules */
        size_t n_reports, reports_capacity;
        char *pytest, *python; /* versions */
        long deselected;
        long long max_fail; /* the project's own --maxfail or -x; 0: none */
        long long stepwise; /* failures after which pytest's --stepwise interrupts the run; 0: it is not on */
        yajl_val last;      /* the packet that ended the collection, for what plugins say in it, or NULL */
        int exit;           /* pytest's exit code if collection ends the run, else 0 */
        int instead;        /* pytest did something else than running tests; EXIT is how that ended */
        char *text;         /* what pytest printed about that, or NULL */
};

/* Takes one packet of the collection. 1: it was the last; 0: go on; -EPROTO: it makes no sense; -ENOMEM.
 * PACKET stays the caller's unless *RET_KEPT. */
int suite_packet(struct suite *s, yajl_val packet, int *ret_kept);

/* UNIT from its first unfinished item on, as it is to be run; 0 where there is none. */
int suite_part(const struct suite *s, uint32_t unit, struct part *ret);

/* The next part to run of those that are in no unit: 1, or 0 if there is none. suite_left() says how many
 * there are. */
int suite_next(struct suite *s, struct part *ret);
/* Whether that is a snapshot. */
int suite_peek(const struct suite *s, struct part *ret);
size_t suite_left(const struct suite *s);
int suite_again(struct suite *s, struct part part);

void suite_finish(struct suite *s);

#endif
