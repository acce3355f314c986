/*
 * search: the folders that Python would look for modules in, told from the file system: the interpreter's
 * standard library and site-packages (with the folders that .pth files name), PYTHONPATH and the project's.
 */
#ifndef TACH_DISCOVER_SEARCH_H
#define TACH_DISCOVER_SEARCH_H

#include <stdbool.h>

#include "spec/spec.h"

struct search {
        const char *root; /* pytest's rootdir, the caller's */
        struct spec_strv dirs;
        size_t n_project; /* the first so many are the project's own and PYTHONPATH's */
        const char
            *standard; /* the one with the standard library, of DIRS; NULL: not known, or the project's own */
        bool hooked;   /* a .pth file installs an import hook: what is not found may still be there */
        bool complete; /* the interpreter's own folders are among them */
};

/* Fills RET for the interpreter PYTHON (NULL: none known) and the N folders PROJECT, relative to ROOT.
 * -ENOMEM or 0; what cannot be read is left out. */
int search_init(struct search *ret, const char *python, const char *root, const struct spec_strv *project);
void search_finish(struct search *search);

/* Whether NAME is a module that is compiled into every CPython. */
bool search_is_builtin(const char *name);

/* The binary module without which the module NAME of the standard library cannot be imported, which an
 * installation may lack; NULL: none. */
const char *search_needs(const char *name);

#endif
