/*
 * cgroup: the control groups that workers are born into. cgroups(7), cgroup v2 only.
 *
 * One group "tach-PID" a run where delegation.h allows it. The keeper and the cells live in its child
 * "keeper", the interpreter that collects in "zygote", so that code which runs while the suite is imported
 * does not take all that the machine has; each worker is born by CLONE_INTO_CGROUP into a leaf "wN", made
 * ahead with its limits written. A janitor process removes all of it when the engine ends, however it ends.
 */
#ifndef TACH_SANDBOX_CGROUP_H
#define TACH_SANDBOX_CGROUP_H

#include <limits.h>
#include <sys/types.h>

#include "sandbox/delegation.h"
#include "spec/base/error.h"
#include "spec/spec.h"

struct cgroup {
        struct delegation parent; /* its why says why there is no group */
        int base_fd;              /* tach-PID; -1: there is none */
        char path[PATH_MAX];      /* of tach-PID */
        unsigned controllers;     /* that the leaves have (group.h) */
        int janitor_pipe;         /* the janitor acts when its other ends are closed */
        pid_t janitor;
};

#define CGROUP_NONE                                                                                          \
        {                                                                                                    \
                .parent = {.fd = -1}, .base_fd = -1, .janitor_pipe = -1, .janitor = -1                       \
        }

/* Makes the run's group. No group that may be used: 0 with base_fd -1. A limit in RESOURCES, or
 * COLLECT_MEMORY (tach.collectMemory) if it is one, that no controller enforces is an error; with BEST_EFFORT
 * it is left out and *RET_MISSING (room for 512) says so.
 */
int cgroup_start(struct cgroup *ret, const struct spec_resources *resources, int64_t collect_memory,
                 int best_effort, char *ret_missing, struct error *err);

/* In the keeper, born into CG and not yet in a cgroup namespace of its own: makes CG the root of one, goes
 * into the child "keeper" and gives the leaves to come their controllers. */
int cgroup_settle(const struct cgroup *cg, struct error *err);

/* After cgroup_settle: makes the zygote's group, where the run's groups have a controller that limits it: if
 * a limit was asked for, or they have them anyway. At most COLLECT_MEMORY bytes (0: no limit), by default
 * half of what the machine and the groups above leave; at most half of the machine's process ids. Running out
 * of memory ends all of the group. Returns its directory's fd (caller's), -ENOENT where there is no such
 * group, or another -errno with ERR. */
int cgroup_zygote(const struct cgroup *cg, int64_t collect_memory, struct error *err);

/* The same group, seen from the engine: an fd (caller's), or -1. */
int cgroup_open_zygote(const struct cgroup *cg);

/* Makes leaf INDEX with its limits; returns its directory's fd (caller's) or -errno. It is opened below
 * TREE_FD, a mount of the run's group alone, so that who gets it cannot climb out. */
int cgroup_leaf(const struct cgroup *cg, int tree_fd, unsigned index, const struct spec_resources *resources,
                struct error *err);

/* Removes leaf INDEX: 0, -EBUSY while a process is in it, or another -errno. */
int cgroup_remove_leaf(const struct cgroup *cg, unsigned index);

/* Whether RESOURCES has a limit. */
int cgroup_has_limits(const struct spec_resources *resources);

/* Ends what is still there, removes the groups and stops the janitor. */
void cgroup_stop(struct cgroup *cg);

#endif
