/* walk: which files pytest would collect, in its order. */
#ifndef TACH_DISCOVER_WALK_H
#define TACH_DISCOVER_WALK_H

#include <stddef.h>

#include "runtime/discover/ini.h"
#include "spec/base/error.h"

struct walk_file {
        char *path;   /* absolute */
        char *nodeid; /* relative to the root */
        char *select; /* the part of the argument behind the file, "Class::test" or NULL */
};

struct walk {
        struct walk_file *v;
        size_t n, cap;
};

/* Fills RET with the files of the N PATHS. Errors: as discover_list. */
int walk_paths(struct walk *ret, const struct ini *ini, const char *root, char *const *paths, size_t n,
               struct error *err);
void walk_finish(struct walk *walk);

#endif
