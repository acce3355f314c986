/*
 * filters: a run's system call filters, from its spec.
 *
 * The zygote has the built-in profile, what the spec's own profile allows by name, and what putting workers
 * into cells needs. Workers inherit that filter and add another for what theirs is stricter in. What the
 * zygote's filter refuses goes to the engine (refusals.h), which answers and remembers it.
 */
#ifndef TACH_ENGINE_FILTERS_H
#define TACH_ENGINE_FILTERS_H

#include "sandbox/policy.h"
#include "spec/base/error.h"
#include "spec/spec.h"

struct filters {
        struct policy zygote, worker; /* what applies to each */
        int zygote_fd;                /* notifies; -1: no zygote */
        int zygote_plain_fd;          /* the same, answered by the kernel; -1 */
        int worker_fd;                /* on top of the zygote's; without a zygote, all there is; -1: none */
        int is_built_in;              /* the workers' policy is the built-in one */
};

#define FILTERS_NONE ((struct filters){.zygote_fd = -1, .zygote_plain_fd = -1, .worker_fd = -1})

/* PROFILE: the spec's; without a default action, the built-in one applies. */
/* WATCHES: tripwires are set (tripwires.h). */
int filters_make(struct filters *ret, const struct spec_seccomp *profile, int has_zygote, int watches,
                 struct error *err);
/* Whether the call is allowed to whoever made it. */
int filters_allow(const struct filters *f, int by_worker, int nr, const uint64_t args[6]);
/* The error of a call that the zygote's filter refuses, made by a worker or by the zygote. */
int filters_refusal(const struct filters *f, int by_worker, int nr, const uint64_t args[6]);

void filters_finish(struct filters *f);

#endif
