/* arena: memory that is let go all at once. Zero-initialised is empty. Running out of memory is remembered:
 * arena_get then returns NULL, and so it does from there on. */
#ifndef TACH_DISCOVER_ARENA_H
#define TACH_DISCOVER_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena_chunk;

struct arena {
        struct arena_chunk *chunk;
        size_t used;
        bool failed;
};

/* N zeroed bytes, aligned for any type. */
void *arena_get(struct arena *arena, size_t n);
/* The N bytes at S as a string. */
char *arena_strn(struct arena *arena, const char *s, size_t n);
char *arena_printf(struct arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A copy of the N bytes at OLD with room for MORE bytes in all. */
void *arena_grow(struct arena *arena, const void *old, size_t n, size_t more);
/* Makes room for one more in the array *V (V is the address of a pointer) of elements of SIZE bytes, of which
 * there are N, in the arena. False: no memory; *V stays as it is. */
bool arena_room(struct arena *arena, void *v, size_t n, size_t *cap, size_t size);
/* Lets go of everything, and keeps a little memory for what comes next. */
void arena_reset(struct arena *arena);
void arena_finish(struct arena *arena);

#endif
