/* How it works: arguments are evaluated where the call stands, and kept as values: their text may be in
 * another file than the function's. */
#include "runtime/discover/inline.h"

#include <string.h>

#include "runtime/discover/read.h"
#include "runtime/discover/value.h"

#define MAX_PARAMETERS 16

struct scope *inline_below(const struct scope *scope)
{
        struct scope *local = arena_get(scope->module->arena, sizeof *local);

        if (local == NULL)
                return NULL;
        local->module = scope->module;
        for (size_t i = 0; scope != &scope->module->scope && i < scope->n;
             i++) /* of a comprehension in another one */
                if (scope->v[i].known != NULL)
                        (void)scope_bind(scope->module->arena, local, scope->v[i].name, scope->v[i]);
        return local;
}

bool inline_bind(struct scope *scope, const char *name, const struct value *value)
{
        struct arena *arena = scope->module->arena;
        struct value *kept = arena_grow(arena, value, sizeof *value, sizeof *value);
        struct binding *b;

        if (kept == NULL)
                return false;
        b = scope_bind(arena, scope, name, (struct binding){.kind = BINDING_VALUE, .known = kept});
        if (b != NULL)
                b->vague = false;
        return b != NULL;
}

/* The argument of CALL for the parameter NAME at AT, or null. */
static struct node argument_of(const struct module *m, const struct nodes *arguments, const char *name,
                               size_t at)
{
        size_t positional = 0;

        for (size_t i = 0; i < arguments->n; i++)
                if (node_is(arguments->v[i], "keyword_argument")) {
                        if (strcmp(node_text(m, node_field(arguments->v[i], "name")), name) == 0)
                                return node_field(arguments->v[i], "value");
                } else if (positional++ == at) {
                        return arguments->v[i];
                }
        return (struct node){0};
}

struct scope *inline_scope(const struct scope *caller, struct node call, const struct entity *function)
{
        const struct module *m = function->scope->module;
        struct nodes parameters = node_children(m, node_field(function->binding->node, "parameters"));
        struct nodes arguments = node_children(caller->module, node_field(call, "arguments"));
        struct scope *scope = arena_get(m->arena, sizeof *scope);
        size_t at = 0;

        if (scope == NULL || parameters.n > MAX_PARAMETERS || function->binding->kind != BINDING_FUNCTION)
                return NULL;
        for (size_t i = 0; i < arguments.n; i++)
                if (node_is(arguments.v[i], "list_splat") || node_is(arguments.v[i], "dictionary_splat"))
                        return NULL;
        scope->module = m;
        for (size_t i = 0; i < parameters.n; i++) {
                struct node p = parameters.v[i], name = p, given, standard = {0};
                const char *text;
                struct value v;

                if (node_is(p, "keyword_separator") || node_is(p, "positional_separator")) {
                        at = MAX_PARAMETERS; /* what follows is given by name */
                        continue;
                }
                if (node_is(p, "default_parameter") || node_is(p, "typed_default_parameter")) {
                        name = node_field(p, "name");
                        standard = node_field(p, "value");
                } else if (node_is(p, "typed_parameter")) {
                        name = node_named_child(p, 0);
                }
                if (!node_is(name, "identifier"))
                        return NULL;
                text = node_text(m, name);
                given = argument_of(caller->module, &arguments, text, at++);
                if (!node_is_null(given))
                        v = value_read(caller, given, NULL);
                else if (!node_is_null(standard))
                        v = value_read(function->scope, standard, NULL);
                else
                        v = value_of_kind(VALUE_UNKNOWN);
                if (!inline_bind(scope, text, &v))
                        return NULL;
        }
        return scope;
}

struct node inline_result(const struct entity *function)
{
        const struct module *m = function->scope->module;
        struct nodes body;
        size_t i = 0;

        if (node_is(function->binding->node, "lambda"))
                return node_field(function->binding->node, "body");
        body = node_children(m, node_field(function->binding->node, "body"));
        if (body.n > 1 && node_is(body.v[0], "expression_statement") &&
            node_is(node_named_child(body.v[0], 0), "string"))
                i++;
        if (body.n > i + 1 && node_is(body.v[i], "function_definition"))
                i++;
        return body.n == i + 1 && node_is(body.v[i], "return_statement") ? node_named_child(body.v[i], 0)
                                                                         : (struct node){0};
}

struct node inline_nested(const struct entity *function, const char *name)
{
        const struct module *m = function->scope->module;
        struct nodes body = node_children(m, node_field(function->binding->node, "body"));

        for (size_t i = 0; i < body.n; i++)
                if (node_is(body.v[i], "function_definition") &&
                    strcmp(node_text(m, node_field(body.v[i], "name")), name) == 0)
                        return body.v[i];
        return (struct node){0};
}
