/* How it works: a list of chunks, each twice as large as a page or as large as what it was made for. */
#include "runtime/discover/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK ((size_t)64 << 10)
#define ALIGN ((size_t)16)

struct arena_chunk {
        struct arena_chunk *next;
        size_t size;
        _Alignas(16) char bytes[];
};

void *arena_get(struct arena *arena, size_t n)
{
        struct arena_chunk *chunk = arena->chunk;
        size_t size;
        void *p;

        if (arena->failed || n > SIZE_MAX / 4)
                goto fail;
        n = (n + ALIGN - 1) & ~(ALIGN - 1);
        if (chunk == NULL || chunk->size - arena->used < n) {
                size = n > CHUNK ? n : CHUNK;
                chunk = calloc(1, sizeof *chunk + size);
                if (chunk == NULL)
                        goto fail;
                chunk->size = size;
                chunk->next = arena->chunk;
                arena->chunk = chunk;
                arena->used = 0;
        }
        p = chunk->bytes + arena->used;
        arena->used += n;
        return p;
fail:
        arena->failed = true;
        return NULL;
}

char *arena_strn(struct arena *arena, const char *s, size_t n)
{
        char *copy = arena_get(arena, n + 1);

        if (copy != NULL && n > 0)
                memcpy(copy, s, n);
        return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
        char first[256], *s;
        va_list args, again;
        int n;

        va_start(args, fmt);
        va_copy(again, args);
        n = vsnprintf(first, sizeof first, fmt, args);
        s = n < 0 ? NULL : arena_get(arena, (size_t)n + 1);
        if (s != NULL && (size_t)n < sizeof first)
                memcpy(s, first, (size_t)n);
        else if (s != NULL)
                (void)vsnprintf(s, (size_t)n + 1, fmt, again);
        va_end(again);
        va_end(args);
        return s;
}

void *arena_grow(struct arena *arena, const void *old, size_t n, size_t more)
{
        void *p = arena_get(arena, more);

        if (p != NULL && n > 0)
                memcpy(p, old, n);
        return p;
}

void arena_finish(struct arena *arena)
{
        while (arena->chunk != NULL) {
                struct arena_chunk *next = arena->chunk->next;

                free(arena->chunk);
                arena->chunk = next;
        }
        arena->used = 0;
}

bool arena_room(struct arena *arena, void *v, size_t n, size_t *cap, size_t size)
{
        void *old, *more;

        if (n < *cap)
                return true;
        memcpy(&old, v, sizeof old);
        more = arena_grow(arena, old, n * size, (*cap * 2 + 8) * size);
        if (more == NULL)
                return false;
        *cap = *cap * 2 + 8;
        memcpy(v, &more, sizeof more);
        return true;
}

void arena_reset(struct arena *arena)
{
        struct arena_chunk *kept = arena->chunk;

        if (kept == NULL || kept->next != NULL || kept->size > CHUNK) {
                arena_finish(arena);
                arena->failed = false;
                return;
        }
        memset(kept->bytes, 0, arena->used);
        arena->used = 0;
        arena->failed = false;
}
