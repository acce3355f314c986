/* walk: which files pytest would collect, in its order. */
#ifndef TACH_DISCOVER_WALK_H
#define TACH_DISCOVER_WALK_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/discover/arena.h"
#include "runtime/discover/ini.h"
#include "spec/base/error.h"

struct walk_file {
        char *path;         /* absolute */
        char *nodeid;       /* relative to the root */
        char *select;       /* the part of the argument behind the file, "Class::test" or NULL */
        const char *unsure; /* why pytest may not collect it, or NULL; the walk's */
        const char *more;   /* why it may have more tests than its text shows, or NULL; the walk's */
        bool is_text;       /* a text with doctests */
        bool tests;         /* its functions and classes are collected */
        bool doctests;      /* its docstrings are */
};

struct walk {
        struct walk_file *v;
        size_t n, cap;
        struct arena arena;
};

/* Fills RET with the files of the N PATHS; with OTHERS also with those that only a hook of a conftest.py file
 * may collect: MORE is then all that is set of them. PYTHON, which may be NULL, is the interpreter whose
 * modules conftest.py files may look for before they ignore something. Errors: as discover_list. */
int walk_paths(struct walk *ret, const struct ini *ini, const char *root, const char *python,
               char *const *paths, size_t n, bool others, struct error *err);
/* os.path.abspath: the N bytes of PATH, from CWD, without ".", ".." and doubled slashes; OUT has room for
 * PATH_MAX. 0 or -ENAMETOOLONG. */
int walk_absolute(char *out, const char *cwd, const char *path, size_t n);
void walk_finish(struct walk *walk);

#endif
