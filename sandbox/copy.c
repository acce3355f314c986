/* How it works: by directory descriptors only; a name is opened without following links, and what lies on
 * another device is a mount of its own. */
#include "sandbox/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

#define MAX_DEPTH 64

struct copying {
        dev_t device;
        size_t left; /* bytes */
        int depth;
        const char *what, *hint; /* of an error: what is too much, and the way out */
        struct error *err;
};

static int copy_folder(struct copying *c, int from, int to);

static int copy_bytes(struct copying *c, int from, int to, off_t size, const char *name)
{
        if ((size_t)size > c->left) {
                int r = error_set(c->err, "cell", EFBIG, "copy %s: more than %u MiB %s", name,
                                  COPY_MAX_BYTES >> 20, c->what);

                error_hint(c->err, "%s", c->hint);
                return r;
        }
        c->left -= (size_t)size;
        while (size > 0) {
                ssize_t n = sendfile(to, from, NULL, (size_t)size);

                if (n < 0)
                        return error_set(c->err, "cell", errno, "copy %s", name);
                if (n == 0)
                        break;
                size -= n;
        }
        return 0;
}

static int copy_regular(struct copying *c, int from_dir, int to_dir, const char *name, const struct stat *st)
{
        const struct timespec times[2] = {st->st_atim, st->st_mtim};
        int r;

        CLEANUP_CLOSE int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
        if (from < 0)
                return errno == EACCES || errno == ENOENT ? 0
                                                          : error_set(c->err, "cell", errno, "open %s", name);
        CLEANUP_CLOSE int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (to < 0)
                return errno == EEXIST ? 0 : error_set(c->err, "cell", errno, "make %s", name);
        r = copy_bytes(c, from, to, st->st_size, name);
        if (r == 0 && (fchmod(to, st->st_mode & 07777) < 0 || futimens(to, times) < 0))
                r = error_set(c->err, "cell", errno, "copy %s", name);
        return r;
}

static int copy_link(struct copying *c, int from_dir, int to_dir, const char *name)
{
        char target[PATH_MAX];
        ssize_t n = readlinkat(from_dir, name, target, sizeof target - 1);

        if (n < 0)
                return errno == ENOENT ? 0 : error_set(c->err, "cell", errno, "read the link %s", name);
        target[n] = '\0';
        return symlinkat(target, to_dir, name) < 0 && errno != EEXIST
                   ? error_set(c->err, "cell", errno, "make the link %s", name)
                   : 0;
}

static int copy_one(struct copying *c, int from_dir, int to_dir, const char *name)
{
        struct stat st;
        int r;

        if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_set(c->err, "cell", errno, "stat %s", name);
        if (st.st_dev != c->device)
                return 0;
        if (S_ISREG(st.st_mode))
                return copy_regular(c, from_dir, to_dir, name, &st);
        if (S_ISLNK(st.st_mode))
                return copy_link(c, from_dir, to_dir, name);
        if (!S_ISDIR(st.st_mode))
                return 0;
        CLEANUP_CLOSE int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (from < 0)
                return errno == EACCES || errno == ENOENT ? 0
                                                          : error_set(c->err, "cell", errno, "open %s", name);
        if (mkdirat(to_dir, name, 0700) < 0 && errno != EEXIST)
                return error_set(c->err, "cell", errno, "make %s", name);
        CLEANUP_CLOSE int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (to < 0)
                return error_set(c->err, "cell", errno, "open the copy of %s", name);
        r = copy_folder(c, from, to);
        /* where something is mounted, the folder is read-only and stays as it is */
        if (r == 0 && fchmod(to, st.st_mode & 07777) < 0 && errno != EROFS)
                r = error_set(c->err, "cell", errno, "copy the mode of %s", name);
        return r;
}

static int copy_folder(struct copying *c, int from, int to)
{
        int list = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = list >= 0 ? fdopendir(list) : NULL;
        struct dirent *e;

        if (dir == NULL) {
                if (list >= 0)
                        (void)close(list);
                return error_set(c->err, "cell", errno, "read a folder of /tmp");
        }
        if (++c->depth > MAX_DEPTH)
                r = error_set(c->err, "cell", ELOOP, "the suite left more than %d folders deep in /tmp",
                              MAX_DEPTH);
        while (r == 0 && (e = readdir(dir)) != NULL)
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        r = copy_one(c, from, to, e->d_name);
        c->depth--;
        (void)closedir(dir);
        return r;
}

int copy_tree(int from_fd, int to_fd, struct error *err)
{
        struct copying c = {.left = COPY_MAX_BYTES,
                            .what = "left in /tmp by the suite while it was imported",
                            .hint = "make large files in a fixture, or keep them in the project",
                            .err = err};
        struct stat st;

        CLEANUP_CLOSE int from = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CLEANUP_CLOSE int to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (from < 0 || to < 0 || fstat(from, &st) < 0)
                return error_set(err, "cell", errno, "open a private folder");
        c.device = st.st_dev;
        return copy_folder(&c, from, to);
}

static int copy_entry_only(struct copying *c, int from, int to, const char *name)
{
        struct stat st;

        if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_set(c->err, "cell", errno, "stat %s", name);
        if (S_ISDIR(st.st_mode))
                return mkdirat(to, name, 0700) < 0 || fchmodat(to, name, st.st_mode & 07777, 0) < 0
                           ? error_set(c->err, "cell", errno, "make %s", name)
                           : 0;
        if (S_ISLNK(st.st_mode))
                return copy_link(c, from, to, name);
        if (!S_ISREG(st.st_mode))
                return 0;
        if (st.st_dev == c->device)
                return copy_regular(c, from, to, name, &st);
        CLEANUP_CLOSE int fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        return fd < 0 ? error_set(c->err, "cell", errno, "make %s", name) : 0;
}

int copy_folder_only(int from_fd, int to_fd, struct error *err)
{
        struct copying c = {.left = COPY_MAX_BYTES,
                            .what = "in one folder of the project that has a mount below it",
                            .hint = "unmount it, or move the large files to a folder of their own",
                            .err = err};
        int list = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = list >= 0 ? fdopendir(list) : NULL;
        struct timespec times[2];
        struct dirent *e;
        struct stat st;

        if (dir == NULL || fstat(from_fd, &st) < 0) {
                r = error_set(err, "cell", errno, "read a folder of the project");
                if (dir != NULL)
                        (void)closedir(dir);
                else if (list >= 0)
                        (void)close(list);
                return r;
        }
        c.device = st.st_dev;
        while (r == 0 && (e = readdir(dir)) != NULL)
                if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
                        r = copy_entry_only(&c, from_fd, to_fd, e->d_name);
        (void)closedir(dir);
        times[0] = st.st_atim;
        times[1] = st.st_mtim;
        return r == 0 && futimens(to_fd, times) < 0 ? error_set(err, "cell", errno, "set a folder's times")
                                                    : r;
}
