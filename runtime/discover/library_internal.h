/* library_internal: what library.c and its parts share. A shelf's key is a path, or "BASE:name" for where a
 * top-level module is and ">BASE:a.b" for one in a package, a folder with a slash for the folder that its
 * top-level package lies in, "*folder" for what that has, "?path" for a text, "=name path", "<name path",
 * "@name path" and "#name path" for what was asked about a name in one, "!path" for whether importing one
 * fails. */
#ifndef TACH_DISCOVER_LIBRARY_INTERNAL_H
#define TACH_DISCOVER_LIBRARY_INTERNAL_H

#include "runtime/discover/library.h"
#include "runtime/discover/source.h"
#include "spec/base/buf.h"

enum text_has {
        HAS_METHODS,  /* functions that are called test... in something */
        HAS_FIXTURES, /* fixtures that count without being asked for */
};

struct shelf {
        const char *key;
        enum found found;
        const char *path;
        struct module *module;
        struct source source;
        struct arena own;
        struct buf text;
        bool tried;
        bool may;           /* library_words.c: the answer */
        bool has_cases;     /* TEXT has TestCase or __test__, or may have */
        signed char has[2]; /* by what library_text_has is asked; 0: not looked for yet */
        struct imported {
                struct import import;
                const char *bound; /* the name in the text, NULL: all that the module has */
        } * imported;              /* by TEXT, where that has no cases */
        size_t n_imported, cap_imported;
        size_t n_asked;     /* how often TEXT was asked for */
        struct shelf *next; /* of all */
};

struct library {
        const struct search *search;
        struct reader reader;
        struct arena scratch, names;
        struct shelf **slots, *all;
        size_t n, n_slots;
};

/* The shelf of KEY, a new one where there is none (tried is then false); NULL: no memory. */
struct shelf *library_shelf(struct library *library, const char *key);

/* The shelf with the text of the file PATH, NULL if it cannot be read or is very long. */
struct shelf *library_text(struct library *library, const char *path);

/* Whether the shelf's text may have what is asked. */
bool library_text_has(struct shelf *text, enum text_has what);

/* Whether the module DOTTED in the file PATH may have tests: of what is installed, those with "test" in their
 * names. */
bool library_may_have_tests(const struct library *library, const char *dotted, const char *path);

#endif
