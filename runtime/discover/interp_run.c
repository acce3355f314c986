/* How it works: statements of functions are played one by one. A condition that is not known is passed by
 * where all that depends on it is what some names stand for, which are then not known either. */
#include <string.h>

#include "runtime/discover/interp_internal.h"
#include "runtime/discover/names.h"

#define MAX_DEPTH 120

/* Whether nothing of the module's text has the name. */
static bool is_free(const struct interp *x, const char *name)
{
        struct binding *b = module_find(&x->m->scope, name);

        if (b == NULL || b->is_made)
                return true;
        if (b->maybe == NULL)
                b->maybe = "what globals() is given";
        return false;
}

bool run_assign(struct interp *x, struct frame *frame, struct node target, struct object *o)
{
        struct object *owner, *key;
        struct nodes parts;

        if (node_is(target, "identifier")) /* barren: or it keeps what it was */
                return frame_set(x, frame, node_text(frame->module, target), x->is_barren ? &x->unknown : o);
        if (node_is(target, "attribute")) {
                owner = eval_node(x, frame, node_field(target, "object"));
                return owner != NULL &&
                       attribute_set(x, owner, node_text(frame->module, node_field(target, "attribute")), o);
        }
        if (node_is(target, "subscript")) {
                owner = eval_node(x, frame, node_field(target, "value"));
                key = owner != NULL ? eval_node(x, frame, node_field(target, "subscript")) : NULL;
                if (key == NULL)
                        return false;
                if (owner->kind == OBJECT_GLOBALS)
                        return !x->is_barren && object_is_text(key) && owner->module == x->m &&
                               is_free(x, key->value.s) && o->kind != OBJECT_UNKNOWN &&
                               frame_set(x, x->globals, key->value.s, o);
                if (owner->kind == OBJECT_DICT)
                        return key->kind != OBJECT_UNKNOWN && object_touch(x, owner) &&
                               object_set(x, owner, key, o);
                return (owner->kind == OBJECT_UNKNOWN || owner->kind == OBJECT_FOREIGN) &&
                       object_is_text(key) && !object_may_be_test(o, key->value.s);
        }
        if (!node_is(target, "pattern_list") && !node_is(target, "tuple_pattern") &&
            !node_is(target, "list_pattern"))
                return false;
        parts = node_children(frame->module, target);
        owner = o->kind != OBJECT_UNKNOWN ? object_iterate(x, o) : NULL;
        if (owner != NULL && owner->n != parts.n)
                return false;
        for (size_t i = 0; i < parts.n; i++)
                if (!run_assign(x, frame, parts.v[i], owner != NULL ? owner->items[i] : &x->unknown))
                        return false;
        return true;
}

static void forget_target(struct interp *x, struct frame *frame, struct node target)
{
        for (struct node n = target; !node_is_null(n); n = node_walk(target, n, true))
                if (node_is(n, "identifier"))
                        (void)frame_set(x, frame, node_text(frame->module, n), &x->unknown);
}

void run_forget(struct interp *x, struct frame *frame, struct node node)
{
        bool in_it = true;

        for (struct node n = node; !node_is_null(n); n = node_walk(node, n, in_it)) {
                in_it = true;
                if (node_is(n, "function_definition") || node_is(n, "class_definition")) {
                        forget_target(x, frame, node_field(n, "name"));
                        in_it = false;
                } else if (node_is(n, "assignment") || node_is(n, "augmented_assignment") ||
                           node_is(n, "for_statement")) {
                        struct node left = node_field(n, "left");

                        if (!node_is(left, "attribute") && !node_is(left, "subscript"))
                                forget_target(x, frame, left);
                } else if (node_is(n, "lambda")) {
                        in_it = false;
                }
        }
}

static enum flow assignment(struct interp *x, struct frame *frame, struct node node)
{
        struct node end = node_field(node, "right");
        struct object *o;

        while (node_is(end, "assignment"))
                end = node_field(end, "right");
        if (node_is_null(end))
                return FLOW_ON;
        o = eval_node(x, frame, end);
        if (o == NULL)
                return FLOW_GIVE_UP;
        for (; node_is(node, "assignment"); node = node_field(node, "right"))
                if (!run_assign(x, frame, node_field(node, "left"), o))
                        return FLOW_GIVE_UP;
        return FLOW_ON;
}

static enum flow expression(struct interp *x, struct frame *frame, struct node node)
{
        node = node_named_child(node, 0);
        if (node_is(node, "assignment"))
                return assignment(x, frame, node);
        if (node_is(node, "augmented_assignment")) {
                struct node left = node_field(node, "left");
                struct object *o = node_is(left, "identifier") ? eval_node(x, frame, left) : NULL;

                /* a list would be changed in place */
                if (o == NULL || (o->kind != OBJECT_VALUE && o->kind != OBJECT_UNKNOWN))
                        return FLOW_GIVE_UP;
                run_forget(x, frame, node);
                return FLOW_ON;
        }
        return eval_node(x, frame, node) != NULL ? FLOW_ON : FLOW_GIVE_UP;
}

/* Whether evaluating NODE does nothing: it calls nothing, or only a class for an instance. */
static bool is_harmless_value(struct interp *x, struct frame *frame, struct node node)
{
        struct node given = node_field(node, "arguments");
        struct object *f;

        if (!node_is(node, "call"))
                return strpbrk(node_text(frame->module, node), "([") == NULL;
        f = eval_node(x, frame, node_field(node, "function"));
        return f != NULL &&
               (f->kind == OBJECT_CLASS ? class_makes_instances(f->class_def)
                                        : f->kind == OBJECT_NATIVE && strcmp(f->name, "object") == 0) &&
               strpbrk(node_text(frame->module, given) + 1, "([") == NULL;
}

/* Whether BLOCK does nothing but give names, and attributes of no interest, a value. */
static bool is_harmless(struct interp *x, struct frame *frame, struct node block)
{
        struct nodes all = node_children(frame->module, block);

        for (size_t i = 0; i < all.n; i++) {
                struct node s = all.v[i], e = node_named_child(s, 0), left;

                if (node_is(s, "pass_statement"))
                        continue;
                if (!node_is(s, "expression_statement"))
                        return false;
                left = node_field(e, "left");
                if (!node_is(e, "string") &&
                    (!node_is(e, "assignment") ||
                     (!node_is(left, "identifier") &&
                      (!node_is(left, "attribute") ||
                       strncmp(node_text(frame->module, node_field(left, "attribute")), "test", 4) == 0 ||
                       (node_text(frame->module, node_field(left, "attribute"))[0] == '_' &&
                        strcmp(node_text(frame->module, node_field(left, "attribute")), "__name__") != 0))) ||
                     !is_harmless_value(x, frame, node_field(e, "right"))))
                        return false;
        }
        return true;
}

static bool is_continue(const struct frame *frame, struct node block)
{
        struct nodes all = node_children(frame->module, block);

        return all.n == 1 && node_is(all.v[0], "continue_statement");
}

static enum flow branch(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes parts = node_children(frame->module, node);
        struct node block = node_field(node, "consequence");
        struct node condition = node_field(node, "condition");
        bool unsure = false;

        for (size_t i = 0;; i++) {
                struct object *o = node_is_null(condition) ? &x->none : eval_node(x, frame, condition);
                int truth = node_is_null(condition) ? 1 : o != NULL ? object_truth(o) : -1;

                if (o == NULL)
                        return FLOW_GIVE_UP;
                if (truth == 1 && !unsure)
                        return run_block(x, frame, block);
                if (truth != 0) {
                        if (!unsure && is_continue(frame, block)) {
                                x->is_barren = true;
                                return FLOW_ON;
                        }
                        if (!is_harmless(x, frame, block))
                                return FLOW_GIVE_UP;
                        run_forget(x, frame, block);
                        unsure = true;
                }
                while (i < parts.n && !node_is(parts.v[i], "elif_clause") &&
                       !node_is(parts.v[i], "else_clause"))
                        i++;
                if (i >= parts.n || truth == 1)
                        return FLOW_ON;
                condition = node_field(parts.v[i], "condition"); /* none: else */
                block = node_field(parts.v[i], node_is_null(condition) ? "body" : "consequence");
        }
}

static enum flow loop(struct interp *x, struct frame *frame, struct node node)
{
        struct object *all = eval_node(x, frame, node_field(node, "right"));
        enum flow flow = FLOW_ON;
        const bool was_barren = x->is_barren;

        all = all != NULL && node_is_null(node_field(node, "alternative")) ? object_iterate(x, all) : NULL;
        if (all == NULL)
                return FLOW_GIVE_UP;
        for (size_t i = 0; i < all->n && (flow == FLOW_ON || flow == FLOW_CONTINUE); i++) {
                flow = run_assign(x, frame, node_field(node, "left"), all->items[i])
                           ? run_block(x, frame, node_field(node, "body"))
                           : FLOW_GIVE_UP;
                if (x->is_barren && !was_barren && flow != FLOW_ON && flow != FLOW_CONTINUE)
                        flow = FLOW_GIVE_UP;
                x->is_barren = was_barren;
        }
        return flow == FLOW_BREAK || flow == FLOW_CONTINUE ? FLOW_ON : flow;
}

/* What goes wrong in it is not known to do so: then it is given up. */
static enum flow attempt(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes parts = node_children(frame->module, node);
        enum flow flow = FLOW_GIVE_UP;

        for (size_t i = 0; i < parts.n; i++) {
                if (node_is(parts.v[i], "block")) /* what can fail may have failed */
                        flow = is_harmless(x, frame, parts.v[i]) ? run_block(x, frame, parts.v[i])
                                                                 : FLOW_GIVE_UP;
                else if (node_is(parts.v[i], "else_clause") && flow == FLOW_ON)
                        flow = run_block(x, frame, node_field(parts.v[i], "body"));
                else if (node_is(parts.v[i], "finally_clause"))
                        return FLOW_GIVE_UP;
        }
        return flow;
}

static enum flow definition(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes decorators = {0}, all;
        struct object *o;

        if (node_is(node, "decorated_definition")) {
                all = node_children(frame->module, node);
                decorators.v = arena_get(x->arena, (all.n + 1) * sizeof *decorators.v);
                for (size_t i = 0; decorators.v != NULL && i < all.n; i++)
                        if (node_is(all.v[i], "decorator"))
                                decorators.v[decorators.n++] = node_named_child(all.v[i], 0);
                node = node_field(node, "definition");
        }
        if (node_is(node, "class_definition"))
                o = decorators.n == 0 ? run_class(x, frame, node) : &x->unknown;
        else
                o = function_of(x, frame, node, &decorators);
        return o != NULL && frame_set(x, frame, node_text(frame->module, node_field(node, "name")), o)
                   ? FLOW_ON
                   : FLOW_GIVE_UP;
}

static enum flow leave(struct interp *x, struct frame *frame, struct node node)
{
        struct node value = node_named_child(node, 0);

        frame->result = node_is_null(value) ? &x->none : eval_node(x, frame, value);
        return frame->result != NULL ? FLOW_RETURN : FLOW_GIVE_UP;
}

static enum flow nothing(struct interp *x, struct frame *frame, struct node node)
{
        (void)x;
        (void)frame;
        return node_is(node, "break_statement")      ? FLOW_BREAK
               : node_is(node, "continue_statement") ? FLOW_CONTINUE
                                                     : FLOW_ON;
}

/* "from a import b" in a function */
static enum flow import(struct interp *x, struct frame *frame, struct node node)
{
        for (struct node n = node; !node_is_null(n); n = node_walk(node, n, true))
                if (node_is(n, "identifier"))
                        (void)frame_set(x, frame, node_text(frame->module, n), &x->unknown);
        return FLOW_ON;
}

enum flow run_statement(struct interp *x, struct frame *frame, struct node node)
{
        static const struct {
                const char *type;
                enum flow (*f)(struct interp *x, struct frame *frame, struct node node);
        } table[] = {{"expression_statement", expression},
                     {"return_statement", leave},
                     {"if_statement", branch},
                     {"for_statement", loop},
                     {"function_definition", definition},
                     {"class_definition", definition},
                     {"decorated_definition", definition},
                     {"try_statement", attempt},
                     {"pass_statement", nothing},
                     {"break_statement", nothing},
                     {"continue_statement", nothing},
                     {"assert_statement", nothing},
                     {"import_statement", import},
                     {"import_from_statement", import}};
        enum flow flow = FLOW_GIVE_UP;

        if (x->depth > MAX_DEPTH)
                return FLOW_GIVE_UP;
        x->depth++;
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                if (node_is(node, table[i].type)) {
                        flow = table[i].f(x, frame, node);
                        break;
                }
        x->depth--;
        return flow;
}

enum flow run_block(struct interp *x, struct frame *frame, struct node block)
{
        struct nodes all = node_children(frame->module, block);
        enum flow flow = FLOW_ON;

        for (size_t i = 0; i < all.n && flow == FLOW_ON; i++)
                flow = run_statement(x, frame, all.v[i]);
        return flow;
}

/* A class statement in a function: its body's names become attributes. */
struct object *run_class(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes bases = node_children(frame->module, node_field(node, "superclasses"));
        struct frame *body = arena_get(x->arena, sizeof *body);
        struct object *tuple = object_new(x, OBJECT_TUPLE), *members = object_new(x, OBJECT_DICT);
        const char *name = arena_printf(x->arena, "%s", node_text(frame->module, node_field(node, "name")));

        if (body == NULL || tuple == NULL || members == NULL || name == NULL)
                return NULL;
        for (size_t i = 0; i < bases.n; i++) {
                struct object *o =
                    node_is(bases.v[i], "keyword_argument") ? NULL : eval_node(x, frame, bases.v[i]);

                if (o == NULL || !object_append(x, tuple, o))
                        return NULL;
        }
        body->module = frame->module;
        body->outer = frame;
        body->is_class = true;
        if (run_block(x, body, node_field(node, "body")) != FLOW_ON)
                return NULL;
        for (size_t i = 0; i < body->n; i++)
                if (!object_set(x, members, object_text(x, body->names[i]), body->v[i]))
                        return NULL;
        return class_new(x, name, tuple, members, NULL);
}
