/* How it works: a recursive descent over the text builds a tree whose "and" and "or" have any number of
 * children, so that its depth is that of the parentheses. Kleene's logic evaluates it. */
#include "runtime/discover/expr.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "runtime/discover/unicode.h"
#include "spec/base/utf8.h"

#define MAX_DEPTH 200 /* of parentheses; Python's own parser stops there */

enum kind { KIND_NAME, KIND_NOT, KIND_AND, KIND_OR, KIND_FALSE };

struct expr {
        enum kind kind;
        char *name;
        struct expr_kwargs kwargs;
        struct expr **v;
        size_t n;
};

enum token_type {
        TOKEN_LPAREN,
        TOKEN_RPAREN,
        TOKEN_OR,
        TOKEN_AND,
        TOKEN_NOT,
        TOKEN_IDENT,
        TOKEN_EOF,
        TOKEN_EQUAL,
        TOKEN_STRING,
        TOKEN_COMMA,
};

/* How pytest calls them. */
static const char *const token_names[] = {"left parenthesis", "right parenthesis", "or", "and", "not",
                                          "identifier",       "end of input",      "=",  "str", ","};

struct parser {
        const char *text;
        size_t at, start; /* where the next token is looked for, where the current one begins */
        enum token_type type;
        char option;
        int depth;
        locale_t unicode;
        struct error *err;
};

static struct expr *parse_or(struct parser *p);

static size_t columns(const char *text, size_t bytes)
{
        size_t n = 1;

        for (size_t i = 0; i < bytes; i++)
                n += ((unsigned char)text[i] & 0xc0) != 0x80;
        return n;
}

static int fail(struct parser *p, size_t at, const char *message)
{
        char shown[400];

        return error_set(p->err, "usage", 0, "Wrong expression passed to '-%c': %s: at column %zu: %s",
                         p->option, utf8_show(shown, sizeof shown, p->text), columns(p->text, at), message);
}

static int unexpected(struct parser *p, enum token_type wanted)
{
        char message[120];

        (void)snprintf(message, sizeof message, "expected %s; got %s", token_names[wanted],
                       token_names[p->type]);
        return fail(p, p->start, message);
}

/* Bytes of the longest identifier at S: (\w|:|\+|-|\.|\[|\]|\\|/)+ */
static size_t identifier(const struct parser *p, const char *s)
{
        size_t n = strlen(s), i = 0;

        while (i < n) {
                size_t length = utf8_char(s + i, n - i);

                if (length == 0 ||
                    !(length == 1 ? isalnum((unsigned char)s[i]) || strchr("_:+-.[]\\/", s[i]) != NULL
                                  : p->unicode == (locale_t)0 ||
                                        iswalnum_l(unicode_decode(s + i, length), p->unicode)))
                        break;
                i += length;
        }
        return i;
}

/* Reads the next token. */
static int next(struct parser *p)
{
        static const char signs[] = "()=,";
        static const enum token_type of_sign[] = {TOKEN_LPAREN, TOKEN_RPAREN, TOKEN_EQUAL, TOKEN_COMMA};
        char message[100];
        const char *s, *end;
        size_t n;

        p->at += strspn(p->text + p->at, " \t");
        p->start = p->at;
        s = p->text + p->at;
        if (*s == '\0') {
                p->type = TOKEN_EOF;
        } else if (strchr(signs, *s) != NULL) {
                p->type = of_sign[strchr(signs, *s) - signs];
                p->at++;
        } else if (*s == '\'' || *s == '"') {
                end = strchr(s + 1, *s);
                if (end == NULL) {
                        (void)snprintf(message, sizeof message, "closing quote \"%c\" is missing", *s);
                        return fail(p, p->at, message);
                }
                if (memchr(s, '\\', (size_t)(end - s)) != NULL)
                        return fail(p, p->at, "escaping not supported in marker expression");
                p->type = TOKEN_STRING;
                p->at += (size_t)(end - s) + 1;
        } else {
                n = identifier(p, s);
                if (n == 0) {
                        size_t length = utf8_char(s, strlen(s));

                        (void)snprintf(message, sizeof message, "unexpected character \"%.*s\"",
                                       length > 0 ? (int)length : 1, length > 0 ? s : "?");
                        return fail(p, p->at, message);
                }
                p->at += n;
                p->type = n == 2 && memcmp(s, "or", n) == 0    ? TOKEN_OR
                          : n == 3 && memcmp(s, "and", n) == 0 ? TOKEN_AND
                          : n == 3 && memcmp(s, "not", n) == 0 ? TOKEN_NOT
                                                               : TOKEN_IDENT;
        }
        return 0;
}

static struct expr *make(struct parser *p, enum kind kind)
{
        struct expr *e = calloc(1, sizeof *e);

        if (e == NULL)
                (void)error_set(p->err, "usage", ENOMEM, "-%c", p->option);
        else
                e->kind = kind;
        return e;
}

/* Takes CHILD over. */
static int adopt(struct expr *e, struct expr *child)
{
        struct expr **v = child != NULL && e != NULL ? realloc(e->v, (e->n + 1) * sizeof *v) : NULL;

        if (v == NULL) {
                expr_free(child);
                return -ENOMEM;
        }
        e->v = v;
        e->v[e->n++] = child;
        return 0;
}

static bool is_keyword(const char *s)
{
        static const char *const words[] = {
            "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
            "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
            "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
            "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strcmp(words[i], s) == 0)
                        return true;
        return false;
}

static int odd_word(struct parser *p, const char *word)
{
        char message[120], shown[64];

        (void)snprintf(message, sizeof message, "unexpected character/s \"%s\"",
                       utf8_show(shown, sizeof shown, word));
        return fail(p, p->start, message);
}

static char *token_text(const struct parser *p, size_t cut)
{
        return strndup(p->text + p->start + cut, p->at - p->start - 2 * cut);
}

/* The value of a keyword: a string, an integer, True, False or None. */
static int parse_value(struct parser *p, struct expr_kwarg *kwarg)
{
        const char *digits;

        if (p->type != TOKEN_STRING && p->type != TOKEN_IDENT)
                return unexpected(p, TOKEN_IDENT);
        kwarg->text = token_text(p, p->type == TOKEN_STRING ? 1 : 0);
        if (kwarg->text == NULL)
                return error_set(p->err, "usage", ENOMEM, "-%c", p->option);
        digits = kwarg->text + (kwarg->text[0] == '-');
        if (p->type == TOKEN_STRING) {
                kwarg->type = EXPR_STRING;
        } else if (digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0') {
                kwarg->type = EXPR_INTEGER;
        } else if (strcmp(kwarg->text, "None") == 0) {
                kwarg->type = EXPR_NONE;
        } else if (strcmp(kwarg->text, "True") == 0 || strcmp(kwarg->text, "False") == 0) {
                kwarg->type = EXPR_BOOL;
                kwarg->truth = kwarg->text[0] == 'T';
        } else {
                return odd_word(p, kwarg->text);
        }
        return next(p);
}

static int parse_kwarg(struct parser *p, struct expr_kwargs *kwargs)
{
        struct expr_kwarg *v, *kwarg;
        int r;

        if (p->type != TOKEN_IDENT)
                return unexpected(p, TOKEN_IDENT);
        v = realloc(kwargs->v, (kwargs->n + 1) * sizeof *v);
        if (v == NULL)
                return error_set(p->err, "usage", ENOMEM, "-%c", p->option);
        kwargs->v = v;
        kwarg = &v[kwargs->n++];
        *kwarg = (struct expr_kwarg){.name = token_text(p, 0)};
        if (kwarg->name == NULL)
                return error_set(p->err, "usage", ENOMEM, "-%c", p->option);
        if (strpbrk(kwarg->name, ":+-.[]\\/") != NULL || isdigit((unsigned char)kwarg->name[0]) ||
            is_keyword(kwarg->name))
                return odd_word(p, kwarg->name);
        r = next(p);
        if (r == 0 && p->type != TOKEN_EQUAL)
                r = unexpected(p, TOKEN_EQUAL);
        if (r == 0)
                r = next(p);
        return r == 0 ? parse_value(p, kwarg) : r;
}

/* "(name=value, ...)" behind an identifier. */
static int parse_kwargs(struct parser *p, struct expr_kwargs *kwargs)
{
        int r;

        do
                r = next(p); /* the parenthesis, or a comma */
        while (r == 0 && (r = parse_kwarg(p, kwargs)) == 0 && p->type == TOKEN_COMMA);
        if (r == 0 && p->type != TOKEN_RPAREN)
                r = unexpected(p, TOKEN_RPAREN);
        return r == 0 ? next(p) : r;
}

static struct expr *parse_name(struct parser *p)
{
        struct expr *e = make(p, KIND_NAME);
        int r = e == NULL ? -ENOMEM : 0;

        if (r == 0 && (e->name = token_text(p, 0)) == NULL)
                r = error_set(p->err, "usage", ENOMEM, "-%c", p->option);
        if (r == 0)
                r = next(p);
        if (r == 0 && p->type == TOKEN_LPAREN)
                r = parse_kwargs(p, &e->kwargs);
        if (r == 0)
                return e;
        expr_free(e);
        return NULL;
}

static struct expr *parse_parentheses(struct parser *p)
{
        struct expr *e;

        if (++p->depth > MAX_DEPTH) {
                (void)fail(p, p->start, "too many nested parentheses");
                return NULL;
        }
        e = next(p) == 0 ? parse_or(p) : NULL;
        p->depth--;
        if (e != NULL && (p->type != TOKEN_RPAREN ? unexpected(p, TOKEN_RPAREN) : next(p)) < 0) {
                expr_free(e);
                return NULL;
        }
        return e;
}

static struct expr *parse_not(struct parser *p)
{
        struct expr *e = NULL, *outer;
        bool negate = false;

        for (; p->type == TOKEN_NOT; negate = !negate)
                if (next(p) < 0)
                        return NULL;
        if (p->type == TOKEN_LPAREN)
                e = parse_parentheses(p);
        else if (p->type == TOKEN_IDENT)
                e = parse_name(p);
        else {
                char message[120];

                (void)snprintf(message, sizeof message,
                               "expected not OR left parenthesis OR identifier; got %s",
                               token_names[p->type]);
                (void)fail(p, p->start, message);
        }
        if (e == NULL || !negate)
                return e;
        outer = make(p, KIND_NOT);
        if (adopt(outer, e) < 0) {
                free(outer);
                return NULL;
        }
        return outer;
}

/* PART (TOKEN PART)* */
static struct expr *parse_chain(struct parser *p, enum token_type type, enum kind kind,
                                struct expr *(*part)(struct parser *))
{
        struct expr *first = part(p), *e;

        if (first == NULL || p->type != type)
                return first;
        e = make(p, kind);
        if (adopt(e, first) < 0) {
                free(e);
                return NULL;
        }
        while (p->type == type)
                if (next(p) < 0 || adopt(e, part(p)) < 0) {
                        expr_free(e);
                        return NULL;
                }
        return e;
}

static struct expr *parse_and(struct parser *p)
{
        return parse_chain(p, TOKEN_AND, KIND_AND, parse_not);
}

static struct expr *parse_or(struct parser *p)
{
        return parse_chain(p, TOKEN_OR, KIND_OR, parse_and);
}

int expr_parse(struct expr **ret, const char *text, char option, struct error *err)
{
        struct error own = {0};
        struct parser p = {.text = text, .option = option, .unicode = unicode_locale(), .err = &own};
        struct expr *e = NULL;

        if (next(&p) == 0)
                e = p.type == TOKEN_EOF ? make(&p, KIND_FALSE) : parse_or(&p);
        if (e != NULL && p.type != TOKEN_EOF) {
                (void)unexpected(&p, TOKEN_EOF);
                expr_free(e);
                e = NULL;
        }
        if (p.unicode != (locale_t)0)
                freelocale(p.unicode);
        if (e != NULL) {
                *ret = e;
                return 0;
        }
        if (own.what[0] == '\0')
                return error_set(err, "usage", ENOMEM, "-%c", option);
        if (err != NULL)
                *err = own;
        return own.errnum != 0 ? -own.errnum : -EINVAL;
}

enum truth expr_evaluate(const struct expr *e,
                         enum truth (*match)(void *ctx, const char *name, const struct expr_kwargs *kwargs),
                         void *ctx)
{
        const enum truth end = e->kind == KIND_AND ? TRUTH_NO : TRUTH_YES; /* which ends the chain */
        enum truth all = end == TRUTH_NO ? TRUTH_YES : TRUTH_NO, one;

        if (e->kind == KIND_FALSE)
                return TRUTH_NO;
        if (e->kind == KIND_NAME)
                return match(ctx, e->name, &e->kwargs);
        if (e->kind == KIND_NOT) {
                one = expr_evaluate(e->v[0], match, ctx);
                return one == TRUTH_UNKNOWN ? one : one == TRUTH_YES ? TRUTH_NO : TRUTH_YES;
        }
        for (size_t i = 0; i < e->n; i++) {
                one = expr_evaluate(e->v[i], match, ctx);
                if (one == end)
                        return end;
                if (one == TRUTH_UNKNOWN)
                        all = one;
        }
        return all;
}

void expr_free(struct expr *e)
{
        if (e == NULL)
                return;
        for (size_t i = 0; i < e->n; i++)
                expr_free(e->v[i]);
        for (size_t i = 0; i < e->kwargs.n; i++) {
                free(e->kwargs.v[i].name);
                free(e->kwargs.v[i].text);
        }
        free(e->kwargs.v);
        free(e->name);
        free(e->v);
        free(e);
}
