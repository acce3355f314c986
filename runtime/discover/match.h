/*
 * match: whether -k and -m select a test, told from its text. Names that pytest's versions treat differently,
 * and whatever else is not sure, make the answer unknown.
 *
 * -k looks for its words in the names of the test, its classes, file and folders, of its marks and of its
 * function's attributes (KeywordMatcher in _pytest/mark/__init__.py); -m for marks of that name and with such
 * keyword arguments (MarkMatcher).
 */
#ifndef TACH_DISCOVER_MATCH_H
#define TACH_DISCOVER_MATCH_H

#include "runtime/discover/expr.h"
#include "runtime/discover/test.h"
#include "spec/spec.h"

/* What a run asks for, and what the hooks of its conftest.py files may do to it. */
struct matcher {
        struct expr *keyword, *mark; /* NULL: everything matches */
        struct spec_strv added;      /* marks that hooks may give to any test, in lower case */
        struct spec_strv read;       /* conftest.py files that were looked at, absolute */
        bool opaque;                 /* hooks may do anything */
};

/* Parses KEYWORD and MARK, either of which may be NULL. Errors: those of expr_parse. */
int matcher_init(struct matcher *ret, const char *keyword, const char *mark, struct error *err);
void matcher_finish(struct matcher *matcher);

/* Looks at the hooks of the conftest.py at PATH, if it is there; 0 or -ENOMEM. */
int matcher_read_conftest(struct matcher *matcher, const char *path);

/* The texts of the conftest.py files from ROOT down to the folder of the file PATH, one after another.
 * ARENA's; NULL: no memory. */
const char *match_conftests(struct arena *arena, const char *root, const char *path);

/* What is the same for all tests of a file. Memory is the module's arena. */
struct match_file {
        const char *nodeid;           /* of the file: "tests/sub/test_a.py" */
        struct ids certain, possible; /* names, in lower case */
        const char *conftests;        /* the text of the conftest.py files above the file */
        bool unsure_fixtures;         /* any of its tests may have parameters that its text does not show */
};

/* ROOT: pytest's rootdir; PATH: the file's; CONFTESTS: all conftest.py files from the root to the file, their
 * texts one after another. 0 or -ENOMEM. */
int match_file_init(struct match_file *ret, const struct module *module, const char *root, const char *nodeid,
                    const char *conftests);

/* Whether fixtures may give TEST of FILE parameters, and so ids and marks, that its text does not show:
 * match_test then wants it marked as dynamic. */
bool match_unsure(const struct match_file *file, const struct test *test);

/* Whether MATCHER selects TEST of FILE. Partial ones are unknown. */
enum truth match_test(const struct matcher *matcher, const struct match_file *file, const struct test *test);

#endif
