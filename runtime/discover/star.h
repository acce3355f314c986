/* star: what "from X import *" binds. */
#ifndef TACH_DISCOVER_STAR_H
#define TACH_DISCOVER_STAR_H

#include "runtime/discover/module.h"

struct star {
        const char **names;
        size_t n;
        const char *unsure; /* why not all of them may be bound, or NULL */
        const char *grows;  /* why there may be more, or NULL */
};

/* Of FROM, a module that has been read; what is returned is ARENA's. */
struct star star_of(struct module *from, struct arena *arena);

#endif
