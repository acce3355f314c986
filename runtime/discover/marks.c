/* How it works: decorators and pytestmark are read as expressions; a name is followed to what it stands for,
 * a small function of the project's to the mark that it returns. */
#include "runtime/discover/marks.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/inline.h"
#include "runtime/discover/names.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/value.h"

#define MAX_DEPTH 20

static void vague(struct marks *marks, const struct scope *scope, struct node node)
{
        const struct module *m = scope->module;

        if (marks->vague == NULL)
                marks->vague = arena_printf(m->arena, "%s may parametrize", node_quote(m, node));
}

/* The name of the mark that the dotted name is, or NULL. */
static const char *mark_name(const char *dotted, bool *ret_foreign)
{
        static const char *const prefixes[] = {"pytest.mark.", "mark.", "unittest.", "unittest.case."};

        for (size_t i = 0; dotted != NULL && i < sizeof prefixes / sizeof prefixes[0]; i++) {
                size_t n = strlen(prefixes[i]);

                *ret_foreign = i > 1;
                if (strncmp(dotted, prefixes[i], n) != 0 || strchr(dotted + n, '.') != NULL)
                        continue;
                return i < 2 || strncmp(dotted + n, "skip", 4) == 0 ||
                               strcmp(dotted + n, "expectedFailure") == 0
                           ? dotted + n
                           : NULL;
        }
        return NULL;
}

static const char *mark_of(const struct scope *scope, struct node node)
{
        bool foreign;

        return mark_name(module_dotted(scope->module, scope, node), &foreign);
}

static void push(struct marks *marks, const struct scope *scope, const char *name, struct node call,
                 bool foreign)
{
        struct arena *arena = scope->module->arena;

        if (marks->n == marks->cap) {
                size_t cap = marks->cap * 2 + 8;
                struct mark *v = arena_grow(arena, marks->v, marks->n * sizeof *v, cap * sizeof *v);

                if (v == NULL) {
                        marks->vague = "out of memory";
                        return;
                }
                marks->v = v;
                marks->cap = cap;
        }
        marks->v[marks->n++] = (struct mark){name, call, scope, foreign};
}

static void add(struct marks *marks, const struct scope *scope, struct node node, int depth);

/* The marks of MARK(OTHER(f)), the innermost first, where f is PARAMETER; false where CALL is something else.
 */
static bool add_applied(struct marks *marks, const struct scope *scope, struct node call,
                        const char *parameter, int depth)
{
        const struct module *m = scope->module;
        struct nodes arguments = node_children(m, node_field(call, "arguments"));
        struct node function = node_field(call, "function"), mark;

        if (!node_is(call, "call") || arguments.n != 1 || depth > MAX_DEPTH)
                return false;
        mark = node_is(function, "call") ? node_field(function, "function") : function;
        if (mark_of(scope, mark) == NULL)
                return false;
        if (!(node_is(arguments.v[0], "identifier") &&
              strcmp(node_text(m, arguments.v[0]), parameter) == 0) &&
            !add_applied(marks, scope, arguments.v[0], parameter, depth + 1))
                return false;
        add(marks, scope, function, depth + 1);
        return true;
}

/* A decorator of the project that does nothing but return a mark, or put some on. */
static bool add_inlined(struct marks *marks, const struct scope *scope, struct node node,
                        const struct entity *e, int depth)
{
        const struct module *m = e->scope->module;
        struct node result = inline_result(e), function = e->binding->node, mark;
        struct nodes parameters;
        struct scope *inside;
        bool is_call = node_is(node, "call");

        inside = node_is_null(result) ? NULL : inline_scope(scope, is_call ? node : (struct node){0}, e);
        if (inside == NULL)
                return false;
        if (is_call && !node_is(result, "identifier")) { /* def decorator(x): return MARK(x) */
                mark = node_is(result, "call") ? node_field(result, "function") : result;
                if (mark_of(inside, mark) == NULL)
                        return false;
                add(marks, inside, result, depth + 1);
                return true;
        }
        if (is_call) { /* def decorator(x): def inner(f): return MARK(x)(f) */
                struct nodes body;

                function = inline_nested(e, node_text(m, result));
                body = node_children(m, node_field(function, "body"));
                if (body.n != 1 || !node_is(body.v[0], "return_statement"))
                        return false;
                result = node_named_child(body.v[0], 0);
        }
        parameters = node_children(m, node_field(function, "parameters"));
        return parameters.n == 1 &&
               add_applied(marks, inside, result, node_text(m, parameters.v[0]), depth + 1);
}

/* A decorator that is not written as pytest.mark...: a variable that holds one, a function of the project. */
static void add_other(struct marks *marks, const struct scope *scope, struct node node, struct node function,
                      int depth)
{
        struct entity e = resolve_node(scope, function);
        const char *name;
        bool foreign;

        if (e.kind != ENTITY_BINDING) {
                name = mark_name(e.dotted, &foreign); /* parametrize = pytest.mark.parametrize */
                if (name != NULL)
                        push(marks, scope, name, node_is(node, "call") ? node : (struct node){0}, foreign);
                else if (e.dotted != NULL && strstr(e.dotted, "parametri") != NULL)
                        vague(marks, scope, node);
                return;
        }
        if (e.binding->kind == BINDING_FUNCTION && add_inlined(marks, scope, node, &e, depth))
                return;
        if (e.binding->kind != BINDING_VALUE) {
                if (entity_mentions(&e, "parametri"))
                        vague(marks, scope, node);
                return;
        }
        if (node_is_null(e.binding->node) || e.binding->vague || e.binding->maybe != NULL) {
                vague(marks, scope, node);
        } else if (!node_is(node, "call")) {
                add(marks, e.scope, e.binding->node, depth + 1);
        } else if (entity_mentions(&e, "parametri")) {
                vague(marks, scope, node);
        }
}

static void add(struct marks *marks, const struct scope *scope, struct node node, int depth)
{
        const struct module *m = scope->module;
        struct nodes parts;
        const char *name;
        bool foreign;

        if (node_is_null(node) || depth > MAX_DEPTH)
                return;
        if (node_is(node, "list") || node_is(node, "tuple")) {
                parts = node_children(m, node);
                for (size_t i = 0; i < parts.n; i++)
                        add(marks, scope, parts.v[i], depth + 1);
        } else if (node_is(node, "parenthesized_expression")) {
                add(marks, scope, node_named_child(node, 0), depth + 1);
        } else if (node_is(node, "identifier") || node_is(node, "attribute")) {
                name = mark_name(module_dotted(m, scope, node), &foreign);
                if (name != NULL)
                        push(marks, scope, name, (struct node){0}, foreign);
                else
                        add_other(marks, scope, node, node, depth);
        } else if (node_is(node, "call")) {
                struct node function = node_field(node, "function");

                name = mark_name(module_dotted(m, scope, function), &foreign);
                if (name != NULL)
                        push(marks, scope, name, node, foreign);
                else
                        add_other(marks, scope, node, function, depth);
        } else if (m->text != NULL && strstr(node_text(m, node), "parametri") != NULL) {
                vague(marks, scope, node);
        }
}

void marks_add(struct marks *marks, const struct scope *scope, struct node node)
{
        add(marks, scope, node, 0);
}

static void add_imported(struct marks *marks, const struct scope *scope, struct binding *b)
{
        struct entity e = resolve_binding(scope, b);

        if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_VALUE && !e.binding->vague)
                marks_add(marks, e.scope, e.binding->node);
        else
                vague(marks, scope, b->node);
}

void marks_add_own(struct marks *marks, const struct scope *body, const struct scope *outer,
                   const struct nodes *decorators)
{
        struct binding *b = body != NULL ? module_find(body, "pytestmark") : NULL;

        if (b != NULL && b->kind == BINDING_VALUE && !b->vague && !node_is_null(b->node))
                marks_add(marks, body, b->node);
        else if (b != NULL && b->kind == BINDING_IMPORT)
                add_imported(marks, body, b);
        else if (b != NULL && marks->vague == NULL)
                marks->vague = "pytestmark is changed in place";
        for (size_t i = decorators != NULL ? decorators->n : 0; i > 0; i--)
                marks_add(marks, outer, decorators->v[i - 1]);
}
