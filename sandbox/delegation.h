/*
 * delegation: the control group below which a run may make its own. "Delegation" in the kernel's
 * cgroup-v2.rst and in systemd's CGROUP_DELEGATION.
 *
 * That is this process's own group if it belongs to this user and, where systemd manages it, was delegated.
 * A group that hands controllers to its children may hold no process (but the root): those that are there
 * because of this run, the processes that it comes from and what they have started, are put into the child
 * "tach-starters" while limits need that, and back afterwards. Other processes are never moved, other groups
 * never touched.
 */
#ifndef TACH_SANDBOX_DELEGATION_H
#define TACH_SANDBOX_DELEGATION_H

#include <limits.h>

struct delegation {
        int fd;                   /* of the group's directory, locked between find and unlock; -1: none */
        char path[PATH_MAX - 64]; /* of the group, also where it may not be used; "": there is none */
        char why[400];            /* why there is none, or why controllers are missing */
};

/* Fills RET; its fd is -1 where nothing may be used. */
void delegation_find(struct delegation *ret);

/* Sees to it that children of the group have the controllers WANTED; returns those that they have not. */
unsigned delegation_enable(struct delegation *d, unsigned wanted);

/* Lets other runs at the group, which find and enable keep away. */
void delegation_unlock(const struct delegation *d);

/* Puts the processes back that enable has moved, unless another run or somebody else has groups there. */
void delegation_restore(const struct delegation *d);

#endif
