/*
 * advice: why a step of isolation was refused on this machine, and what to do about it: sysctls, AppArmor,
 * containers' defaults, kernels that are too old. Each fills the report's cause and fix.
 */
#ifndef TACH_SANDBOX_ADVICE_H
#define TACH_SANDBOX_ADVICE_H

#include "sandbox/probe.h"

/* The number in a sysctl, "/proc/sys/..."; NONE where there is no such file. */
long long advice_sysctl(const char *path, long long none);

/* Whether a seccomp filter is on this process. */
int advice_has_filter(void);

/* Making a user namespace, or mapping its ids, failed. */
void advice_user_namespaces(struct probe_report *r);

/* Something inside a user namespace failed although the namespace could be made. */
void advice_inside(struct probe_report *r);

/* The system call NAME, there since Linux MAJOR.MINOR, failed. */
void advice_call(struct probe_report *r, const char *name, int major, int minor);

/* The options with which a container is allowed what it is not by default. Adds to the fix. */
void advice_container(struct probe_report *r);

/* The running kernel against MAJOR.MINOR: whether it is as new. */
int advice_kernel_is(int major, int minor);

#endif
