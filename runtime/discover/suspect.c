/* How it works: an expression is operands with operators between them; brackets are kept on a stack, and what
 * may stand at their ends depends on what came last. A statement's first word says which rule its line
 * follows. */
#include "runtime/discover/suspect.h"

#include <string.h>

enum { OPERAND, OPERATOR, OPTIONAL, NAME, ONLY_COLON, NOTHING, IN_AFTER_NOT, SECOND_DOT, THIRD_DOT };

/* The last token: 'n' a name, '1' a number, 's' a string, 'c' the end of a call, 'k' a keyword, 'y' yield,
 * 'o' an operator, '(' an opening bracket, ')' a closing one, else the character itself; 0: none. */

enum {
        SIMPLE,
        BLOCK, /* ends with a colon, or has simple statements behind it */
        DEF,   /* the same, before the parenthesis */
        CLASS,
        WORDS, /* import: words, dots, commas */
        ANNOTATED,
};

enum keyword {
        NONE,
        CONSTANT,
        AND,
        AS,
        ASSERT,
        ASYNC,
        AWAIT,
        BREAK,
        CLASS_,
        DEF_,
        DEL,
        ELIF,
        ELSE,
        EXCEPT,
        FINALLY,
        FOR,
        FROM,
        GLOBAL,
        IF,
        IMPORT,
        IN,
        IS,
        LAMBDA,
        NOT,
        OR,
        RAISE,
        RETURN,
        TRY,
        WHILE,
        WITH,
        YIELD
};

static const struct word {
        const char *text;
        enum keyword keyword;
} words[] = {
    {"False", CONSTANT},  {"None", CONSTANT},   {"True", CONSTANT}, {"and", AND},     {"as", AS},
    {"assert", ASSERT},   {"async", ASYNC},     {"await", AWAIT},   {"break", BREAK}, {"class", CLASS_},
    {"continue", BREAK},  {"def", DEF_},        {"del", DEL},       {"elif", ELIF},   {"else", ELSE},
    {"except", EXCEPT},   {"finally", FINALLY}, {"for", FOR},       {"from", FROM},   {"global", GLOBAL},
    {"if", IF},           {"import", IMPORT},   {"in", IN},         {"is", IS},       {"lambda", LAMBDA},
    {"nonlocal", GLOBAL}, {"not", NOT},         {"or", OR},         {"pass", BREAK},  {"raise", RAISE},
    {"return", RETURN},   {"try", TRY},         {"while", WHILE},   {"with", WITH},   {"yield", YIELD}};

/* words' first of each letter, + 1 */
static const unsigned char first_word[128] = {
    ['F'] = 1,  ['N'] = 2,  ['T'] = 3,  ['a'] = 4,  ['b'] = 9,  ['c'] = 10, ['d'] = 12,
    ['e'] = 14, ['f'] = 17, ['g'] = 20, ['i'] = 21, ['l'] = 25, ['n'] = 26, ['o'] = 28,
    ['p'] = 29, ['r'] = 30, ['t'] = 32, ['w'] = 33, ['y'] = 35};

static enum keyword keyword_of(const char *text, size_t n)
{
        unsigned char c = (unsigned char)text[0];

        if (n < 2 || n > 8 || c >= 128 || first_word[c] == 0)
                return NONE;
        for (size_t i = first_word[c] - 1u; i < sizeof words / sizeof words[0] && words[i].text[0] == text[0];
             i++)
                if (strlen(words[i].text) == n && memcmp(words[i].text, text, n) == 0)
                        return words[i].keyword;
        return NONE;
}

static void bad(struct suspect *s)
{
        s->bad = true;
}

static char top(const struct suspect *s)
{
        return s->depth > 0 ? s->brackets[s->depth - 1] : '\0';
}

static void push(struct suspect *s, char bracket)
{
        if (s->depth == SUSPECT_MAX_DEPTH)
                bad(s);
        else {
                s->valued[s->depth] = false;
                s->brackets[s->depth++] = bracket;
        }
}

/* An operator, or what else is no name, in brackets that begin a statement: they are no target. */
static void no_target(struct suspect *s)
{
        s->target &= s->depth > 0 && strchr("P[{", s->brackets[0]) == NULL;
}

/* The value of a pair or a parameter begins; false: it has begun before. */
static bool begin_value(struct suspect *s)
{
        bool *valued = &s->valued[s->depth - 1], before = *valued;

        *valued = true;
        return !before;
}

static void statement(struct suspect *s)
{
        s->want = OPERAND;
        s->rule = SIMPLE;
        s->last = s->before = '\0';
        s->colon = false;
        s->target = true;
}

/* The line that begins with KEYWORD continues a statement of its block: 'i' an if, 'l' a loop, 't' a try that
 * has nothing yet, 'x' one that has handlers, 'e' and an else; or it begins one of its own. */
static void chain(struct suspect *s, enum keyword keyword)
{
        char *at = &s->chain[s->blocks - 1];
        const char *after = keyword == ELIF      ? "i"
                            : keyword == ELSE    ? "ilx"
                            : keyword == EXCEPT  ? "tx"
                            : keyword == FINALLY ? "txe"
                                                 : NULL;

        if (after != NULL ? *at == '\0' || strchr(after, *at) == NULL : *at == 't')
                bad(s);
        switch (keyword) {
        case IF:
        case ELIF:
                *at = 'i';
                break;
        case FOR:
        case WHILE:
                *at = 'l';
                break;
        case TRY:
                *at = 't';
                break;
        case EXCEPT:
                *at = 'x';
                break;
        case ELSE:
                *at = *at == 'x' ? 'e' : '\0';
                break;
        default:
                *at = '\0';
        }
}

void suspect_begin(struct suspect *s, uint32_t column)
{
        s->chain[0] = '\0';
        s->depth = 0;
        s->blocks = 1;
        s->columns[0] = column;
        s->opened = s->bad = false;
}

void suspect_line(struct suspect *s, uint32_t column)
{
        if (s->opened) {
                if (column <= s->columns[s->blocks - 1] || s->blocks == SUSPECT_MAX_BLOCKS)
                        bad(s);
                else {
                        s->chain[s->blocks] = '\0';
                        s->columns[s->blocks++] = column;
                }
        } else {
                while (s->blocks > 1 && s->columns[s->blocks - 1] > column)
                        if (s->chain[--s->blocks] == 't')
                                bad(s);
                if (s->columns[s->blocks - 1] != column)
                        bad(s);
        }
        s->opened = false;
        s->at_start = true;
        statement(s);
}

/* The first word of a statement. */
static void first(struct suspect *s, enum keyword keyword)
{
        switch (keyword) {
        case BREAK:
                s->want = NOTHING;
                break;
        case RETURN:
        case RAISE:
                s->want = OPTIONAL;
                break;
        case ASSERT:
        case DEL:
        case GLOBAL:
                s->want = OPERAND;
                s->target = false;
                break;
        case IMPORT:
        case FROM:
                s->rule = WORDS;
                break;
        case IF:
        case ELIF:
        case WHILE:
        case WITH:
        case FOR:
                s->rule = BLOCK;
                s->want = OPERAND;
                break;
        case EXCEPT:
                s->rule = BLOCK;
                s->want = OPTIONAL;
                break;
        case ELSE:
        case TRY:
        case FINALLY:
                s->rule = BLOCK;
                s->want = ONLY_COLON;
                break;
        case DEF_:
                s->rule = DEF;
                s->want = NAME;
                break;
        case CLASS_:
                s->rule = CLASS;
                s->want = NAME;
                break;
        default:
                bad(s);
        }
        s->target = false;
        s->last = 'k';
}

/* A word where an operand may stand. */
static void operand_word(struct suspect *s, enum keyword keyword)
{
        switch (keyword) {
        case NONE:
        case CONSTANT:
                s->want = OPERATOR;
                s->last = 'n';
                break;
        case NOT:
        case AWAIT:
                s->want = OPERAND;
                s->last = 'k';
                break;
        case LAMBDA:
                push(s, 'L');
                s->want = OPTIONAL;
                s->target &= s->depth > 1;
                s->last = '(';
                break;
        case YIELD:
                s->want = OPTIONAL;
                s->last = 'y';
                break;
        case FROM: /* yield from */
                if (s->last != 'y')
                        bad(s);
                s->want = OPERAND;
                s->last = 'k';
                break;
        default:
                bad(s);
        }
}

/* A word between operands. */
static void operator_word(struct suspect *s, enum keyword keyword)
{
        no_target(s);
        switch (keyword) {
        case AS:
                if (s->rule != BLOCK)
                        bad(s);
                s->want = OPERAND;
                break;
        case AND:
        case OR:
        case IN:
        case IF:
        case ELSE:
        case FROM: /* raise X from Y */
                s->want = OPERAND;
                break;
        case IS:
                s->want = OPERAND; /* "not" may follow */
                break;
        case NOT:
                s->want = IN_AFTER_NOT;
                break;
        case FOR:
        case ASYNC:
                if (s->depth == 0)
                        bad(s);
                s->want = keyword == FOR ? OPERAND : NAME;
                if (keyword == ASYNC)
                        bad(s); /* rare: leave it to the parser */
                break;
        default:
                bad(s);
        }
        s->last = 'k';
}

static void on_word(struct suspect *s, const char *text, size_t n)
{
        enum keyword keyword = keyword_of(text, n);

        if (s->rule == WORDS) {
                if (s->last == 'n' && keyword != IMPORT && keyword != AS)
                        bad(s);
                s->last = keyword == IMPORT || keyword == AS ? 'k' : 'n';
                return;
        }
        if (s->last == '\0' && keyword == ASYNC) /* async def, for, with */
                return;
        if (s->last == '\0' && keyword != NONE && keyword != CONSTANT && keyword != NOT && keyword != AWAIT &&
            keyword != LAMBDA && keyword != YIELD) {
                first(s, keyword);
                return;
        }
        switch (s->want) {
        case NAME:
                if (keyword != NONE)
                        bad(s);
                s->want = OPERATOR;
                s->last = 'n';
                break;
        case OPERAND:
        case OPTIONAL:
                operand_word(s, keyword);
                break;
        case OPERATOR:
                operator_word(s, keyword);
                break;
        case IN_AFTER_NOT:
                if (keyword != IN)
                        bad(s);
                s->want = OPERAND;
                break;
        default:
                bad(s);
        }
}

static void on_open(struct suspect *s, char c)
{
        if (s->rule == WORDS) {
                if (s->last != 'k' || c != '(')
                        bad(s);
                return;
        }
        if (s->rule == DEF && s->depth == 0) {
                if (c != '(' || s->want != OPERATOR)
                        bad(s);
                push(s, 'D');
                s->rule = BLOCK;
        } else {
                if (s->want > OPTIONAL || (s->want == OPERATOR && c == '{'))
                        bad(s);
                if (s->want == OPERATOR)
                        push(s, c == '[' ? 'S' : c);
                else
                        push(s, c == '(' ? 'P' : c);
                if (s->rule == CLASS && s->depth == 1)
                        s->rule = BLOCK;
        }
        s->want = OPTIONAL;
        s->last = '(';
}

static void on_close(struct suspect *s, char c)
{
        char open = top(s);

        if (s->rule == WORDS) {
                if (s->last != 'n' && s->last != ',')
                        bad(s);
                s->last = 'n';
                return;
        }
        if (s->depth == 0 ||
            strchr(c == ')'   ? "(PD"
                   : c == ']' ? "[S"
                              : "{",
                   open) == NULL ||
            (s->want != OPERATOR && s->want != OPTIONAL) || (open == 'S' && s->last == '('))
                bad(s);
        else
                s->depth--;
        s->want = OPERATOR;
        s->last = open == '(' ? 'c' : ')';
}

static void on_colon(struct suspect *s)
{
        char open = top(s);

        s->last = ':';
        if (open == 'L') {
                if (s->want != OPERATOR && s->want != OPTIONAL)
                        bad(s);
                s->depth--;
                s->want = OPERAND;
        } else if (open == 'S') {
                if (s->want != OPERATOR && s->want != OPTIONAL)
                        bad(s);
                s->want = OPTIONAL;
        } else if (open == '{' || open == 'D') {
                if (s->want != OPERATOR || !begin_value(s))
                        bad(s);
                s->want = OPERAND;
        } else if (open != '\0') {
                bad(s);
        } else if (s->rule == SIMPLE) { /* an annotation */
                if (s->want != OPERATOR)
                        bad(s);
                s->want = OPERAND;
                s->rule = ANNOTATED;
        } else if (s->rule == BLOCK || s->rule == CLASS) {
                if (s->want != OPERATOR && s->want != OPTIONAL && s->want != ONLY_COLON)
                        bad(s);
                statement(s);
                s->colon = true;
        } else {
                bad(s);
        }
}

static void on_comma(struct suspect *s)
{
        if (s->want != OPERATOR || (s->depth == 0 && s->rule == ANNOTATED))
                bad(s);
        s->want = s->depth > 0 || s->rule == SIMPLE ? OPTIONAL : OPERAND;
        s->last = ',';
        if (s->depth > 0)
                s->valued[s->depth - 1] = false;
}

/* * and ** before an operand, / among parameters */
static void on_star(struct suspect *s, char c, size_t n)
{
        char open = top(s);

        if (s->last != '(' && s->last != ',' && !(s->last == '\0' && c == '*' && n == 1) && s->last != '=' &&
            s->last != 'k') {
                bad(s);
        } else if (c == '/') {
                if (open != 'D' && open != 'L')
                        bad(s);
                s->want = OPERATOR;
        } else if (open == 'D' || open == 'L') {
                s->want = OPTIONAL; /* a star alone */
                if (n == 2)
                        s->want = OPERAND;
                s->last = '*';
        } else {
                s->want = OPERAND;
                s->last = '*';
        }
}

/* A binary operator, or an assignment's. */
static void on_infix(struct suspect *s, const char *text, size_t n)
{
        bool compares = n == 2 && text[1] == '=' && strchr("=!<>", text[0]) != NULL;
        bool assigns = text[n - 1] == '=' && !compares && text[0] != ':';
        char open = top(s);

        if (!assigns) {
                no_target(s);
                if ((open == 'D' || open == 'L') && !s->valued[s->depth - 1])
                        bad(s);
        } else if (s->depth == 0) {
                if ((s->rule != SIMPLE && s->rule != ANNOTATED) || !s->target ||
                    strchr("s1c", s->last) != NULL)
                        bad(s);
        } else if (n > 1 || strchr("(DL", open) == NULL ||
                   (open == '(' && (s->last != 'n' || strchr("(,", s->before) == NULL))) {
                bad(s);
        } else if (open == 'D' || open == 'L') {
                s->valued[s->depth - 1] = true;
        }
}

static bool is_number(const char *text, size_t n)
{
        size_t i = 0;

        if (n > 2 && text[0] == '0' && strchr("xXoObB", text[1]) != NULL)
                return true;
        while (i < n && ((text[i] >= '0' && text[i] <= '9') || text[i] == '_'))
                i++;
        if (i < n && text[i] == '.')
                for (i++; i < n && ((text[i] >= '0' && text[i] <= '9') || text[i] == '_');)
                        i++;
        if (i + 1 < n && (text[i] | 32) == 'e')
                for (i += 2; i < n && ((text[i] >= '0' && text[i] <= '9') || text[i] == '_');)
                        i++;
        if (i < n && (text[i] | 32) == 'j')
                i++;
        return i == n;
}

static void on_operator(struct suspect *s, const char *text, size_t n)
{
        char c = text[0];

        if (s->rule == WORDS) {
                if (c == ',' ? s->last != 'n' : c == '*' ? s->last != 'k' : c != '.')
                        bad(s);
                s->last = c;
                return;
        }
        if (n == 1 && c == ':') {
                on_colon(s);
        } else if (n == 1 && c == ',') {
                if (s->want == OPTIONAL && s->last == '*')
                        s->want = OPERATOR;
                on_comma(s);
        } else if (n == 1 && c == ';') {
                if (s->depth > 0 || (s->want != OPERATOR && s->want != OPTIONAL && s->want != NOTHING) ||
                    s->colon)
                        bad(s);
                statement(s);
        } else if (s->want == OPERATOR ||
                   (s->want == OPTIONAL && s->last == ',' && s->depth == 0 && n == 1 && c == '=')) {
                if (n == 1 && c == '.') {
                        s->want = NAME;
                } else if (c == '~' || c == '@' ||
                           (c == '-' && n == 2 && text[1] == '>' && s->rule != BLOCK)) {
                        if (c != '@')
                                bad(s);
                        s->want = OPERAND;
                } else {
                        on_infix(s, text, n);
                        s->want = OPERAND;
                }
                s->last = c == '=' && n == 1 ? '=' : 'o';
        } else if (s->want == OPERAND || s->want == OPTIONAL) {
                if (n == 1 && (c == '-' || c == '+' || c == '~')) {
                        s->want = OPERAND;
                        no_target(s);
                        s->last = 'o';
                } else if (c == '*' || (n == 1 && c == '/')) {
                        on_star(s, c, n);
                } else if (n == 1 && c == '.') { /* the first of an ellipsis */
                        s->want = SECOND_DOT;
                        s->last = '.';
                } else if (n == 1 && c == '@' && s->last == '\0') {
                        s->last = 'k'; /* a decorator */
                } else {
                        bad(s);
                }
        } else if (n == 1 && c == '.' && s->want == SECOND_DOT) {
                s->want = THIRD_DOT;
        } else if (n == 1 && c == '.' && s->want == THIRD_DOT) {
                s->want = OPERATOR;
                s->last = 'n';
        } else {
                bad(s);
        }
}

void suspect_token(struct suspect *s, enum token token, const char *text, size_t n)
{
        char last = s->last;

        if (s->bad)
                return;
        if (s->at_start) {
                enum keyword keyword = token == TOKEN_NAME ? keyword_of(text, n) : NONE;

                s->at_start = keyword == ASYNC;
                if (!s->at_start)
                        chain(s, keyword);
        }
        if (s->want == NOTHING && !(token == TOKEN_OPERATOR && text[0] == ';')) {
                bad(s);
                return;
        }
        switch (token) {
        case TOKEN_NAME:
                on_word(s, text, n);
                break;
        case TOKEN_NUMBER:
        case TOKEN_STRING:
                if (s->rule == WORDS || (s->want > OPTIONAL) ||
                    (token == TOKEN_NUMBER && !is_number(text, n)) ||
                    (s->want == OPERATOR && !(token == TOKEN_STRING && s->last == 's')))
                        bad(s);
                s->want = OPERATOR;
                s->last = token == TOKEN_STRING ? 's' : '1';
                break;
        case TOKEN_OPEN:
                on_open(s, text[0]);
                break;
        case TOKEN_CLOSE:
                on_close(s, text[0]);
                break;
        case TOKEN_OPERATOR:
                on_operator(s, text, n);
                break;
        default:
                bad(s);
        }
        s->before = last;
}

void suspect_line_end(struct suspect *s)
{
        if (s->bad)
                return;
        if (s->colon && s->last == '\0') { /* nothing behind the colon */
                s->opened = true;
                return;
        }
        if (s->depth > 0 || (s->rule != SIMPLE && s->rule != WORDS && s->rule != ANNOTATED) ||
            (s->rule == WORDS && s->last != 'n' && s->last != '*') ||
            (s->rule != WORDS && s->want != OPERATOR && s->want != NOTHING && s->want != OPTIONAL) ||
            (s->want == OPTIONAL && s->last != ',' && s->last != 'k' && s->last != 'y'))
                bad(s);
}

bool suspect_end(struct suspect *s)
{
        for (int i = 0; i < s->blocks; i++)
                s->bad |= s->chain[i] == 't';
        return s->bad || s->opened;
}
