/* seccomp: the system call filter. seccomp(2), seccomp_unotify(2). */
#ifndef TACH_SANDBOX_SECCOMP_H
#define TACH_SANDBOX_SECCOMP_H

#include <stddef.h>

#include "sandbox/policy.h"
#include "spec/base/error.h"

/* Compiles P; *RET_FD is a sealed memfd with the raw struct sock_filter array, owned by the caller. */
int seccomp_compile(const struct policy *p, int *ret_fd, struct error *err);

/* Installs N_BYTES of raw BPF on the calling thread; no_new_privs must be set. Allocates nothing. */
int seccomp_install(const void *bpf, size_t n_bytes, struct error *err);
/* The same for every thread of the process. */
int seccomp_install_everywhere(const void *bpf, size_t n_bytes, struct error *err);

/* Installs the filter in FD, whose SECCOMP_RET_USER_NOTIF go to *RET_LISTENER (the caller's). Where another
 * filter of this process has a listener already, PLAIN_FD instead, and *RET_LISTENER is -1. */
int seccomp_install_listening(int fd, int plain_fd, int *ret_listener, struct error *err);

#endif
