/* How it works: on_entry() decides about each entry of a layer. What is written twice is compared with what
 * lies in the project, so nothing of a file is remembered but who wrote it (claims.h). */
#include "runtime/engine/writer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "runtime/engine/claims.h"
#include "sandbox/fds.h"
#include "sandbox/tree.h"
#include "sandbox/upper.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"
#include "spec/glob.h"

#define SHOW(s) utf8_show((char[200]){0}, 200, s)

struct layer {
        size_t part;
        int top_fd;
};

struct writer {
        const struct writer_plan *plan;
        int socket;
        int *roots; /* of the parts; -1: cannot be kept in */
        struct claims claims;
        off_t run_left;
        struct layer *layers; /* of the next request */
        size_t n_layers;
        /* of the request that is served */
        const struct layer *layer;
        uint32_t cell;
        size_t entries_left;
        off_t bytes_left;
        unsigned kept, lost, problems;
};

static const char *name_of(const struct writer *w, uint32_t cell)
{
        return claims_name(&w->claims, cell);
}

static void answer(const struct writer *w, const struct writer_answer *a)
{
        if (fds_send(w->socket, a, sizeof *a, NULL, 0) < 0)
                _exit(0);
}

static void list(const struct writer *w, enum writer_op op, unsigned n, const char *path)
{
        struct writer_answer a = {.op = (int32_t)op};

        if (n > WRITER_MAX_LISTED)
                return;
        (void)snprintf(a.path, sizeof a.path, "%.1000s", path);
        answer(w, &a);
}

static void kept(struct writer *w, const char *path)
{
        list(w, WRITER_KEPT, ++w->kept, path);
}

/* Compiled modules are nobody's loss, and pytest's cache is written by itself (cachedir.h). */
static void lost(struct writer *w, const char *path)
{
        static const char cache[] = "__pycache__";
        const char *at = strstr(path, cache);

        if (at != NULL && (at == path || at[-1] == '/') &&
            (at[sizeof cache - 1] == '/' || at[sizeof cache - 1] == '\0'))
                return;
        if (w->cell == 0 && strncmp(path, ".pytest_cache/", 14) == 0)
                return;
        list(w, WRITER_LOST, ++w->lost, path);
}

static void problem(struct writer *w, const struct error *err)
{
        struct writer_answer a = {.op = WRITER_PROBLEM, .err = *err};

        if (++w->problems > WRITER_MAX_PROBLEMS)
                return;
        answer(w, &a);
}

/* PATH is lost, though a pattern has it. */
static void refuse(struct writer *w, const char *path, int errnum, const char *hint)
{
        struct error err;

        (void)error_set(&err, "keep", errnum, "%s of %s cannot be kept", SHOW(path),
                        SHOW(name_of(w, w->cell)));
        error_hint(&err, "%s", hint);
        problem(w, &err);
        lost(w, path);
}

static void conflict(struct writer *w, const char *path, const struct claim *claim, int gone)
{
        struct error err;

        (void)error_set(&err, "keep", 0, "%s: %s %s it and %s %s: what the first one did was kept",
                        SHOW(path), SHOW(name_of(w, claim->cell)), claim->gone ? "removed" : "wrote",
                        SHOW(name_of(w, w->cell)),
                        gone          ? "removed it"
                        : claim->gone ? "wrote it"
                                      : "wrote something else");
        error_hint(&err, "let each test write files of its own, or leave the path out of tach.keep");
        problem(w, &err);
        lost(w, path);
}

/* Another's than this cell's, and than those' that were made in it. */
static int is_others(const struct writer *w, const struct claim *claim)
{
        return claim != NULL && !claims_is_in(&w->claims, claim->cell, w->cell);
}

static int is_after(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

/* A cell inside this one has done something with PATH, or has removed what it lies in, since TIME. */
static int is_outdated(const struct writer *w, const char *path, const struct timespec *time)
{
        char at[PATH_MAX];
        size_t n = strlen(path);

        for (int whole = 1; n > 0; whole = 0) {
                const struct claim *claim;

                (void)snprintf(at, sizeof at, "%.*s", (int)n, path);
                claim = claims_find(&w->claims, at);
                if (claim != NULL && (whole || claim->gone) && claim->cell != w->cell &&
                    !is_others(w, claim) && !is_after(time, &claim->time))
                        return 1;
                while (n > 0 && path[n - 1] != '/')
                        n--;
                n -= n > 0;
        }
        return 0;
}

static int matches(const struct writer *w, const char *path)
{
        for (size_t i = 0; i < w->plan->patterns->n; i++)
                if (glob_match(w->plan->patterns->v[i], path))
                        return 1;
        return 0;
}

static int matches_below(const struct writer *w, const char *path)
{
        for (size_t i = 0; i < w->plan->patterns->n; i++)
                if (glob_below(w->plan->patterns->v[i], path))
                        return 1;
        return 0;
}

/* The folder that PATH lies in, in FOLDER; returns its name there. */
static const char *split(const char *path, char folder[PATH_MAX])
{
        const char *slash = strrchr(path, '/');

        (void)snprintf(folder, PATH_MAX, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
        return slash != NULL ? slash + 1 : path;
}

/* ---- what was removed ---- */

static int remove_entry(struct writer *w, int dir_fd, const char *name, const char *path,
                        const struct timespec *time, int depth);

/* The number of entries of the folder NAME that were removed, itself among them. */
static int remove_folder(struct writer *w, int dir_fd, const char *name, const char *path,
                         const struct timespec *time, int depth)
{
        int removed = 0;
        struct dirent *e;

        if (depth == UPPER_MAX_DEPTH || !(matches(w, path) || matches_below(w, path)))
                return 0;
        int fd = tree_folder(dir_fd, name);
        DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
        if (dir == NULL) {
                if (fd >= 0)
                        (void)close(fd);
                return 0;
        }
        while (w->entries_left > 0 && (e = readdir(dir)) != NULL) {
                char below[PATH_MAX];
                int n = snprintf(below, sizeof below, "%s/%s", path, e->d_name);

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || n >= (int)sizeof below)
                        continue;
                w->entries_left--;
                removed += remove_entry(w, fd, e->d_name, below, time, depth + 1);
        }
        (void)closedir(dir);
        if (matches(w, path) && unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
                removed++;
        return removed;
}

/* The same for what is called NAME in DIR_FD, whatever it is. */
static int remove_entry(struct writer *w, int dir_fd, const char *name, const char *path,
                        const struct timespec *time, int depth)
{
        const struct claim *claim = claims_find(&w->claims, path);
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (S_ISDIR(st.st_mode))
                return remove_folder(w, dir_fd, name, path, time, depth);
        if (!matches(w, path) || is_outdated(w, path, time))
                return 0;
        if (is_others(w, claim)) {
                conflict(w, path, claim, 1);
                return 0;
        }
        if (unlinkat(dir_fd, name, 0) < 0) {
                refuse(w, path, errno, "its removal");
                return 0;
        }
        (void)claims_take(&w->claims, path, w->cell, 1, time);
        return 1;
}

/* What was at AT (below its part) was removed at TIME. */
static void gone(struct writer *w, const char *at, const char *path, const struct timespec *time)
{
        const struct claim *claim = claims_find(&w->claims, path);
        char folder[PATH_MAX];
        const char *name = split(at, folder);
        struct stat st;

        CLEANUP_CLOSE int dir = tree_folder(w->roots[w->layer->part], folder);
        if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (claim != NULL && claim->gone)
                        kept(w, path); /* as another one did */
                else if (claim == NULL && matches(w, path))
                        (void)claims_take(&w->claims, path, w->cell, 1,
                                          time); /* what only the cell around has */
                return;
        }
        if (remove_entry(w, dir, name, path, time, 0) > 0) {
                (void)claims_take(&w->claims, path, w->cell, 1, time);
                kept(w, path);
        } else if (!matches(w, path) || S_ISDIR(st.st_mode)) {
                lost(w, path);
        }
}

/* An opaque folder: what the project's has and the layer's has not was removed. */
static void replace(struct writer *w, const struct upper_entry *e, const char *path)
{
        const int fd = tree_folder(w->roots[w->layer->part], e->path);
        struct dirent *d;
        DIR *dir;

        if (fd < 0) {
                if (fd == -ENOTDIR || fd == -ELOOP)
                        gone(w, e->path, path, &e->st.st_ctim);
                return;
        }
        dir = fdopendir(fd);
        if (dir == NULL) {
                (void)close(fd);
                return;
        }
        while (w->entries_left > 0 && (d = readdir(dir)) != NULL) {
                char at[PATH_MAX], below[PATH_MAX];
                struct stat st;

                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
                    fstatat(e->fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
                    snprintf(at, sizeof at, "%s/%s", e->path, d->d_name) >= (int)sizeof at ||
                    snprintf(below, sizeof below, "%s/%s", path, d->d_name) >= (int)sizeof below)
                        continue;
                w->entries_left--;
                gone(w, at, below, &e->st.st_ctim);
        }
        (void)closedir(dir);
}

/* ---- what was written ---- */

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
                (void)remove_folder(w, dir, name, path, &e->st.st_ctim, 0);
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

static void written(struct writer *w, const struct upper_entry *e, const char *path)
{
        const struct claim *claim = claims_find(&w->claims, path);
        struct content content;
        char folder[PATH_MAX];
        const char *name = split(e->path, folder);
        int r, same;

        if (is_outdated(w, path, &e->st.st_ctim))
                return;
        if (e->kind == UPPER_FILE && e->st.st_size > WRITER_MAX_FILE) {
                refuse(w, path, EFBIG, why_not(-EFBIG));
                return;
        }
        r = open_content(e, &content);
        CLEANUP_CLOSE int owned = content.fd;
        CLEANUP_CLOSE int dir = r == 0 ? make_way(w, folder) : r;
        if (dir < 0) {
                refuse(w, path, -dir, why_not(dir));
                return;
        }
        same = is_same(e, &content, dir, name);
        if (is_others(w, claim) && (claim->gone || !same)) {
                conflict(w, path, claim, 0);
                return;
        }
        r = same ? 0 : put(w, e, &content, dir, name, path);
        if (r < 0) {
                refuse(w, path, -r, why_not(r));
                return;
        }
        if (!is_others(w, claim) && claims_take(&w->claims, path, w->cell, 0, &e->st.st_ctim) < 0) {
                refuse(w, path, ENOMEM, "too many paths to remember: the next test may overwrite it");
                return;
        }
        kept(w, path);
        (void)owned;
}

static void folder(struct writer *w, const struct upper_entry *e, const char *path)
{
        char parent[PATH_MAX];
        const char *name = split(e->path, parent);
        int r;

        if (e->opaque && w->plan->patterns->n > 0)
                replace(w, e, path);
        if (!matches(w, path) || is_outdated(w, path, &e->st.st_ctim))
                return;
        CLEANUP_CLOSE int dir = make_way(w, parent);
        r = dir < 0 ? dir : tree_make_folder(dir, name, e->st.st_mode);
        if (r < 0) {
                const struct claim *claim = claims_find(&w->claims, path);

                if (is_others(w, claim))
                        conflict(w, path, claim, 0);
                else
                        refuse(w, path, -r, why_not(r));
        }
}

static int on_entry(void *context, const struct upper_entry *e)
{
        struct writer *w = context;
        const char *part = w->plan->parts->v[w->layer->part].path;
        char path[PATH_MAX];

        if (snprintf(path, sizeof path, "%s%s%s", part, part[0] != '\0' ? "/" : "", e->path) >=
            (int)sizeof path)
                return -ENAMETOOLONG;
        switch (e->kind) {
        case UPPER_FOLDER:
                folder(w, e, path);
                break;
        case UPPER_GONE:
                gone(w, e->path, path, &e->st.st_ctim);
                break;
        case UPPER_FILE:
        case UPPER_LINK:
                if (matches(w, path))
                        written(w, e, path);
                else
                        lost(w, path);
                break;
        case UPPER_OTHER:
                if (matches(w, path))
                        refuse(w, path, ENOTSUP, "only files, links and folders are kept");
                else
                        lost(w, path);
                break;
        }
        return 0;
}

/* ---- requests ---- */

static void refuse_all(struct writer *w, int errnum, const char *what, const char *hint)
{
        struct error err;

        (void)error_set(&err, "keep", errnum, "what %s wrote: %s", SHOW(name_of(w, w->cell)), what);
        error_hint(&err, "%s", hint);
        problem(w, &err);
}

/* The descriptor came through processes that are not trusted: only a folder in memory can be a layer. */
static int is_layer(const struct writer *w, const struct layer *layer)
{
        struct statfs fs;
        struct stat st;

        return layer->part < w->plan->parts->n && w->roots[layer->part] >= 0 &&
               fstat(layer->top_fd, &st) == 0 && S_ISDIR(st.st_mode) && fstatfs(layer->top_fd, &fs) == 0 &&
               fs.f_type == TMPFS_MAGIC;
}

static void keep_layer(struct writer *w, const struct layer *layer)
{
        char what[128];
        int r = is_layer(w, layer) ? 0 : -EPROTO;

        w->layer = layer;
        if (r == 0)
                r = upper_walk(layer->top_fd, &w->entries_left, on_entry, w);
        if (r == -E2BIG) {
                (void)snprintf(what, sizeof what, "more than %u paths: the rest is lost", WRITER_MAX_ENTRIES);
                refuse_all(w, 0, what, "write less, or to /tmp");
        } else if (r == -ELOOP || r == -ENAMETOOLONG) {
                (void)snprintf(what, sizeof what, "more than %d folders deep: the rest is lost",
                               UPPER_MAX_DEPTH);
                refuse_all(w, 0, what, "write to folders less deep, or to /tmp");
        } else if (r < 0) {
                refuse_all(w, -r, "cannot be read to its end: the rest is lost", "");
        }
}

static int has_ended(int pidfd)
{
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return pidfd < 0 || poll(&p, 1, WRITER_PATIENCE_MS) == 1;
}

static void serve(struct writer *w, const struct writer_request *q, int pidfd)
{
        struct writer_answer done = {.op = WRITER_DONE};

        w->cell = q->cell;
        w->entries_left = WRITER_MAX_ENTRIES;
        w->bytes_left = WRITER_MAX_BYTES;
        w->kept = w->lost = w->problems = 0;
        if (claims_cell(&w->claims, q->cell, q->parent, q->owner) < 0)
                refuse_all(w, ENOMEM, "nothing of it is kept", "");
        else if (!has_ended(pidfd))
                refuse_all(w, 0, "the processes of its cell did not end: nothing of it is kept", "");
        else
                for (size_t i = 0; i < w->n_layers; i++)
                        keep_layer(w, &w->layers[i]);
        for (size_t i = 0; i < w->n_layers; i++)
                (void)close(w->layers[i].top_fd);
        w->n_layers = 0;
        if (w->problems > WRITER_MAX_PROBLEMS) {
                char what[64];

                (void)snprintf(what, sizeof what, "%u more paths like these",
                               w->problems - WRITER_MAX_PROBLEMS);
                w->problems = 0;
                refuse_all(w, 0, what, "");
        }
        done.kept = w->kept;
        done.lost = w->lost;
        answer(w, &done);
}

static int prepare(struct writer *w)
{
        const struct project_parts *parts = w->plan->parts;
        cap_t none = cap_init();
        int keep[1] = {w->socket};
        struct error err;

        (void)prctl(PR_SET_NAME, "tach-writer");
        (void)signal(SIGINT, SIG_IGN);
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGHUP, SIG_IGN);
        if (none == NULL || cap_set_proc(none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            fds_keep_only(keep, 1, &err) < 0)
                return -EPERM;
        (void)cap_free(none);
        w->roots = calloc(parts->n, sizeof *w->roots);
        w->layers = calloc(parts->n, sizeof *w->layers);
        if (w->roots == NULL || w->layers == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < parts->n; i++) {
                char path[PATH_MAX];

                w->roots[i] = -1;
                if (parts->v[i].kind != PROJECT_OVERLAY)
                        continue;
                (void)snprintf(path, sizeof path, "%s/%s", w->plan->project, parts->v[i].path);
                w->roots[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        return 0;
}

void writer_main(int socket, const struct writer_plan *plan)
{
        struct writer w = {.plan = plan, .socket = socket, .run_left = WRITER_MAX_RUN};
        struct writer_request q;

        if (prepare(&w) < 0)
                _exit(1);
        for (;;) {
                struct pollfd p = {.fd = socket, .events = POLLIN};
                int fds[FDS_MAX_SENT];
                size_t n_fds;
                ssize_t n;

                if (poll(&p, 1, -1) < 0)
                        continue;
                n = fds_receive(socket, &q, sizeof q, fds, &n_fds);
                if (n == -EAGAIN || n == -EINTR)
                        continue;
                if (n != (ssize_t)sizeof q)
                        _exit(0);
                q.owner[sizeof q.owner - 1] = '\0';
                if (q.op == WRITER_LAYER && n_fds == 1 && w.n_layers < plan->parts->n) {
                        w.layers[w.n_layers++] = (struct layer){(size_t)q.part, fds[0]};
                        continue;
                }
                if (q.op == WRITER_WRITE)
                        serve(&w, &q, n_fds > 0 ? fds[0] : -1);
                for (size_t i = 0; i < n_fds; i++)
                        (void)close(fds[i]);
        }
}
