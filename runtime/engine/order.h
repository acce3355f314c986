/*
 * order: whether a test that failed in a cell of its own would have passed after the tests before it.
 *
 * When all tests of a module have ended and some have failed, the module runs once more up to the last of
 * these, in one worker and in order, as under pytest; what a test died of is left out. A test that passes
 * there is still reported as failed, with the reason and what to write into pyproject.toml. With --maxfail
 * nothing runs twice.
 */
#ifndef TACH_ENGINE_ORDER_H
#define TACH_ENGINE_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/engine/suite.h"
#include "runtime/engine/verdict.h"

struct order_module {
        uint32_t first, n;       /* its items */
        uint32_t left;           /* that have not ended */
        struct verdict **failed; /* that may depend on earlier ones, by their items; NULL: none */
        size_t n_failed;
};

struct order {
        struct order_module *v;
        size_t n;
        uint32_t *of_item; /* index in V */
};

/* -ENOMEM. A zeroed ORDER keeps nothing. */
int order_begin(struct order *o, const struct suite *suite);

/* The test of V has ended, and V is all that there is to say. Whether it was kept. *RET_PART: what is to run
 * now, if anything (its is_order is set). -ENOMEM. */
int order_ended(struct order *o, const struct suite *suite, struct verdict *v, struct part *ret_part);

/* The items that PART is to run: how many, written to ITEMS (room for all of the module). */
size_t order_items(const struct order *o, const struct suite *suite, const struct part *part,
                   uint32_t *items);

/* ITEM has passed when its module ran in order. -ENOMEM. */
int order_passed(struct order *o, const struct suite *suite, uint32_t item);

/* One of the verdicts that were kept of the module of ITEM (of all where it is < 0), the caller's; NULL: no
 * more. */
struct verdict *order_take(struct order *o, long item);

void order_finish(struct order *o);

#endif
