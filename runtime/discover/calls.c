/* How it works: a table of functions by name; each gets its arguments' values. */
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/eval.h"
#include "runtime/discover/names.h"

static struct value unknown(void)
{
        return value_of_kind(VALUE_UNKNOWN);
}

static struct value make(const struct module *m, size_t n)
{
        struct value v = {.kind = VALUE_SEQUENCE, .items = arena_get(m->arena, (n + 1) * sizeof *v.items)};

        return v.items != NULL ? v : unknown();
}

static struct value pair(const struct module *m, struct value a, struct value b)
{
        struct value v = make(m, 2);

        if (v.kind == VALUE_SEQUENCE) {
                v.items[0] = a;
                v.items[1] = b;
                v.n = 2;
        }
        return v;
}

static int by_value(const void *x, const void *y)
{
        const struct value *a = x, *b = y;

        if (a->kind == VALUE_STR)
                return strcmp(a->s, b->s);
        return a->i < b->i ? -1 : a->i > b->i;
}

/* All integers, or all text without NUL. */
static bool comparable(const struct value *v)
{
        for (size_t i = 0; i < v->n; i++)
                if (v->items[i].kind != v->items[0].kind ||
                    (v->items[i].kind != VALUE_INT && v->items[i].kind != VALUE_STR) ||
                    (v->items[i].kind == VALUE_STR && strlen(v->items[i].s) != v->items[i].n))
                        return false;
        return true;
}

static struct value sorted(const struct module *m, const struct value *v, size_t n)
{
        struct value list = value_iterate(m, v), copy;

        if (n != 1 || list.kind != VALUE_SEQUENCE || !comparable(&list))
                return unknown();
        copy = make(m, list.n);
        if (copy.kind == VALUE_SEQUENCE && list.n > 0) {
                memcpy(copy.items, list.items, list.n * sizeof *copy.items);
                copy.n = list.n;
                qsort(copy.items, copy.n, sizeof *copy.items, by_value);
        }
        return copy;
}

static struct value reversed(const struct module *m, const struct value *v, size_t n)
{
        struct value list = value_iterate(m, v), out;

        if (n != 1 || list.kind != VALUE_SEQUENCE)
                return unknown();
        out = make(m, list.n);
        for (size_t i = list.n; out.kind == VALUE_SEQUENCE && i > 0; i--)
                out.items[out.n++] = list.items[i - 1];
        return out;
}

static struct value enumerated(const struct module *m, const struct value *v, size_t n)
{
        struct value list = value_iterate(m, v), out;
        int64_t start = n == 2 && value_is_integer(&v[1]) ? v[1].i : 0;

        if (list.kind != VALUE_SEQUENCE || n > 2 || (n == 2 && !value_is_integer(&v[1])))
                return unknown();
        out = make(m, list.n);
        for (size_t i = 0; out.kind == VALUE_SEQUENCE && i < list.n; i++)
                out.items[out.n++] = pair(m, value_of_int(start + (int64_t)i), list.items[i]);
        return out;
}

static struct value length(const struct module *m, const struct value *v, size_t n)
{
        struct value list = value_iterate(m, v);

        return n == 1 && list.kind == VALUE_SEQUENCE ? value_of_int((int64_t)list.n) : unknown();
}

static struct value text_of(const struct module *m, const struct value *v, size_t n)
{
        const char *text = n == 1 ? value_str(m->arena, v) : NULL;

        return text != NULL ? value_of_text(VALUE_STR, text, v->kind == VALUE_STR ? v->n : strlen(text))
                            : unknown();
}

static struct value chained(const struct module *m, const struct value *v, size_t n)
{
        struct value out = make(m, 0);

        for (size_t i = 0; i < n; i++) {
                struct value list = value_iterate(m, &v[i]);

                if (list.kind != VALUE_SEQUENCE || out.n + list.n > VALUE_MAX_ITEMS)
                        return unknown();
                out = value_binary(m, "+", out, list);
        }
        return out;
}

static struct value product(const struct module *m, const struct value *v, size_t n)
{
        struct value out = make(m, 1);

        if (out.kind != VALUE_SEQUENCE)
                return out;
        out.items[out.n++] = make(m, 0);
        for (size_t i = 0; i < n; i++) {
                struct value list = value_iterate(m, &v[i]), next;

                if (list.kind != VALUE_SEQUENCE || (list.n > 0 && out.n > VALUE_MAX_ITEMS / list.n))
                        return unknown();
                next = make(m, out.n * list.n);
                for (size_t a = 0; next.kind == VALUE_SEQUENCE && a < out.n; a++)
                        for (size_t b = 0; b < list.n; b++) {
                                struct value one = {.kind = VALUE_SEQUENCE, .items = &list.items[b], .n = 1};

                                next.items[next.n++] = value_binary(m, "+", out.items[a], one);
                        }
                out = next;
                if (out.kind != VALUE_SEQUENCE)
                        return out;
        }
        return out;
}

bool eval_builtin(struct eval *e, const struct scope *scope, const char *name, struct nodes arguments,
                  struct value *ret)
{
        static const struct {
                const char *name;
                struct value (*f)(const struct module *m, const struct value *v, size_t n);
        } table[] = {{"enumerate", enumerated}, {"itertools.chain", chained}, {"itertools.product", product},
                     {"len", length},           {"reversed", reversed},       {"sorted", sorted},
                     {"str", text_of}};
        struct value *v = arena_get(e->m->arena, (arguments.n + 1) * sizeof *v);

        for (size_t i = 0; v != NULL && i < sizeof table / sizeof table[0]; i++) {
                if (strcmp(name, table[i].name) != 0)
                        continue;
                for (size_t k = 0; k < arguments.n; k++) {
                        if (node_is(arguments.v[k], "keyword_argument") ||
                            node_is(arguments.v[k], "list_splat") ||
                            node_is(arguments.v[k], "dictionary_splat"))
                                return false;
                        v[k] = eval_any(e, scope, arguments.v[k]);
                }
                *ret = table[i].f(e->m, v, arguments.n);
                return true;
        }
        return false;
}

static struct value of_dict(const struct module *m, const struct value *d, const char *name)
{
        struct value out = make(m, d->n / 2);

        for (size_t i = 0; out.kind == VALUE_SEQUENCE && i < d->n; i += 2)
                out.items[out.n++] = name[0] == 'i'   ? pair(m, d->items[i], d->items[i + 1])
                                     : name[0] == 'k' ? d->items[i]
                                                      : d->items[i + 1];
        return out;
}

static struct value joined(const struct module *m, const struct value *self, const struct value *v)
{
        struct value list = value_iterate(m, v), out = value_of_text(VALUE_STR, "", 0);

        if (list.kind != VALUE_SEQUENCE)
                return unknown();
        for (size_t i = 0; i < list.n && out.kind == VALUE_STR; i++) {
                if (i > 0)
                        out = value_binary(m, "+", out, *self);
                out = value_binary(m, "+", out, list.items[i]);
        }
        return out;
}

static struct value changed_case(const struct module *m, const struct value *self, bool upper)
{
        char *s = arena_strn(m->arena, self->s, self->n);

        for (size_t i = 0; s != NULL && i < self->n; i++) {
                if ((unsigned char)s[i] >= 0x80)
                        return unknown();
                if (upper ? s[i] >= 'a' && s[i] <= 'z' : s[i] >= 'A' && s[i] <= 'Z')
                        s[i] = (char)(s[i] ^ 32);
        }
        return value_of_text(VALUE_STR, s, self->n);
}

/* "a b".split() and .split("-") */
static struct value split(const struct module *m, const struct value *self, const struct value *sep)
{
        struct value out = make(m, self->n + 1);
        const char *p = self->s, *end = self->s + self->n;

        if (strlen(self->s) != self->n || (sep != NULL && (sep->kind != VALUE_STR || sep->n == 0)) ||
            out.kind != VALUE_SEQUENCE)
                return unknown();
        while (p <= end) {
                const char *stop;

                if (sep == NULL) {
                        p += strspn(p, " \t\n\r\f\v");
                        if (*p == '\0')
                                break;
                        stop = p + strcspn(p, " \t\n\r\f\v");
                } else {
                        stop = strstr(p, sep->s);
                        if (stop == NULL)
                                stop = end;
                }
                out.items[out.n++] =
                    value_of_text(VALUE_STR, arena_strn(m->arena, p, (size_t)(stop - p)), (size_t)(stop - p));
                p = sep == NULL ? stop : stop == end ? end + 1 : stop + sep->n;
        }
        return out;
}

bool eval_method(struct eval *e, const struct value *self, const char *name, const struct value *v, size_t n,
                 struct value *ret)
{
        const struct module *m = e->m;

        if (self->is_dict && n == 0 && names_in_table(" items keys values ", name))
                *ret = of_dict(m, self, name);
        else if (self->kind == VALUE_STR && n == 1 && strcmp(name, "join") == 0)
                *ret = joined(m, self, v);
        else if (self->kind == VALUE_STR && n == 0 &&
                 (strcmp(name, "upper") == 0 || strcmp(name, "lower") == 0))
                *ret = changed_case(m, self, name[0] == 'u');
        else if (self->kind == VALUE_STR && n <= 1 && strcmp(name, "split") == 0)
                *ret = split(m, self, n == 1 ? v : NULL);
        else
                return false;
        return true;
}
