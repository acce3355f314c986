/* words: statements found in a text by their words, without parsing it. What stands in a comment or a string
 * may be taken for one; none that is there is overlooked. Texts are NUL-terminated. */
#ifndef TACH_DISCOVER_WORDS_H
#define TACH_DISCOVER_WORDS_H

#include "runtime/discover/module.h"

/* A walk over the names that imports bind in a text; at first P is the text, and all else zero. */
struct words_imports {
        const char *p;
        const char *text; /* where the statement may begin */
        struct import from;
        bool plain;   /* without a "from" */
        bool within;  /* parentheses */
        bool goes_on; /* the statement has another name */
};

/* The next name, and what it stands for: RET's name is NULL for a module, *RET_BOUND what is bound in the
 * text; NULL where that is all that the module has ("*"). In memory of ARENA's. False: there is no more, or
 * no memory. */
bool words_next_import(struct words_imports *imports, struct arena *arena, struct import *ret,
                       const char **ret_bound);

enum words_binding {
        WORDS_NONE,
        WORDS_CLASS,
        WORDS_FUNCTION,
        WORDS_ALIAS, /* NAME = another, or one's attribute, or a part of what is bound otherwise */
        WORDS_VALUE, /* NAME = anything else */
};

/* What the next statement at *P or behind it in TEXT that defines or assigns NAME makes it, in whatever
 * function or class it stands; *P is then behind the name. */
enum words_binding words_next_binding(const char *text, const char **p, const char *name);

/* The next base of a class: at first *P is behind the class's name, then where the last call left it. The
 * base's name, in memory of ARENA's, "" where it is another expression than a dotted name; NULL: there is no
 * more, or no memory. */
const char *words_next_base(const char **p, struct arena *arena);

#endif
