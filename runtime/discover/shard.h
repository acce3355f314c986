/* shard: test files dealt out to several runs: each file to exactly one, the same in every run that knows the
 * same files and weights. */
#ifndef TACH_DISCOVER_SHARD_H
#define TACH_DISCOVER_SHARD_H

#include <stddef.h>
#include <stdint.h>

struct shard_file {
        const char *name; /* all different */
        double weight;    /* seconds, or tests; not negative */
        uint32_t shard;   /* from 1: the answer */
};

/* Deals the N FILES, in any order, to SHARDS shards: the heaviest first, each to the one with the least so
 * far. Returns a number that is the same wherever the same was dealt in the same way. */
uint32_t shard_deal(struct shard_file *files, size_t n, uint32_t shards);

#endif
