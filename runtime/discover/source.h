/*
 * source: the text of a Python file as its parser wants it, and its tree.
 */
#ifndef TACH_DISCOVER_SOURCE_H
#define TACH_DISCOVER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/discover/tree.h"

struct source {
        char *text; /* UTF-8 without a byte order mark, NUL-terminated */
        size_t n;
        struct tree tree;    /* n is 0: there is none */
        uint32_t *lines;     /* the file's line of each line of the text, NULL: the same */
        uint32_t n_lines;    /* of lines */
        const char *problem; /* why Python would not compile it, as far as that is known here; static */
        uint32_t line;       /* where; 0: nowhere in particular */
        bool kept;           /* text, tree and lines are in RECORD, or somebody else's */
        void *record;        /* malloc'ed, or NULL */
};

struct tree_cache;
struct parse_memory;

/* Reads sources for one thread. */
struct reader {
        struct parse_memory *memory;
        struct tree_cache *cache; /* NULL: there is none */
};

/* CACHE may be NULL; it must outlive what is read. False: no memory. */
bool reader_init(struct reader *ret, struct tree_cache *cache);
void reader_finish(struct reader *reader);

/* Reads and parses PATH, without what skim.h leaves out. -errno: it cannot be read (-EINVAL: no regular file,
 * -EFBIG: over 256 MiB), RET is then empty. What Python would not take as source is a problem, not an error.
 */
int source_read(struct source *ret, struct reader *reader, const char *path);

/* The same with all of the text. */
int source_read_whole(struct source *ret, struct reader *reader, const char *path);

/* The same, if the file has the word WORD; else as source_read. */
int source_read_with(struct source *ret, struct reader *reader, const char *path, const char *word);

/* As source_read, from the N bytes at BYTES, and never from a cache. */
int source_parse(struct source *ret, struct reader *reader, const char *bytes, size_t n);

void source_finish(struct source *source);

#endif
