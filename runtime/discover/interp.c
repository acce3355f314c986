/* How it works: the module's own statements are played in order, each for itself: what one of them made is
 * put into the scopes when it has been played to its end, and forgotten when it was given up. */
#include "runtime/discover/interp.h"

#include <string.h>
#include <strings.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/interp_internal.h"
#include "runtime/discover/names.h"
#include "runtime/discover/read.h"

#define MAX_BLOCKS 20 /* one in another */

/* ---- whether it is worth while ---- */

static bool makes_things(const struct entity *e)
{
        static const char *const words[] = {"setattr", "__dict__",  "globals()",
                                            "type(",   "new_class", "class "};

        if (e->kind != ENTITY_BINDING || e->binding->kind == BINDING_VALUE)
                return false;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (entity_mentions(e, words[i]))
                        return true;
        return e->binding->kind == BINDING_CLASS;
}

/* Whether the value of B, a call, may be a class or a test. */
static bool may_be_made(const struct module *m, const struct binding *b)
{
        struct nodes arguments;
        struct node function;
        struct entity e;

        if (b->kind != BINDING_VALUE || !node_is(b->node, "call"))
                return false;
        function = node_field(b->node, "function");
        if (strcmp(node_text(m, function), "type") == 0 || strncasecmp(b->name, "test", 4) == 0)
                return true;
        arguments = node_children(m, node_field(b->node, "arguments"));
        for (size_t i = 0; i < arguments.n; i++) {
                const struct binding *a = node_is(arguments.v[i], "identifier")
                                              ? module_find(&m->scope, node_text(m, arguments.v[i]))
                                              : NULL;

                if (a != NULL && a->kind == BINDING_CLASS)
                        return true;
        }
        if (arguments.n != 3)
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

static bool class_is_made(const struct class_def *c)
{
        const struct module *m = c->scope.module;

        if (!may_have_tests(c))
                return false;
        for (size_t i = 0; i < c->decorators.n; i++) {
                struct node node = c->decorators.v[i];
                struct entity e =
                    resolve_node(&m->scope, node_is(node, "call") ? node_field(node, "function") : node);

                if (makes_things(&e) || (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_FUNCTION))
                        return true;
        }
        return !class_has_plain_metaclass(c);
}

/* Whether the call NODE, a statement, may make something. */
static bool call_makes(const struct module *m, struct node node)
{
        struct node function = node_field(node, "function");
        struct entity e;

        if (strcmp(node_text(m, function), "setattr") == 0 || strstr(node_text(m, node), "globals()") != NULL)
                return true;
        e = resolve_node(&m->scope, function);
        return e.scope != NULL && e.scope->module == m && makes_things(&e);
}

static bool is_wanted(const struct module *m)
{
        for (size_t i = 0; i < m->scope.n; i++) {
                const struct binding *b = &m->scope.v[i];

                if (may_be_made(m, b) || (b->kind == BINDING_CLASS && class_is_made(b->class_def)))
                        return true;
        }
        for (size_t i = 0; i < m->n_events; i++) {
                const struct event *event = &m->events[i];

                if (event->kind == EVENT_ASSIGN && strstr(node_text(m, event->node), "globals()") != NULL)
                        return true;
                if (event->kind == EVENT_CALL && !event->assigned && call_makes(m, event->node))
                        return true;
        }
        return false;
}

/* ---- what was made ---- */

/* A binding of NAME that is the function O. */
static struct binding alias(struct interp *x, const struct object *o)
{
        struct binding b = {.kind = BINDING_FUNCTION}, *target;
        struct scope *scope;

        if (o->static_binding != NULL) {
                b.target = arena_get(x->m->own, sizeof *b.target);
                if (b.target != NULL)
                        *b.target = *o->static_binding;
                b.target_scope = o->static_scope;
                return b;
        }
        scope = arena_get(x->m->own, sizeof *scope);
        if (scope == NULL)
                return b;
        scope->module = o->module;
        target =
            scope_bind(x->m->own, scope, arena_printf(x->m->own, "%s", o->name),
                       (struct binding){.kind = node_is(o->node, "lambda") ? BINDING_VALUE : BINDING_FUNCTION,
                                        .node = o->node,
                                        .decorators = o->decorators});
        b.target = target;
        b.target_scope = scope;
        return b;
}

static struct binding binding_of(struct interp *x, struct object *o)
{
        struct binding b = {.kind = BINDING_VALUE, .vague = true};
        struct value *known;

        switch (o->kind) {
        case OBJECT_FUNCTION:
                return alias(x, o);
        case OBJECT_CLASS:
                return (struct binding){.kind = BINDING_CLASS, .class_def = o->class_def};
        case OBJECT_VALUE:
                known = arena_get(x->m->own, sizeof *known);
                if (known != NULL)
                        *known = o->value;
                b.known = known;
                b.vague = known == NULL;
                return b;
        default:
                return b;
        }
}

static void apply_changes(struct interp *x)
{
        for (size_t i = 0; i < x->n_changes; i++) {
                const struct change *change = &x->changes[i];
                struct binding what = binding_of(x, change->what), *b;

                b = scope_bind(x->m->own, &change->owner->class_def->scope,
                               arena_printf(x->m->own, "%s", change->name), what);
                if (b != NULL)
                        b->vague = what.vague;
        }
}

/* Names of the module that stand for classes and functions which its text does not show. */
static void apply_names(struct interp *x)
{
        struct scope *scope = &x->m->scope;

        for (size_t i = 0; i < x->globals->n; i++) {
                struct object *o = x->globals->v[i];
                const char *name = x->globals->names[i];
                struct binding *b = module_find(scope, name), what;

                if ((o->kind != OBJECT_CLASS && o->kind != OBJECT_FUNCTION) ||
                    (b != NULL && (b->kind != BINDING_VALUE || b->maybe != NULL ||
                                   (!node_is_null(b->node) && !node_is(b->node, "call")))))
                        continue;
                if (o->kind == OBJECT_FUNCTION && b != NULL && node_is(b->node, "lambda"))
                        continue;
                what = binding_of(x, o);
                if (b == NULL) {
                        (void)scope_bind(x->m->own, scope, arena_printf(x->m->own, "%s", name), what);
                } else {
                        what.name = b->name;
                        what.test_flag = b->test_flag;
                        *b = what;
                }
        }
}

static void mark_events(struct interp *x, struct node node)
{
        for (size_t i = 0; i < x->m->n_events; i++) {
                struct event *event = &x->m->events[i];

                if (event->kind != EVENT_STOP && event->node.tree == node.tree && event->node.at >= node.at &&
                    event->node.at < node_behind(node))
                        event->is_played = true;
        }
}

static void forget_changes(struct interp *x)
{
        for (size_t i = 0; i < x->n_touched; i++)
                if (x->touched[i]->kind == OBJECT_CLASS)
                        x->touched[i]->is_spoiled = true;
                else
                        x->touched[i]->kind = OBJECT_UNKNOWN;
        x->n_changes = x->n_touched = 0;
}

/* ---- the module's statements ---- */

static void play_block(struct interp *x, struct node block, int depth);

static struct class_def *class_of(const struct module *m, struct node node)
{
        for (size_t i = 0; i < m->scope.n; i++)
                if (m->scope.v[i].kind == BINDING_CLASS && node_eq(m->scope.v[i].node, node))
                        return m->scope.v[i].class_def;
        return NULL;
}

/* What its metaclass does to the class of a class statement. */
static bool begin_class(struct interp *x, struct object *o)
{
        struct class_def *c = o->class_def;
        struct object *bases = object_new(x, OBJECT_TUPLE);

        for (size_t i = 0; bases != NULL && i < c->bases.n; i++) {
                struct object *base = eval_node(x, x->globals, c->bases.v[i]);

                if (!object_append(x, bases, base != NULL ? base : &x->unknown))
                        return false;
        }
        if (!node_is_null(c->metaclass)) {
                o->type = eval_node(x, x->globals, c->metaclass);
                if (o->type == NULL || o->type->kind != OBJECT_CLASS)
                        o->type = NULL;
        }
        if (bases == NULL || !class_begin(x, o, bases)) {
                if (o->type != NULL && c->grows == NULL)
                        c->grows = "its metaclass may make tests";
                return false;
        }
        c->has_begun = true;
        return true;
}

static bool decorate_class(struct interp *x, struct object *o)
{
        struct class_def *c = o->class_def;

        for (size_t i = c->decorators.n; i > 0; i--) {
                struct object *f = eval_node(x, x->globals, c->decorators.v[i - 1]), *r;
                struct object *arguments = object_new(x, OBJECT_TUPLE);

                if (f == NULL || arguments == NULL || !object_append(x, arguments, o))
                        return false;
                if (f->kind != OBJECT_FUNCTION && f->kind != OBJECT_METHOD)
                        continue;
                r = f->is_opaque ? NULL : call_object(x, f, arguments, NULL);
                if (r != o)
                        return false;
        }
        return true;
}

/* Whether one of C's bases is a class that was played: it may have a metaclass. */
static bool has_played_base(const struct interp *x, const struct class_def *c)
{
        for (size_t i = 0; i < c->bases.n; i++)
                if (node_is(c->bases.v[i], "identifier") &&
                    frame_get(x->globals, node_text(x->m, c->bases.v[i])) != NULL)
                        return true;
        return false;
}

static void play_class(struct interp *x, struct node node)
{
        struct class_def *c = class_of(x->m, node);
        const char *name = node_text(x->m, node_field(node, "name"));
        struct object *o;

        if (c != NULL && !class_is_made(c) && !has_played_base(x, c))
                return; /* as the text says */
        o = c != NULL ? static_class(x, c) : NULL;
        if (o == NULL) {
                (void)frame_set(x, x->globals, name, &x->unknown);
                return;
        }
        if (begin_class(x, o))
                apply_changes(x);
        else
                forget_changes(x);
        x->n_changes = x->n_touched = 0;
        c->is_decorated = decorate_class(x, o);
        if (c->is_decorated)
                apply_changes(x);
        else
                forget_changes(x);
        (void)frame_set(x, x->globals, name, o);
}

/* A function: as the text has it, if this is the one that stays. */
static void play_function(struct interp *x, struct node node, struct node whole)
{
        const char *name = node_text(x->m, node_field(node, "name"));
        struct binding *b = module_find(&x->m->scope, name);

        if (b != NULL && b->kind == BINDING_FUNCTION && node_eq(b->node, node))
                (void)frame_set(x, x->globals, name, static_binding(x, &x->m->scope, b));
        else
                run_forget(x, x->globals, whole);
}

static void play_if(struct interp *x, struct node node, int depth)
{
        struct nodes parts = node_children(x->m, node);
        int holds = condition_holds(&x->m->scope, node_field(node, "condition"));

        if (holds == 1)
                play_block(x, node_field(node, "consequence"), depth + 1);
        for (size_t i = 0; i < parts.n && holds == 0; i++)
                if (node_is(parts.v[i], "elif_clause")) {
                        holds = condition_holds(&x->m->scope, node_field(parts.v[i], "condition"));
                        if (holds == 1)
                                play_block(x, node_field(parts.v[i], "consequence"), depth + 1);
                } else if (node_is(parts.v[i], "else_clause")) {
                        play_block(x, node_field(parts.v[i], "body"), depth + 1);
                        holds = 1;
                }
        if (holds < 0)
                run_forget(x, x->globals, node);
}

/* Whether the statement is worth playing: it may make something, or change what is known of a name. */
static bool matters(const struct interp *x, struct node node)
{
        const struct module *m = x->m;
        struct node inner = node_named_child(node, 0), left, function;
        const struct binding *b;

        if (!node_is(node, "expression_statement"))
                return strstr(node_text(m, node), "globals()") != NULL ||
                       strstr(node_text(m, node), "setattr(") != NULL;
        if (node_is(inner, "assignment")) {
                left = node_field(inner, "left");
                b = node_is(left, "identifier") ? module_find(&m->scope, node_text(m, left)) : NULL;
                return b == NULL || b->kind != BINDING_VALUE || b->vague ||
                       !node_eq(b->node, node_field(inner, "right")) || may_be_made(m, b);
        }
        if (!node_is(inner, "call"))
                return node_is(inner, "augmented_assignment");
        function = node_field(inner, "function");
        while (node_is(function, "attribute"))
                function = node_field(function, "object");
        return (node_is(function, "identifier") && frame_get(x->globals, node_text(m, function)) != NULL) ||
               call_makes(m, inner);
}

static void play(struct interp *x, struct node node, int depth)
{
        struct nodes parts;

        x->n_changes = x->n_touched = 0;
        if (node_is(node, "import_statement") || node_is(node, "import_from_statement"))
                return; /* as the text says */
        if (node_is(node, "class_definition")) {
                play_class(x, node);
        } else if (node_is(node, "function_definition")) {
                play_function(x, node, node);
        } else if (node_is(node, "decorated_definition")) {
                struct node definition = node_field(node, "definition");

                if (node_is(definition, "class_definition"))
                        play_class(x, definition);
                else
                        play_function(x, definition, node);
        } else if (node_is(node, "if_statement")) {
                play_if(x, node, depth);
        } else if (node_is(node, "try_statement") || node_is(node, "with_statement")) {
                parts = node_children(x->m, node);
                for (size_t i = 0; i < parts.n; i++)
                        if (node_is(parts.v[i], "block"))
                                play_block(x, parts.v[i], depth + 1);
        } else if (!matters(x, node)) {
                if (!node_is(node, "expression_statement"))
                        run_forget(x, x->globals, node);
        } else if (run_statement(x, x->globals, node) == FLOW_ON) {
                apply_changes(x);
                apply_names(x);
                mark_events(x, node);
        } else {
                forget_changes(x);
                run_forget(x, x->globals, node);
        }
}

static void play_block(struct interp *x, struct node block, int depth)
{
        struct nodes statements = node_children(x->m, block);

        for (size_t i = 0; i < statements.n && depth < MAX_BLOCKS && !x->arena->failed; i++)
                play(x, statements.v[i], depth);
}

void interp_module(struct module *m)
{
        struct frame globals = {.module = m, .scope = &m->scope};
        struct interp x = {.m = m,
                           .arena = m->own,
                           .globals = &globals,
                           .none = {.kind = OBJECT_VALUE, .value = {.kind = VALUE_NONE}}};

        x.plain.is_plain = true;
        if (m->error_line == 0 && !node_is_null(m->root) && is_wanted(m))
                play_block(&x, m->root, 0);
}
