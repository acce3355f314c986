/* How it works: a store is written beside its place, under a lock of the folder, and renamed. Nothing is
 * synced: what a crash leaves half written is told by its checksums. */
#include "runtime/discover/tree_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/blake2.h"
#include "spec/base/cleanup.h"

#define DAY        ((time_t)24 * 60 * 60)
#define NAME_BYTES 16 /* of the root's hash in a store's name */

static const char ending[] = ".trees", fresh[] = ".writing";
static const char tag[] = "Signature: 8a477f597d28d172789f06886806bc55\n"
                          "# This folder is a cache of tach: it can be deleted at any time.\n";

/* Whether FD is the user's, and only the user can write it. */
static bool is_ours(int fd, mode_t type)
{
        struct stat st;

        return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == geteuid() &&
               (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The folder NAME in AT (a path, where AT is AT_FDCWD), made where it is missing and may be MADE. */
static int open_folder(int at, const char *name, bool made)
{
        int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (at == AT_FDCWD ? 0 : O_NOFOLLOW);
        int fd = openat(at, name, flags);

        if (fd < 0 && errno == ENOENT && made && mkdirat(at, name, 0700) == 0)
                fd = openat(at, name, flags);
        return fd < 0 ? -errno : fd;
}

/* Of another user's home (sudo without -H) nothing is made, so it need not be cleaned up by its owner. */
static int open_place(bool made)
{
        const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
        bool given = cache != NULL && cache[0] == '/';
        CLEANUP_CLOSE int base = -EBADF, outer = -EBADF;
        int fd;

        if (!given && (home == NULL || home[0] != '/'))
                return -ENOENT;
        outer = open_folder(AT_FDCWD, given ? cache : home, given && made);
        if (outer < 0)
                return outer;
        if (!is_ours(outer, S_IFDIR))
                return -EPERM;
        base = given ? TAKE_FD(outer) : open_folder(outer, ".cache", made);
        if (base < 0)
                return base;
        fd = open_folder(base, "tach", made);
        if (fd >= 0 && !is_ours(fd, S_IFDIR)) {
                (void)close(fd);
                return -EPERM;
        }
        return fd;
}

static void name_of(const char *root, char name[2 * NAME_BYTES + sizeof ending])
{
        uint8_t hash[BLAKE2_SIZE];

        blake2b(hash, root, strlen(root));
        for (size_t i = 0; i < NAME_BYTES; i++)
                (void)sprintf(name + i * 2, "%02x", hash[i]);
        (void)strcpy(name + (size_t)2 * NAME_BYTES, ending);
}

int tree_place_read(const char *root)
{
        static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
        CLEANUP_CLOSE int place = open_place(false);
        CLEANUP_CLOSE int fd = -EBADF;
        char name[2 * NAME_BYTES + sizeof ending];
        struct stat st;

        if (place < 0)
                return place;
        name_of(root, name);
        fd = openat(place, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (!is_ours(fd, S_IFREG))
                return -EPERM;
        if (fstat(fd, &st) == 0 && st.st_mtime < time(NULL) - DAY)
                (void)futimens(fd, now); /* it is of use: others go first */
        return TAKE_FD(fd);
}

static bool ends_with(const char *name, const char *end)
{
        size_t n = strlen(name), m = strlen(end);

        return n > m && strcmp(name + n - m, end) == 0;
}

/* Makes room: removes the oldest store but KEPT where there are too many or they are too large, and what was
 * left by a tach that was killed. Returns whether there may be more to remove. */
static bool drop_one(int place, const char *kept)
{
        char oldest[NAME_MAX + 1] = "";
        int fd = openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        struct stat st, first = {0};
        const struct dirent *e;
        long long bytes = 0;
        int files = 0;

        if (dir == NULL) {
                if (fd >= 0)
                        (void)close(fd);
                return false;
        }
        while ((e = readdir(dir)) != NULL) {
                if (fstatat(place, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
                        continue;
                if (ends_with(e->d_name, fresh) && st.st_mtime < time(NULL) - DAY)
                        (void)unlinkat(place, e->d_name, 0);
                if (!ends_with(e->d_name, ending))
                        continue;
                bytes += st.st_size;
                files++;
                if (strcmp(e->d_name, kept) != 0 && (oldest[0] == '\0' || st.st_mtime < first.st_mtime)) {
                        (void)strcpy(oldest, e->d_name);
                        first = st;
                }
        }
        (void)closedir(dir);
        return (files > TREE_PLACE_FILES || bytes > TREE_PLACE_BYTES) && oldest[0] != '\0' &&
               unlinkat(place, oldest, 0) == 0;
}

static void put_tag(int place)
{
        CLEANUP_CLOSE int fd =
            openat(place, "CACHEDIR.TAG", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);

        if (fd >= 0 && write(fd, tag, sizeof tag - 1) != (ssize_t)sizeof tag - 1)
                (void)unlinkat(place, "CACHEDIR.TAG", 0);
}

int tree_place_write(const char *root, int (*write_it)(void *ctx, int fd), void *ctx)
{
        CLEANUP_CLOSE int place = open_place(true);
        CLEANUP_CLOSE int fd = -EBADF;
        char name[2 * NAME_BYTES + sizeof ending], temporary[64];
        int r;

        if (place < 0)
                return place;
        if (flock(place, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EAGAIN : -errno;
        name_of(root, name);
        (void)snprintf(temporary, sizeof temporary, "%ld%s", (long)getpid(), fresh);
        (void)unlinkat(place, temporary, 0); /* of a process that had the same number */
        fd = openat(place, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_it(ctx, fd);
        if (r == 0 && renameat(place, temporary, place, name) < 0)
                r = -errno;
        if (r < 0) {
                (void)unlinkat(place, temporary, 0);
                return r;
        }
        put_tag(place);
        while (drop_one(place, name))
                ;
        return 0;
}
