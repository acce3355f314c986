/*
 * params: the ids that @pytest.mark.parametrize gives, where its arguments are literals.
 */
#ifndef TACH_DISCOVER_PARAMS_H
#define TACH_DISCOVER_PARAMS_H

#include <tree_sitter/api.h>

#include "spec/spec.h"

/* The part in brackets of each test that the decorators in MARKS (calls of parametrize, the one closest to
 * the function first) make; *RET_KNOWN is 0 where some argument is not a literal. 0 or -ENOMEM. */
int params_ids(const char *text, const TSNode *marks, size_t n, struct spec_strv *ret, int *ret_known);

/* Whether NODE is a call of ...parametrize(...). */
int params_is_mark(const char *text, TSNode node);

#endif
