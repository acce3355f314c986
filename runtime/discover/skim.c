/* How it works: logical lines are copied one by one. Where one is a def that ends with a colon, the lines
 * below it that are indented more are its body: they are looked at by suspect.c, and then copied or left out.
 * The def itself is looked at too, and written on one line without its annotations. */
#include "runtime/discover/skim.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/discover/lexer.h"
#include "runtime/discover/suspect.h"

#define MAX_SHORT 4 /* logical lines of a function that may be played (interp.h) */

struct skimmer {
        struct lexer lex;
        struct skim *out;
        size_t cap_lines;
        bool failed;
};

enum telling { TELLS_NOT, TELLS_OF_CODE, TELLS };

/* Words for whose sake a body is kept: they tell what else is collected, which fixtures it asks for, and what
 * a function makes that is used as a decorator or to make fixtures. TELLS_OF_CODE: what happens when it runs,
 * which for a test is after all tests have been found. */
static enum telling telling(const char *text, size_t n)
{
        static const struct {
                const char *word;
                size_t n;
                enum telling how;
        } words[] = {{"getfixturevalue", 15, TELLS},
                     {"SkipTest", 8, TELLS_OF_CODE},
                     {"importorskip", 12, TELLS_OF_CODE},
                     {"global", 6, TELLS_OF_CODE},
                     {"globals", 7, TELLS_OF_CODE},
                     {"setattr", 7, TELLS_OF_CODE},
                     {"__dict__", 8, TELLS_OF_CODE},
                     {"parametrize", 11, TELLS},
                     {"ResourceDenied", 14, TELLS_OF_CODE},
                     {"modules", 7, TELLS_OF_CODE},
                     {"fixture", 7, TELLS},
                     {"pluginmanager", 13, TELLS},
                     {"import_plugin", 13, TELLS},
                     {"mark", 4, TELLS},
                     {"wraps", 5, TELLS},
                     {"exec", 4, TELLS_OF_CODE},
                     {"eval", 4, TELLS_OF_CODE},
                     {"locals", 6, TELLS_OF_CODE},
                     {"vars", 4, TELLS_OF_CODE},
                     {"_getframe", 9, TELLS_OF_CODE},
                     {"delattr", 7, TELLS_OF_CODE},
                     {"__import__", 10, TELLS_OF_CODE},
                     {"__signature__", 13, TELLS},
                     {"__wrapped__", 11, TELLS},
                     {"_fixturemanager", 15, TELLS},
                     {"parsefactories", 14, TELLS},
                     {"_arg2fixturedefs", 16, TELLS}};

        if (n < 4)
                return TELLS_NOT;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (n == words[i].n && memcmp(text, words[i].word, n) == 0)
                        return words[i].how;
        return TELLS_NOT;
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
        bool is_test;                         /* the def of a function called test_... */
        bool is_setup;                        /* or setUpClass or the like: called after all is collected */
        bool is_simple;                       /* "def f(a):" */
        bool returns, on_class, on_platform;  /* on_class: the statement begins with cls */
        bool gives_class;                     /* cls is an argument of a call */
        enum telling telling;                 /* of its most telling word */
        const char *what;                     /* of a def: its name; of "return NAME": the name */
        size_t n_what;
        const char *name; /* of a def: its first parameter's; else: what an attribute is assigned of */
        size_t n_name;
};

static bool is_setup(const struct lexer *l)
{
        return is_word(l, "setUpClass", 10) || is_word(l, "tearDownClass", 13) ||
               is_word(l, "setup_class", 11) || is_word(l, "teardown_class", 14);
}

static bool is_operator(const struct lexer *l, char c)
{
        return l->p - l->start == 1 && *l->start == c;
}

/* Token number AT of a line that may be "NAME.attribute = ..." or "def f(NAME...". */
static void note_name(struct line *line, const struct lexer *l, enum token token, size_t at, char last)
{
        bool name = token == TOKEN_NAME;

        if (line->is_def) {
                if (name && last == '(' && line->n_name == 0 && at <= 4) {
                        line->name = l->start;
                        line->n_name = (size_t)(l->p - l->start);
                }
                return;
        }
        if (at == 0 && name) {
                line->name = l->start;
                line->n_name = (size_t)(l->p - l->start);
        } else if ((at == 1 && !is_operator(l, '.')) || (at == 2 && !name) ||
                   (at == 3 && !is_operator(l, '='))) {
                line->n_name = 0;
        }
}

/* Whether LINE, in the body of DEF, assigns to an attribute of DEF's first parameter. */
static bool assigns(const struct line *def, const struct line *line)
{
        return !line->is_def && line->n_name > 0 && line->n_name == def->n_name &&
               memcmp(line->name, def->name, def->n_name) == 0;
}

/* Reads a logical line; SUSPECT, which may be NULL, gets its tokens. False at the end of the text, or where
 * it cannot be told what is a line. */
static bool read_line(struct skimmer *s, struct line *ret, struct suspect *suspect)
{
        struct lexer *l = &s->lex;
        size_t tokens = 0;
        int depth = 0;
        char last = '\0';
        bool given = false, is_class = false; /* a name may be an argument; it is cls */
        enum telling how;

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
                        is_class = is_word(l, "cls", 3) || is_word(l, "klass", 5);
                        ret->on_class |= is_class && tokens == 0;
                        ret->on_platform |= is_word(l, "platform", 8);
                        ret->is_def |= (tokens == 0 || (tokens == 1 && ret->is_def)) && is_word(l, "def", 3);
                        if (tokens == 0 && is_word(l, "async", 5))
                                ret->is_def = true; /* if def follows */
                        else if (tokens == 1 && ret->is_def && last == 'a')
                                ret->is_def = is_word(l, "def", 3);
                        how = telling(l->start, (size_t)(l->p - l->start));
                        ret->telling = how > ret->telling ? how : ret->telling;
                        if (ret->is_def && last == 'd' && l->p - l->start > 5 &&
                            memcmp(l->start, "test_", 5) == 0)
                                ret->is_test = true;
                        if (ret->is_def && last == 'd' && tokens <= 2)
                                ret->is_setup = is_setup(l);
                        if ((ret->is_def && last == 'd' && tokens <= 2) || (ret->returns && tokens == 1)) {
                                ret->what = l->start;
                                ret->n_what = (size_t)(l->p - l->start);
                        }
                }
                if (token != TOKEN_NAME) {
                        ret->gives_class |= is_class && given && (*l->start == ',' || *l->start == ')');
                        given = !ret->is_def && !ret->returns && (*l->start == '(' || *l->start == ',');
                        is_class = false;
                }
                if (tokens <= 4)
                        note_name(ret, l, token, tokens, last);
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
        ret->is_simple = ret->is_def && tokens == 6;
        if (ret->returns && tokens != 2)
                ret->n_what = 0;
        if (!ret->is_def && tokens <= 3)
                ret->n_name = 0;
        ret->opens = last == ':';
        return !s->failed;
}

static bool is_word_like(enum token token)
{
        return token == TOKEN_NAME || token == TOKEN_NUMBER || token == TOKEN_STRING;
}

/* Writes the def LINE on one line, without its annotations and without what ends the line. False, with
 * nothing written, where it cannot be told what they are. */
static bool put_def(struct skimmer *s, const struct line *line)
{
        struct lexer l = {.p = line->text, .end = s->lex.p, .line = line->number};
        enum token token, last = TOKEN_END;
        size_t before = s->out->n;
        bool annotation = false, in_parameters = false;
        int depth = 0, outside = 0; /* OUTSIDE: how deep the annotation is */

        memcpy(s->out->text + s->out->n, line->start, (size_t)(line->text - line->start));
        s->out->n += (size_t)(line->text - line->start);
        while ((token = lexer_next(&l)) != TOKEN_END) {
                size_t n = (size_t)(l.p - l.start);
                char c = *l.start;

                if (token == TOKEN_NEWLINE)
                        continue;
                if (is_word(&l, "lambda", 6) || (token == TOKEN_STRING && memchr(l.start, '\n', n) != NULL)) {
                        s->out->n = before;
                        return false;
                }
                depth -= token == TOKEN_CLOSE;
                if (annotation && depth == outside &&
                    (outside == 0 ? n == 1 && c == ':' : n == 1 && (c == ',' || c == '=')))
                        annotation = false;
                else if (annotation && depth < outside)
                        annotation = false;
                else if (!annotation && ((depth == 1 && in_parameters && n == 1 && c == ':') ||
                                         (depth == 0 && n == 2 && c == '-')))
                        annotation = true, outside = depth;
                in_parameters |= depth == 0 && c == '(';
                depth += token == TOKEN_OPEN;
                if (annotation)
                        continue;
                if (is_word_like(last) && (is_word_like(token) || last == TOKEN_NUMBER))
                        s->out->text[s->out->n++] = ' ';
                memcpy(s->out->text + s->out->n, l.start, n);
                s->out->n += n;
                last = token;
        }
        add_line(s, line->number);
        return true;
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

static void put(struct skimmer *s, const char *text)
{
        size_t n = strlen(text);

        memcpy(s->out->text + s->out->n, text, n);
        s->out->n += n;
}

/* The body of the def DEF, of which S is behind the colon: left out or copied. OPEN: the line of the def has
 * been written, but for its end. */
static void skim_body(struct skimmer *s, const struct line *def, bool open)
{
        const char *from = s->lex.p, *to = from, *p;
        uint32_t number = s->lex.line;
        struct line line, first = {0};
        struct suspect suspect;
        bool keep = false, only_text = true, returns = false, returns_def = false;
        const char *inner = NULL; /* the last def in it */
        size_t n_inner = 0;
        size_t n_lines = 0;

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
                keep |= line.telling > (def->is_test ? TELLS_OF_CODE : TELLS_NOT) ||
                        (only_text && line.returns) ||
                        ((line.on_class || line.gives_class) && !def->is_setup) ||
                        (def->column == 0 && (line.on_platform || assigns(def, &line)));
                only_text &= line.is_string;
                returns |= line.returns;
                if (line.is_def) {
                        inner = line.what;
                        n_inner = line.n_what;
                } else if (line.returns && n_inner > 0 && line.n_what == n_inner) {
                        returns_def |= memcmp(line.what, inner, n_inner) == 0;
                }
                n_lines += !line.is_string;
                if (first.start == NULL)
                        first = line;
                to = s->lex.p;
        }
        if (s->failed)
                return;
        keep |= def->column == 0 && !def->is_test && returns &&
                (n_lines <= MAX_SHORT || (def->is_simple && returns_def));
        if (first.start == NULL || keep || suspect_end(&suspect)) {
                put(s, open ? "\n" : "");
                copy(s, from, to, number); /* without a body, the parser will say so */
        } else if (open) {
                put(s, " 0\n");
        } else {
                replace(s, &first);
        }
}

bool skim_text(struct skim *ret, const char *text, size_t n)
{
        struct skim out = {.text = malloc(n * 2 + 8)}; /* blanks between tokens may be added */
        struct skimmer s = {.lex = {.p = text, .end = text + n, .line = 1}, .out = &out};
        struct line line;
        const char *p;

        *ret = (struct skim){0};
        if (out.text == NULL)
                return false;
        for (;;) {
                struct suspect suspect;
                bool open = false;

                suspect_begin(&suspect, indentation(s.lex.p, &p));
                if (!read_line(&s, &line, *p == 'd' || *p == 'a' ? &suspect : NULL))
                        break;
                if (line.blank)
                        continue;
                if (line.is_string)
                        replace(&s, &line);
                else if (line.is_def && line.opens && line.telling == TELLS_NOT && !suspect.bad &&
                         suspect.opened)
                        open = put_def(&s, &line);
                if (!line.is_string && !open)
                        copy(&s, line.start, s.lex.p, line.number);
                if (line.is_def && line.opens)
                        skim_body(&s, &line, open);
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
