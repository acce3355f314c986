/* How it works: walks the module's scope and the scopes of its classes in dict order. What is not sure is
 * handed on with the reason. */
#include "runtime/discover/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/effects.h"
#include "runtime/discover/function.h"
#include "runtime/discover/interp.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/params.h"

#define MAX_DEPTH 50
#define MAX_STEPS ((size_t)1 << 20) /* aliases of classes in classes can double at each level */

struct collector {
        const struct module *m;
        const struct ini *ini;
        test_sink *each;
        void *ctx;
        struct conftests conftests;
        const char *maybe; /* why none of the module's tests is sure, or NULL */
        size_t steps;
        int r;
};

static void collect_class(struct collector *c, struct class_def *class_def, const char *prefix,
                          const char *select, const struct chain *chain, const char *maybe);

static bool name_matches(const struct spec_strv *patterns, const char *name)
{
        for (size_t i = 0; i < patterns->n; i++) {
                const char *pattern = patterns->v[i];

                if (strncmp(name, pattern, strlen(pattern)) == 0 ||
                    (strpbrk(pattern, "*?[") != NULL && ini_fnmatch(pattern, name)))
                        return true;
        }
        return false;
}

static const char *first_of(const char *a, const char *b)
{
        return a != NULL ? a : b;
}

/* A condition as a reason. */
static const char *depends(const struct collector *c, const char *condition)
{
        return condition != NULL ? arena_printf(c->m->arena, "depends on %s", condition) : NULL;
}

static bool is_test_function(const struct collector *c, const char *name, const struct entity *e)
{
        const struct binding *b = e->binding;

        if (b->kind == BINDING_VALUE)
                return node_is(b->node, "lambda") && name_matches(&c->ini->python_functions, name);
        return b->kind == BINDING_FUNCTION && b->test_flag >= 0 &&
               (name_matches(&c->ini->python_functions, name) || b->test_flag > 0) &&
               !function_is_other(e->scope, b);
}

enum class_kind { CLASS_NONE, CLASS_PYTEST, CLASS_TESTCASE };

static enum class_kind class_kind(const struct collector *c, const char *name, const struct binding *b,
                                  const char **maybe)
{
        struct class_def *class_def = b->class_def;
        const char *why = NULL;
        int flag;

        if (b->test_flag == 0 && !name_matches(&c->ini->python_classes, name) && class_is_other(class_def))
                return CLASS_NONE;
        flag = b->test_flag != 0 ? b->test_flag : class_test_flag(class_def, maybe);

        if (flag < 0)
                return CLASS_NONE;
        if (class_is_testcase(class_def, &why)) {
                *maybe = first_of(*maybe, why);
                return CLASS_TESTCASE;
        }
        if (flag == 0 && !name_matches(&c->ini->python_classes, name)) {
                if (why == NULL || (!class_has_tests(class_def) && strcasestr(name, "test") == NULL))
                        return CLASS_NONE;
                *maybe = first_of(*maybe, why); /* may be a TestCase */
                return CLASS_TESTCASE;
        }
        *maybe = first_of(*maybe, why);
        why = NULL;
        if (class_has_constructor(class_def, &why) && why == NULL)
                return CLASS_NONE;
        *maybe = first_of(*maybe, why);
        return function_is_dataclass(class_def) ? CLASS_NONE : CLASS_PYTEST;
}

static void emit(struct collector *c, struct test *test, const char *prefix, const char *name, const char *id)
{
        struct arena *arena = c->m->arena;

        test->nodeid = id != NULL     ? arena_printf(arena, "%s::%s[%s]", prefix, name, id)
                       : name != NULL ? arena_printf(arena, "%s::%s", prefix, name)
                                      : prefix;
        if (c->r == 0)
                c->r = test->nodeid != NULL ? c->each(c->ctx, test) : -ENOMEM;
}

/* A node of which nothing but its name is sure. */
static void emit_partial(struct collector *c, const char *prefix, const char *name, const struct module *m,
                         struct node node, const char *why)
{
        static const struct marks none = {0};
        struct test test = {.path = m->path,
                            .line = node_is_null(node) ? 0 : module_line(m, node),
                            .marks = &none,
                            .dynamic = why,
                            .partial = true};

        emit(c, &test, prefix, name, NULL);
}

/* Whether the first word of SELECT ("A::b") is NAME, with or without [ID]; *REST is what follows. */
static bool selected(const char *select, const char *name, const char *id, const char **rest)
{
        size_t n = strlen(name);
        const char *p;

        *rest = NULL;
        if (select == NULL)
                return true;
        if (strncmp(select, name, n) != 0)
                return false;
        p = select + n;
        if (*p == '[') {
                size_t len = id != NULL ? strlen(id) : 0;

                /* a function whose ids are not known is printed when one of them is asked for */
                return id == NULL || (strncmp(p + 1, id, len) == 0 && strcmp(p + 1 + len, "]") == 0);
        }
        if (*p == ':' && p[1] == ':')
                *rest = p + 2;
        return *p == '\0' || *rest != NULL;
}

/* The marks of a test, closest first: the function's own, those of the classes around it (with their bases'),
 * the module's. */
static void function_marks(const struct collector *c, const struct entity *e, const struct chain *chain,
                           struct marks *marks)
{
        marks_add_own(marks, NULL, e->scope, &e->binding->decorators);
        for (; chain != NULL; chain = chain->outer)
                for (size_t i = 0; i < chain->class_def->n_mro; i++) {
                        struct class_def *base = chain->class_def->mro[i];

                        marks_add_own(marks, &base->scope, base->scope.outer, &base->decorators);
                }
        marks_add_own(marks, &c->m->scope, NULL, NULL);
}

/* Whether a pytest_generate_tests has a say in a test that asks for something. */
static bool generated(const struct collector *c, const struct chain *chain, const struct ids *asked,
                      const struct marks *marks)
{
        if (chain != NULL && resolve_member(chain->class_def, "pytest_generate_tests", NULL) != NULL)
                return true;
        if (module_find(&c->m->scope, "pytest_generate_tests") != NULL)
                return true;
        for (size_t i = 0; (asked->n > 0 || marks->n > 0) && i < c->conftests.n; i++)
                if (module_find(&c->conftests.v[i]->scope, "pytest_generate_tests") != NULL)
                        return true;
        return false;
}

static void collect_function(struct collector *c, const char *name, const struct entity *e,
                             const char *prefix, const char *select, const struct chain *chain, bool testcase,
                             const char *maybe)
{
        const struct module *m = e->scope->module;
        struct marks marks = {0};
        struct ids ids = {0};
        struct test test = {.path = m->path,
                            .line = function_line(m, e->binding),
                            .marks = &marks,
                            .function = e->binding,
                            .scope = e->scope,
                            .chain = chain};
        const char *rest, *why = NULL;
        struct node replaced = {0};

        function_marks(c, e, chain, &marks);
        test.fixtures = function_fixtures(e, chain, &marks, testcase);
        test.dynamic = first_of(c->maybe, maybe);
        if (!testcase) {
                struct ids asked = test.fixtures;

                if (params_ids(c->m, &c->conftests, chain, &asked, &marks, c->ini->raw_ids, &ids,
                               &test.fixtures, &why))
                        (void)marks_ids(&marks, c->m->arena, c->ini->raw_ids, &ids, &why);
                if (generated(c, chain, &asked, &marks))
                        why = "pytest_generate_tests may parametrize it";
                replaced = ids.n > 0 ? function_replaced(e->scope, e->binding) : replaced;
                if (!node_is_null(replaced))
                        why = arena_printf(c->m->arena,
                                           "its decorator %s may put another function in its place",
                                           node_quote(m, replaced));
                if (why != NULL) {
                        ids.n = 0;
                        test.dynamic = why;
                }
        }
        if (ids.n == 0 && selected(select, name, NULL, &rest) && rest == NULL)
                emit(c, &test, prefix, name, NULL);
        for (size_t i = 0; i < ids.n; i++)
                if (selected(select, name, ids.v[i], &rest) && rest == NULL)
                        emit(c, &test, prefix, name, ids.v[i]);
}

/* A name of the module that stands for what a call returned: perhaps a class with tests. */
static bool may_be_tests(const struct collector *c, const char *name, const struct entity *e)
{
        struct nodes arguments;
        struct node function;

        if (e->binding->kind != BINDING_VALUE || !node_is(e->binding->node, "call"))
                return false;
        if (name_matches(&c->ini->python_functions, name) || name_matches(&c->ini->python_classes, name))
                return true;
        function = node_field(e->binding->node, "function");
        if (node_is(function, "attribute")) { /* a class that makes others */
                const struct node object = node_field(function, "object");
                struct entity owner = {0};

                if (!resolve_is_standard(e->scope, object))
                        owner = resolve_node(e->scope, object);
                if (owner.kind == ENTITY_BINDING && owner.binding->kind == BINDING_CLASS &&
                    class_has_tests(owner.binding->class_def))
                        return true;
        }
        arguments = node_children(e->scope->module, node_field(e->binding->node, "arguments"));
        for (size_t i = 0; i < arguments.n; i++) {
                const struct binding *b =
                    node_is(arguments.v[i], "identifier")
                        ? module_find(&e->scope->module->scope, node_text(e->scope->module, arguments.v[i]))
                        : NULL;

                if (b != NULL && b->kind == BINDING_CLASS && (b->vague || class_has_tests(b->class_def)))
                        return true;
        }
        return false;
}

/* Whether what B imports is worth looking up: a name that pytest looks at, or perhaps a TestCase. */
static bool may_import_tests(const struct collector *c, const struct binding *b)
{
        return !b->is_module && c->m->library != NULL &&
               (name_matches(&c->ini->python_functions, b->name) ||
                name_matches(&c->ini->python_classes, b->name) ||
                library_may_be_test(c->m->library, c->m, &b->import));
}

static void collect_binding(struct collector *c, const struct scope *scope, struct binding *b,
                            const char *prefix, const char *select, const struct chain *chain,
                            const char *maybe)
{
        const char *rest;
        struct entity e;

        if (c->r < 0 || c->m->arena->failed || c->steps++ > MAX_STEPS)
                return;
        if (b->kind == BINDING_IMPORT && !may_import_tests(c, b))
                return;
        e = resolve_binding(scope, b);
        maybe = first_of(maybe, depends(c, b->maybe));
        if (b->either)
                maybe = first_of(maybe, "its parameters depend on a condition");
        if (e.kind != ENTITY_BINDING) {
                if ((e.kind == ENTITY_UNKNOWN ||
                     (e.kind == ENTITY_FOREIGN && e.dotted != NULL && !resolve_is_plain(e.dotted))) &&
                    b->kind == BINDING_IMPORT && selected(select, b->name, NULL, &rest) &&
                    (name_matches(&c->ini->python_functions, b->name) ||
                     name_matches(&c->ini->python_classes, b->name)))
                        emit_partial(c, prefix, b->name, c->m, b->node,
                                     arena_printf(c->m->arena, "%s is not known", b->from));
                return;
        }
        if (e.binding->kind == BINDING_CLASS) {
                enum class_kind kind = class_kind(c, b->name, e.binding, &maybe);
                const char *id = arena_printf(c->m->arena, "%s::%s", prefix, b->name);

                if (kind != CLASS_NONE && e.binding->class_def->decorators.n > 0)
                        maybe = first_of(maybe, class_changed(e.binding->class_def));

                if (kind != CLASS_NONE && id != NULL && selected(select, b->name, NULL, &rest) &&
                    (chain == NULL || chain->depth < MAX_DEPTH))
                        collect_class(c, e.binding->class_def, id, rest, chain, maybe);
        } else if (is_test_function(c, b->name, &e)) {
                collect_function(c, b->name, &e, prefix, select, chain, false, maybe);
        } else if (may_be_tests(c, b->name, &e) && selected(select, b->name, NULL, &rest)) {
                emit_partial(
                    c, prefix, b->name, e.scope->module, e.binding->node,
                    arena_printf(c->m->arena, "value of %s", node_quote(e.scope->module, e.binding->node)));
        }
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A method of a TestCase, which may be anything that can be called. */
static void collect_method(struct collector *c, struct class_def *class_def, const char *name,
                           const char *prefix, const char *select, const struct chain *chain,
                           const char *maybe)
{
        const struct scope *scope = NULL;
        struct binding *b = resolve_member(class_def, name, &scope);
        struct entity e = b != NULL ? resolve_binding(scope, b) : (struct entity){0};

        if (b == NULL)
                return;
        maybe = first_of(maybe, depends(c, b->maybe));
        maybe = first_of(maybe, class_sets(class_def, name));
        if (e.kind != ENTITY_BINDING) {
                e = (struct entity){.kind = ENTITY_BINDING, .scope = scope, .binding = b};
                maybe = first_of(
                    maybe, arena_printf(c->m->arena, "%s is not known", node_quote(scope->module, b->node)));
        } else if (e.binding->kind == BINDING_VALUE && !node_is(e.binding->node, "lambda")) {
                maybe = first_of(maybe, arena_printf(c->m->arena, "value of %s",
                                                     node_quote(e.scope->module, e.binding->node)));
        }
        if (e.binding->test_flag >= 0)
                collect_function(c, name, &e, prefix, select, chain, true, maybe);
}

static bool may_be_called(const struct scope *scope, struct binding *b)
{
        static const char values[] =
            " none integer float string true false list dictionary tuple set concatenated_string ";
        struct entity e = resolve_binding(scope, b);

        if (e.kind != ENTITY_BINDING || e.binding->kind != BINDING_VALUE)
                return e.kind == ENTITY_BINDING;
        return !node_is_null(e.binding->node) && !names_in_table(values, node_type(e.binding->node));
}

/* Twisted's TestCase has a runTest that pytest knows to be none. */
static bool is_trial(const struct module *m)
{
        return m->path != NULL && strstr(m->path, "/twisted/trial/") != NULL;
}

/* unittest.TestLoader.getTestCaseNames: what dir() lists that begins with "test", by name. */
static void collect_testcase(struct collector *c, struct class_def *class_def, const char *prefix,
                             const char *select, const struct chain *chain, const char *maybe)
{
        struct ids names = {0};
        const struct scope *owner;
        size_t most = 0;
        const char *rest;

        for (size_t i = 0; i < class_def->n_mro; i++)
                most += class_def->mro[i]->scope.n;
        names.v = arena_get(c->m->arena, (most + 1) * sizeof *names.v);
        for (size_t i = 0; names.v != NULL && i < class_def->n_mro; i++) {
                const struct scope *scope = &class_def->mro[i]->scope;

                for (size_t k = 0; k < scope->n; k++)
                        if (strncmp(scope->v[k].name, "test", 4) == 0 &&
                            resolve_member(class_def, scope->v[k].name, NULL) == &scope->v[k] &&
                            may_be_called(scope, &scope->v[k]))
                                names.v[names.n++] = scope->v[k].name;
        }
        if (names.n > 0)
                qsort(names.v, names.n, sizeof *names.v, by_name);
        if (names.n == 0 && names.v != NULL && resolve_member(class_def, "runTest", &owner) != NULL &&
            !is_trial(owner->module))
                names.v[names.n++] = "runTest";
        for (size_t i = 0; i < names.n; i++)
                if (selected(select, names.v[i], NULL, &rest) && rest == NULL)
                        collect_method(c, class_def, names.v[i], prefix, select, chain, maybe);
}

static void collect_class(struct collector *c, struct class_def *class_def, const char *prefix,
                          const char *select, const struct chain *chain, const char *maybe)
{
        struct chain here = {class_def, chain, chain != NULL ? chain->depth + 1 : 1};
        const char *why = NULL, *grows = class_grows(class_def);

        if (class_is_testcase(class_def, &why) ||
            (why != NULL && !name_matches(&c->ini->python_classes, class_def->name))) {
                collect_testcase(c, class_def, prefix, select, &here, maybe);
        } else {
                for (size_t i = class_def->n_mro; i > 0; i--) {
                        const struct scope *scope = &class_def->mro[i - 1]->scope;

                        for (size_t k = 0; k < scope->n; k++)
                                if (scope->v[k].kind != BINDING_DELETED &&
                                    resolve_member(class_def, scope->v[k].name, NULL) == &scope->v[k])
                                        collect_binding(
                                            c, scope, &scope->v[k], prefix, select, &here,
                                            first_of(maybe, class_sets(class_def, scope->v[k].name)));
                }
        }
        if (grows != NULL && select == NULL)
                emit_partial(c, prefix, NULL, class_def->scope.module, (struct node){0},
                             first_of(maybe, grows));
}

int collect_module(struct module *module, const struct ini *ini, const char *prefix, const char *select,
                   test_sink *each, void *ctx)
{
        struct collector c = {.m = module, .ini = ini, .each = each, .ctx = ctx};
        struct binding *flag;
        struct effects effects;

        interp_module(module);
        effects = effects_of(module);
        flag = module_find(&module->scope, "__test__");
        if (flag != NULL && flag->kind == BINDING_VALUE && node_is(flag->node, "false"))
                return 0;
        c.conftests = params_conftests(module, library_root(module->library));
        c.maybe = effects.maybe;
        if (effects.stop != NULL)
                c.maybe = arena_printf(module->arena, "%s (line %u)", effects.stop, effects.line);
        if (module->error_line > 0)
                c.maybe = arena_printf(module->arena, "syntax error (line %u)", module->error_line);
        for (size_t i = 0; i < module->scope.n; i++)
                if (module->scope.v[i].kind != BINDING_DELETED)
                        collect_binding(&c, &module->scope, &module->scope.v[i], prefix, select, NULL, NULL);
        if (select == NULL && effects.grows != NULL)
                emit_partial(&c, prefix, NULL, module, (struct node){0}, effects.grows);
        return module->arena->failed ? -ENOMEM : c.r;
}
