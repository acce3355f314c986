/*
 * resolve: what a name stands for, followed through assignments and imports into other files.
 */
#ifndef TACH_DISCOVER_RESOLVE_H
#define TACH_DISCOVER_RESOLVE_H

#include "runtime/discover/module.h"

enum entity_kind {
        ENTITY_UNKNOWN, /* an expression that is not followed, a name that nothing binds */
        ENTITY_MISSING, /* of a module that is not there */
        ENTITY_FOREIGN, /* of a module whose source is not read; dotted says which */
        ENTITY_MODULE,
        ENTITY_BINDING, /* a function, a class, or a value that goes no further */
};

struct entity {
        enum entity_kind kind;
        const struct module *module; /* ENTITY_MODULE */
        const struct scope *scope;   /* ENTITY_BINDING: where it is bound */
        struct binding *binding;
        const char *dotted; /* the name as imports spell it, or NULL */
};

/* Whether NODE, in SCOPE, is something of the standard library (library_is_standard). */
bool resolve_is_standard(const struct scope *scope, struct node node);

/* What the expression NODE, in SCOPE, is. */
struct entity resolve_node(const struct scope *scope, struct node node);
/* What B, bound in SCOPE, is. */
struct entity resolve_binding(const struct scope *scope, struct binding *b);
/* What NAME of MODULE is. */
struct entity resolve_name(const struct module *module, const char *name);

/* Whether what DOTTED names, an ENTITY_FOREIGN, surely has no tests: Python's and pytest's own, and what
 * CPython has built in or in C. */
bool resolve_is_plain(const char *dotted);

/* NAME of a class: its own or inherited; *RET_SCOPE, which may be NULL, is the class body that has it. */
struct binding *resolve_member(struct class_def *c, const char *name, const struct scope **ret_scope);

#endif
