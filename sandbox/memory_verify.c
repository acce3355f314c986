/* How it works: every page of what is saved is compared with what it was. */
#include "sandbox/memory_internal.h"

#include <errno.h>
#include <string.h>

static bool is_zero(const char *page)
{
        return page[0] == 0 && memcmp(page, page + 1, MEMORY_PAGE - 1) == 0;
}

static bool page_differs(const struct memory *m, const struct map *map, const char *page, const char *saved)
{
        const char *rseq = (const char *)memory_rseq();

        if (map->kind == MAPPED_STACK && (uintptr_t)page < m->stack)
                return false;
        if (saved == NULL)
                return !is_zero(page);
        if (rseq < page || rseq >= page + MEMORY_PAGE)
                return memcmp(page, saved, MEMORY_PAGE) != 0;
        for (size_t i = 0; i < MEMORY_PAGE; i++)
                if (page[i] != saved[i] && (page + i < rseq || page + i >= rseq + RSEQ_BYTES))
                        return true;
        return false;
}

int memory_verify(struct memory *m)
{
        m->differs = "mapping";
        if (maps_read(&m->now) < 0 || memory_mend(m, false) != NULL || m->now.n != m->before.n)
                return -EILSEQ;
        m->differs = "page";
        for (size_t i = 0; i < m->before.n; i++) {
                const struct map *map = &m->before.v[i];

                for (uintptr_t at = map->start; at < map->end; at += MEMORY_PAGE) {
                        const struct span *span = memory_span_of(m, at);
                        const char *as_it_was;

                        if (span == NULL || memory_is_own(m, at, at + MEMORY_PAGE))
                                break;
                        as_it_was = memory_original(m, span, at);
                        m->differs_at = at;
                        if (page_differs(m, map, (const char *)at, as_it_was))
                                return -EILSEQ;
                }
        }
        return 0;
}
