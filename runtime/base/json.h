/*
 * json: what untrusted processes sent, parsed by yajl within bounds, and its fields.
 */
#ifndef TACH_BASE_JSON_H
#define TACH_BASE_JSON_H

#include <stddef.h>
#include <yajl/yajl_tree.h>

#define JSON_MAX_DEPTH 32

/* Parses N bytes (TEXT[N] is NUL): an object (yajl_tree_free), or NULL for anything else, deeper nesting than
 * JSON_MAX_DEPTH (freeing recurses) included. */
yajl_val json_parse(const char *text, size_t n);

/* Fields of a parsed object, with what stands for an absent or ill-typed one. */
yajl_val json_field(yajl_val object, const char *key);                /* NULL */
const char *json_text(yajl_val object, const char *key);              /* NULL */
long long json_int(yajl_val object, const char *key, long long none); /* NONE */
double json_number(yajl_val object, const char *key);                 /* 0 */
int json_true(yajl_val object, const char *key);                      /* 0 */

#endif
