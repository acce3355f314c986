/* How it works: logical lines are copied one by one. Where one is a def that ends with a colon, the lines
 * below it that are indented more are its body: they are looked at by suspect.c, and then copied or left out.
 */
#include "runtime/discover/skim.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/discover/lexer.h"
#include "runtime/discover/suspect.h"

struct skimmer {
        struct lexer lex;
        struct skim *out;
        size_t cap_lines;
        bool failed;
};

/* Words for whose sake a body is kept: they tell what else is collected, which fixtures it asks for, and what
 * a function makes that is used as a decorator or to make fixtures. */
static bool is_telling(const char *text, size_t n)
{
        static const struct {
                const char *word;
                size_t n;
        } telling[] = {{"getfixturevalue", 15},
                       {"SkipTest", 8},
                       {"importorskip", 12},
                       {"globals", 7},
                       {"setattr", 7},
                       {"__dict__", 8},
                       {"parametrize", 11},
                       {"ResourceDenied", 14},
                       {"modules", 7},
                       {"fixture", 7},
                       {"pluginmanager", 13},
                       {"import_plugin", 13},
                       {"mark", 4},
                       {"wraps", 5},
                       {"exec", 4},
                       {"eval", 4},
                       {"locals", 6},
                       {"vars", 4},
                       {"delattr", 7},
                       {"__import__", 10},
                       {"__signature__", 13},
                       {"__wrapped__", 11},
                       {"_fixturemanager", 15},
                       {"parsefactories", 14},
                       {"_arg2fixturedefs", 16}};

        if (n < 4)
                return false;
        for (size_t i = 0; i < sizeof telling / sizeof telling[0]; i++)
                if (n == telling[i].n && memcmp(text, telling[i].word, n) == 0)
                        return true;
        return false;
}

static void add_line(struct skimmer *s, uint32_t line)
{
        if (s->out->n_lines == s->cap_lines) {
                size_t cap = s->cap_lines * 2 + 256;
                uint32_t *v = realloc(s->out->lines, cap * sizeof *v);

                if (v == NULL) {
                        s->failed = true;
                        return;
                }
                s->out->lines = v;
                s->cap_lines = cap;
        }
        s->out->lines[s->out->n_lines++] = line;
}

/* Copies whole lines. */
static void copy(struct skimmer *s, const char *from, const char *to, uint32_t line)
{
        memcpy(s->out->text + s->out->n, from, (size_t)(to - from));
        s->out->n += (size_t)(to - from);
        while (from < to && !s->failed) {
                const char *eol = memchr(from, '\n', (size_t)(to - from));

                add_line(s, line++);
                from = eol != NULL ? eol + 1 : to;
        }
}

/* How far the line at P is indented; *RET_P is what stands there. */
static uint32_t indentation(const char *p, const char **ret_p)
{
        uint32_t column = 0;

        for (;; p++)
                if (*p == ' ')
                        column++;
                else if (*p == '\t')
                        column = (column / 8 + 1) * 8;
                else if (*p == '\f')
                        column = 0;
                else
                        break;
        *ret_p = p;
        return column;
}

static bool is_word(const struct lexer *l, const char *word, size_t n)
{
        return (size_t)(l->p - l->start) == n && memcmp(l->start, word, n) == 0;
}

struct line {
        const char *start;
        const char *text; /* behind the indentation */
        uint32_t number, column;
        bool blank, is_string, is_def, opens; /* is_def and opens: a block follows */
        bool telling, returns, on_class;      /* on_class: the statement begins with cls */
};

/* Reads a logical line; SUSPECT, which may be NULL, gets its tokens. False at the end of the text, or where
 * it cannot be told what is a line. */
static bool read_line(struct skimmer *s, struct line *ret, struct suspect *suspect)
{
        struct lexer *l = &s->lex;
        size_t tokens = 0;
        int depth = 0;
        char last = '\0';

        *ret = (struct line){.start = l->p, .number = l->line};
        if (l->p >= l->end)
                return false;
        ret->column = indentation(l->p, &ret->text);
        ret->is_string = true;
        for (;;) {
                enum token token = lexer_next(l);

                if (token == TOKEN_BAD)
                        s->failed = true;
                if (token == TOKEN_BAD || token == TOKEN_END || (token == TOKEN_NEWLINE && depth == 0))
                        break;
                if (token == TOKEN_NEWLINE)
                        continue;
                if (tokens == 0 && suspect != NULL)
                        suspect_line(suspect, ret->column);
                if (token == TOKEN_NAME) {
                        if (tokens == 0 && is_word(l, "return", 6))
                                ret->returns = true;
                        if (tokens == 0 && (is_word(l, "cls", 3) || is_word(l, "klass", 5)))
                                ret->on_class = true;
                        ret->is_def |= (tokens == 0 || (tokens == 1 && ret->is_def)) && is_word(l, "def", 3);
                        if (tokens == 0 && is_word(l, "async", 5))
                                ret->is_def = true; /* if def follows */
                        else if (tokens == 1 && ret->is_def && last == 'a')
                                ret->is_def = is_word(l, "def", 3);
                        ret->telling |= is_telling(l->start, (size_t)(l->p - l->start));
                }
                depth += token == TOKEN_OPEN ? 1 : token == TOKEN_CLOSE ? -1 : 0;
                if (depth < 0) {
                        s->failed = true;
                        break;
                }
                if (suspect != NULL)
                        suspect_token(suspect, token, l->start, (size_t)(l->p - l->start));
                ret->is_string &= token == TOKEN_STRING;
                last = token == TOKEN_STRING ? 's' : *l->start;
                tokens++;
        }
        if (depth > 0)
                s->failed = true;
        if (tokens > 0 && suspect != NULL)
                suspect_line_end(suspect);
        ret->blank = tokens == 0;
        ret->opens = last == ':';
        return !s->failed;
}

/* "0" in place of the statements that begin with LINE. */
static void replace(struct skimmer *s, const struct line *line)
{
        size_t n = (size_t)(line->text - line->start);

        memcpy(s->out->text + s->out->n, line->start, n);
        memcpy(s->out->text + s->out->n + n, "0\n", 2);
        s->out->n += n + 2;
        add_line(s, line->number);
}

/* The body of the def DEF, of which S is behind the colon: left out or copied. */
static void skim_body(struct skimmer *s, const struct line *def)
{
        const char *from = s->lex.p, *to = from, *p;
        uint32_t number = s->lex.line;
        struct line line, first = {0};
        struct suspect suspect;
        bool keep = false, only_text = true;

        while (s->lex.p < s->lex.end) {
                uint32_t column = indentation(s->lex.p, &p);
                bool blank = *p == '\n' || *p == '\r' || *p == '#' || *p == '\0';

                if (!blank && column <= def->column)
                        break;
                if (first.start == NULL)
                        suspect_begin(&suspect, column);
                if (!read_line(s, &line, &suspect))
                        break;
                if (line.blank)
                        continue;
                keep |= line.telling || (only_text && line.returns) || (def->column == 0 && line.on_class);
                only_text &= line.is_string;
                if (first.start == NULL)
                        first = line;
                to = s->lex.p;
        }
        if (s->failed || first.start == NULL)
                return; /* without a body, the parser will say so */
        if (keep || suspect_end(&suspect))
                copy(s, from, to, number);
        else
                replace(s, &first);
}

bool skim_text(struct skim *ret, const char *text, size_t n)
{
        struct skim out = {.text = malloc(n + 8)};
        struct skimmer s = {.lex = {.p = text, .end = text + n, .line = 1}, .out = &out};
        struct line line;

        *ret = (struct skim){0};
        if (out.text == NULL)
                return false;
        while (read_line(&s, &line, NULL)) {
                if (line.blank)
                        continue;
                if (line.is_string)
                        replace(&s, &line);
                else
                        copy(&s, line.start, s.lex.p, line.number);
                if (line.is_def && line.opens)
                        skim_body(&s, &line);
                if (s.failed)
                        break;
        }
        out.text[out.n] = '\0';
        if (s.failed) {
                skim_finish(&out);
                return false;
        }
        *ret = out;
        return true;
}

void skim_finish(struct skim *skim)
{
        free(skim->text);
        free(skim->lines);
        *skim = (struct skim){0};
}
