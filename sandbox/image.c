/* How it works: the pages that are there are written to the file, then the file is mapped in their place.
 * What is moved may not change in between, this program's own variables included; the stack stays where it
 * is. */
#include "sandbox/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox/fds.h"
#include "sandbox/memory.h"
#include "sandbox/pagemap.h"
#include "spec/base/cleanup.h"

#define PAGE           ((uintptr_t)4096)
#define MAX_PARTS      512
#define LEAST_PART     64    /* pages of a mapping */
#define LEAST_PAGES    2048l /* in all: fewer are copied as fast */
#define LEAST_TESTS    16l
#define PAGES_PER_TEST 3200l /* at most: a test that is put back saves some 5 ms */
#define FOUND          512

struct image {
        dev_t device;
        ino_t inode;
        const char *view;
        int fd;
};
static struct image images[IMAGE_MAX];
static size_t n_images;

/* What one call works with, beside the memory that it moves. */
struct work {
        struct maps maps;
        struct page_region found[FOUND];
        const struct map *parts[MAX_PARTS];
        size_t n_parts;
        long pages;
        off_t size;
        int pagemap, fd;
};

static bool is_part(const struct work *w, const struct map *map)
{
        const uintptr_t own = (uintptr_t)w;

        return !map->is_shared && map->kind == MAPPED_ORDINARY && map->inode == 0 &&
               (map->prot & PROT_WRITE) != 0 && map->end - map->start >= LEAST_PART * PAGE &&
               !(own >= map->start && own < map->end);
}

/* Calls BODY for each run of pages that are there. */
static int each_run(struct work *w, const struct map *map,
                    int (*body)(struct work *w, const struct map *map, uintptr_t start, uintptr_t end))
{
        const uint64_t there = PAGE_CATEGORY_THERE | PAGE_CATEGORY_SWAPPED;

        for (uintptr_t at = map->start; at < map->end;) {
                struct page_scan s = {.size = sizeof s,
                                      .start = at,
                                      .end = map->end,
                                      .vec = (uintptr_t)w->found,
                                      .vec_len = FOUND,
                                      .category_anyof_mask = there,
                                      .return_mask = there};
                const int n = ioctl(w->pagemap, PAGEMAP_SCAN_IOCTL, &s);

                if (n < 0)
                        return -errno;
                for (int i = 0; i < n; i++) {
                        const int r = body(w, map, w->found[i].start, w->found[i].end);

                        if (r < 0)
                                return r;
                }
                at = s.walk_end;
        }
        return 0;
}

static int count(struct work *w, const struct map *map, uintptr_t start, uintptr_t end)
{
        (void)map;
        w->pages += (long)((end - start) / PAGE);
        return 0;
}

/* W->size: where the mapping begins in the file. */
static int write_out(struct work *w, const struct map *map, uintptr_t start, uintptr_t end)
{
        while (start < end) {
                const ssize_t n =
                    pwrite(w->fd, (const void *)start, end - start, w->size + (off_t)(start - map->start));

                if (n <= 0)
                        return n < 0 ? -errno : -EIO;
                start += (uintptr_t)n;
        }
        return 0;
}

static int choose(struct work *w)
{
        int r = maps_read(&w->maps);

        for (size_t i = 0; r == 0 && i < w->maps.n && w->n_parts < MAX_PARTS; i++)
                if (is_part(w, &w->maps.v[i])) {
                        w->parts[w->n_parts++] = &w->maps.v[i];
                        r = each_run(w, &w->maps.v[i], count);
                }
        return r;
}

static int fill(struct work *w)
{
        off_t size = 0;
        int r = 0;

        for (size_t i = 0; i < w->n_parts; i++)
                size += (off_t)(w->parts[i]->end - w->parts[i]->start);
        if (ftruncate(w->fd, size) < 0)
                return -errno;
        for (size_t i = 0; r == 0 && i < w->n_parts; i++) {
                r = each_run(w, w->parts[i], write_out);
                w->size += (off_t)(w->parts[i]->end - w->parts[i]->start);
        }
        if (r == 0 && fcntl(w->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
                r = -errno;
        return r;
}

/* Maps the file over what it was made from; what is not exchanged is as good as before. */
static int exchange(struct work *w)
{
        struct image image;
        struct stat st;
        off_t offset = 0;
        int r = 0;

        if (fstat(w->fd, &st) < 0)
                return -errno;
        image =
            (struct image){st.st_dev, st.st_ino,
                           mmap(NULL, (size_t)w->size, PROT_READ, MAP_SHARED | MAP_NORESERVE, w->fd, 0), -1};
        if (image.view == MAP_FAILED)
                return -errno;
        for (size_t i = 0; r == 0 && i < w->n_parts; i++) {
                const struct map *map = w->parts[i];
                const size_t size = map->end - map->start;

                if (mmap((void *)map->start, size, map->prot, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, w->fd,
                         offset) == MAP_FAILED)
                        r = -errno;
                offset += (off_t)size;
        }
        image.fd = fds_move_up(w->fd);
        w->fd = -1;
        images[n_images++] = image;
        return r;
}

static bool is_alone(void)
{
        struct stat st;

        return stat("/proc/self/task", &st) == 0 && st.st_nlink == 3;
}

static long take(struct work *w, long tests)
{
        int r = tests >= LEAST_TESTS ? choose(w) : 0;

        if (r < 0 || w->pages < LEAST_PAGES || w->pages / PAGES_PER_TEST > tests)
                return r;
        w->fd = memfd_create("tach-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (w->fd < 0)
                return -errno;
        r = fill(w);
        if (r == 0)
                r = exchange(w);
        if (w->fd >= 0)
                (void)close(w->fd);
        return r < 0 ? r : w->pages;
}

long image_take(long tests)
{
        struct rlimit largest;
        struct work *w;
        long r;

        if (!is_alone())
                return -EAGAIN;
        if (n_images == IMAGE_MAX || getrlimit(RLIMIT_FSIZE, &largest) < 0 ||
            largest.rlim_cur != RLIM_INFINITY)
                return 0;
        CLEANUP_CLOSE int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        if (pagemap < 0)
                return -errno;
        w = memory_new(sizeof *w);
        if (w == NULL)
                return -ENOMEM;
        w->pagemap = pagemap;
        r = take(w, tests);
        memory_free(w, sizeof *w);
        return r;
}

static const struct image *find(const struct map *map)
{
        for (size_t i = 0; i < n_images; i++)
                if (map->inode == images[i].inode && makedev(map->major, map->minor) == images[i].device)
                        return &images[i];
        return NULL;
}

size_t image_fds(int *ret)
{
        for (size_t i = 0; i < n_images; i++)
                ret[i] = images[i].fd;
        return n_images;
}

int image_map(const struct map *map, uintptr_t start, uintptr_t end)
{
        const struct image *image = find(map);

        if (image == NULL)
                return -ENOENT;
        return mmap((void *)start, end - start, map->prot, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, image->fd,
                    (off_t)(map->offset + (start - map->start))) == MAP_FAILED
                   ? -errno
                   : 0;
}

const char *image_of(const struct map *map)
{
        const struct image *image = find(map);

        return image != NULL ? image->view + map->offset : NULL;
}
