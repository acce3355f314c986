/*
 * cgroup: the control groups that workers are born into. cgroups(7), cgroup v2 only.
 *
 * One group "tach-PID" a run below the engine's own, with one leaf a worker's place, made ahead with its
 * limits written; a worker enters by CLONE_INTO_CGROUP. A janitor process removes all of it when the engine
 * ends, however it ends.
 */
#ifndef TACH_SANDBOX_CGROUP_H
#define TACH_SANDBOX_CGROUP_H

#include <limits.h>
#include <sys/types.h>

#include "spec/base/error.h"
#include "spec/spec.h"

struct cgroup {
        int base_fd;         /* tach-PID; -1: there is none, and why says why */
        char path[PATH_MAX]; /* of tach-PID */
        char why[512];       /* why there is no group */
        int janitor_pipe;    /* the janitor acts when its other ends are closed */
        pid_t janitor;
};

/* Makes the run's group. No writable v2 tree: 0 with base_fd -1. A limit in RESOURCES that no controller
 * enforces is an error; with BEST_EFFORT it is left out and *RET_MISSING (room for 512) says so. */
int cgroup_start(struct cgroup *ret, const struct spec_resources *resources, int best_effort,
                 char *ret_missing, struct error *err);

/* Makes leaf INDEX with its limits; returns its directory's fd (caller's) or -errno. It is opened below
 * TREE_FD, a mount of the run's group alone, so that who gets it cannot climb out. */
int cgroup_leaf(const struct cgroup *cg, int tree_fd, unsigned index, const struct spec_resources *resources,
                struct error *err);

/* How often the kernel's out-of-memory killer struck in the leaf, 0 where memory is not accounted. */
unsigned long cgroup_oom_kills(int leaf_fd);

/* Lets the janitor remove everything, and waits for it. */
void cgroup_stop(struct cgroup *cg);

/* Whether RESOURCES asks for any limit. */
int cgroup_has_limits(const struct spec_resources *resources);

#endif
