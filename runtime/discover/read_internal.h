/* read_internal: what read.c and read_import.c share. */
#ifndef TACH_DISCOVER_READ_INTERNAL_H
#define TACH_DISCOVER_READ_INTERNAL_H

#include "runtime/discover/read.h"

struct reading {
        struct module *module;
        struct class_def *class_def; /* whose body is read, or NULL */
        int depth;
        const char *maybe, *outer; /* the condition around the statement, and the one around that */
        bool otherwise;            /* in the last branch of an if */
        int tries;                 /* try statements around the statement */
        int catching;              /* those of them that handle an ImportError */
        const char *import_unsure; /* an import in the try statement that may fail, or NULL */
        const char *stopped;       /* why the rest of the try statement is not executed, or NULL */
        bool by_import;            /* by an ImportError */
};

/* Text that lives as long as the module. */
const char *read_keep(const struct module *m, struct node node);
const char *read_keep_quote(const struct module *m, struct node node);

/* Binds NAME, which must live as long as the module, where the statement stands. */
struct binding *read_bind(struct reading *r, struct scope *scope, const char *name, struct binding what);

/* The module ends here, if what is around it holds. */
void read_stop(struct reading *r, struct node node, bool by_import, const char *why);

/* The import statement NODE. */
void read_import(struct reading *r, struct scope *scope, struct node node);

/* Whether there is no module NAME with LEVEL dots before it, and how that is said. */
bool read_is_missing(const struct module *m, int level, const char *name);
const char *read_missing(const struct module *m, const char *name);

#endif
