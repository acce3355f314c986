/* How it works: a hook is there if its name is. Of pytest_collection_modifyitems, which most projects only
 * mark tests with, the body is looked at: each use of the list must be one that leaves all items in it. */
#include "runtime/discover/hooks.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "runtime/discover/words.h"

static const struct kind {
        const char *name;
        bool hides, makes, collects;
} kinds[] = {{"pytest_ignore_collect", .hides = true},
             {"pytest_make_collect_report", .hides = true, .makes = true},
             {"pytest_pycollect_makeitem", .hides = true, .makes = true},
             {"pytest_pycollect_makemodule", .hides = true, .makes = true},
             {"pytest_collect_directory", .hides = true, .makes = true, .collects = true},
             {"pytest_collect_file", .makes = true, .collects = true}};

static bool is_part(char c)
{
        return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* The first place in the N bytes at S, from FROM on, where WORD stands alone. */
static const char *find_word(const char *s, const char *from, const char *end, const char *word)
{
        size_t n = strlen(word);

        for (const char *p = from; (p = memmem(p, (size_t)(end - p), word, n)) != NULL; p += n)
                if ((p == s || !is_part(p[-1])) && !is_part(p[n]))
                        return p;
        return NULL;
}

static bool has(const char *s, const char *end, const char *word)
{
        return memmem(s, (size_t)(end - s), word, strlen(word)) != NULL;
}

/* Where the block ends whose "def" stands at P in TEXT: before the first line that is not deeper, not
 * counting comments and what closes the parameters. */
static const char *end_of_block(const char *text, const char *p)
{
        const char *line = p;
        size_t indent;

        while (line > text && line[-1] != '\n')
                line--;
        indent = strspn(line, " \t");
        while ((p = strchr(p, '\n')) != NULL) {
                size_t n = strspn(++p, " \t");

                if (n <= indent && strchr("\r\n#)", p[n]) == NULL && p[n] != '\0')
                        return p;
        }
        return line + strlen(line);
}

/* Whether what stands before the list at P only looks at it. */
static bool is_looked_at(const char *text, const char *p)
{
        static const char *const plain[] = {
            "all", "and", "any",   "bool",     "enumerate", "if",      "in",     "iter",  "len",  "list",
            "not", "or",  "print", "reversed", "set",       "shuffle", "sorted", "tuple", "while"};

        while (p > text && (p[-1] == ' ' || p[-1] == '('))
                p--;
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
                size_t n = strlen(plain[i]);

                if ((size_t)(p - text) >= n && memcmp(p - n, plain[i], n) == 0 &&
                    ((size_t)(p - text) == n || !is_part(p[-(ptrdiff_t)n - 1])))
                        return true;
        }
        return false;
}

/* Whether the use of the list of items at P, in a body that begins at BODY, leaves all of them in it. */
static bool is_harmless(const char *body, const char *p)
{
        const char *behind = p + strlen("items"), *before = p;

        behind += strspn(behind, " ");
        while (before > body && before[-1] == ' ')
                before--;
        if (before > body && before[-1] == '.')
                return false; /* session.items */
        if (strncmp(behind, ".sort(", 6) == 0 || strncmp(behind, ".reverse(", 9) == 0)
                return true;
        if (*behind == '[') {
                const char *close = behind + strcspn(behind, "]\n");
                const char *next = *close == ']' ? close + 1 + strspn(close + 1, " ") : close;

                if (before - body >= 3 && memcmp(before - 3, "del", 3) == 0)
                        return false;
                if (*next != '=' || next[1] == '=')
                        return true;
                next += 1 + strspn(next + 1, " ");
                return strncmp(next, "sorted(", 7) == 0 || strncmp(next, "list(reversed(", 14) == 0 ||
                       strncmp(next, "items[::-1]", 11) == 0;
        }
        return *behind != '.' && *behind != '=' && *behind != '+' && is_looked_at(body, p);
}

/* Whether a hook NAME of TEXT may remove items, or call them otherwise. */
static bool changes_items(const char *text, const char *name)
{
        static const char *const changes[] = {"deselected", "_nodeid", ".name = ", "session.", "exec("};
        const char *p = text, *end = text + strlen(text);

        while ((p = find_word(text, p, end, name)) != NULL) {
                const char *stop = end_of_block(text, p), *body = p + strcspn(p, ")"), *use;

                if (p - text < 4 || memcmp(p - 4, "def ", 4) != 0 || body >= stop)
                        return true; /* imported, or assigned */
                for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
                        if (has(body, stop, changes[i]))
                                return true;
                for (use = body; (use = find_word(body, use, stop, "items")) != NULL; use += strlen("items"))
                        if (!is_harmless(body, use))
                                return true;
                p = stop;
        }
        return false;
}

static void set(struct arena *arena, const char **why, const char *name, const char *shown, const char *what)
{
        if (*why == NULL)
                *why = arena_printf(arena, "%s in %s %s", name, shown, what);
}

void hooks_read(struct arena *arena, const char *text, const char *shown, bool plugin, struct hooks *hooks)
{
        static const char *const of_items[] = {"pytest_collection_modifyitems", "pytest_itemcollected"};
        const char *end = text + strlen(text);

        if (!has(text, end, "pytest_"))
                return;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                const struct kind *k = &kinds[i];

                if (find_word(text, text, end, k->name) == NULL)
                        continue;
                if (k->hides)
                        set(arena, &hooks->hides, k->name, shown, "may leave it out");
                if (k->makes)
                        set(arena, &hooks->makes, k->name, shown, "may make more of it");
                if (k->collects)
                        set(arena, &hooks->collects, k->name, shown, "may collect it");
        }
        for (size_t i = 0; i < sizeof of_items / sizeof *of_items; i++)
                if (changes_items(text, of_items[i])) {
                        set(arena, &hooks->hides, of_items[i], shown, "may change it");
                        set(arena, &hooks->makes, of_items[i], shown, "may change it");
                }
        if (plugin && find_word(text, text, end, "pytest_generate_tests") != NULL)
                set(arena, &hooks->hides, "pytest_generate_tests", shown, "may parametrize it");
}

static void add(struct arena *arena, struct import **v, size_t *n, struct import import)
{
        struct import *more = arena_grow(arena, *v, *n * sizeof import, (*n + 1) * sizeof import);

        if (more == NULL || import.module == NULL)
                return;
        *v = more;
        more[(*n)++] = import;
}

/* The quoted words behind "pytest_plugins", up to the end of the list or the line. */
static void add_named(struct arena *arena, const char *p, struct import **v, size_t *n)
{
        bool listed = strchr("([{", p[strcspn(p, "([{\n\"'")]) != NULL && strchr(p, '\0') > p;
        const char *ends = listed && p[strcspn(p, "([{\n\"'")] != '\0' ? ")]}" : "\n";

        while (*p != '\0' && strchr(ends, *p) == NULL) {
                char quote = *p++;
                size_t len = strcspn(p, "\"'\n");

                if (quote == '#')
                        p += strcspn(p, "\n");
                if ((quote != '"' && quote != '\'') || p[len] != quote)
                        continue;
                if (len > 0)
                        add(arena, v, n, (struct import){.module = arena_strn(arena, p, len)});
                p += len + 1;
        }
}

size_t hooks_plugins(struct arena *arena, const char *text, struct import **ret)
{
        static const char word[] = "pytest_plugins";
        struct words_imports walk = {.p = text};
        struct import import;
        const char *bound;
        size_t n = 0;

        *ret = NULL;
        for (const char *p = text; (p = strstr(p, word)) != NULL;) {
                p += strlen(word);
                add_named(arena, p, ret, &n);
        }
        if (strstr(text, "import *") != NULL)
                while (words_next_import(&walk, arena, &import, &bound))
                        if (import.name == NULL)
                                add(arena, ret, &n, import);
        return n;
}
