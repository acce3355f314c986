/*
 * launch: how the zygote, or a single command, is started.
 */
#ifndef TACH_ENGINE_LAUNCH_H
#define TACH_ENGINE_LAUNCH_H

#include <sys/types.h>

#include "sandbox/enter.h"
#include "spec/base/error.h"

/* How the zygote (or a single command) is started. Strings are the caller's. */
struct launch {
        char *const *argv;
        char *const *envp;
        const char *cwd;
        int stdin_fd, stdout_fd, stderr_fd;
        const int *pass; /* descriptors kept under their own numbers */
        size_t n_pass;
        int bare;      /* no isolation: no capabilities are handed over */
        int cgroup_fd; /* control group to be born into; -1: none */
        /* filters to install before the program starts, unless ENTER is given: one that notifies, and the one
         * to take where that cannot be; -1: none */
        int seccomp_fd, seccomp_plain_fd;
        const struct enter_plan *enter; /* given: a command, confined as a worker is; there is no warden */
};

/* Starts L, in the cell behind CELL_PIDFD where that is >= 0; *RET_PIDFD is the caller's, and so is
 * *RET_LISTENER, the filter's (-1: none). Returns the pid, or -errno, also where the program cannot be
 * executed. */
pid_t launch_start(const struct launch *l, int cell_pidfd, int *ret_pidfd, int *ret_listener,
                   struct error *err);

/* Starts L without any sandbox, as the engine's own child. */
pid_t launch_bare(const struct launch *l, struct error *err);

#endif
