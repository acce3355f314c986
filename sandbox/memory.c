/* How it works: a fault costs as much as some ten copies of a page. Pages that nearly every test writes are
 * hot: left writable, and put back whether they were written or not. A cold one is put back and protected
 * again, and becomes hot when HOT tests have written it. From time to time (EPOCH) all are protected; those
 * that were hot are so again with the next test that writes them, the others cool down. */
#include "sandbox/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "sandbox/image.h"
#include "spec/base/cleanup.h"

#define PAGE         ((size_t)4096)
#define EPOCH        128                 /* tests */
#define FIRST_EPOCH  4                   /* what the first test wrote counts as hot until then */
#define HOT          3                   /* tests that wrote a page */
#define MAX_BYTES    ((size_t)128 << 20) /* of memory that is saved at most: an image is for more */
#define LEAST_BYTES  ((size_t)64 << 20)  /* that may be, however little is free */
#define FREE_SHARE   8                   /* of the free memory, beyond that */
#define RSEQ_BYTES   32                  /* glibc's area at least */
#define DROP_AT_ONCE 128                 /* pages: as many are dropped, fewer are overwritten */

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

int memory_open_uffd(void)
{
        struct uffdio_api api = {.api = UFFD_API, .features = UFFD_WP_ASYNC};
        CLEANUP_CLOSE int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

        if (fd < 0 || ioctl(fd, UFFDIO_API, &api) < 0)
                return -errno;
        return TAKE_FD(fd);
}

void memory_own(struct memory *m, const void *start, size_t size)
{
        m->own[m->n_own].start = (uintptr_t)start;
        m->own[m->n_own++].end = (uintptr_t)start + size;
}

static bool is_own(const struct memory *m, uintptr_t start, uintptr_t end)
{
        for (size_t i = 0; i < m->n_own; i++)
                if (start < m->own[i].end && end > m->own[i].start)
                        return true;
        return false;
}

/* Between two pages that nothing can reach: no run of a test's memory ends here, nor are both read as one. */
void *memory_new(size_t size)
{
        char *p = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED || mprotect(p + PAGE, size, PROT_READ | PROT_WRITE) < 0)
                return NULL;
        (void)madvise(p, size + 2 * PAGE, MADV_DONTFORK); /* children that a test forks have no use for it */
        return p + PAGE;
}

void memory_free(void *memory, size_t size)
{
        (void)munmap((char *)memory - PAGE, size + 2 * PAGE);
}

static bool is_saved(const struct map *map)
{
        return !map->is_shared && map->kind != MAPPED_KERNEL && (map->prot & PROT_WRITE) != 0;
}

static int protect(const struct memory *m, uintptr_t start, uintptr_t end)
{
        struct uffdio_writeprotect w = {.range = {start, end - start}, .mode = UFFDIO_WRITEPROTECT_MODE_WP};

        while (ioctl(m->uffd, UFFDIO_WRITEPROTECT, &w) < 0)
                if (errno != EAGAIN)
                        return -errno;
        return 0;
}

static int watch(const struct memory *m, uintptr_t start, uintptr_t end)
{
        struct uffdio_register r = {.range = {start, end - start}, .mode = UFFDIO_REGISTER_MODE_WP};

        return ioctl(m->uffd, UFFDIO_REGISTER, &r) < 0 ? -errno : 0;
}

/* Pages of ANY of the categories and of NONE of those from *START on, as many as there is room for, *START
 * then being where to go on: how many regions, or -errno. */
static long scan(struct memory *m, uintptr_t *start, uintptr_t end, uint64_t flags, uint64_t any,
                 uint64_t none)
{
        struct page_scan s = {.size = sizeof s,
                              .flags = flags,
                              .category_inverted = none,
                              .category_mask = none,
                              .start = *start,
                              .end = end,
                              .vec = (uintptr_t)m->found,
                              .vec_len = MEMORY_FOUND,
                              .category_anyof_mask = any,
                              .return_mask = any};
        const long n = ioctl(m->pagemap, PAGEMAP_SCAN_IOCTL, &s);

        if (n < 0)
                return -errno;
        *start = s.walk_end;
        return n;
}

static int save(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        for (uintptr_t at = start; at < end; at += PAGE) {
                if ((m->n_saved + 1) * PAGE > m->saved_bytes)
                        return -E2BIG;
                memcpy(m->saved + m->n_saved * PAGE, (const void *)at, PAGE);
                m->slots[span->first + (at - span->start) / PAGE] = (uint32_t)++m->n_saved;
        }
        return 0;
}

/* Pages of a span that are its own from *START on: what it has written, where it has an image. */
static long scan_own(struct memory *m, const struct span *span, uintptr_t *start)
{
        return scan(m, start, span->end, 0, PAGE_CATEGORY_THERE | PAGE_CATEGORY_SWAPPED,
                    span->view != NULL ? PAGE_CATEGORY_FILE : 0);
}

/* What is not there of a file's mapping is read for that. */
static int save_span(struct memory *m, const struct span *span)
{
        uintptr_t at = span->start;

        int r = 0;

        if (span->is_file)
                return save(m, span, span->start, span->end);
        while (r == 0 && at < span->end) {
                const long n = scan_own(m, span, &at);

                r = n < 0 ? (int)n : 0;
                for (long i = 0; r == 0 && i < n; i++)
                        r = save(m, span, m->found[i].start, m->found[i].end);
        }
        return r;
}

static size_t count_there(struct memory *m, const struct span *span, int *ret)
{
        uintptr_t at = span->start;
        size_t pages = 0;

        if (span->is_file)
                return (span->end - span->start) / PAGE;
        while (at < span->end) {
                const long n = scan_own(m, span, &at);

                if (n < 0) {
                        *ret = (int)n;
                        return 0;
                }
                for (long i = 0; i < n; i++)
                        pages += (m->found[i].end - m->found[i].start) / PAGE;
        }
        return pages;
}

static int find_spans(struct memory *m, size_t *ret_pages)
{
        int r = maps_read(&m->before);

        m->n_spans = m->n_pages = *ret_pages = 0;
        for (size_t i = 0; r == 0 && i < m->before.n; i++) {
                const struct map *map = &m->before.v[i];
                struct span *span = &m->spans[m->n_spans];

                if (!is_saved(map) || is_own(m, map->start, map->end))
                        continue;
                if (m->n_spans++ == MEMORY_MAX_SPANS)
                        return -E2BIG;
                *span = (struct span){
                    .start = map->start, .end = map->end, .first = m->n_pages, .view = image_of(map)};
                span->is_file = map->inode != 0 && span->view == NULL;
                m->n_pages += (map->end - map->start) / PAGE;
                *ret_pages += count_there(m, span, &r);
        }
        return r;
}

/* Bytes that may be saved: other workers want as much. */
static size_t most_bytes(void)
{
        struct sysinfo info;
        size_t most = sysinfo(&info) == 0 ? info.freeram / FREE_SHARE * info.mem_unit : 0;

        if (most > MAX_BYTES)
                most = MAX_BYTES;
        return most < LEAST_BYTES ? LEAST_BYTES : most;
}

/* Room for what is saved, in a file that is sealed when all is there: nothing can write to it then. */
static int reserve_saved(struct memory *m)
{
        struct rlimit largest;
        char *room = memory_new(m->saved_bytes);

        if (room == NULL)
                return -ENOMEM;
        if (getrlimit(RLIMIT_FSIZE, &largest) < 0 || largest.rlim_cur < m->saved_bytes)
                return -EFBIG;
        m->saved_fd = memfd_create("tach-saved", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (m->saved_fd < 0 || ftruncate(m->saved_fd, (off_t)m->saved_bytes) < 0 ||
            mmap(room, m->saved_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, m->saved_fd, 0) ==
                MAP_FAILED)
                return -errno;
        m->saved = room;
        return 0;
}

static int seal_saved(struct memory *m)
{
        const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
        int r = 0;

        /* no mapping that could be made writable again may be there */
        if (munmap(m->saved, m->saved_bytes) < 0 || fcntl(m->saved_fd, F_ADD_SEALS, seals) < 0 ||
            mmap(m->saved, m->saved_bytes, PROT_READ, MAP_SHARED | MAP_FIXED, m->saved_fd, 0) == MAP_FAILED)
                r = -errno;
        (void)madvise(m->saved, m->saved_bytes, MADV_DONTFORK);
        (void)close(m->saved_fd);
        m->saved_fd = -1;
        return r;
}

static int reserve(struct memory *m, size_t pages, const char **ret_why)
{
        int r;

        *ret_why = "there is too much memory to save";
        if (pages * PAGE > most_bytes())
                return -ENOMEM;
        *ret_why = "reserve memory";
        m->slots_bytes = (m->n_pages * (sizeof *m->slots + sizeof *m->heat) + PAGE) & ~(PAGE - 1);
        m->saved_bytes = (pages + 512) * PAGE; /* what is touched on the way */
        m->slots = memory_new(m->slots_bytes);
        if (m->slots == NULL)
                return -ENOMEM;
        r = reserve_saved(m);
        if (r < 0)
                return r;
        m->heat = (uint8_t *)(m->slots + m->n_pages);
        memory_own(m, m->slots, m->slots_bytes);
        memory_own(m, m->saved, m->saved_bytes);
        return 0;
}

int memory_prepare(struct memory *m, const char **ret_why)
{
        size_t pages;
        int r;

        *ret_why = "read the mappings";
        m->end_of_heap = (uintptr_t)syscall(SYS_brk, 0);
        r = find_spans(m, &pages);
        if (r < 0)
                return r;
        return reserve(m, pages, ret_why);
}

int memory_take(struct memory *m, const char **ret_why)
{
        int r = 0;

        *ret_why = "write-protect the memory";
        for (size_t i = 0; r == 0 && i < m->n_spans; i++)
                r = watch(m, m->spans[i].start, m->spans[i].end);
        for (size_t i = 0; r == 0 && i < m->n_spans; i++)
                r = save_span(m, &m->spans[i]);
        if (r == 0)
                r = seal_saved(m);
        for (size_t i = 0; r == 0 && i < m->n_spans; i++)
                r = protect(m, m->spans[i].start, m->spans[i].end);
        return r < 0 ? r : maps_read(&m->before);
}

/* The saved span that START is in, or NULL. */
static const struct span *span_of(const struct memory *m, uintptr_t start)
{
        size_t low = 0, high = m->n_spans;

        while (low < high) {
                const size_t middle = (low + high) / 2;

                if (m->spans[middle].end <= start)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < m->n_spans && m->spans[low].start <= start ? &m->spans[low] : NULL;
}

/* What was saved of START to END, which was mapped anew. */
static void refill(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        for (uintptr_t at = start; at < end; at += PAGE) {
                const uint32_t slot = m->slots[span->first + (at - span->start) / PAGE];

                if (slot != 0)
                        memcpy((void *)at, m->saved + (slot - 1) * PAGE, PAGE);
        }
}

/* What became of START to END, where MAP was mapped (NULL: nothing), and NOW is. APPLY: puts it back: NULL,
 * or why it cannot be. */
static const char *mend(struct memory *m, const struct map *before, const struct map *now, uintptr_t start,
                        uintptr_t end, bool apply)
{
        const size_t size = end - start;
        void *at = (void *)start;
        const struct span *span = span_of(m, start);

        if (before != NULL && now != NULL && map_is_like(before, now))
                return NULL;
        if (is_own(m, start, end))
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
static const char *mend_all(struct memory *m, bool apply)
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
        return mend_all(m, false);
}

/* struct rseq, where the kernel writes by itself. */
static uintptr_t rseq_area(void)
{
#if defined(__x86_64__)
        return (uintptr_t)pthread_self() + (uintptr_t)__rseq_offset;
#else
        return (uintptr_t)__builtin_thread_pointer() + (uintptr_t)__rseq_offset;
#endif
}

static void copy(uintptr_t at, const char *from)
{
        const uintptr_t rseq = rseq_area();
        const size_t size = __rseq_size < RSEQ_BYTES ? RSEQ_BYTES : __rseq_size;

        if (rseq + size <= at || rseq >= at + PAGE) {
                memcpy((void *)at, from, PAGE);
                return;
        }
        const size_t before = rseq > at ? rseq - at : 0,
                     after = rseq + size < at + PAGE ? rseq + size - at : PAGE;

        memcpy((void *)at, from, before);
        memcpy((void *)(at + after), from + after, PAGE - after);
}

/* Puts the pages of the span back. */
static int copy_back(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        const uint32_t *slots = m->slots + span->first;

        for (uintptr_t at = start; at < end;) {
                const size_t page = (at - span->start) / PAGE;
                size_t n = 0;

                if (slots[page] != 0) {
                        copy(at, m->saved + (slots[page] - 1) * PAGE);
                        at += PAGE;
                        continue;
                }
                while (at + n * PAGE < end && slots[page + n] == 0)
                        n++;
                if (n < DROP_AT_ONCE && span->view != NULL)
                        memcpy((void *)at, span->view + page * PAGE, n * PAGE);
                else if (n < DROP_AT_ONCE)
                        memset((void *)at, 0, n * PAGE);
                else if (madvise((void *)at, n * PAGE, MADV_DONTNEED) < 0 ||
                         protect(m, at, at + n * PAGE) < 0)
                        return -EIO;
                at += n * PAGE;
        }
        return 0;
}

/* What START to END, which were put back, need: those that stay cold are protected. */
static int cool(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        uint8_t *heat = m->heat + span->first + (start - span->start) / PAGE;
        uintptr_t cold = start; /* from here on they are */
        int r = 0;

        for (uintptr_t at = start; r == 0 && at < end; at += PAGE, heat++) {
                *heat = m->since == 1 ? HOT : (uint8_t)(*heat + (*heat < HOT));
                if (*heat < HOT)
                        continue;
                if (cold < at)
                        r = protect(m, cold, at);
                cold = at + PAGE;
        }
        return r == 0 && cold < end ? protect(m, cold, end) : r;
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
                long n = scan(m, &at, span->end, PAGE_SCAN_CHECK, PAGE_CATEGORY_WRITTEN, 0);
                int r = 0;

                if (n == -EPERM) { /* some of it was mapped anew */
                        at = from;
                        if (watch(m, span->start, span->end) < 0)
                                return -EPERM;
                        n = scan(m, &at, span->end, PAGE_SCAN_CHECK, PAGE_CATEGORY_WRITTEN, 0);
                }
                if (n < 0)
                        return (int)n;
                for (long i = 0; r == 0 && i < n; i++) {
                        const uintptr_t start = m->found[i].start, end = m->found[i].end;

                        m->dirty += (end - start) / PAGE;
                        r = copy_back(m, span, start, end);
                        if (r == 0)
                                r = again ? protect(m, start, end) : cool(m, span, start, end);
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
        if (r < 0 || mend_all(m, true) != NULL)
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

static bool is_zero(const char *page)
{
        return page[0] == 0 && memcmp(page, page + 1, PAGE - 1) == 0;
}

/* The page as it was, or NULL: zeros. */
static const char *original(const struct memory *m, const struct span *span, uintptr_t at)
{
        const size_t page = (at - span->start) / PAGE;
        const uint32_t slot = m->slots[span->first + page];

        if (slot != 0)
                return m->saved + (slot - 1) * PAGE;
        return span->view != NULL ? span->view + page * PAGE : NULL;
}

static bool page_differs(const struct memory *m, const struct map *map, const char *page, const char *saved)
{
        const char *rseq = (const char *)rseq_area();

        if (map->kind == MAPPED_STACK && (uintptr_t)page < m->stack)
                return false;
        if (saved == NULL)
                return !is_zero(page);
        if (rseq < page || rseq >= page + PAGE)
                return memcmp(page, saved, PAGE) != 0;
        for (size_t i = 0; i < PAGE; i++)
                if (page[i] != saved[i] && (page + i < rseq || page + i >= rseq + RSEQ_BYTES))
                        return true;
        return false;
}

int memory_verify(struct memory *m)
{
        m->differs = "mapping";
        if (maps_read(&m->now) < 0 || mend_all(m, false) != NULL || m->now.n != m->before.n)
                return -EILSEQ;
        m->differs = "page";
        for (size_t i = 0; i < m->before.n; i++) {
                const struct map *map = &m->before.v[i];

                for (uintptr_t at = map->start; at < map->end; at += PAGE) {
                        const struct span *span = span_of(m, at);
                        const char *as_it_was;

                        if (span == NULL || is_own(m, at, at + PAGE))
                                break;
                        as_it_was = original(m, span, at);
                        m->differs_at = at;
                        if (page_differs(m, map, (const char *)at, as_it_was))
                                return -EILSEQ;
                }
        }
        return 0;
}
