/* How it works: a hash table from keys (library_internal.h) to what was found for them. */
#include "runtime/discover/library.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/library_internal.h"

struct library *library_create(const struct search *search, struct tree_cache *cache)
{
        struct library *library = calloc(1, sizeof *library);

        if (library == NULL)
                return NULL;
        library->search = search;
        library->n_slots = 256;
        library->slots = calloc(library->n_slots, sizeof *library->slots);
        if (library->slots == NULL || !reader_init(&library->reader, cache)) {
                library_destroy(library);
                return NULL;
        }
        return library;
}

void library_destroy(struct library *library)
{
        if (library == NULL)
                return;
        for (struct shelf *s = library->all, *next; s != NULL; s = next) {
                next = s->next;
                source_finish(&s->source);
                arena_finish(&s->own);
                buf_finish(&s->text);
                free(s);
        }
        reader_finish(&library->reader);
        arena_finish(&library->scratch);
        arena_finish(&library->names);
        free(library->slots);
        free(library);
}

const char *library_root(const struct library *library)
{
        return library != NULL && library->search->root != NULL ? library->search->root : "";
}

struct arena *library_scratch(struct library *library)
{
        return &library->scratch;
}

struct module library_module(struct library *library, const char *path, const struct source *source)
{
        struct arena *arena = library_scratch(library);

        return (struct module){.path = path,
                               .text = source->text,
                               .arena = arena,
                               .own = arena,
                               .library = library,
                               .lines = source->lines,
                               .n_lines = source->n_lines,
                               .error_line = source->line};
}

void library_reset(struct library *library)
{
        arena_finish(&library->scratch);
        library->scratch.failed = false;
}

static size_t hash(const char *s)
{
        size_t h = 1469598103934665603u;

        for (; *s != '\0'; s++)
                h = (h ^ (unsigned char)*s) * 1099511628211u;
        return h;
}

static bool grow(struct library *library)
{
        size_t n = library->n_slots * 2;
        struct shelf **slots = calloc(n, sizeof(struct shelf *));

        if (slots == NULL)
                return false;
        for (size_t i = 0; i < library->n_slots; i++)
                if (library->slots[i] != NULL) {
                        size_t at = hash(library->slots[i]->key) & (n - 1);

                        while (slots[at] != NULL)
                                at = (at + 1) & (n - 1);
                        slots[at] = library->slots[i];
                }
        free(library->slots);
        library->slots = slots;
        library->n_slots = n;
        return true;
}

struct shelf *library_shelf(struct library *library, const char *key)
{
        struct shelf *s;
        size_t at;

        if (library->n * 2 >= library->n_slots && !grow(library))
                return NULL;
        at = hash(key) & (library->n_slots - 1);
        for (; library->slots[at] != NULL; at = (at + 1) & (library->n_slots - 1))
                if (strcmp(library->slots[at]->key, key) == 0)
                        return library->slots[at];
        s = calloc(1, sizeof *s);
        if (s == NULL)
                return NULL;
        s->key = arena_strn(&library->names, key, strlen(key));
        if (s->key == NULL) {
                free(s);
                return NULL;
        }
        s->next = library->all;
        library->all = s;
        library->slots[at] = s;
        library->n++;
        return s;
}

struct module *library_load(struct library *library, const char *path)
{
        size_t n = strlen(path);
        struct shelf *s = library_shelf(library, path);
        struct module *m;

        if (s == NULL || s->tried)
                return s != NULL ? s->module : NULL;
        s->tried = true;
        if (n == 0 || path[n - 1] == '/' || source_read(&s->source, &library->reader, path) < 0 ||
            s->source.tree.n == 0)
                return NULL;
        m = arena_get(&s->own, sizeof *m);
        if (m == NULL)
                return NULL;
        *m = (struct module){.path = s->key,
                             .text = s->source.text,
                             .arena = &library->scratch,
                             .own = &s->own,
                             .library = library,
                             .lines = s->source.lines,
                             .n_lines = s->source.n_lines,
                             .error_line = s->source.line};
        module_read(m, tree_root(&s->source.tree));
        s->module = m;
        return m;
}
