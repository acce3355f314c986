/* How it works: two stacks, of leaves that are ready and of indices whose leaves are to be removed. A leaf
 * that still holds a dying process stays on its stack until the next time; the janitor removes what is left.
 */
#include "runtime/engine/leaves.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int leaves_init(struct leaves *l, const struct cgroup *cg, const struct spec_resources *resources,
                unsigned workers, struct error *err)
{
        *l = (struct leaves){.cg = cg,
                             .resources = resources,
                             .tree_fd = -1,
                             .ahead = workers + 1,
                             .room = (size_t)workers * 8 + 8};
        if (cg->base_fd < 0)
                return 0;
        l->ready = calloc(l->room, sizeof *l->ready);
        l->used = calloc(l->room, sizeof *l->used);
        return l->ready != NULL && l->used != NULL ? 0 : error_set(err, "run", ENOMEM, "prepare the leaves");
}

static int make(struct leaves *l, struct leaf *ret, struct error *err)
{
        int fd = cgroup_leaf(l->cg, l->tree_fd, l->next, l->resources, err);

        if (fd < 0)
                return fd;
        *ret = (struct leaf){.fd = fd, .index = l->next++};
        return 0;
}

int leaves_open(struct leaves *l, int tree_fd, struct error *err)
{
        l->tree_fd = tree_fd;
        return leaves_tend(l, 1, err);
}

int leaves_take(struct leaves *l, struct leaf *ret, struct error *err)
{
        *ret = LEAF_NONE;
        if (l->ready == NULL)
                return 0;
        if (l->n_ready > 0) {
                *ret = l->ready[--l->n_ready];
                return 0;
        }
        return make(l, ret, err);
}

void leaves_give_back(struct leaves *l, struct leaf leaf)
{
        if (leaf.fd < 0)
                return;
        if (l->cg->controllers == 0 && l->n_ready < l->room) {
                l->ready[l->n_ready++] = leaf;
                return;
        }
        (void)close(leaf.fd);
        if (l->n_used < l->room)
                l->used[l->n_used++] = leaf.index;
}

int leaves_tend(struct leaves *l, size_t wanted, struct error *err)
{
        size_t kept = 0;

        if (l->tree_fd < 0)
                return 0;
        for (size_t i = 0; i < l->n_used; i++)
                if (cgroup_remove_leaf(l->cg, l->used[i]) == -EBUSY)
                        l->used[kept++] = l->used[i];
        l->n_used = kept;
        if (wanted > l->ahead)
                wanted = l->ahead;
        while (l->n_ready < wanted) {
                int r = make(l, &l->ready[l->n_ready], err);

                if (r < 0)
                        return r;
                l->n_ready++;
        }
        return 0;
}

void leaves_finish(struct leaves *l)
{
        for (size_t i = 0; i < l->n_ready; i++)
                (void)close(l->ready[i].fd);
        if (l->tree_fd >= 0)
                (void)close(l->tree_fd);
        free(l->ready);
        free(l->used);
        *l = (struct leaves){.tree_fd = -1};
}
