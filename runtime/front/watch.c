/* How it works: one loop waits for the kernel's word on files, for signals (the end of the run is one), and,
 * between runs, for keys. */
#include "runtime/front/watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/front/ignored.h"
#include "runtime/front/watch_files.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define SETTLE     30   /* ms without a change until changes count: editors and git write several files */
#define SETTLE_MAX 2000 /* ms, where there is always another */
#define MAX_SHOWN  5    /* files that still fail */

/* What a run is of. */
struct change {
        bool all;
        struct spec_strv touched; /* absolute paths */
};

struct watch {
        const char *root;
        struct watch_files *files;
        int signals;
        int (*run)(void *ctx, const struct watch_run *run);
        void *ctx;
        bool ends_with_run;

        pid_t pid; /* of the run; 0: none */
        int results;
        bool cut;  /* the run is being ended for another */
        bool rest; /* the run did not get to its end: the next one is of the same, and more */
        bool over; /* we are to end */
        int code;

        struct change now, next; /* of the run, or the last one; and what has changed since it began */
        struct spec_strv failing;
        /* Without isolation: Python files that changed during this run, and during the one before. */
        struct spec_strv during, before;
};

static int take_change(struct change *to, const struct change *from)
{
        int r = 0;

        to->all = to->all || from->all;
        for (size_t i = 0; r == 0 && i < from->touched.n; i++)
                if (!spec_strv_has(&to->touched, from->touched.v[i]))
                        r = spec_strv_add(&to->touched, from->touched.v[i]);
        return r;
}

static void change_finish(struct change *change)
{
        spec_strv_finish(&change->touched);
        *change = (struct change){0};
}

static int begin(struct watch *w, struct error *err)
{
        pid_t parent = getpid();

        if (!w->rest)
                change_finish(&w->now);
        w->cut = w->rest = false;
        spec_strv_finish(&w->before);
        w->before = w->during;
        w->during = (struct spec_strv){0};
        if (take_change(&w->now, &w->next) < 0)
                return error_set(err, "watch", ENOMEM, "what has changed");
        change_finish(&w->next);
        w->results = memfd_create("tach-results", MFD_CLOEXEC);
        if (w->results < 0)
                return error_set(err, "watch", errno, "a file in memory");
        (void)fflush(NULL);
        w->pid = fork();
        if (w->pid == 0) {
                struct watch_run run = {w->now.all ? NULL : &w->now.touched, &w->failing, w->results};
                sigset_t none;

                (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
                if (getppid() != parent)
                        _exit(2);
                sigemptyset(&none);
                (void)sigprocmask(SIG_SETMASK, &none, NULL);
                exit(w->run(w->ctx, &run));
        }
        return w->pid > 0 ? 0 : error_set(err, "watch", errno, "fork");
}

static void drop(struct spec_strv *list, const char *word)
{
        size_t n = 0;

        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->v[i], word) == 0)
                        free(list->v[i]);
                else
                        list->v[n++] = list->v[i];
        list->n = n;
}

static int take_results(struct watch *w, bool *ret_refused, bool *ret_whole)
{
        struct watch_results results;
        int r = watch_results_read(&results, w->results);

        for (size_t i = 0; r == 0 && i < results.again.n; i++)
                drop(&w->failing, results.again.v[i]);
        for (size_t i = 0; r == 0 && i < results.failed.n; i++)
                if (!spec_strv_has(&w->failing, results.failed.v[i]))
                        r = spec_strv_add(&w->failing, results.failed.v[i]);
        *ret_refused = results.refused;
        *ret_whole = results.whole;
        watch_results_finish(&results);
        return r;
}

/* Test files that are not there any more do not fail. */
static void drop_gone(struct watch *w)
{
        size_t n = 0;

        for (size_t i = 0; i < w->failing.n; i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof path, "%s/%s", w->root, w->failing.v[i]);
                if (access(path, F_OK) < 0)
                        free(w->failing.v[i]);
                else
                        w->failing.v[n++] = w->failing.v[i];
        }
        w->failing.n = n;
}

static void say_state(const struct watch *w)
{
        bool is_asked = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
        char shown[400];

        for (size_t i = 0; i < w->failing.n && i < MAX_SHOWN; i++)
                (void)fprintf(stderr, "tach: fails: %s\n", utf8_show(shown, sizeof shown, w->failing.v[i]));
        if (w->failing.n > MAX_SHOWN)
                (void)fprintf(stderr, "tach: and %zu more files\n", w->failing.n - MAX_SHOWN);
        (void)fprintf(stderr, "tach: watching %zu folders%s\n", watch_files_count(w->files),
                      is_asked ? " (Enter: run all; f, Enter: what fails; q, Enter: end)" : "");
}

/* A change without tests is no verdict; what failed counts as long as it is among the failing. */
static void take_code(struct watch *w, int code)
{
        if (code != 5 || w->now.all)
                w->code = code;
        else if (w->code == 1)
                w->code = 0;
}

/* The run PID has ended with STATUS. */
static int ended(struct watch *w, int status, struct error *err)
{
        bool refused = false, whole = false;

        w->pid = 0;
        w->rest = w->cut;
        if (!w->cut) {
                take_code(w, WIFEXITED(status) ? WEXITSTATUS(status) : 3);
                if (take_results(w, &refused, &whole) < 0)
                        return error_set(err, "watch", ENOMEM, "results");
                w->rest = !whole;
                drop_gone(w);
                w->over = w->over || refused || (w->ends_with_run && w->code == 2);
                if (!w->over)
                        say_state(w);
        }
        (void)close(w->results);
        w->results = -1;
        return 0;
}

/* Tests that are not isolated may write Python too: a file that changes during one run after the other is
 * theirs. */
static bool is_written_again(struct watch *w, const char *path)
{
        char shown[400];

        if (spec_strv_has(&w->before, path)) {
                if (!spec_strv_has(&w->during, path))
                        (void)fprintf(stderr,
                                      "tach: %s changes in every run: it is taken for written by the tests\n",
                                      utf8_show(shown, sizeof shown, path));
                (void)spec_strv_add(&w->during, path);
                return true;
        }
        (void)spec_strv_add(&w->during, path);
        return false;
}

/* Takes out of PATHS what the run writes itself. */
static int drop_own(struct watch *w, struct spec_strv *paths, bool *ret_open)
{
        struct watch_results results;
        int r = watch_results_read(&results, w->results);
        size_t n = 0;

        for (size_t i = 0; r == 0 && i < paths->n; i++)
                if (watch_results_wrote(&results, w->root, paths->v[i]) ||
                    (results.writes_anything && is_written_again(w, paths->v[i])))
                        free(paths->v[i]);
                else
                        paths->v[n++] = paths->v[i];
        if (r == 0)
                paths->n = n;
        *ret_open = results.writes_anything;
        watch_results_finish(&results);
        return r;
}

/* Waits until nothing changes any more, and adds what has to what the next run is of. */
static int take_changes(struct watch *w, bool *ret_code, struct error *err)
{
        struct pollfd files = {.fd = watch_files_fd(w->files), .events = POLLIN};
        struct change found = {0};
        bool is_open = false; /* the tests themselves may have changed it */
        int r = 0;

        for (int waited = 0; r == 0 && waited < SETTLE_MAX; waited += SETTLE) {
                r = watch_files_read(w->files, err);
                if (r == 0 && poll(&files, 1, SETTLE) == 0)
                        break;
        }
        if (r == 0)
                r = watch_files_take(w->files, &found.touched, &found.all);
        if (r == 0 && w->pid > 0)
                r = drop_own(w, &found.touched, &is_open);
        if (r == 0)
                r = ignored_drop(&found.touched, w->root);
        *ret_code = found.all && !is_open;
        for (size_t i = 0; r == 0 && !is_open && i < found.touched.n; i++)
                *ret_code = *ret_code || watch_is_code(found.touched.v[i]);
        if (r == 0)
                r = take_change(&w->next, &found);
        change_finish(&found);
        return r == -ENOMEM ? error_set(err, "watch", ENOMEM, "what has changed") : r;
}

/* Ends the run for another one. */
static void cut(struct watch *w)
{
        if (w->pid == 0 || w->cut)
                return;
        (void)fprintf(stderr, "tach: changed during the run: it ends, and begins again\n");
        w->cut = true;
        (void)kill(w->pid, SIGTERM);
}

static int hear_signals(struct watch *w, struct error *err)
{
        struct signalfd_siginfo si;
        bool code;
        int r = 0, status;

        while (read(w->signals, &si, sizeof si) == (ssize_t)sizeof si) {
                if (si.ssi_signo == SIGCHLD)
                        continue;
                w->over = true;
                /* a Ctrl-C reaches the run without us */
                if (w->pid > 0 && (si.ssi_signo != SIGINT || si.ssi_code != SI_KERNEL))
                        (void)kill(w->pid, (int)si.ssi_signo);
        }
        if (w->pid > 0 && waitpid(w->pid, &status, WNOHANG) == w->pid) {
                r = watch_files_read(w->files, err); /* what the run wrote at its end is still its own */
                if (r == 0 && watch_files_pending(w->files))
                        r = take_changes(w, &code, err);
                if (r == 0)
                        r = ended(w, status, err);
        }
        return r;
}

/* Test files that fail, as if they had changed. */
static int touch_failing(struct watch *w)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < w->failing.n; i++) {
                char path[PATH_MAX];

                (void)snprintf(path, sizeof path, "%s/%s", w->root, w->failing.v[i]);
                r = spec_strv_add(&w->next.touched, path);
        }
        return r;
}

static int hear_keys(struct watch *w, struct error *err)
{
        char line[256];
        ssize_t n = read(STDIN_FILENO, line, sizeof line);

        if (n <= 0) { /* Ctrl-D */
                w->over = true;
                return 0;
        }
        if (line[0] == 'q')
                w->over = true;
        else if (line[0] == '\n')
                w->next.all = true;
        else if (line[0] == 'f' && touch_failing(w) < 0)
                return error_set(err, "watch", ENOMEM, "what fails");
        return 0;
}

static int step(struct watch *w, struct error *err)
{
        bool asks = w->pid == 0 && isatty(STDIN_FILENO), code = false;
        struct pollfd polls[3] = {{.fd = watch_files_fd(w->files), .events = POLLIN},
                                  {.fd = w->signals, .events = POLLIN},
                                  {.fd = asks ? STDIN_FILENO : -1, .events = POLLIN}};
        int r = 0;

        if (poll(polls, 3, -1) < 0 && errno != EINTR)
                return error_set(err, "watch", errno, "poll");
        if (polls[0].revents != 0) {
                r = take_changes(w, &code, err);
                if (r == 0 && (watch_files_count(w->files) == 0 || access(w->root, F_OK) < 0)) {
                        r = error_set(err, "watch", ENOENT, "%.400s", w->root);
                        error_hint(err, "what was watched is gone: begin again where it is now");
                }
        }
        if (r == 0)
                r = hear_signals(w, err);
        if (r == 0 && code)
                cut(w);
        return r == 0 && asks && polls[2].revents != 0 ? hear_keys(w, err) : r;
}

static int loop(struct watch *w, struct error *err)
{
        int r = begin(w, err);

        while (r == 0 && !(w->over && w->pid == 0)) {
                r = step(w, err);
                if (r == 0 && w->pid == 0 && !w->over && (w->next.all || w->next.touched.n > 0)) {
                        /* keys of before are not for what comes after */
                        (void)tcflush(STDIN_FILENO, TCIFLUSH);
                        r = begin(w, err);
                }
        }
        if (w->pid > 0) {
                (void)kill(w->pid, SIGTERM);
                while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
                        continue;
        }
        return r < 0 ? r : w->failing.n > 0 && w->code != 4 ? 1 : w->code;
}

int watch(const char *root, const struct spec_strv *folders, bool ends_with_run,
          int (*run)(void *ctx, const struct watch_run *run), void *ctx, struct error *err)
{
        struct watch w = {.root = root,
                          .signals = -1,
                          .run = run,
                          .ctx = ctx,
                          .ends_with_run = ends_with_run,
                          .results = -1,
                          .next = {.all = true}};
        sigset_t set;
        int r = watch_files_open(&w.files, folders, err);

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGCHLD);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        if (r == 0) {
                w.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
                r = w.signals < 0 ? error_set(err, "watch", errno, "signalfd") : loop(&w, err);
        }
        if (w.signals >= 0)
                (void)close(w.signals);
        watch_files_close(w.files);
        change_finish(&w.now);
        change_finish(&w.next);
        spec_strv_finish(&w.failing);
        spec_strv_finish(&w.during);
        spec_strv_finish(&w.before);
        return r;
}
