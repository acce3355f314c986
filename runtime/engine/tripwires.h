/*
 * tripwires: system calls that tests may make, and after which nobody can prove that their process is as it
 * was: it is not used again (sandbox/rollback.h). The filter tells the engine of them (seccomp_unotify(2)),
 * which lets them pass.
 */
#ifndef TACH_ENGINE_TRIPWIRES_H
#define TACH_ENGINE_TRIPWIRES_H

#include <stdint.h>

#include "sandbox/policy.h"

/* Makes P, which notifies, tell of them too. */
int tripwires_set(struct policy *p, struct error *err);

/* What a call that was told of is, or NULL where it is none of them. */
const char *tripwires_name(int nr, const uint64_t args[6]);

#endif
