/*
 * marks: @pytest.mark.parametrize, and the ids that it makes (Metafunc.parametrize and IdMaker in
 * _pytest/python.py).
 */
#ifndef TACH_DISCOVER_MARKS_H
#define TACH_DISCOVER_MARKS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/discover/module.h"

/* Calls of parametrize, in the order in which pytest applies them. */
struct marks {
        struct mark {
                TSNode call;
                const struct scope *scope; /* where its names are looked up */
        } * v;
        size_t n, cap;
        bool vague; /* some mark may or may not be one */
};

struct ids {
        const char **v;
        size_t n;
};

/* Appends the marks that the expression NODE (a decorator, or the value of pytestmark) stands for. */
void marks_add(const struct module *module, struct marks *marks, const struct scope *scope, TSNode node);

/* Appends the marks of the variable pytestmark of SCOPE, then those of the decorators, lowest first. */
void marks_add_own(const struct module *module, struct marks *marks, const struct scope *scope,
                   const struct scope *outer, const struct nodes *decorators);

/* What stands in the brackets, one for each test; none without marks. False where it cannot be told. */
bool marks_ids(const struct module *module, const struct marks *marks, bool raw, struct ids *ret);

#endif
