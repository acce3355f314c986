/* How it works: keeper_start clones with all namespaces, maps the ids from outside, and the child builds the
 * outer sandbox, starts the zygote and then answers one MAKE after the other. As pid 1 it reaps everything.
 */
#include "runtime/engine/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/caps.h"
#include "sandbox/sys.h"
#include "sandbox/user.h"
#include "spec/base/cleanup.h"

/* What joining the cells needs; ambient, because an ordinary uid loses its capabilities on exec. */
static int hand_over_capabilities(struct error *err)
{
        static const cap_value_t joining[] = {CAP_SYS_ADMIN, CAP_SYS_PTRACE};
        int r = caps_make_ambient(joining, 2, err);

        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = error_set(err, "launch", errno, "set no_new_privs");
        return r;
}

/* In the child; REPORT_FD must live until the exec. Only returns on failure. */
static int become(const struct launch *l, int cell_pidfd, int report_fd, struct error *err)
{
        const int stdio[3] = {l->stdin_fd, l->stdout_fd, l->stderr_fd};
        sigset_t none;
        int r = 0;

        for (int i = 0; i < 3; i++)
                if (stdio[i] != i && dup2(stdio[i], i) < 0)
                        return error_set(err, "launch", errno, "dup2");
        if (l->enter != NULL) {
                struct enter_plan plan = *l->enter;

                plan.keep_fds = &report_fd;
                plan.n_keep_fds = 1;
                r = enter_child(&plan, cell_pidfd, err);
        } else {
                if (chdir(l->cwd) < 0)
                        return error_set(err, "launch", errno, "chdir %s", l->cwd);
                if (setsid() < 0)
                        return error_set(err, "launch", errno, "setsid");
                if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
                        return error_set(err, "launch", errno, "close_range");
                for (size_t i = 0; i < l->n_pass; i++)
                        if (fcntl(l->pass[i], F_SETFD, 0) < 0)
                                return error_set(err, "launch", errno, "pass descriptor %d", l->pass[i]);
                r = l->bare ? 0 : hand_over_capabilities(err);
                if (r == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                        r = error_set(err, "launch", errno, "set the parent death signal");
        }
        if (r < 0)
                return r;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        environ = (char **)(uintptr_t)l->envp; /* its PATH is searched */
        (void)execvp(l->argv[0], l->argv);
        r = error_set(err, "launch", errno, "start %s", l->argv[0]);
        error_hint(err, "check that it exists, can be executed and is seen in the sandbox");
        return r;
}

/* Starts L (in the cell behind CELL_PIDFD where that is >= 0). The exec's failure comes back over a pipe that
 * a successful exec closes. */
static pid_t start(const struct launch *l, int cell_pidfd, int *ret_pidfd, struct error *err)
{
        struct error child_err = {0};
        int report[2];
        pid_t pid;
        ssize_t n;

        if (pipe2(report, O_CLOEXEC) < 0)
                return error_set(err, "launch", errno, "pipe");
        pid = enter_clone(cell_pidfd, -1, ret_pidfd, err);
        if (pid == 0) {
                (void)close(report[0]);
                (void)become(l, cell_pidfd, report[1], &child_err);
                if (write(report[1], &child_err, sizeof child_err) < 0)
                        _exit(126);
                _exit(127);
        }
        (void)close(report[1]);
        if (pid < 0) {
                (void)close(report[0]);
                return pid;
        }
        do
                n = read(report[0], &child_err, sizeof child_err);
        while (n < 0 && errno == EINTR);
        (void)close(report[0]);
        if (n == (ssize_t)sizeof child_err) {
                (void)waitpid(pid, NULL, 0);
                (void)close(*ret_pidfd);
                *ret_pidfd = -1;
                *err = child_err;
                return -(err->errnum != 0 ? err->errnum : EINVAL);
        }
        return pid;
}

pid_t launch_bare(const struct launch *l, struct error *err)
{
        int pidfd;
        pid_t pid = start(l, -1, &pidfd, err);

        if (pid > 0)
                (void)close(pidfd);
        return pid;
}

static int message_send(int fd, const struct keeper_message *m, int attach)
{
        union {
                char buf[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control = {0};
        struct iovec iov = {.iov_base = (void *)(uintptr_t)m, .iov_len = sizeof *m};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;

        if (attach >= 0) {
                struct cmsghdr *c;

                msg.msg_control = control.buf;
                msg.msg_controllen = sizeof control.buf;
                c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(sizeof(int));
                memcpy(CMSG_DATA(c), &attach, sizeof attach);
        }
        do
                n = sendmsg(fd, &msg, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

static void make_cell(int socket, const struct cell_plan *plan)
{
        struct keeper_message m = {.op = KEEPER_CELL};
        int pidfd = -1;
        pid_t pid;

        (void)cell_make(plan, &pid, &pidfd, &m.err);
        if (message_send(socket, &m, pidfd) < 0)
                _exit(1);
        if (pidfd >= 0)
                (void)close(pidfd);
}

static void __attribute__((noreturn))
keeper_main(int socket, int map_fd, const struct cell_plan *plan, const struct launch *zygote)
{
        struct keeper_message m = {.op = KEEPER_READY};
        pid_t zygote_pid = -1;
        sigset_t chld;
        int signals, pidfd = -1;
        char c;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, "tach-keeper");
        if (read(map_fd, &c, 1) != 1)
                _exit(1);
        sigemptyset(&chld);
        sigaddset(&chld, SIGCHLD);
        sigprocmask(SIG_SETMASK, &chld, NULL);
        signals = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
        if (outer_enter(plan, &m.err) == 0) {
                pid_t cell_pid;
                int cell = -1;

                if (zygote->enter == NULL || cell_make(plan, &cell_pid, &cell, &m.err) == 0)
                        zygote_pid = start(zygote, cell, &pidfd, &m.err);
                if (zygote_pid > 0)
                        m.err = (struct error){0};
        }
        if (message_send(socket, &m, pidfd) < 0 || zygote_pid < 0)
                _exit(1);
        (void)close(pidfd);
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
                                if (message_send(socket, &m, -1) < 0)
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

int keeper_start(struct keeper *k, const struct cell_plan *plan, const struct launch *zygote,
                 struct error *err)
{
        int sockets[2], map[2], r;

        *k = (struct keeper){.pid = -1, .pidfd = -1, .socket = -1};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set(err, "keeper", errno, "socketpair");
        if (pipe2(map, O_CLOEXEC) < 0) {
                (void)close(sockets[0]);
                (void)close(sockets[1]);
                return error_set(err, "keeper", errno, "pipe");
        }
        k->pid = sys_clone3(cell_clone_flags() | CLONE_CLEAR_SIGHAND, &k->pidfd, -1, SIGCHLD);
        if (k->pid == 0) {
                (void)close(sockets[0]);
                (void)close(map[1]);
                keeper_main(sockets[1], map[0], plan, zygote);
        }
        r = k->pid < 0 ? error_set(err, "keeper", errno, "clone with new namespaces") : 0;
        if (r < 0)
                error_hint(err, "user namespaces may be off (user.max_user_namespaces, "
                                "kernel.unprivileged_userns_clone) or filtered: use --no-isolation");
        (void)close(sockets[1]);
        (void)close(map[0]);
        if (r == 0)
                r = user_map(k->pid, plan->uid, geteuid(), plan->gid, getegid(), err);
        if (r == 0 && write(map[1], "m", 1) != 1)
                r = error_set(err, "keeper", errno, "the keeper died");
        (void)close(map[1]);
        k->socket = sockets[0];
        (void)fcntl(k->socket, F_SETFL, O_NONBLOCK);
        if (r < 0)
                keeper_stop(k);
        return r;
}

int keeper_ask_cell(struct keeper *k, struct error *err)
{
        struct keeper_message m = {.op = KEEPER_MAKE};
        int r = message_send(k->socket, &m, -1);

        return r < 0 ? error_set(err, "keeper", r, "ask for a cell") : 0;
}

int keeper_receive(struct keeper *k, struct keeper_message *ret, int *ret_fd)
{
        union {
                char buf[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = {.iov_base = ret, .iov_len = sizeof *ret};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buf,
                             .msg_controllen = sizeof control.buf};
        struct cmsghdr *c;
        ssize_t n = recvmsg(k->socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

        *ret_fd = -1;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n != (ssize_t)sizeof *ret)
                return -EPIPE;
        c = CMSG_FIRSTHDR(&msg);
        if (c != NULL && c->cmsg_type == SCM_RIGHTS)
                memcpy(ret_fd, CMSG_DATA(c), sizeof *ret_fd);
        return 1;
}

void keeper_stop(struct keeper *k)
{
        if (k->pid > 0) {
                (void)kill(k->pid, SIGKILL);
                while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
                        continue;
        }
        if (k->pidfd >= 0)
                (void)close(k->pidfd);
        if (k->socket >= 0)
                (void)close(k->socket);
        *k = (struct keeper){.pid = -1, .pidfd = -1, .socket = -1};
}
