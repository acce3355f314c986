/* How it works: every entry is opened once, as O_PATH and without following links; that pins what it is, so
 * that a FIFO is never opened for reading. What follows goes through /proc/self/fd. Who reads has no
 * capabilities: modes that forbid the owner to read are widened in the layer, which nobody needs any more. */
#include "sandbox/upper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

struct walk {
        upper_visit visit;
        void *context;
        size_t *left;
        char path[PATH_MAX];
        int depth;
};

struct names {
        char **v;
        size_t n;
};

static void names_finish(struct names *names)
{
        for (size_t i = 0; i < names->n; i++)
                free(names->v[i]);
        free(names->v);
}

static int in_order(const void *a, const void *b)
{
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *own_path(int fd, char buf[40])
{
        (void)snprintf(buf, 40, "/proc/self/fd/%d", fd);
        return buf;
}

/* The attribute user.overlay.NAME of the file behind FD begins with VALUE (NULL: is there). */
static int has_mark(int fd, const char *name, const char *value)
{
        char path[40], attribute[40], text[8];
        ssize_t n;

        (void)snprintf(attribute, sizeof attribute, "user.overlay.%s", name);
        n = getxattr(own_path(fd, path), attribute, text, sizeof text);
        return n >= 0 && (value == NULL || (n > 0 && text[0] == value[0]));
}

static int widen(int fd, const struct stat *st, mode_t need)
{
        char path[40];

        if ((st->st_mode & need) == need)
                return 0;
        return chmod(own_path(fd, path), (st->st_mode & 0777) | need) < 0 ? -errno : 0;
}

int upper_open(int fd, const struct stat *st)
{
        char path[40];
        int r = S_ISREG(st->st_mode) ? widen(fd, st, S_IRUSR) : -EINVAL;

        if (r < 0)
                return r;
        r = open(own_path(fd, path), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        return r < 0 ? -errno : r;
}

static int read_names(int fd, size_t most, struct names *ret)
{
        int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *dir = list >= 0 ? fdopendir(list) : NULL;
        size_t room = 0;
        struct dirent *e;

        if (dir == NULL) {
                r = -errno;
                if (list >= 0)
                        (void)close(list);
                return r;
        }
        for (errno = 0; r == 0 && (e = readdir(dir)) != NULL; errno = 0) {
                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (ret->n == most) {
                        r = -E2BIG;
                        break;
                }
                if (ret->n == room) {
                        char **grown = reallocarray(ret->v, room = 2 * room + 16, sizeof *grown);

                        if (grown == NULL) {
                                r = -ENOMEM;
                                break;
                        }
                        ret->v = grown;
                }
                ret->v[ret->n] = strdup(e->d_name);
                r = ret->v[ret->n] == NULL ? -ENOMEM : 0;
                ret->n += r == 0;
        }
        if (r == 0 && errno != 0)
                r = -errno;
        (void)closedir(dir);
        if (ret->n > 0)
                qsort(ret->v, ret->n, sizeof *ret->v, in_order);
        return r;
}

static enum upper_kind kind_of(int fd, const struct stat *st)
{
        switch (st->st_mode & S_IFMT) {
        case S_IFDIR:
                return UPPER_FOLDER;
        case S_IFLNK:
                return UPPER_LINK;
        case S_IFREG:
                return st->st_size == 0 && has_mark(fd, "whiteout", NULL) ? UPPER_GONE : UPPER_FILE;
        case S_IFCHR:
                return st->st_rdev == makedev(0, 0) ? UPPER_GONE : UPPER_OTHER;
        default:
                return UPPER_OTHER;
        }
}

static int walk_folder(struct walk *w, int fd, size_t length, int opaque);

static int walk_one(struct walk *w, int dir_fd, size_t length, const char *name, int below_opaque)
{
        struct upper_entry e = {.path = w->path};
        int n, r;

        CLEANUP_CLOSE int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &e.st) < 0)
                return errno == ENOENT ? 0 : -errno;
        n = snprintf(w->path + length, sizeof w->path - length, "%s%s", length > 0 ? "/" : "", name);
        if (n < 0 || (size_t)n >= sizeof w->path - length)
                return -ENAMETOOLONG;
        e.kind = kind_of(fd, &e.st);
        e.fd = fd;
        if (e.kind != UPPER_FOLDER)
                return w->visit(w->context, &e);
        r = widen(fd, &e.st, S_IRWXU);
        if (r < 0)
                return r;
        CLEANUP_CLOSE int folder = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
                return -errno;
        e.fd = folder;
        e.opaque = below_opaque || has_mark(folder, "opaque", "y");
        r = w->visit(w->context, &e);
        return r < 0 ? r : walk_folder(w, folder, length + (size_t)n, e.opaque);
}

static int walk_folder(struct walk *w, int fd, size_t length, int opaque)
{
        struct names names = {0};
        int r = w->depth == UPPER_MAX_DEPTH ? -ELOOP : read_names(fd, *w->left, &names);

        w->depth++;
        *w->left -= names.n;
        for (size_t i = 0; r == 0 && i < names.n; i++) {
                w->path[length] = '\0';
                r = walk_one(w, fd, length, names.v[i], opaque);
        }
        w->depth--;
        names_finish(&names);
        return r;
}

int upper_walk(int top_fd, size_t *left, upper_visit visit, void *context)
{
        struct walk w = {.visit = visit, .context = context, .left = left};
        struct stat st;
        int r;

        if (fstat(top_fd, &st) < 0)
                return -errno;
        r = widen(top_fd, &st, S_IRWXU);
        return r < 0 ? r : walk_folder(&w, top_fd, 0, 0);
}
