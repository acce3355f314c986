/* How it works: one function for each kind of expression, found by the grammar's name for it. */
#include <string.h>

#include "runtime/discover/interp_internal.h"
#include "runtime/discover/names.h"
#include "runtime/discover/read.h"

#define MAX_DEPTH 120

static struct object *identifier(struct interp *x, struct frame *frame, struct node node)
{
        const char *name = node_text(frame->module, node);

        for (const struct frame *f = frame; f != NULL; f = f->outer) {
                struct object *o = frame_get(f, name);

                if (o != NULL)
                        return o;
                if (f->outer == NULL && f->scope != &f->module->scope && f->module == x->m &&
                    (f->scope == NULL || module_find(f->scope, name) == NULL)) { /* of a class body */
                        o = frame_get(x->globals, name);
                        if (o != NULL)
                                return o;
                }
        }
        while (frame->outer != NULL)
                frame = frame->outer;
        return static_name(x, frame, name);
}

static struct object *string(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes parts = node_children(frame->module, node);
        struct value plain = value_string(frame->module, node);
        const char *all = "";

        if (plain.kind != VALUE_UNKNOWN)
                return object_of(x, plain);
        for (size_t i = 0; i < parts.n; i++) {
                const char *text = node_text(frame->module, parts.v[i]);

                if (node_is(parts.v[i], "interpolation")) {
                        struct nodes inner = node_children(frame->module, parts.v[i]);
                        struct object *o =
                            inner.n == 1 ? eval_node(x, frame, inner.v[0]) : &x->unknown; /* no {x!r:>9} */

                        if (o == NULL)
                                return NULL;
                        text = o->kind == OBJECT_VALUE && strchr(text, '=') == NULL
                                   ? value_str(x->arena, &o->value)
                                   : NULL;
                } else if (!node_is(parts.v[i], "string_content")) {
                        continue;
                } else if (strpbrk(text, "\\{}\r") != NULL) {
                        return &x->unknown;
                }
                if (text == NULL)
                        return &x->unknown;
                all = arena_printf(x->arena, "%s%s", all, text);
                if (all == NULL || strlen(all) > INTERP_MAX_TEXT)
                        return all != NULL ? &x->plain : NULL;
        }
        return object_text(x, all);
}

static struct object *number(struct interp *x, struct frame *frame, struct node node)
{
        return object_of(x, value_number(frame->module, node, node_is(node, "float")));
}

static struct object *constant(struct interp *x, struct frame *frame, struct node node)
{
        (void)frame;
        return node_is(node, "none") ? &x->none : object_bool(x, node_is(node, "true"));
}

/* Appends NODES to LIST; *a is taken apart. */
static bool add_all(struct interp *x, struct frame *frame, struct nodes nodes, struct object *list)
{
        for (size_t i = 0; i < nodes.n; i++) {
                bool splat = node_is(nodes.v[i], "list_splat");
                struct object *o = eval_node(x, frame, splat ? node_named_child(nodes.v[i], 0) : nodes.v[i]);
                struct object *all = splat && o != NULL ? object_iterate(x, o) : NULL;

                if (o == NULL || (splat && all == NULL) || (!splat && !object_append(x, list, o)))
                        return false;
                for (size_t k = 0; all != NULL && k < all->n; k++)
                        if (!object_append(x, list, all->items[k]))
                                return false;
        }
        return true;
}

static struct object *sequence(struct interp *x, struct frame *frame, struct node node)
{
        struct object *list = object_new(x, node_is(node, "list") ? OBJECT_LIST : OBJECT_TUPLE);

        return list != NULL && add_all(x, frame, node_children(frame->module, node), list) ? list : NULL;
}

static struct object *dictionary(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes pairs = node_children(frame->module, node);
        struct object *dict = object_new(x, OBJECT_DICT);

        for (size_t i = 0; dict != NULL && i < pairs.n; i++) {
                struct object *key, *item;

                if (!node_is(pairs.v[i], "pair"))
                        return &x->unknown;
                key = eval_node(x, frame, node_field(pairs.v[i], "key"));
                item = eval_node(x, frame, node_field(pairs.v[i], "value"));
                if (key == NULL || item == NULL)
                        return NULL;
                if (key->kind == OBJECT_UNKNOWN)
                        return &x->unknown;
                if (!object_set(x, dict, key, item))
                        return NULL;
        }
        return dict;
}

static struct object *attribute(struct interp *x, struct frame *frame, struct node node)
{
        struct object *o = eval_node(x, frame, node_field(node, "object"));
        bool missing;

        if (o == NULL)
                return NULL;
        o = attribute_get(x, o, node_text(frame->module, node_field(node, "attribute")), &missing);
        return missing ? NULL : o; /* an AttributeError */
}

static struct object *call(struct interp *x, struct frame *frame, struct node node)
{
        struct object *f = eval_node(x, frame, node_field(node, "function"));
        struct node given = node_field(node, "arguments");
        struct object *arguments = object_new(x, OBJECT_TUPLE), *keywords = object_new(x, OBJECT_DICT), *o;
        struct nodes nodes = node_children(frame->module, given);

        if (f == NULL || arguments == NULL || keywords == NULL)
                return NULL;
        if (f->kind == OBJECT_NATIVE && strcmp(f->name, "globals") == 0) {
                o = object_new(x, OBJECT_GLOBALS);
                if (o != NULL)
                        o->module = frame->module;
                return o;
        }
        if (node_is(given, "generator_expression"))
                nodes = (struct nodes){&given, 1};
        for (size_t i = 0; i < nodes.n; i++) {
                struct nodes one = {&nodes.v[i], 1};

                if (node_is(nodes.v[i], "keyword_argument")) {
                        o = eval_node(x, frame, node_field(nodes.v[i], "value"));
                        if (o == NULL ||
                            !object_set(
                                x, keywords,
                                object_text(x, node_text(frame->module, node_field(nodes.v[i], "name"))), o))
                                return NULL;
                } else if (node_is(nodes.v[i], "dictionary_splat")) {
                        o = eval_node(x, frame, node_named_child(nodes.v[i], 0));
                        if (o == NULL || o->kind != OBJECT_DICT)
                                return NULL;
                        for (size_t k = 0; k < o->n; k++)
                                if (!object_set(x, keywords, o->keys[k], o->items[k]))
                                        return NULL;
                } else if (!add_all(x, frame, one, arguments)) {
                        return NULL;
                }
        }
        return call_object(x, f, arguments, keywords);
}

static struct object *lambda(struct interp *x, struct frame *frame, struct node node)
{
        return function_of(x, frame, node, NULL);
}

struct comprehension {
        struct nodes clauses;
        struct node body;
        struct frame
            *first; /* what the first clause iterates over is evaluated here: a class body's names are seen */
        struct object *out;
};

static bool comprehend(struct interp *x, struct frame *frame, struct comprehension *c, size_t at)
{
        struct node clause;
        struct object *o, *key;

        if (x->steps++ > INTERP_MAX_STEPS)
                return false;
        if (at == c->clauses.n) {
                if (c->out->kind == OBJECT_DICT) {
                        key = eval_node(x, frame, node_field(c->body, "key"));
                        o = key != NULL ? eval_node(x, frame, node_field(c->body, "value")) : NULL;
                        return o != NULL && key->kind != OBJECT_UNKNOWN && object_set(x, c->out, key, o);
                }
                o = eval_node(x, frame, c->body);
                return o != NULL && object_append(x, c->out, o);
        }
        clause = c->clauses.v[at];
        o = eval_node(x, at == 0 ? c->first : frame,
                      node_is(clause, "if_clause") ? node_named_child(clause, 0)
                                                   : node_field(clause, "right"));
        if (o == NULL)
                return false;
        if (node_is(clause, "if_clause"))
                return object_truth(o) == 0 || (object_truth(o) == 1 && comprehend(x, frame, c, at + 1));
        o = node_is(clause, "for_in_clause") ? object_iterate(x, o) : NULL;
        for (size_t i = 0; o != NULL && i < o->n; i++)
                if (!run_assign(x, frame, node_field(clause, "left"), o->items[i]) ||
                    !comprehend(x, frame, c, at + 1))
                        return false;
        return o != NULL;
}

static struct object *comprehension(struct interp *x, struct frame *frame, struct node node)
{
        struct comprehension c = {.clauses = node_children(frame->module, node),
                                  .body = node_field(node, "body")};
        struct frame *inner = arena_get(x->arena, sizeof *inner);

        c.out = object_new(x, node_is(node, "dictionary_comprehension") ? OBJECT_DICT
                              : node_is(node, "list_comprehension")     ? OBJECT_LIST
                                                                        : OBJECT_TUPLE);
        if (inner == NULL || c.out == NULL || c.clauses.n == 0)
                return NULL;
        inner->module = frame->module;
        inner->scope = &frame->module->scope;
        inner->outer = frame->is_class ? frame->outer
                       : frame->scope == NULL || frame->outer != NULL || frame->scope == inner->scope ? frame
                                                                                                      : NULL;
        c.first = frame;
        c.clauses.v++;
        c.clauses.n--;
        if (comprehend(x, inner, &c, 0))
                return c.out;
        /* a call in it may have done something */
        return x->arena->failed || strchr(node_text(frame->module, node), '(') != NULL ? NULL : &x->unknown;
}

static struct object *inner(struct interp *x, struct frame *frame, struct node node)
{
        return eval_node(x, frame, node_named_child(node, 0));
}

struct object *eval_node(struct interp *x, struct frame *frame, struct node node)
{
        static const struct {
                const char *type;
                struct object *(*f)(struct interp *x, struct frame *frame, struct node node);
        } table[] = {{"identifier", identifier},
                     {"attribute", attribute},
                     {"call", call},
                     {"string", string},
                     {"integer", number},
                     {"float", number},
                     {"tuple", sequence},
                     {"list", sequence},
                     {"dictionary", dictionary},
                     {"none", constant},
                     {"true", constant},
                     {"false", constant},
                     {"subscript", operator_subscript},
                     {"binary_operator", operator_binary},
                     {"comparison_operator", operator_comparison},
                     {"boolean_operator", operator_either},
                     {"not_operator", operator_unary},
                     {"unary_operator", operator_unary},
                     {"conditional_expression", operator_conditional},
                     {"lambda", lambda},
                     {"list_comprehension", comprehension},
                     {"generator_expression", comprehension},
                     {"dictionary_comprehension", comprehension},
                     {"expression_list", sequence},
                     {"parenthesized_expression", inner}};
        struct object *o;

        if (node_is_null(node) || x->steps++ > INTERP_MAX_STEPS || x->depth > MAX_DEPTH || x->arena->failed)
                return NULL;
        /* a call in something else may do anything */
        o = node_is(node, "concatenated_string") || strchr(node_text(frame->module, node), '(') == NULL
                ? &x->unknown
                : NULL;
        x->depth++;
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                if (node_is(node, table[i].type)) {
                        o = table[i].f(x, frame, node);
                        break;
                }
        x->depth--;
        return o;
}
