/* How it works: what is the process's own of private memory that can be written is copied into a memory file,
 * which is sealed; the rest is had from an image, or was never touched. */
#include "sandbox/memory_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "sandbox/image.h"

#define MAX_BYTES   ((size_t)128 << 20) /* of memory that is saved at most: an image is for more */
#define LEAST_BYTES ((size_t)64 << 20)  /* that may be, however little is free */
#define FREE_SHARE  8                   /* of the free memory, beyond that */

static bool is_saved(const struct map *map)
{
        return !map->is_shared && map->kind != MAPPED_KERNEL && (map->prot & PROT_WRITE) != 0;
}

static int save(struct memory *m, const struct span *span, uintptr_t start, uintptr_t end)
{
        for (uintptr_t at = start; at < end; at += MEMORY_PAGE) {
                if ((m->n_saved + 1) * MEMORY_PAGE > m->saved_bytes)
                        return -E2BIG;
                memcpy(m->saved + m->n_saved * MEMORY_PAGE, (const void *)at, MEMORY_PAGE);
                m->slots[span->first + (at - span->start) / MEMORY_PAGE] = (uint32_t)++m->n_saved;
        }
        return 0;
}

/* Pages of a span that are its own from *START on: what it has written, where it has an image. */
static long scan_own(struct memory *m, const struct span *span, uintptr_t *start)
{
        return memory_scan(m, start, span->end, 0, PAGE_CATEGORY_THERE | PAGE_CATEGORY_SWAPPED,
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
                return (span->end - span->start) / MEMORY_PAGE;
        while (at < span->end) {
                const long n = scan_own(m, span, &at);

                if (n < 0) {
                        *ret = (int)n;
                        return 0;
                }
                for (long i = 0; i < n; i++)
                        pages += (m->found[i].end - m->found[i].start) / MEMORY_PAGE;
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

                if (!is_saved(map) || memory_is_own(m, map->start, map->end))
                        continue;
                if (m->n_spans++ == MEMORY_MAX_SPANS)
                        return -E2BIG;
                *span = (struct span){
                    .start = map->start, .end = map->end, .first = m->n_pages, .view = image_of(map)};
                span->is_file = map->inode != 0 && span->view == NULL;
                m->n_pages += (map->end - map->start) / MEMORY_PAGE;
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
        if (pages * MEMORY_PAGE > most_bytes())
                return -ENOMEM;
        *ret_why = "reserve memory";
        m->slots_bytes =
            (m->n_pages * (sizeof *m->slots + sizeof *m->heat) + MEMORY_PAGE) & ~(MEMORY_PAGE - 1);
        m->saved_bytes = (pages + 512) * MEMORY_PAGE; /* what is touched on the way */
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
                r = memory_watch(m, m->spans[i].start, m->spans[i].end);
        for (size_t i = 0; r == 0 && i < m->n_spans; i++)
                r = save_span(m, &m->spans[i]);
        if (r == 0)
                r = seal_saved(m);
        for (size_t i = 0; r == 0 && i < m->n_spans; i++)
                r = memory_protect(m, m->spans[i].start, m->spans[i].end);
        return r < 0 ? r : maps_read(&m->before);
}

const struct span *memory_span_of(const struct memory *m, uintptr_t start)
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

const char *memory_original(const struct memory *m, const struct span *span, uintptr_t at)
{
        const size_t page = (at - span->start) / MEMORY_PAGE;
        const uint32_t slot = m->slots[span->first + page];

        if (slot != 0)
                return m->saved + (slot - 1) * MEMORY_PAGE;
        return span->view != NULL ? span->view + page * MEMORY_PAGE : NULL;
}
