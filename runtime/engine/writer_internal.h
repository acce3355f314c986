/*
 * writer_internal: the state of the writer's process, and what its files call of each other.
 */
#ifndef TACH_ENGINE_WRITER_INTERNAL_H
#define TACH_ENGINE_WRITER_INTERNAL_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include "runtime/engine/claims.h"
#include "runtime/engine/writer.h"
#include "sandbox/upper.h"

struct writer_layer {
        size_t part;
        int top_fd;
};

struct writer {
        const struct writer_plan *plan;
        int socket;
        int *roots; /* of the parts; -1: cannot be kept in */
        struct claims claims;
        off_t run_left;
        struct writer_layer *layers; /* of the next request */
        size_t n_layers;
        /* of the request that is served */
        const struct writer_layer *layer;
        uint32_t cell;
        size_t entries_left;
        off_t bytes_left;
        unsigned kept, lost, problems;
};

/* ---- writer_answer.c: what the engine is told. Where it is gone, the process ends. */

void writer_answer(const struct writer *w, const struct writer_answer *a);

/* PATH is in the project as the cell left it; or is not, and is counted unless nobody misses it. */
void writer_kept(struct writer *w, const char *path);
void writer_lost(struct writer *w, const char *path);

/* PATH is lost, though a pattern has it. */
void writer_refuse(struct writer *w, const char *path, int errnum, const char *hint);
/* The same of all that the cell wrote. */
void writer_refuse_all(struct writer *w, int errnum, const char *what, const char *hint);
/* PATH is lost to CLAIM's cell. GONE: by a removal. */
void writer_conflict(struct writer *w, const char *path, const struct claim *claim, int gone);

/* ---- writer_entry.c: whether the project gets an entry */

/* Takes an entry of the layer (upper_walk). */
int writer_take_entry(void *context, const struct upper_entry *e);

/* Whether a pattern has PATH, or may have something below it. */
int writer_matches(const struct writer *w, const char *path);
int writer_matches_below(const struct writer *w, const char *path);

/* Another's than this cell's, and than those' that were made in it. CLAIM may be NULL. */
int writer_is_others(const struct writer *w, const struct claim *claim);

/* A cell inside this one has done something with PATH, or has removed what it lies in, since TIME. */
int writer_is_outdated(const struct writer *w, const char *path, const struct timespec *time);

/* The folder that PATH lies in, in FOLDER; returns its name there. */
const char *writer_split(const char *path, char folder[PATH_MAX]);

/* ---- writer_remove.c */

struct removal {
        struct timespec time; /* the last change of what says it */
        struct timespec made; /* of a new folder: what the project has since then stays; zero: nothing does */
};

/* What was at AT (below its part) was removed. */
void writer_gone(struct writer *w, const char *at, const char *path, const struct removal *removal);

/* An opaque folder: what the project's has and the layer's has not was removed. */
void writer_replace(struct writer *w, const struct upper_entry *e, const char *path);

/* The number of entries of the folder NAME that were removed, itself among them. */
int writer_remove_folder(struct writer *w, int dir_fd, const char *name, const char *path,
                         const struct removal *removal, int depth);

/* ---- writer_put.c */

/* E, a file or link that PATH's pattern has, was written. */
void writer_put(struct writer *w, const struct upper_entry *e, const char *path);
void writer_put_folder(struct writer *w, const struct upper_entry *e, const char *path);

#endif
