/*
 * tree_cache: what was parsed before, in this run or an earlier one, by the hash of a text's bytes. All
 * threads of a program share one. It changes how long reading takes and nothing else: what it does not have,
 * or cannot read, is parsed. It never says that something failed.
 */
#ifndef TACH_DISCOVER_TREE_CACHE_H
#define TACH_DISCOVER_TREE_CACHE_H

#include "runtime/discover/source.h"
#include "runtime/discover/tree_store.h"

struct tree_cache;

/* The cache of the project at ROOT (absolute), with what its store has (tree_place.h) and one that all
 * projects share has of files outside of them: the interpreter's own and what is installed. NULL: there is
 * none, nor can there be one. */
struct tree_cache *tree_cache_open(const char *root);

/* Writes those stores for which so much was parsed that it pays, and lets go of the cache, which may be NULL.
 */
void tree_cache_close(struct tree_cache *cache);

/* What was made of a text. */
enum tree_cache_kind {
        TREE_CACHE_SKIMMED, /* its tree, without what skim.h leaves out */
        TREE_CACHE_WHOLE,   /* its tree */
        TREE_CACHE_IMPORTS, /* imports_record.h */
};

/* The key of what was made of the N bytes of a text. */
void tree_cache_key(struct tree_key *ret, const void *bytes, size_t n, enum tree_cache_kind kind);

/* Fills RET (for source_finish) if CACHE has KEY. */
bool tree_cache_get(struct tree_cache *cache, const struct tree_key *key, struct source *ret);

/* Adds a copy of SOURCE, parsed from the BYTES bytes of the file PATH. */
void tree_cache_put(struct tree_cache *cache, const struct tree_key *key, const char *path, size_t bytes,
                    const struct source *source);

#endif
