/* How it works: blocks are cut from chunks, one behind the other; a block that is freed goes to the list of
 * its size, where the next one of that size is found. Before each block stands whose it is: what malloc gave
 * goes back to free, whoever is at work by then. */
#include "runtime/discover/parse_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tree_sitter/api.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#define HAS_ASAN __has_feature(address_sanitizer)
#else
#define HAS_ASAN 0
#endif

#define CHUNK     ((size_t)512 << 10)
#define MAX_SMALL ((size_t)1 << 10) /* the sizes above have a list for each power of two */
#define N_SMALL   (MAX_SMALL / sizeof(struct block) + 1)
#define N_LISTS   (N_SMALL + 54)

struct block {
        struct parse_memory *owner; /* NULL: malloc's */
        size_t size;                /* of what is behind it, as rounded up */
};

struct freed {
        struct freed *next;
};

struct chunk {
        struct chunk *next;
        size_t size; /* of all of it */
};

struct parse_memory {
        struct chunk *chunks; /* the one that is cut from first */
        char *at, *end;
        struct freed *lists[N_LISTS];
};

_Static_assert(sizeof(struct block) == 16 && sizeof(struct chunk) == 16, "blocks are aligned for any type");

static _Thread_local struct parse_memory *current;

static size_t list_of(size_t size)
{
        return size <= MAX_SMALL ? size / sizeof(struct block)
                                 : N_SMALL + (size_t)(63 - __builtin_clzl(size)) - 10;
}

/* N rounded up to what a list has. */
static size_t rounded(size_t n)
{
        if (n <= MAX_SMALL)
                return n == 0 ? sizeof(struct block)
                              : (n + sizeof(struct block) - 1) & ~(sizeof(struct block) - 1);
        return (size_t)1 << (64 - __builtin_clzl(n - 1));
}

static void use(struct parse_memory *m, struct chunk *chunk)
{
        m->at = (char *)(chunk + 1);
        m->end = (char *)chunk + chunk->size;
}

static struct block *cut(struct parse_memory *m, size_t size)
{
        const size_t wanted = sizeof(struct block) + size;
        struct block *block;

        if ((size_t)(m->end - m->at) < wanted) {
                size_t all = sizeof(struct chunk) + wanted > CHUNK ? sizeof(struct chunk) + wanted : CHUNK;
                struct chunk *chunk = malloc(all);

                if (chunk == NULL)
                        return NULL;
                *chunk = (struct chunk){.next = m->chunks, .size = all};
                m->chunks = chunk;
                use(m, chunk);
        }
        block = (struct block *)m->at;
        m->at += wanted;
        return block;
}

/* As malloc; tree-sitter expects that there always is memory. */
static void *get(size_t n)
{
        struct parse_memory *m = current;
        size_t size, list;
        struct block *block = NULL;

        if (n <= SIZE_MAX / 4) {
                size = m != NULL ? rounded(n) : n;
                list = m != NULL ? list_of(size) : 0;
                if (m != NULL && m->lists[list] != NULL) {
                        struct freed *freed = m->lists[list];

                        m->lists[list] = freed->next;
                        return freed;
                }
                block = m != NULL ? cut(m, size) : malloc(sizeof *block + size);
                if (block != NULL)
                        *block = (struct block){m, size};
        }
        if (block == NULL) {
                (void)fprintf(stderr, "tach: error: no memory for %zu bytes of a parsed text\n", n);
                abort();
        }
        return block + 1;
}

static void *get_zeroed(size_t n, size_t size)
{
        size_t all;
        void *p = get(__builtin_mul_overflow(n, size, &all) ? SIZE_MAX : all);

        return memset(p, 0, all);
}

static void give_back(void *p)
{
        struct block *block = p != NULL ? (struct block *)p - 1 : NULL;
        struct freed *freed = p;
        size_t list;

        if (block == NULL)
                return;
        if (block->owner == NULL) {
                free(block);
                return;
        }
        /* tree-sitter counts a node's children in 16 bits and then takes their middle for where they begin:
         * no block begins there. It goes with the rest. */
        if (block->owner != current)
                return;
        list = list_of(block->size);
        freed->next = block->owner->lists[list];
        block->owner->lists[list] = freed;
}

static void *get_more(void *p, size_t n)
{
        const struct block *block = p != NULL ? (struct block *)p - 1 : NULL;
        void *more;

        if (block != NULL && n <= block->size)
                return p;
        more = get(n);
        if (block != NULL) {
                memcpy(more, p, block->size);
                give_back(p);
        }
        return more;
}

/* Before anything is parsed: what tree-sitter has from malloc itself could not be told apart later. */
__attribute__((constructor)) static void install(void)
{
        ts_set_allocator(get, get_zeroed, get_more, give_back);
}

bool parse_memory_lets_go(void)
{
        return !HAS_ASAN;
}

struct parse_memory *parse_memory_create(void)
{
        return calloc(1, sizeof(struct parse_memory));
}

static void drop(struct parse_memory *memory, const struct chunk *but)
{
        for (struct chunk *next; memory->chunks != NULL && memory->chunks != but; memory->chunks = next) {
                next = memory->chunks->next;
                free(memory->chunks);
        }
}

void parse_memory_destroy(struct parse_memory *memory)
{
        if (memory == NULL)
                return;
        drop(memory, NULL);
        free(memory);
}

void parse_memory_begin(struct parse_memory *memory)
{
        current = HAS_ASAN ? NULL : memory;
}

void parse_memory_end(struct parse_memory *memory)
{
        struct chunk *first = memory->chunks;

        current = NULL;
        while (first != NULL && first->next != NULL)
                first = first->next;
        drop(memory, first);
        memset(memory->lists, 0, sizeof memory->lists);
        if (first != NULL && first->size > CHUNK) { /* made for one large block */
                drop(memory, NULL);
                first = NULL;
        }
        memory->at = memory->end = NULL;
        if (first != NULL)
                use(memory, first);
}
