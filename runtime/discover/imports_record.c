/* How it works: a line for each import: kind, level, line, module, name. None of these has blanks in it
 * (imports.c squeezes them out); one that is empty still has the sign in front of it. */
#include "runtime/discover/imports_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define COMPUTED 'c'

/* The next number of the line at *P, and what is behind it. */
static bool take_number(const char **p, uint32_t *ret)
{
        char *end;
        unsigned long n;

        if (**p < '0' || **p > '9')
                return false;
        n = strtoul(*p, &end, 10);
        if (*end != ' ' || n > UINT32_MAX)
                return false;
        *ret = (uint32_t)n;
        *p = end + 1;
        return true;
}

/* A word with a sign in front of it: '=' WORD, or '-', which is none. */
static bool take_word(const char **p, char end, struct arena *arena, const char **ret)
{
        size_t n = strcspn(*p, " \n");

        if ((*p)[n] != end || n == 0 || ((*p)[0] != '=' && n != 1))
                return false;
        *ret = (*p)[0] == '=' ? arena_strn(arena, *p + 1, n - 1) : NULL;
        *p += n + 1;
        return !arena->failed;
}

static bool take_line(const char **p, struct imports *ret, struct arena *arena)
{
        struct import_ref ref = {0};
        uint32_t kind, level;

        if (**p == COMPUTED) {
                ++*p;
                return take_number(p, &ret->computed_line) && take_word(p, '\n', arena, &ret->computed);
        }
        if (!take_number(p, &kind) || kind > IMPORT_PATH || !take_number(p, &level) ||
            !take_number(p, &ref.line) || !take_word(p, ' ', arena, &ref.module) || ref.module == NULL ||
            !take_word(p, '\n', arena, &ref.name))
                return false;
        ref.kind = (enum import_kind)kind;
        ref.level = level;
        if (ret->n == ret->cap) {
                ret->v = arena_grow(arena, ret->v, ret->n * sizeof ref, (ret->cap * 2 + 16) * sizeof ref);
                if (ret->v == NULL)
                        return false;
                ret->cap = ret->cap * 2 + 16;
        }
        ret->v[ret->n++] = ref;
        return true;
}

bool imports_recall(struct imports *ret, struct arena *arena, struct tree_cache *cache, const char *text,
                    size_t n)
{
        struct imports found = {0};
        struct source record;
        struct tree_key key;
        const char *p;

        if (cache == NULL)
                return false;
        tree_cache_key(&key, text, n, TREE_CACHE_IMPORTS);
        if (!tree_cache_get(cache, &key, &record))
                return false;
        for (p = record.text; *p != '\0' && take_line(&p, &found, arena);)
                continue;
        if (*p == '\0')
                *ret = found;
        n = (size_t)*p;
        source_finish(&record);
        return n == 0;
}

void imports_keep(const struct imports *imports, struct tree_cache *cache, const char *path, const char *text,
                  size_t n)
{
        static const struct tree_node root = {.size = 1};
        CLEANUP_BUF struct buf out = {0};
        struct source record = {.tree = {.v = &root, .n = 1}, .kept = true};
        struct tree_key key;
        int r = cache == NULL ? -1 : buf_add(&out, "", 0);

        for (size_t i = 0; r == 0 && i < imports->n; i++) {
                const struct import_ref *ref = &imports->v[i];

                r = buf_addf(&out, "%d %u %u =%s %s%s\n", (int)ref->kind, ref->level, ref->line, ref->module,
                             ref->name != NULL ? "=" : "-", ref->name != NULL ? ref->name : "");
        }
        if (r == 0 && imports->computed != NULL)
                r = buf_addf(&out, "%c%u =%s\n", COMPUTED, imports->computed_line, imports->computed);
        if (r != 0)
                return;
        record.text = out.data;
        record.n = out.len;
        tree_cache_key(&key, text, n, TREE_CACHE_IMPORTS);
        tree_cache_put(cache, &key, path, n, &record);
}
