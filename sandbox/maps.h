/*
 * maps: the calling process's mappings, read without allocating. proc_pid_maps(5).
 */
#ifndef TACH_SANDBOX_MAPS_H
#define TACH_SANDBOX_MAPS_H

#include <stddef.h>
#include <stdint.h>

enum map_kind {
        MAPPED_ORDINARY,
        MAPPED_STACK,  /* the first thread's: it grows */
        MAPPED_KERNEL, /* vdso and the like: not the process's to change */
};

struct map {
        uintptr_t start, end;
        uint64_t offset, inode; /* of a file; inode 0: anonymous */
        uint32_t major, minor;
        int prot; /* PROT_* */
        int is_shared;
        enum map_kind kind;
};

#define MAPS_MAX  8192
#define MAPS_ROOM (1u << 20) /* bytes of text */

struct maps {
        struct map v[MAPS_MAX];
        size_t n;
        char text[MAPS_ROOM];
};

/* Reads them in ascending order, neighbours that differ in their bounds alone as one: 0 or -errno (E2BIG:
 * there are more than MAPS_MAX). */
int maps_read(struct maps *ret);

/* Whether what is mapped is the same, bounds apart. */
int map_is_like(const struct map *a, const struct map *b);

#endif
