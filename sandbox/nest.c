/* How it works: the first time, the cover is taken from the cell's own layers, and those below it are put
 * beside them, read-only: the folder then looks as the outer sandbox's does. A snapshot may see and spoil it;
 * nothing but its own tests depend on it. */
#include "sandbox/nest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/mnt.h"
#include "sandbox/user.h"
#include "spec/base/cleanup.h"

/* Puts what lies at NAME below the old layers at the same place below the new ones. */
static int put_beside(int old_fd, int new_fd, const char *name, struct error *err)
{
        CLEANUP_CLOSE int tree = mnt_clone(old_fd, name, err);

        if (tree < 0)
                return tree;
        if (mkdirat(new_fd, name, 0700) < 0)
                return error_set(err, "mount", errno, "make the layer %s", name);
        CLEANUP_CLOSE int at = openat(new_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (at < 0)
                return error_set(err, "mount", errno, "open the layer %s", name);
        return mnt_attach(tree, at, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
}

static int open_layers(struct nest *n, struct error *err)
{
        int r = user_allow_namespaces(n->limit_fd, n->plan.most, err);

        if (r < 0)
                return r;
        if (umount2(CELL_LAYERS, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
                return error_set(err, "mount", errno, "uncover " CELL_LAYERS);
        CLEANUP_CLOSE int layers = open(CELL_LAYERS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (layers < 0)
                return error_set(err, "mount", errno, "open " CELL_LAYERS);
        if (n->plan.project != NULL)
                r = put_beside(n->layers_fd, layers, "project", err);
        for (unsigned i = 0; r == 0 && n->plan.project != NULL && i < n->plan.levels; i++) {
                char name[32];

                (void)snprintf(name, sizeof name, "written/%u", i);
                r = put_beside(n->layers_fd, layers, name, err);
        }
        if (r < 0)
                return r;
        n->plan.levels++;
        n->plan.listen.socket = n->plan.hand_over.socket = n->socket;
        n->is_open = 1;
        return 0;
}

int nest_make(struct nest *n)
{
        struct error err = {0};
        int fds[2] = {-1, -1}, r = n->is_open ? 0 : open_layers(n, &err);
        pid_t pid;

        if (r == 0)
                r = cell_make(&n->plan, &pid, &fds[0], &fds[1], &err);
        if (r == 0)
                err = (struct error){0};
        r = n->plan.hand_over_cell(n->socket, &err, fds);
        for (int i = 0; i < 2; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
        return r;
}
