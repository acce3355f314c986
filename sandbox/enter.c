/* How it works: the zygote points pid_for_children at the cell, clones, and points it back; the child is born
 * inside the cell's pid namespace and joins the other namespaces with one setns on the same pidfd. What needs
 * a capability comes before caps_drop_all, the filter comes last. */
#include "sandbox/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/caps.h"
#include "sandbox/fds.h"
#include "sandbox/net.h"
#include "sandbox/seccomp.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

pid_t enter_clone(int cell_pidfd, int cgroup_fd, int *ret_pidfd, struct error *err)
{
        static int own_pidns = -1;
        pid_t pid;

        if (cell_pidfd >= 0) {
                if (own_pidns < 0)
                        own_pidns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
                if (own_pidns < 0)
                        return error_set(err, "enter", errno, "open /proc/self/ns/pid");
                if (setns(cell_pidfd, CLONE_NEWPID) < 0)
                        return error_set(err, "enter", errno, "join the cell's pid namespace");
        }
        pid = sys_clone3(CLONE_CLEAR_SIGHAND, ret_pidfd, cgroup_fd, SIGCHLD);
        if (pid < 0)
                (void)error_set(err, "enter", errno, "clone a worker");
        if (pid != 0 && cell_pidfd >= 0 && setns(own_pidns, CLONE_NEWPID) < 0 && pid > 0)
                (void)error_set(err, "enter", errno, "return to the zygote's pid namespace");
        return pid < 0 ? -(err != NULL ? err->errnum : EAGAIN) : pid;
}

/* A folder that the root does not reach has no path (getcwd(2)): through a descriptor or a link in /proc the
 * way may have led out of the cell. */
static int enter_folder(const char *path, struct error *err)
{
        char now[PATH_MAX];

        if (chdir(path) < 0)
                return error_set(err, "enter", errno, "chdir %s", path);
        if (syscall(SYS_getcwd, now, sizeof now) < 0 || now[0] != '/')
                return error_set(err, "enter", EXDEV, "chdir %s: it leads out of the sandbox", path);
        return 0;
}

/* A user namespace is entered as a whole and for good, and a process in the parent namespace with the owner's
 * id may do it without a capability. So a helper that borrows this process's memory goes there and clones the
 * child as this process's own. */
pid_t enter_clone_below(int cell_pidfd, int cgroup_fd, enum spec_network network, int *ret_pidfd,
                        struct error *err)
{
        const int spaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
                           (int)net_clone_flag(network);
        volatile pid_t pid = 0;
        volatile int why = 0, joined = 0;
        pid_t helper;
        int status;

        /* NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork): no copy of the
         * memory is wanted, and the helper does nothing but two system calls */
        helper = vfork();
        if (helper == 0) {
                if (setns(cell_pidfd, spaces) == 0) {
                        joined = 1;
                        pid = sys_clone3(CLONE_PARENT | CLONE_CLEAR_SIGHAND, NULL, cgroup_fd, 0);
                        if (pid == 0)
                                return 0; /* in memory of its own */
                }
                why = errno;
                _exit(0);
        }
        /* NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
        if (helper < 0)
                return error_set(err, "enter", errno, "start the helper that joins a cell");
        while (waitpid(helper, &status, 0) < 0 && errno == EINTR)
                continue;
        /* the helper's new credentials made the memory that it borrowed undumpable */
        if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
                return error_set(err, "enter", errno, "set dumpable");
        if (pid <= 0)
                return error_set(err, "enter", why, joined ? "clone a worker" : "join the cell's namespaces");
        *ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        if (*ret_pidfd < 0)
                return error_set(err, "enter", errno, "pidfd_open");
        return pid;
}

int enter_child(const struct enter_plan *plan, int cell_pidfd, struct error *err)
{
        int r;

        if (cell_pidfd >= 0 && setns(cell_pidfd, CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS |
                                                     (int)net_clone_flag(plan->network)) < 0)
                return error_set(err, "enter", errno, "join the cell's namespaces");
        /* not the cell's: its root is the leaf that this process was born into */
        if ((cell_pidfd >= 0 || plan->inside) && !plan->clones && unshare(CLONE_NEWCGROUP) < 0)
                return error_set(err, "enter", errno, "unshare the cgroup namespace");
        if (cell_pidfd < 0 && !plan->inside && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return error_set(err, "enter", errno, "set the parent death signal");
        if (setsid() < 0)
                return error_set(err, "enter", errno, "setsid");
        r = fds_close_others(plan->keep_fds, plan->n_keep_fds, err);
        if (r == 0)
                r = enter_folder(plan->cwd, err);
        if (r == 0)
                r = rlimit_apply(plan->limits, plan->n_limits, err);
        if (r == 0 && (cell_pidfd >= 0 || plan->inside))
                r = caps_drop_all(plan->empty, err);
        if (r == 0 && plan->bpf != NULL)
                r = seccomp_install(plan->bpf, plan->bpf_bytes, err);
        return r;
}
