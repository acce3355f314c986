/*
 * memory_internal: what the files of memory.h call of each other.
 */
#ifndef TACH_SANDBOX_MEMORY_INTERNAL_H
#define TACH_SANDBOX_MEMORY_INTERNAL_H

#include <stdbool.h>

#include "sandbox/memory.h"

#define MEMORY_PAGE ((size_t)4096)
#define RSEQ_BYTES  32 /* glibc's area at least */

/* ---- memory.c: what the kernel is asked for */

bool memory_is_own(const struct memory *m, uintptr_t start, uintptr_t end);

/* Finds writes to START to END from now on (watch), from the next protect() on: 0 or -errno. */
int memory_watch(const struct memory *m, uintptr_t start, uintptr_t end);
int memory_protect(const struct memory *m, uintptr_t start, uintptr_t end);

/* Pages of ANY of the categories and of NONE of those from *START on in M->found, as many as there is room
 * for, *START then being where to go on: how many regions, or -errno. */
long memory_scan(struct memory *m, uintptr_t *start, uintptr_t end, uint64_t flags, uint64_t any,
                 uint64_t none);

/* struct rseq, where the kernel writes by itself. */
uintptr_t memory_rseq(void);

/* ---- memory_save.c */

/* The saved span that START is in, or NULL. */
const struct span *memory_span_of(const struct memory *m, uintptr_t start);

/* The page at AT, of SPAN, as it was, or NULL: zeros. */
const char *memory_original(const struct memory *m, const struct span *span, uintptr_t at);

/* ---- memory_mend.c */

/* Compares M->now with M->before. APPLY: puts mappings back: NULL, or why they cannot be. */
const char *memory_mend(struct memory *m, bool apply);

#endif
