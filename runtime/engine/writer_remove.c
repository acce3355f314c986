/* How it works: a whiteout of the layer, or an opaque folder, says what was removed; of a folder that goes
 * what matches and is nobody else's. The kernel makes every new folder opaque: what came to the project after
 * that, from another cell, was not there to be removed. */
#include "runtime/engine/writer_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/tree.h"
#include "spec/base/cleanup.h"

static int remove_entry(struct writer *w, int dir_fd, const char *name, const char *path,
                        const struct removal *removal, int depth);

/* Whether what is in the project as ST was not there when the folder was made that takes its place. */
static int is_newer(const struct stat *st, const struct removal *removal)
{
        const struct timespec *made = &removal->made, *changed = &st->st_ctim;

        return made->tv_sec != 0 && (changed->tv_sec != made->tv_sec ? changed->tv_sec > made->tv_sec
                                                                     : changed->tv_nsec >= made->tv_nsec);
}

int writer_remove_folder(struct writer *w, int dir_fd, const char *name, const char *path,
                         const struct removal *removal, int depth)
{
        int removed = 0;
        struct dirent *e;
        struct stat st;

        if (depth == UPPER_MAX_DEPTH || !(writer_matches(w, path) || writer_matches_below(w, path)))
                return 0;
        int fd = tree_folder(dir_fd, name);
        DIR *dir = fd >= 0 && fstat(fd, &st) == 0 ? fdopendir(fd) : NULL;
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
                removed += remove_entry(w, fd, e->d_name, below, removal, depth + 1);
        }
        (void)closedir(dir);
        if (writer_matches(w, path) && !is_newer(&st, removal) && unlinkat(dir_fd, name, AT_REMOVEDIR) == 0)
                removed++;
        return removed;
}

/* The same for what is called NAME in DIR_FD, whatever it is. */
static int remove_entry(struct writer *w, int dir_fd, const char *name, const char *path,
                        const struct removal *removal, int depth)
{
        const struct claim *claim = claims_find(&w->claims, path);
        struct stat st;

        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return 0;
        if (S_ISDIR(st.st_mode))
                return writer_remove_folder(w, dir_fd, name, path, removal, depth);
        if (!writer_matches(w, path) || is_newer(&st, removal) || writer_is_outdated(w, path, &removal->time))
                return 0;
        if (writer_is_others(w, claim)) {
                writer_conflict(w, path, claim, 1);
                return 0;
        }
        if (unlinkat(dir_fd, name, 0) < 0) {
                writer_refuse(w, path, errno, "its removal");
                return 0;
        }
        (void)claims_take(&w->claims, path, w->cell, 1, &removal->time);
        return 1;
}

void writer_gone(struct writer *w, const char *at, const char *path, const struct removal *removal)
{
        const struct claim *claim = claims_find(&w->claims, path);
        char folder[PATH_MAX];
        const char *name = writer_split(at, folder);
        struct stat st;

        CLEANUP_CLOSE int dir = tree_folder(w->roots[w->layer->part], folder);
        if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                if (claim != NULL && claim->gone)
                        writer_kept(w, path); /* as another one did */
                else if (claim == NULL && writer_matches(w, path))
                        (void)claims_take(&w->claims, path, w->cell, 1,
                                          &removal->time); /* what only the cell around has */
                return;
        }
        if (remove_entry(w, dir, name, path, removal, 0) > 0) {
                (void)claims_take(&w->claims, path, w->cell, 1, &removal->time);
                writer_kept(w, path);
        } else if (!is_newer(&st, removal) && (!writer_matches(w, path) || S_ISDIR(st.st_mode))) {
                writer_lost(w, path);
        }
}

/* When the folder E was made; all zero where its file system does not tell. */
static struct timespec made_at(const struct upper_entry *e)
{
        struct statx sx;

        if (statx(e->fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx) < 0 || !(sx.stx_mask & STATX_BTIME))
                return (struct timespec){0};
        return (struct timespec){.tv_sec = sx.stx_btime.tv_sec, .tv_nsec = sx.stx_btime.tv_nsec};
}

void writer_replace(struct writer *w, const struct upper_entry *e, const char *path)
{
        const struct removal removal = {.time = e->st.st_ctim, .made = made_at(e)};
        const int fd = tree_folder(w->roots[w->layer->part], e->path);
        struct dirent *d;
        DIR *dir;

        if (fd < 0) {
                if (fd == -ENOTDIR || fd == -ELOOP)
                        writer_gone(w, e->path, path, &removal);
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
                writer_gone(w, at, below, &removal);
        }
        (void)closedir(dir);
}
