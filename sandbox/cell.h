/*
 * cell: the sandbox of one test.
 *
 * A cell is a tiny process (pid 1 of its pid namespace) that holds user, mount, pid, net, ipc and uts
 * namespaces with everything mounted. A worker is cloned into it (enter.h).
 */
#ifndef TACH_SANDBOX_CELL_H
#define TACH_SANDBOX_CELL_H

#include <stddef.h>
#include <sys/types.h>

#include "sandbox/cgroup.h"
#include "sandbox/listen.h"
#include "sandbox/project.h"
#include "spec/base/error.h"
#include "spec/spec.h"

struct nl_sock;

/* What every cell of a run is made from. Immutable; strings are the maker's. All paths absolute, real. */
struct cell_plan {
        const char *project;               /* seen copy-on-write; NULL: no overlay */
        const struct project_parts *parts; /* of the project (project_scan) */
        const char *const *visible;        /* paths to keep where /tmp, /run... are hidden */
        size_t n_visible;
        const char *const *temporary; /* further folders of its own, as /tmp, the shorter first (private.h) */
        size_t n_temporary;
        const char *hostname;
        uid_t uid; /* mapped one to one */
        gid_t gid;
        const char *const *masked;
        size_t n_masked;
        const char *const *readonly;
        size_t n_readonly;
        const struct cgroup *cgroup;            /* the run's control groups; NULL: none */
        const struct spec_resources *resources; /* limits of each leaf */
        int64_t collect_memory;                 /* the zygote's (cgroup_zygote) */
        const struct spec_mounts *mounts;       /* checked (mounts_check); NULL: none */
        const char *tmpfs_options;              /* "size=...,nr_inodes=..." of each private tmpfs */
        unsigned most;   /* cells at a time, those that the kernel still takes down included */
        int reuse;       /* cells answer whether they are clean */
        unsigned levels; /* of writers below a cell's project (project.h): 1 in the outer sandbox */
        /* Tells the engine of a cell that was made inside another: ERR, or FDS[0] its pidfd and FDS[1] its
         * socket, on SOCKET: 0 or -errno. */
        int (*hand_over_cell)(int socket, const struct error *err, const int fds[2]);
        enum spec_network network;
        struct listen_plan listen;          /* services of the host */
        struct project_hand_over hand_over; /* of what is written to the project */
};

/* Where a sandbox keeps what its cells' projects are made of, and a cell its own part of that. */
#define CELL_LAYERS "/dev/.tach"

/* Clones a cell from inside the outer sandbox, or from inside a cell: its pid-1 process and *RET_PIDFD
 * (caller's). On failure nothing is left. The caller reaps the process. Killing it ends everything in the
 * cell. *RET_SOCKET is for what init.h says; the caller's. Waits where the kernel still takes cells down. */
int cell_make(const struct cell_plan *plan, pid_t *ret_pid, int *ret_pidfd, int *ret_socket,
              struct error *err);

/* Sets up the loopback interface of the caller's network namespace and the services of the host that PLAN
 * lets in. RET_LINK, where it is not NULL, gets a rtnetlink socket of that namespace (net.h). */
int cell_network(const struct cell_plan *plan, struct nl_sock **ret_link, struct error *err);

/* The namespaces of outer sandbox and cells as clone flags: all but the host's network, and the cgroup
 * namespace. The keeper makes one whose root is the run's group (cgroup_settle), a worker one whose root is
 * its leaf (enter_child). */
unsigned long long cell_clone_flags(const struct cell_plan *plan);

#endif
