/*
 * marks: the marks of a test, and the ids that those of them make which are pytest.mark.parametrize
 * (Metafunc.parametrize and IdMaker in _pytest/python.py).
 */
#ifndef TACH_DISCOVER_MARKS_H
#define TACH_DISCOVER_MARKS_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/discover/module.h"

/* In the order in which pytest applies them. */
struct marks {
        struct mark {
                const char
                    *name;   /* "parametrize" of pytest.mark.parametrize; of unittest "skip", "skipIf" ... */
                TSNode call; /* null for a mark without arguments */
                const struct scope *scope; /* where its names are looked up */
                bool foreign;              /* no mark of pytest's: unittest's skip and its kin */
        } * v;
        size_t n, cap;
        const char *vague; /* why there may be more, or NULL */
};

struct ids {
        const char **v;
        size_t n;
};

/* Appends the marks that the expression NODE (a decorator, or the value of pytestmark) in SCOPE stands for.
 */
void marks_add(struct marks *marks, const struct scope *scope, TSNode node);

/* Appends the marks of the variable pytestmark of BODY, then those of the DECORATORS, lowest first, whose
 * names are looked up in OUTER. Any of them may be NULL. */
void marks_add_own(struct marks *marks, const struct scope *body, const struct scope *outer,
                   const struct nodes *decorators);

/* What stands in the brackets, one for each test; none without parametrize. False where it cannot be told;
 * *RET_WHY then says why. */
bool marks_ids(const struct marks *marks, struct arena *arena, bool raw, struct ids *ret,
               const char **ret_why);

/* The names of all arguments that MARKS' parametrize give, as far as they can be told. */
struct ids marks_argnames(const struct marks *marks, struct arena *arena);

#endif
