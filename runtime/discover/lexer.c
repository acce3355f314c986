/* How it works: one look at a table of characters decides what a token begins with. */
#include "runtime/discover/lexer.h"

#include <string.h>

enum { ALPHA = 1, DIGIT = 2, BLANK = 4, QUOTE = 8, OPENS = 16, CLOSES = 32, SIGN = 64 };

static const unsigned char kinds[256] = {
    ['a' ... 'z'] = ALPHA, ['A' ... 'Z'] = ALPHA, ['_'] = ALPHA,  [0x80 ... 0xff] = ALPHA,
    ['0' ... '9'] = DIGIT, [' '] = BLANK,         ['\t'] = BLANK, ['\f'] = BLANK,
    ['"'] = QUOTE,         ['\''] = QUOTE,        ['('] = OPENS,  ['['] = OPENS,
    ['{'] = OPENS,         [')'] = CLOSES,        [']'] = CLOSES, ['}'] = CLOSES,
    ['!'] = SIGN,          ['%'] = SIGN,          ['&'] = SIGN,   ['*'] = SIGN,
    ['+'] = SIGN,          [','] = SIGN,          ['-'] = SIGN,   ['.'] = SIGN,
    ['/'] = SIGN,          [':'] = SIGN,          [';'] = SIGN,   ['<'] = SIGN,
    ['='] = SIGN,          ['>'] = SIGN,          ['@'] = SIGN,   ['^'] = SIGN,
    ['|'] = SIGN,          ['~'] = SIGN};

static unsigned char kind_of(char c)
{
        return kinds[(unsigned char)c];
}

/* P is at the opening quote. */
static enum token string(struct lexer *l)
{
        const char *p = l->p, *end = l->end;
        char quote = *p;
        int quotes = end - p >= 3 && p[1] == quote && p[2] == quote ? 3 : 1;

        for (p += quotes; p < end; p++) {
                if (*p == '\\') {
                        p++;
                        if (p < end && *p == '\r' && p + 1 < end && p[1] == '\n')
                                p++;
                        if (p < end && *p == '\n')
                                l->line++;
                } else if (*p == '\n') {
                        if (quotes == 1)
                                return TOKEN_BAD;
                        l->line++;
                } else if (*p == quote) {
                        if (quotes == 3 && (end - p < 3 || p[1] != quote || p[2] != quote))
                                continue;
                        l->p = p + quotes;
                        return TOKEN_STRING;
                }
        }
        return TOKEN_BAD;
}

static enum token name_or_string(struct lexer *l)
{
        const char *p = l->p;
        size_t n;

        while (kind_of(*p) & (ALPHA | DIGIT))
                p++;
        n = (size_t)(p - l->p);
        if ((*p == '"' || *p == '\'') && n <= 2 && strspn(l->p, "rRbBuUfF") >= n) {
                l->p = p;
                return string(l);
        }
        l->p = p;
        return TOKEN_NAME;
}

static enum token number(struct lexer *l)
{
        const char *p = l->p;

        while (kind_of(*p) & (ALPHA | DIGIT) || *p == '.' ||
               ((*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E') && l->start[1] != 'x' &&
                l->start[1] != 'X'))
                p++;
        l->p = p;
        return TOKEN_NUMBER;
}

static enum token sign(struct lexer *l)
{
        static const char two[] = "** // << >> <= >= == != -> += -= *= /= %= &= |= ^= @= := ";
        const char *p = l->p;

        if (*p == '.' && kind_of(p[1]) & DIGIT)
                return number(l);
        for (const char *t = strchr("*/<>=", p[1]) != NULL ? two : ""; *t != '\0'; t += 3)
                if (p[0] == t[0] && p[1] == t[1]) {
                        l->p += 2;
                        if (*l->p == '=' && strchr("*/<>", t[0]) != NULL && t[0] == t[1])
                                l->p++;
                        return TOKEN_OPERATOR;
                }
        l->p++;
        return *p == '!' ? TOKEN_BAD : TOKEN_OPERATOR;
}

enum token lexer_next(struct lexer *l)
{
        unsigned char kind;

        for (;;) {
                while (kind_of(*l->p) & BLANK)
                        l->p++;
                if (l->p >= l->end) /* which may be in the midst of a text */
                        break;
                if (*l->p == '#') {
                        const char *eol = memchr(l->p, '\n', (size_t)(l->end - l->p));

                        l->p = eol != NULL ? eol : l->end;
                } else if (*l->p == '\\' && l->p[1] == '\n') {
                        l->p += 2;
                        l->line++;
                } else if (*l->p == '\\' && l->p[1] == '\r' && l->p[2] == '\n') {
                        l->p += 3;
                        l->line++;
                } else {
                        break;
                }
        }
        l->start = l->p;
        if (l->p >= l->end)
                return TOKEN_END;
        if (*l->p == '\r' && l->p[1] == '\n')
                l->p++;
        if (*l->p == '\n') {
                l->p++;
                l->line++;
                return TOKEN_NEWLINE;
        }
        kind = kind_of(*l->p);
        if (kind & ALPHA)
                return name_or_string(l);
        if (kind & DIGIT)
                return number(l);
        if (kind & QUOTE)
                return string(l);
        if (kind & SIGN)
                return sign(l);
        if (kind == 0)
                return TOKEN_BAD;
        l->p++;
        return kind & OPENS ? TOKEN_OPEN : TOKEN_CLOSE;
}
