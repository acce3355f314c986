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

/* Tests that one worker runs one after the other, because they share a fixture. */
struct unit {
        char isolation[16]; /* "test", "class", "module", "package", "session" */
        char *why;          /* "" for one test */
        uint32_t *items;
        size_t n, capacity;
};

/* The items of UNIT from index FROM on. */
struct part {
        uint32_t unit;
        size_t from;
};

struct suite {
        struct item *items;
        size_t n_items, items_capacity;
        struct unit *units;
        size_t n_units, units_capacity;
        struct part *again; /* parts to run again with a fresh worker, before the others */
        size_t n_again, again_capacity;
        size_t next_unit;
        yajl_val *reports; /* of collection: errors and skipped modules */
        size_t n_reports, reports_capacity;
        char *pytest, *python; /* versions */
        long deselected;
        long long max_fail; /* the project's own --maxfail or -x; 0: none */
        yajl_val last;      /* the packet that ended the collection, for what plugins say in it, or NULL */
        int exit;           /* pytest's exit code if collection ends the run, else 0 */
        char *text;         /* what pytest printed about that, or NULL */
};

/* Takes one packet of the collection. 1: it was the last; 0: go on; -EPROTO: it makes no sense; -ENOMEM.
 * PACKET stays the caller's unless *RET_KEPT. */
int suite_packet(struct suite *s, yajl_val packet, int *ret_kept);

/* The next part to run: 1, or 0 if there is none. suite_left() says how many there are. */
int suite_next(struct suite *s, struct part *ret);
size_t suite_left(const struct suite *s);
int suite_again(struct suite *s, struct part part);

void suite_finish(struct suite *s);

#endif
