/* How it works: what FixtureManager.getfixtureinfo and getfixtureclosure do, and prune_dependency_tree after
 * parametrize, over the holders that a test sees (view.c). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/fixtures.h"

#define MAX_DEPTH 400 /* of fixtures that ask for each other */

int fixtures_init(struct fixtures *f, struct sources *sources, const struct ini *ini,
                  const struct spec_strv *options, struct error *err)
{
        *f = (struct fixtures){.sources = sources, .ini = ini, .arena = &sources->arena};
        return fixtures_plugins(f, options, err);
}

void fixtures_finish(struct fixtures *f)
{
        arena_finish(&f->scratch);
}

/* The holder of FILE with BASEID, made on first use. */
static bool is_direct(const struct fact_mark *mark, const char *name)
{
        return mark->indirect == KNOWN_NO ||
               (mark->indirect == KNOWN_UNSURE && !names_has(&mark->indirect_names, name));
}

/* Names that a parametrize mark takes from the fixtures: at collection only marks that are not indirect at
 * all count, afterwards each argument of its own. */
static bool is_parametrized(const struct view *view, const char *name, bool collected)
{
        for (size_t i = 0; i < view->n_marks; i++) {
                const struct fact_mark *mark = view->marks[i];

                if (mark->kind == MARK_PARAMS && names_has(&mark->names, name) &&
                    (collected ? is_direct(mark, name) : mark->indirect == KNOWN_NO))
                        return true;
        }
        return false;
}

static void add_initial(const struct view *view, struct names *names)
{
        struct arena *arena = &view->f->scratch;
        bool once = view->f->pytest_major >= 8;

        for (size_t i = 0; i < view->f->ini->usefixtures.n; i++)
                (void)names_add(arena, names, view->f->ini->usefixtures.v[i]);
        for (size_t i = 0; i < view->n; i++)
                for (size_t k = 0; k < view->v[i]->n; k++)
                        if (view->v[i]->v[k].autouse == KNOWN_YES &&
                            !(once && names_has(names, view->v[i]->v[k].name)))
                                (void)names_add(arena, names, view->v[i]->v[k].name);
        for (size_t i = 0; i < view->n_marks; i++)
                for (size_t k = 0; view->marks[i]->kind == MARK_USED && k < view->marks[i]->names.n; k++)
                        if (!names_has(names, view->marks[i]->names.v[k]))
                                (void)names_add(arena, names, view->marks[i]->names.v[k]);
        for (size_t i = 0; i < view->args.n; i++)
                if (!names_has(names, view->args.v[i]))
                        (void)names_add(arena, names, view->args.v[i]);
}

static enum fixture_scope scope_of(const struct view *view, const char *name)
{
        const struct fixture_def *def =
            is_parametrized(view, name, false) ? NULL : fixtures_find(view, name, NULL);

        return def == NULL || def->scope == SCOPE_UNKNOWN ? SCOPE_FUNCTION : def->scope;
}

/* Highest scope first; otherwise as they came. */
static void sort_by_scope(const struct view *view, struct names *names)
{
        const char **sorted = arena_get(&view->f->scratch, (names->n + 1) * sizeof *sorted);
        unsigned char *scopes = arena_get(&view->f->scratch, names->n + 1);
        size_t n = 0;

        if (sorted == NULL || scopes == NULL)
                return;
        for (size_t i = 0; i < names->n; i++)
                scopes[i] = (unsigned char)scope_of(view, names->v[i]);
        for (int scope = SCOPE_SESSION; scope >= SCOPE_FUNCTION; scope--)
                for (size_t i = 0; i < names->n; i++)
                        if (scopes[i] == scope)
                                sorted[n++] = names->v[i];
        names->v = sorted;
}

/* Names in the order of pytest 9's traverse_fixture_closure: depth first, down the chains of overriding. */
struct trail {
        struct names names;
        int *at; /* which definition of each name comes next: 1 is the nearest; then the name is done */
        size_t cap;
        int depth;
};

static const struct fixture_def *definition(const struct view *view, const char *name, int number)
{
        const struct fixture_def *def = fixtures_find(view, name, NULL);

        for (; number > 1 && def != NULL; number--)
                def = fixtures_find(view, name, def);
        return def;
}

/* The place of NAME in TRAIL, where it is new at the end; the number of names without memory. */
static size_t trail_find(struct view *view, struct trail *trail, const char *name, bool *ret_new)
{
        size_t i = 0;

        while (i < trail->names.n && strcmp(trail->names.v[i], name) != 0)
                i++;
        *ret_new = i == trail->names.n;
        if (!*ret_new)
                return i;
        if (i == trail->cap) {
                size_t cap = trail->cap * 2 + 16;
                int *at = arena_grow(&view->f->scratch, trail->at, i * sizeof *at, cap * sizeof *at);

                if (at == NULL)
                        return i;
                trail->at = at;
                trail->cap = cap;
        }
        trail->at[i] = 1;
        (void)names_add(&view->f->scratch, &trail->names, name);
        return i;
}

static void traverse(struct view *view, struct trail *trail, const char *name, bool collected)
{
        const struct fixture_def *def;
        bool fresh;
        size_t i = trail_find(view, trail, name, &fresh);

        if (i == trail->names.n || (!fresh && trail->at[i] == 1) || trail->depth >= MAX_DEPTH)
                return;
        trail->depth++;
        if (is_parametrized(view, name, collected)) {
                if (collected)
                        traverse(view, trail, "request", collected);
        } else if ((def = definition(view, name, trail->at[i])) != NULL) {
                trail->at[i]++;
                for (size_t k = 0; k < def->args.n; k++)
                        traverse(view, trail, def->args.v[k], collected);
                trail->at[i]--;
        }
        trail->depth--;
}

/* What is reached breadth first, by the nearest definitions only: before pytest 9. */
static void spread(struct view *view, struct names *names, bool collected)
{
        struct arena *arena = &view->f->scratch;

        for (size_t i = 0; i < names->n; i++) {
                const struct fixture_def *def = fixtures_find(view, names->v[i], NULL);

                if (is_parametrized(view, names->v[i], collected)) {
                        if (collected && !names_has(names, "request"))
                                (void)names_add(arena, names, "request");
                        continue;
                }
                for (size_t k = 0; def != NULL && k < def->args.n; k++)
                        if (!names_has(names, def->args.v[k]))
                                (void)names_add(arena, names, def->args.v[k]);
        }
}

/* All names that the test's own lead to. COLLECTED: parametrize has been applied. */
static struct names reach(struct view *view, bool collected)
{
        struct trail trail = {0};
        struct names names = {0};

        if (view->f->depth_first) {
                for (size_t i = 0; i < view->initial.n; i++)
                        traverse(view, &trail, view->initial.v[i], collected);
                return trail.names;
        }
        for (size_t i = 0; i < view->initial.n; i++)
                if (!collected || !names_has(&names, view->initial.v[i]))
                        (void)names_add(&view->f->scratch, &names, view->initial.v[i]);
        spread(view, &names, collected);
        return names;
}

/* After parametrize: only what can still be reached, each once. */
static void prune(struct view *view, struct names *names)
{
        struct names reached = reach(view, true), left = {0};

        for (size_t i = 0; i < names->n; i++)
                if (names_has(&reached, names->v[i]) && !names_has(&left, names->v[i]))
                        (void)names_add(&view->f->scratch, &left, names->v[i]);
        *names = left;
}

/* Whether pytest makes several tests of it, or one with parameters. */
static bool has_calls(const struct view *view, const struct names *names)
{
        for (size_t i = 0; i < view->n_marks; i++)
                if (view->marks[i]->kind == MARK_PARAMS)
                        return true;
        for (size_t i = 0; i < names->n; i++) {
                const struct fixture_def *def = fixtures_find(view, names->v[i], NULL);

                if (def != NULL && def->params == KNOWN_YES)
                        return true;
        }
        return false;
}

static void unsure(struct closure *c, const char *why)
{
        if (!c->unsure)
                c->why = why;
        c->unsure = true;
}

static void judge(const struct view *view, struct closure *c)
{
        if (view->args_unsure)
                unsure(c, "a decorator or mark that cannot be read");
        if (!view->f->plugins_known)
                unsure(c, arena_printf(&view->f->scratch,
                                       "plugins that cannot be told without starting Python: %s",
                                       view->f->plugins_why));
        for (size_t i = view->first_own; i < view->n; i++) {
                if (view->v[i]->unsure)
                        unsure(c, "a base class, metaclass or decorator that cannot be read");
                if (view->v[i]->stars)
                        unsure(c, "import * from a module that cannot be read");
                if (view->v[i]->any_name)
                        unsure(c, "a fixture whose name is no literal");
                if (view->v[i]->file->dynamic & (DYNAMIC_NAMESPACE | DYNAMIC_FACTORY | DYNAMIC_GETATTR))
                        unsure(c, "names made by code");
        }
        for (size_t i = 0; i < c->names.n; i++) {
                if (c->defs[i] != NULL && c->defs[i]->unsure)
                        unsure(c, "a fixture whose parameters cannot be read");
                if (c->defs[i] == NULL && strcmp(c->names.v[i], "request") != 0 &&
                    !names_has(&c->direct, c->names.v[i]))
                        unsure(c, "a name that is no fixture here");
        }
}

static void fill_closure(struct view *view, bool nofuncargs, struct closure *c)
{
        struct arena *arena = &view->f->scratch;

        add_initial(view, &view->initial);
        c->names = reach(view, false);
        sort_by_scope(view, &c->names);
        if (!nofuncargs && has_calls(view, &c->names))
                prune(view, &c->names);
        c->defs = arena_get(arena, (c->names.n + 1) * sizeof *c->defs);
        for (size_t i = 0; c->defs != NULL && i < c->names.n; i++) {
                if (is_parametrized(view, c->names.v[i], true))
                        (void)names_add(arena, &c->direct, c->names.v[i]);
                else
                        c->defs[i] = fixtures_find(view, c->names.v[i], NULL);
        }
}

bool fixtures_of(struct fixtures *f, const char *path, const char *nodeid, struct closure *ret)
{
        struct facts *file = sources_file(f->sources, path);
        struct view *view;
        struct fact_class *owner;
        bool nofuncargs;

        arena_reset(&f->scratch);
        view = arena_get(&f->scratch, sizeof *view);
        *ret = (struct closure){.view = view};
        if (file == NULL || view == NULL)
                return false;
        if (!fixtures_view(f, file, path, nodeid, view, &owner))
                return false;
        nofuncargs = view->n_classes > 0 && view->classes[view->n_classes - 1]->is_testcase;
        ret->path = owner != NULL ? owner->file->path : path;
        ret->line = view->function != NULL ? view->function->line : 0;
        fill_closure(view, nofuncargs, ret);
        if (ret->defs == NULL)
                return false;
        judge(view, ret);
        fixtures_check(view, ret);
        return !f->arena->failed && !f->scratch.failed;
}
