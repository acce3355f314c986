/*
 * names: the words that OCI gives capabilities, limits, filters and namespaces; NULL-terminated lists.
 */
#ifndef TACH_SPEC_NAMES_H
#define TACH_SPEC_NAMES_H

#include <stddef.h>

extern const char *const names_capabilities[];
extern const char *const names_rlimits[];
extern const char *const names_seccomp_actions[];
extern const char *const names_seccomp_operators[];
extern const char *const names_seccomp_architectures[];
/* In the order of the bits of enum spec_namespace. */
extern const char *const names_namespaces[];
extern const char *const names_isolation[];        /* enum spec_isolation */
extern const char *const names_enforce[];          /* enum spec_enforce */
extern const char *const names_output[];           /* enum spec_output */
extern const char *const names_reuse[];            /* enum spec_reuse */
extern const char *const names_session_fixtures[]; /* enum spec_session_fixtures */
extern const char *const names_network[];          /* enum spec_network */

/* Index of NAME in LIST, or -1. */
int names_find(const char *const *list, const char *name);

/* The entry of LIST that NAME was probably meant to be, or NULL. */
const char *names_nearest(const char *const *list, const char *name);

#endif
