/*
 * params: the ids that fixtures with params give a test (FixtureManager.getfixtureclosure and
 * pytest_generate_tests in _pytest/fixtures.py). Fixtures are looked for in the test's classes, its module
 * and the conftest.py files above; those of plugins have no params.
 */
#ifndef TACH_DISCOVER_PARAMS_H
#define TACH_DISCOVER_PARAMS_H

#include "runtime/discover/marks.h"
#include "runtime/discover/test.h"

/* The conftest.py files that count for MODULE, nearest first. */
struct conftests {
        const struct module **v;
        size_t n;
};

struct conftests params_conftests(const struct module *module, const char *root);

/* The ids for a test of MODULE in the classes CHAIN that asks for ASKED; MARKS' parametrize take the place of
 * fixtures. False where they cannot be told, *RET_WHY says why. RET_NAMES gets what the test asks for with
 * what its fixtures ask for, autouse fixtures first. */
bool params_ids(const struct module *module, const struct conftests *conftests, const struct chain *chain,
                const struct ids *asked, const struct marks *marks, bool raw, struct ids *ret,
                struct ids *ret_names, const char **ret_why);

#endif
