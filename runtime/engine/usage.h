/*
 * usage: what a worker used, as its cgroup leaf counts it, and what its limits did to it.
 */
#ifndef TACH_ENGINE_USAGE_H
#define TACH_ENGINE_USAGE_H

#include <stddef.h>

#include "runtime/engine/event.h"

/* Of all processes in the leaf. -1: the leaf has no such controller, or the kernel does not say. */
struct usage {
        long long memory_peak;  /* bytes, page cache and tmpfs included */
        long long oom_kills;    /* processes that the out-of-memory killer ended */
        long long pids_peak;    /* most processes and threads at a time */
        long long pids_refused; /* forks and threads that pids.max refused */
        long long user_us, system_us;
        long long throttled, throttled_us; /* periods in which cpu.max was used up, and the wait */
};

/* Reads the leaf; with LEAF_FD < 0 or no CONTROLLERS (sandbox/group.h) everything is -1. */
void usage_read(int leaf_fd, unsigned controllers, struct usage *ret);

/* Makes NOW count from BEFORE; peaks stay those of the leaf's life. */
void usage_since(struct usage *now, const struct usage *before);

/* Of a worker that ran other tests before: a peak that NOW did not raise is not known. */
void usage_own_peaks(struct usage *now, const struct usage *before);

/* Adds what is known to the open object. */
void usage_send(const struct usage *u, struct event *ev);

/* Whether the worker was ended for want of memory: how, in RET. */
int usage_killed(const struct usage *u, int leaf_fd, char *ret, size_t size);

/* What limits did that did not end the worker, or "". */
void usage_note(const struct usage *u, int leaf_fd, char *ret, size_t size);

/* ", throttled by ..." for a worker whose time ran out, or "". */
void usage_throttled(const struct usage *u, int leaf_fd, char *ret, size_t size);

#endif
