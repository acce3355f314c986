/*
 * private: the directories that every sandbox has to itself: /tmp, /var/tmp, /dev/shm and /run, and what its
 * plan calls temporary.
 */
#ifndef TACH_SANDBOX_PRIVATE_H
#define TACH_SANDBOX_PRIVATE_H

#include "sandbox/cell.h"
#include "sandbox/scratch.h"

/* What the machine has: seen, not to be written, run with others' rights or reached as a device. */
#define PRIVATE_OUTSIDE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

/* Puts a fresh tmpfs on each of those that ROOT_FD has; what PLAN keeps visible below is cloned before it
 * disappears and attached again, read-only. With KEEP, what was in the directory is copied. A temporary one
 * that lies in another is made there. */
int private_mount(int root_fd, const struct cell_plan *plan, int keep, struct error *err);

/* Adds them, as they are now, to S. */
int private_scratch(int root_fd, const struct cell_plan *plan, struct scratch *s, struct error *err);

#endif
