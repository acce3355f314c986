/* match_fixtures: whether fixtures may give a test parameters, and so ids and marks, that its text does not
 * show. */
#ifndef TACH_DISCOVER_MATCH_FIXTURES_H
#define TACH_DISCOVER_MATCH_FIXTURES_H

#include "runtime/discover/match.h"

/* Whether autouse fixtures of MODULE, or of the conftest.py files whose text is CONFTESTS, may do so. */
bool match_fixtures_autouse_unsure(const struct module *module, const char *conftests);

#endif
