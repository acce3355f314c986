/*
 * proof: that nothing of a test is left in a cell, so that the next test may have it. Taken and checked by
 * the cell's pid 1, which lives in the cell's namespaces and whom a test can neither trace nor write to.
 *
 * It holds for what a test can do without a capability and under the built-in filter, which refuses mounts,
 * namespaces, keyrings and the like; a run with a filter of its own gets a fresh cell for each test.
 */
#ifndef TACH_SANDBOX_PROOF_H
#define TACH_SANDBOX_PROOF_H

#include <netlink/socket.h>

#include "sandbox/scratch.h"
#include "spec/base/error.h"

/* What was found in a cell after a test. */
enum dirt {
        DIRT_NONE,
        DIRT_PROCESS, /* a process is left */
        DIRT_PROJECT, /* a change of the project */
        DIRT_FOLDER,  /* private folders that could not be emptied */
        DIRT_IPC,     /* System V objects or POSIX message queues */
        DIRT_NETWORK, /* a packet went over loopback */
        DIRT_SOCKET,  /* a socket is left, as one that was sent over itself */
        DIRT_DEVICE,  /* /dev/pts was changed */
        DIRT_SERVICE, /* it used a service of the host: not seen here, but by who lets it in */
        DIRT_UNKNOWN, /* a check failed */
        DIRT_N,
};

struct proof {
        struct scratch scratch;
        int upper_fd; /* what the test wrote to the project; -1: no project */
        struct stat upper;
        int pts_fd;
        struct stat pts, ptmx;
        int proc_fd;     /* /proc of this pid namespace */
        int queues_fd;   /* an mqueue file system of this ipc namespace; -1: the kernel has none */
        int sockstat_fd; /* /proc/net/sockstat of this network namespace */
        long sockets;    /* in use, the proof's own among them */
        int labels_fd;   /* /proc/net/ip6_flowlabel; -1: no IPv6 */
        ssize_t labels;  /* bytes of it */
        struct nl_sock *link;
};

/* A word for the event stream. */
const char *dirt_name(enum dirt dirt);

/* Begins a proof of which the caller has set scratch (scratch_add), upper_fd and link (net_loopback_up). */
int proof_begin(struct proof *p, struct error *err);

/* Writes the proof's descriptors to FDS (room for SCRATCH_MAX_ENTRIES + 9): how many. */
size_t proof_fds(const struct proof *p, int *fds);

/* Empties the private folders and looks at the rest. OTHERS: how many processes there may be beside this one.
 */
enum dirt proof_check(const struct proof *p, int others);

#endif
