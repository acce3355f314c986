/*
 * image: what the calling process's private memory holds, moved into a sealed memory file that it and all
 * that are cloned from it map copy-on-write: what a page held can be had again, at the cost of nothing for
 * each clone. memfd_create(2), F_SEAL_WRITE.
 */
#ifndef TACH_SANDBOX_IMAGE_H
#define TACH_SANDBOX_IMAGE_H

#include "sandbox/maps.h"

/* Moves what is not in an image yet there, where that is worth it for so many TESTS: it takes some 0.4 ms a
 * MiB once, and what is not moved each process that is put back must copy. Returns the pages that it moved, 0
 * where they are few, or -errno with everything as it was (EAGAIN: other threads run, which may be writing).
 * Single-threaded callers; nothing may hold on to physical pages. */
long image_take(long tests);

/* Descriptors that clones have to keep to map an image again: how many of RET (room for IMAGE_MAX). */
#define IMAGE_MAX 32
size_t image_fds(int *ret);

/* Maps START to END of MAP, which is of an image, again: 0 or -errno. */
int image_map(const struct map *map, uintptr_t start, uintptr_t end);

/* What MAP held at its start, where that is in an image: read-only, followed by all the rest; else NULL. */
const char *image_of(const struct map *map);

#endif
