/* How it works: one epoll set over the control socket, the keeper, the signals and a result pipe a worker.
 * Who has something to say is heard by the part that run_internal.h names for it; nothing else here waits. */
#include "runtime/engine/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/engine/again.h"
#include "runtime/engine/run_internal.h"
#include "runtime/engine/scopes.h"
#include "runtime/engine/signals.h"
#include "sandbox/probe.h"
#include "spec/base/cleanup.h"

#define INPUT_SECONDS 0.01  /* until it is looked again whether a test has read what was typed */
#define QUIT_SECONDS  120.0 /* for the session's end: plugins write their reports there */

double run_now(void)
{
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

double run_deadline(const struct run *run)
{
        return run->plan->spec->tach.timeout > 0 ? run_now() + run->plan->spec->tach.timeout : 0;
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

int run_watch(struct run *run, int fd, enum source source, uint32_t slot)
{
        struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | slot};

        return epoll_ctl(run->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
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
        if (run->collected && (run->suite.exit != 0 || run->suite.instead))
                return run->suite.exit;
        if (run->stream.counts.failed > 0 || run->stream.errors > 0)
                return 1;
        return stream_outcomes(&run->stream) == 0 ? 5 : 0;
}

static void from_signals(struct run *run)
{
        struct signalfd_siginfo si;

        while (read(run->signal_fd, &si, sizeof si) == (ssize_t)sizeof si) {
                if (si.ssi_signo == SIGCHLD) {
                        run_reap_zygote(run);
                        continue;
                }
                run->interrupted = 1;
                run->signals++;
                run_stop(run);
        }
}

static void tend_leaves(struct run *run)
{
        struct error err = {0};

        if (!run->fatal && leaves_tend(&run->leaves, run->stopping ? 0 : suite_left(&run->suite), &err) < 0)
                run_fail(run, &err);
}

/* Milliseconds until something is due: at most a quarter of a second while workers run. */
static int patience(struct run *run)
{
        double t = run_now(), next = run->busy + run->leaving + run->pool.asked > 0 ? t + 0.25 : t + 60;

        if (run->plan->passes && run_feed(run))
                next = t + INPUT_SECONDS;

        for (unsigned i = 0; i < run->n_workers; i++)
                if (run->workers[i].stage != WORKER_FREE && run->workers[i].deadline > 0 &&
                    run->workers[i].deadline < next)
                        next = run->workers[i].deadline;
        if (run->quitting && run->quit_deadline < next)
                next = run->quit_deadline;
        return next <= t ? 1 : (int)((next - t) * 1000) + 1;
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
                run_tell_held(run);
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

static void from_cell(struct run *run, int cell)
{
        if (scopes_from_cell(run, cell) || again_from_cell(run, cell))
                return;
        if (pool_answer(&run->pool, cell) == 1)
                run_dispatch(run);
        else
                run_ask_cells(run);
}

static void hear(struct run *run, const struct epoll_event *ev)
{
        const uint32_t slot = (uint32_t)ev->data.u64;

        switch ((enum source)(ev->data.u64 >> 32)) {
        case FROM_CONTROL:
                run_from_control(run);
                break;
        case FROM_KEEPER:
                run_from_keeper(run);
                break;
        case FROM_SIGNALS:
                from_signals(run);
                break;
        case FROM_SNAPSHOT:
                run_from_snapshot(run, &run->workers[slot]);
                break;
        case FROM_CELL:
                from_cell(run, (int)slot);
                break;
        case FROM_WRITER:
                keep_answer(&run->keep);
                run_dispatch(run);
                break;
        case FROM_OUTPUT:
                run_from_console(run, &run->workers[slot], CONSOLE_OUT);
                break;
        case FROM_ERRORS:
                run_from_console(run, &run->workers[slot], CONSOLE_ERR);
                break;
        case FROM_INPUT:
                run_from_input(run);
                break;
        case FROM_LISTENER:
                run_from_listener(run, ev->events);
                break;
        case FROM_WORKER:
                if (run->workers[slot].stage != WORKER_FREE) {
                        run_drain(run, &run->workers[slot]);
                        run_dispatch(run);
                }
                break;
        }
}

static void loop(struct run *run)
{
        while (!is_over(run)) {
                struct epoll_event events[64];
                int n = epoll_wait(run->epoll_fd, events, 64, patience(run));
                double t;

                for (int i = 0; i < n; i++)
                        hear(run, &events[i]);
                t = run_now();
                for (unsigned i = 0; i < run->n_workers; i++)
                        run_check_deadline(run, &run->workers[i], t);
                pool_expire(&run->pool, t);
                tend_leaves(run);
                run_check(run, 0);
        }
}

/* What came before the interpreter ended and was not read yet. */
static void end_session(struct run *run)
{
        CLEANUP_BUF struct buf text = {0};

        if (run->zygote.control >= 0 && run->collected && !run->fatal)
                run_from_control(run);
        if (run->collected && !run->fatal && zygote_last_words(&run->zygote, &text) == 0 && text.len > 0)
                stream_session(&run->stream, text.data);
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
        /* as many run, as many are leaving, as many are idle, and at each depth that many snapshots and one
         * more live */
        run->n_workers = run->plan->workers * 3 + SUITE_MAX_DEPTH * (run->plan->workers + 1);
        run->workers = calloc(run->n_workers, sizeof *run->workers);
        run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (run->workers == NULL || run->epoll_fd < 0)
                return error_set(err, "run", ENOMEM, "prepare %u workers", run->plan->workers);
        for (unsigned i = 0; i < run->n_workers; i++)
                worker_init(&run->workers[i], i);
        if (leaves_init(&run->leaves, &run->plan->cgroup, &run->plan->spec->linux_.resources,
                        run->plan->workers, err) < 0)
                return -ENOMEM;
        if (pool_init(&run->pool, &run->zygote.keeper, &run->services, &run->keep, run->plan->workers, err) <
            0)
                return -ENOMEM;
        run->signal_fd = signals_open();
        if (run->signal_fd < 0 || run_watch(run, run->signal_fd, FROM_SIGNALS, 0) < 0)
                return error_set(err, "run", errno, "signalfd");
        if (!run->plan->isolated && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                return error_set(err, "run", errno, "become the subreaper");
        return 0;
}

/* Starts what runs beside the engine. */
static int start(struct run *run, struct error *err)
{
        const struct plan *plan = run->plan;
        int r = prepare(run, err);

        if (r == 0)
                r = journal_open(&run->journal, err);
        if (r == 0)
                r = services_start(&run->services, &plan->cell.listen, err);
        if (r == 0)
                r = keep_start(&run->keep, plan, &run->stream, POOL_CELLS(plan->workers), err);
        if (r == 0)
                r = zygote_start(&run->zygote, plan, err);
        if (r == 0 && (run_watch(run, run->zygote.control, FROM_CONTROL, 0) < 0 ||
                       (plan->isolated && run_watch(run, run->zygote.keeper.socket, FROM_KEEPER, 0) < 0) ||
                       (run->keep.active && run_watch(run, run->keep.socket, FROM_WRITER, 0) < 0)))
                r = error_set(err, "run", errno, "epoll");
        return r;
}

static void finish(struct run *run)
{
        for (unsigned i = 0; run->workers != NULL && i < run->n_workers; i++) {
                worker_reset(&run->workers[i]);
                buf_finish(&run->workers[i].in);
        }
        free(run->workers);
        pool_finish(&run->pool);
        leaves_finish(&run->leaves);
        journal_finish(&run->journal);
        if (run->listener >= 0)
                (void)close(run->listener);
        if (run->epoll_fd >= 0)
                (void)close(run->epoll_fd);
        if (run->signal_fd >= 0)
                (void)close(run->signal_fd);
        buf_finish(&run->input.pending);
        order_finish(&run->order);
        suite_finish(&run->suite);
}

int run_tests(const struct plan *plan, int out_fd, int input_fd)
{
        struct run run = {.plan = plan,
                          .stream = {.fd = out_fd},
                          .suite = {.snapshots = plan->isolated},
                          .epoll_fd = -1,
                          .signal_fd = -1,
                          .leaves = {.tree_fd = -1},
                          .listener = -1,
                          .input = {.fd = input_fd,
                                    .size = {.ws_row = (unsigned short)plan->spec->process.rows,
                                             .ws_col = (unsigned short)plan->spec->process.columns}},
                          .exit_requested = -1,
                          .exit_changed = -1,
                          .journal = {.fd = -1},
                          .keep = {.socket = -1, .pid = -1},
                          .zygote = {.control = -1, .log = -1, .pid = -1, .keeper = {-1, -1, -1}},
                          .begin = run_now()};
        struct error err = {0};
        int code;

        if (start(&run, &err) < 0)
                run_fail(&run, &err);
        else
                loop(&run);
        stream_start(&run.stream, plan, &run.suite);
        end_session(&run);
        zygote_stop(&run.zygote);
        if (plan->isolated)
                (void)run_report_services(&run, SERVICES_OUTER, NULL);
        else
                end_orphans();
        services_stop(&run.services);
        keep_finish(&run.keep);
        code = exit_code(&run);
        stream_finish(&run.stream, code, run_now() - run.begin, run.interrupted || run.exit_requested >= 0,
                      plan->isolated ? &run.pool : NULL, plan->rolls_back ? &run.again : NULL);
        finish(&run);
        return code;
}
