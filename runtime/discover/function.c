/* How it works: parameters are read as _pytest.compat.getfuncargnames reads a signature. */
#include "runtime/discover/function.h"

#include <string.h>

#include "runtime/discover/names.h"
#include "runtime/discover/value.h"

static const char *decorator_word(const struct module *m, const struct scope *scope, struct node node)
{
        if (node_is(node, "call"))
                node = node_field(node, "function");
        return names_last_word(module_dotted(m, scope, node));
}

bool function_is_other(const struct scope *scope, const struct binding *b)
{
        static const char others[] =
            " fixture yield_fixture property cached_property classmethod setter getter deleter ";

        for (size_t i = 0; i < b->decorators.n; i++) {
                const char *word = decorator_word(scope->module, scope, b->decorators.v[i]);

                if (word != NULL && names_in_table(others, word))
                        return true;
        }
        return false;
}

bool function_is_dataclass(const struct class_def *c)
{
        static const char others[] = " dataclass attrs s define frozen mutable ";

        for (size_t i = 0; i < c->decorators.n; i++) {
                const char *word = decorator_word(c->scope.module, c->scope.outer, c->decorators.v[i]);

                if (word != NULL && names_in_table(others, word))
                        return true;
        }
        return false;
}

uint32_t function_line(const struct module *m, const struct binding *b)
{
        if (b->decorators.n > 0)
                return module_line(m, b->decorators.v[0]);
        return module_line(m, b->node);
}

/* The definition of NAME in the block BODY, *RET_PLAIN: without decorators; null where there is none. */
static struct node defined_in(const struct module *m, struct node body, const char *name, bool *ret_plain)
{
        struct nodes statements = node_children(m, body);

        for (size_t i = 0; i < statements.n; i++) {
                struct node s = statements.v[i];
                bool plain = !node_is(s, "decorated_definition");

                if (!plain)
                        s = node_field(s, "definition");
                if (!node_is(s, "function_definition") ||
                    strcmp(node_text(m, node_field(s, "name")), name) != 0)
                        continue;
                *ret_plain = plain;
                return s;
        }
        return (struct node){0};
}

/* Whether the decorator FUNCTION, or what it returns if it IS_FACTORY, may return another function than it is
 * given, without what functools.wraps hands over. */
static bool replaces(const struct module *m, struct node function, bool is_factory)
{
        static const char *const wraps[] = {"wraps(", "update_wrapper", "__wrapped__", "__dict__",
                                            "pytestmark"};
        struct node body = node_field(function, "body");

        for (size_t i = 0; i < sizeof wraps / sizeof wraps[0]; i++)
                if (strstr(node_text(m, function), wraps[i]) != NULL)
                        return false;
        for (struct node n = body; !node_is_null(n);
             n = node_walk(body, n, !node_is(n, "function_definition"))) {
                struct node returned = node_is(n, "return_statement") ? node_named_child(n, 0) : n, inner;
                bool plain = false;

                if (!is_factory && node_is(n, "return_statement") && node_is(returned, "lambda"))
                        return true;
                if (!node_is(n, "return_statement") || !node_is(returned, "identifier"))
                        continue;
                inner = defined_in(m, body, node_text(m, returned), &plain);
                if (!node_is_null(inner) && plain && (!is_factory || replaces(m, inner, false)))
                        return true;
        }
        return false;
}

struct node function_replaced(const struct scope *scope, const struct binding *b)
{
        for (size_t i = 0; i < b->decorators.n; i++) {
                const struct node node = b->decorators.v[i];
                bool is_call = node_is(node, "call");
                struct entity e = resolve_node(scope, is_call ? node_field(node, "function") : node);

                if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_FUNCTION &&
                    replaces(e.scope->module, e.binding->node, is_call))
                        return node;
        }
        return (struct node){0};
}

/* How many of its first arguments the decorators' mock.patch gives. */
static size_t patched(const struct scope *scope, const struct nodes *decorators)
{
        const struct module *m = scope->module;
        size_t n = 0;

        for (size_t i = 0; i < decorators->n; i++) {
                struct node call = decorators->v[i];
                const char *dotted =
                    node_is(call, "call") ? module_dotted(m, scope, node_field(call, "function")) : NULL;
                struct nodes arguments = node_children(m, node_field(call, "arguments"));
                size_t positional = 0, fixed;

                if (dotted == NULL ||
                    (!names_end_with(dotted, "patch") && !names_end_with(dotted, "patch.object")))
                        continue;
                fixed = names_end_with(dotted, "patch.object") ? 2 : 1;
                for (size_t k = 0; k < arguments.n; k++)
                        if (!node_is(arguments.v[k], "keyword_argument"))
                                positional++;
                        else if (strcmp(node_text(m, node_field(arguments.v[k], "name")), "new") == 0)
                                positional = fixed + 1;
                n += positional <= fixed;
        }
        return n;
}

static bool in_ids(const struct ids *ids, const char *name)
{
        for (size_t i = 0; i < ids->n; i++)
                if (strcmp(ids->v[i], name) == 0)
                        return true;
        return false;
}

/* The names of a function's parameters that a fixture has to give, its first SKIP left out. */
static struct ids parameters(const struct module *m, struct node function, size_t skip)
{
        struct nodes all = node_children(m, node_field(function, "parameters"));
        struct ids names = {arena_get(m->arena, (all.n + 1) * sizeof *names.v), 0};

        for (size_t i = 0; names.v != NULL && i < all.n; i++) {
                struct node name = all.v[i];

                if (node_is(name, "typed_parameter"))
                        name = node_named_child(name, 0);
                if (node_is(all.v[i], "default_parameter") || node_is(all.v[i], "typed_default_parameter") ||
                    !node_is(name, "identifier"))
                        continue;
                if (skip > 0)
                        skip--;
                else
                        names.v[names.n++] = node_text(m, name);
        }
        return names;
}

static bool is_static(const struct entity *e)
{
        for (size_t i = 0; i < e->binding->decorators.n; i++) {
                const char *word = decorator_word(e->scope->module, e->scope, e->binding->decorators.v[i]);

                if (word != NULL && strcmp(word, "staticmethod") == 0)
                        return true;
        }
        return false;
}

/* Takes out of NAMES what hypothesis.given fills: parameters by name, or from the right. */
static void without_given(const struct entity *e, struct ids *names)
{
        const struct module *m = e->scope->module;

        for (size_t i = 0; i < e->binding->decorators.n; i++) {
                struct node call = e->binding->decorators.v[i];
                const char *dotted =
                    node_is(call, "call") ? module_dotted(m, e->scope, node_field(call, "function")) : NULL;
                struct nodes arguments;

                if (dotted == NULL || strcmp(dotted, "hypothesis.given") != 0)
                        continue;
                arguments = node_children(m, node_field(call, "arguments"));
                for (size_t k = 0; k < arguments.n; k++) {
                        const char *name = node_is(arguments.v[k], "keyword_argument")
                                               ? node_text(m, node_field(arguments.v[k], "name"))
                                               : NULL;
                        size_t n = 0;

                        if (node_is(arguments.v[k], "list_splat") ||
                            node_is(arguments.v[k], "dictionary_splat") ||
                            node_is(arguments.v[k], "ellipsis"))
                                names->n = 0; /* all that is left, most likely */
                        for (size_t j = 0; name != NULL && j < names->n; j++)
                                if (strcmp(names->v[j], name) != 0)
                                        names->v[n++] = names->v[j];
                        names->n = name != NULL ? n : names->n > 0 ? names->n - 1 : 0;
                }
        }
}

struct ids function_fixtures(const struct entity *e, const struct chain *chain, const struct marks *marks,
                             bool testcase)
{
        const struct module *m = e->scope->module;
        size_t skip = chain != NULL && !is_static(e) ? 1 : 0;
        struct ids given, names = {0}, all;

        skip += patched(e->scope, &e->binding->decorators);
        for (const struct chain *c = chain; c != NULL; c = c->outer)
                skip += patched(c->class_def->scope.outer, &c->class_def->decorators);
        if (!testcase) {
                names = parameters(m, e->binding->node, skip);
                without_given(e, &names);
        }
        given = marks_argnames(marks, m->arena);
        all.v = arena_get(m->arena, (names.n + 1) * sizeof *all.v);
        all.n = 0;
        for (size_t i = 0; i < marks->n; i++) {
                struct nodes arguments;

                if (strcmp(marks->v[i].name, "usefixtures") != 0 || node_is_null(marks->v[i].call))
                        continue;
                arguments =
                    node_children(marks->v[i].scope->module, node_field(marks->v[i].call, "arguments"));
                all.v = arena_grow(m->arena, all.v, all.n * sizeof *all.v,
                                   (all.n + arguments.n + 1) * sizeof *all.v);
                for (size_t k = 0; all.v != NULL && k < arguments.n; k++) {
                        struct value v = value_read(marks->v[i].scope, arguments.v[k], NULL);

                        if (v.kind == VALUE_STR && !in_ids(&all, v.s))
                                all.v[all.n++] = v.s;
                }
        }
        all.v = arena_grow(m->arena, all.v, all.n * sizeof *all.v, (all.n + names.n + 1) * sizeof *all.v);
        for (size_t i = 0; all.v != NULL && i < names.n; i++)
                if (!in_ids(&given, names.v[i]) && !in_ids(&all, names.v[i]))
                        all.v[all.n++] = names.v[i];
        return all;
}

struct ids function_arguments(const struct scope *scope, const struct binding *b)
{
        struct entity e = {.scope = scope, .binding = (struct binding *)(uintptr_t)b};

        return parameters(scope->module, b->node, scope->outer != NULL && !is_static(&e) ? 1 : 0);
}
