/*
 * inline: what a call of a small function stands for: its one return expression, seen from a scope in which
 * its parameters are bound to the call's arguments.
 */
#ifndef TACH_DISCOVER_INLINE_H
#define TACH_DISCOVER_INLINE_H

#include "runtime/discover/resolve.h"

/* A scope with FUNCTION's parameters bound to the values of the arguments of CALL (null: none are given) in
 * CALLER, or to their defaults; NULL where that cannot be told. */
struct scope *inline_scope(const struct scope *caller, struct node call, const struct entity *function);

/* What FUNCTION returns, where its body is nothing but a docstring, a nested function and a return; else
 * null. */
struct node inline_result(const struct entity *function);

/* The function NAME that is defined in the body of FUNCTION, or null. */
struct node inline_nested(const struct entity *function, const char *name);

/* An empty scope below the module of SCOPE, with the values that a scope made here had before. */
struct scope *inline_below(const struct scope *scope);

struct value;
/* Binds NAME in a scope that inline.h made; false: no memory. */
bool inline_bind(struct scope *scope, const char *name, const struct value *value);

#endif
