/* How it works: the zygote and the snapshots are untrusted: they are believed about their own clones only,
 * and what does not fit ends them. */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "runtime/base/json.h"
#include "runtime/engine/cachedir.h"
#include "runtime/engine/scopes.h"
#include "runtime/engine/usage.h"
#include "sandbox/cgroup.h"
#include "spec/base/cleanup.h"

#define LAST_WORDS_SECONDS 5.0  /* that a keeper may take to say how its zygote ended, or to end with it */
#define START_SECONDS      10.0 /* at least this long may a worker take to its first test */
#define WORDS_BYTES        (1 << 16)
#define MAX_COLLECTED      ((size_t)1 << 30) /* bytes: some millions of tests */

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
                run_clone_failed(run, w, v);
        }
}

/* What the suite printed while it was imported. */
static void pass_words(struct run *run)
{
        CLEANUP_BUF struct buf text = {0};

        if (zygote_last_words(&run->zygote, &text) == 0 && text.len > 0)
                stream_output(&run->stream, NULL, "stdout", text.data, text.len);
}

/* All that it printed, instead of running tests. */
static void pass_all_words(struct run *run)
{
        CLEANUP_FREE char *words = malloc(WORDS_BYTES);
        off_t at = 0;
        ssize_t n;

        while (words != NULL && (n = zygote_words(&run->zygote, at, words, WORDS_BYTES)) > 0) {
                stream_output(&run->stream, NULL, "stdout", words, (size_t)n);
                at += n;
        }
}

static void collected(struct run *run)
{
        run->collected = 1;
        if (run->plan->isolated && !run->plan->passes && run_max_failures(run) == 0 &&
            run->suite.stepwise == 0)
                run_check(run, order_begin(&run->order, &run->suite));
        stream_start(&run->stream, run->plan, &run->suite);
        if (run->suite.instead)
                pass_all_words(run);
        else if (run->plan->passes)
                pass_words(run);
        stream_collected(&run->stream, &run->suite, &run->refusals);
        if (run->plan->isolated)
                (void)run_report_services(run, SERVICES_OUTER, NULL);
        if (run->suite.exit != 0 || run->suite.instead)
                run->stopping = 1;
        run_ask_cells(run);
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
        run_stop(run);
}

void run_zygote_ended(struct run *run, int status)
{
        const struct cgroup *groups = &run->plan->cgroup;
        CLEANUP_CLOSE int group = cgroup_open_zygote(groups);
        struct usage used;
        char how[192], killed[160];

        /* without tests it ends by itself, perhaps before it is told to */
        if (WIFEXITED(status) && run->collected && (run->suite.exit != 0 || run->suite.instead)) {
                run->zygote_gone = 1;
                return;
        }
        usage_read(group, groups->controllers, &used);
        if (WIFSIGNALED(status) && usage_killed(&used, group, killed, sizeof killed))
                (void)snprintf(how, sizeof how, "was %s (collect_memory)", killed);
        else if (WIFSIGNALED(status))
                (void)snprintf(how, sizeof how, "was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
        else
                (void)snprintf(how, sizeof how, "ended with exit code %d", WEXITSTATUS(status));
        zygote_lost(run, how);
}

void run_reap_zygote(struct run *run)
{
        int status;

        if (run->zygote.pid > 0 && waitpid(run->zygote.pid, &status, WNOHANG) > 0) {
                run->zygote.pid = -1;
                run_zygote_ended(run, status);
        }
}

/* The control socket is closed; how the interpreter ended is about to be known. */
static void control_closed(struct run *run)
{
        struct pollfd p = {.fd = run->plan->isolated ? run->zygote.keeper.socket : run->signal_fd,
                           .events = POLLIN};
        const double patience = run_now() + LAST_WORDS_SECONDS;

        (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, run->zygote.control, NULL);
        while (!run->zygote_gone && run_now() < patience && poll(&p, 1, 100) >= 0) {
                if (run->plan->isolated)
                        run_from_keeper(run);
                else
                        run_reap_zygote(run);
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

void run_from_control(struct run *run)
{
        for (;;) {
                CLEANUP_CLOSE int fd = -1;
                yajl_val v = NULL;
                int kept = 0, r = zygote_receive(run->zygote.control, &v, &fd);
                const char *t, *broke = NULL;

                if (r == 0)
                        return;
                if (r < 0) {
                        r == -EPROTO ? zygote_lost(run, "broke the protocol") : control_closed(run);
                        return;
                }
                t = json_text(v, "t");
                if (strcmp(t, "warning") == 0)
                        stream_warning(&run->stream, v);
                else if (strcmp(t, "summary") == 0 && run->collected)
                        stream_summary(&run->stream, v);
                else if (strcmp(t, "finished") == 0 && run->collected)
                        session_finished(run, v, fd);
                else if (strcmp(t, "started") == 0 || strcmp(t, "exited") == 0 ||
                         strcmp(t, "clone_failed") == 0)
                        about_worker(run, -1, t, v, &fd);
                else if (!run->collected) {
                        run->n_collected += (size_t)r;
                        if (run->n_collected > MAX_COLLECTED)
                                broke = "told of more than a GiB of tests";
                        r = broke == NULL ? suite_packet(&run->suite, v, &kept) : -EPROTO;
                        if (strcmp(t, "header") == 0)
                                stream_start(&run->stream, run->plan, &run->suite);
                        if (r == 1)
                                collected(run);
                }
                if (!kept)
                        yajl_tree_free(v);
                if (r < 0) {
                        zygote_lost(run, broke != NULL ? broke : "broke the protocol");
                        return;
                }
        }
}

void run_from_snapshot(struct run *run, struct worker *w)
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
