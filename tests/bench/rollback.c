/* Measures what putting a process back costs, beside a fork of it whose child writes the same pages and ends:
 * by pages written, and by the size of what is saved. Prints microseconds and their ratio; medians. */
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/image.h"
#include "sandbox/memory.h"
#include "sandbox/rollback.h"
#include "sandbox/state.h"

#define PAGE        4096u
#define ROUNDS      24
#define MAPPINGS    200
#define DESCRIPTORS 10

/* Outlives a rollback. */
struct times {
        double begin, back[ROUNDS + 1], fork[ROUNDS], image, point;
};

static double now_us(void)
{
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
        qsort(v, n, sizeof *v, ascending);
        return v[n / 2];
}

static void write_pages(char *memory, size_t pages, size_t n)
{
        for (size_t i = 0; i < n; i++)
                memory[i * (pages / n) * PAGE]++;
}

/* In a process of its own: SIZE bytes, of which N pages are written each time. */
static void measure(struct times *t, size_t size, size_t n)
{
        static struct rollback *rollback;
        char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        const char *why;
        int times;

        if (memory == MAP_FAILED)
                _exit(1);
        memset(memory, 1, size);
        for (int i = 0; i < ROUNDS; i++) {
                const double begin = now_us();
                const pid_t pid = fork();

                if (pid == 0) {
                        write_pages(memory, size / PAGE, n);
                        _exit(0);
                }
                (void)waitpid(pid, NULL, 0);
                t->fork[i] = now_us() - begin;
        }
        t->begin = now_us();
        if (image_take(LONG_MAX) < 0)
                _exit(1);
        t->image = now_us() - t->begin;
        t->begin = now_us();
        times = rollback_point(&rollback, -1, -1, 0, &why);
        if (times < 0) {
                (void)fprintf(stderr, "%s: %s\n", why, strerror(-times));
                _exit(1);
        }
        if (times == 0)
                t->point = now_us() - t->begin;
        else
                t->back[times - 1] = now_us() - t->begin;
        if (times == ROUNDS)
                _exit(0);
        t->begin = now_us(); /* writing is counted, as it is for the fork */
        write_pages(memory, size / PAGE, n);
        (void)rollback_back(rollback);
        _exit(1);
}

static int row(size_t megabytes, size_t n)
{
        struct times *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        double back, forked;
        int status;
        pid_t pid;

        (void)fflush(stdout);
        pid = t != MAP_FAILED ? fork() : -1;
        if (pid == 0)
                measure(t, megabytes << 20, n);
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
                return 1;
        back = median(t->back, ROUNDS);
        forked = median(t->fork, ROUNDS);
        (void)printf(
            "%6zu MiB %7zu pages: rollback %8.0f us, fork %8.0f us, ratio %.2f; the image took %.0f us, "
            "once, the point %.0f us, in each process\n",
            megabytes, n, back, forked, back / forked, t->image, t->point);
        (void)munmap(t, sizeof *t);
        return 0;
}

/* What is looked at after every test, in a process that has as much mapped and open as an interpreter. */
static int proof(void)
{
        const size_t size = 4096;
        struct state *state = memory_new(sizeof *state);
        struct memory *memory = memory_new(sizeof *memory);
        double took[ROUNDS * 4];
        const char *why = NULL;

        if (state == NULL || memory == NULL)
                return 1;
        for (size_t i = 0; i < MAPPINGS; i++) {
                const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

                if (mmap(NULL, size, i % 2 == 0 ? PROT_READ : PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) ==
                    MAP_FAILED)
                        return 1;
                if (i >= DESCRIPTORS)
                        (void)close(fd);
        }
        memset(state->own, -1, sizeof state->own);
        if (state_take(state, &why) < 0 || maps_read(&memory->before) < 0) {
                (void)fprintf(stderr, "%s\n", why);
                return 1;
        }
        for (size_t i = 0; i < sizeof took / sizeof *took; i++) {
                const double begin = now_us();

                why = state_check(state);
                if (why == NULL)
                        why = memory_check(memory);
                took[i] = now_us() - begin;
                if (why != NULL) {
                        (void)fprintf(stderr, "%s\n", why);
                        return 1;
                }
        }
        (void)printf("the proof, with %zu mappings and %d descriptors: %.0f us\n", memory->before.n,
                     DESCRIPTORS, median(took, sizeof took / sizeof *took));
        return 0;
}

int main(void)
{
        static const size_t sizes[] = {30, 60, 120, 240, 500, 1000},
                            pages[] = {10, 100, 1000, 10000, 50000, 100000};
        int r = 0;

        if (!rollback_is_possible()) {
                (void)puts("this kernel cannot put a process back (Linux 6.7 can)");
                return 0;
        }
        for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
                r |= row(pages[i] > 50000 ? 1000 : pages[i] > 5000 ? 240 : 30, pages[i]);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
                r |= row(sizes[i], 700);
        return r | proof();
}
