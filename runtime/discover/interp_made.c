/* How it works: a function that a class got is bound in its scope as what it is elsewhere, so that whatever
 * is asked of it is answered by its own text. */
#include <string.h>

#include "runtime/discover/interp_internal.h"
#include "runtime/discover/read.h"

/* Whether NODE has a name of one of the functions around O, which nobody sees from outside. */
static bool is_local(const struct object *o, struct node node)
{
        for (struct node n = node; !node_is_null(n); n = node_walk(node, n, true))
                for (const struct frame *f = o->closure;
                     f != NULL && f->outer != NULL && node_is(n, "identifier"); f = f->outer)
                        if (frame_get(f, node_text(o->module, n)) != NULL)
                                return true;
        return false;
}

/* Whether O is a function whose decorators were given what only the function around it has. */
static bool is_open(const struct object *o)
{
        for (size_t i = 0; o->kind == OBJECT_FUNCTION && i < o->decorators.n; i++)
                if (is_local(o, o->decorators.v[i]))
                        return true;
        return false;
}

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

void made_apply(struct interp *x)
{
        for (size_t i = 0; i < x->n_changes; i++) {
                const struct change *change = &x->changes[i];
                struct binding what = binding_of(x, change->what), *b;

                if (is_open(change->what)) {
                        change->owner->class_def->grows = "code adds tests whose parameters are not known";
                        continue;
                }
                b = scope_bind(x->m->own, &change->owner->class_def->scope,
                               arena_printf(x->m->own, "%s", change->name), what);
                if (b != NULL) {
                        b->vague = what.vague;
                        b->is_made = true;
                }
        }
}

/* NAME, which the code has bound before, stands for something else now. */
static void rebind(struct interp *x, struct binding *b, struct object *o)
{
        const char *name = b->name;

        if (o->kind == OBJECT_CLASS || o->kind == OBJECT_FUNCTION) {
                *b = binding_of(x, o);
                b->name = name;
                b->is_made = true;
        } else if (o->kind == OBJECT_UNKNOWN && !o->is_plain) {
                b->maybe = "what became of it";
        } else {
                b->kind = BINDING_DELETED;
        }
}

/* Names of the module that stand for classes and functions which its text does not show. */
void made_bind_names(struct interp *x)
{
        struct scope *scope = &x->m->scope;

        for (size_t i = 0; i < x->globals->n; i++) {
                struct object *o = x->globals->v[i];
                const char *name = x->globals->names[i];
                struct binding *b = module_find(scope, name), what;

                if (b != NULL && b->is_made) {
                        rebind(x, b, o);
                        continue;
                }
                if (is_open(o)) {
                        if (b == NULL)
                                x->m->grows = "code adds tests whose parameters are not known";
                        continue;
                }
                if ((o->kind != OBJECT_CLASS && o->kind != OBJECT_FUNCTION) ||
                    (b != NULL && (b->kind != BINDING_VALUE || b->maybe != NULL ||
                                   (!node_is_null(b->node) && !node_is(b->node, "call")))) ||
                    (o->kind == OBJECT_FUNCTION && b != NULL && node_is(b->node, "lambda")))
                        continue;
                what = binding_of(x, o);
                if (b == NULL) {
                        b = scope_bind(x->m->own, scope, arena_printf(x->m->own, "%s", name), what);
                } else {
                        what.name = b->name;
                        what.test_flag = b->test_flag;
                        *b = what;
                }
                if (b != NULL)
                        b->is_made = true;
        }
}

static void doubt_scope(struct scope *scope, const char *why)
{
        for (size_t i = 0; i < scope->n; i++)
                if (scope->v[i].is_made && scope->v[i].maybe == NULL)
                        scope->v[i].maybe = why;
}

void made_doubt(struct interp *x, const char *why)
{
        doubt_scope(&x->m->scope, why);
        for (size_t i = 0; i < x->n_classes; i++)
                if (x->classes[i]->class_def->scope.module == x->m)
                        doubt_scope(&x->classes[i]->class_def->scope, why);
}

void made_poison(struct interp *x)
{
        for (size_t i = 0; i < x->globals->n; i++) {
                struct object *o = x->globals->v[i];

                if (o->kind == OBJECT_LIST || o->kind == OBJECT_DICT || o->kind == OBJECT_INSTANCE) {
                        o->kind = OBJECT_UNKNOWN;
                        o->is_plain = true;
                }
        }
}

void made_mark_events(struct interp *x, struct node node)
{
        for (size_t i = 0; i < x->m->n_events; i++) {
                struct event *event = &x->m->events[i];

                if (event->kind != EVENT_STOP && event->node.tree == node.tree && event->node.at >= node.at &&
                    event->node.at < node_behind(node))
                        event->is_played = true;
        }
}

void made_forget(struct interp *x)
{
        for (size_t i = 0; i < x->n_touched; i++)
                if (x->touched[i]->kind == OBJECT_CLASS)
                        x->touched[i]->is_spoiled = true;
                else
                        x->touched[i]->kind = OBJECT_UNKNOWN;
        x->n_changes = x->n_touched = 0;
}
