/* How it works: what is asked for is noted at the snapshot, which scopes_go_on() holds until it is alone. */
#include "runtime/engine/asks.h"

#include <errno.h>

#include "runtime/base/json.h"

#define MAX_ASKS 200 /* of one test: more than any asks for, and an end to one that asks for nothing else */

static struct worker *origin_of(struct run *run, const struct worker *w)
{
        return w->origin >= 0 ? &run->workers[w->origin] : NULL;
}

/* The snapshot of UNIT that W was cloned from, or NULL. */
static struct worker *snapshot_around(struct run *run, const struct worker *w, long long unit)
{
        struct worker *o = origin_of(run, w);

        while (o != NULL && (o->snapshot == NULL || (long long)o->part.unit != unit))
                o = origin_of(run, o);
        return o;
}

/* W's test has not run. */
static void forget_test(struct run *run, struct worker *w)
{
        result_finish(&w->result);
        w->refusals = (struct refusals){0};
        w->test_bytes = 0;
        keep_clean(&run->keep, w->cell);
        run->suite.items[w->current].attempt--;
        w->current = -1;
        w->next = w->n_items;
        run_again(run, w->origin, w->part);
}

int asks_take(struct run *run, struct worker *w, yajl_val v)
{
        const long long number = json_int(v, "i", -1), fixture = json_int(v, "fixture", -1);
        const long long phase = json_int(v, "phase", -1);
        struct worker *to = snapshot_around(run, w, json_int(v, "u", -1));
        struct item *item = &run->suite.items[number]; /* worker_line() looked at it */

        if (to == NULL || fixture < 0 || fixture >= SUITE_MAX_ITEMS || (phase != 0 && phase != 1) ||
            item->finished || item->asks++ >= MAX_ASKS)
                return -EPROTO;
        for (struct worker *o = origin_of(run, w); o != to; o = origin_of(run, o))
                o->snapshot->is_ending = 1;
        if (w->snapshot != NULL) {
                w->snapshot->is_ending = 1;
                w->snapshot->phase = SNAPSHOT_TEARING_DOWN;
        } else {
                forget_test(run, w);
        }
        if (to->snapshot->ask.item < 0 || number < to->snapshot->ask.item)
                to->snapshot->ask = (struct snapshot_ask){
                    .item = (long)number, .fixture = (uint32_t)fixture, .phase = (uint32_t)phase};
        return 0;
}
