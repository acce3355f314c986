/*
 * ignore: files and folders that pytest is told not to collect, by collect_ignore and collect_ignore_glob of
 * conftest.py files, --ignore and --ignore-glob (pytest_ignore_collect in _pytest/main.py).
 */
#ifndef TACH_DISCOVER_IGNORE_H
#define TACH_DISCOVER_IGNORE_H

#include "runtime/discover/arena.h"
#include "runtime/discover/expr.h"
#include "runtime/discover/hooks.h"
#include "runtime/discover/ini.h"
#include "runtime/discover/library.h"
#include "runtime/discover/search.h"
#include "runtime/discover/source.h"

/* What one conftest.py says in one of the two variables. */
struct ignore_list {
        struct ignore_entry {
                const char *pattern; /* absolute */
                const char *unsure;  /* why perhaps not, or NULL */
        } * v;
        size_t n, cap;
        const char *unsure; /* why it may have more, or NULL */
};

/* What counts in one folder. */
struct ignore_rules {
        const struct ignore_list *paths, *globs; /* of the nearest conftest.py that has them, or NULL */
        struct hooks hooks;
};

struct ignore {
        const struct ini *ini;
        const char *root;
        struct arena *arena;             /* of the rules and reasons */
        struct ignore_list paths, globs; /* of the options */
        const char *python;
        struct search search;
        struct library *library; /* where conftest.py files look for modules; made when it is first needed */
        struct reader reader;    /* if there is a library */
};

/* For a walk of the project at ROOT from the folder CWD. 0 or -ENOMEM. */
int ignore_init(struct ignore *ret, const struct ini *ini, const char *root, const char *python,
                const char *cwd, struct arena *arena);
void ignore_finish(struct ignore *ignore);

/* The rules in the folder DIR, below those of the folder above it; ABOVE is NULL where the walk begins, and
 * conftest.py files above DIR are then looked for. 0 or -ENOMEM. */
int ignore_enter(struct ignore *ignore, const struct ignore_rules *above, const char *dir,
                 struct ignore_rules *ret);

/* Whether PATH, an entry of the folder with RULES, is left out. *RET_WHY is set only if that is not sure. */
enum truth ignore_path(const struct ignore *ignore, const struct ignore_rules *rules, const char *path,
                       const char **ret_why);

#endif
