/*
 * leaves: the cgroup leaves of a run. Each worker gets one, made ahead with its limits written. Where
 * controllers count in it, no other worker was in it before.
 */
#ifndef TACH_ENGINE_LEAVES_H
#define TACH_ENGINE_LEAVES_H

#include <stddef.h>

#include "sandbox/cgroup.h"
#include "spec/base/error.h"

struct leaf {
        int fd; /* of its directory */
        unsigned index;
};

#define LEAF_NONE ((struct leaf){.fd = -1})

struct leaves {
        const struct cgroup *cg; /* borrowed, as are the limits */
        const struct spec_resources *resources;
        int tree_fd; /* the run's groups as a mount of their own; -1 until it has come */
        struct leaf *ready;
        unsigned *used; /* to be removed */
        size_t n_ready, n_used, ahead, room;
        unsigned next;
};

/* For WORKERS at a time. Where CG has no group there are none, and taking one gives LEAF_NONE. */
int leaves_init(struct leaves *l, const struct cgroup *cg, const struct spec_resources *resources,
                unsigned workers, struct error *err);

/* The groups can be made now; TREE_FD becomes the leaves'. Makes the first, which shows whether the limits
 * can be written. */
int leaves_open(struct leaves *l, int tree_fd, struct error *err);

/* *RET is the caller's until it is given back. */
int leaves_take(struct leaves *l, struct leaf *ret, struct error *err);
void leaves_give_back(struct leaves *l, struct leaf leaf);

/* Makes WANTED leaves ahead, if that is useful, and removes used ones. Errors: of making one. */
int leaves_tend(struct leaves *l, size_t wanted, struct error *err);

void leaves_finish(struct leaves *l);

#endif
