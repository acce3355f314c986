/* How it works: each "import", and each place where a name stands, is looked at from both sides. */
#include "runtime/discover/words.h"

#include <ctype.h>
#include <string.h>

static bool is_part(char c)
{
        return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* Skips blanks and lines that go on; WITHIN parentheses, the ends of lines and comments as well. */
static const char *skip(const char *p, bool within)
{
        for (;;) {
                if (*p == ' ' || *p == '\t' || *p == '\f' || (within && (*p == '\n' || *p == '\r')))
                        p++;
                else if (p[0] == '\\' && (p[1] == '\n' || (p[1] == '\r' && p[2] == '\n')))
                        p += p[1] == '\n' ? 2 : 3;
                else if (within && *p == '#')
                        p += strcspn(p, "\n");
                else
                        return p;
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

/* Where the statement may begin that has the word AT. */
static const char *begin_of(const char *text, const char *at)
{
        const char *p = at;

        for (; p > text && p[-1] != ';' && p[-1] != ':'; p--) {
                const char *end = p - 1;

                if (*end != '\n' && *end != '\r')
                        continue;
                if (*end == '\n' && end > text && end[-1] == '\r')
                        end--;
                if (end == text || end[-1] != '\\')
                        break;
                p = end;
        }
        return skip(p, false);
}

/* "from ..module " as far as AT. */
static bool read_from(const char *p, const char *at, struct arena *arena, struct import *ret)
{
        char *module;
        size_t n = 0;

        if (!is(p, word(p), "from"))
                return false;
        *ret = (struct import){0};
        for (p = skip(p + strlen("from"), false); *p == '.'; p = skip(p + 1, false))
                ret->level++;
        module = arena_strn(arena, p, (size_t)(at - p));
        for (; module != NULL && p < at && (is_part(*p) || *p == '.'); p = skip(p, false)) {
                if (*p == '.')
                        module[n++] = *p++;
                for (; is_part(*p); p++)
                        module[n++] = *p;
        }
        if (module == NULL || p != at || (n == 0 && ret->level == 0))
                return false;
        module[n] = '\0';
        ret->module = module;
        return true;
}

/* The next "import" behind a "from". */
static bool next_statement(struct words_imports *w, struct arena *arena)
{
        const char *at;

        while ((at = strstr(w->p, "import")) != NULL) {
                w->p = at + strlen("import");
                if (is_part(*w->p) || (at > w->text && is_part(at[-1])) ||
                    !read_from(begin_of(w->text, at), at, arena, &w->from))
                        continue;
                w->p = skip(w->p, false);
                w->within = *w->p == '(';
                w->p = skip(w->p + w->within, w->within);
                return true;
        }
        return false;
}

bool words_next_import(struct words_imports *w, struct arena *arena, struct import *ret,
                       const char **ret_bound)
{
        const char *name;
        size_t n;

        if (w->text == NULL)
                w->text = w->p;
        do {
                if (w->from.module == NULL && !next_statement(w, arena))
                        return false;
                *ret = w->from;
                name = w->p;
                n = *name == '*' ? 1 : word(name);
                ret->name = n == 0 || *name == '*' ? NULL : arena_strn(arena, name, n);
                *ret_bound = ret->name;
                w->p = skip(w->p + n, w->within);
                if (n > 0 && is(w->p, word(w->p), "as")) {
                        w->p = skip(w->p + strlen("as"), w->within);
                        *ret_bound = arena_strn(arena, w->p, word(w->p));
                        w->p = skip(w->p + word(w->p), w->within);
                }
                if (n == 0 || *w->p != ',')
                        w->from.module = NULL; /* the last one */
                else
                        w->p = skip(w->p + 1, w->within);
        } while (n == 0);
        return !arena->failed;
}

/* Whether AT, in TEXT, stands behind the word KEYWORD, itself at the begin of a statement or behind another
 * word. */
static bool is_behind(const char *text, const char *at, const char *keyword)
{
        size_t n = strlen(keyword);
        const char *p = at;

        while (p > text && (p[-1] == ' ' || p[-1] == '\t' || p[-1] == '\f' || p[-1] == '\\' ||
                            p[-1] == '\n' || p[-1] == '\r'))
                p--;
        return p < at && (size_t)(p - text) >= n && memcmp(p - n, keyword, n) == 0 &&
               ((size_t)(p - text) == n || !is_part(p[-(ptrdiff_t)n - 1]));
}

/* What is assigned behind a name at P, if anything is; FIRST: the name begins a statement. */
static enum words_binding assigned(const char *p, bool first)
{
        const char *end;

        p = skip(p, false);
        if (first && *p == ':' && p[1] != '=') /* an annotation */
                p += strcspn(p, "=\r\n");
        if (p[0] != '=' || p[1] == '=')
                return WORDS_NONE;
        p = skip(p + 1, false);
        for (end = p; is_part(*end) || *end == '.'; end = skip(end, false))
                end++;
        return end == p || isdigit((unsigned char)*p) || (*end != '\0' && strchr("\r\n;#=", *end) == NULL)
                   ? WORDS_VALUE
                   : WORDS_ALIAS;
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
                        found = assigned(at + n, begin_of(text, at) == at);
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

const char *words_next_base(const char **at, struct arena *arena)
{
        const char *p = skip(*at, true), *end;
        char *base;
        size_t n = 0;

        if (*p != '(' && *p != ',')
                return NULL;
        for (p = skip(p + 1, true); *p != '\0' && *p != ')';) {
                end = p;
                while (is_part(*end) || *end == '.')
                        end = skip(end + 1, true);
                base = arena_strn(arena, p, (size_t)(end - p));
                for (; base != NULL && p < end; p++)
                        if (is_part(*p) || *p == '.')
                                base[n++] = *p;
                if (base == NULL)
                        return NULL;
                base[n] = '\0';
                if (*end == '[') { /* Generic[T] */
                        *at = skip(behind_brackets(end), true);
                        return base;
                }
                if (*end == ',' || *end == ')') {
                        *at = end;
                        return base;
                }
                for (; *end != '\0' && *end != ',' && *end != ')';)
                        end = strchr("([{", *end) != NULL ? behind_brackets(end) : end + 1;
                *at = end;
                if (*skip(p, true) != '=')
                        return "";
                if (*end != ',') /* metaclass=... */
                        return NULL;
                p = skip(end + 1, true);
                n = 0;
        }
        return NULL;
}
