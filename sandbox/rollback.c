/* How it works: all that is done to the memory is done on a stack of its own, in memory that is not put back;
 * registers come back with the context that was saved at the point. */
#include "sandbox/rollback.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "sandbox/fds.h"
#include "sandbox/memory.h"
#include "sandbox/state.h"
#include "spec/base/cleanup.h"

#define STACK_BYTES (256 * 1024)

struct rollback {
        ucontext_t point, left, own;
        int times, verify, r;
        const char *why;
        char differs[160];
        struct memory memory;
        struct state state;
        char stack[STACK_BYTES] __attribute__((aligned(64)));
};

/* What tests must not reach by accident. */
static struct range {
        void *start;
        size_t size;
} locked[2];
static char differs[160];

static void lock(int prot)
{
        for (size_t i = 0; i < sizeof locked / sizeof *locked; i++)
                if (mprotect(locked[i].start, (locked[i].size + 4095) & ~(size_t)4095, prot) < 0)
                        _exit(ROLLBACK_BROKEN);
}

const char *rollback_differs(void)
{
        return differs;
}

/* The first time: takes everything. */
static void take(struct rollback *r)
{
        r->r = state_take(&r->state, &r->why);
        if (r->r == 0)
                r->r = memory_prepare(&r->memory, &r->why);
        if (r->r < 0)
                return;
        locked[0] = (struct range){r, sizeof *r};
        locked[1] = (struct range){r->memory.slots, r->memory.slots_bytes};
        r->r = memory_take(&r->memory, &r->why);
}

static void verify(struct rollback *r)
{
        if (memory_verify(&r->memory) < 0)
                (void)snprintf(r->differs, sizeof r->differs, "a %s at %#zx is not as it was",
                               r->memory.differs, (size_t)r->memory.differs_at);
        else if ((r->why = state_check(&r->state)) != NULL)
                (void)snprintf(r->differs, sizeof r->differs, "not as it was: %s", r->why);
}

static void run(struct rollback *r)
{
        take(r);
        for (;;) {
                if (r->verify && r->times > 0)
                        verify(r);
                (void)swapcontext(&r->own, &r->point);
                for (;;) {
                        r->why = state_check(&r->state);
                        if (r->why == NULL)
                                r->why = memory_check(&r->memory);
                        if (r->why == NULL)
                                break;
                        (void)swapcontext(&r->own, &r->left);
                }
                if (r->times == INT_MAX || memory_back(&r->memory) < 0 || state_back(&r->state) < 0)
                        _exit(ROLLBACK_BROKEN);
                r->times++;
        }
}

static void enter(unsigned low, unsigned high)
{
        run((struct rollback *)((uintptr_t)high << 32 | low));
}

int rollback_point(struct rollback **ret, int own, int other, int verify, const char **ret_why)
{
        struct rollback *r = memory_new(sizeof *r);

        *ret_why = "open userfaultfd";
        if (r == NULL)
                return -ENOMEM;
        r->memory.uffd = memory_open_uffd();
        if (r->memory.uffd < 0)
                return r->memory.uffd;
        r->memory.uffd = fds_move_up(r->memory.uffd);
        r->memory.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        *ret_why = "open /proc/self/pagemap";
        if (r->memory.pagemap < 0)
                return -errno;
        r->memory.pagemap = fds_move_up(r->memory.pagemap);
        r->state.own[0] = r->memory.uffd;
        r->state.own[1] = r->memory.pagemap;
        r->state.own[2] = own;
        r->state.own[3] = other;
        r->verify = verify;
        memory_own(&r->memory, r, sizeof *r);
        r->memory.stack = (uintptr_t)__builtin_frame_address(0) - 1024;
        *ret = r;
        if (getcontext(&r->own) < 0)
                return -errno;
        sigfillset(&r->own.uc_sigmask); /* what is pending stays that */
        r->own.uc_stack.ss_sp = r->stack;
        r->own.uc_stack.ss_size = sizeof r->stack;
        makecontext(&r->own, (void (*)(void))enter, 2, (unsigned)(uintptr_t)r,
                    (unsigned)((uintptr_t)r >> 32));
        if (swapcontext(&r->point, &r->own) < 0)
                return -errno;
        *ret_why = r->why;
        if (r->r < 0)
                return r->r;
        (void)snprintf(differs, sizeof differs, "%s", r->differs);
        const int times = r->times;

        lock(PROT_NONE);
        return times;
}

const char *rollback_back(struct rollback *r)
{
        lock(PROT_READ | PROT_WRITE);
        (void)swapcontext(&r->left, &r->own);
        return r->why;
}

int rollback_is_possible(void)
{
        CLEANUP_CLOSE int uffd = memory_open_uffd();
        CLEANUP_CLOSE int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        struct page_region found;
        struct page_scan s = {.size = sizeof s,
                              .start = (uintptr_t)&found & ~(uintptr_t)4095,
                              .vec = (uintptr_t)&found,
                              .vec_len = 1,
                              .category_mask = PAGE_CATEGORY_THERE,
                              .return_mask = PAGE_CATEGORY_THERE};

        s.end = s.start + 4096;
        return uffd >= 0 && pagemap >= 0 && ioctl(pagemap, PAGEMAP_SCAN_IOCTL, &s) >= 0;
}
