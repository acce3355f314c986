/*
 * source: the text of a Python file as its parser wants it, and its tree.
 */
#ifndef TACH_DISCOVER_SOURCE_H
#define TACH_DISCOVER_SOURCE_H

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
};

/* A parser of Python; NULL: no memory. */
TSParser *source_parser(void);

/* Reads and parses PATH, without what skim.h leaves out. -errno: it cannot be read (-EINVAL: no regular file,
 * -EFBIG: over 256 MiB), RET is then empty. What Python would not take as source is a problem, not an error.
 */
int source_read(struct source *ret, TSParser *parser, const char *path);

/* The same with all of the text. */
int source_read_whole(struct source *ret, TSParser *parser, const char *path);

/* As source_read, from the N bytes at BYTES. */
int source_parse(struct source *ret, TSParser *parser, const char *bytes, size_t n);

void source_finish(struct source *source);

#endif
