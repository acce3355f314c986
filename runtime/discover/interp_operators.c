/* How it works: operators on what is known; Python's own order of evaluation. */
#include <string.h>

#include "runtime/discover/interp_internal.h"
#include "runtime/discover/read.h"

struct object *operator_unary(struct interp *x, struct frame *frame, struct node node)
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
                if (all == NULL || strlen(all) > INTERP_MAX_TEXT)
                        return &x->plain;
                p += 2;
        }
        return object_text(x, all);
}

struct object *operator_binary(struct interp *x, struct frame *frame, struct node node)
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

struct object *operator_comparison(struct interp *x, struct frame *frame, struct node node)
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

/* isinstance(...), hasattr(...): calls that do nothing */
static bool is_test_of_type(const struct module *m, struct node node)
{
        const char *text = node_text(m, node_field(node, "function"));

        if (node_is(node, "boolean_operator"))
                return is_test_of_type(m, node_field(node, "left")) &&
                       is_test_of_type(m, node_field(node, "right"));
        if (node_is(node, "parenthesized_expression") || node_is(node, "not_operator"))
                return is_test_of_type(m, node_named_child(node, 0));
        return node_is(node, "call") ? strcmp(text, "hasattr") == 0 || strcmp(text, "isinstance") == 0
                                     : strchr(node_text(m, node), '(') == NULL;
}

struct object *operator_either(struct interp *x, struct frame *frame, struct node node)
{
        struct object *a = eval_node(x, frame, node_field(node, "left")), *b;
        int truth = a != NULL ? object_truth(a) : -1;

        if (a == NULL)
                return NULL;
        if (truth < 0) {
                if (strchr(node_text(frame->module, node_field(node, "right")), '(') != NULL &&
                    !is_test_of_type(frame->module, node_field(node, "right")))
                        return NULL; /* it may do something, or not */
                b = eval_node(x, frame, node_field(node, "right"));
                return b != NULL && object_is_plain(a) && object_is_plain(b) ? &x->plain
                       : b != NULL                                           ? &x->unknown
                                                                             : NULL;
        }
        return truth == node_is(node_field(node, "operator"), "or")
                   ? a
                   : eval_node(x, frame, node_field(node, "right"));
}

struct object *operator_conditional(struct interp *x, struct frame *frame, struct node node)
{
        struct nodes parts = node_children(frame->module, node);
        struct object *o = parts.n == 3 ? eval_node(x, frame, parts.v[1]) : NULL;
        int truth = o != NULL ? object_truth(o) : -1;

        if (o == NULL)
                return NULL;
        if (truth < 0) /* a call in it may do something, or not */
                return strchr(node_text(frame->module, parts.v[0]), '(') != NULL ||
                               strchr(node_text(frame->module, parts.v[2]), '(') != NULL
                           ? NULL
                           : &x->unknown;
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

struct object *operator_subscript(struct interp *x, struct frame *frame, struct node node)
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
