/* How it works: kind_of() sorts each entry; libmount reads the option lists. */
#include "sandbox/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "sandbox/mnt.h"
#include "sandbox/mountinfo.h"
#include "spec/base/cleanup.h"

enum kind { STANDARD, BIND, TMPFS, UNKNOWN };

static int has_option(const struct spec_mount *m, const char *option)
{
        for (size_t i = 0; i < m->options.n; i++)
                if (strcmp(m->options.v[i], option) == 0)
                        return 1;
        return 0;
}

static int below(const char *path, const char *dir)
{
        size_t n = strlen(dir);

        return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Folders that every cell has of its own. */
static int is_private(const char *path)
{
        static const char *const dirs[] = {"/proc", "/sys", "/dev", "/tmp", "/run", "/var/tmp"};

        for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++)
                if (below(path, dirs[i]))
                        return 1;
        return 0;
}

static enum kind kind_of(const struct spec_mount *m)
{
        const char *type = m->type != NULL ? m->type : "none";

        if (strcmp(type, "bind") == 0 || has_option(m, "bind") || has_option(m, "rbind"))
                return BIND;
        if (is_private(m->destination))
                return STANDARD;
        return strcmp(type, "tmpfs") == 0 ? TMPFS : UNKNOWN;
}

int mounts_check(const struct spec_mounts *mounts, struct error *err)
{
        if (mounts->n > MOUNTS_MAX)
                return error_set(err, "mount", E2BIG, "mounts: at most %d", MOUNTS_MAX);
        for (size_t i = 0; i < mounts->n; i++) {
                const struct spec_mount *m = &mounts->v[i];
                int r = 0;

                switch (kind_of(m)) {
                case STANDARD:
                case TMPFS:
                        continue;
                case BIND:
                        if (m->source == NULL)
                                r = error_set(err, "mount", EINVAL,
                                              "mounts[%zu]: a bind mount needs a source", i);
                        else if (strcmp(m->destination, "/") == 0)
                                r = error_set(err, "mount", ENOTSUP,
                                              "mounts[%zu]: nothing can be mounted on /", i);
                        else if (is_private(m->destination)) {
                                r = error_set(
                                    err, "mount", ENOTSUP,
                                    "mounts[%zu]: %s lies in a folder that every cell has of its own", i,
                                    m->destination);
                                error_hint(err, "bind it elsewhere");
                        }
                        break;
                case UNKNOWN:
                        r = error_set(err, "mount", ENOTSUP, "mounts[%zu]: type %s at %s", i,
                                      m->type != NULL ? m->type : "(none)", m->destination);
                        error_hint(err, "bind and tmpfs can be mounted");
                }
                if (r < 0)
                        return r;
        }
        return mounts->n > 0 ? mountinfo_prepare(err) : 0;
}

int mounts_clone(const struct spec_mounts *mounts, int *trees, struct error *err)
{
        for (size_t i = 0; i < mounts->n; i++)
                trees[i] = -1;
        for (size_t i = 0; i < mounts->n; i++) {
                if (kind_of(&mounts->v[i]) != BIND)
                        continue;
                trees[i] = mnt_clone(AT_FDCWD, mounts->v[i].source, err);
                if (trees[i] < 0) {
                        error_context(err, "mounts[%zu]", i);
                        return trees[i];
                }
        }
        return 0;
}

int mounts_bind(int root_fd, const struct spec_mounts *mounts, int *trees, struct error *err)
{
        for (size_t i = 0; i < mounts->n; i++) {
                const struct spec_mount *m = &mounts->v[i];

                if (trees[i] < 0)
                        continue;
                CLEANUP_CLOSE int tree = TAKE_FD(trees[i]);
                CLEANUP_CLOSE int at = mnt_resolve(root_fd, m->destination, 0, 0, err);
                int r = at < 0 ? at
                               : mnt_attach(tree, at,
                                            MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
                                                (has_option(m, "ro") ? MOUNT_ATTR_RDONLY : 0u),
                                            err);

                if (r < 0) {
                        error_context(err, "mounts[%zu]", i);
                        return r;
                }
        }
        return 0;
}

int mounts_tmpfs(int root_fd, const struct spec_mounts *mounts, struct error *err)
{
        static const char *const known[] = {"size", "mode", "nr_inodes", "nr_blocks"};

        for (size_t i = 0; i < mounts->n; i++) {
                const struct spec_mount *m = &mounts->v[i];
                char options[256] = "size=64m";
                size_t used = strlen(options);
                int r;

                if (kind_of(m) != TMPFS)
                        continue;
                for (size_t k = 0; k < m->options.n; k++)
                        for (size_t j = 0; j < sizeof known / sizeof *known; j++) {
                                const char *value;
                                size_t n;

                                if (!mountinfo_option(m->options.v[k], known[j], &value, &n))
                                        continue;
                                if (used + n + 16 >= sizeof options)
                                        return error_set(err, "mount", E2BIG, "mounts[%zu]: options", i);
                                used += (size_t)snprintf(options + used, sizeof options - used, ",%s=%.*s",
                                                         known[j], (int)n, value);
                        }
                CLEANUP_CLOSE int at = mnt_resolve(root_fd, m->destination, 0, 0, err);
                r = at < 0 ? at : mnt_tmpfs(at, options, has_option(m, "ro") ? MOUNT_ATTR_RDONLY : 0u, err);
                if (r < 0) {
                        error_context(err, "mounts[%zu]", i);
                        return r;
                }
        }
        return 0;
}

int mounts_scratch(int root_fd, const struct spec_mounts *mounts, struct scratch *s, struct error *err)
{
        for (size_t i = 0; i < mounts->n; i++) {
                if (kind_of(&mounts->v[i]) != TMPFS || has_option(&mounts->v[i], "ro"))
                        continue;
                CLEANUP_CLOSE int at = mnt_resolve(root_fd, mounts->v[i].destination, 0, 0, err);
                int r = at < 0 ? at : scratch_add(s, at, err);

                if (r < 0)
                        return r;
        }
        return 0;
}
