/* How it works: every folder has a watch, whose number leads to the paths that the folder has (links make
 * several). A folder is watched before it is listed, so that nothing in it is missed. */
#include "runtime/front/watch_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/blake2.h"
#include "runtime/discover/arena.h"
#include "runtime/discover/import_graph.h"
#include "runtime/discover/import_index.h"
#include "runtime/discover/names.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_DEPTH 64
#define MAX_BYTES ((size_t)64 << 20) /* a larger file counts as changed without being read */
#define EVENTS                                                                                               \
        (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK)

struct touched {
        const char *path;
        bool made; /* it was not there before */
};

struct content {
        uint8_t hash[BLAKE2_SIZE];
        bool there;
};

struct watch_files {
        int fd;
        struct spec_strv *folders; /* by the number of their watch: their paths; none: no such watch */
        size_t n_folders, n_watched;

        struct arena arena; /* of what was touched */
        struct import_table numbers;
        struct touched *touched;
        size_t n_touched, cap_touched;
        bool all;

        struct arena kept; /* of what files were like when they were last taken */
        struct import_table known;
        struct content *contents;
        size_t n_contents, cap_contents;
};

/* What editors and Python leave beside a file. */
static bool is_passing(const char *name)
{
        static const char *const ends[] = {"~",    ".pyc",      ".pyo",         ".swp",        ".swo",
                                           ".swx", ".kate-swp", "___jb_tmp___", "___jb_old___"};

        if (strncmp(name, ".#", 2) == 0 || (name[0] == '#' && names_end_with(name, "#")))
                return true;
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
                if (names_end_with(name, ends[i]))
                        return true;
        return false;
}

static int touch(struct watch_files *w, const char *path, bool made)
{
        uint32_t at = import_table_get(&w->numbers, path, strlen(path));
        const char *copy;

        if (at != IMPORT_NONE)
                return 0;
        if (w->n_touched == w->cap_touched) {
                size_t cap = w->cap_touched * 2 + 64;
                void *grown = reallocarray(w->touched, cap, sizeof *w->touched);

                if (grown == NULL)
                        return -ENOMEM;
                w->touched = grown;
                w->cap_touched = cap;
        }
        copy = arena_strn(&w->arena, path, strlen(path));
        if (copy == NULL || !import_table_set(&w->arena, &w->numbers, copy, (uint32_t)w->n_touched))
                return -ENOMEM;
        w->touched[w->n_touched++] = (struct touched){copy, made};
        return 0;
}

/* The paths of the watch NUMBER, with room made for them. */
static struct spec_strv *paths_of(struct watch_files *w, int number)
{
        size_t n = (size_t)number;

        if (n >= w->n_folders) {
                size_t cap = n * 2 + 64;
                struct spec_strv *grown = reallocarray(w->folders, cap, sizeof *grown);

                if (grown == NULL)
                        return NULL;
                memset(grown + w->n_folders, 0, (cap - w->n_folders) * sizeof *grown);
                w->folders = grown;
                w->n_folders = cap;
        }
        return &w->folders[n];
}

static int cannot_watch(const char *path, struct error *err)
{
        int r = error_set(err, "watch", errno, "%.400s", path);

        if (errno == ENOSPC)
                error_hint(err,
                           "raise the limit of watched folders: sysctl fs.inotify.max_user_watches=524288");
        return r;
}

static bool lies_in(const char *path, const char *folder)
{
        size_t n = strlen(folder);

        return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* 1: PATH is to be looked into; 0: it is not, it leads to a folder that is above it or that is known. */
static int watch_one(struct watch_files *w, const char *path, struct error *err)
{
        int number = inotify_add_watch(w->fd, path, EVENTS);
        struct spec_strv *paths;

        if (number < 0) /* what went, or cannot be read, cannot be imported either */
                return errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP
                           ? 0
                           : cannot_watch(path, err);
        paths = paths_of(w, number);
        if (paths == NULL)
                return error_set(err, "watch", ENOMEM, "%.400s", path);
        for (size_t i = 0; i < paths->n; i++)
                if (lies_in(path, paths->v[i]))
                        return 0;
        w->n_watched += paths->n == 0;
        return spec_strv_add(paths, path) == 0 ? 1 : error_set(err, "watch", ENOMEM, "%.400s", path);
}

/* Watches PATH and what is in it; TELL: the files in it are touched. */
static int watch_below(struct watch_files *w, const char *path, bool tell, int depth, struct error *err)
{
        int r = watch_one(w, path, err);
        struct dirent *d;
        DIR *stream;

        if (r <= 0 || (stream = opendir(path)) == NULL)
                return r < 0 ? r : 0;
        for (r = 0; r == 0 && (d = readdir(stream)) != NULL;) {
                char below[PATH_MAX];
                unsigned char type = d->d_type;
                struct stat st;

                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
                    snprintf(below, sizeof below, "%s/%s", path, d->d_name) >= (int)sizeof below)
                        continue;
                if ((type == DT_LNK || type == DT_UNKNOWN) && fstatat(dirfd(stream), d->d_name, &st, 0) == 0)
                        type = S_ISDIR(st.st_mode) ? DT_DIR : DT_REG;
                if (type == DT_DIR) {
                        if (depth < MAX_DEPTH && !import_graph_skips(dirfd(stream), d->d_name))
                                r = watch_below(w, below, tell, depth + 1, err);
                } else if (tell && !is_passing(d->d_name) && touch(w, below, true) < 0) {
                        r = error_set(err, "watch", ENOMEM, "%.400s", below);
                }
        }
        (void)closedir(stream);
        return r;
}

int watch_files_open(struct watch_files **ret, const struct spec_strv *folders, struct error *err)
{
        struct watch_files *w = calloc(1, sizeof *w);
        int r = 0;

        if (w == NULL)
                return error_set(err, "watch", ENOMEM, "start");
        w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (w->fd < 0) {
                r = error_set(err, "watch", errno, "start");
                error_hint(err,
                           "raise fs.inotify.max_user_instances, or end other programs that watch files");
        }
        for (size_t i = 0; r == 0 && i < folders->n; i++)
                r = watch_below(w, folders->v[i], false, 0, err);
        if (r < 0)
                watch_files_close(w);
        else
                *ret = w;
        return r;
}

void watch_files_close(struct watch_files *w)
{
        if (w == NULL)
                return;
        if (w->fd >= 0)
                (void)close(w->fd);
        for (size_t i = 0; i < w->n_folders; i++)
                spec_strv_finish(&w->folders[i]);
        free(w->folders);
        free(w->touched);
        free(w->contents);
        arena_finish(&w->arena);
        arena_finish(&w->kept);
        free(w);
}

int watch_files_fd(const struct watch_files *w)
{
        return w->fd;
}

size_t watch_files_count(const struct watch_files *w)
{
        return w->n_watched;
}

bool watch_files_pending(const struct watch_files *w)
{
        return w->all || w->n_touched > 0;
}

/* The folder PATH has another name now: what the kernel says of it would be told with the old one. */
static void forget_below(struct watch_files *w, const char *path)
{
        for (size_t i = 0; i < w->n_folders; i++) {
                struct spec_strv *paths = &w->folders[i];
                size_t n = 0;

                for (size_t k = 0; k < paths->n; k++)
                        if (lies_in(paths->v[k], path))
                                free(paths->v[k]);
                        else
                                paths->v[n++] = paths->v[k];
                if (n == 0 && paths->n > 0) {
                        w->n_watched--;
                        (void)inotify_rm_watch(w->fd, (int)i);
                }
                paths->n = n;
        }
}

static int on_folder(struct watch_files *w, const char *folder, const char *path,
                     const struct inotify_event *event, struct error *err)
{
        CLEANUP_CLOSE int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || import_graph_skips(fd, event->name))
                return 0;
        if (event->mask & IN_MOVED_FROM) {
                forget_below(w, path);
                w->all = true;
        }
        return event->mask & (IN_CREATE | IN_MOVED_TO) ? watch_below(w, path, true, 0, err) : 0;
}

static int on_event(struct watch_files *w, const struct inotify_event *event, struct error *err)
{
        struct spec_strv paths;
        int r = 0;

        if (event->mask & IN_Q_OVERFLOW)
                w->all = true;
        if (event->wd < 0 || (size_t)event->wd >= w->n_folders)
                return 0;
        if (event->mask & IN_IGNORED) {
                w->n_watched -= w->folders[event->wd].n > 0;
                spec_strv_finish(&w->folders[event->wd]);
        }
        if (event->len == 0 || (!(event->mask & IN_ISDIR) && is_passing(event->name)))
                return 0;
        paths = w->folders[event->wd]; /* a new folder may move them, and does not change these */
        for (size_t i = 0; r == 0 && i < paths.n; i++) {
                char path[PATH_MAX];
                struct stat st;

                if (snprintf(path, sizeof path, "%s/%s", paths.v[i], event->name) >= (int)sizeof path)
                        continue;
                if (event->mask & IN_ISDIR)
                        r = on_folder(w, paths.v[i], path, event, err);
                else if (event->mask & (IN_CREATE | IN_MOVED_TO) && stat(path, &st) == 0 &&
                         S_ISDIR(st.st_mode))
                        r = on_folder(w, paths.v[i], path, event, err); /* a link to one */
                else if (touch(w, path, (event->mask & IN_CREATE) != 0) < 0)
                        r = error_set(err, "watch", ENOMEM, "%.400s", path);
        }
        return r;
}

int watch_files_read(struct watch_files *w, struct error *err)
{
        _Alignas(struct inotify_event) char events[1 << 16];
        ssize_t n;
        int r = 0;

        while (r == 0 && (n = read(w->fd, events, sizeof events)) > 0)
                for (ssize_t at = 0; r == 0 && at < n;) {
                        const struct inotify_event *event =
                            (const struct inotify_event *)(const void *)(events + at);

                        r = on_event(w, event, err);
                        at += (ssize_t)(sizeof *event + event->len);
                }
        return r;
}

/* What PATH had in it when it was last taken. */
static struct content *content_of(struct watch_files *w, const char *path)
{
        uint32_t at = import_table_get(&w->known, path, strlen(path));
        const char *copy;

        if (at != IMPORT_NONE)
                return &w->contents[at];
        if (w->n_contents == w->cap_contents) {
                size_t cap = w->cap_contents * 2 + 64;
                void *grown = reallocarray(w->contents, cap, sizeof *w->contents);

                if (grown == NULL)
                        return NULL;
                w->contents = grown;
                w->cap_contents = cap;
        }
        copy = arena_strn(&w->kept, path, strlen(path));
        if (copy == NULL || !import_table_set(&w->kept, &w->known, copy, (uint32_t)w->n_contents))
                return NULL;
        w->contents[w->n_contents] = (struct content){0};
        return &w->contents[w->n_contents++];
}

/* Whether PATH lies in a cache, which may have become one since it is watched. */
static bool is_cached(const char *path)
{
        char mark[PATH_MAX + 16];
        size_t n = strlen(path);

        for (int depth = 0; depth < MAX_DEPTH && n > 1; depth++) {
                while (n > 0 && path[--n] != '/')
                        ;
                (void)snprintf(mark, sizeof mark, "%.*s/CACHEDIR.TAG", (int)n, path);
                if (access(mark, F_OK) == 0)
                        return true;
        }
        return false;
}

/* Whether it counts: 1 or 0, or -ENOMEM. */
static int has_changed(struct watch_files *w, const struct touched *t)
{
        struct content *before = content_of(w, t->path), now = {.there = false};
        CLEANUP_CLOSE int fd = open(t->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        CLEANUP_BUF struct buf text = {0};
        struct stat st;
        bool same;

        if (before == NULL)
                return -ENOMEM;
        if (is_cached(t->path))
                return 0;
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
                before->there = false;
                return !t->made;
        }
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) /* a socket, a pipe */
                return fd < 0 && errno != ENXIO;
        if (buf_add(&text, "", 0) == 0 && buf_read_fd(&text, fd, MAX_BYTES) == 0) {
                blake2b(now.hash, text.data, text.len);
                now.there = true;
        }
        same = before->there && now.there && memcmp(before->hash, now.hash, sizeof now.hash) == 0;
        *before = now;
        return !same;
}

int watch_files_take(struct watch_files *w, struct spec_strv *ret, bool *ret_all)
{
        int r = 0;

        for (size_t i = 0; r >= 0 && i < w->n_touched; i++) {
                r = has_changed(w, &w->touched[i]);
                if (r > 0)
                        r = spec_strv_add(ret, w->touched[i].path);
        }
        *ret_all = *ret_all || w->all;
        w->all = false;
        w->n_touched = 0;
        w->numbers = (struct import_table){0};
        arena_reset(&w->arena);
        return r < 0 ? -ENOMEM : 0;
}
