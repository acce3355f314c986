/*
 * parse_memory: memory for tree-sitter while one thread parses one text, let go all at once: a parse
 * allocates and frees far more often than it has anything to keep. Outside of parse_memory_begin and _end
 * tree-sitter has malloc's. Under AddressSanitizer it always has, so that it is seen what tree-sitter does to
 * its memory.
 */
#ifndef TACH_DISCOVER_PARSE_MEMORY_H
#define TACH_DISCOVER_PARSE_MEMORY_H

#include <stdbool.h>

struct parse_memory;

/* NULL: no memory. */
struct parse_memory *parse_memory_create(void);
void parse_memory_destroy(struct parse_memory *memory);

/* From now on all that tree-sitter allocates on this thread is MEMORY's: parsers, trees, cursors. */
void parse_memory_begin(struct parse_memory *memory);
/* Lets go of all of it, whether it was freed or not; some of the memory is kept for what comes next. */
void parse_memory_end(struct parse_memory *memory);
/* Whether it does: else what is not freed is lost. */
bool parse_memory_lets_go(void);

#endif
