/* How it works: the lists of mappings, as they were and as they are, are gone through at once, piece by piece
 * between the bounds of either. */
#include "sandbox/memory_internal.h"

#include <string.h>
#include <sys/mman.h>

#include "sandbox/image.h"

/* What was saved of START to END, which was mapped anew. */
static void refill(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        for (uintptr_t at = start; at < end; at += MEMORY_PAGE) {
                const uint32_t slot = m->slots[span->first + (at - span->start) / MEMORY_PAGE];

                if (slot != 0)
                        memcpy((void *)at, m->saved + (slot - 1) * MEMORY_PAGE, MEMORY_PAGE);
        }
}

/* What became of START to END, where MAP was mapped (NULL: nothing), and NOW is. APPLY: puts it back: NULL,
 * or why it cannot be. */
static const char *mend(struct memory *m, const struct map *before, const struct map *now, uintptr_t start,
                        uintptr_t end, bool apply)
{
        const size_t size = end - start;
        void *at = (void *)start;
        const struct span *span = memory_span_of(m, start);

        if (before != NULL && now != NULL && map_is_like(before, now))
                return NULL;
        if (memory_is_own(m, start, end))
                return before != NULL && now != NULL ? NULL : "its mappings";
        if (before == NULL) {
                if (now->kind == MAPPED_KERNEL)
                        return "its mappings";
                if (now->kind == MAPPED_STACK)
                        return apply && madvise(at, size, MADV_DONTNEED) < 0 ? "its stack" : NULL;
                return apply && munmap(at, size) < 0 ? "its mappings" : NULL;
        }
        if (before->kind != MAPPED_ORDINARY)
                return "its mappings";
        if (now != NULL && !before->is_shared && !now->is_shared && before->inode == now->inode &&
            before->offset - before->start == now->offset - now->start &&
            (span != NULL || before->inode == 0))
                return apply && mprotect(at, size, before->prot) < 0 ? "its mappings" : NULL;
        if (span != NULL && span->view != NULL) {
                if (apply && image_map(before, start, end) < 0)
                        return "its mappings";
                if (apply)
                        refill(m, span, start, end);
                return NULL;
        }
        if (before->inode != 0 || before->is_shared || (span == NULL && (before->prot & PROT_READ) != 0))
                return "its mappings";
        if (apply && mmap(at, size, before->prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                          0) == MAP_FAILED)
                return "its mappings";
        return NULL;
}

/* Goes through both lists of mappings at once. */
const char *memory_mend(struct memory *m, bool apply)
{
        const struct map *b = m->before.v, *n = m->now.v;
        const struct map *const b_end = b + m->before.n, *const n_end = n + m->now.n;
        uintptr_t at = 0;

        while (b < b_end || n < n_end) {
                const bool in_b = b < b_end && b->start <= at, in_n = n < n_end && n->start <= at;
                uintptr_t to = UINTPTR_MAX;
                const char *why;

                if (b < b_end && (in_b ? b->end : b->start) < to)
                        to = in_b ? b->end : b->start;
                if (n < n_end && (in_n ? n->end : n->start) < to)
                        to = in_n ? n->end : n->start;
                why = in_b || in_n ? mend(m, in_b ? b : NULL, in_n ? n : NULL, at, to, apply) : NULL;
                if (why != NULL)
                        return why;
                at = to;
                b += b < b_end && b->end <= at;
                n += n < n_end && n->end <= at;
        }
        return NULL;
}

const char *memory_check(struct memory *m)
{
        if (maps_read(&m->now) < 0)
                return "its mappings";
        return memory_mend(m, false);
}
