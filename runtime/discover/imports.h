/*
 * imports: what one Python file may import, wherever in it: at the top, in functions, under conditions, by
 * name (importlib.import_module, __import__, pytest.importorskip), by `python -m` and in code that stands in
 * strings. Strings that look like a dotted name or the path of a Python file count too: mock.patch, settings,
 * entry points and pytest_plugins name modules so. Too many is safe, too few is not.
 */
#ifndef TACH_DISCOVER_IMPORTS_H
#define TACH_DISCOVER_IMPORTS_H

#include <stddef.h>
#include <stdint.h>
#include <tree_sitter/api.h>

#include "runtime/discover/arena.h"

enum import_kind {
        IMPORT_RUNS,   /* an import that is executed */
        IMPORT_TYPING, /* under `if TYPE_CHECKING:`, which no interpreter executes */
        IMPORT_TEXT,   /* a string that may name a module, or something in one */
        IMPORT_BELOW,  /* a name that begins so and ends in something computed: any module below */
        IMPORT_PATH,   /* a string that ends in ".py" */
};

struct import_ref {
        enum import_kind kind;
        unsigned level;     /* dots in front of module: 1 is the file's own package */
        const char *module; /* "a.b", "" behind dots alone */
        const char *name;   /* of "from a.b import name", "*" too; NULL: the module itself */
        uint32_t line;      /* from 1 */
};

struct imports {
        struct import_ref *v;
        size_t n, cap;
        const char
            *computed; /* a call that imports what cannot be told from the text ("import_module"), or NULL */
        uint32_t computed_line;
};

/* Reads the tree of TEXT below ROOT. RET's memory is ARENA's, which remembers having had too little. */
void imports_read(struct imports *ret, struct arena *arena, const char *text, TSNode root);

#endif
