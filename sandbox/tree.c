/* How it works: what is written is first a file of another name in the same folder, which is then renamed. */
#include "sandbox/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

#define CHUNK     65536
#define TEMPORARY 40 /* bytes of a temporary name */
#define RWX       0777

int tree_folder(int top_fd, const char *path)
{
        const struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
                                     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
                                                RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV};
        int fd;

        do
                fd = sys_openat2(top_fd, path[0] != '\0' ? path : ".", &how);
        while (fd < 0 && errno == EAGAIN);
        return fd < 0 ? -errno : fd;
}

/* Names that nothing of the run has; a leftover of another one is passed over. */
static void next_name(char name[TEMPORARY])
{
        static unsigned count;

        (void)snprintf(name, TEMPORARY, ".tach-keep-%d-%u", (int)getpid(), count++);
}

int tree_make_folder(int dir_fd, const char *name, mode_t mode)
{
        struct stat st;

        if (mkdirat(dir_fd, name, 0700) < 0 && errno != EEXIST)
                return -errno;
        CLEANUP_CLOSE int fd = tree_folder(dir_fd, name);
        if (fd < 0)
                return fd;
        if (fstat(fd, &st) < 0)
                return -errno;
        /* what a folder hands down to those in it (setgid) stays */
        if ((st.st_mode & RWX) != (mode & RWX) && fchmod(fd, (st.st_mode & 07000) | (mode & RWX)) < 0)
                return -errno;
        return 0;
}

static int write_all(int fd, const char *bytes, size_t n)
{
        while (n > 0) {
                ssize_t w = write(fd, bytes, n);

                if (w < 0 && errno != EINTR)
                        return -errno;
                bytes += w > 0 ? w : 0;
                n -= w > 0 ? (size_t)w : 0;
        }
        return 0;
}

static ssize_t read_some(int fd, char *bytes)
{
        ssize_t n;

        do
                n = read(fd, bytes, CHUNK);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : n;
}

static int copy(int from_fd, int to_fd, off_t most)
{
        char bytes[CHUNK];
        ssize_t n;
        int r = 0;

        while (r == 0 && (n = read_some(from_fd, bytes)) != 0) {
                most -= n;
                r = n < 0 ? (int)n : most < 0 ? -EFBIG : write_all(to_fd, bytes, (size_t)n);
        }
        return r;
}

int tree_put_file(int dir_fd, const char *name, int from_fd, const struct stat *st, off_t most)
{
        const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, st->st_mtim};
        char temporary[TEMPORARY];
        int r;

        if (lseek(from_fd, 0, SEEK_SET) < 0)
                return -errno;
        do {
                next_name(temporary);
                r = openat(dir_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        } while (r < 0 && errno == EEXIST);
        CLEANUP_CLOSE int fd = r;
        if (fd < 0)
                return -errno;
        r = copy(from_fd, fd, most);
        if (r == 0 && (fchmod(fd, st->st_mode & RWX) < 0 || futimens(fd, times) < 0 ||
                       renameat(dir_fd, temporary, dir_fd, name) < 0))
                r = -errno;
        if (r < 0)
                (void)unlinkat(dir_fd, temporary, 0);
        return r;
}

int tree_put_link(int dir_fd, const char *name, const char *target)
{
        char temporary[TEMPORARY];
        int r;

        do {
                next_name(temporary);
                r = symlinkat(target, dir_fd, temporary) < 0 ? -errno : 0;
        } while (r == -EEXIST);
        if (r == 0 && renameat(dir_fd, temporary, dir_fd, name) < 0) {
                r = -errno;
                (void)unlinkat(dir_fd, temporary, 0);
        }
        return r;
}

int tree_has_file(int dir_fd, const char *name, int from_fd, const struct stat *st)
{
        char a[CHUNK], b[CHUNK];
        struct stat here;
        ssize_t n, m;

        if (lseek(from_fd, 0, SEEK_SET) < 0 || fstatat(dir_fd, name, &here, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(here.st_mode) || here.st_size != st->st_size ||
            (here.st_mode & RWX) != (st->st_mode & RWX))
                return 0;
        CLEANUP_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return 0;
        do {
                n = read_some(from_fd, a);
                m = read_some(fd, b);
        } while (n > 0 && n == m && memcmp(a, b, (size_t)n) == 0);
        return n == 0 && m == 0;
}

int tree_has_link(int dir_fd, const char *name, const char *target)
{
        char here[PATH_MAX];
        ssize_t n = readlinkat(dir_fd, name, here, sizeof here);

        return n >= 0 && (size_t)n < sizeof here && (size_t)n == strlen(target) &&
               memcmp(here, target, (size_t)n) == 0;
}
