/* How it works: a small evaluator over the syntax tree. It knows literals, the names that the file itself
 * binds once, and arithmetic on what it knows; everything else is VALUE_UNKNOWN, never a guess. */
#include "runtime/discover/value.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 60
#define MAX_ITEMS ((size_t)1 << 16)
#define MAX_STEPS ((size_t)1 << 18) /* names that stand for lists of names can double at each step */

struct eval {
        const struct module *m;
        size_t steps;
        int depth;
};

static struct value eval(struct eval *e, const struct scope *scope, TSNode node);

static struct value of_kind(enum value_kind kind)
{
        return (struct value){.kind = kind};
}

static struct value of_int(int64_t i)
{
        return (struct value){.kind = VALUE_INT, .i = i};
}

static struct value of_string(enum value_kind kind, const char *s, size_t n)
{
        return (struct value){.kind = s != NULL ? kind : VALUE_UNKNOWN, .s = s, .n = n};
}

static struct value of_name(const char *s)
{
        return of_string(VALUE_NAMED, s, s != NULL ? strlen(s) : 0);
}

/* ------------------------------------------------------------ strings */

static size_t put_utf8(char *out, uint32_t c)
{
        if (c < 0x80) {
                out[0] = (char)c;
                return 1;
        }
        if (c < 0x800) {
                out[0] = (char)(0xc0 | c >> 6);
                out[1] = (char)(0x80 | (c & 0x3f));
                return 2;
        }
        if (c < 0x10000) {
                out[0] = (char)(0xe0 | c >> 12);
                out[1] = (char)(0x80 | (c >> 6 & 0x3f));
                out[2] = (char)(0x80 | (c & 0x3f));
                return 3;
        }
        out[0] = (char)(0xf0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 0x3f));
        out[2] = (char)(0x80 | (c >> 6 & 0x3f));
        out[3] = (char)(0x80 | (c & 0x3f));
        return 4;
}

static uint32_t get_utf8(const char *s, size_t n, size_t *at)
{
        unsigned char c = (unsigned char)s[*at];
        size_t len = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        uint32_t code = len == 1 ? c : c & (0x7fu >> len);

        for (size_t i = 1; i < len && *at + i < n; i++)
                code = code << 6 | ((unsigned char)s[*at + i] & 0x3f);
        *at += len;
        return code;
}

static bool digits(const char *s, const char *end, int base, size_t max, size_t *used, uint32_t *ret)
{
        *ret = 0;
        for (*used = 0; *used < max && s + *used < end; ++*used) {
                char c = s[*used];
                int d = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : 99;

                if (d >= base)
                        break;
                *ret = *ret * (uint32_t)base + (uint32_t)d;
        }
        return *used > 0;
}

/* One escape at S (behind the backslash): its bytes into OUT. Returns what it took, 0 where it is not known.
 */
static size_t unescape(const char *s, const char *end, bool bytes, char *out, size_t *ret_len)
{
        static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
        const char *known = *s != '\0' ? strchr(from, *s) : NULL;
        size_t used, want;
        uint32_t code;

        *ret_len = 1;
        if (known != NULL) {
                out[0] = to[known - from];
                return 1;
        }
        if (*s == '\n' || *s == '\r') {
                *ret_len = 0;
                return *s == '\r' && s + 1 < end && s[1] == '\n' ? 2 : 1;
        }
        if (*s >= '0' && *s <= '7') {
                (void)digits(s, end, 8, 3, &used, &code);
                if (bytes)
                        out[0] = (char)code;
                else
                        *ret_len = put_utf8(out, code);
                return used;
        }
        if (*s == 'x' || (!bytes && (*s == 'u' || *s == 'U'))) {
                want = *s == 'x' ? 2 : *s == 'u' ? 4 : 8;
                if (!digits(s + 1, end, 16, want, &used, &code) || used != want || code > 0x10ffff)
                        return 0;
                if (bytes)
                        out[0] = (char)code;
                else
                        *ret_len = put_utf8(out, code);
                return used + 1;
        }
        if (*s == 'N' && !bytes)
                return 0;
        out[0] = '\\'; /* no escape: the backslash stands for itself */
        return (size_t)-1;
}

static struct value read_string(const struct module *m, TSNode node)
{
        const char *s = m->text + ts_node_start_byte(node), *end = m->text + ts_node_end_byte(node);
        bool raw = false, bytes = false;
        size_t quotes, n = 0;
        char *out, quote;

        for (; s < end && *s != '"' && *s != '\''; s++) {
                raw |= *s == 'r' || *s == 'R';
                bytes |= *s == 'b' || *s == 'B';
                if (*s == 'f' || *s == 'F') {
                        for (uint32_t i = 0; i < ts_node_named_child_count(node); i++)
                                if (node_is(ts_node_named_child(node, i), "interpolation"))
                                        return of_kind(VALUE_UNKNOWN);
                        if (memchr(s, '{', (size_t)(end - s)) != NULL)
                                return of_kind(VALUE_UNKNOWN); /* {{ */
                }
        }
        if (end - s < 2)
                return of_kind(VALUE_UNKNOWN);
        quote = *s;
        quotes = end - s >= 6 && s[1] == quote && s[2] == quote ? 3 : 1;
        s += quotes;
        end -= quotes;
        out = arena_get(m->arena, (size_t)(end - s) * 2 + 8);
        if (out == NULL || end < s)
                return of_kind(VALUE_UNKNOWN);
        while (s < end) {
                size_t used, len;

                if (*s == '\r') { /* Python reads every end of line as \n */
                        s += s + 1 < end && s[1] == '\n' ? 2 : 1;
                        out[n++] = '\n';
                        continue;
                }
                if (*s != '\\' || raw || s + 1 >= end) {
                        out[n++] = *s++;
                        continue;
                }
                used = unescape(s + 1, end, bytes, out + n, &len);
                if (used == 0)
                        return of_kind(VALUE_UNKNOWN);
                s += used == (size_t)-1 ? 1 : used + 1;
                n += len;
        }
        out[n] = '\0';
        return of_string(bytes ? VALUE_BYTES : VALUE_STR, out, n);
}

static struct value concat(const struct module *m, struct value a, struct value b)
{
        char *s;

        if (a.kind != b.kind || (a.kind != VALUE_STR && a.kind != VALUE_BYTES))
                return of_kind(VALUE_UNKNOWN);
        s = arena_get(m->arena, a.n + b.n + 1);
        if (s == NULL)
                return of_kind(VALUE_UNKNOWN);
        memcpy(s, a.s, a.n);
        memcpy(s + a.n, b.s, b.n);
        return of_string(a.kind, s, a.n + b.n);
}

/* ------------------------------------------------------------ numbers */

static struct value read_number(const struct module *m, TSNode node, bool is_float)
{
        const char *text = node_text(m, node);
        size_t n = strlen(text), k = 0;
        char *clean = arena_get(m->arena, n + 1), *end = NULL;
        int base = 10;
        long long v;

        if (clean == NULL || n == 0)
                return of_kind(VALUE_UNKNOWN);
        for (size_t i = 0; i < n; i++)
                if (text[i] != '_')
                        clean[k++] = text[i];
        if (strchr("jJ", clean[k - 1]) != NULL)
                return of_kind(VALUE_UNKNOWN);
        if (is_float)
                return (struct value){.kind = VALUE_FLOAT, .f = strtod(clean, NULL)};
        if (clean[0] == '0' && k > 2 && strchr("xXoObB", clean[1]) != NULL) {
                base = strchr("xX", clean[1]) != NULL ? 16 : strchr("oO", clean[1]) != NULL ? 8 : 2;
                clean += 2;
        }
        errno = 0;
        v = strtoll(clean, &end, base);
        if (errno == ERANGE && base == 10)
                return of_name(clean); /* as it is written, which is all that an id needs */
        return errno == 0 && end != clean && *end == '\0' ? of_int(v) : of_kind(VALUE_UNKNOWN);
}

const char *value_float_repr(struct arena *arena, double f)
{
        char text[64], number[40], *e;
        size_t n;
        int exponent;

        if (isnan(f))
                return "nan";
        if (isinf(f))
                return f < 0 ? "-inf" : "inf";
        for (int precision = 0; precision < 17; precision++) {
                (void)snprintf(text, sizeof text, "%.*e", precision, f);
                if (strtod(text, NULL) == f)
                        break;
        }
        e = strchr(text, 'e');
        exponent = atoi(e + 1);
        *e = '\0';
        n = 0;
        for (const char *p = text[0] == '-' ? text + 1 : text; *p != '\0'; p++)
                if (*p != '.')
                        number[n++] = *p;
        number[n] = '\0';
        const char *sign = text[0] == '-' ? "-" : "";
        if (exponent < -4 || exponent >= 16)
                return arena_printf(arena, "%s%c%s%se%c%02d", sign, number[0], n > 1 ? "." : "", number + 1,
                                    exponent < 0 ? '-' : '+', abs(exponent));
        if (exponent < 0)
                return arena_printf(arena, "%s0.%.*s%s", sign, -exponent - 1, "0000", number);
        if ((size_t)exponent + 1 >= n)
                return arena_printf(arena, "%s%s%.*s.0", sign, number, exponent + 1 - (int)n,
                                    "0000000000000000");
        return arena_printf(arena, "%s%.*s.%s", sign, exponent + 1, number, number + exponent + 1);
}

static double as_double(const struct value *v)
{
        return v->kind == VALUE_FLOAT ? v->f : (double)v->i;
}

static bool is_integer(const struct value *v)
{
        return v->kind == VALUE_INT || v->kind == VALUE_BOOL;
}

static struct value integers(char op, char second, int64_t a, int64_t b)
{
        int64_t r = 1;

        switch (op) {
        case '+':
                return __builtin_add_overflow(a, b, &r) ? of_kind(VALUE_UNKNOWN) : of_int(r);
        case '-':
                return __builtin_sub_overflow(a, b, &r) ? of_kind(VALUE_UNKNOWN) : of_int(r);
        case '*':
                if (second != '*')
                        return __builtin_mul_overflow(a, b, &r) ? of_kind(VALUE_UNKNOWN) : of_int(r);
                if (b < 0 || b > 62)
                        return of_kind(VALUE_UNKNOWN);
                for (; b > 0; b--)
                        if (__builtin_mul_overflow(r, a, &r))
                                return of_kind(VALUE_UNKNOWN);
                return of_int(r);
        case '/':
                if (b == 0 || (b == -1 && a == INT64_MIN))
                        return of_kind(VALUE_UNKNOWN);
                if (second != '/')
                        return (struct value){.kind = VALUE_FLOAT, .f = (double)a / (double)b};
                return of_int(a / b - (a % b != 0 && (a < 0) != (b < 0)));
        case '<':
                return a >= 0 && b >= 0 && b < 62 && a <= (INT64_MAX >> b)
                           ? of_int((int64_t)((uint64_t)a << b))
                           : of_kind(VALUE_UNKNOWN);
        case '|':
                return of_int(a | b);
        case '&':
                return of_int(a & b);
        default:
                return of_kind(VALUE_UNKNOWN);
        }
}

/* N copies of A, one after another. */
static struct value repeat(const struct module *m, struct value a, int64_t times)
{
        size_t unit = a.kind == VALUE_SEQUENCE ? sizeof *a.items : 1, count = times > 0 ? (size_t)times : 0;
        char *all;

        if ((a.kind != VALUE_SEQUENCE && a.kind != VALUE_STR && a.kind != VALUE_BYTES) ||
            (a.n > 0 && count > MAX_ITEMS / a.n))
                return of_kind(VALUE_UNKNOWN);
        all = arena_get(m->arena, a.n * count * unit + 1);
        if (all == NULL)
                return of_kind(VALUE_UNKNOWN);
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
                return of_kind(VALUE_UNKNOWN);
        if (b.n > 0)
                memcpy(items + a.n, b.items, b.n * sizeof *items);
        return (struct value){.kind = VALUE_SEQUENCE, .items = items, .n = a.n + b.n};
}

static struct value binary(struct eval *e, const struct scope *scope, TSNode node)
{
        struct value a = eval(e, scope, node_field(node, "left")),
                     b = eval(e, scope, node_field(node, "right"));
        const char *op = node_text(e->m, node_field(node, "operator"));

        if (is_integer(&a) && is_integer(&b))
                return integers(op[0], op[1], a.i, b.i);
        if ((is_integer(&a) || a.kind == VALUE_FLOAT) && (is_integer(&b) || b.kind == VALUE_FLOAT) &&
            op[1] == '\0') {
                double x = as_double(&a), y = as_double(&b);

                if (op[0] == '+' || op[0] == '-' || op[0] == '*' || (op[0] == '/' && y != 0))
                        return (struct value){.kind = VALUE_FLOAT,
                                              .f = op[0] == '+'   ? x + y
                                                   : op[0] == '-' ? x - y
                                                   : op[0] == '*' ? x * y
                                                                  : x / y};
                return of_kind(VALUE_UNKNOWN);
        }
        if (strcmp(op, "*") == 0 && is_integer(&b))
                return repeat(e->m, a, b.i);
        if (strcmp(op, "*") == 0 && is_integer(&a))
                return repeat(e->m, b, a.i);
        if (strcmp(op, "+") == 0 && a.kind == VALUE_SEQUENCE && b.kind == VALUE_SEQUENCE && !a.is_param &&
            !b.is_param)
                return join(e->m, a, b);
        return strcmp(op, "+") == 0 ? concat(e->m, a, b) : of_kind(VALUE_UNKNOWN);
}

static struct value unary(struct eval *e, const struct scope *scope, TSNode node)
{
        struct value v = eval(e, scope, node_field(node, "argument"));
        char op = node_text(e->m, node)[0];

        if (v.kind == VALUE_FLOAT && (op == '-' || op == '+')) {
                v.f = op == '-' ? -v.f : v.f;
                return v;
        }
        if (v.kind == VALUE_NAMED && op == '-' && v.n > 0 && v.s[0] >= '0' && v.s[0] <= '9')
                return of_name(arena_printf(e->m->arena, "-%s", v.s));
        if (!is_integer(&v) || v.i == INT64_MIN)
                return of_kind(VALUE_UNKNOWN);
        return of_int(op == '-' ? -v.i : op == '~' ? ~v.i : v.i);
}

/* ------------------------------------------------------------ names and calls */

/* Builtins that have a __name__. */
static const char *const builtins[] = {"ArithmeticError",
                                       "AssertionError",
                                       "AttributeError",
                                       "BaseException",
                                       "BlockingIOError",
                                       "BrokenPipeError",
                                       "BufferError",
                                       "BytesWarning",
                                       "ChildProcessError",
                                       "ConnectionAbortedError",
                                       "ConnectionError",
                                       "ConnectionRefusedError",
                                       "ConnectionResetError",
                                       "DeprecationWarning",
                                       "EOFError",
                                       "Exception",
                                       "FileExistsError",
                                       "FileNotFoundError",
                                       "FloatingPointError",
                                       "FutureWarning",
                                       "GeneratorExit",
                                       "ImportError",
                                       "ImportWarning",
                                       "IndentationError",
                                       "IndexError",
                                       "InterruptedError",
                                       "IsADirectoryError",
                                       "KeyError",
                                       "KeyboardInterrupt",
                                       "LookupError",
                                       "MemoryError",
                                       "ModuleNotFoundError",
                                       "NameError",
                                       "NotADirectoryError",
                                       "NotImplementedError",
                                       "OSError",
                                       "OverflowError",
                                       "PendingDeprecationWarning",
                                       "PermissionError",
                                       "ProcessLookupError",
                                       "RecursionError",
                                       "ReferenceError",
                                       "ResourceWarning",
                                       "RuntimeError",
                                       "RuntimeWarning",
                                       "StopAsyncIteration",
                                       "StopIteration",
                                       "SyntaxError",
                                       "SyntaxWarning",
                                       "SystemError",
                                       "SystemExit",
                                       "TabError",
                                       "TimeoutError",
                                       "TypeError",
                                       "UnboundLocalError",
                                       "UnicodeDecodeError",
                                       "UnicodeEncodeError",
                                       "UnicodeError",
                                       "UnicodeTranslateError",
                                       "UnicodeWarning",
                                       "UserWarning",
                                       "ValueError",
                                       "Warning",
                                       "ZeroDivisionError",
                                       "abs",
                                       "all",
                                       "any",
                                       "ascii",
                                       "bin",
                                       "bool",
                                       "bytearray",
                                       "bytes",
                                       "callable",
                                       "chr",
                                       "classmethod",
                                       "compile",
                                       "complex",
                                       "delattr",
                                       "dict",
                                       "dir",
                                       "divmod",
                                       "enumerate",
                                       "eval",
                                       "exec",
                                       "filter",
                                       "float",
                                       "format",
                                       "frozenset",
                                       "getattr",
                                       "globals",
                                       "hasattr",
                                       "hash",
                                       "hex",
                                       "id",
                                       "input",
                                       "int",
                                       "isinstance",
                                       "issubclass",
                                       "iter",
                                       "len",
                                       "list",
                                       "locals",
                                       "map",
                                       "max",
                                       "memoryview",
                                       "min",
                                       "next",
                                       "object",
                                       "oct",
                                       "open",
                                       "ord",
                                       "pow",
                                       "print",
                                       "property",
                                       "range",
                                       "repr",
                                       "reversed",
                                       "round",
                                       "set",
                                       "setattr",
                                       "slice",
                                       "sorted",
                                       "staticmethod",
                                       "str",
                                       "sum",
                                       "super",
                                       "tuple",
                                       "type",
                                       "vars",
                                       "zip"};

/* Calls whose result has no id of its own. */
static const char *const makes_object[] = {"object",
                                           "dict",
                                           "list",
                                           "set",
                                           "frozenset",
                                           "tuple",
                                           "bytearray",
                                           "memoryview",
                                           "range",
                                           "slice",
                                           "iter",
                                           "enumerate",
                                           "zip",
                                           "map",
                                           "filter",
                                           "reversed",
                                           "Exception",
                                           "ValueError",
                                           "TypeError",
                                           "KeyError",
                                           "RuntimeError",
                                           "OSError",
                                           "IndexError",
                                           "AttributeError",
                                           "collections.OrderedDict",
                                           "collections.defaultdict",
                                           "collections.deque",
                                           "collections.Counter",
                                           "datetime.date",
                                           "datetime.datetime",
                                           "datetime.time",
                                           "datetime.timedelta",
                                           "datetime.timezone",
                                           "decimal.Decimal",
                                           "fractions.Fraction",
                                           "io.BytesIO",
                                           "io.StringIO",
                                           "pathlib.Path",
                                           "pathlib.PurePath",
                                           "pathlib.PurePosixPath",
                                           "pathlib.PosixPath",
                                           "pathlib.PureWindowsPath",
                                           "threading.Lock",
                                           "types.SimpleNamespace",
                                           "uuid.UUID",
                                           "uuid.uuid4",
                                           "array.array",
                                           "ipaddress.ip_address",
                                           "ipaddress.ip_network"};

static bool in_table(const char *const *table, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(table[i], name) == 0)
                        return true;
        return false;
}
#define IN_TABLE(table, name) in_table(table, sizeof(table) / sizeof(table)[0], name)

/* 1: an Enum without another base, 0: all its bases are known and plain, -1: neither. */
static int class_nature(const struct module *m, struct class_def *c)
{
        int nature = 0;

        module_mro(m, c);
        for (size_t i = 0; i < c->n_mro; i++) {
                if (c->mro[i]->has_keywords)
                        return -1;
                for (size_t k = 0; k < c->mro[i]->bases.n; k++) {
                        TSNode base = c->mro[i]->bases.v[k];
                        const char *dotted = module_dotted(m, c->mro[i]->scope.outer, base);
                        struct binding *b =
                            node_is(base, "identifier")
                                ? module_resolve(m, c->mro[i]->scope.outer, node_text(m, base))
                                : NULL;

                        if (b != NULL && b->kind == BINDING_CLASS)
                                continue;
                        if (dotted != NULL && strcmp(dotted, "enum.Enum") == 0 && c->mro[i]->bases.n == 1)
                                nature = 1;
                        else if (dotted == NULL ||
                                 (strcmp(dotted, "object") != 0 && strcmp(dotted, "dict") != 0 &&
                                  strcmp(dotted, "list") != 0 && !IN_TABLE(builtins, dotted)) ||
                                 strcmp(dotted, "str") == 0 || strcmp(dotted, "bytes") == 0 ||
                                 strcmp(dotted, "int") == 0 || strcmp(dotted, "float") == 0 ||
                                 strcmp(dotted, "complex") == 0 || strcmp(dotted, "type") == 0)
                                return -1;
                }
        }
        return nature;
}

static struct value of_binding(struct eval *e, const struct scope *scope, const struct binding *b)
{
        switch (b->kind) {
        case BINDING_FUNCTION:
        case BINDING_CLASS:
                return b->decorators.n == 0 || b->kind == BINDING_CLASS ? of_name(b->name)
                                                                        : of_kind(VALUE_UNKNOWN);
        case BINDING_VALUE:
                return b->vague || ts_node_is_null(b->node) ? of_kind(VALUE_UNKNOWN)
                                                            : eval(e, scope, b->node);
        case BINDING_IMPORT:
                return b->is_module && strchr(b->from, '.') == NULL ? of_name(b->from)
                                                                    : of_kind(VALUE_UNKNOWN);
        default:
                return of_kind(VALUE_UNKNOWN);
        }
}

static struct value identifier(struct eval *e, const struct scope *scope, TSNode node)
{
        const char *name = node_text(e->m, node);
        const struct scope *where = scope != NULL && module_find(scope, name) != NULL ? scope : &e->m->scope;
        struct binding *b = module_find(where, name);

        if (b != NULL)
                return of_binding(e, where, b);
        if (IN_TABLE(builtins, name))
                return of_name(strcmp(name, "IOError") == 0 ? "OSError" : name);
        return of_kind(strcmp(name, "NotImplemented") == 0 || strcmp(name, "Ellipsis") == 0 ? VALUE_OBJECT
                                                                                            : VALUE_UNKNOWN);
}

static struct value attribute(struct eval *e, const struct scope *scope, TSNode node)
{
        const char *dotted = module_dotted(e->m, scope, node), *name;
        struct binding *owner, *b;

        if (dotted == NULL)
                return of_kind(VALUE_UNKNOWN);
        if (strcmp(dotted, "math.inf") == 0 || strcmp(dotted, "math.nan") == 0)
                return (struct value){.kind = VALUE_FLOAT,
                                      .f = dotted[5] == 'i' ? (double)INFINITY : (double)NAN};
        owner = node_is(node_field(node, "object"), "identifier")
                    ? module_resolve(e->m, scope, node_text(e->m, node_field(node, "object")))
                    : NULL;
        if (owner == NULL || owner->kind != BINDING_CLASS)
                return of_kind(VALUE_UNKNOWN);
        name = node_text(e->m, node_field(node, "attribute"));
        b = module_find(&owner->class_def->scope, name);
        switch (class_nature(e->m, owner->class_def)) {
        case 1:
                if (b == NULL || b->kind != BINDING_VALUE || name[0] == '_' ||
                    module_find(&owner->class_def->scope, "__str__") != NULL)
                        return of_kind(VALUE_UNKNOWN);
                return of_name(arena_printf(e->m->arena, "%s.%s", owner->class_def->name, name));
        case 0:
                return b != NULL ? of_binding(e, &owner->class_def->scope, b) : of_kind(VALUE_UNKNOWN);
        default:
                return of_kind(VALUE_UNKNOWN);
        }
}

static struct value sequence(struct eval *e, const struct scope *scope, struct nodes nodes)
{
        struct value v = {.kind = VALUE_SEQUENCE,
                          .items = arena_get(e->m->arena, (nodes.n + 1) * sizeof(struct value))};

        if (v.items == NULL)
                return of_kind(VALUE_UNKNOWN);
        for (size_t i = 0; i < nodes.n; i++) {
                struct value rest;

                if (!node_is(nodes.v[i], "list_splat")) {
                        v.items[v.n++] = eval(e, scope, nodes.v[i]);
                        continue;
                }
                rest = eval(e, scope, ts_node_named_child(nodes.v[i], 0));
                if (rest.kind != VALUE_SEQUENCE || rest.n > MAX_ITEMS)
                        return of_kind(VALUE_UNKNOWN);
                v.items = arena_grow(e->m->arena, v.items, v.n * sizeof *v.items,
                                     (v.n + rest.n + nodes.n - i) * sizeof *v.items);
                if (v.items == NULL)
                        return of_kind(VALUE_UNKNOWN);
                if (rest.n > 0)
                        memcpy(v.items + v.n, rest.items, rest.n * sizeof *rest.items);
                v.n += rest.n;
        }
        return v;
}

static struct value param(struct eval *e, const struct scope *scope, struct nodes arguments)
{
        struct nodes values = {arguments.v, 0};
        const char *given = NULL;
        struct value v;

        for (size_t i = 0; i < arguments.n; i++) {
                TSNode argument = arguments.v[i];

                if (!node_is(argument, "keyword_argument")) {
                        if (node_is(argument, "dictionary_splat"))
                                return of_kind(VALUE_UNKNOWN);
                        values.v[values.n++] = argument;
                } else if (strcmp(node_text(e->m, node_field(argument, "name")), "id") == 0) {
                        v = eval(e, scope, node_field(argument, "value"));
                        if (v.kind == VALUE_STR)
                                given = value_escape(e->m->arena, v.s, v.n, false);
                        else if (v.kind != VALUE_NONE)
                                return of_kind(VALUE_UNKNOWN);
                }
        }
        v = sequence(e, scope, values);
        v.is_param = true;
        v.param_id = given;
        return v;
}

static struct value range(struct eval *e, const struct scope *scope, struct nodes arguments)
{
        int64_t bound[3] = {0, 0, 1};
        struct value v = of_kind(VALUE_SEQUENCE);

        if (arguments.n == 0 || arguments.n > 3)
                return of_kind(VALUE_UNKNOWN);
        for (size_t i = 0; i < arguments.n; i++) {
                struct value b = eval(e, scope, arguments.v[i]);

                if (!is_integer(&b) || b.i > INT32_MAX || b.i < INT32_MIN)
                        return of_kind(VALUE_UNKNOWN);
                bound[arguments.n == 1 ? 1 : i] = b.i;
        }
        if (bound[2] == 0 || (bound[1] - bound[0]) / bound[2] > (int64_t)MAX_ITEMS)
                return of_kind(VALUE_UNKNOWN);
        if ((bound[1] - bound[0]) / bound[2] >= 0)
                v.items = arena_get(e->m->arena,
                                    ((size_t)((bound[1] - bound[0]) / bound[2]) + 2) * sizeof *v.items);
        for (int64_t i = bound[0]; v.items != NULL && (bound[2] > 0 ? i < bound[1] : i > bound[1]);
             i += bound[2])
                v.items[v.n++] = of_int(i);
        return v;
}

/* A call of a method on a constant. */
static struct value method(struct eval *e, const struct scope *scope, TSNode function, struct nodes arguments)
{
        struct value self = eval(e, scope, node_field(function, "object"));
        const char *name = node_text(e->m, node_field(function, "attribute"));

        if (self.kind == VALUE_STR && strcmp(name, "encode") == 0) {
                struct value codec =
                    arguments.n == 1 ? eval(e, scope, arguments.v[0]) : of_string(VALUE_STR, "utf-8", 5);

                if (arguments.n > 1 || codec.kind != VALUE_STR ||
                    (strcasecmp(codec.s, "utf-8") != 0 && strcasecmp(codec.s, "utf8") != 0 &&
                     strcasecmp(codec.s, "ascii") != 0))
                        return of_kind(VALUE_UNKNOWN);
                return of_string(VALUE_BYTES, self.s, self.n);
        }
        return of_kind(VALUE_UNKNOWN);
}

static struct value call(struct eval *e, const struct scope *scope, TSNode node)
{
        TSNode function = node_field(node, "function"), list = node_field(node, "arguments");
        const char *name = module_dotted(e->m, scope, function);
        struct nodes arguments = node_children(e->m, list);
        struct value v = of_kind(VALUE_UNKNOWN);
        struct binding *b;

        if (!node_is(list, "argument_list"))
                return v;
        if (name == NULL)
                return node_is(function, "attribute") ? method(e, scope, function, arguments) : v;
        if (strcmp(name, "pytest.param") == 0)
                return param(e, scope, arguments);
        b = node_is(function, "identifier") ? module_resolve(e->m, scope, node_text(e->m, function)) : NULL;
        if (b != NULL && b->kind == BINDING_CLASS)
                return of_kind(b->decorators.n == 0 && class_nature(e->m, b->class_def) == 0 &&
                                       module_find(&b->class_def->scope, "__new__") == NULL &&
                                       module_find(&b->class_def->scope, "__getattr__") == NULL &&
                                       module_find(&b->class_def->scope, "__name__") == NULL
                                   ? VALUE_OBJECT
                                   : VALUE_UNKNOWN);
        if (b != NULL && b->kind != BINDING_IMPORT)
                return v;
        if (b == NULL && node_is(function, "attribute") && strchr(name, '.') != NULL &&
            module_resolve(e->m, scope, arena_strn(e->m->arena, name, strcspn(name, "."))) != NULL)
                v = method(e, scope, function, arguments);
        if (v.kind != VALUE_UNKNOWN)
                return v;
        if (strcmp(name, "float") == 0 && arguments.n == 1) {
                v = eval(e, scope, arguments.v[0]);
                if (is_integer(&v))
                        return (struct value){.kind = VALUE_FLOAT, .f = (double)v.i};
                if (v.kind == VALUE_STR && (strcasecmp(v.s, "inf") == 0 || strcasecmp(v.s, "-inf") == 0 ||
                                            strcasecmp(v.s, "nan") == 0))
                        return (struct value){.kind = VALUE_FLOAT, .f = strtod(v.s, NULL)};
                return v.kind == VALUE_FLOAT ? v : of_kind(VALUE_UNKNOWN);
        }
        if (strcmp(name, "re.compile") == 0 && arguments.n >= 1) {
                v = eval(e, scope, arguments.v[0]);
                return v.kind == VALUE_STR || v.kind == VALUE_BYTES ? v : of_kind(VALUE_UNKNOWN);
        }
        if (strcmp(name, "range") == 0)
                v = range(e, scope, arguments);
        if ((strcmp(name, "list") == 0 || strcmp(name, "tuple") == 0) && arguments.n == 1)
                v = eval(e, scope, arguments.v[0]);
        if (v.kind == VALUE_SEQUENCE)
                return v;
        return of_kind(IN_TABLE(makes_object, name) ? VALUE_OBJECT : VALUE_UNKNOWN);
}

static struct value concatenated(struct eval *e, const struct scope *scope, TSNode node)
{
        struct nodes parts = node_children(e->m, node);
        struct value v = parts.n > 0 ? eval(e, scope, parts.v[0]) : of_kind(VALUE_UNKNOWN);

        for (size_t i = 1; i < parts.n && v.kind != VALUE_UNKNOWN; i++)
                v = concat(e->m, v, eval(e, scope, parts.v[i]));
        return v;
}

static struct value eval_node(struct eval *e, const struct scope *scope, TSNode node)
{
        static const char *const objects[] = {"dictionary",
                                              "set",
                                              "ellipsis",
                                              "list_comprehension",
                                              "generator_expression",
                                              "dictionary_comprehension",
                                              "set_comprehension"};
        const char *type = ts_node_type(node);

        if (strcmp(type, "string") == 0)
                return read_string(e->m, node);
        if (strcmp(type, "integer") == 0 || strcmp(type, "float") == 0)
                return read_number(e->m, node, type[0] == 'f');
        if (strcmp(type, "tuple") == 0 || strcmp(type, "list") == 0 || strcmp(type, "expression_list") == 0)
                return sequence(e, scope, node_children(e->m, node));
        if (strcmp(type, "true") == 0 || strcmp(type, "false") == 0)
                return (struct value){.kind = VALUE_BOOL, .i = type[0] == 't'};
        if (strcmp(type, "none") == 0)
                return of_kind(VALUE_NONE);
        if (strcmp(type, "identifier") == 0)
                return identifier(e, scope, node);
        if (strcmp(type, "call") == 0)
                return call(e, scope, node);
        if (strcmp(type, "attribute") == 0)
                return attribute(e, scope, node);
        if (strcmp(type, "concatenated_string") == 0)
                return concatenated(e, scope, node);
        if (strcmp(type, "parenthesized_expression") == 0)
                return eval(e, scope, ts_node_named_child(node, 0));
        if (strcmp(type, "unary_operator") == 0)
                return unary(e, scope, node);
        if (strcmp(type, "binary_operator") == 0)
                return binary(e, scope, node);
        if (strcmp(type, "lambda") == 0)
                return of_name("<lambda>");
        return of_kind(IN_TABLE(objects, type) ? VALUE_OBJECT : VALUE_UNKNOWN);
}

static struct value eval(struct eval *e, const struct scope *scope, TSNode node)
{
        struct value v;

        if (ts_node_is_null(node) || e->depth >= MAX_DEPTH || e->steps++ >= MAX_STEPS ||
            ts_node_has_error(node))
                return of_kind(VALUE_UNKNOWN);
        e->depth++;
        v = eval_node(e, scope, node);
        e->depth--;
        return v;
}

struct value value_read(const struct module *module, const struct scope *scope, TSNode node)
{
        struct eval e = {.m = module};

        return eval(&e, scope, node);
}

/* ------------------------------------------------------------ ids */

const char *value_escape(struct arena *arena, const char *s, size_t n, bool bytes)
{
        char *out = arena_get(arena, n * 10 + 1), *p = out;

        if (out == NULL)
                return NULL;
        for (size_t at = 0; at < n;) {
                uint32_t c = bytes ? (unsigned char)s[at++] : get_utf8(s, n, &at);

                if (c == '\t' || c == '\n' || c == '\r')
                        p += sprintf(p, "\\%c", c == '\t' ? 't' : c == '\n' ? 'n' : 'r');
                else if (c == '\\' && !bytes)
                        p += sprintf(p, "\\\\");
                else if (c >= 32 && c < 127)
                        *p++ = (char)c;
                else
                        p += sprintf(p, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
        }
        return out;
}

const char *value_id(struct arena *arena, const struct value *v, bool raw)
{
        switch (v->kind) {
        case VALUE_NONE:
                return "None";
        case VALUE_BOOL:
                return v->i ? "True" : "False";
        case VALUE_INT:
                return arena_printf(arena, "%lld", (long long)v->i);
        case VALUE_FLOAT:
                return value_float_repr(arena, v->f);
        case VALUE_STR:
                return raw ? v->s : value_escape(arena, v->s, v->n, false);
        case VALUE_BYTES:
                return value_escape(arena, v->s, v->n, true);
        case VALUE_NAMED:
                return v->s;
        default:
                return NULL;
        }
}
