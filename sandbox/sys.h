/*
 * sys: the system calls that glibc 2.36 has no wrapper for, and their flags.
 */
#ifndef TACH_SANDBOX_SYS_H
#define TACH_SANDBOX_SYS_H

#include <linux/openat2.h>
#include <linux/sched.h> /* struct clone_args, CLONE_INTO_CGROUP */
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif

/* clone3(2) without a new stack: returns as fork does. PIDFD may be NULL; CGROUP_FD < 0: none. */
static inline pid_t sys_clone3(uint64_t flags, int *pidfd, int cgroup_fd, int exit_signal)
{
        struct clone_args args = {
            .flags = flags | (pidfd != NULL ? CLONE_PIDFD : 0) |
                     (cgroup_fd >= 0 ? (uint64_t)CLONE_INTO_CGROUP : 0),
            .pidfd = (uint64_t)(uintptr_t)pidfd,
            .exit_signal = (unsigned)exit_signal,
            .cgroup = cgroup_fd >= 0 ? (unsigned)cgroup_fd : 0,
        };

        return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
        return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_openat2(int dirfd, const char *path, const struct open_how *how)
{
        return (int)syscall(SYS_openat2, dirfd, path, how, sizeof *how);
}

#endif
