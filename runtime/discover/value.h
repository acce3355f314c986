/*
 * value: Python expressions whose value can be told from the text alone, and the id that pytest gives a value
 * (IdMaker._idval in _pytest/python.py).
 */
#ifndef TACH_DISCOVER_VALUE_H
#define TACH_DISCOVER_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "runtime/discover/module.h"

enum value_kind {
        VALUE_UNKNOWN,
        VALUE_OBJECT, /* something that has no id of its own: a dict, a Decimal, an instance of a class */
        VALUE_NONE,
        VALUE_BOOL,
        VALUE_INT,
        VALUE_FLOAT,
        VALUE_STR, /* UTF-8, lone surrogates in three bytes */
        VALUE_BYTES,
        VALUE_NAMED, /* a class, function, module, enum member: s is its id */
        VALUE_SEQUENCE,
};

struct value {
        enum value_kind kind;
        int64_t i; /* VALUE_BOOL, VALUE_INT */
        double f;
        const char *s;
        size_t n; /* bytes of s, or number of items */
        struct value *items;
        bool is_dict;      /* VALUE_OBJECT: items are keys and values in turn */
        bool is_generator; /* of a generator expression, which has a name for pytest */
        bool is_param;     /* a pytest.param(...): its positional arguments */
        const char *param_id;
};

/* Names that stand for lists of names can double at each step. */
#define VALUE_MAX_STEPS ((size_t)1 << 18)
#define VALUE_MAX_ITEMS ((size_t)1 << 16) /* longest sequence that is multiplied out */

static inline struct value value_of_kind(enum value_kind kind)
{
        return (struct value){.kind = kind};
}

static inline struct value value_of_int(int64_t i)
{
        return (struct value){.kind = VALUE_INT, .i = i};
}

static inline struct value value_of_text(enum value_kind kind, const char *s, size_t n)
{
        return (struct value){.kind = s != NULL ? kind : VALUE_UNKNOWN, .s = s, .n = n};
}

static inline struct value value_of_name(const char *s)
{
        return value_of_text(VALUE_NAMED, s, s != NULL ? strlen(s) : 0);
}

static inline bool value_is_integer(const struct value *v)
{
        return v->kind == VALUE_INT || v->kind == VALUE_BOOL;
}

/* The value of the expression NODE in SCOPE. Where a part of it is not known, *WHY (if WHY is not NULL) is
 * set to the text of the innermost such part. */
struct value value_read(const struct scope *scope, struct node node, const char **why);

/* Whether NAME is a builtin function or class. */
bool value_is_builtin(const char *name);

/* literal.c: the literals NODE, a string, integer or float. */
struct value value_string(const struct module *module, struct node node);
struct value value_number(const struct module *module, struct node node, bool is_float);

/* arithmetic.c: A OP B and OP V. */
struct value value_binary(const struct module *module, const char *op, struct value a, struct value b);
struct value value_unary(const struct module *module, char op, struct value v);

/* compute.c: 1, 0, or -1 where it is not known. */
int value_truth(const struct value *v);
int value_equal(const struct value *a, const struct value *b);
/* What iterating over V gives, as a sequence, or VALUE_UNKNOWN. */
struct value value_iterate(const struct module *module, const struct value *v);
/* str(V), or NULL. */
const char *value_str(struct arena *arena, const struct value *v);

/* The id of VALUE; NULL for what has none of its own or is not known. RAW: strings are not escaped. */
const char *value_id(struct arena *arena, const struct value *value, bool raw);

/* pytest's ascii_escaped. */
const char *value_escape(struct arena *arena, const char *s, size_t n, bool bytes);

/* repr(F) as Python writes it. */
const char *value_float_repr(struct arena *arena, double f);

#endif
