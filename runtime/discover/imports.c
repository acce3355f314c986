/* How it works: one walk over all nodes of the tree. Where a call imports by name, its first argument is
 * looked at; every other string is looked at when the walk gets to it. */
#include "runtime/discover/imports.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define MAX_CODE      65536 /* bytes of a string that are searched for imports */
#define MAX_ARGUMENTS 64

const TSLanguage *tree_sitter_python(void);

struct walker {
        struct imports *out;
        struct arena *arena;
        const char *text;
        uint32_t typing_end; /* the byte where a block that is only for type checkers ends */
};

struct span {
        const char *s;
        size_t n;
};

static struct span span_of(const struct walker *w, TSNode node)
{
        uint32_t start = ts_node_is_null(node) ? 0 : ts_node_start_byte(node);

        return ts_node_is_null(node) ? (struct span){"", 0}
                                     : (struct span){w->text + start, ts_node_end_byte(node) - start};
}

static bool span_is(struct span span, const char *s)
{
        return span.n == strlen(s) && memcmp(span.s, s, span.n) == 0;
}

static bool is(TSNode node, const char *type)
{
        return !ts_node_is_null(node) && strcmp(ts_node_type(node), type) == 0;
}

static TSNode field(TSNode node, const char *name)
{
        return ts_node_is_null(node) ? node : ts_node_child_by_field_name(node, name, (uint32_t)strlen(name));
}

/* Dotted names may have blanks, line continuations and comments in them: "a . \n b". */
static const char *squeeze(struct walker *w, struct span span)
{
        char *out = arena_strn(w->arena, span.s, span.n);
        size_t n = 0;

        for (size_t i = 0; out != NULL && i < span.n; i++)
                if (!isspace((unsigned char)out[i]) && out[i] != '\\')
                        out[n++] = out[i];
        if (out != NULL)
                out[n] = '\0';
        return out != NULL ? out : "";
}

static void add(struct walker *w, enum import_kind kind, unsigned level, const char *module, const char *name,
                TSNode at)
{
        struct imports *out = w->out;

        if (out->n == out->cap) {
                size_t cap = out->cap * 2 + 16;
                struct import_ref *v = arena_grow(w->arena, out->v, out->n * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return;
                out->v = v;
                out->cap = cap;
        }
        out->v[out->n++] = (struct import_ref){kind, level, module, name, ts_node_start_point(at).row + 1};
}

static void add_statement(struct walker *w, TSNode node, bool from)
{
        enum import_kind kind = ts_node_start_byte(node) < w->typing_end ? IMPORT_TYPING : IMPORT_RUNS;
        TSNode module = from ? field(node, "module_name") : (TSNode){0};
        const char *base = from ? squeeze(w, span_of(w, module)) : "";
        unsigned level = (unsigned)strspn(base, ".");

        for (uint32_t i = 0, n = ts_node_named_child_count(node); i < n; i++) {
                TSNode name = ts_node_named_child(node, i);

                if (from && ts_node_eq(name, module))
                        continue;
                if (is(name, "aliased_import"))
                        name = field(name, "name");
                if (is(name, "wildcard_import"))
                        add(w, kind, level, base + level, "*", node);
                else if (is(name, "dotted_name") && from)
                        add(w, kind, level, base + level, squeeze(w, span_of(w, name)), node);
                else if (is(name, "dotted_name"))
                        add(w, kind, 0, squeeze(w, span_of(w, name)), NULL, node);
        }
}

/* Bytes of the dotted name at S, at most N: words with single dots between them. */
static size_t dotted(const char *s, size_t n, size_t *ret_dots)
{
        size_t i = 0;

        *ret_dots = 0;
        for (;;) {
                size_t start = i;

                while (i < n && (isalnum((unsigned char)s[i]) || s[i] == '_' || (unsigned char)s[i] >= 0x80))
                        i++;
                if (i == start || isdigit((unsigned char)s[start]))
                        return start > 0 ? start - 1 : 0;
                if (i == n || s[i] != '.')
                        return i;
                ++*ret_dots;
                i++;
        }
}

/* The parts of a string that are neither quotes nor computed; *RET_WHOLE: there is nothing computed in it. */
static struct span string_head(const struct walker *w, TSNode string, bool *ret_whole)
{
        struct span head = {"", 0};
        uint32_t n = ts_node_child_count(string);

        *ret_whole = true;
        for (uint32_t i = 0; i < n; i++) {
                TSNode part = ts_node_child(string, i);

                if (is(part, "interpolation")) {
                        *ret_whole = false;
                        break;
                }
                if (is(part, "string_content")) {
                        if (head.n == 0)
                                head = span_of(w, part);
                        else
                                head.n = (size_t)(w->text + ts_node_end_byte(part) - head.s);
                }
        }
        return head;
}

/* "import a" and "from a" in code that stands in a string. */
static void add_code(struct walker *w, struct span code, TSNode at)
{
        static const char *const words[] = {"import", "from"};
        size_t dots;

        if (code.n > MAX_CODE)
                code.n = MAX_CODE;
        for (size_t k = 0; k < 2; k++)
                for (const char *p = code.s, *end = code.s + code.n;
                     (p = memmem(p, (size_t)(end - p), words[k], strlen(words[k]))) != NULL;) {
                        size_t n = strlen(words[k]);

                        p += n;
                        if ((p - n > code.s &&
                             (isalnum((unsigned char)p[-(ptrdiff_t)n - 1]) || p[-(ptrdiff_t)n - 1] == '_')) ||
                            p == end || (*p != ' ' && *p != '\t'))
                                continue;
                        do { /* import a, b as c */
                                while (p < end && strchr(" \t,", *p) != NULL)
                                        p++;
                                n = dotted(p, (size_t)(end - p), &dots);
                                if (n > 0)
                                        add(w, IMPORT_TEXT, 0, squeeze(w, (struct span){p, n}), NULL, at);
                                p += n;
                        } while (n > 0 && p < end && *p == ',');
                }
}

/* Whether the list that STRING stands in has "-m" in front of it. */
static bool follows_dash_m(const struct walker *w, TSNode string)
{
        const char *p = w->text + ts_node_start_byte(string);

        while (p > w->text && strchr(" \t\n\r,", p[-1]) != NULL)
                p--;
        return p - w->text >= 4 && p[-1] == p[-4] && memcmp(p - 3, "-m", 2) == 0;
}

static void add_string(struct walker *w, TSNode string)
{
        bool whole;
        struct span s = string_head(w, string, &whole);
        size_t n, dots;

        if (s.n == 0)
                return;
        if (memchr(s.s, ' ', s.n) != NULL) {
                if (s.n >= sizeof "import a" - 1)
                        add_code(w, s, string);
                return;
        }
        if (!whole)
                return;
        if (s.n > 3 && memcmp(s.s + s.n - 3, ".py", 3) == 0) {
                add(w, IMPORT_PATH, 0, squeeze(w, s), NULL, string);
                return;
        }
        n = dotted(s.s, s.n, &dots);
        /* "a.b", "a.b:name"; "python -m a" as a list of words */
        if (n > 0 && (n == s.n || s.s[n] == ':') && (dots > 0 || s.s[n] == ':' || follows_dash_m(w, string)))
                add(w, IMPORT_TEXT, 0, squeeze(w, (struct span){s.s, n}), NULL, string);
}

static struct span last_word(const struct walker *w, TSNode function)
{
        if (is(function, "attribute"))
                function = field(function, "attribute");
        return is(function, "identifier") ? span_of(w, function) : (struct span){"", 0};
}

static void add_computed(struct walker *w, struct span function, TSNode call)
{
        if (w->out->computed != NULL)
                return;
        w->out->computed = arena_strn(w->arena, function.s, function.n);
        w->out->computed_line = ts_node_start_point(call).row + 1;
}

/* The value of the call's argument NAME, or the one at position 0. */
static TSNode first_argument(const struct walker *w, TSNode call, const char *name)
{
        TSNode arguments = field(call, "arguments"), first = {0};

        for (uint32_t i = 0, n = ts_node_is_null(arguments) ? 0 : ts_node_named_child_count(arguments);
             i < n && i < MAX_ARGUMENTS; i++) {
                TSNode argument = ts_node_named_child(arguments, i);

                if (is(argument, "keyword_argument") && span_is(span_of(w, field(argument, "name")), name))
                        return field(argument, "value");
                if (ts_node_is_null(first) && !ts_node_is_extra(argument))
                        first = argument;
        }
        if (is(first, "keyword_argument"))
                return (TSNode){0};
        return first;
}

/* What is certain of the beginning of a name that is put together. */
static bool known_head(struct walker *w, TSNode node, struct span *ret, bool *ret_whole)
{
        *ret_whole = false;
        while (is(node, "binary_operator") || is(node, "call") || is(node, "attribute") ||
               is(node, "parenthesized_expression") || is(node, "concatenated_string")) {
                if (is(node, "binary_operator"))
                        node = field(node, "left");
                else if (is(node, "call"))
                        node = field(node, "function"); /* "a.{}".format(b) */
                else if (is(node, "attribute"))
                        node = field(node, "object");
                else
                        node = ts_node_named_child(node, 0);
                *ret_whole = true; /* the first part only */
        }
        if (!is(node, "string"))
                return false;
        bool part = *ret_whole;
        *ret = string_head(w, node, ret_whole);
        *ret_whole = *ret_whole && !part;
        return true;
}

/* A call that imports the module which its first argument names. */
static void add_named(struct walker *w, TSNode call, struct span function)
{
        struct span head;
        const char *name;
        unsigned level;
        size_t n, dots;
        bool whole;

        if (!known_head(w, first_argument(w, call, span_is(function, "importorskip") ? "modname" : "name"),
                        &head, &whole)) {
                add_computed(w, function, call);
                return;
        }
        name = squeeze(w, head);
        level = (unsigned)strspn(name, ".");
        n = dotted(name + level, strlen(name + level), &dots);
        if (whole) {
                if (name[level + n] == '\0')
                        add(w, IMPORT_RUNS, level, name + level, NULL, call);
                return;
        }
        /* "a.b_" + x: any module below a */
        while (n > 0 && name[level + n] != '.')
                n--;
        if (n == 0 && level == 0)
                add_computed(w, function, call);
        else
                add(w, IMPORT_BELOW, level, arena_strn(w->arena, name + level, n), NULL, call);
}

/* Whether a string below NODE names a Python file. */
static bool names_file(const struct walker *w, TSNode node)
{
        struct span s = span_of(w, node);

        return memmem(s.s, s.n, ".py\"", 4) != NULL || memmem(s.s, s.n, ".py'", 4) != NULL;
}

static void add_call(struct walker *w, TSNode call)
{
        static const char *const by_name[] = {"import_module", "__import__", "importorskip", "run_module"};
        static const char *const by_path[] = {"spec_from_file_location", "SourceFileLoader", "run_path",
                                              "load_source"};
        struct span function = last_word(w, field(call, "function"));

        for (size_t i = 0; i < sizeof by_name / sizeof by_name[0]; i++)
                if (span_is(function, by_name[i]))
                        add_named(w, call, function);
        for (size_t i = 0; i < sizeof by_path / sizeof by_path[0]; i++)
                if (span_is(function, by_path[i]) && !names_file(w, field(call, "arguments")))
                        add_computed(w, function, call);
}

/* pytest_plugins = "a", ["b", "c.d"]: single words are modules here. */
static void add_plugins(struct walker *w, TSNode value)
{
        bool whole;

        if (is(value, "string")) {
                struct span s = string_head(w, value, &whole);

                if (s.n > 0 && whole)
                        add(w, IMPORT_RUNS, 0, squeeze(w, s), NULL, value);
                return;
        }
        for (uint32_t i = 0, n = ts_node_is_null(value) ? 0 : ts_node_named_child_count(value); i < n; i++)
                if (is(ts_node_named_child(value, i), "string"))
                        add_plugins(w, ts_node_named_child(value, i));
}

static bool is_type_checking(const struct walker *w, TSNode condition)
{
        while (is(condition, "parenthesized_expression"))
                condition = ts_node_named_child(condition, 0);
        return span_is(last_word(w, condition), "TYPE_CHECKING");
}

static void visit(struct walker *w, TSNode node)
{
        const char *type = ts_node_type(node);

        if (strcmp(type, "string") == 0) {
                add_string(w, node);
        } else if (strcmp(type, "call") == 0) {
                add_call(w, node);
        } else if (strcmp(type, "import_statement") == 0) {
                add_statement(w, node, false);
        } else if (strcmp(type, "import_from_statement") == 0) {
                add_statement(w, node, true);
        } else if (strcmp(type, "if_statement") == 0) {
                if (is_type_checking(w, field(node, "condition"))) {
                        uint32_t end = ts_node_end_byte(field(node, "consequence"));

                        if (end > w->typing_end)
                                w->typing_end = end;
                }
        } else if (strcmp(type, "assignment") == 0) {
                if (span_is(span_of(w, field(node, "left")), "pytest_plugins"))
                        add_plugins(w, field(node, "right"));
        }
}

void imports_read(struct imports *ret, struct arena *arena, const char *text, TSNode root)
{
        struct walker w = {.out = ret, .arena = arena, .text = text};
        TSTreeCursor cursor = ts_tree_cursor_new(root);

        *ret = (struct imports){0};
        for (bool more = true; more && !arena->failed;) {
                TSNode node = ts_tree_cursor_current_node(&cursor);

                if (ts_node_is_named(node))
                        visit(&w, node);
                if (ts_tree_cursor_goto_first_child(&cursor))
                        continue;
                while (!ts_tree_cursor_goto_next_sibling(&cursor))
                        if (!ts_tree_cursor_goto_parent(&cursor)) {
                                more = false;
                                break;
                        }
        }
        ts_tree_cursor_delete(&cursor);
}
