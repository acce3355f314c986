/*
 * enter: a worker's way into a cell, from the zygote's clone to the first line of Python.
 */
#ifndef TACH_SANDBOX_ENTER_H
#define TACH_SANDBOX_ENTER_H

#include <stddef.h>
#include <sys/capability.h>
#include <sys/types.h>

#include "sandbox/rlimit.h"
#include "spec/base/error.h"
#include "spec/spec.h"

/* Made ahead in the zygote, once a run; used by every worker without allocating. */
struct enter_plan {
        const void *bpf; /* raw filter; NULL: none */
        size_t bpf_bytes;
        cap_t empty;
        struct rlimit_entry limits[16];
        int n_limits;
        const char *cwd;
        int inside;          /* the caller is in the sandbox already: there is no cell to join */
        int clones;          /* into groups beside its own: it must see these too (nsdelegate) */
        const int *keep_fds; /* ascending */
        size_t n_keep_fds;
        enum spec_network network; /* the cells' */
};

/* Clones the calling process into the cell behind CELL_PIDFD (< 0: a plain clone), and into CGROUP_FD
 * where that is >= 0. Returns as fork does; *RET_PIDFD is the child's pidfd in the parent.
 * Errors: -errno in the parent. */
pid_t enter_clone(int cell_pidfd, int cgroup_fd, int *ret_pidfd, struct error *err);

/* The same for a process without capabilities, into a cell inside its own (nest.h). The child is in the cell
 * altogether: for enter_child it is INSIDE. *RET_PIDFD is close-on-exec. */
pid_t enter_clone_below(int cell_pidfd, int cgroup_fd, enum spec_network network, int *ret_pidfd,
                        struct error *err);

/* In the child: enters the rest of the cell, makes its group the root of those that it sees, closes all
 * descriptors but PLAN's, starts a session, applies limits, drops everything, installs the filter.
 * CELL_PIDFD < 0: only what needs no namespace. */
int enter_child(const struct enter_plan *plan, int cell_pidfd, struct error *err);

#endif
