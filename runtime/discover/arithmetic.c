/* How it works: Python's operators on constants; what would overflow 64 bits or grow large is not known. */
#include <string.h>

#include "runtime/discover/value.h"

static struct value concat(const struct module *m, struct value a, struct value b)
{
        char *s;

        if (a.kind != b.kind || (a.kind != VALUE_STR && a.kind != VALUE_BYTES))
                return value_of_kind(VALUE_UNKNOWN);
        s = arena_get(m->arena, a.n + b.n + 1);
        if (s == NULL)
                return value_of_kind(VALUE_UNKNOWN);
        memcpy(s, a.s, a.n);
        memcpy(s + a.n, b.s, b.n);
        return value_of_text(a.kind, s, a.n + b.n);
}

static double as_double(const struct value *v)
{
        return v->kind == VALUE_FLOAT ? v->f : (double)v->i;
}

static struct value integers(char op, char second, int64_t a, int64_t b)
{
        int64_t r = 1;

        switch (op) {
        case '+':
                return __builtin_add_overflow(a, b, &r) ? value_of_kind(VALUE_UNKNOWN) : value_of_int(r);
        case '-':
                return __builtin_sub_overflow(a, b, &r) ? value_of_kind(VALUE_UNKNOWN) : value_of_int(r);
        case '*':
                if (second != '*')
                        return __builtin_mul_overflow(a, b, &r) ? value_of_kind(VALUE_UNKNOWN)
                                                                : value_of_int(r);
                if (b < 0 || b > 62)
                        return value_of_kind(VALUE_UNKNOWN);
                for (; b > 0; b--)
                        if (__builtin_mul_overflow(r, a, &r))
                                return value_of_kind(VALUE_UNKNOWN);
                return value_of_int(r);
        case '/':
                if (b == 0 || (b == -1 && a == INT64_MIN))
                        return value_of_kind(VALUE_UNKNOWN);
                if (second != '/')
                        return (struct value){.kind = VALUE_FLOAT, .f = (double)a / (double)b};
                return value_of_int(a / b - (a % b != 0 && (a < 0) != (b < 0)));
        case '<':
                return a >= 0 && b >= 0 && b < 62 && a <= (INT64_MAX >> b)
                           ? value_of_int((int64_t)((uint64_t)a << b))
                           : value_of_kind(VALUE_UNKNOWN);
        case '|':
                return value_of_int(a | b);
        case '&':
                return value_of_int(a & b);
        default:
                return value_of_kind(VALUE_UNKNOWN);
        }
}

/* N copies of A, one after another. */
static struct value repeat(const struct module *m, struct value a, int64_t times)
{
        size_t unit = a.kind == VALUE_SEQUENCE ? sizeof *a.items : 1, count = times > 0 ? (size_t)times : 0;
        char *all;

        if ((a.kind != VALUE_SEQUENCE && a.kind != VALUE_STR && a.kind != VALUE_BYTES) ||
            (a.n > 0 && count > VALUE_MAX_ITEMS / a.n))
                return value_of_kind(VALUE_UNKNOWN);
        all = arena_get(m->arena, a.n * count * unit + 1);
        if (all == NULL)
                return value_of_kind(VALUE_UNKNOWN);
        for (size_t i = 0; i < count && a.n > 0; i++)
                memcpy(all + i * a.n * unit, a.kind == VALUE_SEQUENCE ? (const char *)a.items : a.s,
                       a.n * unit);
        a.n *= count;
        if (a.kind == VALUE_SEQUENCE)
                a.items = (struct value *)(void *)all;
        else
                a.s = all;
        return a;
}

static struct value join(const struct module *m, struct value a, struct value b)
{
        struct value *items =
            arena_grow(m->arena, a.items, a.n * sizeof *items, (a.n + b.n + 1) * sizeof *items);

        if (items == NULL)
                return value_of_kind(VALUE_UNKNOWN);
        if (b.n > 0)
                memcpy(items + a.n, b.items, b.n * sizeof *items);
        return (struct value){.kind = VALUE_SEQUENCE, .items = items, .n = a.n + b.n};
}

struct value value_binary(const struct module *m, const char *op, struct value a, struct value b)
{
        if (value_is_integer(&a) && value_is_integer(&b))
                return integers(op[0], op[1], a.i, b.i);
        if ((value_is_integer(&a) || a.kind == VALUE_FLOAT) &&
            (value_is_integer(&b) || b.kind == VALUE_FLOAT) && op[1] == '\0') {
                double x = as_double(&a), y = as_double(&b);

                if (op[0] == '+' || op[0] == '-' || op[0] == '*' || (op[0] == '/' && y != 0))
                        return (struct value){.kind = VALUE_FLOAT,
                                              .f = op[0] == '+'   ? x + y
                                                   : op[0] == '-' ? x - y
                                                   : op[0] == '*' ? x * y
                                                                  : x / y};
                return value_of_kind(VALUE_UNKNOWN);
        }
        if (strcmp(op, "*") == 0 && value_is_integer(&b))
                return repeat(m, a, b.i);
        if (strcmp(op, "*") == 0 && value_is_integer(&a))
                return repeat(m, b, a.i);
        if (strcmp(op, "+") == 0 && a.kind == VALUE_SEQUENCE && b.kind == VALUE_SEQUENCE && !a.is_param &&
            !b.is_param)
                return join(m, a, b);
        return strcmp(op, "+") == 0 ? concat(m, a, b) : value_of_kind(VALUE_UNKNOWN);
}

struct value value_unary(const struct module *m, char op, struct value v)
{
        if (v.kind == VALUE_FLOAT && (op == '-' || op == '+')) {
                v.f = op == '-' ? -v.f : v.f;
                return v;
        }
        if (v.kind == VALUE_NAMED && op == '-' && v.n > 0 && v.s[0] >= '0' && v.s[0] <= '9' &&
            v.s[v.n - 1] != 'j')
                return value_of_name(arena_printf(m->arena, "-%s", v.s));
        if (!value_is_integer(&v) || v.i == INT64_MIN)
                return value_of_kind(VALUE_UNKNOWN);
        return value_of_int(op == '-' ? -v.i : op == '~' ? ~v.i : v.i);
}
