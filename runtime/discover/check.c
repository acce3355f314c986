/* How it works: goes through a test's fixtures as FixtureRequest._get_active_fixturedef does when it sets
 * them up, and stops at the first that pytest would stop at. */
#include <stdio.h>
#include <string.h>

#include "runtime/discover/fixtures.h"
#include "runtime/discover/names.h"
#include "spec/names.h"

#define MAX_DEPTH 400

struct frame {
        const struct fixture_def *def; /* NULL: the test itself */
        const struct frame *below;
        enum fixture_scope scope;
        int depth;
};

struct checker {
        struct view *view;
        struct closure *c;
        struct names done;
        struct {
                const char *name;
                const struct fixture_def *last; /* the definition that was looked at last */
        } * used;
        size_t n_used, cap_used;
        bool stop;
};

static const char *shown_path(const struct view *view, const char *path)
{
        const char *root = view->f->sources->root;
        size_t n = strlen(root);

        return path != NULL && strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

/* Whether code that nobody has read may bind NAME. */
static bool could_be(const struct view *view, const char *name)
{
        for (size_t i = 0; i < view->n; i++) {
                const struct holder *h = view->v[i];

                if (names_has(&h->maybe, name) || names_has(&h->file->loose, name))
                        return true;
                if (i >= view->first_own &&
                    (h->any_name || h->stars || h->unsure || names_has(&h->file->strings, name)))
                        return true;
                if (i < view->first_own && (h->any_name || h->stars))
                        return true;
        }
        return false;
}

/* Values that a call makes or that are imported from code that cannot be read may be fixtures under a name of
 * their own, if what makes them has to do with fixtures. */
static bool may_be_made(const struct view *view, const char *name)
{
        struct sources *s = view->f->sources;

        for (size_t i = view->first_own; i < view->n; i++)
                for (size_t k = 0; k < view->v[i]->maybe.n; k++) {
                        const struct facts *file = view->v[i]->file;
                        struct fact *fact = facts_find(&file->scope, view->v[i]->maybe.v[k]);
                        struct meaning m;

                        if (fact == NULL)
                                continue;
                        if (fact->kind == FACT_IMPORT || fact->kind == FACT_ALIAS) {
                                m = sources_resolve(s, file, &file->scope, fact->name, true);
                                if (m.kind == MEANS_FACT && m.fact->kind == FACT_FUNCTION &&
                                    (m.fact->function->any_name ||
                                     (m.fact->function->fixture_name != NULL &&
                                      strcmp(m.fact->function->fixture_name, name) == 0)))
                                        return true;
                                if (m.kind == MEANS_UNKNOWN && fact->from != NULL &&
                                    strstr(fact->from, "fixture") != NULL)
                                        return true;
                        } else if (fact->kind == FACT_VALUE && fact->from != NULL) {
                                if (strstr(fact->from, "fixture") != NULL)
                                        return true;
                                m = strchr(fact->from, '.') != NULL
                                        ? sources_import(s, file, fact->from, true)
                                        : sources_resolve(s, file, &file->scope, fact->from, true);
                                if (m.file != NULL && (m.file->dynamic & DYNAMIC_FACTORY))
                                        return true;
                        }
                }
        return false;
}

/* Whether an installed plugin, or a file beside it in its package, defines something called NAME or has it as
 * a string: plugins register objects of their own. */
static bool plugins_mention(const struct view *view, const char *name)
{
        static const char *const patterns[] = {"def %s(", "\"%s\"", "'%s'"};

        for (size_t i = 0; i < view->first_own; i++)
                for (size_t k = 0; k < sizeof patterns / sizeof *patterns; k++) {
                        const char *path = view->v[i]->file->path;
                        char text[200];

                        if (strstr(path, "/_pytest/") != NULL)
                                continue;
                        if (snprintf(text, sizeof text, patterns[k], name) >= (int)sizeof text ||
                            sources_package_mentions(path, text))
                                return true;
                }
        return false;
}

/* Whether anything may keep pytest from coming to the problem. */
static bool is_hidden(const struct view *view)
{
        const unsigned dynamic = DYNAMIC_NAMESPACE | DYNAMIC_HOOK | DYNAMIC_PLUGIN | DYNAMIC_FACTORY |
                                 DYNAMIC_GETATTR | DYNAMIC_SKIP;

        if (view->skips || view->args_unsure || (view->f->dynamic & (DYNAMIC_HOOK | DYNAMIC_PLUGIN)))
                return true;
        for (size_t i = view->first_own; i < view->n; i++)
                if ((view->v[i]->file->dynamic & dynamic) || view->v[i]->unsure ||
                    view->v[i]->file->error_line > 0)
                        return true;
        for (size_t i = 0; i < view->n_classes; i++)
                if (sources_attribute(view->f->sources, view->classes[i], "pytest_generate_tests", NULL) !=
                    NULL)
                        return true;
        return false;
}

static bool is_own(const struct fixture_def *def)
{
        return def == NULL || def->plugin == NULL;
}

/* Nothing unread may stand between the fixtures of STACK and those that they name. */
static bool is_certain(const struct checker *k, const struct frame *stack, const char *name, bool missing)
{
        const struct view *view = k->view;

        if (is_hidden(view) || could_be(view, name) || may_be_made(view, name) ||
            (missing && (!view->f->plugins_known || plugins_mention(view, name) ||
                         (view->f->given != NULL && names_in_table(view->f->given, name)))))
                return false;
        for (; stack != NULL; stack = stack->below) {
                if (stack->def == NULL)
                        continue;
                if (stack->def->unsure || could_be(view, stack->def->name) ||
                    (!is_own(stack->def) && !view->f->plugins_known))
                        return false;
        }
        return true;
}

/* The name that was probably meant, of those that the test sees. */
static const char *nearest(const struct checker *k, const char *name)
{
        const struct view *view = k->view;
        const char **known;
        size_t n = 0;

        for (size_t i = 0; i < view->n; i++)
                n += view->v[i]->n;
        known = arena_get(&view->f->scratch, (n + 2) * sizeof *known);
        if (known == NULL)
                return NULL;
        n = 0;
        for (size_t i = view->n; i > 0; i--)
                for (size_t d = 0; d < view->v[i - 1]->n; d++)
                        if (!view->v[i - 1]->v[d].generated && view->v[i - 1]->v[d].name[0] != '_')
                                known[n++] = view->v[i - 1]->v[d].name;
        known[n] = "request";
        return names_nearest(known, name);
}

static void report(struct checker *k, enum problem_kind kind, const struct frame *stack, const char *name,
                   const char *text, const char *hint)
{
        struct view *view = k->view;
        struct problem *p;

        k->stop = true;
        if (text == NULL || !is_certain(k, stack, name, kind == PROBLEM_MISSING))
                return;
        p = arena_get(view->f->arena, sizeof *p);
        if (p == NULL)
                return;
        *p = (struct problem){
            .kind = kind,
            .nodeid = view->nodeid,
            .path = shown_path(view, stack->def != NULL ? stack->def->path : k->c->path),
            .line = stack->def != NULL ? stack->def->line : k->c->line,
            .text = text,
            .hint = hint,
            .name = arena_strn(view->f->arena, name, strlen(name)),
        };
        k->c->problems = p;
        k->c->n_problems = 1;
}

static void report_lookup(struct checker *k, const struct frame *stack, const char *name)
{
        struct arena *arena = k->view->f->arena;
        const char *meant;

        if (fixtures_find(k->view, name, NULL) != NULL) {
                report(k, PROBLEM_CYCLE, stack, name,
                       arena_printf(arena, "recursive dependency involving fixture '%s' detected", name),
                       NULL);
                return;
        }
        meant = nearest(k, name);
        report(k, PROBLEM_MISSING, stack, name, arena_printf(arena, "fixture '%s' not found", name),
               meant != NULL ? arena_printf(arena, "did you mean '%s'?", meant) : NULL);
}

/* "tests/conftest.py:3:  def a(b); tests/conftest.py:8:  def c()" from the outermost. */
static const char *factories(struct checker *k, const struct frame *stack, const struct fixture_def *def)
{
        const char *text = arena_printf(k->view->f->arena, "%s:%u:  def %s%s",
                                        def->path != NULL ? shown_path(k->view, def->path) : "?", def->line,
                                        def->function, def->signature);

        for (; text != NULL && stack != NULL && stack->def != NULL; stack = stack->below)
                text = arena_printf(k->view->f->arena, "%s:%u:  def %s%s; %s",
                                    shown_path(k->view, stack->def->path), stack->def->line,
                                    stack->def->function, stack->def->signature, text);
        return text;
}

/* The scope that a parametrize mark gives its fixture: SCOPE_UNKNOWN where none does. */
static enum fixture_scope marked_scope(const struct checker *k, const char *name)
{
        const struct view *view = k->view;
        const struct fact_mark *mark = NULL;
        enum fixture_scope narrow = SCOPE_SESSION;

        for (size_t i = 0; i < view->n_marks; i++)
                if (view->marks[i]->kind == MARK_PARAMS && names_has(&view->marks[i]->names, name))
                        mark = view->marks[i];
        if (mark == NULL)
                return SCOPE_UNKNOWN;
        if (mark->scope != SCOPE_UNKNOWN)
                return mark->scope;
        for (size_t i = 0; i < mark->names.n; i++) {
                const struct fixture_def *def = fixtures_find(view, mark->names.v[i], NULL);
                bool indirect =
                    mark->indirect == KNOWN_YES || names_has(&mark->indirect_names, mark->names.v[i]);

                if (!indirect)
                        return SCOPE_FUNCTION;
                if (def != NULL && def->scope < narrow)
                        narrow = def->scope;
        }
        return narrow;
}

/* Remembers that the next look-up of NAME goes on below DEF. */
static bool use(struct checker *k, const char *name, const struct fixture_def *def)
{
        void *v;

        for (size_t i = 0; i < k->n_used; i++)
                if (strcmp(k->used[i].name, name) == 0) {
                        k->used[i].last = def;
                        return true;
                }
        if (k->n_used == k->cap_used) {
                size_t cap = k->cap_used * 2 + 16;

                v = arena_grow(&k->view->f->scratch, k->used, k->n_used * sizeof *k->used,
                               cap * sizeof *k->used);
                if (v == NULL)
                        return false;
                k->used = v;
                k->cap_used = cap;
        }
        k->used[k->n_used].name = name;
        k->used[k->n_used++].last = def;
        return true;
}

static const struct fixture_def *next_definition(const struct checker *k, const char *name)
{
        for (size_t i = 0; i < k->n_used; i++)
                if (strcmp(k->used[i].name, name) == 0)
                        return fixtures_find(k->view, name, k->used[i].last);
        return fixtures_find(k->view, name, NULL);
}

static void check_scope(struct checker *k, const struct frame *stack, const char *name,
                        const struct fixture_def *def, enum fixture_scope scope)
{
        struct arena *arena = k->view->f->arena;

        if (stack->scope <= scope || stack->scope == SCOPE_UNKNOWN || scope == SCOPE_UNKNOWN || def == NULL)
                return;
        report(k, PROBLEM_SCOPE, stack, name,
               arena_printf(arena,
                            "ScopeMismatch: You tried to access the %s scoped fixture %s with a %s scoped "
                            "request object",
                            fixture_scope_names[scope], name, fixture_scope_names[stack->scope]),
               arena_printf(arena, "involved factories: %s", factories(k, stack, def)));
}

static void visit(struct checker *k, const struct frame *stack, const char *name)
{
        const struct fixture_def *def;
        enum fixture_scope scope;
        struct frame here;

        if (k->stop || names_has(&k->done, name))
                return;
        if (stack->depth >= MAX_DEPTH) {
                k->stop = true;
                return;
        }
        if (names_has(&k->c->direct, name)) {
                /* a fixture of a higher scope may still ask for it */
                def = fixtures_find(k->view, name, NULL);
                check_scope(k, stack, name, def, marked_scope(k, name));
                (void)names_add(&k->view->f->scratch, &k->done, name);
                return;
        }
        def = next_definition(k, name);
        if (def == NULL) {
                if (strcmp(name, "request") != 0)
                        report_lookup(k, stack, name);
                return;
        }
        if (!use(k, name, def)) {
                k->stop = true;
                return;
        }
        scope = marked_scope(k, name);
        if (scope == SCOPE_UNKNOWN)
                scope = def->scope;
        check_scope(k, stack, name, def, scope);
        here = (struct frame){def, stack, scope, stack->depth + 1};
        for (size_t i = 0; !k->stop && i < def->args.n; i++)
                visit(k, &here, def->args.v[i]);
        if (k->stop || names_has(&k->done, name))
                return;
        (void)names_add(&k->view->f->scratch, &k->done, name);
        (void)names_add(&k->view->f->scratch, &k->c->order, name);
}

void fixtures_check(struct view *view, struct closure *closure)
{
        struct checker k = {.view = view, .c = closure};
        struct frame test = {.scope = SCOPE_FUNCTION};

        for (size_t i = 0; i < closure->names.n && !k.stop; i++)
                visit(&k, &test, closure->names.v[i]);
}
