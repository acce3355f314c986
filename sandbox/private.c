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

/* A tmpfs with MODE, or with what is there has, on DIR, if there is such a folder. */
static int mount_one(int root_fd, const struct cell_plan *plan, const char *dir, const char *mode, int keep,
                     struct error *err)
{
        int trees[MAX_VISIBLE] = {0}, r;
        char options[128], own[8];
        struct stat st;

        CLEANUP_CLOSE int before = mnt_look(root_fd, dir, err);
        if (before < 0)
                return before == -ENOENT ? 0 : before;
        if (mode == NULL && fstat(before, &st) < 0)
                return error_set(err, "mount", errno, "stat %s", dir);
        if (mode == NULL)
                (void)snprintf(own, sizeof own, "%o", st.st_mode & 07777);
        (void)snprintf(options, sizeof options, "%s,mode=%s", plan->tmpfs_options, mode != NULL ? mode : own);
        r = clone_visible(root_fd, plan, dir, trees, err);
        if (r == 0)
                r = mnt_tmpfs(before, options, 0, err);
        if (r == 0)
                r = attach_visible(root_fd, plan, dir, trees, err);
        if (r == 0 && keep) {
                CLEANUP_CLOSE int fresh = mnt_resolve(root_fd, dir, 0, 0, err);

                r = fresh < 0 ? fresh : copy_tree(before, fresh, err);
        }
        return r;
}

/* Whether the temporary folder number N lies in a folder that is the sandbox's own already. */
static int is_inside(const struct cell_plan *plan, size_t n)
{
        for (size_t i = 0; i < N_DIRECTORIES; i++)
                if (below(plan->temporary[n], directories[i].path))
                        return 1;
        for (size_t i = 0; i < n; i++)
                if (below(plan->temporary[n], plan->temporary[i]))
                        return 1;
        return 0;
}

int private_mount(int root_fd, const struct cell_plan *plan, int keep, struct error *err)
{
        for (size_t i = 0; i < N_DIRECTORIES; i++) {
                int r = mount_one(root_fd, plan, directories[i].path, directories[i].mode, keep, err);

                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < plan->n_temporary; i++) {
                const char *dir = plan->temporary[i];
                int r = 0;

                if (!is_inside(plan, i)) {
                        r = mount_one(root_fd, plan, dir, NULL, keep, err);
                } else if (!keep) { /* else it was copied */
                        CLEANUP_CLOSE int made = mnt_resolve(root_fd, dir, 1, 0, err);

                        r = made < 0 ? made : 0;
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_scratch(int root_fd, const char *dir, struct scratch *s, struct error *err)
{
        CLEANUP_CLOSE int fd = mnt_look(root_fd, dir, err);

        return fd == -ENOENT ? 0 : fd < 0 ? fd : scratch_add(s, fd, err);
}

int private_scratch(int root_fd, const struct cell_plan *plan, struct scratch *s, struct error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < N_DIRECTORIES; i++)
                r = add_scratch(root_fd, directories[i].path, s, err);
        for (size_t i = 0; r == 0 && i < plan->n_temporary; i++)
                if (!is_inside(plan, i))
                        r = add_scratch(root_fd, plan->temporary[i], s, err);
        return r;
}
