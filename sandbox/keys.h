/* keys: the kernel's keyrings. session-keyring(7). */
#ifndef TACH_SANDBOX_KEYS_H
#define TACH_SANDBOX_KEYS_H

#include "spec/base/error.h"

/* Leaves the caller's session keyring, whose keys it possesses, for an empty one of its own. A kernel without
 * keyrings, or a filter around Tach that refuses keyctl to everything here, leaves nothing to do. */
int keys_leave_session(struct error *err);

#endif
