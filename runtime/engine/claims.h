/*
 * claims: which cell has written or removed which path of the project, and when, so that two that did so
 * differently are found, and so that what a cell did after the one around it is not undone.
 */
#ifndef TACH_ENGINE_CLAIMS_H
#define TACH_ENGINE_CLAIMS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CLAIMS_MAX   500000u   /* paths in a run */
#define CLAIMS_CELLS 10000000u /* in a run */

/* A cell; number 0 is the outer sandbox, which all others are in. */
struct claims_cell {
        uint32_t parent; /* the cell around it */
        char *name;      /* whose it was; NULL: it was not told */
};

struct claim {
        char *path; /* of the project */
        uint32_t cell;
        int gone;             /* it was removed */
        struct timespec time; /* when */
};

struct claims {
        void *tree;
        size_t n;
        struct claims_cell *cells; /* by number */
        size_t n_cells;
};

/* Notes whose cell number CELL is: 0 or -ENOMEM. */
int claims_cell(struct claims *c, uint32_t cell, uint32_t parent, const char *name);
const char *claims_name(const struct claims *c, uint32_t cell);
/* Whether CELL is the cell AROUND, or in it. */
int claims_is_in(const struct claims *c, uint32_t cell, uint32_t around);

/* The claim on PATH, or NULL. */
const struct claim *claims_find(const struct claims *c, const char *path);

/* Notes that CELL wrote PATH, or removed it where GONE: 0, or -ENOMEM where memory or CLAIMS_MAX does not
 * allow it. */
int claims_take(struct claims *c, const char *path, uint32_t cell, int gone, const struct timespec *time);

#endif
