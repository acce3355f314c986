/* How it works: each mark gives a list of ids, made unique with a counter; several marks give the product of
 * their lists, the first mark varying slowest. */
#include "runtime/discover/marks.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/discover/value.h"

#define MAX_IDS   ((size_t)1 << 20)
#define MAX_DEPTH 20

struct parametrize {
        TSNode argnames, argvalues, ids;
};

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

static void add(const struct module *m, struct marks *marks, const struct scope *scope, TSNode node,
                int depth)
{
        struct nodes parts;
        const char *name;
        struct binding *b;

        if (ts_node_is_null(node) || depth > MAX_DEPTH)
                return;
        if (node_is(node, "list") || node_is(node, "tuple")) {
                parts = node_children(m, node);
                for (size_t i = 0; i < parts.n; i++)
                        add(m, marks, scope, parts.v[i], depth + 1);
        } else if (node_is(node, "parenthesized_expression")) {
                add(m, marks, scope, ts_node_named_child(node, 0), depth + 1);
        } else if (node_is(node, "identifier")) {
                b = module_resolve(m, scope, node_text(m, node));
                if (b != NULL && b->kind == BINDING_VALUE && !b->vague)
                        add(m, marks, scope, b->node, depth + 1);
                else if (b != NULL && b->kind == BINDING_VALUE)
                        marks->vague = true;
        } else if (node_is(node, "call")) {
                TSNode function = node_field(node, "function");

                name = module_dotted(m, scope, function);
                b = node_is(function, "identifier") ? module_resolve(m, scope, node_text(m, function)) : NULL;
                if (b != NULL && b->kind == BINDING_VALUE && !b->vague)
                        name = module_dotted(m, scope, b->node);
                if (name == NULL || !ends_with(name, "mark.parametrize"))
                        return;
                if (marks->n == marks->cap) {
                        marks->cap = marks->cap * 2 + 8;
                        marks->v = arena_grow(m->arena, marks->v, marks->n * sizeof *marks->v,
                                              marks->cap * sizeof *marks->v);
                        if (marks->v == NULL) {
                                *marks = (struct marks){.vague = true};
                                return;
                        }
                }
                marks->v[marks->n++] = (struct mark){node, scope};
        }
}

void marks_add(const struct module *module, struct marks *marks, const struct scope *scope, TSNode node)
{
        add(module, marks, scope, node, 0);
}

void marks_add_own(const struct module *module, struct marks *marks, const struct scope *scope,
                   const struct scope *outer, const struct nodes *decorators)
{
        struct binding *b = scope != NULL ? module_find(scope, "pytestmark") : NULL;

        if (b != NULL && b->kind == BINDING_VALUE && !b->vague)
                marks_add(module, marks, scope, b->node);
        else if (b != NULL)
                marks->vague = true;
        for (size_t i = decorators != NULL ? decorators->n : 0; i > 0; i--)
                marks_add(module, marks, outer, decorators->v[i - 1]);
}

/* False where the call unpacks its arguments. */
static bool read_call(const struct module *m, TSNode call, struct parametrize *ret)
{
        struct nodes arguments = node_children(m, node_field(call, "arguments"));
        TSNode *const positions[] = {&ret->argnames, &ret->argvalues, NULL, &ret->ids};
        size_t at = 0;

        *ret = (struct parametrize){0};
        for (size_t i = 0; i < arguments.n; i++) {
                TSNode argument = arguments.v[i];

                if (node_is(argument, "list_splat") || node_is(argument, "dictionary_splat"))
                        return false;
                if (node_is(argument, "keyword_argument")) {
                        const char *name = node_text(m, node_field(argument, "name"));
                        TSNode value = node_field(argument, "value");

                        if (strcmp(name, "argnames") == 0)
                                ret->argnames = value;
                        else if (strcmp(name, "argvalues") == 0)
                                ret->argvalues = value;
                        else if (strcmp(name, "ids") == 0)
                                ret->ids = value;
                } else if (at < 4 && positions[at++] != NULL) {
                        *positions[at - 1] = argument;
                }
        }
        return !ts_node_is_null(ret->argnames) && !ts_node_is_null(ret->argvalues);
}

/* "a, b" or ["a", "b"]; *RET_SINGLE: the values are not tuples. */
static bool read_names(const struct module *m, const struct value *v, struct ids *ret, bool *ret_single)
{
        *ret_single = false;
        if (v->kind == VALUE_STR) {
                ret->v = arena_get(m->arena, (v->n + 1) * sizeof *ret->v);
                for (const char *p = v->s; ret->v != NULL && *p != '\0';) {
                        size_t n = strcspn(p, ","), left = 0;

                        while (left < n && strchr(" \t\n\r\f\v", p[left]) != NULL)
                                left++;
                        size_t right = n;
                        while (right > left && strchr(" \t\n\r\f\v", p[right - 1]) != NULL)
                                right--;
                        if (right > left)
                                ret->v[ret->n++] = arena_strn(m->arena, p + left, right - left);
                        p += n + (p[n] == ',');
                }
                *ret_single = ret->n == 1;
                return ret->v != NULL && ret->n > 0;
        }
        if (v->kind != VALUE_SEQUENCE || v->n == 0)
                return false;
        ret->v = arena_get(m->arena, v->n * sizeof *ret->v);
        for (size_t i = 0; ret->v != NULL && i < v->n; i++) {
                if (v->items[i].kind != VALUE_STR)
                        return false;
                ret->v[ret->n++] = v->items[i].s;
        }
        return ret->v != NULL;
}

enum id_function { ID_NONE, ID_STR, ID_REPR };

/* str(v) or repr(v) as an id, NULL where it is not known here. */
static const char *apply(struct arena *arena, enum id_function f, const struct value *v, bool raw)
{
        const char *id;

        if (f == ID_NONE)
                return NULL;
        if (v->kind == VALUE_STR && f == ID_REPR) {
                struct value quoted = {.kind = VALUE_STR};

                for (size_t i = 0; i < v->n; i++)
                        if ((unsigned char)v->s[i] < 32 || (unsigned char)v->s[i] > 126 || v->s[i] == '\\' ||
                            v->s[i] == '\'')
                                return NULL;
                quoted.s = arena_printf(arena, "'%s'", v->s);
                quoted.n = v->n + 2;
                return quoted.s != NULL ? value_id(arena, &quoted, raw) : NULL;
        }
        if (v->kind == VALUE_BYTES || v->kind == VALUE_NAMED)
                return NULL;
        id = value_id(arena, v, raw);
        return id;
}

static const char *one_value(const struct module *m, const struct value *v, const char *name, size_t index,
                             enum id_function f, bool raw)
{
        if (f != ID_NONE)
                return apply(m->arena, f, v, raw);
        if (v->kind == VALUE_OBJECT || v->kind == VALUE_SEQUENCE)
                return arena_printf(m->arena, "%s%zu", name, index);
        return value_id(m->arena, v, raw);
}

/* The ids of all names' values, joined by dashes. */
static const char *one_set(const struct module *m, const struct value *set, const struct ids *names,
                           bool single, size_t index, enum id_function f, bool raw)
{
        const char *id = NULL;

        if (set->is_param && set->kind == VALUE_SEQUENCE && set->param_id != NULL)
                return set->param_id;
        if (single && !set->is_param)
                return one_value(m, set, names->v[0], index, f, raw);
        if (set->kind != VALUE_SEQUENCE || set->n != names->n)
                return NULL;
        for (size_t i = 0; i < set->n; i++) {
                const char *part = one_value(m, &set->items[i], names->v[i], index, f, raw);

                if (part == NULL)
                        return NULL;
                id = id == NULL ? part : arena_printf(m->arena, "%s-%s", id, part);
                if (id == NULL)
                        return NULL;
        }
        return id;
}

struct counted {
        const char *id;
        size_t index;
};

static int by_id(const void *a, const void *b)
{
        const struct counted *x = a, *y = b;
        int r = strcmp(x->id, y->id);

        return r != 0 ? r : x->index < y->index ? -1 : 1;
}

/* Gives each id that occurs more than once the number of its occurrence. */
static bool number(const struct module *m, struct ids *ids)
{
        struct counted *sorted = arena_get(m->arena, (ids->n + 1) * sizeof *sorted);

        if (sorted == NULL)
                return false;
        for (size_t i = 0; i < ids->n; i++)
                sorted[i] = (struct counted){ids->v[i], i};
        qsort(sorted, ids->n, sizeof *sorted, by_id);
        for (size_t i = 0, end; i < ids->n; i = end) {
                for (end = i + 1; end < ids->n && strcmp(sorted[end].id, sorted[i].id) == 0; end++)
                        ;
                for (size_t k = i; end - i > 1 && k < end; k++) {
                        const char *id = arena_printf(m->arena, "%s%zu", sorted[k].id, k - i);

                        if (id == NULL)
                                return false;
                        ids->v[sorted[k].index] = id;
                }
        }
        return true;
}

static bool mark_ids(const struct module *m, const struct mark *mark, bool raw, struct ids *ret)
{
        struct value argnames, argvalues, given = {.kind = VALUE_NONE};
        enum id_function f = ID_NONE;
        struct parametrize p;
        struct ids names = {0};
        bool single;

        if (!read_call(m, mark->call, &p))
                return false;
        argnames = value_read(m, mark->scope, p.argnames);
        argvalues = value_read(m, mark->scope, p.argvalues);
        if (!ts_node_is_null(p.ids))
                given = value_read(m, mark->scope, p.ids);
        if (given.kind == VALUE_NAMED && strcmp(given.s, "str") == 0)
                f = ID_STR;
        else if (given.kind == VALUE_NAMED && strcmp(given.s, "repr") == 0)
                f = ID_REPR;
        else if (given.kind != VALUE_NONE && given.kind != VALUE_SEQUENCE)
                return false;
        if (!read_names(m, &argnames, &names, &single) || argvalues.kind != VALUE_SEQUENCE)
                return false;
        if (argvalues.n == 0) { /* one skipped test, with the names instead of values */
                static struct value none = {.kind = VALUE_OBJECT};
                struct value *items = arena_get(m->arena, names.n * sizeof *items);

                for (size_t i = 0; items != NULL && i < names.n; i++)
                        items[i] = none;
                argvalues.items = arena_get(m->arena, sizeof *argvalues.items);
                if (items == NULL || argvalues.items == NULL)
                        return false;
                argvalues.items[0] =
                    (struct value){.kind = VALUE_SEQUENCE, .items = items, .n = names.n, .is_param = true};
                argvalues.n = 1;
        }
        if (given.kind == VALUE_SEQUENCE && given.n != argvalues.n && given.n != 0)
                return false;
        ret->v = arena_get(m->arena, argvalues.n * sizeof *ret->v);
        if (ret->v == NULL)
                return false;
        for (size_t i = 0; i < argvalues.n; i++) {
                const struct value *set = &argvalues.items[i];
                const char *id = NULL;

                if (set->kind == VALUE_UNKNOWN && given.kind != VALUE_SEQUENCE)
                        return false;
                if (set->is_param && set->param_id != NULL)
                        id = set->param_id;
                else if (given.kind == VALUE_SEQUENCE && given.n > 0 && given.items[i].kind != VALUE_NONE)
                        /* an element that is not known may be a pytest.param with an id of its own */
                        id = set->kind == VALUE_UNKNOWN && node_is(p.argvalues, "call")
                                 ? NULL
                                 : value_id(m->arena, &given.items[i], raw);
                else
                        id = one_set(m, set, &names, single, i, f, raw);
                if (id == NULL)
                        return false;
                ret->v[ret->n++] = id;
        }
        return number(m, ret);
}

bool marks_ids(const struct module *module, const struct marks *marks, bool raw, struct ids *ret)
{
        struct ids all = {0};

        if (marks->vague)
                return false;
        for (size_t i = 0; i < marks->n; i++) {
                struct ids one = {0}, product = {0};

                if (!mark_ids(module, &marks->v[i], raw, &one))
                        return false;
                if (i == 0) {
                        all = one;
                        continue;
                }
                if (all.n > MAX_IDS / one.n)
                        return false;
                product.v = arena_get(module->arena, all.n * one.n * sizeof *product.v);
                for (size_t a = 0; product.v != NULL && a < all.n; a++)
                        for (size_t b = 0; b < one.n; b++) {
                                const char *id = arena_printf(module->arena, "%s-%s", all.v[a], one.v[b]);

                                if (id == NULL)
                                        return false;
                                product.v[product.n++] = id;
                        }
                if (product.v == NULL)
                        return false;
                all = product;
        }
        *ret = all;
        return true;
}
