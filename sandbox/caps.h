/* caps: nothing left to use. capabilities(7), prctl(2). */
#ifndef TACH_SANDBOX_CAPS_H
#define TACH_SANDBOX_CAPS_H

#include <sys/capability.h>

#include "spec/base/error.h"

/* Empties all five sets (bounding first), locks securebits, sets no_new_privs. EMPTY comes from
 * cap_init(), made ahead so that nothing is allocated here. Makes the process dumpable again. */
int caps_drop_all(cap_t empty, struct error *err);

/* Takes all but CAPS (n of them) out of the bounding set: what an execve as uid 0 can gain. */
int caps_bound(const cap_value_t *caps, int n, struct error *err);

/* Raises CAPS (n of them) to inheritable and ambient, so that they outlive an execve as an ordinary uid. */
int caps_make_ambient(const cap_value_t *caps, int n, struct error *err);

#endif
