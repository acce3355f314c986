/* How it works: the folders on the way are made as the layer has them; then the file or link is put in its
 * place at once (tree.h). */
#include "runtime/engine/writer_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/tree.h"
#include "spec/base/cleanup.h"

/* Opens the folder AT of the project; those that are missing get the modes that they have in the layer. */
static int make_way(const struct writer *w, const char *at)
{
        char part[NAME_MAX + 1], so_far[PATH_MAX];
        int fd = tree_folder(w->roots[w->layer->part], at), r;

        if (fd != -ENOENT)
                return fd;
        fd = tree_folder(w->roots[w->layer->part], "");
        for (const char *p = at; fd >= 0 && *p != '\0';) {
                size_t n = strcspn(p, "/");
                struct stat st;
                int next;

                (void)snprintf(part, sizeof part, "%.*s", (int)n, p);
                p += n;
                (void)snprintf(so_far, sizeof so_far, "%.*s", (int)(p - at), at);
                p += *p == '/';
                next = tree_folder(fd, part);
                if (next == -ENOENT) {
                        CLEANUP_CLOSE int model = tree_folder(w->layer->top_fd, so_far);

                        if (model < 0 || fstat(model, &st) < 0)
                                st.st_mode = 0755;
                        r = tree_make_folder(fd, part, st.st_mode | S_IRWXU);
                        next = r == 0 ? tree_folder(fd, part) : r;
                }
                (void)close(fd);
                fd = next;
        }
        return fd;
}

struct content {
        int fd;                /* of a file; -EBADF */
        char target[PATH_MAX]; /* of a link */
};

static int open_content(const struct upper_entry *e, struct content *ret)
{
        ssize_t n;

        ret->fd = -EBADF;
        if (e->kind == UPPER_FILE) {
                ret->fd = upper_open(e->fd, &e->st);
                return ret->fd < 0 ? ret->fd : 0;
        }
        n = readlinkat(e->fd, "", ret->target, sizeof ret->target);
        if (n < 0 || n == (ssize_t)sizeof ret->target)
                return n < 0 ? -errno : -ENAMETOOLONG;
        ret->target[n] = '\0';
        return 0;
}

static int is_same(const struct upper_entry *e, const struct content *c, int dir, const char *name)
{
        return e->kind == UPPER_FILE ? tree_has_file(dir, name, c->fd, &e->st)
                                     : tree_has_link(dir, name, c->target);
}

static int put(struct writer *w, const struct upper_entry *e, const struct content *c, int dir,
               const char *name, const char *path)
{
        const off_t bytes = e->kind == UPPER_FILE ? e->st.st_size : 0;
        struct stat st;

        if (bytes > w->bytes_left || bytes > w->run_left)
                return -EDQUOT;
        w->bytes_left -= bytes;
        w->run_left -= bytes;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
                (void)writer_remove_folder(w, dir, name, path, &(struct removal){.time = e->st.st_ctim}, 0);
        return e->kind == UPPER_FILE ? tree_put_file(dir, name, c->fd, &e->st, bytes)
                                     : tree_put_link(dir, name, c->target);
}

static const char *why_not(int r)
{
        switch (-r) {
        case EDQUOT:
                return "at most 1 GiB is kept of one test and 8 GiB of a run";
        case EFBIG:
                return "a file that is kept has at most 256 MiB, and does not grow meanwhile";
        case ELOOP:
        case ENOTDIR:
        case EISDIR:
        case ENOTEMPTY:
                return "the project has a link, a file or a folder in its way";
        case EXDEV:
                return "something is mounted there";
        default:
                return "";
        }
}

void writer_put(struct writer *w, const struct upper_entry *e, const char *path)
{
        const struct claim *claim = claims_find(&w->claims, path);
        struct content content;
        char folder[PATH_MAX];
        const char *name = writer_split(e->path, folder);
        int r, same;

        if (writer_is_outdated(w, path, &e->st.st_ctim))
                return;
        if (e->kind == UPPER_FILE && e->st.st_size > WRITER_MAX_FILE) {
                writer_refuse(w, path, EFBIG, why_not(-EFBIG));
                return;
        }
        r = open_content(e, &content);
        CLEANUP_CLOSE int owned = content.fd;
        CLEANUP_CLOSE int dir = r == 0 ? make_way(w, folder) : r;
        if (dir < 0) {
                writer_refuse(w, path, -dir, why_not(dir));
                return;
        }
        same = is_same(e, &content, dir, name);
        if (writer_is_others(w, claim) && (claim->gone || !same)) {
                writer_conflict(w, path, claim, 0);
                return;
        }
        r = same ? 0 : put(w, e, &content, dir, name, path);
        if (r < 0) {
                writer_refuse(w, path, -r, why_not(r));
                return;
        }
        if (!writer_is_others(w, claim) && claims_take(&w->claims, path, w->cell, 0, &e->st.st_ctim) < 0) {
                writer_refuse(w, path, ENOMEM, "too many paths to remember: the next test may overwrite it");
                return;
        }
        writer_kept(w, path);
        (void)owned;
}

void writer_put_folder(struct writer *w, const struct upper_entry *e, const char *path)
{
        char parent[PATH_MAX];
        const char *name = writer_split(e->path, parent);
        int r;

        if (e->opaque && w->plan->patterns->n > 0)
                writer_replace(w, e, path);
        if (!writer_matches(w, path) || writer_is_outdated(w, path, &e->st.st_ctim))
                return;
        CLEANUP_CLOSE int dir = make_way(w, parent);
        r = dir < 0 ? dir : tree_make_folder(dir, name, e->st.st_mode);
        if (r < 0) {
                const struct claim *claim = claims_find(&w->claims, path);

                if (writer_is_others(w, claim))
                        writer_conflict(w, path, claim, 0);
                else
                        writer_refuse(w, path, -r, why_not(r));
        }
}
