/* list: what tach list prints of fixtures. */
#ifndef TACH_FRONT_LIST_H
#define TACH_FRONT_LIST_H

#include "runtime/front/args.h"
#include "runtime/front/settings.h"
#include "spec/base/error.h"

struct tree_cache;

/* Prints the fixtures that ARGS' tests can use, as text, JSON lines or a graph; what is wrong with them goes
 * to stderr too. CACHE may be NULL. Returns 0, 5 (no tests) or -errno with ERR. Python is not started. */
int list_fixtures(const struct args *args, const struct settings *settings, const struct choices *choices,
                  const char *root, const char *cwd, struct tree_cache *cache, struct error *err);

#endif
