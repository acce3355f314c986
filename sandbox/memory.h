/*
 * memory: the calling process's private memory as it was at one moment, and the way back to that.
 *
 * Pages that were written since are found by userfaultfd's write protection without notifications and the
 * PAGEMAP_SCAN call (Linux 6.7). Mappings that are new go, those that are gone come back. Shared mappings
 * stay as they are. Nothing here allocates after memory_take(), and nothing may run on a stack that is put
 * back.
 */
#ifndef TACH_SANDBOX_MEMORY_H
#define TACH_SANDBOX_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "sandbox/maps.h"
#include "sandbox/pagemap.h"

#define MEMORY_MAX_SPANS 4096
#define MEMORY_FOUND     4096
#define MEMORY_OWN       4

/* Private memory that can be written. */
struct span {
        uintptr_t start, end;
        size_t first;     /* the number of its first page */
        int is_file;      /* and no image of it */
        const char *view; /* what it was made from (image.h); NULL: none */
};

/* Lies in memory that is its OWN, zeroed before memory_prepare(). */
struct memory {
        int uffd, pagemap, saved_fd;
        struct maps before, now;
        struct span spans[MEMORY_MAX_SPANS];
        size_t n_spans, n_pages;
        uint32_t *slots; /* of each page: where in SAVED it is, from 1 on; 0: it was never written */
        uint8_t *heat;   /* of each page: how many tests have written it of late */
        char *saved;
        size_t saved_bytes, slots_bytes, n_saved;
        struct {
                uintptr_t start, end;
        } own[MEMORY_OWN]; /* not put back: this, and what the caller adds */
        size_t n_own;
        uintptr_t end_of_heap; /* brk(2) */
        uintptr_t stack; /* what the first thread's stack holds from here on counts: the caller's to set */
        struct page_region found[MEMORY_FOUND];
        size_t dirty, usual; /* pages that were put back the last time, and after they were all protected */
        unsigned since;      /* then: how often it was put back */
        const char *differs; /* memory_verify(): how */
        uintptr_t differs_at;
};

/* Zeroed memory of the caller's own, which children that it forks do not get; NULL: none. */
void *memory_new(size_t size);
void memory_free(void *memory, size_t size);

/* Leaves START to END out. */
void memory_own(struct memory *m, const void *start, size_t size);

/* Finds what is to be saved, and room for it, with M->uffd and M->pagemap open. 0 or -errno; *RET_WHY: of
 * what.
 */
int memory_prepare(struct memory *m, const char **ret_why);
/* Takes the memory as it is. */
int memory_take(struct memory *m, const char **ret_why);

/* Whether it can be put back: NULL, or why not. Changes nothing. */
const char *memory_check(struct memory *m);

/* Puts it back, once memory_check() has said that it can: 0 or -errno, after which the process is not to be
 * used any more. */
int memory_back(struct memory *m);

/* Compares all of it with how it was: 0, or -EILSEQ and what differs. */
int memory_verify(struct memory *m);

/* The caller's descriptor, or -errno. */
int memory_open_uffd(void);

#endif
