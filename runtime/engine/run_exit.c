/* How it works: a place is taken by a worker until it says "done"; its exit and its cell's end are then
 * awaited beside the next one. */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <sys/wait.h>

#include "runtime/base/json.h"
#include "runtime/engine/again.h"
#include "runtime/engine/scopes.h"

/* What it left unfinished is decided here. */
static void end_worker(struct run *run, struct worker *w, int status)
{
        struct death death;

        if (w->abandoned || run->fatal || w->stage != WORKER_RUNNING)
                return;
        worker_death(w, status, run->plan->spec->tach.timeout, run_now(), &death);
        if (w->current < 0 && w->next == 0 && w->n_items > 0 && w->turns == 0)
                run_begin_test(run, w); /* it died on the way to its first test */
        if (w->current >= 0)
                run_end_test(run, w, NULL, &death);
        if (w->next < w->n_items && !w->part.is_order)
                run_again(run, w->origin, w->part);
}

/* Something that was cloned from the snapshot ORIGIN is gone. */
static void lose_clone(struct run *run, int origin)
{
        struct worker *from = origin >= 0 ? &run->workers[origin] : NULL;

        if (from == NULL || from->snapshot == NULL)
                return;
        from->snapshot->children -= from->snapshot->children > 0;
        scopes_go_on(run, from);
}

void run_release(struct run *run, struct worker *w)
{
        const int was_snapshot = w->snapshot != NULL || w->is_lane;

        if (w->cell >= 0 && w->ended_well) {
                const struct unit *u = &run->suite.units[w->part.unit];
                const uint32_t item =
                    w->next > 0 && w->snapshot == NULL ? w->items[w->next - 1] : u->items[0];

                w->used_service |= run_report_services(run, w->cell, run->suite.items[item].nodeid);
        }
        if (w->cell >= 0 && was_snapshot)
                pool_disown(&run->pool, (int)w->slot, 1);
        if (w->cell >= 0 && w->ended_well && !w->used_service && !was_snapshot && run->plan->cell.reuse)
                pool_give_back(&run->pool, w->cell, run_now());
        else {
                worker_kill(w);
                if (w->cell >= 0)
                        pool_discard(&run->pool, w->cell, w->used_service ? DIRT_SERVICE : w->dirt);
        }
        leaves_give_back(&run->leaves, w->leaf);
        worker_reset(w);
}

void run_exited(struct run *run, struct worker *w, int status)
{
        const int origin = w->origin;
        struct part left, part;
        int was_running;

        run_drain(run, w);
        run_end_console(run, w);
        was_running = w->stage == WORKER_RUNNING;
        again_tell(run, w, "it ended while it was put back");
        again_gone(run, w);
        if (w->snapshot != NULL)
                scopes_exited(run, w, status);
        else
                end_worker(run, w, status);
        run_move(run, w, WORKER_FREE);
        w->ended_well = !was_running && !w->killed && !w->abandoned && !w->why_killed[0] &&
                        WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (w->is_lane && !suite_part(&run->suite, w->part.unit, &left))
                scopes_over(run, w->part.unit);
        part = w->part;
        run_release(run, w);
        if (part.is_order)
                run_tell_in_order(run, (long)part.from);
        lose_clone(run, origin);
        run_ask_cells(run);
        run_dispatch(run);
}

/* PART could not be cloned from ORIGIN, for the reason in V. */
static void part_failed(struct run *run, struct part part, int origin, yajl_val v)
{
        struct error err = {0};

        (void)error_set(&err, "worker", (int)json_int(v, "errno", 0), "%s", json_text(v, "what"));
        if (err.errnum == EAGAIN && run->busy > 0) {
                run_again(run, origin, part);
        } else if (origin >= 0) {
                scopes_break(run, &run->workers[origin], err.what);
        } else {
                run_fail(run, &err);
                run_stop(run);
        }
}

void run_clone_failed(struct run *run, struct worker *w, yajl_val v)
{
        const struct part part = w->part;
        const int origin = w->origin, given_up = w->abandoned;

        run_move(run, w, WORKER_FREE);
        run_release(run, w);
        if (!given_up) /* else its cell may have been killed before */
                part_failed(run, part, origin, v);
        lose_clone(run, origin);
}
