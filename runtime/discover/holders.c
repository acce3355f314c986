/* How it works: FixtureManager.parsefactories goes through dir() of a module, or of an instance of a class,
 * and takes what is a fixture; so the names are sorted, and a name counts only where it is first in the MRO.
 * setup_module and the like are fixtures too, which pytest makes (Module.collect, Class.collect,
 * UnitTestCase.collect). */
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/fixtures.h"

#define MAX_STARS 20 /* star imports of star imports */

struct builder {
        struct fixtures *f;
        struct arena *arena;
        struct holder *holder;
        struct names seen;
        size_t cap;
        bool everywhere; /* installed code is read too */
};

static struct fixture_def *add(struct builder *b)
{
        struct holder *h = b->holder;

        if (h->n == b->cap) {
                size_t cap = b->cap * 2 + 8;
                struct fixture_def *v = arena_grow(b->arena, h->v, h->n * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return NULL;
                h->v = v;
                b->cap = cap;
        }
        h->v[h->n] = (struct fixture_def){.baseid = h->baseid};
        return &h->v[h->n++];
}

static bool may_decorate(const struct fact_marks *marks)
{
        for (size_t i = 0; i < marks->n; i++)
                if (marks->v[i].kind == MARK_UNKNOWN || marks->v[i].kind == MARK_PENDING)
                        return true;
        return false;
}

static void add_function(struct builder *b, const char *attribute, const struct fact *fact,
                         const struct facts *file, bool is_method)
{
        const struct fact_function *function = fact->function;
        size_t skip = (is_method && !function->is_static ? 1u : 0u) + function->patches;
        struct fixture_def *def;

        if (!function->is_fixture) {
                if (function->fixture_unsure || may_decorate(&function->marks))
                        (void)names_add(b->arena, &b->holder->maybe, attribute);
                return;
        }
        def = add(b);
        if (def == NULL)
                return;
        def->name = function->fixture_name != NULL ? function->fixture_name : attribute;
        def->attribute = attribute;
        def->path = file->path;
        def->line = function->line;
        def->function = fact->name;
        def->signature = function->signature;
        def->asked = function->asked;
        def->scope = function->scope;
        def->params = function->params;
        def->autouse = function->autouse;
        def->unsure = function->args_unsure || function->fixture_unsure || function->scope == SCOPE_UNKNOWN ||
                      function->autouse == KNOWN_UNSURE || may_decorate(&function->marks) ||
                      names_has(&file->loose, fact->name);
        for (size_t i = skip; i + function->filled < function->args.n; i++)
                (void)names_add(b->arena, &def->args, function->args.v[i]);
        b->holder->any_name |= function->any_name;
}

/* An attribute ATTRIBUTE of a module or class that FACT binds in SCOPE of FILE. */
static void add_fact(struct builder *b, const char *attribute, const struct fact *fact,
                     const struct facts *file, const struct fact_scope *scope, bool is_method)
{
        struct meaning m;

        switch (fact->kind) {
        case FACT_FUNCTION:
                add_function(b, attribute, fact, file, is_method);
                return;
        case FACT_IMPORT:
                if (fact->is_module)
                        return;
                break;
        case FACT_ALIAS:
                break;
        case FACT_VALUE:
                if (!fact->plain)
                        (void)names_add(b->arena, &b->holder->maybe, attribute);
                return;
        default:
                return;
        }
        m = sources_resolve(b->f->sources, file, scope, fact->name, b->everywhere);
        if (m.kind == MEANS_FACT && m.fact->kind == FACT_FUNCTION)
                add_function(b, attribute, m.fact, m.file, is_method);
        else if (m.kind == MEANS_UNKNOWN ||
                 (m.kind == MEANS_FACT && m.fact->kind == FACT_VALUE && !m.fact->plain))
                (void)names_add(b->arena, &b->holder->maybe, attribute);
}

static bool is_seen(struct builder *b, const char *name)
{
        if (names_has(&b->seen, name))
                return true;
        (void)names_add(b->arena, &b->seen, name);
        return false;
}

/* What could be a fixture among the names of a scope: only those are worth remembering. */
static bool is_candidate(const struct fact *fact)
{
        return fact->kind == FACT_FUNCTION || fact->kind == FACT_ALIAS ||
               (fact->kind == FACT_IMPORT && !fact->is_module) || (fact->kind == FACT_VALUE && !fact->plain);
}

/* Whether FILE is pytest's own, which has its fixtures where it defines them. */
static bool is_pytest(const struct facts *file)
{
        return strstr(file->path, "/_pytest/") != NULL;
}

static void add_module(struct builder *b, const struct facts *file, int depth)
{
        for (size_t i = 0; i < file->scope.n; i++) {
                const struct fact *fact = &file->scope.v[i];
                bool shown =
                    depth == 0 || (file->has_all ? names_has(&file->all, fact->name) : fact->name[0] != '_');

                /* later ones hide what star imports bring: FILE's own come first */
                if (b->everywhere && is_pytest(file) && fact->kind != FACT_FUNCTION)
                        continue;
                if (shown && is_candidate(fact) &&
                    !(file->stars.n > 0 || depth > 0 ? is_seen(b, fact->name) : false))
                        add_fact(b, fact->name, fact, file, &file->scope, false);
        }
        for (size_t i = file->stars.n; i > 0; i--) {
                const struct facts *target = sources_module(b->f->sources, file, file->stars.v[i - 1]);

                if (target != NULL && target != file && depth < MAX_STARS)
                        add_module(b, target, depth + 1);
                else if (target == NULL && !sources_is_stdlib(b->f->sources, file->stars.v[i - 1]))
                        b->holder->stars = true;
        }
}

static int by_attribute(const void *a, const void *b)
{
        return strcmp(((const struct fixture_def *)a)->attribute, ((const struct fixture_def *)b)->attribute);
}

/* pytest 7 puts what it makes on the object as an attribute ATTRIBUTE; pytest 8 registers it beforehand. */
static void generate(struct builder *b, const char *attribute, const char *what, const char *of,
                     enum fixture_scope scope, bool request)
{
        struct fixture_def *def = add(b);

        if (def == NULL)
                return;
        def->attribute = b->f->pytest_major >= 8 ? arena_printf(b->arena, " %03zu", b->holder->n) : attribute;
        def->name = arena_printf(b->arena, "%s_%s", what, of);
        def->scope = scope;
        def->autouse = KNOWN_YES;
        def->generated = true;
        def->signature = "(request)";
        def->function = def->name;
        if (request || b->f->pytest_major >= 8)
                (void)names_add(b->arena, &def->args, "request");
        if (def->name == NULL || def->attribute == NULL)
                b->holder->n--;
}

static bool has_plain(const struct fact *fact)
{
        return fact != NULL && !(fact->kind == FACT_FUNCTION && fact->function->is_fixture);
}

static bool module_has(struct builder *b, const struct facts *file, const char *name)
{
        struct meaning m = sources_resolve(b->f->sources, file, &file->scope, name, false);

        return m.kind == MEANS_FACT ? has_plain(m.fact) : facts_find(&file->scope, name) != NULL;
}

static void generate_for_module(struct builder *b, const struct facts *file)
{
        static const char *const names[] = {"setUpModule", "setup_module", "tearDownModule",
                                            "teardown_module"};
        const char *module = sources_module_name(b->f->sources, file->path);
        bool found = false;

        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
                found |= module_has(b, file, names[i]);
        if (b->f->pytest_major < 8) /* nose's */
                found |= module_has(b, file, "setup") || module_has(b, file, "teardown");
        if (found)
                generate(b, "_Module__pytest_setup_module", "_xunit_setup_module_fixture", module,
                         SCOPE_MODULE, true);
        if (module_has(b, file, "setup_function") || module_has(b, file, "teardown_function"))
                generate(b, "_Module__pytest_setup_function", "_xunit_setup_function_fixture", module,
                         SCOPE_FUNCTION, true);
}

static bool class_has(struct builder *b, struct fact_class *c, const char *name, bool even_fixture)
{
        const struct fact *fact = sources_attribute(b->f->sources, c, name, NULL);

        return even_fixture ? fact != NULL : has_plain(fact);
}

/* Whether unittest.skip stands above C or a base: pytest then makes nothing for it. */
static enum known is_skipped(const struct fact_class *c)
{
        enum known skipped = KNOWN_NO;

        for (size_t i = 0; i < c->n_mro; i++)
                for (size_t k = 0; k < c->mro[i]->marks.n; k++)
                        if (c->mro[i]->marks.v[k].unittest == KNOWN_YES)
                                return KNOWN_YES;
                        else if (c->mro[i]->marks.v[k].unittest == KNOWN_UNSURE)
                                skipped = KNOWN_UNSURE;
        return skipped;
}

static void generate_for_testcase(struct builder *b, struct fact_class *c)
{
        enum known skipped = is_skipped(c);

        b->holder->unsure |= skipped == KNOWN_UNSURE;
        if (skipped == KNOWN_YES) {
                if (b->f->depth_first) /* what came with pytest 9 as well */
                        generate(b, "", "_unittest_skip_fixture", c->qualname, SCOPE_CLASS, true);
                return;
        }
        if (class_has(b, c, "setup_method", true) || class_has(b, c, "teardown_method", true))
                generate(b, "_UnitTestCase__pytest_method_setup", "_unittest_setup_method_fixture",
                         c->qualname, SCOPE_FUNCTION, true);
        generate(b, "_UnitTestCase__pytest_class_setup", "_unittest_setUpClass_fixture", c->qualname,
                 SCOPE_CLASS, true);
        if (class_has(b, c, "setup_class", false) || class_has(b, c, "teardown_class", true))
                generate(b, "_Class__pytest_setup_class", "_xunit_setup_class_fixture", c->qualname,
                         SCOPE_CLASS, true);
}

static void generate_for_class(struct builder *b, struct fact_class *c)
{
        bool nose = b->f->pytest_major < 8;

        if (class_has(b, c, "setup_class", false) || class_has(b, c, "teardown_class", true))
                generate(b, "_Class__pytest_setup_class", "_xunit_setup_class_fixture", c->qualname,
                         SCOPE_CLASS, false);
        if (class_has(b, c, "setup_method", false) || class_has(b, c, "teardown_method", true) ||
            (nose && (class_has(b, c, "setup", false) || class_has(b, c, "teardown", true))))
                generate(b, "_Class__pytest_setup_method", "_xunit_setup_method_fixture", c->qualname,
                         SCOPE_FUNCTION, true);
}

static void sort(struct holder *h)
{
        if (h->n > 1)
                qsort(h->v, h->n, sizeof *h->v, by_attribute);
}

struct holder *fixtures_holder(struct fixtures *f, const struct facts *file, const char *baseid,
                               const char *plugin)
{
        struct holder *h = arena_get(f->arena, sizeof *h);
        struct builder b = {.f = f, .arena = f->arena, .holder = h};

        if (h == NULL)
                return NULL;
        b.everywhere = plugin != NULL;
        h->baseid = baseid;
        h->file = file;
        add_module(&b, file, 0);
        for (size_t i = 0; plugin != NULL && is_pytest(file) && i < file->scope.n; i++)
                if (file->scope.v[i].kind == FACT_CLASS) { /* plugins that it registers itself */
                        const struct fact_class *c = file->scope.v[i].class_def;

                        for (size_t k = 0; c != NULL && k < c->scope.n; k++)
                                if (c->scope.v[k].kind == FACT_FUNCTION && c->scope.v[k].function->is_fixture)
                                        add_function(&b, c->scope.v[k].name, &c->scope.v[k], file, true);
                }
        for (size_t i = 0; i < h->n; i++)
                h->v[i].plugin = plugin;
        if (plugin == NULL && strcmp(strrchr(file->path, '/') + 1, "conftest.py") != 0)
                generate_for_module(&b, file);
        sort(h);
        return h;
}

struct holder *fixtures_class(struct fixtures *f, struct fact_class *c, const char *baseid)
{
        struct holder *h = c->holder;
        struct builder b = {.f = f, .arena = f->arena};

        if (baseid == NULL)
                return NULL;
        if (h != NULL && strcmp(h->baseid, baseid) == 0)
                return h;
        h = arena_get(f->arena, sizeof *h);
        if (h == NULL)
                return NULL;
        b.holder = h;
        h->baseid = arena_strn(f->arena, baseid, strlen(baseid));
        if (h->baseid == NULL)
                return NULL;
        h->file = c->file;
        sources_mro(f->sources, c);
        h->unsure = c->mro_unsure;
        for (size_t i = 0; i < c->n_mro; i++) {
                const struct fact_class *owner = c->mro[i];

                h->unsure |= owner->unsure || may_decorate(&owner->marks);
                for (size_t k = 0; k < owner->scope.n; k++)
                        if (c->n_mro == 1 || !is_seen(&b, owner->scope.v[k].name))
                                add_fact(&b, owner->scope.v[k].name, &owner->scope.v[k], owner->file,
                                         &owner->scope, true);
        }
        if (c->is_testcase)
                generate_for_testcase(&b, c);
        else
                generate_for_class(&b, c);
        sort(h);
        c->holder = h;
        return h;
}
