/* How it works: walks the module's scope and the scopes of its classes in dict order. */
#include "runtime/discover/collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/marks.h"

#define MAX_DEPTH 50
#define MAX_STEPS ((size_t)1 << 20) /* aliases of classes in classes can double at each level */

/* The classes that a test is in, innermost first. */
struct chain {
        struct class_def *class_def;
        const struct chain *outer;
        int depth;
};

struct collector {
        const struct module *m;
        const struct ini *ini;
        struct buf *out;
        size_t steps;
        int r;
};

static void collect_class(struct collector *c, struct class_def *class_def, const char *prefix,
                          const char *select, const struct chain *chain);

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

static const char *last_word(const char *dotted)
{
        const char *dot = dotted != NULL ? strrchr(dotted, '.') : NULL;

        return dot != NULL ? dot + 1 : dotted;
}

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

/* The name of BASE, a base class that this file does not define; NULL for one that it does. */
static const char *foreign_base(const struct module *m, const struct class_def *of, TSNode base)
{
        struct binding *b;

        if (node_is(base, "subscript")) /* Generic[T] */
                base = node_field(base, "value");
        b = node_is(base, "identifier") ? module_resolve(m, of->scope.outer, node_text(m, base)) : NULL;
        if (b != NULL && b->kind == BINDING_CLASS)
                return NULL;
        return module_dotted(m, of->scope.outer, base);
}

static bool any_foreign_base(const struct module *m, struct class_def *c, bool (*test)(const char *name))
{
        module_mro(m, c);
        for (size_t i = 0; i < c->n_mro; i++)
                for (size_t k = 0; k < c->mro[i]->bases.n; k++) {
                        const char *name = foreign_base(m, c->mro[i], c->mro[i]->bases.v[k]);

                        if (name != NULL && test(name))
                                return true;
                }
        return false;
}

static bool is_testcase_name(const char *name)
{
        return ends_with(name, "TestCase");
}

/* Well-known classes that have an __init__ or a __new__ of their own. */
static bool has_constructor(const char *name)
{
        static const char *const names[] = {
            "BaseException", "Enum",    "Exception", "Flag",      "IntEnum", "IntFlag", "NamedTuple",
            "Protocol",      "StrEnum", "Thread",    "TypedDict", "bytes",   "dict",    "float",
            "frozenset",     "int",     "list",      "set",       "str",     "tuple"};
        const char *word = last_word(name);

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (strcmp(word, names[i]) == 0)
                        return true;
        return ends_with(word, "Error") || ends_with(word, "Warning");
}

static struct binding *inherited(const struct module *m, struct class_def *c, const char *name)
{
        module_mro(m, c);
        for (size_t i = 0; i < c->n_mro; i++) {
                struct binding *b = module_find(&c->mro[i]->scope, name);

                if (b != NULL)
                        return b;
        }
        return NULL;
}

static bool has_decorator(const struct module *m, const struct scope *scope, const struct nodes *decorators,
                          const char *const *names, size_t n)
{
        for (size_t i = 0; i < decorators->n; i++) {
                TSNode node = decorators->v[i];
                const char *word;

                if (node_is(node, "call"))
                        node = node_field(node, "function");
                word = last_word(module_dotted(m, scope, node));
                for (size_t k = 0; word != NULL && k < n; k++)
                        if (strcmp(word, names[k]) == 0)
                                return true;
        }
        return false;
}

/* Follows NAME = OTHER to what OTHER is; itself where that is not known. */
static struct binding *follow(const struct module *m, const struct scope *scope, struct binding *b)
{
        for (int i = 0; i < 10 && b->kind == BINDING_VALUE && node_is(b->node, "identifier"); i++) {
                struct binding *next = module_resolve(m, scope, node_text(m, b->node));

                if (next == NULL || next == b)
                        break;
                b = next;
        }
        return b;
}

/* The value of __test__ of a class: 1, -1, or 0 where it is not set. */
static int class_flag(const struct module *m, struct class_def *c)
{
        struct binding *b = inherited(m, c, "__test__");

        if (b == NULL || b->kind != BINDING_VALUE)
                return 0;
        return node_is(b->node, "true") ? 1 : node_is(b->node, "false") || node_is(b->node, "none") ? -1 : 0;
}

static bool is_test_function(const struct collector *c, const struct scope *scope, const char *name,
                             const struct binding *b)
{
        static const char *const others[] = {"fixture",     "yield_fixture", "property", "cached_property",
                                             "classmethod", "setter",        "getter",   "deleter"};

        if (b->kind == BINDING_VALUE)
                return node_is(b->node, "lambda") && name_matches(&c->ini->python_functions, name);
        return b->kind == BINDING_FUNCTION && b->test_flag >= 0 &&
               (name_matches(&c->ini->python_functions, name) || b->test_flag > 0) &&
               !has_decorator(c->m, scope, &b->decorators, others, sizeof others / sizeof others[0]);
}

static bool is_test_class(const struct collector *c, const char *name, const struct binding *b)
{
        static const char *const others[] = {"dataclass", "attrs", "s", "define", "frozen", "mutable"};
        struct class_def *class_def = b->class_def;
        int flag = b->test_flag != 0 ? b->test_flag : class_flag(c->m, class_def);

        if (flag < 0)
                return false;
        if (any_foreign_base(c->m, class_def, is_testcase_name))
                return true;
        return (flag > 0 || name_matches(&c->ini->python_classes, name)) &&
               inherited(c->m, class_def, "__init__") == NULL &&
               inherited(c->m, class_def, "__new__") == NULL &&
               !any_foreign_base(c->m, class_def, has_constructor) &&
               !has_decorator(c->m, class_def->scope.outer, &class_def->decorators, others,
                              sizeof others / sizeof others[0]);
}

static void emit(struct collector *c, const char *prefix, const char *name, const char *id)
{
        if (c->r == 0)
                c->r = id != NULL ? buf_addf(c->out, "%s::%s[%s]\n", prefix, name, id)
                                  : buf_addf(c->out, "%s::%s\n", prefix, name);
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

/* The parametrize marks of a test, closest first: the function's own, those of the classes around it (with
 * their bases'), the module's. */
static void function_marks(const struct module *m, const struct binding *b, const struct scope *scope,
                           const struct chain *chain, struct marks *marks)
{
        marks_add_own(m, marks, NULL, scope, &b->decorators);
        for (; chain != NULL; chain = chain->outer)
                for (size_t i = 0; i < chain->class_def->n_mro; i++) {
                        struct class_def *base = chain->class_def->mro[i];

                        marks_add_own(m, marks, &base->scope, base->scope.outer, &base->decorators);
                }
        marks_add_own(m, marks, &m->scope, NULL, NULL);
}

static bool is_fixture_with_params(const struct module *m, const struct binding *b)
{
        for (size_t i = 0; i < b->decorators.n; i++) {
                TSNode call = b->decorators.v[i];
                struct nodes arguments;
                const char *word;

                if (!node_is(call, "call"))
                        continue;
                word = last_word(module_dotted(m, &m->scope, node_field(call, "function")));
                arguments = node_children(m, node_field(call, "arguments"));
                for (size_t k = 0; word != NULL && ends_with(word, "fixture") && k < arguments.n; k++)
                        if (node_is(arguments.v[k], "keyword_argument") &&
                            strcmp(node_text(m, node_field(arguments.v[k], "name")), "params") == 0)
                                return true;
        }
        return false;
}

/* Whether FUNCTION asks, itself or through other fixtures of this file, for a fixture with params, whose ids
 * are not worked out here. */
static bool asks_for_params(struct collector *c, const struct scope *scope, TSNode function, int depth)
{
        struct nodes parameters = node_children(c->m, node_field(function, "parameters"));

        for (size_t i = 0; i < parameters.n && depth < 8 && c->steps++ < MAX_STEPS; i++) {
                TSNode name = parameters.v[i];
                struct binding *b;

                if (node_is(name, "typed_parameter"))
                        name = ts_node_named_child(name, 0);
                if (!node_is(name, "identifier"))
                        continue;
                b = module_resolve(c->m, scope, node_text(c->m, name));
                if (b == NULL || b->kind != BINDING_FUNCTION || b->decorators.n == 0)
                        continue;
                if (is_fixture_with_params(c->m, b) || asks_for_params(c, scope, b->node, depth + 1))
                        return true;
        }
        return false;
}

static void collect_function(struct collector *c, const struct scope *scope, const char *name,
                             const struct binding *b, const char *prefix, const char *select,
                             const struct chain *chain)
{
        struct marks marks = {0};
        struct ids ids = {0};
        const char *rest;

        function_marks(c->m, b, scope, chain, &marks);
        if (module_find(&c->m->scope, "pytest_generate_tests") != NULL ||
            (b->kind == BINDING_FUNCTION && asks_for_params(c, scope, b->node, 0)) ||
            !marks_ids(c->m, &marks, c->ini->raw_ids, &ids))
                ids.n = 0;
        if (ids.n == 0 && selected(select, name, NULL, &rest) && rest == NULL)
                emit(c, prefix, name, NULL);
        for (size_t i = 0; i < ids.n; i++)
                if (selected(select, name, ids.v[i], &rest) && rest == NULL)
                        emit(c, prefix, name, ids.v[i]);
}

static void collect_binding(struct collector *c, const struct scope *scope, struct binding *b,
                            const char *prefix, const char *select, const struct chain *chain)
{
        struct binding *real = follow(c->m, scope, b);
        const char *rest;

        if (c->r < 0 || c->m->arena->failed || c->steps++ > MAX_STEPS)
                return;
        if (real->kind == BINDING_CLASS) {
                if (is_test_class(c, b->name, real) && selected(select, b->name, NULL, &rest) &&
                    (chain == NULL || chain->depth < MAX_DEPTH))
                        collect_class(c, real->class_def,
                                      arena_printf(c->m->arena, "%s::%s", prefix, b->name), rest, chain);
        } else if (is_test_function(c, scope, b->name, real)) {
                collect_function(c, scope, b->name, real, prefix, select, chain);
        }
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* unittest.TestLoader.getTestCaseNames: what dir() lists that begins with "test", by name. */
static void collect_testcase(struct collector *c, struct class_def *class_def, const char *prefix,
                             const char *select)
{
        struct ids names = {0};
        size_t most = 0;
        const char *rest;

        for (size_t i = 0; i < class_def->n_mro; i++)
                most += class_def->mro[i]->scope.n;
        names.v = arena_get(c->m->arena, (most + 1) * sizeof *names.v);
        for (size_t i = 0; names.v != NULL && i < class_def->n_mro; i++) {
                const struct scope *scope = &class_def->mro[i]->scope;

                for (size_t k = 0; k < scope->n; k++) {
                        struct binding *b = &scope->v[k], *real = follow(c->m, scope, b);

                        if (strncmp(b->name, "test", 4) == 0 && inherited(c->m, class_def, b->name) == b &&
                            (real->kind == BINDING_FUNCTION ||
                             (real->kind == BINDING_VALUE && node_is(real->node, "lambda"))) &&
                            real->test_flag >= 0)
                                names.v[names.n++] = b->name;
                }
        }
        if (names.n > 0)
                qsort(names.v, names.n, sizeof *names.v, by_name);
        if (names.n == 0 && inherited(c->m, class_def, "runTest") != NULL && names.v != NULL)
                names.v[names.n++] = "runTest";
        for (size_t i = 0; i < names.n; i++)
                if (selected(select, names.v[i], NULL, &rest) && rest == NULL)
                        emit(c, prefix, names.v[i], NULL);
}

static void collect_class(struct collector *c, struct class_def *class_def, const char *prefix,
                          const char *select, const struct chain *chain)
{
        struct chain here = {class_def, chain, chain != NULL ? chain->depth + 1 : 1};

        module_mro(c->m, class_def);
        if (prefix == NULL)
                return;
        if (any_foreign_base(c->m, class_def, is_testcase_name)) {
                collect_testcase(c, class_def, prefix, select);
                return;
        }
        for (size_t i = class_def->n_mro; i > 0; i--) {
                const struct scope *scope = &class_def->mro[i - 1]->scope;

                for (size_t k = 0; k < scope->n; k++)
                        if (scope->v[k].kind != BINDING_DELETED &&
                            inherited(c->m, class_def, scope->v[k].name) == &scope->v[k])
                                collect_binding(c, scope, &scope->v[k], prefix, select, &here);
        }
}

int collect_module(const struct module *module, const struct ini *ini, const char *prefix, const char *select,
                   struct buf *out)
{
        struct collector c = {.m = module, .ini = ini, .out = out};
        struct binding *flag = module_find(&module->scope, "__test__");

        if (flag != NULL && flag->kind == BINDING_VALUE && node_is(flag->node, "false"))
                return 0;
        for (size_t i = 0; i < module->scope.n; i++)
                if (module->scope.v[i].kind != BINDING_DELETED)
                        collect_binding(&c, &module->scope, &module->scope.v[i], prefix, select, NULL);
        return module->arena->failed ? -ENOMEM : c.r;
}
