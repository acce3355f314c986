/* eval: what value.c and compute.c share. */
#ifndef TACH_DISCOVER_EVAL_H
#define TACH_DISCOVER_EVAL_H

#include "runtime/discover/value.h"

struct eval {
        const struct module *m;
        size_t steps;
        int depth;
        struct node why; /* the innermost expression that is not known */
        const struct module *why_m;
};

struct value eval_any(struct eval *e, const struct scope *scope, struct node node);

/* compute.c: operators, comprehensions and displays of the type TYPE; false where it is none of them. */
bool eval_computed(struct eval *e, const struct scope *scope, struct node node, const char *type,
                   struct value *ret);

/* calls.c: builtin functions and methods by name; false where NAME is none of them. */
bool eval_builtin(struct eval *e, const struct scope *scope, const char *name, struct nodes arguments,
                  struct value *ret);
bool eval_method(struct eval *e, const struct value *self, const char *name, const struct value *arguments,
                 size_t n, struct value *ret);

#endif
