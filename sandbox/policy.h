/*
 * policy: what happens to each system call of the native ABI, from a profile (spec.h, linux.seccomp).
 *
 * The first clause of a call whose tests hold decides; where none does, the policy's default. A call newer
 * than the newest that a profile names is unknown to it (ENOSYS) where its default is an error, as on the
 * older kernel that it was written for: programs then fall back.
 */
#ifndef TACH_SANDBOX_POLICY_H
#define TACH_SANDBOX_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "spec/base/error.h"
#include "spec/spec.h"

#define POLICY_MAX_CALLS 1024 /* numbers of a native ABI are below */

enum policy_op { POLICY_EQ, POLICY_NE, POLICY_GT, POLICY_GE, POLICY_LT, POLICY_LE, POLICY_MASKED_EQ };

struct policy_test {
        enum policy_op op;
        uint32_t arg;
        uint64_t value, mask; /* MASK: of POLICY_MASKED_EQ */
};

struct policy_clause {
        uint32_t action; /* SECCOMP_RET_* with its data, seccomp(2) */
        unsigned n_tests;
        struct policy_test tests[6];
        struct policy_clause *next;
};

struct policy {
        uint32_t default_action;
        int newest; /* above: ENOSYS; -1: the default action there too */
        struct policy_clause *calls[POLICY_MAX_CALLS];
};

/* What decides whether a rule for some machines only is for this one. Nobody in the sandbox has capabilities.
 */
struct policy_host {
        uint32_t kernel[2]; /* major, minor */
};

/* The running kernel's. */
int policy_host_read(struct policy_host *ret, struct error *err);

/* Fills RET (to be finished) from PROFILE. Errors: phase "seccomp"; actions and flags that nothing here can
 * give, architectures without or beside the native one, and rules that an earlier one leaves no effect. */
int policy_make(struct policy *ret, const struct spec_seccomp *profile, const struct policy_host *host,
                struct error *err);
void policy_finish(struct policy *p);

/* RET, to be finished too, is as P. */
int policy_copy(struct policy *ret, const struct policy *p, struct error *err);
/* Whether A and B decide alike by the same clauses. */
int policy_same(const struct policy *a, const struct policy *b);

/* Puts what PROFILE allows by name in front of P's own clauses. */
int policy_allow_also(struct policy *p, const struct spec_seccomp *profile, const struct policy_host *host,
                      struct error *err);

/* NAME is ACTION, whatever its arguments and whatever P said before. */
int policy_set(struct policy *p, const char *name, uint32_t action, struct error *err);

/* NAME is ACTION where TEST holds. */
int policy_set_where(struct policy *p, const char *name, const struct policy_test *test, uint32_t action,
                     struct error *err);

/* P installed on top of BASE, which stays: allows in P what BASE decides as P does, or refuses anyhow. */
int policy_subtract(struct policy *p, const struct policy *base, struct error *err);

/* Refusals go to the listener (SECCOMP_RET_USER_NOTIF) instead of being answered by the kernel, but those of
 * QUIET and of calls newer than the newest. */
void policy_notify(struct policy *p, int quiet);

/* The listener hears of NAME (where TEST, if it is not NULL, holds) although P allows it. */
int policy_watch(struct policy *p, const char *name, const struct policy_test *test, struct error *err);

/* What P says of the call NR with ARGS: SECCOMP_RET_* with its data. */
uint32_t policy_decide(const struct policy *p, int nr, const uint64_t args[6]);

/* NAME's number, or -1 where the native ABI has no such call; *RET_KNOWN: 0 where nobody knows the name. */
int policy_number(const char *name, int *ret_known);

#define CLEANUP_POLICY __attribute__((cleanup(policy_finish)))

#endif
