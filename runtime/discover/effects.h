/*
 * effects: what the statements of a module do to what it can be collected as: leave it out, add tests that
 * its text does not show.
 */
#ifndef TACH_DISCOVER_EFFECTS_H
#define TACH_DISCOVER_EFFECTS_H

#include "runtime/discover/module.h"

struct effects {
        const char *stop;  /* why none of its tests is collected, or NULL */
        uint32_t line;     /* of stop, and of grows */
        const char *maybe; /* why perhaps none is */
        const char *grows; /* why there may be others */
};

/* Looks at MODULE's events; notes on its classes why they may have tests that their text does not show. */
struct effects effects_of(struct module *module);

#endif
