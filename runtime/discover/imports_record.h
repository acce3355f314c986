/* imports_record: what imports_read() made of a file, as text that a tree cache keeps. */
#ifndef TACH_DISCOVER_IMPORTS_RECORD_H
#define TACH_DISCOVER_IMPORTS_RECORD_H

#include <stdbool.h>

#include "runtime/discover/imports.h"
#include "runtime/discover/tree_cache.h"

/* Fills RET, in ARENA, from what CACHE (or NULL) has of the N bytes at TEXT. */
bool imports_recall(struct imports *ret, struct arena *arena, struct tree_cache *cache, const char *text,
                    size_t n);

/* Gives CACHE (or NULL) what was read from the N bytes at TEXT, the file PATH. */
void imports_keep(const struct imports *imports, struct tree_cache *cache, const char *path, const char *text,
                  size_t n);

#endif
