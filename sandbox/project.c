/* How it works: the lower layers are named to the overlay by descriptor, so that no character of a path can
 * upset the option string. */
#include "sandbox/project.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/copy.h"
#include "sandbox/mnt.h"
#include "spec/base/cleanup.h"

struct scan {
        const char *project;
        char **mounts; /* absolute */
        size_t n_mounts;
        struct project_parts parts;
        struct error *err;
};

static int join(char *buf, const char *dir, const char *name)
{
        const int slash = *dir != '\0' && strcmp(dir, "/") != 0 && *name != '\0';
        int n = snprintf(buf, PATH_MAX, "%s%s%s", dir, slash ? "/" : "", name);

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int is_mount(const struct scan *s, const char *path)
{
        for (size_t i = 0; i < s->n_mounts; i++)
                if (strcmp(s->mounts[i], path) == 0)
                        return 1;
        return 0;
}

static int has_mount_below(const struct scan *s, const char *path)
{
        size_t n = strlen(path);

        for (size_t i = 0; i < s->n_mounts; i++)
                if (strncmp(s->mounts[i], path, n) == 0 && s->mounts[i][n] == '/')
                        return 1;
        return 0;
}

static int add_part(struct scan *s, enum project_kind kind, const char *path)
{
        struct project_part *v;

        if (s->parts.n == PROJECT_MAX_PARTS) {
                int r = error_set(s->err, "mount", E2BIG, "%s: more than %d folders beside a mount (%s)",
                                  s->project, PROJECT_MAX_PARTS, s->mounts[0]);

                error_hint(s->err, "unmount it, or make the project a folder without mounts below it");
                return r;
        }
        v = reallocarray(s->parts.v, s->parts.n + 1, sizeof *v);
        if (v == NULL)
                return error_set(s->err, "mount", ENOMEM, "scan %s", s->project);
        s->parts.v = v;
        v[s->parts.n].kind = kind;
        v[s->parts.n].path = strdup(path);
        return v[s->parts.n++].path == NULL ? error_set(s->err, "mount", ENOMEM, "scan %s", s->project) : 0;
}

static int scan_folder(struct scan *s, const char *path)
{
        char full[PATH_MAX], child[PATH_MAX], child_full[PATH_MAX];
        int r = join(full, s->project, path);
        struct dirent *e;
        DIR *dir;

        if (r < 0)
                return error_set(s->err, "mount", r, "scan %s", s->project);
        if (!has_mount_below(s, full))
                return add_part(s, PROJECT_OVERLAY, path);
        r = add_part(s, PROJECT_FOLDER, path);
        dir = r == 0 ? opendir(full) : NULL;
        if (r == 0 && dir == NULL)
                return error_set(s->err, "mount", errno, "read %s", full);
        while (r == 0 && (e = readdir(dir)) != NULL) {
                struct stat st;

                if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
                        continue;
                if (join(child, path, e->d_name) < 0 || join(child_full, full, e->d_name) < 0)
                        r = error_set(s->err, "mount", ENAMETOOLONG, "scan %s", full);
                else if (lstat(child_full, &st) < 0)
                        continue;
                else if (S_ISDIR(st.st_mode))
                        r = scan_folder(s, child);
                else if (S_ISREG(st.st_mode) && is_mount(s, child_full))
                        r = add_part(s, PROJECT_FILE, child);
        }
        if (dir != NULL)
                (void)closedir(dir);
        return r;
}

/* A project at /: the folders that are the system's, or have mounts below them, stay read-only. */
static int scan_root(struct scan *s)
{
        static const char *const system[] = {"bin",  "boot", "dev",  "etc", "lib", "lib32", "lib64", "libx32",
                                             "proc", "run",  "sbin", "sys", "tmp", "usr",   "var"};
        DIR *dir = opendir("/");
        struct dirent *e;
        int r = 0;

        if (dir == NULL)
                return error_set(s->err, "mount", errno, "read /");
        while (r == 0 && (e = readdir(dir)) != NULL) {
                char path[PATH_MAX];
                struct stat st;
                size_t i = 0;

                while (i < sizeof system / sizeof *system && strcmp(system[i], e->d_name) != 0)
                        i++;
                (void)snprintf(path, sizeof path, "/%s", e->d_name);
                if (i == sizeof system / sizeof *system && e->d_name[0] != '.' && lstat(path, &st) == 0 &&
                    S_ISDIR(st.st_mode) && !has_mount_below(s, path))
                        r = add_part(s, PROJECT_OVERLAY, e->d_name);
        }
        (void)closedir(dir);
        return r;
}

int project_scan(const char *project, struct project_parts *ret, struct error *err)
{
        const int is_root = strcmp(project, "/") == 0;
        struct scan s = {.project = project, .err = err};
        int r = mnt_find_submounts(is_root ? "" : project, &s.mounts, &s.n_mounts, err);

        if (r == 0)
                r = is_root ? scan_root(&s) : scan_folder(&s, "");
        for (size_t i = 0; i < s.n_mounts; i++)
                free(s.mounts[i]);
        free(s.mounts);
        if (r < 0)
                project_finish(&s.parts);
        *ret = s.parts;
        return r;
}

void project_finish(struct project_parts *parts)
{
        for (size_t i = 0; i < parts->n; i++)
                free(parts->v[i].path);
        free(parts->v);
        *parts = (struct project_parts){0};
}

/* SCRATCH/INDEX/up and /work; up becomes the folder's root to everyone who looks: it gets LOWER_FD's mode. */
static int scratch_dirs(const char *scratch, size_t index, int lower_fd, struct error *err)
{
        static const char *const names[] = {"", "/up", "/work"};
        char path[PATH_MAX];
        struct stat st;

        for (size_t i = 0; i < 3; i++) {
                (void)snprintf(path, sizeof path, "%s/%zu%s", scratch, index, names[i]);
                if (mkdir(path, 0755) < 0)
                        return error_set(err, "mount", errno, "mkdir %s", path);
        }
        (void)snprintf(path, sizeof path, "%s/%zu/up", scratch, index);
        if (fstat(lower_fd, &st) < 0 || chmod(path, st.st_mode & 07777) < 0)
                return error_set(err, "mount", errno, "copy a project folder's mode");
        return 0;
}

static int overlay(const char *options, int target_fd, const char *name, struct error *err)
{
        char at[48];
        int r;

        (void)snprintf(at, sizeof at, "/proc/self/fd/%d", target_fd);
        if (mount("overlay", at, "overlay", MS_NOSUID | MS_NODEV, options) == 0)
                return 0;
        r = error_set(err, "mount", errno, "overlay on %s", name);
        if (err != NULL && err->errnum == EINVAL)
                error_hint(err,
                           "the project may lie on nested overlays, or the kernel may be older than 5.11");
        return r;
}

static int hand_over(const struct project_layers *l, size_t index, struct error *err)
{
        char path[PATH_MAX];
        int r;

        if (l->hand_over.layer == NULL)
                return 0;
        (void)snprintf(path, sizeof path, "%s/%zu/up", l->scratch, index);
        CLEANUP_CLOSE int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? -errno : l->hand_over.layer(l->hand_over.socket, index, fd);
        return r < 0 ? error_set(err, "mount", r, "hand over what is written to the project") : 0;
}

static int mount_overlay(const struct project_layers *l, size_t index, int lower_fd, int target_fd,
                         const char *name, struct error *err)
{
        char options[1536], at[48];
        int written[PROJECT_MAX_LEVELS], n, r = scratch_dirs(l->scratch, index, lower_fd, err);
        unsigned opened = 0;

        if (r < 0)
                return r;
        for (; r == 0 && opened < l->levels; opened++) {
                (void)snprintf(at, sizeof at, "written/%u/%zu/up", opened, index);
                written[opened] = openat(l->layers_fd, at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                if (written[opened] < 0)
                        r = error_set(err, "mount", errno, "open layer %u of %s", opened, name);
        }
        n = snprintf(options, sizeof options, "lowerdir=");
        for (unsigned i = opened; r == 0 && i > 0; i--) /* the newest is on top */
                n += snprintf(options + n, sizeof options - (size_t)n, "/proc/self/fd/%d:", written[i - 1]);
        (void)snprintf(options + n, sizeof options - (size_t)n,
                       "/proc/self/fd/%d,upperdir=%s/%zu/up,workdir=%s/%zu/work,userxattr,volatile,xino=on",
                       lower_fd, l->scratch, index, l->scratch, index);
        if (r == 0)
                r = overlay(options, target_fd, name, err);
        if (r == 0)
                r = hand_over(l, index, err);
        while (opened > 0)
                if (written[--opened] >= 0)
                        (void)close(written[opened]);
        return r;
}

/* A tmpfs with the original's mode. */
static int mount_folder(const struct project_layers *l, int source_fd, int target_fd, struct error *err)
{
        char options[256];
        struct stat st;

        if (fstat(source_fd, &st) < 0)
                return error_set(err, "mount", errno, "stat %s", l->project);
        (void)snprintf(options, sizeof options, "%s,mode=%o", l->tmpfs_options, st.st_mode & 07777);
        return mnt_tmpfs(target_fd, options, 0, err);
}

static int mount_part(const struct project_layers *l, size_t index, int source_fd, struct error *err)
{
        const struct project_part *part = &l->parts->v[index];
        const int file = part->kind == PROJECT_FILE;
        char at[PATH_MAX], lower[PATH_MAX];
        int r;

        if (join(at, l->project, part->path) < 0 || join(lower, "project", part->path) < 0)
                return error_set(err, "mount", ENAMETOOLONG, "%s", part->path);
        CLEANUP_CLOSE int target = open(at, O_PATH | O_NOFOLLOW | O_CLOEXEC | (file ? 0 : O_DIRECTORY));
        CLEANUP_CLOSE int original =
            openat(l->layers_fd, lower, O_PATH | O_NOFOLLOW | O_CLOEXEC | (file ? 0 : O_DIRECTORY));
        if (target < 0 || original < 0)
                return error_set(err, "mount", errno, "open %s", at);
        if (file) {
                CLEANUP_CLOSE int tree = mnt_clone(original, "", err);

                return tree < 0 ? tree
                                : mnt_attach(tree, target,
                                             MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
        }
        if (part->kind == PROJECT_OVERLAY)
                return mount_overlay(l, index, original, target, at, err);
        r = part->path[0] == '\0' ? mount_folder(l, source_fd, target, err) : 0;
        if (r < 0)
                return r;
        CLEANUP_CLOSE int from = openat(source_fd, part->path[0] != '\0' ? part->path : ".",
                                        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        CLEANUP_CLOSE int to = open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (from < 0 || to < 0)
                return error_set(err, "mount", errno, "open %s", at);
        return copy_folder_only(from, to, err);
}

int project_mount(const struct project_layers *l, struct error *err)
{
        /* what a folder's files are copied from: the outer sandbox's, or the original */
        CLEANUP_CLOSE int source = l->levels > 0
                                       ? open(l->project, O_PATH | O_DIRECTORY | O_CLOEXEC)
                                       : openat(l->layers_fd, "project", O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (source < 0)
                return error_set(err, "mount", errno, "open project %s", l->project);
        for (size_t i = 0; i < l->parts->n; i++) {
                int r = mount_part(l, i, source, err);

                if (r < 0)
                        return r;
        }
        return 0;
}
