/* How it works: the closure of names is built as pytest builds it, autouse fixtures first, then what the test
 * asks for, then what those ask for; it is sorted by scope, and each fixture with params multiplies the ids.
 */
#include "runtime/discover/params.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/fixture_table.h"
#include "runtime/discover/function.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/value.h"

#define MAX_NAMES  256
#define MAX_DEPTH  16 /* of fixtures that override one another */
#define MAX_LEVELS 64 /* of folders */

/* Where a test's fixtures are looked for, nearest first. */
struct places {
        const struct scope *v[MAX_LEVELS * 2];
        size_t n;
};

/* The next definition of NAME from place *AT on, which is moved behind it. */
static bool find(const struct places *places, const char *name, size_t *at, struct fixture *ret)
{
        while (*at < places->n)
                if (fixture_find(places->v[(*at)++], name, ret))
                        return true;
        return false;
}

static void add_place(struct places *places, const struct scope *scope)
{
        if (places->n < sizeof places->v / sizeof places->v[0])
                places->v[places->n++] = scope;
}

static void collect_places(struct places *places, const struct module *m, const struct conftests *conftests,
                           const struct chain *chain)
{
        for (; chain != NULL; chain = chain->outer)
                for (size_t i = 0; i < chain->class_def->n_mro; i++)
                        add_place(places, &chain->class_def->mro[i]->scope);
        add_place(places, &m->scope);
        for (size_t i = 0; i < conftests->n; i++)
                add_place(places, &conftests->v[i]->scope);
}

struct closure_names {
        const char *v[MAX_NAMES];
        size_t n;
};

static void merge(struct closure_names *closure, const char *name)
{
        for (size_t i = 0; i < closure->n; i++)
                if (strcmp(closure->v[i], name) == 0)
                        return;
        if (closure->n < MAX_NAMES)
                closure->v[closure->n++] = name;
}

static bool in_ids(const struct ids *ids, const char *name)
{
        for (size_t i = 0; i < ids->n; i++)
                if (strcmp(ids->v[i], name) == 0)
                        return true;
        return false;
}

static void close_over(struct closure_names *closure, const struct places *places, const struct ids *asked,
                       const struct ids *given)
{
        for (size_t p = places->n; p > 0; p--) {
                const struct fixtures_of *all = fixture_table(places->v[p - 1]);

                for (size_t i = 0; all != NULL && i < all->n; i++)
                        if (all->v[i].autouse)
                                merge(closure, all->v[i].name);
        }
        for (size_t i = 0; i < asked->n; i++)
                merge(closure, asked->v[i]);
        for (size_t i = 0; i < closure->n; i++) {
                struct fixture f;
                struct ids args;
                size_t at = 0;

                if (in_ids(given, closure->v[i]) || !find(places, closure->v[i], &at, &f) ||
                    f.function == NULL)
                        continue;
                args = function_arguments(f.scope, f.function);
                for (size_t k = 0; k < args.n; k++)
                        merge(closure, args.v[k]);
        }
}

/* The definition of NAME that parametrizes, if one does: the nearest, or one that it overrides and asks for.
 */
static bool parametrized(const struct places *places, const char *name, struct fixture *ret)
{
        size_t at = 0;

        for (int depth = 0; depth < MAX_DEPTH && find(places, name, &at, ret); depth++) {
                struct ids args;

                if (ret->has_params || ret->unsure != NULL)
                        return true;
                if (ret->function == NULL)
                        return false;
                args = function_arguments(ret->scope, ret->function);
                if (!in_ids(&args, name))
                        return false;
        }
        return false;
}

/* How wide the fixture NAME is: 4 for the session. Of those of plugins, pytest's own are known. */
static int rank_in(const struct places *places, const char *name)
{
        static const char session[] =
            " doctest_namespace pytestconfig record_testsuite_property testrun_uid tmp_path_factory "
            "tmpdir_factory worker_id ";
        struct fixture f;
        size_t at = 0;

        return find(places, name, &at, &f) ? f.rank : names_in_table(session, name) ? 4 : 0;
}

/* The names of CLOSURE as pytest orders them: those of wider fixtures first. */
static struct ids by_scope(struct arena *arena, const struct places *places,
                           const struct closure_names *closure)
{
        struct ids names = {.v = arena_get(arena, (closure->n + 1) * sizeof *names.v)};

        for (int rank = 4; rank >= 0 && names.v != NULL; rank--)
                for (size_t i = 0; i < closure->n; i++)
                        if (rank_in(places, closure->v[i]) == rank)
                                names.v[names.n++] = closure->v[i];
        return names;
}

bool params_ids(const struct module *m, const struct conftests *conftests, const struct chain *chain,
                const struct ids *asked, const struct marks *marks, bool raw, struct ids *ret,
                struct ids *ret_names, const char **ret_why)
{
        struct places places = {.n = 0};
        struct closure_names closure = {.n = 0};
        struct ids given = marks_argnames(marks, m->arena);

        collect_places(&places, m, conftests, chain);
        close_over(&closure, &places, asked, &given);
        *ret_names = by_scope(m->arena, &places, &closure);
        for (int rank = 4; rank >= 0; rank--)
                for (size_t i = 0; i < closure.n; i++) {
                        struct fixture nearest, f;
                        struct ids one = {0}, name = {&closure.v[i], 1};
                        const char *why = NULL;
                        size_t at = 0;

                        if (!find(&places, closure.v[i], &at, &nearest) || nearest.rank != rank ||
                            in_ids(&given, closure.v[i]) || !parametrized(&places, closure.v[i], &f))
                                continue;
                        if (f.unsure == NULL &&
                            marks_values_ids(f.scope, &name, true, f.params, f.ids, raw, &one, &why) &&
                            ids_multiply(ret, &one, m->arena))
                                continue;
                        *ret_why = arena_printf(m->arena, "params of fixture %s: %s", closure.v[i],
                                                f.unsure != NULL ? f.unsure
                                                : why != NULL    ? why
                                                                 : "their ids are not known");
                        return false;
                }
        return true;
}

/* The module of the project's that NODE, a string, names as a plugin. */
static void add_plugin(struct conftests *all, const struct scope *scope, struct node node)
{
        const struct module *m = scope->module, *plugin;
        struct value name = value_read(scope, node, NULL);
        const char *path = NULL;

        if (name.kind != VALUE_STR || all->n >= MAX_LEVELS ||
            library_find(m->library, m, 0, arena_strn(m->arena, name.s, name.n), &path) != FOUND_SOURCE ||
            path == NULL || !library_is_project_s(m->library, path) ||
            (plugin = library_load(m->library, path)) == NULL)
                return;
        for (size_t i = 0; i < all->n; i++)
                if (all->v[i] == plugin)
                        return;
        all->v[all->n++] = plugin;
}

/* What pytest_plugins of M lists. */
static void add_plugins(struct conftests *all, const struct module *m)
{
        const struct binding *b = module_find(&m->scope, "pytest_plugins");
        struct nodes names;

        if (b == NULL || b->kind != BINDING_VALUE || node_is_null(b->node))
                return;
        if (node_is(b->node, "string"))
                add_plugin(all, &m->scope, b->node);
        names = node_is(b->node, "list") || node_is(b->node, "tuple") || node_is(b->node, "expression_list")
                    ? node_children(m, b->node)
                    : (struct nodes){0};
        for (size_t i = 0; i < names.n; i++)
                add_plugin(all, &m->scope, names.v[i]);
}

struct conftests params_conftests(const struct module *m, const char *root)
{
        struct conftests all = {arena_get(m->arena, MAX_LEVELS * sizeof *all.v), 0};
        char path[PATH_MAX];
        size_t n_root = strlen(root);

        if (all.v == NULL || m->library == NULL || m->path == NULL ||
            snprintf(path, sizeof path - 16, "%s", m->path) >= (int)sizeof path - 16)
                return all;
        for (char *slash; all.n < MAX_LEVELS && (slash = strrchr(path, '/')) != NULL;) {
                const struct module *conftest;

                *slash = '\0';
                if (strncmp(path, root, n_root) != 0 && n_root > 1)
                        break;
                (void)strcpy(slash, "/conftest.py");
                conftest = library_load(m->library, path);
                if (conftest != NULL)
                        all.v[all.n++] = conftest;
                *slash = '\0';
        }
        add_plugins(&all, m);
        for (size_t i = 0; i < all.n; i++)
                add_plugins(&all, all.v[i]);
        return all;
}
