/* How it works: a name is what its scope binds, else what a star import brings, else nothing; an import leads
 * to another file, where the same holds. Classes are put in order by C3, as mro.c does within a file. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/discover/sources.h"

#define MAX_STEPS 40 /* imports of imports */

struct resolver {
        struct sources *s;
        bool everywhere;
        int steps;
};

static const struct meaning unknown = {NULL, NULL, MEANS_UNKNOWN}, nothing = {NULL, NULL, MEANS_NOTHING};

static struct meaning resolve(struct resolver *r, const struct facts *file, const struct fact_scope *scope,
                              const char *name);

static struct facts *module(struct resolver *r, const struct facts *file, const char *dotted)
{
        const char *path = sources_find(r->s, file, dotted);

        if (path == NULL || (!r->everywhere && !sources_is_project(r->s, path)))
                return NULL;
        return sources_file(r->s, path);
}

/* "..name": "from . import name"; "..module.name": "from ..module import name". */
static bool module_part(const char *from, const char **name, char part[PATH_MAX])
{
        const char *words = from + strspn(from, "."), *dot = strrchr(words, '.');
        size_t n;

        *name = dot != NULL ? dot + 1 : words;
        n = (size_t)(*name - from);
        return n > 0 && n <= PATH_MAX && snprintf(part, PATH_MAX, "%.*s", (int)n - 1, from) >= 0;
}

static struct meaning import(struct resolver *r, const struct facts *file, const char *from)
{
        struct meaning found = unknown;
        char part[PATH_MAX], path[PATH_MAX];
        struct facts *target;
        const char *name;

        if (r->steps++ > MAX_STEPS || !module_part(from, &name, part))
                return unknown;
        if (from[0] != '.' && sources_is_stdlib(r->s, from))
                return nothing;
        target = module(r, file, part);
        if (target != NULL && target != file)
                found = resolve(r, target, &target->scope, name);
        else if (target == file)
                found = nothing;
        if (found.kind == MEANS_NOTHING || target == NULL) {
                bool dots = part[strspn(part, ".")] == '\0';
                struct facts *submodule =
                    snprintf(path, sizeof path, "%s%s%s", part, dots ? "" : ".", name) < (int)sizeof path
                        ? module(r, file, path)
                        : NULL;

                if (submodule != NULL)
                        return (struct meaning){submodule, NULL, MEANS_MODULE};
        }
        return found;
}

static struct meaning star(struct resolver *r, const struct facts *file, const char *name)
{
        bool all_known = true;

        for (size_t i = file->stars.n; i > 0 && r->steps < MAX_STEPS; i--) {
                struct facts *target = module(r, file, file->stars.v[i - 1]);
                struct meaning found;

                if (target == NULL) {
                        all_known &= sources_is_stdlib(r->s, file->stars.v[i - 1]);
                        continue;
                }
                if (target == file || (target->has_all ? !names_has(&target->all, name) : name[0] == '_'))
                        continue;
                r->steps++;
                found = resolve(r, target, &target->scope, name);
                if (found.kind != MEANS_NOTHING)
                        return found;
        }
        return all_known && r->steps < MAX_STEPS ? nothing : unknown;
}

static struct meaning resolve(struct resolver *r, const struct facts *file, const struct fact_scope *scope,
                              const char *name)
{
        struct fact *fact = facts_find(scope, name);

        if (fact == NULL)
                return scope == &file->scope ? star(r, file, name) : nothing;
        if (r->steps++ > MAX_STEPS)
                return unknown;
        switch (fact->kind) {
        case FACT_IMPORT:
                if (fact->is_module)
                        return (struct meaning){
                            sources_is_stdlib(r->s, fact->from) ? NULL : module(r, file, fact->from), NULL,
                            MEANS_MODULE};
                return import(r, file, fact->from);
        case FACT_ALIAS:
                if (strcmp(fact->from, name) == 0 && scope == &file->scope)
                        return unknown;
                if (scope != &file->scope &&
                    (strcmp(fact->from, name) == 0 || facts_find(scope, fact->from) == NULL))
                        scope = &file->scope;
                return resolve(r, file, scope, fact->from);
        default:
                return (struct meaning){file, fact, MEANS_FACT};
        }
}

struct meaning sources_resolve(struct sources *s, const struct facts *file, const struct fact_scope *scope,
                               const char *name, bool everywhere)
{
        struct resolver r = {s, everywhere, 0};

        return resolve(&r, file, scope, name);
}

struct meaning sources_import(struct sources *s, const struct facts *file, const char *from, bool everywhere)
{
        struct resolver r = {s, everywhere, 0};

        return import(&r, file, from);
}

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

/* Base I of C as a class, NULL where it is not one that can be read; *RET_PLAIN: it has no part in pytest. */
static struct fact_class *base_class(struct sources *s, struct fact_class *c, size_t i, bool *ret_plain)
{
        const char *word = c->bases.v[i], *from = c->froms.v[i];
        struct meaning m = unknown;

        if (ends_with(from, "TestCase"))
                c->is_testcase = true;
        *ret_plain = from[0] != '\0' && strchr(from, '.') != NULL && sources_is_stdlib(s, from);
        if (*ret_plain || word[0] == '\0')
                return NULL;
        if (strchr(word, '.') == NULL) {
                const struct fact_scope *scope = c->outer != NULL ? c->outer : &c->file->scope;

                m = sources_resolve(s, c->file, scope, word, true);
                if (m.kind == MEANS_NOTHING && scope != &c->file->scope)
                        m = sources_resolve(s, c->file, &c->file->scope, word, true);
        } else if (from[0] != '\0') {
                m = sources_import(s, c->file, from, true);
        }
        *ret_plain = m.kind == MEANS_NOTHING; /* a builtin */
        if (m.kind != MEANS_FACT || m.fact->kind != FACT_CLASS)
                return NULL;
        return m.fact->class_def;
}

/* docs.python.org/3/howto/mro.html */
static bool merge(struct sources *s, struct fact_class *c, struct fact_class ***lists, size_t *lengths,
                  size_t n)
{
        for (;;) {
                struct fact_class *next = NULL;
                bool left = false;

                for (size_t i = 0; i < n && next == NULL; i++) {
                        bool in_tail = false;

                        if (lengths[i] == 0)
                                continue;
                        left = true;
                        for (size_t k = 0; k < n && !in_tail; k++)
                                for (size_t j = 1; j < lengths[k] && !in_tail; j++)
                                        in_tail = lists[k][j] == lists[i][0];
                        if (!in_tail)
                                next = lists[i][0];
                }
                if (next == NULL)
                        return !left;
                c->mro =
                    arena_grow(&s->arena, c->mro, c->n_mro * sizeof(void *), (c->n_mro + 1) * sizeof(void *));
                if (c->mro == NULL) {
                        c->n_mro = 0;
                        return false;
                }
                c->mro[c->n_mro++] = next;
                for (size_t i = 0; i < n; i++)
                        if (lengths[i] > 0 && lists[i][0] == next) {
                                lists[i]++;
                                lengths[i]--;
                        }
        }
}

void sources_mro(struct sources *s, struct fact_class *c)
{
        size_t n = c->bases.n + 1, n_direct = 0;
        struct fact_class ***lists, **direct;
        size_t *lengths;

        if (c->n_mro > 0 || c->mro_busy)
                return;
        c->mro_busy = true;
        lists = arena_get(&s->arena, n * sizeof *lists);
        direct = arena_get(&s->arena, n * sizeof *direct);
        lengths = arena_get(&s->arena, n * sizeof *lengths);
        c->mro = arena_get(&s->arena, sizeof *c->mro);
        if (lists == NULL || direct == NULL || lengths == NULL || c->mro == NULL)
                return;
        c->mro[c->n_mro++] = c;
        for (size_t i = 0; i < c->bases.n; i++) {
                bool plain;
                struct fact_class *base = base_class(s, c, i, &plain);

                if (base == NULL || base == c || base->mro_busy) {
                        c->mro_unsure |= !plain;
                        continue;
                }
                sources_mro(s, base);
                c->mro_unsure |= base->mro_unsure;
                c->is_testcase |= base->is_testcase;
                lists[n_direct] = base->mro;
                lengths[n_direct] = base->n_mro;
                direct[n_direct++] = base;
        }
        lists[n_direct] = direct;
        lengths[n_direct] = n_direct;
        if (!merge(s, c, lists, lengths, n_direct + 1))
                c->mro_unsure = true;
        c->mro_busy = false;
}

struct fact *sources_attribute(struct sources *s, struct fact_class *c, const char *name,
                               struct fact_class **ret_class)
{
        sources_mro(s, c);
        for (size_t i = 0; i < c->n_mro; i++) {
                struct fact *fact = facts_find(&c->mro[i]->scope, name);

                if (fact == NULL)
                        continue;
                if (ret_class != NULL)
                        *ret_class = c->mro[i];
                return fact;
        }
        return NULL;
}
