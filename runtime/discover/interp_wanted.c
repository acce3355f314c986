/* How it works: a look at the names that are bound and at the calls that read.c has noted; only where one of
 * them may make something is a module played at all. */
#include <string.h>
#include <strings.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/interp_internal.h"

#define MAX_CALLS 3 /* one in another */

static bool makes_things(const struct entity *e, int depth);

/* Whether a function of the same module that E calls does. */
static bool calls_what_makes(const struct entity *e, int depth)
{
        const struct module *m = e->scope->module;
        const struct node all = e->binding->node;

        for (struct node n = all; depth < MAX_CALLS && !node_is_null(n); n = node_walk(all, n, true)) {
                struct node function = node_is(n, "call") ? node_field(n, "function") : n;
                struct entity callee = {.kind = ENTITY_BINDING, .scope = &m->scope};

                if (!node_is(n, "call") || !node_is(function, "identifier"))
                        continue;
                callee.binding = module_find(&m->scope, node_text(m, function));
                if (callee.binding != NULL && callee.binding->kind == BINDING_FUNCTION &&
                    callee.binding != e->binding && makes_things(&callee, depth + 1))
                        return true;
        }
        return false;
}

static bool makes_things(const struct entity *e, int depth)
{
        static const char *const words[] = {"setattr",   "__dict__", "globals()",  "type(",
                                            "new_class", "class ",   "sys.modules"};

        if (e->kind != ENTITY_BINDING || e->binding->kind == BINDING_VALUE)
                return false;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (entity_mentions(e, words[i]))
                        return true;
        return e->binding->kind == BINDING_CLASS || calls_what_makes(e, depth);
}

/* The first class of the module that is an argument of the call NODE, or NULL. */
struct class_def *wanted_class_of_call(const struct module *m, struct node node)
{
        struct nodes arguments = node_children(m, node_field(node, "arguments"));

        for (size_t i = 0; i < arguments.n; i++) {
                const struct binding *b = node_is(arguments.v[i], "identifier")
                                              ? module_find(&m->scope, node_text(m, arguments.v[i]))
                                              : NULL;

                if (b != NULL && b->kind == BINDING_CLASS)
                        return b->class_def;
        }
        return NULL;
}

/* Whether the value of B, a call, may be a class or a test. */
bool wanted_value(const struct module *m, const struct binding *b)
{
        struct node function;
        struct entity e;

        if (b->kind != BINDING_VALUE || !node_is(b->node, "call"))
                return false;
        function = node_field(b->node, "function");
        if (strcmp(node_text(m, function), "type") == 0 || strncasecmp(b->name, "test", 4) == 0)
                return true;
        if (wanted_class_of_call(m, b->node) != NULL)
                return true;
        if (node_children(m, node_field(b->node, "arguments")).n != 3)
                return false;
        e = resolve_node(&m->scope, function); /* META(name, bases, members) */
        return e.kind == ENTITY_BINDING && e.binding->kind == BINDING_CLASS;
}

/* Whether pytest may look into it, as far as a glance tells. */
static bool may_have_tests(const struct class_def *c)
{
        for (size_t i = 0; i < c->scope.n; i++)
                if (strncmp(c->scope.v[i].name, "test", 4) == 0)
                        return true;
        return c->bases.n > 0 || strcasestr(c->name, "test") != NULL;
}

bool wanted_class(const struct class_def *c)
{
        const struct module *m = c->scope.module;

        if (!may_have_tests(c))
                return false;
        for (size_t i = 0; i < c->decorators.n; i++) {
                struct node node = c->decorators.v[i];
                struct entity e;

                if (node_is(node, "call"))
                        node = node_field(node, "function");
                if (resolve_is_standard(&m->scope, node)) /* @dataclass */
                        continue;
                e = resolve_node(&m->scope, node);

                if (e.kind == ENTITY_BINDING)
                        return true;
        }
        return !class_has_plain_metaclass(c);
}

/* Whether NODE is a name that is imported, or an attribute of one. */
static bool is_imported(const struct module *m, struct node node)
{
        const struct binding *b;

        while (node_is(node, "attribute"))
                node = node_field(node, "object");
        b = node_is(node, "identifier") ? module_find(&m->scope, node_text(m, node)) : NULL;
        return b != NULL && b->kind == BINDING_IMPORT && b->target == NULL && !b->vague;
}

/* Whether the call NODE, a statement, may make something. */
bool wanted_call(const struct module *m, struct node node)
{
        struct node function = node_field(node, "function");
        struct entity e;

        if (strcmp(node_text(m, function), "setattr") == 0 || strstr(node_text(m, node), "globals()") != NULL)
                return true;
        if (node_is(function, "attribute") && node_is(node_field(function, "object"), "call"))
                return wanted_call(m, node_field(function, "object")); /* Maker(...).make() */
        if (is_imported(m, function))
                return false;
        e = resolve_node(&m->scope, function);
        return e.kind == ENTITY_BINDING && e.scope->module == m &&
               (makes_things(&e, 0) ||
                (e.binding->kind == BINDING_FUNCTION && wanted_class_of_call(m, node) != NULL));
}

bool wanted_within(const struct module *m, struct node node)
{
        for (struct node n = node; !node_is_null(n); n = node_walk(node, n, true))
                if (node_is(n, "call") && node_is(node_field(n, "function"), "identifier") &&
                    wanted_call(m, n))
                        return true;
        return false;
}

/* [make(n) for n in ...] */
static bool maps_what_makes(const struct module *m, struct node node)
{
        return (node_is(node, "list_comprehension") || node_is(node, "set_comprehension") ||
                node_is(node, "dictionary_comprehension") || node_is(node, "list")) &&
               wanted_within(m, node);
}

bool wanted_module(const struct module *m)
{
        struct nodes all = node_children(m, m->root);

        for (size_t i = 0; i < m->scope.n; i++) {
                const struct binding *b = &m->scope.v[i];

                if (wanted_value(m, b) || (b->kind == BINDING_VALUE && maps_what_makes(m, b->node)) ||
                    (b->kind == BINDING_CLASS && wanted_class(b->class_def)))
                        return true;
        }
        for (size_t i = 0; i < m->n_events; i++) {
                const struct event *event = &m->events[i];

                if (event->kind == EVENT_ASSIGN && strstr(node_text(m, event->node), "globals()") != NULL)
                        return true;
                if (event->kind == EVENT_CALL &&
                    (event->assigned ? strstr(node_text(m, event->node), "globals()") != NULL
                                     : wanted_call(m, event->node)))
                        return true;
        }
        for (size_t i = 0; i < all.n; i++) { /* "a and setattr(...)" */
                struct node inner = node_named_child(all.v[i], 0);

                if (node_is(all.v[i], "expression_statement") &&
                    (node_is(inner, "boolean_operator") || node_is(inner, "conditional_expression") ||
                     node_is(inner, "list_comprehension")) &&
                    (strstr(node_text(m, inner), "setattr(") != NULL ||
                     strstr(node_text(m, inner), "globals()") != NULL))
                        return true;
        }
        return false;
}
