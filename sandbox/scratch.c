/* How it works: an entry is known by its name, device and inode in a folder that is itself known. Nothing is
 * opened through a link, and nothing here is trusted but the numbers that the kernel gives. */
#include "sandbox/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdalign.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

#define MAX_DEPTH 32

typedef int (*visit)(void *context, const char *name);

/* Calls VISIT for each name in DIR_FD, from its beginning: 1 when all of them returned 1. */
static int each(int dir_fd, visit call, void *context)
{
        alignas(struct dirent64) char bytes[4096];
        ssize_t n;

        if (lseek(dir_fd, 0, SEEK_SET) < 0)
                return 0;
        while ((n = getdents64(dir_fd, bytes, sizeof bytes)) > 0)
                for (ssize_t at = 0; at < n;) {
                        const struct dirent64 *e = (const void *)(bytes + at);

                        at += e->d_reclen;
                        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
                            call(context, e->d_name) != 1)
                                return 0;
                }
        return n == 0;
}

static int flags_of(int fd)
{
        int flags = 0;

        return ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0 ? -1 : flags;
}

/* Attributes that are there from the start could change their values unseen, but for the security modules'.
 */
static int has_own_attributes(int fd)
{
        char names[1024];
        ssize_t n = flistxattr(fd, names, sizeof names);

        if (n < 0)
                return errno != ENOTSUP;
        for (ssize_t at = 0; at < n; at += (ssize_t)strlen(names + at) + 1)
                if (strncmp(names + at, "security.", 9) != 0)
                        return 1;
        return 0;
}

struct adding {
        struct scratch *s;
        int index; /* of the folder that is read */
};

static int add_below(struct scratch *s, int index);

static int add_one(void *context, const char *name)
{
        const struct adding *a = context;
        struct scratch *s = a->s;
        const struct scratch_entry *dir = &s->v[a->index];
        struct scratch_entry e = {.fd = -1, .parent = a->index};

        if (s->n == SCRATCH_MAX_ENTRIES || fstatat(dir->fd, name, &e.st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (e.st.st_dev == dir->st.st_dev) {
                if (S_ISDIR(e.st.st_mode)) {
                        e.fd = openat(dir->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                        if (e.fd < 0)
                                return 0;
                        e.xattrs = flistxattr(e.fd, NULL, 0);
                        e.flags = flags_of(e.fd);
                } else if (!S_ISLNK(e.st.st_mode) && !S_ISSOCK(e.st.st_mode))
                        return 0;
        }
        e.name = strdup(name);
        if (e.name == NULL) {
                if (e.fd >= 0)
                        (void)close(e.fd);
                return 0;
        }
        s->v[s->n++] = e;
        return e.fd < 0 || add_below(s, (int)s->n - 1);
}

static int add_below(struct scratch *s, int index)
{
        struct adding a = {.s = s, .index = index};

        return !has_own_attributes(s->v[index].fd) && each(s->v[index].fd, add_one, &a);
}

int scratch_add(struct scratch *s, int dir_fd, struct error *err)
{
        struct scratch_entry e = {.parent = -1};

        if (s->n == SCRATCH_MAX_ENTRIES) {
                s->lost = 1;
                return 0;
        }
        e.fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (e.fd < 0 || fstat(e.fd, &e.st) < 0)
                return error_set(err, "cell", errno, "open a private folder");
        e.xattrs = flistxattr(e.fd, NULL, 0);
        e.flags = flags_of(e.fd);
        s->v[s->n++] = e;
        if (!add_below(s, (int)s->n - 1))
                s->lost = 1;
        return 0;
}

struct removing {
        int dir_fd, depth;
        unsigned *left;
};

static int remove_one(void *context, const char *name)
{
        const struct removing *r = context;

        if ((*r->left)-- == 0 || r->depth == MAX_DEPTH) {
                *r->left = 0;
                return 0;
        }
        if (unlinkat(r->dir_fd, name, 0) == 0)
                return 1;
        if (errno != EISDIR)
                return 0;
        CLEANUP_CLOSE int fd = openat(r->dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return 0;
        struct removing below = {.dir_fd = fd, .depth = r->depth + 1, .left = r->left};
        return each(fd, remove_one, &below) == 1 && unlinkat(r->dir_fd, name, AT_REMOVEDIR) == 0;
}

struct cleaning {
        const struct scratch *s;
        int index;
        unsigned *left;
        int removed;
};

static int clean_one(void *context, const char *name)
{
        struct cleaning *c = context;

        for (size_t i = (size_t)c->index + 1; i < c->s->n; i++)
                if (c->s->v[i].parent == c->index && strcmp(c->s->v[i].name, name) == 0)
                        return 1;
        struct removing r = {.dir_fd = c->s->v[c->index].fd, .left = c->left};
        c->removed = 1;
        return remove_one(&r, name);
}

static int same_time(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* The entry still is what it was; a folder's times and size may differ. */
static int is_same(const struct scratch *s, const struct scratch_entry *e)
{
        struct stat st;

        if (e->parent >= 0 && (fstatat(s->v[e->parent].fd, e->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                               st.st_dev != e->st.st_dev || st.st_ino != e->st.st_ino ||
                               (S_ISSOCK(st.st_mode) && !same_time(&st.st_ctim, &e->st.st_ctim))))
                return 0;
        if (e->fd < 0)
                return 1;
        return fstat(e->fd, &st) == 0 && st.st_mode == e->st.st_mode && st.st_uid == e->st.st_uid &&
               st.st_gid == e->st.st_gid && flistxattr(e->fd, NULL, 0) == e->xattrs &&
               flags_of(e->fd) == e->flags;
}

static int restore_times(const struct scratch_entry *e)
{
        const struct timespec times[2] = {e->st.st_atim, e->st.st_mtim};
        struct stat st;

        if (fstat(e->fd, &st) < 0)
                return 0;
        return (same_time(&st.st_mtim, &times[1]) && same_time(&st.st_atim, &times[0])) ||
               futimens(e->fd, times) == 0;
}

int scratch_restore(const struct scratch *s)
{
        unsigned left = SCRATCH_MAX_REMOVED;

        if (s->lost)
                return 0;
        for (size_t i = 0; i < s->n; i++)
                if (!is_same(s, &s->v[i]))
                        return 0;
        for (size_t i = 0; i < s->n; i++) {
                struct cleaning c = {.s = s, .index = (int)i, .left = &left};

                if (s->v[i].fd < 0)
                        continue;
                do { /* a listing that changes underneath may skip names: until one finds nothing new */
                        c.removed = 0;
                        if (!each(s->v[i].fd, clean_one, &c))
                                return 0;
                } while (c.removed);
        }
        for (size_t i = 0; i < s->n; i++)
                if (s->v[i].fd >= 0 && !restore_times(&s->v[i]))
                        return 0;
        return 1;
}
