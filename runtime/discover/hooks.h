/*
 * hooks: what the hooks of a conftest.py file may do to the tests in its folder, told from its text: leave
 * some out, give them other names, make more of them, or collect files that pytest itself does not.
 */
#ifndef TACH_DISCOVER_HOOKS_H
#define TACH_DISCOVER_HOOKS_H

#include "runtime/discover/module.h"

/* Reasons for messages, or NULL. */
struct hooks {
        const char *hides;    /* why a file, or tests of it, may be left out or be called otherwise */
        const char *makes;    /* why a file may have more than its text shows */
        const char *collects; /* why any file may have tests */
};

/* Adds to HOOKS what those in TEXT may do, the text of the file that is called SHOWN in messages; a plugin is
 * a file that a conftest.py file names, not one itself. Memory is ARENA's. */
void hooks_read(struct arena *arena, const char *text, const char *shown, bool plugin, struct hooks *hooks);

/* The modules whose hooks TEXT takes over: those of pytest_plugins and of star imports. *RET lives in ARENA;
 * returns how many there are. */
size_t hooks_plugins(struct arena *arena, const char *text, struct import **ret);

#endif
