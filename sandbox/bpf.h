/* bpf: a policy as a classic BPF program for seccomp(2). */
#ifndef TACH_SANDBOX_BPF_H
#define TACH_SANDBOX_BPF_H

#include <linux/filter.h>
#include <stddef.h>

#include "sandbox/policy.h"

struct bpf {
        struct sock_filter *v; /* owned; NULL: empty */
        size_t n, capacity;
};

/* Compiles P into RET (to be finished). Calls of another ABI than the native one kill the process. Errors:
 * phase "seccomp", also where the kernel would not take so long a program. */
int bpf_compile(struct bpf *ret, const struct policy *p, struct error *err);
void bpf_finish(struct bpf *b);

#define CLEANUP_BPF __attribute__((cleanup(bpf_finish)))

#endif
