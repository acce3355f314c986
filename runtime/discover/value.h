/*
 * value: Python expressions whose value can be told from the text alone, and the id that pytest gives a value
 * (IdMaker._idval in _pytest/python.py).
 */
#ifndef TACH_DISCOVER_VALUE_H
#define TACH_DISCOVER_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
        bool is_param; /* a pytest.param(...): its positional arguments */
        const char *param_id;
};

/* The value of the expression NODE in SCOPE. */
struct value value_read(const struct module *module, const struct scope *scope, TSNode node);

/* The id of VALUE; NULL for what has none of its own or is not known. RAW: strings are not escaped. */
const char *value_id(struct arena *arena, const struct value *value, bool raw);

/* pytest's ascii_escaped. */
const char *value_escape(struct arena *arena, const char *s, size_t n, bool bytes);

/* repr(F) as Python writes it. */
const char *value_float_repr(struct arena *arena, double f);

#endif
