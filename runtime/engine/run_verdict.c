/* How it works: a test's verdict is made when it has ended, however that was; it is said at once, unless it
 * waits for a teardown that is counted to it (item.waits) or for its module to run in order (order.h). */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "runtime/engine/again.h"

int run_report_services(struct run *run, int cell, const char *nodeid)
{
        struct service_use use[SERVICES_MAX] = {0};
        struct error err = {0};
        int used = 0;

        if (run->fatal)
                return 1;
        if (services_count(&run->services, cell, use, &err) < 0)
                run_fail(run, &err);
        for (size_t i = 0; i < run->services.n; i++)
                if (use[i].connections > 0) {
                        stream_service(&run->stream, nodeid, run->services.list[i].name, &use[i]);
                        used = 1;
                }
        return used;
}

struct verdict *run_verdict(struct run *run, const struct worker *w, uint32_t item)
{
        const struct unit *u = &run->suite.units[w->part.unit];
        const struct unit *from =
            w->origin >= 0 ? &run->suite.units[run->workers[w->origin].part.unit] : NULL;
        const char *why = w->is_lane ? (u->lane != NULL ? u->lane : u->why) : NULL;
        struct verdict *v = verdict_new(item);

        if (v != NULL && why != NULL)
                v->why = strdup(why);
        if (v != NULL && from != NULL)
                v->snapshot = strdup(from->why);
        if (v == NULL || (why != NULL && v->why == NULL) || (from != NULL && v->snapshot == NULL)) {
                verdict_free(v);
                run_check(run, -ENOMEM);
                return NULL;
        }
        (void)snprintf(v->isolation, sizeof v->isolation, "%s",
                       !run->plan->isolated ? "none"
                       : w->is_lane         ? u->isolation
                                            : "test");
        (void)snprintf(v->cell, sizeof v->cell, "%s", w->cell < 0 ? "" : w->cell_used ? "reused" : "fresh");
        usage_read(w->leaf.fd, run->plan->cgroup.controllers, &v->used);
        usage_since(&v->used, &w->before);
        if (w->turns > 0)
                usage_own_peaks(&v->used, &w->before);
        usage_note(&v->used, w->leaf.fd, v->note, sizeof v->note);
        return v;
}

long long run_max_failures(const struct run *run)
{
        return run->plan->spec->tach.max_fail > 0 ? (long long)run->plan->spec->tach.max_fail
                                                  : run->suite.max_fail;
}

static void say(struct run *run, struct verdict *v)
{
        const long long max_fail = run_max_failures(run), stepwise = run->suite.stepwise;

        run_check(run, verdict_send(v, &run->suite.items[v->item], &run->stream, &run->journal));
        verdict_free(v);
        if (run->stopped || run->exit_requested >= 0)
                return;
        if (max_fail > 0 && run->stream.counts.failed >= max_fail) {
                run->stopped = 1;
                (void)snprintf(run->exit_reason, sizeof run->exit_reason, "stopping after %lld failures",
                               max_fail);
                run_stop(run);
        } else if (stepwise > 0 && run->stream.counts.failed >= stepwise) {
                run_request_exit(run, 2, "Test failed, continuing from this test next run.");
        }
}

void run_tell(struct run *run, struct verdict *v)
{
        struct item *item = &run->suite.items[v->item];

        for (size_t i = 0; i < item->later.n; i++)
                if (result_add(&v->result, item->later.reports[i]) < 0)
                        run_check(run, -ENOMEM);
        item->later.n = 0;
        if (item->waits > 0) {
                item->held = v;
                return;
        }
        if (!run->stopping) {
                struct part again;
                int kept = order_ended(&run->order, &run->suite, v, &again);

                if (kept < 0)
                        run_check(run, kept);
                if (again.is_order)
                        run_again(run, -1, again);
                if (kept > 0)
                        return;
        }
        say(run, v);
}

/* A test that ran a second time, after those before it. */
static void end_in_order(struct run *run, struct worker *w, const struct death *death)
{
        if (death == NULL && w->result.failed == 0 && w->result.n > 0 &&
            order_passed(&run->order, &run->suite, (uint32_t)w->current) < 0)
                run_check(run, -ENOMEM);
        result_finish(&w->result);
        w->refusals = (struct refusals){0};
        w->current = -1;
        w->test_bytes = 0;
        w->used_service = 1; /* what it did with services is nobody's: its cell is not used again */
}

void run_tell_in_order(struct run *run, long item)
{
        struct verdict *v;

        while ((v = order_take(&run->order, item)) != NULL)
                say(run, v);
}

void run_end_test(struct run *run, struct worker *w, yajl_val end, struct death *death)
{
        const uint32_t item = (uint32_t)w->current;
        struct verdict *v;

        if (w->part.is_order) {
                end_in_order(run, w, death);
                if (end != NULL)
                        yajl_tree_free(end);
                return;
        }
        v = run_verdict(run, w, item);

        run->suite.items[item].finished = 1;
        w->current = -1;
        w->test_bytes = 0;
        if (v == NULL) {
                if (end != NULL)
                        yajl_tree_free(end);
                return;
        }
        v->end = end;
        v->result = w->result;
        v->refusals = w->refusals;
        w->result = (struct result){0};
        w->refusals = (struct refusals){0};
        if (death != NULL) {
                death_by_limit(death, &v->used, w->leaf.fd, v->note[0] != '\0' ? v->note : NULL);
                verdict_died(v, death);
                run->suite.items[item].died = 1;
        }
        if (w->cell >= 0)
                w->used_service |= run_report_services(run, w->cell, run->suite.items[item].nodeid);
        if (death == NULL && w->control >= 0)
                again_ended(run, w, v);
        else
                run_tell(run, v);
}

void run_tell_held(struct run *run)
{
        for (size_t i = 0; !run->fatal && i < run->suite.n_items; i++) {
                struct verdict *held = run->suite.items[i].held;

                run->suite.items[i].held = NULL;
                run->suite.items[i].waits = 0;
                if (held != NULL)
                        say(run, held);
        }
        if (!run->fatal)
                run_tell_in_order(run, -1);
}
