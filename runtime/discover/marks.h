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
                    *name; /* "parametrize" of pytest.mark.parametrize; of unittest "skip", "skipIf" ... */
                struct node call;          /* null for a mark without arguments */
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
void marks_add(struct marks *marks, const struct scope *scope, struct node node);

/* Appends the marks of the variable pytestmark of BODY, then those of the DECORATORS, lowest first, whose
 * names are looked up in OUTER. Any of them may be NULL. */
void marks_add_own(struct marks *marks, const struct scope *body, const struct scope *outer,
                   const struct nodes *decorators);

/* What stands in the brackets, one for each test; none without parametrize. False where it cannot be told;
 * *RET_WHY then says why. They are added to what is in RET, which varies slowest. */
bool marks_ids(const struct marks *marks, struct arena *arena, bool raw, struct ids *ret,
               const char **ret_why);

/* The same for the expressions VALUES and IDS (null: none) in SCOPE, which give the arguments NAMES; SINGLE:
 * the values are not tuples of them. */
bool marks_values_ids(const struct scope *scope, const struct ids *names, bool single, struct node values,
                      struct node ids, bool raw, struct ids *ret, const char **why);

/* Each of ALL with each of ONE, or ONE if there are none; false where they are too many. */
bool ids_multiply(struct ids *all, const struct ids *one, struct arena *arena);

/* The names of all arguments that MARKS' parametrize give, as far as they can be told. */
struct ids marks_argnames(const struct marks *marks, struct arena *arena);

#endif
