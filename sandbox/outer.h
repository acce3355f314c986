/*
 * outer: the sandbox that holds the zygote and the cells.
 */
#ifndef TACH_SANDBOX_OUTER_H
#define TACH_SANDBOX_OUTER_H

#include "sandbox/cell.h"

/* In a process that was just cloned with the namespaces of cell_clone_flags() and mapped: makes the outer
 * sandbox's tree (root read-only, own /dev /proc /tmp, project as overlay) and enters it. */
int outer_enter(const struct cell_plan *plan, struct error *err);

/* The same for a single command: outer sandbox and cell in one. */
int outer_enter_solo(const struct cell_plan *plan, struct error *err);

#endif
