/* How it works: Python's lexical analysis (docs.python.org/3/reference/lexical_analysis.html) for the
 * literals that tree-sitter has found the ends of, and the way back: what str() and pytest's ascii_escaped
 * make of constants. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/value.h"

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

struct value value_string(const struct module *m, struct node node)
{
        const char *s = m->text + node_start(node), *end = m->text + node_end(node);
        bool raw = false, bytes = false;
        size_t quotes, n = 0;
        char *out, quote;

        for (; s < end && *s != '"' && *s != '\''; s++) {
                raw |= *s == 'r' || *s == 'R';
                bytes |= *s == 'b' || *s == 'B';
                if (*s == 'f' || *s == 'F') {
                        for (uint32_t i = 0; i < node_named_child_count(node); i++)
                                if (node_is(node_named_child(node, i), "interpolation"))
                                        return value_of_kind(VALUE_UNKNOWN);
                        if (memchr(s, '{', (size_t)(end - s)) != NULL)
                                return value_of_kind(VALUE_UNKNOWN); /* {{ */
                }
        }
        if (end - s < 2)
                return value_of_kind(VALUE_UNKNOWN);
        quote = *s;
        quotes = end - s >= 6 && s[1] == quote && s[2] == quote ? 3 : 1;
        s += quotes;
        end -= quotes;
        out = arena_get(m->arena, (size_t)(end - s) * 2 + 8);
        if (out == NULL || end < s)
                return value_of_kind(VALUE_UNKNOWN);
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
                        return value_of_kind(VALUE_UNKNOWN);
                s += used == (size_t)-1 ? 1 : used + 1;
                n += len;
        }
        out[n] = '\0';
        return value_of_text(bytes ? VALUE_BYTES : VALUE_STR, out, n);
}

struct value value_number(const struct module *m, struct node node, bool is_float)
{
        const char *text = node_text(m, node);
        size_t n = strlen(text), k = 0;
        char *clean = arena_get(m->arena, n + 1), *end = NULL;
        int base = 10;
        long long v;

        if (clean == NULL || n == 0)
                return value_of_kind(VALUE_UNKNOWN);
        for (size_t i = 0; i < n; i++)
                if (text[i] != '_')
                        clean[k++] = text[i];
        if (strchr("jJ", clean[k - 1]) != NULL && strspn(clean, "0123456789") == k - 1 && clean[0] != '0' &&
            k < 15) {
                clean[k - 1] = 'j';
                return value_of_name(clean);
        }
        if (base == 10 && strchr("jJ", clean[k - 1]) != NULL)
                return value_of_kind(VALUE_UNKNOWN);
        if (is_float)
                return (struct value){.kind = VALUE_FLOAT, .f = strtod(clean, NULL)};
        if (clean[0] == '0' && k > 2 && strchr("xXoObB", clean[1]) != NULL) {
                base = strchr("xX", clean[1]) != NULL ? 16 : strchr("oO", clean[1]) != NULL ? 8 : 2;
                clean += 2;
        }
        errno = 0;
        v = strtoll(clean, &end, base);
        if (errno == ERANGE && base == 10)
                return value_of_name(clean); /* as it is written, which is all that an id needs */
        return errno == 0 && end != clean && *end == '\0' ? value_of_int(v) : value_of_kind(VALUE_UNKNOWN);
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
                return v->is_generator ? "<genexpr>" : NULL;
        }
}
