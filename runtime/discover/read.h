/* read: what module.c and read.c share. */
#ifndef TACH_DISCOVER_READ_H
#define TACH_DISCOVER_READ_H

#include "runtime/discover/module.h"

/* Binds NAME, which must live as long as ARENA: a name bound again keeps its place, as in a dict; a deleted
 * one that comes back goes to the end. NULL: no memory. */
struct binding *scope_bind(struct arena *arena, struct scope *scope, const char *name, struct binding what);

/* condition.c: whether NODE holds in SCOPE; 1, 0, or -1 where that cannot be told. */
int condition_holds(const struct scope *scope, struct node node);

#endif
