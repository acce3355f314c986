/* How it works: each "import", and each place where a name stands, is looked at from both sides. */
#include "runtime/discover/words.h"

#include <ctype.h>
#include <string.h>

#define MAX_GLANCE 256 /* characters */

static bool is_part(char c)
{
        return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The length of the end of a line at P, 0 where there is none. */
static size_t line_end(const char *p)
{
        return p[0] == '\n' ? 1 : p[0] != '\r' ? 0 : p[1] == '\n' ? 2 : 1;
}

/* Skips blanks and lines that go on; WITHIN parentheses, the ends of lines and comments as well. */
static const char *skip(const char *p, bool within)
{
        for (;;) {
                if (*p == ' ' || *p == '\t' || *p == '\f' || (within && line_end(p) > 0))
                        p++;
                else if (*p == '\\' && line_end(p + 1) > 0)
                        p += 1 + line_end(p + 1);
                else if (within && *p == '#')
                        p += strcspn(p, "\r\n");
                else
                        return p;
        }
}

/* The same backwards, from AT as far as TEXT. */
static const char *skip_back(const char *text, const char *at)
{
        for (;;) {
                const char *p = at;

                if (p > text && (p[-1] == ' ' || p[-1] == '\t' || p[-1] == '\f')) {
                        at--;
                        continue;
                }
                p -= p > text && p[-1] == '\n';
                p -= p > text && p[-1] == '\r';
                if (p == at || p == text || p[-1] != '\\')
                        return at;
                at = p - 1;
        }
}

static size_t word(const char *p)
{
        size_t n = 0;

        while (is_part(p[n]))
                n++;
        return n;
}

static bool is(const char *p, size_t n, const char *what)
{
        return n == strlen(what) && memcmp(p, what, n) == 0;
}

/* Whether the name AT begins a statement. */
static bool is_first(const char *text, const char *at)
{
        const char *p = skip_back(text, at);

        return p == text || strchr(";:\r\n", p[-1]) != NULL;
}

/* Where the "from" may stand that belongs to the "import" AT, not before TEXT; or AT. */
static const char *from_of(const char *text, const char *at)
{
        for (const char *p = at; p > text;) {
                const char *end = p = skip_back(text, p);

                while (p > text && is_part(p[-1]))
                        p--;
                if (is(p, (size_t)(end - p), "from"))
                        return p;
                if (p == end && (p == text || p[-1] != '.'))
                        break;
                p -= p == end;
        }
        return at;
}

/* The dotted name at *P, which is then behind it and the blanks there, WITHIN parentheses or not; "" where
 * there is none, NULL: no memory. */
static const char *read_dotted(const char **p, bool within, struct arena *arena)
{
        const char *end = *p;
        char *name;
        size_t n = 0;

        while (is_part(*end)) {
                end = skip(end + word(end), within);
                if (*end != '.')
                        break;
                end = skip(end + 1, within);
        }
        name = arena_strn(arena, *p, (size_t)(end - *p));
        for (; name != NULL && *p < end; *p = skip(*p + 1, within))
                name[n++] = **p;
        if (name != NULL)
                name[n] = '\0';
        return name;
}

/* "from ..module " as far as AT. */
static bool read_from(const char *p, const char *at, struct arena *arena, struct import *ret)
{
        if (p == at)
                return false;
        *ret = (struct import){0};
        for (p = skip(p + strlen("from"), false); *p == '.'; p = skip(p + 1, false))
                ret->level++;
        ret->module = p < at ? read_dotted(&p, false, arena) : "";
        return ret->module != NULL && p == at && (ret->module[0] != '\0' || ret->level > 0);
}

/* The next "import", with or without a "from" before it. */
static bool next_statement(struct words_imports *w, struct arena *arena)
{
        const char *at;

        while ((at = strstr(w->p, "import")) != NULL) {
                const char *begin = w->text;

                w->p = at + strlen("import");
                if (is_part(*w->p) || (at > w->text && is_part(at[-1])))
                        continue;
                w->text = w->p; /* no other "from" is before it */
                w->plain = is_first(begin, at);
                w->from = (struct import){0};
                if (!w->plain && !read_from(from_of(begin, at), at, arena, &w->from))
                        continue;
                w->p = skip(w->p, false);
                w->within = *w->p == '(';
                w->p = skip(w->p + w->within, w->within);
                w->goes_on = true;
                return true;
        }
        return false;
}

/* The name or the module at the walk's place. */
static void read_one(struct words_imports *w, struct arena *arena, struct import *ret, const char **ret_bound)
{
        size_t n = *w->p == '*' ? 1 : word(w->p);

        *ret = w->from;
        if (w->plain) {
                ret->module = read_dotted(&w->p, false, arena);
        } else {
                ret->name = n == 0 || *w->p == '*' ? NULL : arena_strn(arena, w->p, n);
                w->p = skip(w->p + n, w->within);
        }
        *ret_bound = ret->name;
        if (n > 0 && is(w->p, word(w->p), "as")) {
                w->p = skip(w->p + strlen("as"), w->within);
                *ret_bound = arena_strn(arena, w->p, word(w->p));
                w->p = skip(w->p + word(w->p), w->within);
        } else if (w->plain && ret->module != NULL) { /* "import a.b" binds a */
                *ret_bound = ret->module = arena_strn(arena, ret->module, strcspn(ret->module, "."));
        }
        w->goes_on = n > 0 && *w->p == ',';
        if (w->goes_on)
                w->p = skip(w->p + 1, w->within);
}

bool words_next_import(struct words_imports *w, struct arena *arena, struct import *ret,
                       const char **ret_bound)
{
        bool found;

        if (w->text == NULL)
                w->text = w->p;
        do {
                if (!w->goes_on && !next_statement(w, arena))
                        return false;
                found = *w->p == '*' || is_part(*w->p);
                read_one(w, arena, ret, ret_bound);
        } while (!found);
        return !arena->failed;
}

/* Whether AT, in TEXT, stands behind the word KEYWORD. */
static bool is_behind(const char *text, const char *at, const char *keyword)
{
        size_t n = strlen(keyword);
        const char *p = skip_back(text, at);

        return p < at && (size_t)(p - text) >= n && memcmp(p - n, keyword, n) == 0 &&
               ((size_t)(p - text) == n || !is_part(p[-(ptrdiff_t)n - 1]));
}

/* Behind an annotation at P: where its "=" is, else what ends it; NULL where that is not told at a glance. */
static const char *behind_annotation(const char *p)
{
        const char *const end = p + strnlen(p, MAX_GLANCE);
        int depth = 0;

        for (; p < end; p++) {
                if (depth < 0 || (depth == 0 && strchr("=,:;#\r\n", *p) != NULL))
                        return p;
                if (*p == '"' || *p == '\'') {
                        const char *line = p + strcspn(p, "\r\n"),
                                   *quote = memchr(p + 1, *p, (size_t)(end - p) - 1);

                        if (quote == NULL || quote > line) /* prose, unless it goes on */
                                return line[-1] == '\\' ? NULL : line;
                        p = quote;
                }
                if (*p == '\\')
                        return NULL;
                depth += strchr("([{", *p) != NULL;
                depth -= strchr(")]}", *p) != NULL;
        }
        return *p == '\0' ? p : NULL;
}

/* Whether the colon AT stands between a name and its annotation. */
static bool is_annotating(const char *text, const char *at)
{
        const char *end = skip_back(text, at), *p = end;

        while (p > text && (is_part(p[-1]) || p[-1] == '.') && end - p < MAX_GLANCE)
                p--;
        if (p == end || is(p, (size_t)(end - p), "else") || is(p, (size_t)(end - p), "try") ||
            is(p, (size_t)(end - p), "finally"))
                return false;
        p = skip_back(text, p);
        return p == text || strchr(",(*;\r\n", p[-1]) != NULL;
}

/* Whether a target that is assigned to may have begun before the name AT: "a, (b, name = ...", not "f(a, name
 * = ...". */
static bool is_target(const char *text, const char *at)
{
        for (size_t n = 0; n < MAX_GLANCE; n++) {
                at = skip_back(text, at);
                if (at == text || strchr(";:=\r\n", at[-1]) != NULL)
                        return at == text || at[-1] != ':' || !is_annotating(text, at - 1);
                if (!is_part(at[-1]) && strchr(".*,()[]", at[-1]) == NULL)
                        return false;
                at--;
                if ((*at == '(' || *at == '[') && at > text && is_part(at[-1]))
                        return false;
        }
        return true;
}

/* Whether more targets stand at P, and then what is assigned to them. */
static bool goes_on_as_target(const char *p)
{
        const char *end = p;

        while (end < p + MAX_GLANCE && *end != '\0' && (is_part(*end) || strchr(" \t.*,()[]", *end) != NULL))
                end++;
        return (end[0] == '=' && end[1] != '=') || end == p + MAX_GLANCE;
}

/* What stands behind the "=" before P. */
static enum words_binding value_of(const char *p)
{
        const char *end = p = skip(p, false);
        size_t n = word(p);

        if (isdigit((unsigned char)*p) || is(p, n, "None") || is(p, n, "True") || is(p, n, "False"))
                return WORDS_VALUE;
        while (is_part(*end) || *end == '.')
                end = skip(end + 1, false);
        return end == p || (*end != '\0' && strchr("\r\n;#=", *end) == NULL) ? WORDS_VALUE : WORDS_ALIAS;
}

/* What is assigned to the name from AT to P, if anything is. */
static enum words_binding assigned(const char *text, const char *at, const char *p)
{
        const char *before = skip_back(text, at);

        p = skip(p, false);
        if (*p == ':' && (p[1] == '=' || is_behind(text, at, "as") || is_behind(text, at, "case")))
                return WORDS_ALIAS;
        if (*p == ':' && *skip(p + 1, false) == '{') /* a key: nobody annotates with a display */
                return WORDS_NONE;
        if (*p == ':' && is_first(text, at) && (p = behind_annotation(p + 1)) == NULL)
                return WORDS_ALIAS;
        if (p[0] == '=' && p[1] != '=')
                return !is_target(text, at)                                  ? WORDS_NONE
                       : before > text && strchr(",([*", before[-1]) != NULL ? WORDS_ALIAS
                                                                             : value_of(p + 1);
        if (is_behind(text, at, "global") || is_behind(text, at, "nonlocal"))
                return WORDS_ALIAS;
        if (is(p, word(p), "in"))
                return is_behind(text, at, "for") || (before > text && before[-1] == ',') ? WORDS_ALIAS
                                                                                          : WORDS_NONE;
        return *p != '\0' && strchr(",)]", *p) != NULL && goes_on_as_target(p) && is_target(text, at)
                   ? WORDS_ALIAS
                   : WORDS_NONE;
}

enum words_binding words_next_binding(const char *text, const char **p, const char *name)
{
        size_t n = strlen(name);
        const char *at;

        while (n > 0 && (at = strstr(*p, name)) != NULL) {
                enum words_binding found = WORDS_NONE;

                *p = at + n;
                if (is_part(at[n]) || (at > text && is_part(at[-1])))
                        continue;
                if (is_behind(text, at, "class"))
                        found = WORDS_CLASS;
                else if (is_behind(text, at, "def"))
                        found = WORDS_FUNCTION;
                else
                        found = assigned(text, at, at + n);
                if (found != WORDS_NONE)
                        return found;
        }
        return WORDS_NONE;
}

/* Behind what is in brackets at P, or as far as the text goes. */
static const char *behind_brackets(const char *p)
{
        int depth = 0;

        for (; *p != '\0'; p++) {
                depth += strchr("([{", *p) != NULL;
                depth -= strchr(")]}", *p) != NULL;
                if (depth <= 0)
                        break;
        }
        return *p != '\0' ? p + 1 : p;
}

/* A base that is another expression than a dotted name, or where the text ends before the class's bases do.
 */
static const char *other_base(const char **at, const char *p)
{
        *at = p;
        return "";
}

const char *words_next_base(const char **at, struct arena *arena)
{
        const char *p = skip(*at, false), *end;
        const char *base;

        if (*p == '[') /* class A[T](...) */
                p = skip(behind_brackets(p), false);
        if (*p != '(' && *p != ',')
                return NULL;
        for (p = skip(p + 1, true); *p != ')';) {
                base = read_dotted(&p, true, arena);
                if (base == NULL)
                        return NULL;
                end = p;
                if (*end == '[') /* Generic[T] */
                        end = skip(behind_brackets(end), true);
                if (base[0] != '\0' && (*end == ',' || *end == ')')) {
                        *at = end;
                        return base;
                }
                while (*end != '\0' && *end != ',' && *end != ')')
                        end = strchr("([{", *end) != NULL ? behind_brackets(end) : end + 1;
                if (*p != '=' || *end == '\0')
                        return other_base(at, end);
                if (*end == ')') /* metaclass=... */
                        return NULL;
                p = skip(end + 1, true);
        }
        return NULL;
}
