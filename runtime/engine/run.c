/* How it works: one epoll set over the control socket, the keeper, the signals and a result pipe a worker.
 * A place is taken by a worker until it says "done"; its exit and its cell's end are then awaited beside the
 * next one. Cells are asked for ahead, one more than there are places. */
#include "runtime/engine/run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness/run_message.h"
#include "runtime/base/json.h"
#include "runtime/engine/again.h"
#include "runtime/engine/asks.h"
#include "runtime/engine/cachedir.h"
#include "runtime/engine/run_internal.h"
#include "runtime/engine/scopes.h"
#include "runtime/engine/tripwires.h"
#include "sandbox/probe.h"
#include "spec/base/cleanup.h"

#define START_SECONDS     10.0  /* at least this long may a worker take to its first test */
#define ABORT_SECONDS     0.5   /* from SIGABRT, which writes the Python stack, to SIGKILL */
#define PATIENCE_MS       5000  /* for the zygote to read what it is asked */
#define QUIT_SECONDS      120.0 /* for the session's end: plugins write their reports there */
#define UNSTARTED_SECONDS 15.0  /* a worker that the zygote was asked for must be there */
#define MAX_KILLS         5     /* of a worker whose end the zygote does not tell */
#define GRACE_SECONDS     2.0   /* for an interrupted worker without a cell */

double run_now(void)
{
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void run_fail(struct run *run, struct error *err)
{
        if (run->fatal++)
                return;
        run->stopping = 1;
        if (run->plan->isolated)
                probe_explain(err, run->plan->project);
        stream_start(&run->stream, run->plan, &run->suite);
        stream_fail(&run->stream, err);
}

void run_check(struct run *run, int r)
{
        if (r == 0)
                r = run->stream.lost;
        if (r < 0 && !run->fatal) {
                (void)fprintf(stderr, "tach-run: event: write the event stream: %s\n", strerror(-r));
                run->fatal = run->stopping = 1;
        }
}

static int exit_code(const struct run *run)
{
        if (run->fatal)
                return 3;
        if (run->exit_changed >= 0)
                return run->exit_changed;
        if (run->exit_requested >= 0)
                return run->exit_requested;
        if (run->interrupted)
                return 2;
        if (run->collected && run->suite.exit != 0)
                return run->suite.exit;
        if (run->stream.counts.failed > 0 || run->stream.errors > 0)
                return 1;
        return stream_outcomes(&run->stream) == 0 ? 5 : 0;
}

int run_watch(struct run *run, int fd, enum source source, uint32_t slot)
{
        struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | slot};

        return epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

/* Ends the worker without a result. */
static void abandon(struct run *run, struct worker *w)
{
        again_tell(run, w, NULL);
        if (w->stage == WORKER_RUNNING) {
                w->stage = WORKER_LEAVING;
                run->busy--;
                run->leaving++;
        } else if (w->stage == WORKER_OFFERING) {
                w->stage = WORKER_LEAVING;
                run->offering--;
                run->leaving++;
        } else if (w->stage == WORKER_IDLE) {
                w->stage = WORKER_LEAVING;
                run->idle--;
                run->leaving++;
        }
        w->abandoned = 1;
        w->deadline = run_now() + GRACE_SECONDS;
        if (run->plan->isolated || w->abort_sent) {
                worker_kill(w);
        } else {
                w->abort_sent = 1;
                worker_signal(w, SIGINT);
        }
}

/* No further tests; those that run are ended. What snapshots have set up they may tear down, as pytest does,
 * unless the run failed. */
static void stop(struct run *run)
{
        run->stopping = 1;
        for (unsigned i = 0; i < run->n_workers; i++) {
                struct worker *w = &run->workers[i];

                if (w->stage != WORKER_FREE && w->snapshot != NULL && !run->fatal)
                        scopes_stop(run, w);
                else if (w->stage == WORKER_RUNNING || w->stage == WORKER_OFFERING || w->stage == WORKER_IDLE)
                        abandon(run, w);
        }
}

static void tend_leaves(struct run *run)
{
        struct error err = {0};

        if (!run->fatal && leaves_tend(&run->leaves, run->stopping ? 0 : suite_left(&run->suite), &err) < 0)
                run_fail(run, &err);
}

static void ask_cells(struct run *run)
{
        struct error err = {0};

        if (!run->plan->isolated || run->stopping)
                return;
        if (pool_fill(&run->pool, suite_left(&run->suite), &err) < 0)
                run_fail(run, &err);
        scopes_ask_cells(run);
}

/* Says what the cell number CELL has used since it was last asked: whether it used anything. */
static int report_services(struct run *run, int cell, const char *nodeid)
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

static struct worker *free_worker(struct run *run)
{
        for (unsigned i = 0; i < run->n_workers; i++)
                if (run->workers[i].stage == WORKER_FREE)
                        return &run->workers[i];
        return NULL;
}

/* Opens W's channel and output; *RET_END is the worker's end of the channel. */
static int open_channel(struct worker *w, int *ret_end, struct error *err)
{
        int ends[2];

        w->out_fd = memfd_create("tach-stdout", MFD_CLOEXEC);
        w->err_fd = memfd_create("tach-stderr", MFD_CLOEXEC);
        if (w->out_fd < 0 || w->err_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return error_set(err, "run", errno, "open a worker's channel");
        w->result_fd = ends[0];
        *ret_end = ends[1];
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        return 0;
}

/* What W is to run: a snapshot's unit and first entry, or the unfinished items of its part. */
static int set_items(const struct run *run, struct worker *w, struct error *err)
{
        const struct unit *u = &run->suite.units[w->part.unit];
        size_t from = w->part.from;

        w->items = calloc((w->part.is_order ? run->suite.n_items : u->n) + 2, sizeof *w->items);
        if (w->items == NULL)
                return error_set(err, "run", ENOMEM, "start a worker");
        if (w->part.is_snapshot) {
                w->items[0] = w->part.unit;
                w->items[1] = (uint32_t)snapshot_entry(&run->suite, w->part.unit, from);
                w->snapshot = snapshot_new(w->items[1]);
                return w->snapshot != NULL ? 2 : error_set(err, "run", ENOMEM, "start a snapshot");
        }
        if (w->part.is_order)
                w->n_items = order_items(&run->order, &run->suite, &w->part, w->items);
        for (; !w->part.is_order && from < w->part.to; from++)
                if (!run->suite.items[u->items[from]].finished)
                        w->items[w->n_items++] = u->items[from];
        if (w->n_items > RUN_MAX_ITEMS)
                return error_set(err, "run", EFBIG, "%zu tests share one fixture (%s); at most %u can",
                                 w->n_items, u->why, RUN_MAX_ITEMS);
        return (int)w->n_items;
}

/* A snapshot's way to hear of the engine; *RET_END is the snapshot's. */
static int open_control(struct run *run, struct worker *w, int *ret_end, struct error *err)
{
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return error_set(err, "run", errno, "socketpair");
        w->snapshot->control = ends[0];
        *ret_end = ends[1];
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        return run_watch(run, ends[0], FROM_SNAPSHOT, w->slot) < 0 ? error_set(err, "run", errno, "epoll")
                                                                   : 0;
}

static void enter_snapshot(struct run *run, const struct worker *w)
{
        const struct unit *u = &run->suite.units[w->part.unit];
        char name[1024];

        (void)snprintf(name, sizeof name, "%.200s%s%.800s", u->why, u->nodeid[0] != '\0' ? " of " : "",
                       u->nodeid);
        keep_enter(&run->keep, w->cell, name, 0);
}

static int start_worker(struct run *run, struct worker *w, struct part part, int origin, struct error *err)
{
        struct run_head head = {.op = part.is_snapshot ? RUN_SNAPSHOT : RUN_ITEMS, .slot = w->slot};
        const int control = origin < 0 ? run->zygote.control : run->workers[origin].snapshot->control;
        int fds[6] = {-1, -1, -1, -1, -1, -1}, r;
        size_t n_fds = 3;

        w->part = part;
        w->origin = origin;
        w->is_lane = !part.is_snapshot && !part.is_order &&
                     (part.to - part.from > 1 || run->suite.units[part.unit].lane != NULL);
        r = set_items(run, w, err);
        if (r < 0)
                return r;
        head.n_items = (uint32_t)r;
        r = open_channel(w, &fds[0], err);
        if (r < 0)
                return r;
        CLEANUP_CLOSE int theirs = fds[0]; /* closed here once it was sent */
        (void)theirs;
        fds[1] = w->out_fd;
        fds[2] = w->err_fd;
        CLEANUP_CLOSE int their_control = -1;
        if (part.is_snapshot) {
                r = open_control(run, w, &their_control, err);
                if (r < 0)
                        return r;
                fds[n_fds++] = their_control;
        } else if (again_may(run, &part)) {
                r = again_open(w, &their_control, err);
                if (r < 0)
                        return r;
                fds[n_fds++] = their_control;
                head.flags |= RUN_ROLLS_BACK;
        }
        if (run->plan->cell.network == SPEC_NETWORK_HOST)
                head.flags |= RUN_HOST_NETWORK;
        if (run->plan->isolated) {
                w->cell = pool_take(&run->pool, origin);
                w->cell_fd = run->pool.v[w->cell].pidfd;
                w->cell_used = run->pool.v[w->cell].uses > 1;
                if (part.is_snapshot)
                        enter_snapshot(run, w);
                fds[n_fds++] = w->cell_fd;
                head.flags |= RUN_CELL;
        }
        r = leaves_take(&run->leaves, &w->leaf, err);
        if (r < 0)
                return r;
        if (w->leaf.fd >= 0) {
                fds[n_fds++] = w->leaf.fd;
                head.flags |= RUN_CGROUP;
        }
        if (run_watch(run, w->result_fd, FROM_WORKER, w->slot) < 0)
                return error_set(err, "run", errno, "epoll");
        r = zygote_ask(control, &head, w->items, fds, n_fds, origin < 0 ? PATIENCE_MS : 0, err);
        if (r < 0)
                return r;
        if (origin >= 0)
                run->workers[origin].snapshot->children++;
        w->stage = WORKER_RUNNING;
        w->began = run_now();
        w->deadline = w->began + UNSTARTED_SECONDS;
        run->busy++;
        return 0;
}

/* W is free again; its cell is used again if its worker ended as it should, else it ends. */
static void release(struct run *run, struct worker *w)
{
        const int was_snapshot = w->snapshot != NULL || w->is_lane;

        if (w->cell >= 0 && w->ended_well) {
                const struct unit *u = &run->suite.units[w->part.unit];
                const uint32_t item =
                    w->next > 0 && w->snapshot == NULL ? w->items[w->next - 1] : u->items[0];

                w->used_service |= report_services(run, w->cell, run->suite.items[item].nodeid);
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

void run_dispatch(struct run *run)
{
        struct error err = {0};
        struct worker *w;
        struct part part;
        int origin;

        while (run->collected && !run->stopping && run->busy < run->plan->workers &&
               !keep_is_behind(&run->keep) && (w = free_worker(run)) != NULL &&
               next_part(run, &part, &origin)) {
                struct worker *idle = again_idle(run, origin, &part);

                if (idle != NULL) {
                        if (again_resume(run, idle, part) < 0)
                                run_again(run, origin, part);
                        continue;
                }
                if (start_worker(run, w, part, origin, &err) < 0) {
                        release(run, w);
                        if (origin < 0) {
                                run_fail(run, &err);
                                return;
                        }
                        scopes_break(run, &run->workers[origin], err.what);
                }
                ask_cells(run);
        }
        ask_cells(run);
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

/* 0: no end. */
static long long max_failures(const struct run *run)
{
        return run->plan->spec->tach.max_fail > 0 ? (long long)run->plan->spec->tach.max_fail
                                                  : run->suite.max_fail;
}

static void say(struct run *run, struct verdict *v);

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

static void say(struct run *run, struct verdict *v)
{
        const long long max_fail = max_failures(run);

        run_check(run, verdict_send(v, &run->suite.items[v->item], &run->stream, &run->journal));
        verdict_free(v);
        if (max_fail > 0 && run->stream.counts.failed >= max_fail && !run->stopped) {
                run->stopped = 1;
                (void)snprintf(run->exit_reason, sizeof run->exit_reason, "stopping after %lld failures",
                               max_fail);
                stop(run);
        }
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

/* The module of ITEM has run in order, or nothing will any more (-1). */
static void tell_in_order(struct run *run, long item)
{
        struct verdict *v;

        while ((v = order_take(&run->order, item)) != NULL)
                say(run, v);
}

/* END: the worker's line, or NULL; becomes the verdict's. */
static void end_test(struct run *run, struct worker *w, yajl_val end, struct death *death)
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
                w->used_service |= report_services(run, w->cell, run->suite.items[item].nodeid);
        if (death == NULL && w->control >= 0)
                again_ended(run, w, v);
        else
                run_tell(run, v);
}

double run_deadline(const struct run *run)
{
        return run->plan->spec->tach.timeout > 0 ? run_now() + run->plan->spec->tach.timeout : 0;
}

static void begin_test(struct run *run, struct worker *w)
{
        usage_read(w->leaf.fd, run->plan->cgroup.controllers, &w->before);
        w->current = w->items[w->next++];
        run->suite.items[w->current].attempt += !w->part.is_order;
        if (!w->part.is_order) /* what it writes when it runs again, to find out why it fails, is lost */
                keep_enter(&run->keep, w->cell, run->suite.items[w->current].nodeid, w->is_lane);
        w->began = run_now();
        w->deadline = run_deadline(run);
}

static void pytest_exit(struct run *run, yajl_val v)
{
        const char *reason = json_text(v, "reason");

        run->exit_requested = (int)json_int(v, "returncode", 2);
        (void)snprintf(run->exit_reason, sizeof run->exit_reason, "%s", reason != NULL ? reason : "");
        stream_error(&run->stream, "exit",
                     reason != NULL && reason[0] != '\0' ? reason : "a test ended the session", NULL);
        stop(run);
}

static const char *const warning_keys[] = {"message", "category", "file", "line", "nodeid", NULL};
static const char *const cache_keys[] = {"key", "value", NULL};
static const char *const coverage_keys[] = {"arcs", "rows", NULL};

static void drain(struct run *run, struct worker *w);

static void break_off(struct worker *w)
{
        (void)snprintf(w->why_killed, sizeof w->why_killed,
                       "the test wrote on the channel that reports its result");
        worker_kill(w);
}

static void take_line(struct run *run, struct worker *w, enum worker_line kind, yajl_val v)
{
        struct error err = {0};

        switch (kind) {
        case WORKER_BEGIN:
                begin_test(run, w);
                break;
        case WORKER_REPORT:
                if (w->snapshot != NULL)
                        scopes_report(run, w, v);
                else if (result_add(&w->result, v) < 0)
                        run_check(run, -ENOMEM);
                return; /* v is the result's */
        case WORKER_WARNING:
                if (w->part.is_order)
                        break;
                stream_warning(&run->stream, v);
                journal_line(&run->journal, "warning", v, warning_keys);
                break;
        case WORKER_CACHE:
                if (!w->part.is_order)
                        journal_line(&run->journal, "cache", v, cache_keys);
                break;
        case WORKER_COVERAGE:
                if (!w->part.is_order)
                        journal_line(&run->journal, "coverage", v, coverage_keys);
                break;
        case WORKER_END:
                end_test(run, w, v, NULL);
                return; /* v is the verdict's */
        case WORKER_ASK:
                if (asks_take(run, w, v) < 0)
                        break_off(w);
                break;
        case WORKER_UP:
                w->next = 1;
                w->deadline = run_deadline(run);
                break;
        case WORKER_OFFER:
                scopes_offer(run, w, v);
                break;
        case WORKER_DONE:
                if (w->stage == WORKER_RUNNING) {
                        w->stage = WORKER_LEAVING;
                        run->busy--;
                        run->leaving++;
                }
                w->deadline = run_now() + GRACE_SECONDS;
                again_tell(run, w, w->tripped != NULL ? w->tripped : json_text(v, "spent"));
                if (!run->plan->cell.reuse || w->is_lane || w->snapshot != NULL)
                        worker_kill(w);
                break;
        case WORKER_BACK:
                again_back(run, w, v);
                break;
        case WORKER_EXIT:
                if (!w->part.is_order)
                        pytest_exit(run, v);
                break;
        case WORKER_INTERNAL:
                (void)snprintf(
                    w->why_killed, sizeof w->why_killed,
                    "pytest itself failed under the test (its traceback is in the captured stderr)");
                break;
        case WORKER_FAILED:
                (void)error_set(&err, "worker", 0, "%s", json_text(v, "what"));
                run_fail(run, &err);
                stop(run);
                break;
        case WORKER_BROKEN:
                break_off(w);
                break;
        }
        if (v != NULL)
                yajl_tree_free(v);
}

static void drain(struct run *run, struct worker *w)
{
        enum worker_line kind;
        yajl_val v;
        int n;

        do {
                n = worker_read(w);
                while (worker_line(w, &run->suite, &kind, &v)) {
                        if (!w->abandoned && !w->why_killed[0])
                                take_line(run, w, kind, v);
                        else if (v != NULL)
                                yajl_tree_free(v);
                }
                if (w->test_bytes > WORKER_MAX_TEST_BYTES && !w->killed) {
                        (void)snprintf(w->why_killed, sizeof w->why_killed,
                                       "the test's reports are longer than %u MiB",
                                       WORKER_MAX_TEST_BYTES >> 20);
                        worker_kill(w);
                }
        } while (n > 0);
        if (n < 0)
                (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, w->result_fd, NULL);
}

/* What it left unfinished is decided here. */
static void end_worker(struct run *run, struct worker *w, int status)
{
        struct death death;

        if (w->abandoned || run->fatal || w->stage != WORKER_RUNNING)
                return;
        worker_death(w, status, run->plan->spec->tach.timeout, run_now(), &death);
        if (w->current < 0 && w->next == 0 && w->n_items > 0 && w->turns == 0)
                begin_test(run, w); /* it died on the way to its first test */
        if (w->current >= 0)
                end_test(run, w, NULL, &death);
        if (w->next < w->n_items && !w->part.is_order)
                run_again(run, w->origin, w->part);
}

/* W takes no place any more. */
static void leave(struct run *run, const struct worker *w)
{
        if (w->stage == WORKER_RUNNING)
                run->busy--;
        else if (w->stage == WORKER_OFFERING)
                run->offering--;
        else if (w->stage == WORKER_IDLE)
                run->idle--;
        else
                run->leaving--;
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

void run_exited(struct run *run, struct worker *w, int status)
{
        const int origin = w->origin;
        struct part left, part;
        int was_running;

        drain(run, w);
        was_running = w->stage == WORKER_RUNNING;
        again_tell(run, w, "it ended while it was put back");
        again_gone(run, w);
        if (w->snapshot != NULL)
                scopes_exited(run, w, status);
        else
                end_worker(run, w, status);
        leave(run, w); /* stop() may have moved it */
        w->ended_well = !was_running && !w->killed && !w->abandoned && !w->why_killed[0] &&
                        WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (w->is_lane && !suite_part(&run->suite, w->part.unit, &left))
                scopes_over(run, w->part.unit);
        part = w->part;
        release(run, w);
        if (part.is_order)
                tell_in_order(run, (long)part.from);
        lose_clone(run, origin);
        ask_cells(run);
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
                stop(run);
        }
}

static void clone_failed(struct run *run, struct worker *w, yajl_val v)
{
        const struct part part = w->part;
        const int origin = w->origin, given_up = w->abandoned;

        leave(run, w);
        release(run, w);
        if (!given_up) /* else its cell may have been killed before */
                part_failed(run, part, origin, v);
        lose_clone(run, origin);
}

/* From its start to its first test: at least START_SECONDS. */
static void set_start_deadline(const struct run *run, struct worker *w)
{
        const double timeout = run->plan->spec->tach.timeout;

        w->deadline = timeout > 0 ? run_now() + (timeout > START_SECONDS ? timeout : START_SECONDS) : 0;
}

/* ORIGIN says it: a snapshot's slot, or -1 for the zygote. It may speak of its own clones only. */
static void about_worker(struct run *run, int origin, const char *t, yajl_val v, int *fd)
{
        long long slot = json_int(v, "slot", -1);
        struct worker *w = slot >= 0 && slot < run->n_workers ? &run->workers[slot] : NULL;

        if (w == NULL || w->stage == WORKER_FREE || w->origin != origin)
                return;
        if (strcmp(t, "started") == 0 && w->pidfd < 0) {
                w->pidfd = TAKE_FD(*fd);
                if (w->stage == WORKER_RUNNING && w->current < 0 && w->next == 0 && !w->is_lane)
                        set_start_deadline(run, w);
                if (w->killed)
                        worker_kill(w);
                else if (w->abandoned)
                        worker_signal(w, SIGINT);
        } else if (strcmp(t, "exited") == 0) {
                run_exited(run, w, (int)json_int(v, "status", 0));
        } else if (strcmp(t, "clone_failed") == 0) {
                clone_failed(run, w, v);
        }
}

static void collected(struct run *run)
{
        run->collected = 1;
        if (run->plan->isolated && max_failures(run) == 0)
                run_check(run, order_begin(&run->order, &run->suite));
        stream_start(&run->stream, run->plan, &run->suite);
        stream_collected(&run->stream, &run->suite, &run->refusals);
        if (run->plan->isolated)
                (void)report_services(run, SERVICES_OUTER, NULL);
        if (run->suite.exit != 0)
                run->stopping = 1;
        ask_cells(run);
        run_dispatch(run);
}

/* The interpreter is gone, or speaks nonsense: only right when it was told to quit. HOW says which. */
static void zygote_lost(struct run *run, const char *how)
{
        CLEANUP_BUF struct buf log = {0};
        struct error err = {0};
        size_t used;

        run->zygote_gone = 1;
        if (run->quitting || run->fatal)
                return;
        (void)zygote_log(&run->zygote, &log);
        (void)error_set(&err, "zygote", 0, "the interpreter %s %s", how,
                        run->collected ? "while tests ran" : "while it collected the tests");
        used = strlen(err.what);
        if (log.len > 0) {
                size_t room = sizeof err.what - used - 32;

                (void)snprintf(err.what + used, sizeof err.what - used, "; it printed last:\n%s",
                               log.len > room ? log.data + (log.len - room) : log.data);
        }
        run_fail(run, &err);
        stop(run);
}

static void zygote_ended(struct run *run, int status)
{
        char how[96];

        if (WIFSIGNALED(status))
                (void)snprintf(how, sizeof how, "was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
        else
                (void)snprintf(how, sizeof how, "ended with exit code %d", WEXITSTATUS(status));
        zygote_lost(run, how);
}

/* What was not asked for is forged, and stays in FDS. */
static void new_cell(struct run *run, int fds[KEEPER_FDS])
{
        struct error err = {0};
        int index = pool_add(&run->pool, -1, fds[0], fds[1]);

        if (index < 0)
                return;
        if (services_open(&run->services, run->services.received, index, &err) < 0)
                run_fail(run, &err);
        if (keep_open(&run->keep, &run->keep.received, index, KEEP_OUTER, &err) < 0)
                run_fail(run, &err);
        if (fds[1] >= 0 && run_watch(run, fds[1], FROM_CELL, (uint32_t)index) < 0) {
                (void)error_set(&err, "run", errno, "epoll");
                run_fail(run, &err);
        }
        fds[0] = fds[1] = -1;
        run_dispatch(run);
}

/* The zygote runs. Without a listener of its filter, what that refuses is not told. */
static void zygote_ready(struct run *run, int fds[KEEPER_FDS])
{
        struct error err = {0};

        if (services_open(&run->services, run->services.received, SERVICES_OUTER, &err) < 0 ||
            keep_open(&run->keep, &run->keep.received, KEEP_OUTER, KEEP_OUTER, &err) < 0)
                run_fail(run, &err);
        if (run->listener < 0 && fds[1] >= 0 && refusals_is_listener(fds[1]) &&
            run_watch(run, fds[1], FROM_LISTENER, 0) == 0)
                run->listener = TAKE_FD(fds[1]);
        run->stream.unheard = run->listener < 0;
}

static struct worker *worker_of(struct run *run, pid_t pid)
{
        ino_t ns = refusals_pid_namespace(pid);

        for (unsigned i = 0; ns != 0 && i < run->n_workers; i++)
                if (run->workers[i].stage != WORKER_FREE && worker_pid_namespace(&run->workers[i]) == ns)
                        return &run->workers[i];
        return NULL;
}

/* Before its first test a worker may watch its own memory: that is how it can be put back. */
static int may_watch_memory(struct worker *w, const struct refused_call *call)
{
        if (call->nr != SYS_userfaultfd || call->args[0] != (O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */) ||
            w == NULL || w->control < 0 || w->has_uffd || w->turns > 0 || w->next > 0)
                return 0;
        w->has_uffd = 1;
        return 1;
}

/* One at a time: a test that makes refused calls without end must not keep the others waiting. */
static void from_listener(struct run *run, uint32_t events)
{
        const struct filters *f = &run->plan->filters;
        struct refused_call call;
        int r = (events & EPOLLIN) != 0 ? refusals_receive(run->listener, &call) : -EPIPE;

        if (r == 1) {
                struct worker *w = worker_of(run, call.pid);
                const char *tripwire = tripwires_name(call.nr, call.args);
                int errnum;

                if (may_watch_memory(w, &call) ||
                    (tripwire != NULL && filters_allow(f, w != NULL, call.nr, call.args))) {
                        if (w != NULL && tripwire != NULL && w->next > 0)
                                w->tripped = tripwire;
                        refusals_pass(run->listener, &call);
                        return;
                }
                errnum = filters_refusal(f, w != NULL, call.nr, call.args);

                refusals_add(w != NULL ? &w->refusals : &run->refusals, &call, errnum);
                refusals_answer(run->listener, &call, errnum);
        } else if (r < 0) {
                (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, run->listener, NULL);
                (void)close(run->listener);
                run->listener = -1;
        }
}

static void from_keeper(struct run *run)
{
        struct keeper_message m;
        struct error err = {0};
        int fds[KEEPER_FDS], r;

        while ((r = keeper_receive(run->zygote.keeper.socket, &m, fds)) == 1) {
                if (m.op == KEEPER_CGROUP && run->leaves.tree_fd < 0) {
                        if (leaves_open(&run->leaves, TAKE_FD(fds[0]), &err) < 0)
                                run_fail(run, &err);
                } else if (m.op == KEEPER_EXITED)
                        zygote_ended(run, m.status);
                else if (m.err.phase[0] != '\0')
                        run_fail(run, &m.err);
                else if (m.op == KEEPER_CELL)
                        new_cell(run, fds);
                else if (m.op == KEEPER_SERVICE)
                        services_receive(&run->services, run->services.received, m.status, TAKE_FD(fds[0]));
                else if (m.op == KEEPER_UPPER)
                        keep_receive(&run->keep, &run->keep.received, m.status, TAKE_FD(fds[0]));
                else if (m.op == KEEPER_READY)
                        zygote_ready(run, fds);
                for (size_t i = 0; i < KEEPER_FDS; i++)
                        if (fds[i] >= 0)
                                (void)close(fds[i]);
        }
        if (r < 0) {
                (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, run->zygote.keeper.socket, NULL);
                run->zygote_gone = 1;
                (void)error_set(&err, "keeper", 0, "the keeper of the sandbox was killed");
                if (!run->quitting)
                        run_fail(run, &err);
        }
}

static void reap_bare_zygote(struct run *run)
{
        int status;

        if (run->zygote.pid > 0 && waitpid(run->zygote.pid, &status, WNOHANG) > 0) {
                run->zygote.pid = -1;
                zygote_ended(run, status);
        }
}

/* The control socket is closed; how the interpreter ended is about to be known. */
static void control_closed(struct run *run)
{
        struct pollfd p = {.fd = run->plan->isolated ? run->zygote.keeper.socket : run->signal_fd,
                           .events = POLLIN};

        (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, run->zygote.control, NULL);
        if (!run->zygote_gone && poll(&p, 1, 1000) > 0) {
                if (run->plan->isolated)
                        from_keeper(run);
                else
                        reap_bare_zygote(run);
        }
        if (!run->zygote_gone)
                zygote_lost(run, "closed its control socket");
}

/* The session is at its end. FD: what changed in pytest's cache, or -1. */
static void session_finished(struct run *run, yajl_val v, int fd)
{
        struct error err = {0};

        if (json_true(v, "changed"))
                run->exit_changed = (int)json_int(v, "exit", 3);
        if (fd >= 0 && run->plan->isolated && run->plan->project != NULL && run->plan->spec->tach.cache &&
            cachedir_write(run->plan->project, fd, &err) < 0)
                stream_cache(&run->stream, &err);
}

static void from_control(struct run *run)
{
        for (;;) {
                CLEANUP_CLOSE int fd = -1;
                yajl_val v = NULL;
                int kept = 0, r = zygote_receive(run->zygote.control, &v, &fd);
                const char *t;

                if (r == 0)
                        return;
                if (r < 0) {
                        r == -EPROTO ? zygote_lost(run, "broke the protocol") : control_closed(run);
                        return;
                }
                t = json_text(v, "t");
                if (strcmp(t, "warning") == 0)
                        stream_warning(&run->stream, v);
                else if (strcmp(t, "finished") == 0 && run->collected)
                        session_finished(run, v, fd);
                else if (strcmp(t, "started") == 0 || strcmp(t, "exited") == 0 ||
                         strcmp(t, "clone_failed") == 0)
                        about_worker(run, -1, t, v, &fd);
                else if (!run->collected) {
                        r = suite_packet(&run->suite, v, &kept);
                        if (strcmp(t, "header") == 0)
                                stream_start(&run->stream, run->plan, &run->suite);
                        if (r == 1)
                                collected(run);
                }
                if (!kept)
                        yajl_tree_free(v);
                if (r < 0) {
                        zygote_lost(run, "broke the protocol");
                        return;
                }
        }
}

static void from_snapshot(struct run *run, struct worker *w)
{
        while (w->stage != WORKER_FREE && w->snapshot != NULL) {
                CLEANUP_CLOSE int fd = -1;
                yajl_val v = NULL;
                const int control = w->snapshot->control, r = zygote_receive(control, &v, &fd);

                if (r == 0)
                        return;
                if (r < 0) {
                        (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, control, NULL);
                        if (r == -EPROTO)
                                scopes_break(run, w, "it broke the protocol");
                        return;
                }
                about_worker(run, (int)w->slot, json_text(v, "t"), v, &fd);
                yajl_tree_free(v);
        }
}

static void from_signals(struct run *run)
{
        struct signalfd_siginfo si;

        while (read(run->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
                if (si.ssi_signo == SIGCHLD) {
                        reap_bare_zygote(run);
                        continue;
                }
                run->interrupted = 1;
                run->signals++;
                stop(run);
        }
}

/* The zygote is untrusted: a worker that it does not start, or whose end it does not tell, must not hold up
 * the run. */
static void overdue(struct run *run, struct worker *w, double t)
{
        struct error err = {0};

        if (w->stage == WORKER_RUNNING && w->pidfd < 0 && w->origin >= 0) {
                scopes_break(run, &run->workers[w->origin], "it did not start a worker");
                w->deadline = t + GRACE_SECONDS;
        } else if (w->stage == WORKER_RUNNING && w->pidfd < 0) {
                (void)error_set(&err, "zygote", 0, "the interpreter did not start a worker within %g s",
                                UNSTARTED_SECONDS);
                run_fail(run, &err);
                stop(run);
        } else if (w->stage == WORKER_LEAVING || w->abort_sent) {
                worker_kill(w);
                w->deadline = t + GRACE_SECONDS;
                if (++w->kills > MAX_KILLS)
                        run_exited(run, w, SIGKILL);
        } else {
                w->timed_out = w->abort_sent = 1;
                worker_signal(w, SIGABRT);
                w->deadline = t + ABORT_SECONDS;
        }
}

static void check_deadline(struct run *run, struct worker *w, double t)
{
        struct stat out, err;

        if (w->stage == WORKER_FREE || w->result_fd < 0)
                return;
        if (!w->killed && fstat(w->out_fd, &out) == 0 && fstat(w->err_fd, &err) == 0 &&
            (out.st_size > WORKER_MAX_OUTPUT || err.st_size > WORKER_MAX_OUTPUT)) {
                (void)snprintf(w->why_killed, sizeof w->why_killed, "the test printed more than %u MiB",
                               WORKER_MAX_OUTPUT >> 20);
                worker_kill(w);
        }
        if (w->deadline > 0 && t >= w->deadline)
                overdue(run, w, t);
}

/* Milliseconds until something is due: at most a quarter of a second while workers run. */
static int patience(const struct run *run)
{
        double t = run_now(), next = run->busy + run->leaving + run->pool.asked > 0 ? t + 0.25 : t + 60;

        for (unsigned i = 0; i < run->n_workers; i++)
                if (run->workers[i].stage != WORKER_FREE && run->workers[i].deadline > 0 &&
                    run->workers[i].deadline < next)
                        next = run->workers[i].deadline;
        if (run->quitting && run->quit_deadline < next)
                next = run->quit_deadline;
        return next <= t ? 1 : (int)((next - t) * 1000) + 1;
}

/* Where the run was stopped, what tests' verdicts waited for did not come. */
static void tell_held(struct run *run)
{
        for (size_t i = 0; !run->fatal && i < run->suite.n_items; i++) {
                struct verdict *held = run->suite.items[i].held;

                run->suite.items[i].held = NULL;
                run->suite.items[i].waits = 0;
                if (held != NULL)
                        say(run, held);
        }
        if (!run->fatal)
                tell_in_order(run, -1);
}

static int is_over(struct run *run)
{
        double t = run_now();

        if (run->signals > 1 || (run->zygote_gone && (run->quitting || run->fatal)))
                return 1;
        if (run->busy + run->leaving + run->offering + run->idle > 0 && !run->zygote_gone)
                return 0;
        if (run->fatal)
                return 1;
        if (!run->stopping && !(run->collected && suite_left(&run->suite) == 0))
                return 0;
        if (!run->collected && !run->quitting)
                return 1; /* interrupted while it collected */
        if (!run->quitting) {
                tell_held(run);
                run->quitting = 1;
                run->quit_deadline = t + QUIT_SECONDS;
                journal_end(&run->journal, exit_code(run), run->stopped, run->exit_reason);
                if (zygote_quit(&run->zygote, run->journal.failed < 0 ? -1 : run->journal.fd) < 0)
                        return 1;
        }
        if (t >= run->quit_deadline)
                stream_error(&run->stream, "zygote", "the session's end took too long: it was not waited for",
                             "look at the pytest_sessionfinish hooks and the session's fixtures");
        return t >= run->quit_deadline;
}

/* What came before the interpreter ended and was not read yet. */
static void end_session(struct run *run)
{
        CLEANUP_BUF struct buf text = {0};

        if (run->zygote.control >= 0 && run->collected && !run->fatal)
                from_control(run);
        if (run->collected && !run->fatal && zygote_last_words(&run->zygote, &text) == 0 && text.len > 0)
                stream_session(&run->stream, text.data);
}

static void loop(struct run *run)
{
        while (!is_over(run)) {
                struct epoll_event events[64];
                int n = epoll_wait(run->epoll_fd, events, 64, patience(run));
                double t;

                for (int i = 0; i < n; i++) {
                        uint32_t slot = (uint32_t)events[i].data.u64;

                        switch ((enum source)(events[i].data.u64 >> 32)) {
                        case FROM_CONTROL:
                                from_control(run);
                                break;
                        case FROM_KEEPER:
                                from_keeper(run);
                                break;
                        case FROM_SIGNALS:
                                from_signals(run);
                                break;
                        case FROM_SNAPSHOT:
                                from_snapshot(run, &run->workers[slot]);
                                break;
                        case FROM_CELL:
                                if (scopes_from_cell(run, (int)slot) || again_from_cell(run, (int)slot))
                                        break;
                                if (pool_answer(&run->pool, (int)slot) == 1)
                                        run_dispatch(run);
                                else
                                        ask_cells(run);
                                break;
                        case FROM_WRITER:
                                keep_answer(&run->keep);
                                run_dispatch(run);
                                break;
                        case FROM_LISTENER:
                                from_listener(run, events[i].events);
                                break;
                        case FROM_WORKER:
                                if (run->workers[slot].stage != WORKER_FREE) {
                                        drain(run, &run->workers[slot]);
                                        run_dispatch(run);
                                }
                                break;
                        }
                }
                t = run_now();
                for (unsigned i = 0; i < run->n_workers; i++)
                        check_deadline(run, &run->workers[i], t);
                pool_expire(&run->pool, t);
                tend_leaves(run);
                run_check(run, 0);
        }
}

/* Without a sandbox, what tests leave behind becomes our child (subreaper): end it. */
static void end_orphans(void)
{
        for (int round = 0; round < 100; round++) {
                CLEANUP_FCLOSE FILE *f = fopen("/proc/thread-self/children", "re");
                int pid, n = 0;

                while (f != NULL && fscanf(f, "%d", &pid) == 1) {
                        (void)kill(pid, SIGKILL);
                        n++;
                }
                while (waitpid(-1, NULL, n > 0 ? 0 : WNOHANG) > 0)
                        n--;
                if (n <= 0)
                        return;
        }
}

static int prepare(struct run *run, struct error *err)
{
        sigset_t set;

        /* as many run, as many are leaving, as many are idle, and at each depth that many snapshots and one
         * more live */
        run->n_workers = run->plan->workers * 3 + SUITE_MAX_DEPTH * (run->plan->workers + 1);
        run->workers = calloc(run->n_workers, sizeof *run->workers);
        run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (run->workers == NULL || run->epoll_fd < 0)
                return error_set(err, "run", ENOMEM, "prepare %u workers", run->plan->workers);
        for (unsigned i = 0; i < run->n_workers; i++) {
                run->workers[i].slot = i;
                run->workers[i].result_fd = run->workers[i].out_fd = run->workers[i].err_fd = -1;
                run->workers[i].cell = run->workers[i].pidfd = -1;
                worker_reset(&run->workers[i]);
        }
        if (leaves_init(&run->leaves, &run->plan->cgroup, &run->plan->spec->linux_.resources,
                        run->plan->workers, err) < 0)
                return -ENOMEM;
        if (pool_init(&run->pool, &run->zygote.keeper, &run->services, &run->keep, run->plan->workers, err) <
            0)
                return -ENOMEM;
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGCHLD);
        run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (run->signal_fd < 0 || run_watch(run, run->signal_fd, FROM_SIGNALS, 0) < 0)
                return error_set(err, "run", errno, "signalfd");
        if (!run->plan->isolated && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                return error_set(err, "run", errno, "become the subreaper");
        return 0;
}

int run_tests(const struct plan *plan, int out_fd)
{
        struct run run = {.plan = plan,
                          .stream = {.fd = out_fd},
                          .suite = {.snapshots = plan->isolated},
                          .epoll_fd = -1,
                          .signal_fd = -1,
                          .leaves = {.tree_fd = -1},
                          .listener = -1,
                          .exit_requested = -1,
                          .exit_changed = -1,
                          .journal = {.fd = -1},
                          .keep = {.socket = -1, .pid = -1},
                          .zygote = {.control = -1, .log = -1, .pid = -1, .keeper = {-1, -1, -1}},
                          .begin = run_now()};
        struct error err = {0};
        int r = prepare(&run, &err), code;

        if (r == 0)
                r = journal_open(&run.journal, &err);
        if (r == 0)
                r = services_start(&run.services, &plan->cell.listen, &err);
        if (r == 0)
                r = keep_start(&run.keep, plan, &run.stream, POOL_CELLS(plan->workers), &err);
        if (r == 0)
                r = zygote_start(&run.zygote, plan, &err);
        if (r == 0 && (run_watch(&run, run.zygote.control, FROM_CONTROL, 0) < 0 ||
                       (plan->isolated && run_watch(&run, run.zygote.keeper.socket, FROM_KEEPER, 0) < 0) ||
                       (run.keep.active && run_watch(&run, run.keep.socket, FROM_WRITER, 0) < 0)))
                r = error_set(&err, "run", errno, "epoll");
        if (r < 0)
                run_fail(&run, &err);
        else
                loop(&run);
        stream_start(&run.stream, plan, &run.suite);
        end_session(&run);
        zygote_stop(&run.zygote);
        if (!plan->isolated)
                end_orphans();
        if (plan->isolated)
                (void)report_services(&run, SERVICES_OUTER, NULL);
        services_stop(&run.services);
        keep_finish(&run.keep);
        code = exit_code(&run);
        stream_finish(&run.stream, code, run_now() - run.begin, run.interrupted || run.exit_requested >= 0,
                      plan->isolated ? &run.pool : NULL, plan->rolls_back ? &run.again : NULL);
        for (unsigned i = 0; run.workers != NULL && i < run.n_workers; i++) {
                worker_reset(&run.workers[i]);
                buf_finish(&run.workers[i].in);
        }
        pool_finish(&run.pool);
        leaves_finish(&run.leaves);
        journal_finish(&run.journal);
        if (run.listener >= 0)
                (void)close(run.listener);
        if (run.epoll_fd >= 0)
                (void)close(run.epoll_fd);
        if (run.signal_fd >= 0)
                (void)close(run.signal_fd);
        free(run.workers);
        order_finish(&run.order);
        suite_finish(&run.suite);
        return code;
}
