/* How it works: each function is a step of one snapshot, called where the run hears of something. Nothing
 * here waits. */
#include "runtime/engine/scopes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/engine/again.h"
#include "sandbox/init.h"
#include "spec/base/cleanup.h"

#define TEARDOWN_SECONDS 10.0 /* for the end of what is set up, where the run was stopped */

static const struct unit *unit_of(const struct run *run, const struct worker *w)
{
        return &run->suite.units[w->part.unit];
}

/* What was cloned from it must end before anything else is. */
static int is_held(const struct snapshot *s)
{
        return s->is_ending || s->ask.item >= 0 || s->first_state == SNAPSHOT_FIRST_RUNS;
}

static int offers(const struct worker *w)
{
        return w->stage == WORKER_OFFERING && w->snapshot != NULL &&
               w->snapshot->phase == SNAPSHOT_OFFERING && !is_held(w->snapshot);
}

int scopes_offers(const struct worker *w)
{
        return offers(w) && snapshot_left(w->snapshot) > 0;
}

int scopes_may_open(const struct run *run, unsigned depth)
{
        unsigned n = 0;

        for (unsigned i = 0; i < run->n_workers; i++) {
                const struct worker *w = &run->workers[i];

                n += w->stage != WORKER_FREE && w->snapshot != NULL && unit_of(run, w)->depth == depth;
        }
        return n < run->plan->workers;
}

struct worker *scopes_next(struct run *run)
{
        struct worker *best = NULL;

        for (unsigned i = 0; i < run->n_workers; i++) {
                struct worker *w = &run->workers[i];

                struct part next;

                if (!scopes_offers(w) ||
                    (best != NULL && unit_of(run, best)->depth >= unit_of(run, w)->depth))
                        continue;
                if (!snapshot_peek(w->snapshot, &run->suite, w->part.unit, &next)) {
                        best = w; /* all of it has ended before: it can go on */
                        continue;
                }
                if (run->plan->isolated && pool_ready(&run->pool, (int)w->slot) == 0 &&
                    again_idle(run, (int)w->slot, &next) == NULL)
                        continue;
                if (!next.is_snapshot || scopes_may_open(run, unit_of(run, w)->depth + 1))
                        best = w;
        }
        return best;
}

static void ask_cells(struct run *run, struct worker *w)
{
        struct snapshot *s = w->snapshot;
        const struct pool_cell *cell = &run->pool.v[w->cell];
        size_t wanted = snapshot_left(s);

        if (wanted > run->plan->workers)
                wanted = run->plan->workers;
        while (s->no_cells[0] == '\0' && pool_near(&run->pool, (int)w->slot) + s->coming < wanted &&
               pool_room(&run->pool) > run->pool.coming + s->coming) {
                if (send(cell->socket, (const char[]){INIT_NEST}, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
                        if (errno == EAGAIN)
                                return;
                        scopes_break(run, w, "its cell ended");
                        return;
                }
                s->coming++;
        }
}

void scopes_ask_cells(struct run *run)
{
        for (unsigned i = 0; run->plan->isolated && i < run->n_workers; i++)
                if (offers(&run->workers[i]) && !run->workers[i].killed)
                        ask_cells(run, &run->workers[i]);
}

static void take_cell(struct run *run, struct worker *w, int fds[KEEPER_FDS])
{
        struct snapshot *s = w->snapshot;
        const struct cell_maker maker = {
            .slot = (int)w->slot, .cell = w->cell, .services = s->received, .layers = &s->layers};

        if (s->coming == 0) {
                scopes_break(run, w, "its cell speaks unasked");
                return;
        }
        s->coming--;
        if (run_add_cell(run, &maker, fds) < 0)
                (void)snprintf(s->no_cells, sizeof s->no_cells, "there is no room for its cells");
}

static void from_cell(struct run *run, struct worker *w)
{
        struct keeper_message m;
        int fds[KEEPER_FDS];

        while (w->snapshot != NULL && keeper_receive(run->pool.v[w->cell].socket, &m, fds) == 1) {
                struct snapshot *s = w->snapshot;

                if (m.op == KEEPER_SERVICE) {
                        services_receive(&run->services, s->received, m.status, TAKE_FD(fds[0]));
                } else if (m.op == KEEPER_UPPER) {
                        keep_receive(&run->keep, &s->layers, m.status, TAKE_FD(fds[0]));
                } else if (m.op == KEEPER_CELL && m.err.phase[0] != '\0') {
                        s->coming -= s->coming > 0;
                        (void)snprintf(s->no_cells, sizeof s->no_cells, "%s", m.err.what);
                } else if (m.op == KEEPER_CELL) {
                        take_cell(run, w, fds);
                }
                keeper_close(fds);
                scopes_go_on(run, w);
        }
}

int scopes_from_cell(struct run *run, int index)
{
        for (unsigned i = 0; i < run->n_workers; i++) {
                struct worker *w = &run->workers[i];

                if (w->stage != WORKER_FREE && w->cell == index && w->snapshot != NULL) {
                        from_cell(run, w);
                        run_dispatch(run);
                        return 1;
                }
        }
        return 0;
}

static void ask(struct run *run, struct worker *w, uint32_t op, const uint32_t *items, size_t n)
{
        const struct run_head head = {.op = op, .slot = w->slot, .n_items = (uint32_t)n};
        struct error err = {0};

        if (zygote_ask(w->snapshot->control, &head, items, NULL, 0, 0, &err) < 0)
                scopes_break(run, w, err.what);
}

static int is_other_file(const struct run *run, const struct unit *u, size_t i)
{
        return i == u->n ||
               strcmp(run->suite.items[u->items[i]].file, run->suite.items[u->items[i - 1]].file) != 0;
}

static size_t count_left(const struct run *run, const struct unit *u)
{
        size_t left = 0;

        for (size_t i = 0; i < u->n; i++)
                left += !run->suite.items[u->items[i]].finished;
        return left;
}

/* Session fixtures are set up once for each worker, unless the spec says otherwise: hands the others their
 * shares of the unfinished items, whole files, and returns where W's own ends. */
static size_t share_out(struct run *run, const struct worker *w, const struct unit *u)
{
        const unsigned workers = run->plan->workers;
        const size_t left = count_left(run, u);
        size_t taken = 0, begin = 0, own = 0;
        unsigned shares = 0;

        if (strcmp(u->isolation, "session") != 0 ||
            run->plan->spec->tach.session_fixtures == SPEC_SESSION_FIXTURES_ONCE)
                return u->n;
        for (size_t i = 1; i <= u->n; i++) {
                taken += !run->suite.items[u->items[i - 1]].finished;
                if (!is_other_file(run, u, i) || taken == 0 ||
                    (i < u->n && taken * workers < left * (shares + 1)))
                        continue;
                if (shares++ == 0)
                        own = i;
                else if (begin < i)
                        run_again(run, w->origin,
                                  (struct part){.unit = w->part.unit, .from = begin, .to = i});
                begin = i;
        }
        return own;
}

/* From here on W is a worker that runs what is left of its unit. FIXTURE: the one because of WHY, or NULL. */
static void make_lane(struct run *run, struct worker *w, const char *fixture, const char *why)
{
        struct unit *u = &run->suite.units[w->part.unit];
        char *name = strdup(fixture != NULL ? fixture : u->why);

        if (name == NULL) {
                run_check(run, -ENOMEM);
                return;
        }
        free(u->why);
        u->why = name;
        if (u->lane == NULL && asprintf(&u->lane, "%s: %s", u->why, why) < 0) {
                u->lane = NULL;
                run_check(run, -ENOMEM);
                return;
        }
        w->n_items = w->next = 0;
        w->part = (struct part){.unit = w->part.unit, .to = share_out(run, w, u)};
        for (size_t i = 0; i < w->part.to; i++)
                if (!run->suite.items[u->items[i]].finished)
                        w->items[w->n_items++] = u->items[i];
        if (w->n_items > RUN_MAX_ITEMS) {
                scopes_break(run, w, "more tests share it than one worker can run");
                return;
        }
        stream_scope(&run->stream, u, why, count_left(run, u));
        pool_disown(&run->pool, (int)w->slot, 1);
        ask(run, w, RUN_HERE, w->items, w->n_items);
        snapshot_free(w->snapshot);
        w->snapshot = NULL;
        w->is_lane = 1;
        run_move(run, w, WORKER_RUNNING); /* takes a place again */
        w->deadline = run_deadline(run);
}

static void carry(struct run *run, struct snapshot *s, yajl_val items)
{
        for (size_t i = 0; YAJL_IS_ARRAY(items) && i < YAJL_GET_ARRAY(items)->len; i++) {
                yajl_val item = YAJL_GET_ARRAY(items)->values[i];

                if (YAJL_IS_INTEGER(item))
                        run_check(run, snapshot_carry(s, &run->suite, YAJL_GET_INTEGER(item)));
        }
}

void scopes_offer(struct run *run, struct worker *w, yajl_val v)
{
        const char *why = json_text(v, "why");

        if (snapshot_offer(w->snapshot, unit_of(run, w), json_int(v, "from", -1), json_int(v, "to", -1),
                           json_int(v, "first", -1)) < 0) {
                scopes_break(run, w, "it wrote on the channel that reports its results");
                return;
        }
        carry(run, w->snapshot, json_field(v, "for"));
        w->test_bytes = 0;
        w->deadline = 0;
        if (run->stopping) {
                scopes_stop(run, w);
                return;
        }
        if (why != NULL && why[0] != '\0') {
                make_lane(run, w, json_text(v, "fixture"), why);
                return;
        }
        run_move(run, w, WORKER_OFFERING);
        scopes_ask_cells(run);
        scopes_go_on(run, w);
}

void scopes_go_on(struct run *run, struct worker *w)
{
        struct snapshot *s = w->snapshot;
        int is_end, is_asked;

        if (s == NULL || s->phase != SNAPSHOT_OFFERING || s->children > 0 || w->killed || s->is_gone)
                return;
        if (s->first_state == SNAPSHOT_FIRST_RUNS)
                s->first_state = SNAPSHOT_FIRST_RAN;
        if (s->no_cells[0] != '\0' && snapshot_left(s) > 0 && !s->is_ending) {
                make_lane(run, w, NULL, s->no_cells);
                return;
        }
        if (s->coming > 0 || (snapshot_left(s) > 0 && !is_held(s)))
                return;
        is_asked = s->ask.item >= 0;
        is_end = run->stopping || s->is_ending || (!is_asked && s->to == unit_of(run, w)->n_entries);
        pool_disown(&run->pool, (int)w->slot, 1);
        s->phase = is_end ? SNAPSHOT_TEARING_DOWN : SNAPSHOT_SETTING_UP;
        run_move(run, w, WORKER_RUNNING); /* takes a place again */
        w->began = run_now();
        w->deadline = run->stopping ? w->began + TEARDOWN_SECONDS : run_deadline(run);
        if (is_asked && !is_end)
                ask(run, w, RUN_SET_UP, (uint32_t[]){(uint32_t)s->ask.item, s->ask.fixture, s->ask.phase}, 3);
        else
                ask(run, w, is_end ? RUN_QUIT : RUN_NEXT, NULL, 0);
}

void scopes_stop(struct run *run, struct worker *w)
{
        w->snapshot->next = w->snapshot->to;
        w->snapshot->n_again = 0;
        w->snapshot->no_cells[0] = '\0';
        if (w->stage == WORKER_RUNNING)
                w->deadline = run_now() + TEARDOWN_SECONDS;
        scopes_go_on(run, w);
}

void scopes_break(struct run *run, struct worker *w, const char *why)
{
        (void)run;
        if (w->why_killed[0] == '\0')
                (void)snprintf(w->why_killed, sizeof w->why_killed, "the snapshot of its scope failed: %s",
                               why);
        worker_kill(w);
}

void scopes_over(struct run *run, uint32_t unit)
{
        struct unit *u = &run->suite.units[unit];
        struct item *item = u->n_entries > 0 ? &run->suite.items[u->last] : NULL;

        if (item == NULL || u->is_over || item->waits == 0)
                return;
        u->is_over = 1;
        if (--item->waits == 0 && item->held != NULL) {
                struct verdict *held = item->held;

                item->held = NULL;
                run_tell(run, held);
        }
}

void scopes_report(struct run *run, struct worker *w, yajl_val v)
{
        struct item *item = &run->suite.items[unit_of(run, w)->last];

        if (w->snapshot->is_ending &&
            !snapshot_is_told(w->snapshot, &run->suite)) { /* as if nothing had been set up */
                keep_clean(&run->keep, w->cell);
                yajl_tree_free(v);
        } else if (result_add(item->held != NULL ? &item->held->result : &item->later, v) < 0) {
                run_check(run, -ENOMEM);
        }
}

static void end_children(struct run *run, const struct worker *w)
{
        for (unsigned i = 0; i < run->n_workers; i++) {
                struct worker *child = &run->workers[i];

                if (child->stage == WORKER_FREE || child->origin != (int)w->slot)
                        continue;
                if (child->why_killed[0] == '\0')
                        (void)snprintf(child->why_killed, sizeof child->why_killed,
                                       "the snapshot of its scope ended (%s)", unit_of(run, w)->why);
                child->killed = 1;
                run_exited(run, child, SIGKILL);
        }
}

/* The item that W was about to set up for has failed with it. */
static void blame_next(struct run *run, const struct worker *w, const struct death *death)
{
        struct part left;
        struct verdict *v;
        uint32_t item;

        if (!suite_part(&run->suite, w->part.unit, &left))
                return;
        item = unit_of(run, w)->items[left.from];
        if (w->snapshot->ask.item >= 0)
                item = (uint32_t)w->snapshot->ask.item;
        v = run_verdict(run, w, item);
        run->suite.items[item].attempt++;
        run->suite.items[item].finished = 1;
        if (v == NULL)
                return;
        verdict_died(v, death);
        run_tell(run, v);
}

/* Its teardown has failed with it. */
static void blame_last(struct run *run, const struct worker *w, const struct death *death)
{
        const struct item *item = &run->suite.items[unit_of(run, w)->last];

        if (item->held != NULL) {
                verdict_died(item->held, death);
                return;
        }
        stream_error(&run->stream, "teardown", death->reason, NULL);
        run->stream.errors++;
}

void scopes_exited(struct run *run, struct worker *w, int status)
{
        struct snapshot *s = w->snapshot;
        const int in_order = w->stage == WORKER_LEAVING && !w->abandoned;
        const uint32_t unit = w->part.unit;
        struct death death;
        struct part left;
        size_t n;

        s->is_gone = 1;
        end_children(run, w);
        if (!in_order && !run->stopping && !run->fatal) {
                worker_death(w, status, run->plan->spec->tach.timeout, run_now(), &death);
                n = strlen(death.reason);
                (void)snprintf(death.reason + n, sizeof death.reason - n, " (while %s: %s)",
                               s->phase == SNAPSHOT_TEARING_DOWN ? "tearing down" : "setting up",
                               unit_of(run, w)->why);
                if (s->phase == SNAPSHOT_TEARING_DOWN)
                        blame_last(run, w, &death);
                else
                        blame_next(run, w, &death);
        }
        if (!suite_part(&run->suite, unit, &left))
                scopes_over(run, unit);
        else if (!run->stopping)
                run_again(run, w->origin, left);
}
