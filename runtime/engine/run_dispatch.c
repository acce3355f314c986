/* How it works: as long as there is a place, a part of the suite, and a cell or a worker that was put back,
 * the part is started. Cells are asked for ahead, one more than there are places. */
#include "runtime/engine/run_internal.h"

#include <errno.h>

#include "runtime/engine/again.h"
#include "runtime/engine/scopes.h"

static unsigned *count_of(struct run *run, enum worker_stage stage)
{
        switch (stage) {
        case WORKER_RUNNING:
                return &run->busy;
        case WORKER_OFFERING:
                return &run->offering;
        case WORKER_IDLE:
                return &run->idle;
        case WORKER_LEAVING:
                return &run->leaving;
        case WORKER_FREE:
                break;
        }
        return NULL;
}

void run_move(struct run *run, struct worker *w, enum worker_stage to)
{
        unsigned *from_count = count_of(run, w->stage), *to_count = count_of(run, to);

        if (from_count != NULL)
                --*from_count;
        if (to_count != NULL)
                ++*to_count;
        w->stage = to;
}

void run_ask_cells(struct run *run)
{
        struct error err = {0};

        if (!run->plan->isolated || run->stopping)
                return;
        if (pool_fill(&run->pool, suite_left(&run->suite), &err) < 0)
                run_fail(run, &err);
        scopes_ask_cells(run);
}

static struct worker *free_worker(struct run *run)
{
        for (unsigned i = 0; i < run->n_workers; i++)
                if (run->workers[i].stage == WORKER_FREE)
                        return &run->workers[i];
        return NULL;
}

/* The item that comes first of PART. */
static uint32_t first_item(const struct run *run, const struct part *part)
{
        return run->suite.units[part->unit].items[part->from];
}

/* What to start next, and from which snapshot it is cloned; 0: nothing now. The innermost snapshots come
 * first, so that as few as possible live at a time. */
static int next_part(struct run *run, struct part *ret, int *ret_origin)
{
        struct worker *w;
        struct part next;

        while ((w = scopes_next(run)) != NULL) {
                *ret_origin = (int)w->slot;
                if (snapshot_next(w->snapshot, &run->suite, w->part.unit, ret))
                        return 1;
                scopes_go_on(run, w); /* what it offered has ended before */
        }
        *ret_origin = -1;
        if (!suite_peek(&run->suite, &next) || (next.is_snapshot && !scopes_may_open(run, 0)))
                return 0;
        return (!run->plan->isolated || pool_ready(&run->pool, -1) > 0 ||
                again_idle(run, -1, &next) != NULL) &&
               suite_next(&run->suite, ret);
}

/* How many may run beside one another. What --stepwise skips next time must have passed. */
static unsigned places(const struct run *run)
{
        return run->suite.stepwise > 0 ? 1 : run->plan->workers;
}

static int has_cell(const struct run *run, int origin)
{
        return !run->plan->isolated || pool_ready(&run->pool, origin) > 0;
}

/* The next item of what can be started from the snapshot W, which offers it; UINT32_MAX: none now. */
static uint32_t next_of(struct run *run, const struct worker *w)
{
        const struct unit *u = &run->suite.units[w->part.unit];
        struct part next;

        if (!snapshot_peek(w->snapshot, &run->suite, w->part.unit, &next) ||
            (next.is_snapshot && !scopes_may_open(run, u->depth + 1)))
                return UINT32_MAX;
        return first_item(run, &next);
}

/* The same where output is passed on: tests run one after another, in the order in which they were collected,
 * as far as the snapshots allow that. */
static int next_in_order(struct run *run, struct part *ret, int *ret_origin)
{
        struct worker *from = NULL;
        struct part next;
        uint32_t least = UINT32_MAX;

        if (run->busy + run->leaving > 0)
                return 0;
        for (unsigned i = 0; i < run->n_workers; i++) {
                struct worker *w = &run->workers[i];

                if (w->stage != WORKER_OFFERING)
                        continue;
                if (!scopes_offers(w) && w->snapshot->children == 0)
                        return 0; /* it is about to go on */
                if (scopes_offers(w) && !snapshot_peek(w->snapshot, &run->suite, w->part.unit, &next)) {
                        scopes_go_on(run, w); /* what it offered has ended before */
                        return 0;
                }
                if (scopes_offers(w) && next_of(run, w) < least) {
                        least = next_of(run, w);
                        from = w;
                }
        }
        *ret_origin = from != NULL ? (int)from->slot : -1;
        if (suite_peek(&run->suite, &next) && first_item(run, &next) < least &&
            (!next.is_snapshot || scopes_may_open(run, 0))) {
                *ret_origin = -1;
                return has_cell(run, -1) && suite_next(&run->suite, ret);
        }
        return from != NULL && has_cell(run, *ret_origin) &&
               snapshot_next(from->snapshot, &run->suite, from->part.unit, ret);
}

void run_dispatch(struct run *run)
{
        struct error err = {0};
        struct worker *w;
        struct part part;
        int origin;

        while (run->collected && !run->stopping && run->busy < places(run) && !keep_is_behind(&run->keep) &&
               (w = free_worker(run)) != NULL &&
               (run->plan->passes ? next_in_order(run, &part, &origin) : next_part(run, &part, &origin))) {
                struct worker *idle = again_idle(run, origin, &part);

                if (idle != NULL) {
                        if (again_resume(run, idle, part) < 0)
                                run_again(run, origin, part);
                        continue;
                }
                if (run_start(run, w, part, origin, &err) < 0) {
                        run_release(run, w);
                        if (origin < 0) {
                                run_fail(run, &err);
                                return;
                        }
                        scopes_break(run, &run->workers[origin], err.what);
                }
                run_ask_cells(run);
        }
        run_ask_cells(run);
        again_end_idle(run);
}

void run_again(struct run *run, int origin, struct part part)
{
        struct snapshot *from = origin >= 0 ? run->workers[origin].snapshot : NULL;

        if (run->stopping || (origin >= 0 && from == NULL))
                return;
        if ((from != NULL ? snapshot_again(from, part) : suite_again(&run->suite, part)) < 0)
                run_check(run, -ENOMEM);
}
