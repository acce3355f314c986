/* How it works: one poll loop over the engine's requests and SIGCHLD. */
#include "runtime/engine/warden.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/engine/keeper.h"
#include "sandbox/mnt.h"
#include "sandbox/proc.h"
#include "spec/base/cleanup.h"

/* Network namespaces are taken down in the background, more slowly than they are made. Under this limit
 * making one fails with ENOSPC until there is room again. */
static int limit_cells(int proc_fd, unsigned most, struct error *err)
{
        char text[16];

        (void)snprintf(text, sizeof text, "%u", most);
        return proc_write(proc_fd, "sys/user/max_net_namespaces", text, err);
}

static void make_cell(int socket, const struct cell_plan *plan)
{
        struct keeper_message m = {.op = KEEPER_CELL};
        int fds[KEEPER_FDS] = {-1, -1};
        pid_t pid;

        (void)cell_make(plan, &pid, &fds[0], &fds[1], &m.err);
        if (keeper_send(socket, &m, fds) < 0)
                _exit(1);
        keeper_close(fds);
}

static pid_t start(const struct cell_plan *plan, const struct launch *zygote, int *ret_pidfd,
                   int *ret_listener, struct error *err)
{
        CLEANUP_CLOSE int proc = mnt_new_proc(err);
        int r = proc < 0 ? proc : limit_cells(proc, plan->most, err);

        if (r == 0)
                r = mnt_proc(proc, plan->masked, plan->n_masked, plan->readonly, plan->n_readonly, err);
        return r < 0 ? r : launch_start(zygote, -1, ret_pidfd, ret_listener, err);
}

void warden_main(int socket, int map_fd, const struct cell_plan *plan, const struct launch *zygote)
{
        struct keeper_message m = {.op = KEEPER_READY};
        pid_t zygote_pid;
        sigset_t chld;
        int signals, fds[KEEPER_FDS] = {-1, -1};
        char c;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, "tach-warden");
        if (read(map_fd, &c, 1) != 1)
                _exit(1);
        (void)close(map_fd);
        sigemptyset(&chld);
        sigaddset(&chld, SIGCHLD);
        sigprocmask(SIG_SETMASK, &chld, NULL);
        signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
        zygote_pid = signals < 0 ? error_set(&m.err, "keeper", errno, "signalfd")
                                 : start(plan, zygote, &fds[0], &fds[1], &m.err);
        if (zygote_pid > 0)
                m.err = (struct error){0};
        if (keeper_send(socket, &m, fds) < 0 || zygote_pid < 0)
                _exit(1);
        if (zygote->cgroup_fd >= 0)
                (void)close(zygote->cgroup_fd);
        keeper_close(fds);
        for (;;) {
                struct pollfd polls[2] = {{.fd = socket, .events = POLLIN},
                                          {.fd = signals, .events = POLLIN}};
                struct signalfd_siginfo si;
                int status;
                pid_t pid;

                if (poll(polls, 2, -1) < 0 && errno != EINTR)
                        _exit(1);
                while (read(signals, &si, sizeof si) > 0)
                        continue;
                while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                        if (pid == zygote_pid) {
                                m = (struct keeper_message){.op = KEEPER_EXITED, .status = status};
                                if (keeper_send(socket, &m, NULL) < 0)
                                        _exit(1);
                        }
                if (polls[0].revents != 0) {
                        ssize_t n = recv(socket, &m, sizeof m, MSG_DONTWAIT);

                        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                                _exit(0);
                        if (n == (ssize_t)sizeof m && m.op == KEEPER_MAKE)
                                make_cell(socket, plan);
                }
        }
}
