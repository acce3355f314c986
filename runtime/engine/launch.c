/* How it works: the child prepares itself and executes the program; a socket tells whether it could, and
 * hands over the filter's listener. */
#include "runtime/engine/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/caps.h"
#include "sandbox/fds.h"
#include "sandbox/keys.h"
#include "sandbox/seccomp.h"

/* What joining the cells needs; ambient, because an ordinary uid loses its capabilities on exec. Less than
 * the warden has, or the zygote could trace it; over the cells it has every one, as whose user made them. */
static int hand_over_capabilities(struct error *err)
{
        static const cap_value_t joining[] = {CAP_SYS_ADMIN};
        int r = caps_bound(joining, 1, err);

        if (r == 0)
                r = caps_make_ambient(joining, 1, err);

        if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = error_set(err, "launch", errno, "set no_new_privs");
        return r;
}

/* In the child; REPORT_FD must live until the exec. Only returns on failure. */
static int become(const struct launch *l, int cell_pidfd, int report_fd, struct error *err)
{
        const struct error none_yet = {0};
        const int stdio[3] = {l->stdin_fd, l->stdout_fd, l->stderr_fd};
        sigset_t none;
        int r = 0, listener = -1;

        for (int i = 0; i < 3; i++)
                if (stdio[i] != i && dup2(stdio[i], i) < 0)
                        return error_set(err, "launch", errno, "dup2");
        if (!l->bare) {
                r = keys_leave_session(err);
                if (r < 0)
                        return r;
        }
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
        if (r == 0 && l->enter == NULL && l->seccomp_fd >= 0)
                r = seccomp_install_listening(l->seccomp_fd, l->seccomp_plain_fd, &listener, err);
        if (r == 0 && listener >= 0 && fds_send(report_fd, &none_yet, sizeof none_yet, &listener, 1) < 0)
                r = error_set(err, "launch", errno, "hand over the filter's listener");
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

/* Takes what the child says until its exec closes the socket: 0, or -errno with its error. */
static int hear(int report, int *listener, struct error *err)
{
        for (;;) {
                int fds[FDS_MAX_SENT];
                struct error said;
                size_t n_fds;
                const ssize_t n = fds_wait(report, &said, sizeof said, fds, &n_fds);

                for (size_t i = 0; i < n_fds; i++) {
                        if (*listener < 0)
                                *listener = fds[i];
                        else
                                (void)close(fds[i]);
                }
                if (n != (ssize_t)sizeof said)
                        return 0;
                if (said.phase[0] == '\0')
                        continue;
                *err = said;
                return -(err->errnum != 0 ? err->errnum : EINVAL);
        }
}

pid_t launch_start(const struct launch *l, int cell_pidfd, int *ret_pidfd, int *ret_listener,
                   struct error *err)
{
        struct error child_err = {0};
        int report[2], listener = -1, r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, report) < 0)
                return error_set(err, "launch", errno, "socketpair");
        pid = enter_clone(cell_pidfd, l->cgroup_fd, ret_pidfd, err);
        if (pid == 0) {
                (void)close(report[0]);
                (void)become(l, cell_pidfd, report[1], &child_err);
                if (write(report[1], &child_err, sizeof child_err) < 0)
                        _exit(126);
                _exit(127);
        }
        (void)close(report[1]);
        r = pid > 0 ? hear(report[0], &listener, err) : 0;
        (void)close(report[0]);
        if (r < 0) {
                (void)waitpid(pid, NULL, 0);
                if (*ret_pidfd >= 0)
                        (void)close(*ret_pidfd);
                *ret_pidfd = -1;
        }
        if (r == 0 && ret_listener != NULL)
                *ret_listener = listener;
        else if (listener >= 0)
                (void)close(listener);
        return r < 0 ? r : pid;
}

pid_t launch_bare(const struct launch *l, struct error *err)
{
        int pidfd = -1;
        pid_t pid = launch_start(l, -1, &pidfd, NULL, err);

        if (pid > 0)
                (void)close(pidfd);
        return pid;
}
