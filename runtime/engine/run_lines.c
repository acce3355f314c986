/* How it works: worker.c has checked that a line is one that the worker may say now; here is what it means
 * for the run. */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "runtime/base/json.h"
#include "runtime/engine/again.h"
#include "runtime/engine/asks.h"
#include "runtime/engine/scopes.h"

void run_begin_test(struct run *run, struct worker *w)
{
        usage_read(w->leaf.fd, run->plan->cgroup.controllers, &w->before);
        w->current = w->items[w->next++];
        run->suite.items[w->current].attempt += !w->part.is_order;
        if (!w->part.is_order) /* what it writes when it runs again, to find out why it fails, is lost */
                keep_enter(&run->keep, w->cell, run->suite.items[w->current].nodeid, w->is_lane);
        w->began = run_now();
        w->deadline = run_deadline(run);
}

void run_request_exit(struct run *run, int code, const char *reason)
{
        run->exit_requested = code;
        (void)snprintf(run->exit_reason, sizeof run->exit_reason, "%s", reason != NULL ? reason : "");
        stream_error(&run->stream, "exit",
                     reason != NULL && reason[0] != '\0' ? reason : "a test ended the session", NULL);
        run_stop(run);
}

static void break_off(struct worker *w)
{
        (void)snprintf(w->why_killed, sizeof w->why_killed,
                       "the test wrote on the channel that reports its result");
        worker_kill(w);
}

/* W has run all that it was to run; what it leaves open it says in V. */
static void is_done(struct run *run, struct worker *w, yajl_val v)
{
        if (w->stage == WORKER_RUNNING)
                run_move(run, w, WORKER_LEAVING);
        w->deadline = run_now() + RUN_GRACE_SECONDS;
        again_tell(run, w, w->tripped != NULL ? w->tripped : json_text(v, "spent"));
        if (!run->plan->cell.reuse || w->is_lane || w->snapshot != NULL)
                worker_kill(w);
}

static void enter_failed(struct run *run, yajl_val v)
{
        struct error err = {0};

        (void)error_set(&err, "worker", 0, "%s", json_text(v, "what"));
        run_fail(run, &err);
        run_stop(run);
}

/* What is said beside the results; a test that runs again, in order, has said it before. */
static void take_aside(struct run *run, const struct worker *w, enum worker_line kind, yajl_val v)
{
        static const char *const warning_keys[] = {"message", "category", "file", "line", "nodeid", NULL};
        static const char *const cache_keys[] = {"key", "value", NULL};
        static const char *const coverage_keys[] = {"arcs", "rows", NULL};

        if (w->part.is_order)
                return;
        if (kind == WORKER_WARNING) {
                stream_warning(&run->stream, v);
                journal_line(&run->journal, "warning", v, warning_keys);
        } else if (kind == WORKER_CACHE) {
                journal_line(&run->journal, "cache", v, cache_keys);
        } else if (kind == WORKER_COVERAGE) {
                journal_line(&run->journal, "coverage", v, coverage_keys);
        }
}

/* The test that ends the run may have failed before, as when the debugger that it failed into is left. */
static void take_exit(struct run *run, struct worker *w, yajl_val v)
{
        run_pass_output(run, w);
        if (w->part.is_order)
                return;
        if (w->current >= 0 && w->result.failed > 0)
                run_end_test(run, w, NULL, NULL);
        run_request_exit(run, (int)json_int(v, "returncode", 2), json_text(v, "reason"));
}

static void take_line(struct run *run, struct worker *w, enum worker_line kind, yajl_val v)
{
        switch (kind) {
        case WORKER_BEGIN:
                run_begin_test(run, w);
                break;
        case WORKER_REPORT:
                run_pass_report(run, w, v);
                if (w->snapshot != NULL)
                        scopes_report(run, w, v);
                else if (result_add(&w->result, v) < 0)
                        run_check(run, -ENOMEM);
                return; /* v is the result's */
        case WORKER_WARNING:
        case WORKER_CACHE:
        case WORKER_COVERAGE:
                take_aside(run, w, kind, v);
                break;
        case WORKER_EXIT:
                take_exit(run, w, v);
                break;
        case WORKER_DEBUG:
                run_enter_debugger(run, w);
                break;
        case WORKER_END:
                run_pass_output(run, w);
                run_end_test(run, w, v, NULL);
                console_ack(&w->console);
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
                run_pass_output(run, w);
                scopes_offer(run, w, v);
                break;
        case WORKER_DONE:
                run_pass_output(run, w);
                is_done(run, w, v);
                break;
        case WORKER_BACK:
                again_back(run, w, v);
                break;
        case WORKER_INTERNAL:
                (void)snprintf(
                    w->why_killed, sizeof w->why_killed,
                    "pytest itself failed under the test (its traceback is in the captured stderr)");
                break;
        case WORKER_FAILED:
                enter_failed(run, v);
                break;
        case WORKER_BROKEN:
                break_off(w);
                break;
        }
        if (v != NULL)
                yajl_tree_free(v);
}

void run_drain(struct run *run, struct worker *w)
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
