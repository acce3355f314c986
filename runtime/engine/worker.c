/* How it works: the worker is hostile; its lines are checked against part, next and current before anything
 * else looks at them. */
#include "runtime/engine/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/run_message.h"
#include "runtime/base/json.h"

int worker_read(struct worker *w)
{
        ssize_t n;

        if (buf_reserve(&w->in, 65536) < 0)
                return -ENOMEM;
        n = read(w->result_fd, w->in.data + w->in.len, 65536);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -EPIPE;
        w->in.len += (size_t)n;
        w->test_bytes += (size_t)n;
        return (int)n;
}

/* What both kinds may say at any time. */
static enum worker_line classify_common(const struct worker *w, const char *t)
{
        if (strcmp(t, "warning") == 0)
                return WORKER_WARNING;
        if (strcmp(t, "cache") == 0)
                return WORKER_CACHE;
        if (strcmp(t, "coverage") == 0)
                return WORKER_COVERAGE;
        if (strcmp(t, "debug") == 0 && console_is_open(&w->console))
                return WORKER_DEBUG;
        if (strcmp(t, "exit") == 0)
                return WORKER_EXIT;
        if (strcmp(t, "internal") == 0)
                return WORKER_INTERNAL;
        if (strcmp(t, "enter_failed") == 0 && w->next == 0 && w->current < 0)
                return WORKER_FAILED;
        return WORKER_BROKEN;
}

static int is_in(const struct unit *u, long long item)
{
        for (size_t k = 0; k < u->n; k++)
                if ((long long)u->items[k] == item)
                        return 1;
        return 0;
}

/* A snapshot's only report is of the teardown. */
static enum worker_line classify_snapshot(const struct worker *w, const struct suite *suite, const char *t,
                                          long long i)
{
        const struct unit *u = &suite->units[w->part.unit];

        if (strcmp(t, "up") == 0 && w->next == 0)
                return WORKER_UP;
        if (strcmp(t, "offer") == 0)
                return w->snapshot->phase == SNAPSHOT_SETTING_UP ? WORKER_OFFER : WORKER_BROKEN;
        if (strcmp(t, "ask") == 0)
                return w->snapshot->phase == SNAPSHOT_SETTING_UP && is_in(u, i) ? WORKER_ASK : WORKER_BROKEN;
        if (strcmp(t, "report") == 0)
                return w->snapshot->phase == SNAPSHOT_TEARING_DOWN && i == (long long)u->last ? WORKER_REPORT
                                                                                              : WORKER_BROKEN;
        if (strcmp(t, "done") == 0)
                return w->snapshot->phase == SNAPSHOT_TEARING_DOWN ? WORKER_DONE : WORKER_BROKEN;
        return classify_common(w, t);
}

static enum worker_line classify(const struct worker *w, const struct suite *suite, yajl_val v)
{
        const char *t = json_text(v, "t");
        long long i = json_int(v, "i", -1);

        if (t == NULL)
                return WORKER_BROKEN;
        if (w->snapshot != NULL)
                return classify_snapshot(w, suite, t, i);
        if (strcmp(t, "report") == 0)
                return w->current >= 0 && i == w->current ? WORKER_REPORT : WORKER_BROKEN;
        if (strcmp(t, "begin") == 0)
                return w->current < 0 && w->next < w->n_items && i == (long long)w->items[w->next]
                           ? WORKER_BEGIN
                           : WORKER_BROKEN;
        if (strcmp(t, "ask") == 0) /* where no test has run before: others may depend on that */
                return w->current >= 0 && i == w->current && w->next == 1 ? WORKER_ASK : WORKER_BROKEN;
        if (strcmp(t, "end") == 0)
                return w->current >= 0 && i == w->current ? WORKER_END : WORKER_BROKEN;
        if (strcmp(t, "done") == 0)
                return w->current < 0 && w->next == w->n_items ? WORKER_DONE : WORKER_BROKEN;
        if (strcmp(t, "back") == 0)
                return w->ended != NULL ? WORKER_BACK : WORKER_BROKEN;
        return classify_common(w, t);
}

int worker_line(struct worker *w, const struct suite *suite, enum worker_line *ret_kind, yajl_val *ret)
{
        char *end = w->in.len > 0 ? memchr(w->in.data, '\n', w->in.len) : NULL;
        size_t n;

        if (end == NULL)
                return 0;
        n = (size_t)(end - w->in.data);
        *end = '\0';
        *ret = json_parse(w->in.data, n);
        *ret_kind = *ret != NULL ? classify(w, suite, *ret) : WORKER_BROKEN;
        buf_consume(&w->in, n + 1);
        return 1;
}

static void send_signal(int pidfd, int sig)
{
        if (pidfd >= 0)
                (void)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

void worker_signal(const struct worker *w, int sig)
{
        send_signal(w->pidfd, sig);
}

/* The worker leads a session of its own; without a cell its process group is what can be ended with it. */
static pid_t pid_of(int pidfd)
{
        char path[48], line[128];
        pid_t pid = -1;
        FILE *f;

        (void)snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
        f = fopen(path, "re");
        while (f != NULL && fgets(line, sizeof line, f) != NULL)
                if (sscanf(line, "Pid: %d", &pid) == 1)
                        break;
        if (f != NULL)
                (void)fclose(f);
        return pid;
}

void worker_kill(struct worker *w)
{
        w->killed = 1;
        if (w->cell_fd >= 0) {
                send_signal(w->cell_fd, SIGKILL);
        } else if (w->pidfd >= 0) {
                pid_t pid = pid_of(w->pidfd);

                if (pid > 1)
                        (void)kill(-pid, SIGKILL);
                send_signal(w->pidfd, SIGKILL);
        }
}

ino_t worker_pid_namespace(struct worker *w)
{
        if (w->pid_namespace == 0 && w->cell_fd >= 0)
                w->pid_namespace = refusals_pid_namespace(pid_of(w->cell_fd));
        return w->pid_namespace;
}

/* The system call that the worker said it would die of: 0, or -ENOENT. */
static int blocked_call(int err_fd, char *out, size_t size)
{
        static const char prefix[] = BLOCKED_CALL_PREFIX;
        unsigned long long v[7];
        char tail[4096 + 1];
        uint64_t args[6];
        struct stat st;
        ssize_t n;
        char *at;

        if (fstat(err_fd, &st) < 0)
                return -ENOENT;
        n = pread(err_fd, tail, sizeof tail - 1, st.st_size > 4096 ? st.st_size - 4096 : 0);
        at = n > 0 ? memmem(tail, (size_t)n, prefix, sizeof prefix - 1) : NULL;
        if (at == NULL)
                return -ENOENT;
        tail[n] = '\0';
        if (sscanf(at + sizeof prefix - 1, "%llx %llx %llx %llx %llx %llx %llx", &v[0], &v[1], &v[2], &v[3],
                   &v[4], &v[5], &v[6]) != 7)
                return -ENOENT;
        for (size_t i = 0; i < 6; i++)
                args[i] = v[i + 1];
        (void)refusals_call(out, size, (int)v[0], args);
        return 0;
}

/* SIGSYS is the filter's work: which call, where that is known. */
static void blocked_reason(int err_fd, char *reason, size_t size)
{
        char call[160];
        int named = blocked_call(err_fd, call, sizeof call) == 0;

        (void)snprintf(reason, size, "killed by SIGSYS (Bad system call): the filter blocks %s",
                       named ? call : "a system call that it made");
}

void worker_death(const struct worker *w, int status, double timeout, double now, struct death *ret)
{
        *ret = (struct death){
            .outcome = "crashed", .out_fd = w->out_fd, .err_fd = w->err_fd, .elapsed = now - w->began};
        if (w->timed_out) {
                ret->outcome = "timeout";
                (void)snprintf(ret->reason, sizeof ret->reason, "timed out after %g s", timeout);
        } else if (w->why_killed[0] != '\0') {
                (void)snprintf(ret->reason, sizeof ret->reason, "%s", w->why_killed);
        } else if (WIFSIGNALED(status)) {
                const int sig = WTERMSIG(status);
                const char *name = sigabbrev_np(sig), *text = sigdescr_np(sig);

                ret->by_sigkill = sig == SIGKILL;
                if (sig == SIGSYS)
                        blocked_reason(w->err_fd, ret->reason, sizeof ret->reason);
                else if (name == NULL)
                        (void)snprintf(ret->reason, sizeof ret->reason, "killed by signal %d", sig);
                else
                        (void)snprintf(ret->reason, sizeof ret->reason, "killed by SIG%s (%s)", name,
                                       text != NULL ? text : "");
        } else {
                (void)snprintf(ret->reason, sizeof ret->reason,
                               "the test ended its process with exit code %d", WEXITSTATUS(status));
        }
}

void worker_init(struct worker *w, uint32_t slot)
{
        *w = (struct worker){.slot = slot,
                             .result_fd = -1,
                             .out_fd = -1,
                             .err_fd = -1,
                             .cell = -1,
                             .cell_fd = -1,
                             .pidfd = -1,
                             .control = -1,
                             .origin = -1,
                             .leaf = LEAF_NONE,
                             .current = -1};
        console_init(&w->console);
}

void worker_reset(struct worker *w)
{
        const int fds[] = {w->result_fd, w->out_fd, w->err_fd, w->pidfd, w->control};
        struct buf in = w->in;

        for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
        console_finish(&w->console);
        result_finish(&w->result);
        snapshot_free(w->snapshot);
        verdict_free(w->ended);
        free(w->items);
        if (in.cap > (1u << 20))
                buf_finish(&in);
        else
                buf_reset(&in);
        worker_init(w, w->slot);
        w->in = in;
}
