/* How it works: a heap of shards, the lightest on top; equal ones by number, equal files by name, so that
 * nothing depends on the order in which files are found. Files without weight go round. */
#include "runtime/discover/shard.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/cleanup.h"

struct load {
        double weight;
        size_t files;
        uint32_t shard;
};

static int heaviest_first(const void *a, const void *b)
{
        const struct shard_file *const *x = a, *const *y = b;

        if ((*x)->weight > (*y)->weight || (*x)->weight < (*y)->weight)
                return (*x)->weight > (*y)->weight ? -1 : 1;
        return strcmp((*x)->name, (*y)->name);
}

static int lighter(const struct load *a, const struct load *b)
{
        if (a->weight < b->weight || a->weight > b->weight)
                return a->weight < b->weight;
        return a->files != b->files ? a->files < b->files : a->shard < b->shard;
}

/* Lets the load on top sink to where it belongs. */
static void sink(struct load *heap, uint32_t n)
{
        for (uint32_t at = 0, child; (child = at * 2 + 1) < n; at = child) {
                struct load load = heap[at];

                if (child + 1 < n && lighter(&heap[child + 1], &heap[child]))
                        child++;
                if (!lighter(&heap[child], &load))
                        return;
                heap[at] = heap[child];
                heap[child] = load;
        }
}

static uint32_t mix(uint32_t hash, const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                hash = (hash ^ (unsigned char)s[i]) * 16777619u;
        return hash;
}

uint32_t shard_deal(struct shard_file *files, size_t n, uint32_t shards)
{
        CLEANUP_FREE struct shard_file **order = malloc((n + 1) * sizeof *order);
        CLEANUP_FREE struct load *heap = calloc(shards + 1, sizeof *heap);
        uint32_t plan = 2166136261u;

        if (order == NULL || heap == NULL)
                return 0;
        for (uint32_t i = 0; i < shards; i++)
                heap[i].shard = i + 1;
        for (size_t i = 0; i < n; i++)
                order[i] = &files[i];
        qsort(order, n, sizeof(struct shard_file *), heaviest_first);
        for (size_t i = 0; i < n; i++) {
                order[i]->shard = heap[0].shard;
                heap[0].weight += order[i]->weight;
                heap[0].files++;
                plan = mix(plan, order[i]->name, strlen(order[i]->name) + 1);
                plan = mix(plan, (const char *)&order[i]->shard, sizeof order[i]->shard);
                sink(heap, shards);
        }
        return plan != 0 ? plan : 1;
}
