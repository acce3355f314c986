/* How it works: a worker runs, has ended its test (w->ended), is proved (its cell is asked), is idle, runs
 * again.
 */
#include "runtime/engine/again.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/run_message.h"
#include "runtime/base/json.h"
#include "runtime/engine/scopes.h"

#define BACK_SECONDS  5.0 /* to be put back */
#define PROOF_SECONDS 2.0
#define ENOUGH_TRIES  8 /* workers, before their fate says anything */
#define TRIES_IN_VAIN 8 /* one of as many tries it where most others were spent at once */
#define TRIES_COUNTED 32

static int is_one_test(const struct run *run, const struct part *part)
{
        return !part->is_snapshot && !part->is_order && part->to - part->from == 1 &&
               run->suite.units[part->unit].lane == NULL &&
               !run->suite.items[run->suite.units[part->unit].items[part->from]].is_spawned;
}

/* It costs some milliseconds to be ready for it. */
static int is_worth_it(struct again *a)
{
        if (a->tries >= TRIES_COUNTED) {
                a->tries /= 2;
                a->wins /= 2;
        }
        if (a->tries >= ENOUGH_TRIES && a->wins * 4 < a->tries && ++a->skipped % TRIES_IN_VAIN != 0)
                return 0;
        return 1;
}

int again_may(struct run *run, const struct part *part)
{
        return run->plan->rolls_back && run->listener >= 0 && is_one_test(run, part) &&
               is_worth_it(&run->again);
}

int again_open(struct worker *w, int *ret_end, struct error *err)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_set(err, "run", errno, "pipe");
        w->control = ends[1];
        *ret_end = ends[0];
        (void)fcntl(ends[1], F_SETFL, O_NONBLOCK);
        return 0;
}

struct worker *again_idle(struct run *run, int origin, const struct part *part)
{
        if (run->idle == 0 || !is_one_test(run, part))
                return NULL;
        for (unsigned i = 0; i < run->n_workers; i++)
                if (run->workers[i].stage == WORKER_IDLE && run->workers[i].origin == origin)
                        return &run->workers[i];
        return NULL;
}

/* The worker ends. */
static void leave(struct run *run, struct worker *w)
{
        if (w->stage != WORKER_IDLE && w->stage != WORKER_RUNNING)
                return;
        run_move(run, w, WORKER_LEAVING);
        w->deadline = run_now() + PROOF_SECONDS;
}

int again_resume(struct run *run, struct worker *w, struct part part)
{
        struct run_one one = {.head = {.op = RUN_ITEMS, .slot = w->slot, .n_items = 1}};

        w->part = part;
        w->items[0] = run->suite.units[part.unit].items[part.from];
        w->n_items = 1;
        w->next = 0;
        w->cell_used = 1;
        w->test_bytes = 0;
        one.item = w->items[0];
        if (write(w->control, &one, sizeof one) != (ssize_t)sizeof one) {
                leave(run, w);
                worker_kill(w);
                return -EPIPE;
        }
        run->again.rolled_back++;
        run_move(run, w, WORKER_RUNNING);
        run_begin_test(run, w); /* it does not say so itself */
        return 0;
}

static void count_spent(struct again *a, const char *why)
{
        size_t i = 0;

        while (i < a->n_spent && strcmp(a->spent[i].why, why) != 0)
                i++;
        if (i == AGAIN_MAX_REASONS)
                return;
        if (i == a->n_spent)
                (void)snprintf(a->spent[a->n_spent++].why, sizeof a->spent[i].why, "%s", why);
        a->spent[i].n++;
}

void again_tell(struct run *run, struct worker *w, const char *spent)
{
        struct verdict *v = w->ended;

        if (v == NULL)
                return;
        w->ended = NULL;
        if (spent != NULL) {
                (void)snprintf(v->spent, sizeof v->spent, "%.90s", spent);
                count_spent(&run->again, v->spent);
        }
        run_tell(run, v);
}

/* Something is in doubt: W ends with all that is in its cell. */
static void spend(struct run *run, struct worker *w, const char *why)
{
        leave(run, w);
        worker_kill(w);
        again_tell(run, w, why);
}

/* Both its process and its cell are as they were. */
static void settle(struct run *run, struct worker *w)
{
        if (!w->is_back || !w->is_proved)
                return;
        run->again.wins += w->turns++ == 0;
        run_move(run, w, WORKER_IDLE);
        w->deadline = 0;
        again_tell(run, w, NULL);
        run_dispatch(run);
}

void again_ended(struct run *run, struct worker *w, struct verdict *v)
{
        char why[96];

        v->worker = w->turns > 0 ? "rolled back" : "fresh";
        w->ended = v;
        w->is_back = w->is_proved = 0;
        w->deadline = run_now() + BACK_SECONDS;
        if (w->tripped != NULL) {
                (void)snprintf(why, sizeof why, "%s was called", w->tripped);
                spend(run, w, why);
        } else if (w->used_service) {
                w->dirt = DIRT_SERVICE;
                spend(run, w, "cell: service");
        } else if (pool_prove(&run->pool, w->cell) < 0) {
                spend(run, w, "its cell ended");
        }
}

void again_back(struct run *run, struct worker *w, yajl_val v)
{
        const char *differs = json_text(v, "differs");

        if (differs != NULL) {
                struct error err = {0};

                (void)error_set(&err, "rollback", 0, "after %s: %s", run->suite.items[w->items[0]].nodeid,
                                differs);
                error_hint(&err, "--reuse=cell runs every test in a process of its own");
                again_tell(run, w, NULL);
                run_fail(run, &err);
                return;
        }
        w->is_back = 1;
        settle(run, w);
}

int again_from_cell(struct run *run, int cell)
{
        struct worker *w = NULL;
        enum dirt dirt;
        char why[64];

        if (run->pool.v[cell].state != POOL_PROVING)
                return 0;
        for (unsigned i = 0; w == NULL && i < run->n_workers; i++)
                if (run->workers[i].stage != WORKER_FREE && run->workers[i].cell == cell)
                        w = &run->workers[i];
        if (!pool_proved(&run->pool, cell, &dirt) || w == NULL || w->stage != WORKER_RUNNING ||
            w->ended == NULL)
                return 1;
        if (dirt != DIRT_NONE) {
                w->dirt = dirt;
                (void)snprintf(why, sizeof why, "cell: %s", dirt_name(dirt));
                spend(run, w, why);
                return 1;
        }
        w->is_proved = 1;
        settle(run, w);
        return 1;
}

static int has_tests(const struct run *run, const struct worker *w)
{
        if (run->stopping)
                return 0;
        return w->origin < 0 ? suite_left(&run->suite) > 0 : scopes_offers(&run->workers[w->origin]);
}

void again_end_idle(struct run *run)
{
        for (unsigned i = 0; run->idle > 0 && i < run->n_workers; i++) {
                struct worker *w = &run->workers[i];

                if (w->stage != WORKER_IDLE || has_tests(run, w))
                        continue;
                (void)close(w->control); /* it ends by itself, and leaves its cell to others */
                w->control = -1;
                leave(run, w);
        }
}

void again_gone(struct run *run, const struct worker *w)
{
        run->again.tries += w->control >= 0 || w->turns > 0;
}
