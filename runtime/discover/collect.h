/* collect: the tests of one module, by the rules of pytest's Module, Class and UnitTestCase. */
#ifndef TACH_DISCOVER_COLLECT_H
#define TACH_DISCOVER_COLLECT_H

#include "runtime/discover/ini.h"
#include "runtime/discover/module.h"
#include "runtime/discover/test.h"

/* Hands each test of MODULE to EACH, in pytest's order. PREFIX is the file's node id. SELECT
 * ("Class::test[id]") restricts them to that node and what is in it; NULL: all.
 * Returns 0, -ENOMEM or what EACH returned. */
int collect_module(struct module *module, const struct ini *ini, const char *prefix, const char *select,
                   test_sink *each, void *ctx);

#endif
