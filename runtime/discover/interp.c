/* How it works: the module's own statements are played in order, each for itself: what one of them made is
 * put into the scopes when it has been played to its end, and forgotten when it was given up. */
#include "runtime/discover/interp.h"

#include <string.h>

#include "runtime/discover/interp_internal.h"
#include "runtime/discover/read.h"

#define MAX_BLOCKS 20 /* one in another */

static void play_block(struct interp *x, struct node block, int depth);
static void pass_by(struct interp *x, struct node node, bool mattered);

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
                        c->grows = arena_printf(x->m->own, "its metaclass %s may make tests", o->type->name);
                return false;
        }
        c->has_begun = true;
        return true;
}

static bool makes_classes(const struct object *f)
{
        const char *text = node_text(f->module, f->node);

        return strstr(text, "class ") != NULL || strstr(text, "type(") != NULL ||
               strstr(text, "new_class(") != NULL;
}

static bool decorate_class(struct interp *x, struct object *o)
{
        struct class_def *c = o->class_def;

        for (size_t i = c->decorators.n; i > 0; i--) {
                struct object *f = eval_node(x, x->globals, c->decorators.v[i - 1]), *r;
                struct object *arguments = object_new(x, OBJECT_TUPLE);

                if (f == NULL || arguments == NULL || !object_append(x, arguments, o))
                        return false;
                if (f->kind == OBJECT_FOREIGN || f->kind == OBJECT_NATIVE)
                        continue;
                if (f->kind != OBJECT_FUNCTION && f->kind != OBJECT_METHOD) {
                        if (f->kind != OBJECT_UNKNOWN && c->grows == NULL)
                                c->grows = arena_printf(x->m->own, "its decorator %s may add tests",
                                                        node_quote(x->m, c->decorators.v[i - 1]));
                        return false;
                }
                r = f->is_opaque ? NULL : call_object(x, f, arguments, NULL);
                if (r != o) {
                        if (c->grows == NULL && f->kind == OBJECT_FUNCTION && makes_classes(f))
                                c->grows = arena_printf(x->m->own, "its decorator %s may make another class",
                                                        node_quote(x->m, c->decorators.v[i - 1]));
                        return false;
                }
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

        if (c != NULL && !wanted_class(c) && !has_played_base(x, c))
                return; /* as the text says */
        o = c != NULL ? static_class(x, c) : NULL;
        if (o == NULL) {
                (void)frame_set(x, x->globals, name, &x->unknown);
                return;
        }
        if (begin_class(x, o))
                made_apply(x);
        else
                made_forget(x);
        x->n_changes = x->n_touched = 0;
        c->is_decorated = decorate_class(x, o);
        if (c->is_decorated)
                made_apply(x);
        else
                made_forget(x);
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
                pass_by(x, node, true);
}

/* Whether NODE has a name of something that it may change. */
static bool may_change(const struct interp *x, struct node node)
{
        for (struct node n = node; !node_is_null(n); n = node_walk(node, n, true)) {
                const struct object *o =
                    node_is(n, "identifier") ? frame_get(x->globals, node_text(x->m, n)) : NULL;

                if (o != NULL &&
                    (o->kind == OBJECT_LIST || o->kind == OBJECT_DICT || o->kind == OBJECT_INSTANCE))
                        return true;
        }
        return false;
}

/* Whether NODE calls a function or a class of the module, which may change anything that it knows by name. */
static bool calls_own(const struct interp *x, struct node node)
{
        for (struct node n = node; !node_is_null(n); n = node_walk(node, n, true)) {
                struct node function = node_is(n, "call") ? node_field(n, "function") : n;
                const struct binding *b;

                if (!node_is(n, "call") && !node_is(n, "decorator"))
                        continue;
                if (node_is(n, "decorator"))
                        function = node_named_child(n, 0);
                while (node_is(function, "attribute") || node_is(function, "call"))
                        function = node_field(function, node_is(function, "call") ? "function" : "object");
                b = node_is(function, "identifier") ? module_find(&x->m->scope, node_text(x->m, function))
                                                    : NULL;
                if (b != NULL && b->kind != BINDING_IMPORT)
                        return true;
        }
        return false;
}

static bool names_scope(const struct module *m, struct node node)
{
        static const char *const words[] = {"globals()", "setattr(", "delattr(", "sys.modules",
                                            "__dict__",  "vars(",    "exec("};
        const char *text = node_text(m, node);

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strstr(text, words[i]) != NULL)
                        return true;
        return false;
}

static bool is_display(struct node node)
{
        return node_is(node, "list") || node_is(node, "dictionary") || node_is(node, "list_comprehension") ||
               node_is(node, "dictionary_comprehension");
}

/* "x = [make(n) for n in ...]", or without "x =" */
static bool maps_what_makes(const struct module *m, struct node inner)
{
        struct node right = node_is(inner, "assignment") ? node_field(inner, "right") : inner;

        return !node_is_null(right) &&
               (strstr(node_type(right), "comprehension") != NULL || is_display(right)) &&
               wanted_within(m, right);
}

/* Whether the statement is worth playing: it may make something, or change what is known of a name. */
static bool matters(const struct interp *x, struct node node)
{
        const struct module *m = x->m;
        struct node inner = node_named_child(node, 0), left;
        const struct binding *b;

        if (!node_is(node, "expression_statement"))
                return names_scope(m, node);
        if (node_is(inner, "assignment")) {
                left = node_field(inner, "left");
                b = node_is(left, "identifier") ? module_find(&m->scope, node_text(m, left)) : NULL;
                return b == NULL || b->kind != BINDING_VALUE || b->vague ||
                       !node_eq(b->node, node_field(inner, "right")) || is_display(b->node) ||
                       wanted_value(m, b) || may_change(x, inner) || names_scope(m, node) ||
                       maps_what_makes(m, inner);
        }
        if (!node_is(inner, "call"))
                return node_is(inner, "augmented_assignment") || names_scope(m, node);
        return may_change(x, inner) || wanted_call(m, inner) || names_scope(m, node);
}

/* The statement NODE is not played, or was given up: what it may have changed is not known any more. */
static void pass_by(struct interp *x, struct node node, bool mattered)
{
        struct node inner = node_named_child(node, 0);

        if (mattered || !node_is(node, "expression_statement")) /* else it is as the text says */
                run_forget(x, x->globals, node);
        if (may_change(x, node) || calls_own(x, node))
                made_poison(x);
        if (!mattered)
                return;
        if (names_scope(x->m, node) ||
            (node_is(node, "expression_statement") && maps_what_makes(x->m, inner)) ||
            (node_is(inner, "call") && wanted_call(x->m, inner))) {
                if (x->m->grows == NULL)
                        x->m->grows = arena_printf(x->m->own, "%s may add tests", node_quote(x->m, node));
                x->doubt = arena_printf(x->m->own, "%s", node_quote(x->m, node));
        }
        /* a class that a call was given may have got tests */
        for (struct node n = inner; node_is(n, "call"); n = node_field(node_field(n, "function"), "object")) {
                struct class_def *c = wanted_class_of_call(x->m, n);

                if (c != NULL && c->grows == NULL)
                        c->grows = arena_printf(x->m->own, "%s may add tests", node_quote(x->m, inner));
        }
}

/* "del a": what code made is deleted; of all else it is not known what becomes of it. */
static void play_delete(struct interp *x, struct node node)
{
        struct nodes targets = node_children(x->m, node);

        if (targets.n == 1 && node_is(targets.v[0], "expression_list"))
                targets = node_children(x->m, targets.v[0]);
        for (size_t i = 0; i < targets.n; i++) {
                const char *name = node_text(x->m, targets.v[i]);
                struct binding *b =
                    node_is(targets.v[i], "identifier") ? module_find(&x->m->scope, name) : NULL;

                if (b != NULL && b->is_made)
                        b->kind = BINDING_DELETED;
                if (node_is(targets.v[i], "identifier"))
                        (void)frame_set(x, x->globals, name, &x->plain);
                else
                        x->doubt = arena_printf(x->m->own, "%s", node_quote(x->m, node));
        }
        made_poison(x);
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
                if (calls_own(x, node))
                        made_poison(x);
        } else if (node_is(node, "if_statement")) {
                play_if(x, node, depth);
        } else if (node_is(node, "delete_statement")) {
                play_delete(x, node);
        } else if (node_is(node, "try_statement") || node_is(node, "with_statement")) {
                /* what fails in it, and where, is not known: but that classes and functions are defined */
                parts = node_children(x->m, node);
                x->is_trying++;
                for (size_t i = 0; i < parts.n; i++)
                        if (node_is(parts.v[i], "block"))
                                play_block(x, parts.v[i], depth + 1);
                x->is_trying--;
        } else if (!matters(x, node)) {
                if (!node_is(node, "expression_statement") || may_change(x, node) || calls_own(x, node))
                        pass_by(x, node, false);
        } else if (x->is_trying == 0 && run_statement(x, x->globals, node) == FLOW_ON) {
                made_apply(x);
                made_bind_names(x);
                made_mark_events(x, node);
        } else {
                made_forget(x);
                x->is_barren = false;
                pass_by(x, node, true);
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
        if (m->error_line == 0 && !node_is_null(m->root) && wanted_module(m))
                play_block(&x, m->root, 0);
        if (x.doubt != NULL)
                made_doubt(&x, x.doubt);
}
