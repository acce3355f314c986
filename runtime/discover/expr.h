/*
 * expr: the expressions of -k and -m, by pytest's grammar (_pytest/mark/expression.py of 8.3, which has all
 * that earlier ones have), evaluated on what is known without running anything: the answer may be unknown.
 */
#ifndef TACH_DISCOVER_EXPR_H
#define TACH_DISCOVER_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/base/error.h"

enum truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN };

/* One "name=value" of "-m 'mark(name=value)'". */
struct expr_kwarg {
        char *name;
        enum expr_kwarg_type { EXPR_STRING, EXPR_INTEGER, EXPR_BOOL, EXPR_NONE } type;
        char *text; /* EXPR_STRING: without its quotes; EXPR_INTEGER: as it is written */
        bool truth; /* EXPR_BOOL */
};

struct expr_kwargs {
        struct expr_kwarg *v;
        size_t n;
};

struct expr;

/* Parses TEXT, the value of -OPTION ('k' or 'm'). An error (-EINVAL, phase "usage") has pytest's words:
 * "Wrong expression passed to '-k': a and: at column 6: expected ...". Columns count characters from 1. */
int expr_parse(struct expr **ret, const char *text, char option, struct error *err);

/* MATCH says whether the identifier NAME holds. Everything is asked for that can decide the answer. */
enum truth expr_evaluate(const struct expr *expr,
                         enum truth (*match)(void *ctx, const char *name, const struct expr_kwargs *kwargs),
                         void *ctx);

void expr_free(struct expr *expr);

#endif
