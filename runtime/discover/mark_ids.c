/* How it works: each mark gives a list of ids, made unique with a counter; several marks give the product of
 * their lists, the first mark varying slowest. */
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/inline.h"
#include "runtime/discover/marks.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/value.h"

#define MAX_IDS ((size_t)1 << 20)

struct parametrize {
        struct node argnames, argvalues, ids;
};

/* False where the call unpacks its arguments. */
static bool read_call(const struct module *m, struct node call, struct parametrize *ret)
{
        struct nodes arguments = node_children(m, node_field(call, "arguments"));
        struct node *const positions[] = {&ret->argnames, &ret->argvalues, NULL, &ret->ids};
        size_t at = 0;

        *ret = (struct parametrize){0};
        for (size_t i = 0; i < arguments.n; i++) {
                struct node argument = arguments.v[i];

                if (node_is(argument, "list_splat") || node_is(argument, "dictionary_splat"))
                        return false;
                if (node_is(argument, "keyword_argument")) {
                        const char *name = node_text(m, node_field(argument, "name"));
                        struct node value = node_field(argument, "value");

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
        return !node_is_null(ret->argnames) && !node_is_null(ret->argvalues);
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

/* How values become ids: by their own rule, str, repr, or a function of the project's. */
struct namer {
        enum { ID_NONE, ID_STR, ID_REPR, ID_CALL } kind;
        bool raw;
        const struct scope *scope; /* ID_CALL: what the function sees, */
        const char *parameter;     /* its one parameter, */
        struct node result;        /* and what it returns */
};

/* repr(v) of a text, NULL where it is not known here. */
static const char *quoted(struct arena *arena, const struct namer *namer, const struct value *v)
{
        struct value text = {.kind = VALUE_STR};

        for (size_t i = 0; i < v->n; i++)
                if ((unsigned char)v->s[i] < 32 || (unsigned char)v->s[i] > 126 || v->s[i] == '\\' ||
                    v->s[i] == '\'')
                        return NULL;
        text.s = arena_printf(arena, "'%s'", v->s);
        text.n = v->n + 2;
        return text.s != NULL ? value_id(arena, &text, namer->raw) : NULL;
}

static const char *standard(const struct module *m, const struct value *v, const char *name, size_t index,
                            const struct namer *namer)
{
        if (!v->is_generator && (v->kind == VALUE_OBJECT || v->kind == VALUE_SEQUENCE))
                return arena_printf(m->arena, "%s%zu", name, index);
        return value_id(m->arena, v, namer->raw);
}

static const char *one_value(const struct module *m, const struct value *v, const char *name, size_t index,
                             const struct namer *namer)
{
        struct scope *local;
        struct value named;

        switch (namer->kind) {
        case ID_CALL:
                local = inline_below(namer->scope);
                if (local == NULL || !inline_bind(local, namer->parameter, v))
                        return NULL;
                named = value_read(local, namer->result, NULL);
                if (named.kind == VALUE_UNKNOWN)
                        return NULL;
                return named.kind == VALUE_NONE || named.kind == VALUE_OBJECT || named.kind == VALUE_SEQUENCE
                           ? standard(m, v, name, index, namer)
                           : value_id(m->arena, &named, namer->raw);
        case ID_STR:
        case ID_REPR:
                if (v->kind == VALUE_STR && namer->kind == ID_REPR)
                        return quoted(m->arena, namer, v);
                return v->kind == VALUE_BYTES || v->kind == VALUE_NAMED ? NULL
                                                                        : value_id(m->arena, v, namer->raw);
        default:
                return standard(m, v, name, index, namer);
        }
}

/* The ids of all names' values, joined by dashes. */
static const char *one_set(const struct module *m, const struct value *set, const struct ids *names,
                           bool single, size_t index, const struct namer *namer)
{
        const char *id = NULL;

        if (set->is_param && set->kind == VALUE_SEQUENCE && set->param_id != NULL)
                return set->param_id;
        if (single && !set->is_param)
                return one_value(m, set, names->v[0], index, namer);
        if (set->kind != VALUE_SEQUENCE || set->n != names->n)
                return NULL;
        for (size_t i = 0; i < set->n; i++) {
                const char *part = one_value(m, &set->items[i], names->v[i], index, namer);

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

/* What ids= is: a list of ids, which becomes RET_GIVEN, or a function. */
static bool read_namer(const struct scope *scope, struct node ids, struct namer *ret, struct value *ret_given,
                       const char **why)
{
        struct entity e = {.kind = ENTITY_BINDING, .scope = scope};
        struct binding lambda = {.kind = BINDING_VALUE, .node = ids};
        struct nodes parameters;

        e.binding = &lambda;
        if (!node_is(ids, "lambda")) {
                *ret_given = value_read(scope, ids, why);
                if (ret_given->kind == VALUE_NONE || ret_given->kind == VALUE_SEQUENCE)
                        return true;
                if (ret_given->kind == VALUE_OBJECT && !ret_given->is_dict)
                        return false;
                *ret_given = (struct value){.kind = VALUE_NONE};
                e = resolve_node(scope, ids);
                if (e.kind == ENTITY_FOREIGN && e.dotted != NULL &&
                    (strcmp(e.dotted, "str") == 0 || strcmp(e.dotted, "repr") == 0)) {
                        ret->kind = strcmp(e.dotted, "str") == 0 ? ID_STR : ID_REPR;
                        return true;
                }
                if (e.kind != ENTITY_BINDING ||
                    (e.binding->kind != BINDING_FUNCTION && !node_is(e.binding->node, "lambda")))
                        return false;
        }
        parameters = node_children(e.scope->module, node_field(e.binding->node, "parameters"));
        ret->result = inline_result(&e);
        if (parameters.n != 1 || node_is_null(ret->result))
                return false;
        if (node_is(parameters.v[0], "typed_parameter"))
                parameters.v[0] = node_named_child(parameters.v[0], 0);
        ret->kind = ID_CALL;
        ret->scope = e.scope;
        ret->parameter = node_text(e.scope->module, parameters.v[0]);
        return node_is(parameters.v[0], "identifier");
}

bool marks_values_ids(const struct scope *scope, const struct ids *names, bool single, struct node values,
                      struct node ids, bool raw, struct ids *ret, const char **why)
{
        const struct module *m = scope->module;
        struct value argvalues = value_read(scope, values, why), given = {.kind = VALUE_NONE};
        struct namer namer = {.raw = raw};

        if (!node_is_null(ids) && !read_namer(scope, ids, &namer, &given, why))
                return false;
        if (argvalues.kind != VALUE_SEQUENCE)
                argvalues = value_iterate(m, &argvalues);
        if (argvalues.kind != VALUE_SEQUENCE)
                return false;
        if (argvalues.n == 0) { /* one skipped test, with the names instead of values */
                static struct value none = {.kind = VALUE_OBJECT};
                struct value *items = arena_get(m->arena, names->n * sizeof *items);

                for (size_t i = 0; items != NULL && i < names->n; i++)
                        items[i] = none;
                argvalues.items = arena_get(m->arena, sizeof *argvalues.items);
                if (items == NULL || argvalues.items == NULL)
                        return false;
                argvalues.items[0] =
                    (struct value){.kind = VALUE_SEQUENCE, .items = items, .n = names->n, .is_param = true};
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
                        id = set->kind == VALUE_UNKNOWN && node_is(values, "call")
                                 ? NULL
                                 : value_id(m->arena, &given.items[i], raw);
                else
                        id = one_set(m, set, names, single, i, &namer);
                if (id == NULL)
                        return false;
                ret->v[ret->n++] = id;
        }
        return number(m, ret);
}

static bool mark_ids(const struct mark *mark, bool raw, struct ids *ret, const char **why)
{
        const struct module *m = mark->scope->module;
        struct parametrize p;
        struct value argnames;
        struct ids names = {0};
        bool single;

        if (!read_call(m, mark->call, &p))
                return false;
        argnames = value_read(mark->scope, p.argnames, why);
        return read_names(m, &argnames, &names, &single) &&
               marks_values_ids(mark->scope, &names, single, p.argvalues, p.ids, raw, ret, why);
}

bool ids_multiply(struct ids *all, const struct ids *one, struct arena *arena)
{
        struct ids product = {0};

        if (all->n == 0) {
                *all = *one;
                return true;
        }
        if (one->n == 0 || all->n > MAX_IDS / one->n)
                return false;
        product.v = arena_get(arena, all->n * one->n * sizeof *product.v);
        for (size_t a = 0; product.v != NULL && a < all->n; a++)
                for (size_t b = 0; b < one->n; b++) {
                        const char *id = arena_printf(arena, "%s-%s", all->v[a], one->v[b]);

                        if (id == NULL)
                                return false;
                        product.v[product.n++] = id;
                }
        *all = product;
        return product.v != NULL;
}

bool marks_ids(const struct marks *marks, struct arena *arena, bool raw, struct ids *ret,
               const char **ret_why)
{
        *ret_why = marks->vague;
        if (marks->vague != NULL)
                return false;
        for (size_t i = 0; i < marks->n; i++) {
                const char *why = NULL;
                struct ids one = {0};

                if (strcmp(marks->v[i].name, "parametrize") != 0 || node_is_null(marks->v[i].call))
                        continue;
                if (!mark_ids(&marks->v[i], raw, &one, &why)) {
                        *ret_why = arena_printf(arena, "parametrize: %s",
                                                why != NULL ? why : "its ids are not known");
                        return false;
                }
                if (!ids_multiply(ret, &one, arena)) {
                        *ret_why = "parametrize: too many ids";
                        return false;
                }
        }
        return true;
}

struct ids marks_argnames(const struct marks *marks, struct arena *arena)
{
        struct ids all = {0};

        for (size_t i = 0; i < marks->n; i++) {
                const struct mark *mark = &marks->v[i];
                struct parametrize p;
                struct value argnames;
                struct ids names = {0};
                const char **v;
                bool single;

                if (strcmp(mark->name, "parametrize") != 0 || node_is_null(mark->call) ||
                    !read_call(mark->scope->module, mark->call, &p))
                        continue;
                argnames = value_read(mark->scope, p.argnames, NULL);
                if (!read_names(mark->scope->module, &argnames, &names, &single))
                        continue;
                v = arena_grow(arena, all.v, all.n * sizeof *v, (all.n + names.n) * sizeof *v);
                if (v == NULL)
                        return all;
                memcpy(v + all.n, names.v, names.n * sizeof *v);
                all = (struct ids){v, all.n + names.n};
        }
        return all;
}
