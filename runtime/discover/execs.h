/*
 * execs: calls of exec() that may define functions or classes.
 */
#ifndef TACH_DISCOVER_EXECS_H
#define TACH_DISCOVER_EXECS_H

#include "runtime/discover/module.h"

/* Whether TEXT mentions the names of a module or of a class body as a dict. */
bool execs_is_namespace(const char *text);

/* The first place in BODY, a module's or a class's, where an exec() may define something among its names;
 * also one in a class of the module that says so (globals()). Functions are not looked into. The null node:
 * there is none. */
struct node execs_find(const struct module *m, struct node body, bool of_class);

#endif
