/* How it works: a comprehension's names are bound in a scope of its own, once for each item. */
#include <math.h>
#include <string.h>

#include "runtime/discover/eval.h"
#include "runtime/discover/inline.h"
#include "runtime/discover/names.h"
#include "runtime/discover/read.h"

#define MAX_PAIRS 512 /* of a dict display */

int value_truth(const struct value *v)
{
        switch (v->kind) {
        case VALUE_NONE:
                return 0;
        case VALUE_BOOL:
        case VALUE_INT:
                return v->i != 0;
        case VALUE_FLOAT:
                return v->f != 0;
        case VALUE_STR:
        case VALUE_BYTES:
        case VALUE_SEQUENCE:
                return v->n > 0;
        default:
                return -1;
        }
}

int value_equal(const struct value *a, const struct value *b)
{
        if (a->kind == VALUE_UNKNOWN || b->kind == VALUE_UNKNOWN || a->kind == VALUE_OBJECT ||
            b->kind == VALUE_OBJECT || a->kind == VALUE_NAMED || b->kind == VALUE_NAMED)
                return -1;
        if (value_is_integer(a) && value_is_integer(b))
                return a->i == b->i;
        if (a->kind == VALUE_FLOAT || b->kind == VALUE_FLOAT)
                return -1;
        if (a->kind != b->kind)
                return 0;
        if (a->kind == VALUE_STR || a->kind == VALUE_BYTES)
                return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
        return a->kind == VALUE_NONE ? 1 : -1;
}

/* The items that iterating over V gives, as a sequence. */
struct value value_iterate(const struct module *m, const struct value *v)
{
        struct value keys = {.kind = VALUE_SEQUENCE};

        if (v->kind == VALUE_SEQUENCE && !v->is_param) {
                struct value items = *v;

                items.is_generator = false;
                return items;
        }
        if (v->kind == VALUE_STR) {
                keys.items = arena_get(m->arena, (v->n + 1) * sizeof *keys.items);
                for (size_t i = 0; keys.items != NULL && i < v->n; i++) {
                        if ((unsigned char)v->s[i] >= 0x80)
                                return value_of_kind(VALUE_UNKNOWN);
                        keys.items[keys.n++] = value_of_text(VALUE_STR, arena_strn(m->arena, v->s + i, 1), 1);
                }
                return keys.items != NULL ? keys : value_of_kind(VALUE_UNKNOWN);
        }
        if (!v->is_dict)
                return value_of_kind(VALUE_UNKNOWN);
        keys.items = arena_get(m->arena, (v->n / 2 + 1) * sizeof *keys.items);
        for (size_t i = 0; keys.items != NULL && i < v->n; i += 2)
                keys.items[keys.n++] = v->items[i];
        return keys.items != NULL ? keys : value_of_kind(VALUE_UNKNOWN);
}

static struct value dictionary(struct eval *e, const struct scope *scope, struct node node)
{
        struct nodes pairs = node_children(e->m, node);
        struct value v = {.kind = VALUE_OBJECT, .is_dict = true};

        if (pairs.n > MAX_PAIRS)
                return value_of_kind(VALUE_OBJECT);
        v.items = arena_get(e->m->arena, (pairs.n * 2 + 1) * sizeof *v.items);
        for (size_t i = 0; v.items != NULL && i < pairs.n; i++) {
                if (!node_is(pairs.v[i], "pair"))
                        return value_of_kind(VALUE_OBJECT);
                v.items[v.n] = eval_any(e, scope, node_field(pairs.v[i], "key"));
                v.items[v.n + 1] = eval_any(e, scope, node_field(pairs.v[i], "value"));
                for (size_t k = 0; k < v.n; k += 2) /* a key that comes again replaces: leave it */
                        if (value_equal(&v.items[k], &v.items[v.n]) == 1)
                                return value_of_kind(VALUE_OBJECT);
                v.n += 2;
        }
        return v;
}

/* Binds the names of a loop's target to V. */
static bool bind_target(struct eval *e, struct scope *local, struct node target, const struct value *v)
{
        struct nodes parts;

        if (node_is(target, "identifier"))
                return inline_bind(local, node_text(e->m, target), v);
        parts = node_children(e->m, target);
        if (parts.n == 0 || v->kind != VALUE_SEQUENCE || v->n != parts.n)
                return false;
        for (size_t i = 0; i < parts.n; i++)
                if (!bind_target(e, local, parts.v[i], &v->items[i]))
                        return false;
        return true;
}

struct comprehension {
        struct nodes clauses;
        struct node body;
        struct value out;
        size_t cap;
};

/* The clauses from AT on, in SCOPE. False where it cannot be told. */
static bool comprehend(struct eval *e, const struct scope *scope, struct comprehension *c, size_t at)
{
        struct node clause = at < c->clauses.n ? c->clauses.v[at] : (struct node){0};
        struct value list;

        if (e->steps++ > VALUE_MAX_STEPS || e->m->arena->failed)
                return false;
        if (at == c->clauses.n) {
                if (c->out.n == c->cap) {
                        c->cap = c->cap * 2 + 16;
                        c->out.items = arena_grow(e->m->arena, c->out.items, c->out.n * sizeof *c->out.items,
                                                  c->cap * sizeof *c->out.items);
                        if (c->out.items == NULL || c->cap > VALUE_MAX_ITEMS)
                                return false;
                }
                c->out.items[c->out.n++] = eval_any(e, scope, c->body);
                return true;
        }
        if (node_is(clause, "if_clause")) {
                struct value v = eval_any(e, scope, node_named_child(clause, 0));
                int truth = value_truth(&v);

                return truth < 0 ? false : truth == 0 ? true : comprehend(e, scope, c, at + 1);
        }
        if (!node_is(clause, "for_in_clause"))
                return false;
        list = eval_any(e, scope, node_field(clause, "right"));
        list = value_iterate(e->m, &list);
        if (list.kind != VALUE_SEQUENCE)
                return false;
        for (size_t i = 0; i < list.n; i++) {
                struct scope *local = inline_below(scope);

                if (local == NULL || !bind_target(e, local, node_field(clause, "left"), &list.items[i]) ||
                    !comprehend(e, local, c, at + 1))
                        return false;
        }
        return true;
}

static struct value comprehension(struct eval *e, const struct scope *scope, struct node node)
{
        struct nodes parts = node_children(e->m, node);
        struct comprehension c = {.clauses = parts, .out = {.kind = VALUE_SEQUENCE}};

        c.body = node_field(node, "body");
        if (c.clauses.n > 0) { /* the first is the body */
                c.clauses.v++;
                c.clauses.n--;
        }
        c.out.items = arena_get(e->m->arena, sizeof *c.out.items);
        if (c.out.items == NULL || !comprehend(e, scope, &c, 0))
                c.out = value_of_kind(VALUE_OBJECT);
        c.out.is_generator = node_is(node, "generator_expression");
        return c.out;
}

const char *value_str(struct arena *arena, const struct value *v)
{
        return v->kind == VALUE_STR ? v->s
               : v->kind == VALUE_NONE || value_is_integer(v) || v->kind == VALUE_FLOAT
                   ? value_id(arena, v, true)
                   : NULL;
}

/* f"a{b}c" without conversions and format specifiers. */
static struct value formatted(struct eval *e, const struct scope *scope, struct node node)
{
        struct nodes parts = node_children(e->m, node);
        const char *all = "";

        for (size_t i = 0; i < parts.n; i++) {
                const char *text = node_text(e->m, parts.v[i]);

                if (node_is(parts.v[i], "interpolation")) {
                        struct nodes inner = node_children(e->m, parts.v[i]);
                        struct value v =
                            inner.n == 1 ? eval_any(e, scope, inner.v[0]) : value_of_kind(VALUE_UNKNOWN);

                        text = strchr(text, '=') == NULL ? value_str(e->m->arena, &v) : NULL;
                } else if (!node_is(parts.v[i], "string_content")) {
                        continue;
                } else if (strpbrk(text, "\\{}\r") != NULL) {
                        return value_of_kind(VALUE_UNKNOWN);
                }
                all = text != NULL ? arena_printf(e->m->arena, "%s%s", all, text) : NULL;
                if (all == NULL)
                        return value_of_kind(VALUE_UNKNOWN);
        }
        return value_of_text(VALUE_STR, all, strlen(all));
}

static struct value compare(struct eval *e, const struct scope *scope, struct node node)
{
        struct nodes parts = node_children(e->m, node);
        const char *op = node_text(e->m, node_child(node, 1));
        struct value a, b;
        int r;

        if (node_child_count(node) == 3 && parts.n == 2) {
                a = eval_any(e, scope, parts.v[0]);
                b = eval_any(e, scope, parts.v[1]);
                if (value_is_integer(&a) && value_is_integer(&b) && strchr("<>", op[0]) != NULL)
                        return (struct value){.kind = VALUE_BOOL,
                                              .i = op[1] == '=' ? (op[0] == '<' ? a.i <= b.i : a.i >= b.i)
                                                                : (op[0] == '<' ? a.i < b.i : a.i > b.i)};
                r = strcmp(op, "==") == 0 || strcmp(op, "!=") == 0 || strncmp(op, "is", 2) == 0
                        ? value_equal(&a, &b)
                        : -1;
                if (r >= 0)
                        return (struct value){.kind = VALUE_BOOL,
                                              .i = r == (op[0] == '=' || strcmp(op, "is") == 0)};
        }
        r = condition_holds(scope, node);
        return r < 0 ? value_of_kind(VALUE_UNKNOWN) : (struct value){.kind = VALUE_BOOL, .i = r};
}

static struct value either(struct eval *e, const struct scope *scope, struct node node)
{
        struct value a = eval_any(e, scope, node_field(node, "left"));
        int truth = value_truth(&a);

        if (truth < 0)
                return value_of_kind(VALUE_UNKNOWN);
        return truth == node_is(node_field(node, "operator"), "or")
                   ? a
                   : eval_any(e, scope, node_field(node, "right"));
}

static struct value conditional(struct eval *e, const struct scope *scope, struct node node)
{
        struct nodes parts = node_children(e->m, node);
        struct value v;
        int truth;

        if (parts.n != 3)
                return value_of_kind(VALUE_UNKNOWN);
        v = eval_any(e, scope, parts.v[1]);
        truth = value_truth(&v);
        if (truth < 0)
                truth = condition_holds(scope, parts.v[1]);
        return truth < 0 ? value_of_kind(VALUE_UNKNOWN) : eval_any(e, scope, parts.v[truth ? 0 : 2]);
}

static struct value subscript(struct eval *e, const struct scope *scope, struct node node)
{
        struct value v = eval_any(e, scope, node_field(node, "value")), at;
        struct node index = node_field(node, "subscript");

        if (v.is_param || node_is(index, "slice"))
                return value_of_kind(VALUE_UNKNOWN);
        at = eval_any(e, scope, index);
        if (v.kind == VALUE_SEQUENCE && value_is_integer(&at)) {
                int64_t i = at.i < 0 ? at.i + (int64_t)v.n : at.i;

                return i >= 0 && (size_t)i < v.n ? v.items[i] : value_of_kind(VALUE_UNKNOWN);
        }
        for (size_t i = 0; v.is_dict && i < v.n; i += 2)
                if (value_equal(&v.items[i], &at) == 1)
                        return v.items[i + 1];
        return value_of_kind(VALUE_UNKNOWN);
}

static struct value negated(struct eval *e, const struct scope *scope, struct node node)
{
        struct value v = eval_any(e, scope, node_field(node, "argument"));
        int truth = value_truth(&v);

        return truth < 0 ? value_of_kind(VALUE_UNKNOWN) : (struct value){.kind = VALUE_BOOL, .i = !truth};
}

bool eval_computed(struct eval *e, const struct scope *scope, struct node node, const char *type,
                   struct value *ret)
{
        static const struct {
                const char *type;
                struct value (*f)(struct eval *e, const struct scope *scope, struct node node);
        } table[] = {{"boolean_operator", either},
                     {"comparison_operator", compare},
                     {"conditional_expression", conditional},
                     {"dictionary", dictionary},
                     {"generator_expression", comprehension},
                     {"list_comprehension", comprehension},
                     {"not_operator", negated},
                     {"string", formatted},
                     {"subscript", subscript}};

        for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
                if (strcmp(type, table[i].type) == 0) {
                        *ret = table[i].f(e, scope, node);
                        return true;
                }
        return false;
}
