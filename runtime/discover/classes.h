/*
 * classes: what pytest makes of a class, as far as its text and that of its bases tell.
 */
#ifndef TACH_DISCOVER_CLASSES_H
#define TACH_DISCOVER_CLASSES_H

#include "runtime/discover/module.h"
#include "runtime/discover/resolve.h"

/* Whether CLASS_DEF is no TestCase and has no __test__, as told without parsing what it is derived from.
 * False: not known. */
bool class_is_other(const struct class_def *class_def);

/* Whether CLASS_DEF is a unittest.TestCase. *RET_MAYBE, set only when that is not sure, says why. */
bool class_is_testcase(struct class_def *class_def, const char **ret_maybe);

/* Whether it has an __init__ or __new__ of its own; likewise. */
bool class_has_constructor(struct class_def *class_def, const char **ret_maybe);

/* The value of its __test__: 1, -1, or 0 where it is not set; *RET_MAYBE as above. */
int class_test_flag(struct class_def *class_def, const char **ret_maybe);

/* Whether its class statement names no metaclass, or one of Python's that makes no tests. */
bool class_has_plain_metaclass(const struct class_def *class_def);

/* Why it may have other tests than its text shows (a metaclass, a decorator, a base that is not known), or
 * NULL. */
const char *class_grows(struct class_def *class_def);

/* Why its tests may not be what its text shows (a decorator that wraps it), or NULL. */
const char *class_changed(struct class_def *class_def);

/* Why NAME of it may not be what its text shows (a decorator assigns to it), or NULL. */
const char *class_sets(struct class_def *class_def, const char *name);

/* Whether a name that begins with "test" is bound in it or a base. */
bool class_has_tests(struct class_def *class_def);

/* Whether the text that the function or class E was bound by has the word WORD. */
bool entity_mentions(const struct entity *e, const char *word);

#endif
