/* How it works: a tmpfs is mounted over what is there; a directory that is missing stays missing. */
#include "sandbox/private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "sandbox/copy.h"
#include "sandbox/mnt.h"
#include "spec/base/cleanup.h"

#define MAX_VISIBLE 64 /* below one of them */

static const struct {
        const char *path, *mode;
} directories[] = {{"/tmp", "1777"}, {"/var/tmp", "1777"}, {"/dev/shm", "1777"}, {"/run", "755"}};

#define N_DIRECTORIES (sizeof directories / sizeof *directories)

static int below(const char *path, const char *dir)
{
        size_t n = strlen(dir);

        return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static int clone_visible(int root_fd, const struct cell_plan *plan, const char *dir, int trees[MAX_VISIBLE],
                         struct error *err)
{
        size_t n = 0;

        for (size_t k = 0; k < plan->n_visible && n < MAX_VISIBLE; k++)
                if (below(plan->visible[k], dir)) {
                        CLEANUP_CLOSE int fd = mnt_resolve(root_fd, plan->visible[k], 0, 0, err);

                        if (fd < 0)
                                return fd;
                        trees[n] = mnt_clone(fd, "", err);
                        if (trees[n++] < 0)
                                return trees[n - 1];
                }
        return 0;
}

static int attach_visible(int root_fd, const struct cell_plan *plan, const char *dir,
                          const int trees[MAX_VISIBLE], struct error *err)
{
        size_t n = 0;

        for (size_t k = 0; k < plan->n_visible && n < MAX_VISIBLE; k++)
                if (below(plan->visible[k], dir)) {
                        CLEANUP_CLOSE int tree = trees[n++];
                        struct stat st;
                        int r;

                        if (fstat(tree, &st) < 0)
                                return error_set(err, "mount", errno, "stat %s", plan->visible[k]);
                        CLEANUP_CLOSE int at =
                            mnt_resolve(root_fd, plan->visible[k], 1, !S_ISDIR(st.st_mode), err);
                        r = at < 0 ? at : mnt_attach(tree, at, PRIVATE_OUTSIDE, err);
                        if (r < 0)
                                return r;
                }
        return 0;
}

int private_mount(int root_fd, const struct cell_plan *plan, int keep, struct error *err)
{
        for (size_t i = 0; i < N_DIRECTORIES; i++) {
                const char *dir = directories[i].path;
                int trees[MAX_VISIBLE] = {0}, r;
                char options[128];

                CLEANUP_CLOSE int before = mnt_look(root_fd, dir, err);
                if (before == -ENOENT)
                        continue;
                if (before < 0)
                        return before;
                (void)snprintf(options, sizeof options, "%s,mode=%s", plan->tmpfs_options,
                               directories[i].mode);
                r = clone_visible(root_fd, plan, dir, trees, err);
                if (r == 0)
                        r = mnt_tmpfs(before, options, 0, err);
                if (r == 0)
                        r = attach_visible(root_fd, plan, dir, trees, err);
                if (r == 0 && keep) {
                        CLEANUP_CLOSE int fresh = mnt_resolve(root_fd, dir, 0, 0, err);

                        r = fresh < 0 ? fresh : copy_tree(before, fresh, err);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

int private_scratch(int root_fd, struct scratch *s, struct error *err)
{
        for (size_t i = 0; i < N_DIRECTORIES; i++) {
                CLEANUP_CLOSE int fd = mnt_look(root_fd, directories[i].path, err);
                int r = fd == -ENOENT ? 0 : fd < 0 ? fd : scratch_add(s, fd, err);

                if (r < 0)
                        return r;
        }
        return 0;
}
