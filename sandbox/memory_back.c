/* How it works: a fault costs as much as some ten copies of a page. Pages that nearly every test writes are
 * hot: left writable, and put back whether they were written or not. A cold one is put back and protected
 * again, and becomes hot when HOT tests have written it. From time to time (EPOCH) all are protected; those
 * that were hot are so again with the next test that writes them, the others cool down. */
#include "sandbox/memory_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EPOCH        128 /* tests */
#define FIRST_EPOCH  4   /* what the first test wrote counts as hot until then */
#define HOT          3   /* tests that wrote a page */
#define DROP_AT_ONCE 128 /* pages: as many are dropped, fewer are overwritten */

static void copy(uintptr_t at, const char *from)
{
        const uintptr_t rseq = memory_rseq();
        const size_t size = __rseq_size < RSEQ_BYTES ? RSEQ_BYTES : __rseq_size;

        if (rseq + size <= at || rseq >= at + MEMORY_PAGE) {
                memcpy((void *)at, from, MEMORY_PAGE);
                return;
        }
        const size_t before = rseq > at ? rseq - at : 0,
                     after = rseq + size < at + MEMORY_PAGE ? rseq + size - at : MEMORY_PAGE;

        memcpy((void *)at, from, before);
        memcpy((void *)(at + after), from + after, MEMORY_PAGE - after);
}

/* Puts the pages of the span back. */
static int copy_back(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        const uint32_t *slots = m->slots + span->first;

        for (uintptr_t at = start; at < end;) {
                const size_t page = (at - span->start) / MEMORY_PAGE;
                size_t n = 0;

                if (slots[page] != 0) {
                        copy(at, m->saved + (slots[page] - 1) * MEMORY_PAGE);
                        at += MEMORY_PAGE;
                        continue;
                }
                while (at + n * MEMORY_PAGE < end && slots[page + n] == 0)
                        n++;
                if (n < DROP_AT_ONCE && span->view != NULL)
                        memcpy((void *)at, span->view + page * MEMORY_PAGE, n * MEMORY_PAGE);
                else if (n < DROP_AT_ONCE)
                        memset((void *)at, 0, n * MEMORY_PAGE);
                else if (madvise((void *)at, n * MEMORY_PAGE, MADV_DONTNEED) < 0 ||
                         memory_protect(m, at, at + n * MEMORY_PAGE) < 0)
                        return -EIO;
                at += n * MEMORY_PAGE;
        }
        return 0;
}

/* What START to END, which were put back, need: those that stay cold are protected. */
static int cool(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        uint8_t *heat = m->heat + span->first + (start - span->start) / MEMORY_PAGE;
        uintptr_t cold = start; /* from here on they are */
        int r = 0;

        for (uintptr_t at = start; r == 0 && at < end; at += MEMORY_PAGE, heat++) {
                *heat = m->since == 1 ? HOT : (uint8_t)(*heat + (*heat < HOT));
                if (*heat < HOT)
                        continue;
                if (cold < at)
                        r = memory_protect(m, cold, at);
                cold = at + MEMORY_PAGE;
        }
        return r == 0 && cold < end ? memory_protect(m, cold, end) : r;
}

static void cool_all(struct memory *m)
{
        for (size_t i = 0; i < m->n_pages; i++)
                m->heat[i] = m->heat[i] == HOT ? HOT - 1 : m->heat[i] / 2;
}

static int span_back(struct memory *m, const struct span *span, bool again)
{
        uintptr_t at = span->start;

        while (at < span->end) {
                const uintptr_t from = at;
                long n = memory_scan(m, &at, span->end, PAGE_SCAN_CHECK, PAGE_CATEGORY_WRITTEN, 0);
                int r = 0;

                if (n == -EPERM) { /* some of it was mapped anew */
                        at = from;
                        if (memory_watch(m, span->start, span->end) < 0)
                                return -EPERM;
                        n = memory_scan(m, &at, span->end, PAGE_SCAN_CHECK, PAGE_CATEGORY_WRITTEN, 0);
                }
                if (n < 0)
                        return (int)n;
                for (long i = 0; r == 0 && i < n; i++) {
                        const uintptr_t start = m->found[i].start, end = m->found[i].end;

                        m->dirty += (end - start) / MEMORY_PAGE;
                        r = copy_back(m, span, start, end);
                        if (r == 0)
                                r = again ? memory_protect(m, start, end) : cool(m, span, start, end);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int memory_back(struct memory *m)
{
        bool again;
        int r = 0;

        if (syscall(SYS_brk, 0) != (long)m->end_of_heap) {
                if (syscall(SYS_brk, m->end_of_heap) != (long)m->end_of_heap)
                        return -ENOMEM;
                r = maps_read(&m->now);
        }
        if (r < 0 || memory_mend(m, true) != NULL)
                return r < 0 ? r : -EIO;
        m->since++;
        again = m->since == FIRST_EPOCH || m->since % EPOCH == 0 ||
                (m->usual > 0 && m->dirty > 2 * m->usual + 256);
        m->dirty = 0;
        for (size_t i = 0; r == 0 && i < m->n_spans; i++)
                r = span_back(m, &m->spans[i], again);
        if (again) {
                m->usual = 0;
                cool_all(m);
        } else if (m->usual == 0) {
                m->usual = m->dirty;
        }
        return r;
}
