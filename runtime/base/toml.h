/*
 * toml: the values of one table of a TOML file, read by tree-sitter's grammar. Only strings, numbers,
 * booleans and arrays of strings; that is what settings are.
 */
#ifndef TACH_BASE_TOML_H
#define TACH_BASE_TOML_H

#include <stddef.h>

#include "spec/base/error.h"
#include "spec/spec.h"

enum toml_type { TOML_STRING, TOML_NUMBER, TOML_BOOLEAN, TOML_ARRAY, TOML_OTHER };

/* One "key = value" of the table. */
struct toml_value {
        const char *key;
        enum toml_type type;
        const char *text;              /* string without quotes, number or boolean as written; "" else */
        const struct spec_strv *array; /* of strings, TOML_ARRAY only */
        unsigned line;                 /* from 1 */
};

/* Calls EACH for the values of [TABLE] ("tool.tach") in the N bytes of TEXT, in order, until it returns
 * non-zero, which is returned. Returns 1 through *RET_FOUND if the table is there, even empty. A syntax error
 * ends with "ORIGIN:LINE: ..." in ERR (phase "settings"). */
int toml_table(const char *text, size_t n, const char *origin, const char *table,
               int (*each)(void *ctx, const struct toml_value *value), void *ctx, int *ret_found,
               struct error *err);

#endif
