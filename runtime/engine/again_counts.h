/*
 * again_counts: what became of the workers that may be put back (again.h).
 */
#ifndef TACH_ENGINE_AGAIN_COUNTS_H
#define TACH_ENGINE_AGAIN_COUNTS_H

#include <stddef.h>

#define AGAIN_MAX_REASONS 32

struct again {
        unsigned tries, wins, skipped; /* workers, lately: those that ran a second test are wins */
        unsigned rolled_back;          /* tests that ran in one that was put back */
        struct {
                char why[96];
                unsigned n;
        } spent[AGAIN_MAX_REASONS];
        size_t n_spent;
};

#endif
