/* How it works: the keeper starts the command where it would start the zygote, but in a cell. */
#include "runtime/engine/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/engine/keeper.h"
#include "runtime/engine/services.h"
#include "runtime/engine/signals.h"
#include "runtime/engine/usage.h"
#include "sandbox/enter.h"
#include "spec/base/cleanup.h"

static int code_of(int status)
{
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int forward_signals(int signals, int pidfd, int *count)
{
        struct signalfd_siginfo si;

        while (read(signals, &si, sizeof si) == (ssize_t)sizeof si) {
                if (si.ssi_signo == SIGCHLD)
                        continue;
                if (++*count > 1)
                        return 128 + (int)si.ssi_signo;
                if (pidfd >= 0)
                        (void)syscall(SYS_pidfd_send_signal, pidfd, (int)si.ssi_signo, NULL, 0);
        }
        return -1;
}

/* Waits in the keeper's messages for the end: the exit code or -errno. */
static int wait_for_end(struct keeper *k, struct services *services, int signals, struct error *err)
{
        CLEANUP_CLOSE int pidfd = -1;
        int count = 0;

        for (;;) {
                struct pollfd polls[2] = {{.fd = k->socket, .events = POLLIN},
                                          {.fd = signals, .events = POLLIN}};
                struct keeper_message m;
                int fds[KEEPER_FDS], r;

                if (poll(polls, 2, -1) < 0 && errno != EINTR)
                        return error_set(err, "command", errno, "poll");
                r = forward_signals(signals, pidfd, &count);
                if (r >= 0)
                        return r;
                while ((r = keeper_receive(k->socket, &m, fds)) == 1) {
                        if (m.op == KEEPER_SERVICE)
                                services_receive(services, services->received, m.status, TAKE_FD(fds[0]));
                        else if (pidfd < 0)
                                pidfd = TAKE_FD(fds[0]);
                        keeper_close(fds);
                        if (m.err.phase[0] != '\0') {
                                *err = m.err;
                                return -(err->errnum != 0 ? err->errnum : EINVAL);
                        }
                        if (m.op == KEEPER_EXITED)
                                return code_of(m.status);
                        if (m.op == KEEPER_READY &&
                            services_open(services, services->received, SERVICES_OUTER, err) < 0)
                                return -EPIPE;
                }
                if (r < 0)
                        return error_set(err, "command", ECHILD, "the keeper of the sandbox was killed");
        }
}

static int run_bare(const struct launch *l, int signals, struct error *err)
{
        pid_t pid = launch_bare(l, err);
        int status, count = 0;

        if (pid < 0)
                return (int)pid;
        CLEANUP_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        for (;;) {
                struct pollfd polls[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};

                if (poll(polls, 2, -1) < 0 && errno != EINTR)
                        return error_set(err, "command", errno, "poll");
                if (forward_signals(signals, pidfd, &count) >= 0)
                        (void)kill(pid, SIGKILL);
                if (waitpid(pid, &status, WNOHANG) == pid)
                        return code_of(status);
        }
}

/* What its limits did to a command that ended with CODE. */
static void say_limits(const struct plan *plan, int code)
{
        struct usage used;
        char text[192] = "";
        CLEANUP_CLOSE int leaf = plan->cgroup.base_fd >= 0
                                     ? openat(plan->cgroup.base_fd, "w0", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                                     : -1;

        usage_read(leaf, plan->cgroup.controllers, &used);
        if (code != 128 + SIGKILL || !usage_killed(&used, leaf, text, sizeof text))
                usage_note(&used, leaf, text, sizeof text);
        if (code > 0 && text[0] != '\0')
                (void)fprintf(stderr, "tach-run: command: %s\n", text);
}

/* Compiled here while the keeper makes the sandbox on another processor. */
static int send_filter(struct keeper *k, const struct plan *plan, struct error *err)
{
        const struct keeper_message m = {.op = KEEPER_FILTER};
        struct filters filters = FILTERS_NONE;
        int r = filters_make(&filters, &plan->spec->linux_.seccomp, 0, 0, err);

        if (r == 0) {
                r = keeper_send(k->socket, &m, (const int[KEEPER_FDS]){filters.worker_fd, -1});
                if (r == -EPIPE || r == -ECONNRESET)
                        r = 0; /* the keeper died: wait_for_end() reads why */
                else if (r < 0)
                        r = error_set(err, "command", r, "hand over the filter");
        }
        filters_finish(&filters);
        return r;
}

int command_run(const struct plan *plan, struct error *err)
{
        struct enter_plan enter = {
            .empty = cap_init(), .n_limits = plan->n_limits, .cwd = plan->cwd, .inside = 1};
        const struct spec_strv *args = &plan->spec->process.args;
        CLEANUP_FREE char **argv = calloc(args->n + 1, sizeof *argv);
        struct launch l = {.argv = argv,
                           .envp = plan->env,
                           .cwd = plan->cwd,
                           .stdin_fd = 0,
                           .stdout_fd = 1,
                           .stderr_fd = 2,
                           .cgroup_fd = -1,
                           .seccomp_fd = -1,
                           .seccomp_plain_fd = -1,
                           .bare = !plan->isolated,
                           .enter = plan->isolated ? &enter : NULL};
        struct services services;
        struct keeper keeper = {.pid = -1, .pidfd = -1, .socket = -1};
        int r;

        CLEANUP_CLOSE int signals = signals_open();
        if (signals < 0 || enter.empty == NULL || argv == NULL)
                return error_set(err, "command", errno, "prepare the command");
        memcpy(argv, args->v, args->n * sizeof *argv);
        for (int i = 0; i < plan->n_limits; i++)
                enter.limits[i] = plan->limits[i];
        if (!plan->isolated) {
                r = run_bare(&l, signals, err);
        } else {
                r = services_start(&services, &plan->cell.listen, err);
                if (r == 0)
                        r = keeper_start(&keeper, &plan->cell, &l, err);
                if (r == 0)
                        r = send_filter(&keeper, plan, err);
                if (r == 0) {
                        r = wait_for_end(&keeper, &services, signals, err);
                        say_limits(plan, r);
                }
                keeper_stop(&keeper);
                services_stop(&services);
        }
        (void)cap_free(enter.empty);
        return r;
}
