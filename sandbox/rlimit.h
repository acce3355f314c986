/* rlimit: OCI process.rlimits. getrlimit(2). */
#ifndef TACH_SANDBOX_RLIMIT_H
#define TACH_SANDBOX_RLIMIT_H

#include <stdint.h>

#include "spec/base/error.h"
#include "spec/spec.h"

/* A limit resolved to numbers: what a worker applies without allocating. */
struct rlimit_entry {
        int resource;
        uint64_t soft, hard;
};

/* The RLIMIT_* number of an OCI name, or -1. */
int rlimit_by_name(const char *name);

/* Resolves LIMITS into OUT (room for 16), at most the hard limits that the caller itself has; returns how
 * many. */
int rlimit_plan(const struct spec_rlimits *limits, struct rlimit_entry out[16], struct error *err);
int rlimit_apply(const struct rlimit_entry *entries, int n, struct error *err);

#endif
