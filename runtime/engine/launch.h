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
        int bare;       /* no isolation: no capabilities are handed over */
        int cgroup_fd;  /* control group to be born into; -1: none */
        int seccomp_fd; /* filter to install before the program starts, unless ENTER is given; -1: none */
        const struct enter_plan *enter; /* given: a command, confined as a worker is; there is no warden */
};

/* Starts L, in the cell behind CELL_PIDFD where that is >= 0; *RET_PIDFD is the caller's. Returns the pid, or
 * -errno, also where the program cannot be executed. */
pid_t launch_start(const struct launch *l, int cell_pidfd, int *ret_pidfd, struct error *err);

/* Starts L without any sandbox, as the engine's own child. */
pid_t launch_bare(const struct launch *l, struct error *err);

#endif
