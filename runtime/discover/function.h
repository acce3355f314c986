/*
 * function: what a test function's text says about it.
 */
#ifndef TACH_DISCOVER_FUNCTION_H
#define TACH_DISCOVER_FUNCTION_H

#include "runtime/discover/marks.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/test.h"

/* Whether B, a function bound in SCOPE, is a fixture, a property or the like: no test, whatever its name. */
bool function_is_other(const struct scope *scope, const struct binding *b);

/* A decorator of B, a function bound in SCOPE, that may put another function in its place, which has neither
 * its parameters nor its marks; null where there is none. */
struct node function_replaced(const struct scope *scope, const struct binding *b);

/* Whether a class decorator gives CLASS_DEF an __init__. */
bool function_is_dataclass(const struct class_def *class_def);

/* The line that pytest names: of the first decorator, else of the def. */
uint32_t function_line(const struct module *module, const struct binding *b);

/* The names that the test E asks for: its arguments without self, without what mock.patch and MARKS'
 * parametrize give, and those of usefixtures. */
struct ids function_fixtures(const struct entity *e, const struct chain *chain, const struct marks *marks,
                             bool testcase);

/* The names that the fixture or test B, bound in SCOPE, asks for by its parameters; self is left out in a
 * class. */
struct ids function_arguments(const struct scope *scope, const struct binding *b);

#endif
