/* collect: the node ids of one module, by pytest's rules (PyCollector.collect, Class.collect and
 * UnitTestCase.collect). */
#ifndef TACH_DISCOVER_COLLECT_H
#define TACH_DISCOVER_COLLECT_H

#include "runtime/discover/ini.h"
#include "runtime/discover/module.h"
#include "spec/base/buf.h"

/* Appends to OUT, each on a line, the node ids of MODULE, which begin with PREFIX (the file). SELECT is
 * "Class::test" or "test[id]", or NULL for all. 0 or -ENOMEM. */
int collect_module(const struct module *module, const struct ini *ini, const char *prefix, const char *select,
                   struct buf *out);

#endif
