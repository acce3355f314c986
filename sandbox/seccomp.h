/* seccomp: the system call filter. seccomp(2), seccomp_rule_add(3), OCI config-linux.md. */
#ifndef TACH_SANDBOX_SECCOMP_H
#define TACH_SANDBOX_SECCOMP_H

#include <stddef.h>

#include "spec/base/error.h"
#include "spec/spec.h"

/* Compiles PROFILE (or the built-in one where it has no default action) to BPF; *RET_FD is a sealed
 * memfd with the raw struct sock_filter array, owned by the caller. Done once a run. */
int seccomp_compile(const struct spec_seccomp *profile, int *ret_fd, struct error *err);

/* The built-in filter without what putting workers into cells needs; workers add theirs to it. */
int seccomp_compile_zygote(int *ret_fd, struct error *err);

/* seccomp_install of the filter in FD. */
int seccomp_install_fd(int fd, struct error *err);

/* Installs N_BYTES of raw BPF on the calling thread; no_new_privs must be set. Allocates nothing. */
int seccomp_install(const void *bpf, size_t n_bytes, struct error *err);

#endif
