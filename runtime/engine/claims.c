/* How it works: a balanced tree by path (tsearch). Nothing is given back: the process ends with the run. */
#include "runtime/engine/claims.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

int claims_cell(struct claims *c, uint32_t cell, uint32_t parent, const char *name)
{
        if (cell >= CLAIMS_CELLS)
                return -ENOMEM;
        if (cell >= c->n_cells) {
                const size_t n = cell + cell / 2 + 64;
                struct claims_cell *grown = reallocarray(c->cells, n, sizeof *grown);

                if (grown == NULL)
                        return -ENOMEM;
                memset(grown + c->n_cells, 0, (n - c->n_cells) * sizeof *grown);
                c->cells = grown;
                c->n_cells = n;
        }
        free(c->cells[cell].name);
        c->cells[cell] = (struct claims_cell){parent, strdup(name)};
        return c->cells[cell].name != NULL ? 0 : -ENOMEM;
}

const char *claims_name(const struct claims *c, uint32_t cell)
{
        return cell < c->n_cells && c->cells[cell].name != NULL ? c->cells[cell].name : "another test";
}

int claims_is_in(const struct claims *c, uint32_t cell, uint32_t around)
{
        while (cell != around && cell != 0 && cell < c->n_cells)
                cell = c->cells[cell].parent;
        return cell == around;
}

static int by_path(const void *a, const void *b)
{
        return strcmp(((const struct claim *)a)->path, ((const struct claim *)b)->path);
}

static struct claim *find(const struct claims *c, const char *path)
{
        const struct claim wanted = {.path = (char *)(size_t)path};
        void *node = tfind(&wanted, &c->tree, by_path);

        return node != NULL ? *(struct claim **)node : NULL;
}

const struct claim *claims_find(const struct claims *c, const char *path)
{
        return find(c, path);
}

static struct claim *insert(struct claims *c, const char *path)
{
        struct claim *claim = c->n < CLAIMS_MAX ? calloc(1, sizeof *claim) : NULL;

        if (claim == NULL)
                return NULL;
        claim->path = strdup(path);
        if (claim->path == NULL || tsearch(claim, &c->tree, by_path) == NULL) {
                free(claim->path);
                free(claim);
                return NULL;
        }
        c->n++;
        return claim;
}

int claims_take(struct claims *c, const char *path, uint32_t cell, int gone, const struct timespec *time)
{
        struct claim *claim = find(c, path);

        if (claim == NULL)
                claim = insert(c, path);
        if (claim == NULL)
                return -ENOMEM;
        claim->cell = cell;
        claim->gone = gone;
        claim->time = *time;
        return 0;
}
