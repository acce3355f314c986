/* How it works: what is asked of the kernel, a function a call. */
#include "sandbox/memory_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

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

bool memory_is_own(const struct memory *m, uintptr_t start, uintptr_t end)
{
        for (size_t i = 0; i < m->n_own; i++)
                if (start < m->own[i].end && end > m->own[i].start)
                        return true;
        return false;
}

/* Between two pages that nothing can reach: no run of a test's memory ends here, nor are both read as one. */
void *memory_new(size_t size)
{
        char *p =
            mmap(NULL, size + 2 * MEMORY_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED || mprotect(p + MEMORY_PAGE, size, PROT_READ | PROT_WRITE) < 0)
                return NULL;
        (void)madvise(p, size + 2 * MEMORY_PAGE,
                      MADV_DONTFORK); /* children that a test forks have no use for it */
        return p + MEMORY_PAGE;
}

void memory_free(void *memory, size_t size)
{
        (void)munmap((char *)memory - MEMORY_PAGE, size + 2 * MEMORY_PAGE);
}

int memory_protect(const struct memory *m, uintptr_t start, uintptr_t end)
{
        struct uffdio_writeprotect w = {.range = {start, end - start}, .mode = UFFDIO_WRITEPROTECT_MODE_WP};

        while (ioctl(m->uffd, UFFDIO_WRITEPROTECT, &w) < 0)
                if (errno != EAGAIN)
                        return -errno;
        return 0;
}

int memory_watch(const struct memory *m, uintptr_t start, uintptr_t end)
{
        struct uffdio_register r = {.range = {start, end - start}, .mode = UFFDIO_REGISTER_MODE_WP};

        return ioctl(m->uffd, UFFDIO_REGISTER, &r) < 0 ? -errno : 0;
}

long memory_scan(struct memory *m, uintptr_t *start, uintptr_t end, uint64_t flags, uint64_t any,
                 uint64_t none)
{
        /* the kernel has a shorter way where only what was written is asked for */
        const uint64_t only = none == 0 && any == PAGE_CATEGORY_WRITTEN ? any : 0;
        struct page_scan s = {.size = sizeof s,
                              .flags = flags,
                              .category_inverted = none,
                              .category_mask = none | only,
                              .start = *start,
                              .end = end,
                              .vec = (uintptr_t)m->found,
                              .vec_len = MEMORY_FOUND,
                              .category_anyof_mask = any & ~only,
                              .return_mask = any};
        const long n = ioctl(m->pagemap, PAGEMAP_SCAN_IOCTL, &s);

        if (n < 0)
                return -errno;
        *start = s.walk_end;
        return n;
}

uintptr_t memory_rseq(void)
{
#if defined(__x86_64__)
        return (uintptr_t)pthread_self() + (uintptr_t)__rseq_offset;
#else
        return (uintptr_t)__builtin_thread_pointer() + (uintptr_t)__rseq_offset;
#endif
}
