/* How it works: the store's index is read when the program begins, its records as they are asked for. What is
 * parsed anew is kept in memory and written at the end, together with what the store had. */
#include "runtime/discover/tree_cache.h"

#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/tree_place.h"
#include "spec/base/cleanup.h"

/* Parsing takes some twenty times as long as writing. */
#define WORTH    ((size_t)32 << 10) /* bytes of texts: less is not worth a file */
#define WORTH_OF 16                 /* nor is less than this part of what the file has */
#define MAX_AGE  16                 /* a text that is not there any more goes after so many writes */
/* of a file, beside the record itself */
#define PER_RECORD (sizeof(struct tree_entry) + 8)
#define MAX_ADDED  (TREE_STORE_MAX / 2)

/* One store, and what is to be added to it. */
struct part {
        const char *root; /* whose it is; "": what lies outside of all projects */
        struct tree_store store;
        atomic_bool *used; /* of the store's entries */
        struct tree_addition *added;
        size_t n, cap, bytes;
        uint32_t *slots; /* hash table of index + 1 */
        size_t n_slots;
};

struct tree_cache {
        struct tree_key maker;
        pthread_mutex_t lock; /* of what is added */
        struct part parts[2]; /* the project's and the other */
        char root[];
};

/* The program's build id: trees of another program, an earlier version above all, are other trees. */
static int find_maker(struct dl_phdr_info *info, size_t size, void *ctx)
{
        struct tree_key *ret = ctx;

        (void)size;
        for (size_t i = 0; i < info->dlpi_phnum; i++) {
                const ElfW(Phdr) *header = &info->dlpi_phdr[i];
                const char *p =
                    (const char *)(info->dlpi_addr + header->p_vaddr); // NOLINT(performance-no-int-to-ptr)
                const char *end = p + header->p_memsz;

                while (header->p_type == PT_NOTE && end - p >= (ptrdiff_t)sizeof(ElfW(Nhdr))) {
                        const ElfW(Nhdr) *note = (const void *)p;
                        size_t name = (note->n_namesz + 3U) & ~(size_t)3,
                               desc = (note->n_descsz + 3U) & ~(size_t)3;

                        if ((size_t)(end - p) < sizeof *note + name + desc)
                                break;
                        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
                            memcmp(note + 1, "GNU", 4) == 0) {
                                blake2b(ret->v, (const char *)(note + 1) + name, note->n_descsz);
                                return 1;
                        }
                        p += sizeof *note + name + desc;
                }
        }
        return -1; /* the first is the program itself */
}

static void part_open(struct part *part, const struct tree_key *maker)
{
        tree_store_open(&part->store, tree_place_read(part->root), maker);
        part->used = calloc(part->store.n + 1, sizeof *part->used);
        if (part->used == NULL)
                tree_store_close(&part->store);
}

struct tree_cache *tree_cache_open(const char *root)
{
        struct tree_cache *cache = calloc(1, sizeof *cache + strlen(root) + 1);

        if (cache == NULL)
                return NULL;
        if (dl_iterate_phdr(find_maker, &cache->maker) != 1) {
                free(cache);
                return NULL;
        }
        (void)strcpy(cache->root, root);
        (void)pthread_mutex_init(&cache->lock, NULL);
        cache->parts[0].root = cache->root;
        cache->parts[1].root = "";
        part_open(&cache->parts[0], &cache->maker);
        part_open(&cache->parts[1], &cache->maker);
        return cache;
}

void tree_cache_key(struct tree_key *ret, const void *bytes, size_t n, enum tree_cache_kind kind)
{
        blake2b(ret->v, bytes, n);
        ret->v[0] ^= (uint8_t)kind;
}

static uint32_t *slot_of(const struct part *part, const struct tree_key *key)
{
        size_t at;

        memcpy(&at, key->v, sizeof at);
        at &= part->n_slots - 1;
        while (part->slots[at] != 0 && memcmp(&part->added[part->slots[at] - 1].key, key, sizeof *key) != 0)
                at = (at + 1) & (part->n_slots - 1);
        return &part->slots[at];
}

static bool is_added(const struct part *part, const struct tree_key *key)
{
        return part->n_slots > 0 && *slot_of(part, key) != 0;
}

bool tree_cache_get(struct tree_cache *cache, const struct tree_key *key, struct source *ret)
{
        struct tree_record record = {0};

        for (int i = 0; i < 2; i++) {
                struct part *part = &cache->parts[i];
                ptrdiff_t at = tree_store_find(&part->store, key);

                if (at >= 0 && tree_store_read(&part->store, (size_t)at, ret)) {
                        atomic_store_explicit(&part->used[at], true, memory_order_relaxed);
                        return true;
                }
        }
        (void)pthread_mutex_lock(&cache->lock);
        for (int i = 0; i < 2; i++)
                if (is_added(&cache->parts[i], key))
                        record = cache->parts[i].added[*slot_of(&cache->parts[i], key) - 1].record;
        (void)pthread_mutex_unlock(&cache->lock);
        return record.data != NULL && tree_record_see(&record, ret);
}

static bool make_room(struct part *part)
{
        size_t cap = part->cap * 2 + 64, n_slots = 256;
        struct tree_addition *added;
        uint32_t *slots;

        if (part->n < part->cap)
                return true;
        while (n_slots < cap * 2)
                n_slots *= 2;
        added = realloc(part->added, cap * sizeof *added);
        if (added == NULL)
                return false;
        part->added = added;
        slots = calloc(n_slots, sizeof *slots);
        if (slots == NULL)
                return false;
        free(part->slots);
        part->slots = slots;
        part->n_slots = n_slots;
        part->cap = cap;
        for (size_t i = 0; i < part->n; i++)
                *slot_of(part, &added[i].key) = (uint32_t)i + 1;
        return true;
}

static struct part *part_of(struct tree_cache *cache, const char *path)
{
        size_t n = strlen(cache->root);

        n -= n > 0 && cache->root[n - 1] == '/';
        return &cache
                    ->parts[path[0] != '/' || (strncmp(path, cache->root, n) == 0 && path[n] == '/') ? 0 : 1];
}

void tree_cache_put(struct tree_cache *cache, const struct tree_key *key, const char *path, size_t bytes,
                    const struct source *source)
{
        struct tree_addition addition = {.key = *key, .bytes = (uint32_t)bytes};
        struct part *part = part_of(cache, path);

        if (bytes > UINT32_MAX || tree_record_make(&addition.record, source) < 0)
                return;
        (void)pthread_mutex_lock(&cache->lock);
        if (part->bytes + addition.record.len <= MAX_ADDED && make_room(part) && !is_added(part, key)) {
                *slot_of(part, key) = (uint32_t)part->n + 1;
                part->added[part->n++] = addition;
                part->bytes += addition.record.len + PER_RECORD;
                addition.record.data = NULL;
        }
        (void)pthread_mutex_unlock(&cache->lock);
        free(addition.record.data);
}

struct writing {
        const struct tree_key *maker;
        struct part *part;
        bool *keep, *used;
};

static int write_store(void *ctx, int fd)
{
        const struct writing *w = ctx;

        return tree_store_write(fd, w->maker, &w->part->store, w->keep, w->used, w->part->added, w->part->n);
}

/* Adds up what is worth keeping; an entry that could not be read, and was parsed again, is not. */
static void write_if_it_pays(struct part *part, const struct tree_key *maker)
{
        CLEANUP_FREE bool *keep = calloc(part->store.n + 1, sizeof *keep);
        CLEANUP_FREE bool *used = calloc(part->store.n + 1, sizeof *used);
        struct writing writing = {maker, part, keep, used};
        size_t parsed = 0, kept = 0, room = TREE_STORE_MAX - 4096 - part->bytes;

        if (keep == NULL || used == NULL)
                return;
        for (size_t i = 0; i < part->n; i++)
                parsed += part->added[i].bytes;
        for (int first = 1; first >= 0; first--) /* those that were used come first where room is short */
                for (size_t i = 0; i < part->store.n; i++) {
                        const struct tree_entry *entry = &part->store.index[i];
                        size_t takes = entry->len + PER_RECORD;

                        used[i] = part->used[i];
                        if (used[i] != first || entry->age >= MAX_AGE || takes > room ||
                            is_added(part, &entry->key))
                                continue;
                        keep[i] = true;
                        room -= takes;
                        kept += entry->bytes;
                }
        if (parsed >= WORTH && parsed >= kept / WORTH_OF)
                (void)tree_place_write(part->root, write_store, &writing);
}

void tree_cache_close(struct tree_cache *cache)
{
        if (cache == NULL)
                return;
        for (int p = 0; p < 2; p++) {
                struct part *part = &cache->parts[p];

                if (part->n > 0)
                        write_if_it_pays(part, &cache->maker);
                for (size_t i = 0; i < part->n; i++)
                        free(part->added[i].record.data);
                free(part->added);
                free(part->slots);
                free(part->used);
                tree_store_close(&part->store);
        }
        (void)pthread_mutex_destroy(&cache->lock);
        free(cache);
}
