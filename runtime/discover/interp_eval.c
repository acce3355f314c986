/* How it works: one function for each kind of expression, found by the grammar's name for it. */
#include <string.h>

#include "runtime/discover/interp_internal.h"
#include "runtime/discover/names.h"
#include "runtime/discover/read.h"

#define MAX_STEPS 200000
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
                        text = o->kind == OBJECT_VALUE && text[strlen(text) - 2] != '='
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
                if (all == NULL)
                        return NULL;
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

static struct object *unary(struct interp *x, struct frame *frame, struct node node)
{
        struct object *o = eval_node(x, frame, node_field(node, "argument"));
        int truth;

        if (o == NULL)
                return NULL;
        if (node_is(node, "not_operator")) {
                truth = object_truth(o);
                return truth < 0 ? &x->plain : object_bool(x, !truth);
        }
        return o->kind == OBJECT_VALUE
                   ? object_of(x, value_unary(frame->module, node_text(frame->module, node)[0], o->value))
                   : &x->unknown;
}

/* "%s_%d" % ARGUMENTS */
static struct object *percent(struct interp *x, const char *format, const struct object *arguments)
{
        const char *all = "", *p = format;
        size_t at = 0;

        while (*p != '\0') {
                size_t n = strcspn(p, "%");
                const struct object *o = arguments;
                const char *text = "%";

                all = arena_printf(x->arena, "%s%.*s", all, (int)n, p);
                p += n;
                if (*p == '\0')
                        break;
                if (p[1] != '%') {
                        if (arguments->kind == OBJECT_TUPLE)
                                o = at < arguments->n ? arguments->items[at] : NULL;
                        else if (at > 0)
                                o = NULL;
                        at++;
                        if (o == NULL || (p[1] != 's' && p[1] != 'd' && p[1] != 'i') ||
                            o->kind != OBJECT_VALUE || (p[1] != 's' && o->value.kind != VALUE_INT))
                                return &x->unknown;
                        text = value_str(x->arena, &o->value);
                }
                all = text != NULL ? arena_printf(x->arena, "%s%s", all, text) : NULL;
                if (all == NULL)
                        return &x->unknown;
                p += 2;
        }
        return object_text(x, all);
}

static struct object *binary(struct interp *x, struct frame *frame, struct node node)
{
        struct object *a = eval_node(x, frame, node_field(node, "left")), *b, *sum;
        const char *op = node_text(frame->module, node_field(node, "operator"));

        b = a != NULL ? eval_node(x, frame, node_field(node, "right")) : NULL;
        if (b == NULL)
                return NULL;
        if (op[0] == '%' && object_is_text(a))
                return percent(x, a->value.s, b);
        if (a->kind == OBJECT_VALUE && b->kind == OBJECT_VALUE)
                return object_of(x, value_binary(frame->module, op, a->value, b->value));
        if (strcmp(op, "+") != 0 || a->kind != b->kind || (a->kind != OBJECT_LIST && a->kind != OBJECT_TUPLE))
                return &x->unknown;
        sum = object_new(x, a->kind);
        for (size_t i = 0; sum != NULL && i < a->n + b->n; i++)
                if (!object_append(x, sum, i < a->n ? a->items[i] : b->items[i - a->n]))
                        return NULL;
        return sum;
}

/* A in B */
static int contains(const struct object *b, const struct object *a)
{
        int found = 0;

        if (b->kind == OBJECT_DICT || b->kind == OBJECT_LIST || b->kind == OBJECT_TUPLE) {
                for (size_t i = 0; i < b->n && found != 1; i++) {
                        int r = object_equal(b->kind == OBJECT_DICT ? b->keys[i] : b->items[i], a);

                        found = r != 0 ? r : found;
                }
                return found;
        }
        return object_is_text(a) && object_is_text(b) ? strstr(b->value.s, a->value.s) != NULL : -1;
}

static int same(const struct object *a, const struct object *b)
{
        if (a == b)
                return a->kind == OBJECT_UNKNOWN ? -1 : 1;
        if (a->kind == OBJECT_UNKNOWN || b->kind == OBJECT_UNKNOWN)
                return -1;
        if (object_is_none(a) || object_is_none(b))
                return object_is_none(a) && object_is_none(b);
        if ((a->kind == OBJECT_VALUE && a->value.kind == VALUE_BOOL) ||
            (b->kind == OBJECT_VALUE && b->value.kind == VALUE_BOOL))
                return a->kind == b->kind ? object_equal(a, b) : 0;
        return a->kind == OBJECT_CLASS && b->kind == OBJECT_CLASS ? 0 : -1;
}

static struct object *comparison(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes parts = node_children(frame->module, node);
        const char *op = node_text(frame->module, node_child(node, 1));
        struct object *a, *b;
        bool negated = op[0] == '!' || strstr(op, "not") != NULL;
        int r = -1;

        if (node_child_count(node) != 3 || parts.n != 2)
                return &x->plain;
        a = eval_node(x, frame, parts.v[0]);
        b = a != NULL ? eval_node(x, frame, parts.v[1]) : NULL;
        if (b == NULL)
                return NULL;
        if (a->kind == OBJECT_VALUE && b->kind == OBJECT_VALUE && value_is_integer(&a->value) &&
            value_is_integer(&b->value) && strchr("<>", op[0]) != NULL) {
                int64_t i = a->value.i, k = b->value.i;

                return object_bool(x, op[1] == '=' ? (op[0] == '<' ? i <= k : i >= k)
                                                   : (op[0] == '<' ? i < k : i > k));
        }
        if (strcmp(op, "==") == 0 || strcmp(op, "!=") == 0)
                r = object_equal(a, b);
        else if (strncmp(op, "is", 2) == 0)
                r = same(a, b);
        else if (strcmp(op, "in") == 0 || strncmp(op, "not", 3) == 0)
                r = contains(b, a);
        if (r < 0 && frame->outer == NULL)
                return (r = condition_holds(frame->scope, node)) < 0 ? &x->plain : object_bool(x, r);
        return r < 0 ? &x->plain : object_bool(x, r == !negated);
}

static struct object *either(struct interp *x, struct frame *frame, struct node node)
{
        struct object *a = eval_node(x, frame, node_field(node, "left")), *b;
        int truth = a != NULL ? object_truth(a) : -1;

        if (a == NULL)
                return NULL;
        if (truth < 0) {
                b = eval_node(x, frame, node_field(node, "right"));
                return b != NULL && object_is_plain(a) && object_is_plain(b) ? &x->plain
                       : b != NULL                                           ? &x->unknown
                                                                             : NULL;
        }
        return truth == node_is(node_field(node, "operator"), "or")
                   ? a
                   : eval_node(x, frame, node_field(node, "right"));
}

static struct object *conditional(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes parts = node_children(frame->module, node);
        struct object *o = parts.n == 3 ? eval_node(x, frame, parts.v[1]) : NULL;
        int truth = o != NULL ? object_truth(o) : -1;

        if (o == NULL || truth < 0)
                return o != NULL ? &x->unknown : NULL;
        return eval_node(x, frame, parts.v[truth ? 0 : 2]);
}

/* The place I of N, or a bound of a slice, from 0 to N. */
static size_t bound(int64_t i, size_t n)
{
        i = i < 0 ? i + (int64_t)n : i;
        return i < 0 ? 0 : (size_t)i > n ? n : (size_t)i;
}

static struct object *slice(struct interp *x, struct frame *frame, struct object *o, struct node node)
{
        const char *text = node_text(frame->module, node), *colon = strchr(text, ':');
        struct nodes parts = node_children(frame->module, node);
        size_t n = o->kind == OBJECT_VALUE ? o->value.n : o->n, from = 0, to = n;
        struct object *part;

        if (colon == NULL || strchr(colon + 1, ':') != NULL || parts.n > 2)
                return &x->unknown;
        for (size_t i = 0; i < parts.n; i++) {
                struct object *at = eval_node(x, frame, parts.v[i]);

                if (at == NULL)
                        return NULL;
                if (at->kind != OBJECT_VALUE || !value_is_integer(&at->value))
                        return &x->unknown;
                if (node_start(parts.v[i]) < node_start(node) + (size_t)(colon - text))
                        from = bound(at->value.i, n);
                else
                        to = bound(at->value.i, n);
        }
        to = to < from ? from : to;
        if (object_is_text(o)) {
                for (size_t i = 0; i < n; i++)
                        if ((unsigned char)o->value.s[i] >= 0x80)
                                return &x->unknown;
                return object_text(x, arena_strn(x->arena, o->value.s + from, to - from));
        }
        if (o->kind != OBJECT_LIST && o->kind != OBJECT_TUPLE)
                return &x->unknown;
        part = object_new(x, o->kind);
        for (; part != NULL && from < to; from++)
                if (!object_append(x, part, o->items[from]))
                        return NULL;
        return part;
}

static struct object *item(struct interp *x, struct object *o, struct object *at)
{
        struct object *found;

        if (o->kind == OBJECT_GLOBALS && object_is_text(at)) {
                struct frame *frame = o->module == x->m ? x->globals : frame_of_module(x, o->module);

                found = frame != NULL ? frame_get(frame, at->value.s) : NULL;
                return found != NULL || frame == NULL ? found : static_name(x, frame, at->value.s);
        }
        if (o->kind == OBJECT_DICT) {
                found = at->kind != OBJECT_UNKNOWN ? object_find(o, at) : NULL;
                if (found != NULL || o->self == NULL || at->kind == OBJECT_UNKNOWN)
                        return found != NULL ? found : &x->unknown;
                found = call_object(x, o->self, object_new(x, OBJECT_TUPLE), NULL); /* a defaultdict */
                return found != NULL && object_touch(x, o) && object_set(x, o, at, found) ? found : NULL;
        }
        if ((o->kind == OBJECT_LIST || o->kind == OBJECT_TUPLE) && at->kind == OBJECT_VALUE &&
            value_is_integer(&at->value)) {
                int64_t i = at->value.i < 0 ? at->value.i + (int64_t)o->n : at->value.i;

                return i >= 0 && (size_t)i < o->n ? o->items[i] : NULL;
        }
        return &x->unknown;
}

static struct object *subscript(struct interp *x, struct frame *frame, struct node node)
{
        struct object *o = eval_node(x, frame, node_field(node, "value")), *at;
        struct node index = node_field(node, "subscript");

        if (o == NULL)
                return NULL;
        if (node_is(index, "slice"))
                return slice(x, frame, o, index);
        at = eval_node(x, frame, index);
        return at != NULL ? item(x, o, at) : NULL;
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
        struct object *out;
};

static bool comprehend(struct interp *x, struct frame *frame, struct comprehension *c, size_t at)
{
        struct node clause;
        struct object *o, *key;

        if (x->steps++ > MAX_STEPS)
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
        o = eval_node(x, frame,
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
        inner->scope = frame->scope;
        inner->outer = frame;
        c.clauses.v++;
        c.clauses.n--;
        return comprehend(x, inner, &c, 0) ? c.out : x->arena->failed ? NULL : &x->unknown;
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
                     {"subscript", subscript},
                     {"binary_operator", binary},
                     {"comparison_operator", comparison},
                     {"boolean_operator", either},
                     {"not_operator", unary},
                     {"unary_operator", unary},
                     {"conditional_expression", conditional},
                     {"lambda", lambda},
                     {"list_comprehension", comprehension},
                     {"generator_expression", comprehension},
                     {"dictionary_comprehension", comprehension},
                     {"expression_list", sequence},
                     {"parenthesized_expression", inner}};
        struct object *o = &x->unknown;

        if (node_is_null(node) || x->steps++ > MAX_STEPS || x->depth > MAX_DEPTH || x->arena->failed)
                return NULL;
        x->depth++;
        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                if (node_is(node, table[i].type)) {
                        o = table[i].f(x, frame, node);
                        break;
                }
        x->depth--;
        return o;
}
