/* How it works: what a test sees is a list of holders: those of the plugins, of the conftest.py files from
 * the root down, of its module and of its classes; and its marks, as Node.iter_markers has them. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/fixtures.h"

#define MAX_MARKS 4000

static struct holder *holder_of(struct fixtures *f, struct facts *file, const char *baseid)
{
        if (file->holder == NULL && baseid != NULL)
                file->holder = fixtures_holder(f, file, arena_strn(f->arena, baseid, strlen(baseid)), NULL);
        return file->holder;
}

/* The conftest.py of the folder that is the first N bytes of PATH, NULL where there is none. */
static struct facts *conftest(struct fixtures *f, const char *path, size_t n)
{
        char name[PATH_MAX];
        struct facts *file = snprintf(name, sizeof name, "%.*s/conftest.py", (int)n, path) < (int)sizeof name
                                 ? sources_file(f->sources, name)
                                 : NULL;

        if (file != NULL && !names_has(&f->conftests, name)) {
                (void)names_add(f->arena, &f->conftests, name);
                sources_add_root(f->sources, name);
                f->dynamic |= file->dynamic & (DYNAMIC_HOOK | DYNAMIC_PLUGIN);
                fixtures_follow_plugins(f, file);
        }
        return file;
}

/* Calls EACH for the folders of PATH from the top, but for those above the root. */
static void each_folder(struct fixtures *f, const char *path,
                        void (*each)(struct fixtures *f, const char *path, size_t n, void *ctx), void *ctx)
{
        size_t root = strlen(f->sources->root);

        for (const char *p = path; (p = strchr(p, '/')) != NULL; p++) {
                size_t n = (size_t)(p - path);

                if (n < root && root > 1 && strncmp(f->sources->root, path, n) == 0 &&
                    f->sources->root[n] == '/')
                        continue;
                each(f, path, n, ctx);
        }
}

static void announce(struct fixtures *f, const char *path, size_t n, void *ctx)
{
        (void)ctx;
        (void)conftest(f, path, n);
}

void fixtures_announce(struct fixtures *f, const char *path)
{
        const struct facts *file = sources_file(f->sources, path);

        sources_add_root(f->sources, path);
        each_folder(f, path, announce, NULL);
        if (file != NULL)
                fixtures_follow_plugins(f, file);
}

static bool show(struct view *view, const struct holder *h)
{
        if (h == NULL)
                return false;
        if (view->n == view->cap) {
                size_t cap = view->cap * 2 + view->f->n_plugins + 16;
                const struct holder **v =
                    arena_grow(&view->f->scratch, view->v, view->n * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return false;
                view->v = v;
                view->cap = cap;
        }
        view->v[view->n++] = h;
        return true;
}

static void show_conftest(struct fixtures *f, const char *path, size_t n, void *ctx)
{
        size_t root = strlen(f->sources->root);
        struct facts *file = conftest(f, path, n);
        const char *baseid = "";

        if (file == NULL)
                return;
        if (n > root && strncmp(path, f->sources->root, root) == 0 && path[root] == '/')
                baseid = arena_strn(&f->scratch, path + root + 1, n - root - 1);
        if (baseid != NULL)
                (void)show(ctx, holder_of(f, file, baseid));
}

/* The class of FILE or of OUTER that is called NAME. */
static struct fact_class *find_class(struct view *view, struct fact_class *outer, const char *name)
{
        struct sources *s = view->f->sources;
        struct fact_class *owner = NULL;
        struct meaning m;

        if (outer != NULL) {
                if (sources_attribute(s, outer, name, &owner) == NULL)
                        return NULL;
                m = sources_resolve(s, owner->file, &owner->scope, name, true);
        } else {
                m = sources_resolve(s, view->file, &view->file->scope, name, true);
        }
        return m.kind == MEANS_FACT && m.fact->kind == FACT_CLASS ? m.fact->class_def : NULL;
}

static bool show_classes(struct view *view, const char *rest, const char **ret_name)
{
        const char *end;

        while ((end = strstr(rest, "::")) != NULL) {
                const char *name = arena_strn(&view->f->scratch, rest, (size_t)(end - rest));
                struct fact_class *outer = view->n_classes > 0 ? view->classes[view->n_classes - 1] : NULL;
                struct fact_class *c = name != NULL ? find_class(view, outer, name) : NULL;
                struct fact_class **v;

                if (c == NULL)
                        return false;
                v = arena_grow(&view->f->scratch, view->classes, view->n_classes * sizeof *v,
                               (view->n_classes + 1) * sizeof *v);
                if (v == NULL)
                        return false;
                view->classes = v;
                view->classes[view->n_classes++] = c;
                if (!show(view, fixtures_class(view->f, c,
                                               arena_strn(&view->f->scratch, view->nodeid,
                                                          (size_t)(end - view->nodeid)))))
                        return false;
                rest = end + 2;
        }
        *ret_name = rest;
        return true;
}

/* Patches that class decorators put into method NAME, which OWNER defines. */
static size_t class_patches(const struct fact_class *c, const struct fact_class *owner, const char *name)
{
        size_t n = 0;

        for (size_t i = 0; strncmp(name, "test", 4) == 0 && i < c->n_mro; i++) {
                n += c->mro[i]->patches;
                if (c->mro[i] == owner)
                        break;
        }
        return n;
}

/* A test's function, and the arguments that it is to get as fixtures. */
static bool find_function(struct view *view, const char *name, struct fact_class **ret_owner)
{
        struct sources *s = view->f->sources;
        struct fact_class *c = view->n_classes > 0 ? view->classes[view->n_classes - 1] : NULL;
        struct fact_function *function;
        size_t skip = 0;
        struct meaning m;

        *ret_owner = NULL;
        if (c != NULL && sources_attribute(s, c, name, ret_owner) == NULL)
                return c->is_testcase; /* runTest of a base that is not read */
        m = c != NULL ? sources_resolve(s, (*ret_owner)->file, &(*ret_owner)->scope, name, true)
                      : sources_resolve(s, view->file, &view->file->scope, name, true);
        if (m.kind != MEANS_FACT || m.fact->kind != FACT_FUNCTION)
                return false;
        function = view->function = m.fact->function;
        if (c != NULL && c->is_testcase)
                return true;
        view->args_unsure = function->args_unsure;
        if (c != NULL && !function->is_static)
                skip = 1;
        skip += function->patches;
        if (c != NULL)
                skip += class_patches(c, *ret_owner, name);
        for (size_t i = skip; i + function->filled < function->args.n; i++)
                if (!names_has(&function->given, function->args.v[i]))
                        (void)names_add(&view->f->scratch, &view->args, function->args.v[i]);
        return true;
}

static void take_mark(struct view *view, const struct facts *file, const struct fact_mark *mark, int depth);

static void take_marks(struct view *view, const struct facts *file, const struct fact_marks *marks, int depth)
{
        for (size_t i = 0; i < marks->n; i++)
                take_mark(view, file, &marks->v[i], depth);
}

/* A name that stands for marks, or for what makes them. */
static void take_pending(struct view *view, const struct facts *file, const struct fact_mark *mark, int depth)
{
        struct sources *s = view->f->sources;
        struct meaning m = mark->is_import ? sources_import(s, file, mark->from, true)
                                           : sources_resolve(s, file, &file->scope, mark->from, true);

        if (m.kind == MEANS_FACT && m.fact->kind == FACT_MARKS && !mark->is_call && depth < 10) {
                take_marks(view, m.file, &m.fact->marks, depth + 1);
                return;
        }
        if (m.kind == MEANS_FACT && m.fact->kind == FACT_FUNCTION &&
            m.fact->function->decorates != DECORATES_UNKNOWN) {
                view->skips |= m.fact->function->decorates == DECORATES_MARKS;
                return;
        }
        view->args_unsure = view->skips = true;
}

static void take_mark(struct view *view, const struct facts *file, const struct fact_mark *mark, int depth)
{
        const struct fact_mark **v;

        switch (mark->kind) {
        case MARK_PENDING:
                take_pending(view, file, mark, depth);
                return;
        case MARK_UNKNOWN:
                view->args_unsure = view->skips = true;
                return;
        case MARK_SKIP:
                view->skips = true;
                return;
        case MARK_OTHER:
                return;
        case MARK_USED:
        case MARK_PARAMS:
                break;
        }
        view->args_unsure |= mark->names_unsure || mark->scope_unsure ||
                             (mark->indirect == KNOWN_UNSURE && mark->indirect_names.n == 0);
        view->skips |= mark->kind == MARK_PARAMS && mark->no_values;
        v = view->n_marks < MAX_MARKS ? arena_grow(&view->f->scratch, view->marks, view->n_marks * sizeof *v,
                                                   (view->n_marks + 1) * sizeof *v)
                                      : NULL;
        if (v == NULL)
                return;
        view->marks = v;
        view->marks[view->n_marks++] = mark;
}

/* Node.iter_markers: the function's, those of its classes from the inside, the module's. */
static void collect_marks(struct view *view, const struct fact_class *owner)
{
        if (view->function != NULL)
                take_marks(view, owner != NULL ? owner->file : view->file, &view->function->marks, 0);
        for (size_t i = view->n_classes; i > 0; i--) {
                const struct fact_class *c = view->classes[i - 1];

                for (size_t k = c->n_mro; k > 0; k--) {
                        take_marks(view, c->mro[k - 1]->file, &c->mro[k - 1]->scope.marks, 0);
                        take_marks(view, c->mro[k - 1]->file, &c->mro[k - 1]->marks, 0);
                }
        }
        take_marks(view, view->file, &view->file->scope.marks, 0);
}

const struct fixture_def *fixtures_find(const struct view *view, const char *name,
                                        const struct fixture_def *below)
{
        bool passed = below == NULL;

        for (size_t i = view->n; i > 0; i--)
                for (size_t k = view->v[i - 1]->n; k > 0; k--) {
                        const struct fixture_def *def = &view->v[i - 1]->v[k - 1];

                        if (strcmp(def->name, name) != 0)
                                continue;
                        if (passed)
                                return def;
                        passed = def == below;
                }
        return NULL;
}

bool fixtures_view(struct fixtures *f, struct facts *file, const char *path, const char *nodeid,
                   struct view *ret, struct fact_class **ret_owner)
{
        const char *colons = strstr(nodeid, "::"), *name;

        *ret = (struct view){.f = f, .file = file, .nodeid = nodeid};
        for (size_t i = 0; i < f->n_plugins; i++)
                if (!show(ret, f->plugins[i]))
                        return false;
        ret->first_own = ret->n;
        each_folder(f, path, show_conftest, ret);
        if (colons == NULL ||
            !show(ret, holder_of(f, file, arena_strn(&f->scratch, nodeid, (size_t)(colons - nodeid)))) ||
            !show_classes(ret, colons + 2, &name) || !find_function(ret, name, ret_owner))
                return false;
        collect_marks(ret, *ret_owner);
        return true;
}
