/* How it works: follows _pytest.python.IdMaker: one id an argument set, joined by "-", duplicates numbered;
 * several decorators multiply, the closest one outermost. */
#include "runtime/discover/params.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

static int is(TSNode node, const char *type)
{
        return !ts_node_is_null(node) && strcmp(ts_node_type(node), type) == 0;
}

static TSNode field(TSNode node, const char *name)
{
        return ts_node_child_by_field_name(node, name, (uint32_t)strlen(name));
}

static char *slice(const char *text, TSNode node)
{
        uint32_t start = ts_node_start_byte(node);

        return strndup(text + start, ts_node_end_byte(node) - start);
}

static int ends_with(const char *text, TSNode node, const char *word)
{
        uint32_t start = ts_node_start_byte(node), end = ts_node_end_byte(node);
        size_t n = strlen(word);

        return end - start >= n && strncmp(text + end - n, word, n) == 0 &&
               (end - start == n || text[end - n - 1] == '.');
}

int params_is_mark(const char *text, TSNode node)
{
        return is(node, "call") && ends_with(text, field(node, "function"), "parametrize");
}

/* The value of a plain string literal; 0 where it has parts that only Python can say (f-strings, escapes). */
static int string_value(const char *text, TSNode node, struct buf *out)
{
        if (is(node, "concatenated_string")) {
                for (uint32_t i = 0; i < ts_node_named_child_count(node); i++)
                        if (!string_value(text, ts_node_named_child(node, i), out))
                                return 0;
                return 1;
        }
        if (!is(node, "string"))
                return 0;
        {
                uint32_t start = ts_node_start_byte(node), end = ts_node_end_byte(node);
                const char *p = text + start;
                size_t n = end - start, quotes, raw = 0;

                while (n > 0 && *p != '"' && *p != '\'') {
                        if (strchr("fFbB", *p) != NULL)
                                return 0;
                        raw |= *p == 'r' || *p == 'R';
                        p++;
                        n--;
                }
                quotes = n >= 6 && p[0] == p[1] && p[1] == p[2] ? 3 : 1;
                for (size_t i = quotes; i + quotes < n; i++) {
                        const unsigned char c = (unsigned char)p[i];

                        if (c >= 0x80 || (c == '\\' && !raw))
                                return 0;
                        /* pytest writes ids in ASCII, escaped as unicode_escape does */
                        if (c == '\n')
                                (void)buf_adds(out, "\\n");
                        else if (c == '\t')
                                (void)buf_adds(out, "\\t");
                        else if (c == '\\')
                                (void)buf_adds(out, "\\\\");
                        else
                                (void)buf_add(out, &c, 1);
                }
                (void)buf_add(out, "", 0);
        }
        return 1;
}

/* The id of one value; ARG and INDEX for those that have none of their own. 0: only Python knows. */
static int value_id(const char *text, TSNode node, const char *arg, size_t index, struct buf *out)
{
        static const char *const unnamed[] = {"list",
                                              "tuple",
                                              "dictionary",
                                              "set",
                                              "list_comprehension",
                                              "dictionary_comprehension",
                                              "set_comprehension"};
        CLEANUP_FREE char *word = slice(text, node);

        if (word == NULL)
                return 0;
        if (is(node, "parenthesized_expression"))
                return value_id(text, ts_node_named_child(node, 0), arg, index, out);
        if (is(node, "string") || is(node, "concatenated_string"))
                return string_value(text, node, out);
        if (is(node, "true") || is(node, "false") || is(node, "none"))
                return buf_adds(out, word) == 0;
        if (is(node, "integer")) {
                if (strspn(word, "0123456789") != strlen(word) || (word[0] == '0' && word[1] != '\0'))
                        return 0;
                return buf_adds(out, word) == 0;
        }
        if (is(node, "unary_operator") && word[0] == '-' && is(field(node, "argument"), "integer"))
                return buf_adds(out, "-") == 0 && value_id(text, field(node, "argument"), arg, index, out);
        if (is(node, "float")) {
                char digits[64];
                double v = strtod(word, NULL);

                /* as Python's repr where both agree */
                (void)snprintf(digits, sizeof digits, "%.12g", v);
                if (strcspn(digits, "en") != strlen(digits) || strtod(digits, NULL) != v)
                        return 0;
                return buf_addf(out, "%s%s", digits, strchr(digits, '.') == NULL ? ".0" : "") == 0;
        }
        for (size_t i = 0; i < sizeof unnamed / sizeof *unnamed; i++)
                if (is(node, unnamed[i]))
                        return buf_addf(out, "%s%zu", arg, index) == 0;
        return 0;
}

/* "a, b" or ["a", "b"] */
static int argument_names(const char *text, TSNode node, struct spec_strv *out)
{
        CLEANUP_BUF struct buf names = {0};

        if (is(node, "list") || is(node, "tuple")) {
                for (uint32_t i = 0; i < ts_node_named_child_count(node); i++) {
                        buf_reset(&names);
                        if (!string_value(text, ts_node_named_child(node, i), &names) ||
                            spec_strv_add(out, names.data) < 0)
                                return 0;
                }
                return 1;
        }
        if (!string_value(text, node, &names))
                return 0;
        for (const char *p = names.data; *(p += strspn(p, ", ")) != '\0'; p += strcspn(p, ", ")) {
                CLEANUP_FREE char *word = strndup(p, strcspn(p, ", "));

                if (word == NULL || spec_strv_add(out, word) < 0)
                        return 0;
        }
        return 1;
}

static TSNode keyword(const char *text, TSNode arguments, const char *name)
{
        for (uint32_t i = 0; i < ts_node_named_child_count(arguments); i++) {
                TSNode child = ts_node_named_child(arguments, i);

                if (is(child, "keyword_argument") && ends_with(text, field(child, "name"), name))
                        return field(child, "value");
        }
        return (TSNode){0};
}

static TSNode positional(const char *text, TSNode arguments, uint32_t which, const char *name)
{
        uint32_t seen = 0;

        for (uint32_t i = 0; i < ts_node_named_child_count(arguments); i++) {
                TSNode child = ts_node_named_child(arguments, i);

                if (is(child, "keyword_argument") || is(child, "comment"))
                        continue;
                if (seen++ == which)
                        return child;
        }
        return keyword(text, arguments, name);
}

/* One argument set: the id of all its values. */
static int set_id(const char *text, TSNode set, const struct spec_strv *names, size_t index, struct buf *out)
{
        TSNode values = set;
        int single = names->n == 1;

        if (is(set, "call")) {
                TSNode id;

                if (!ends_with(text, field(set, "function"), "param"))
                        return 0;
                values = field(set, "arguments");
                id = keyword(text, values, "id");
                if (!ts_node_is_null(id))
                        return string_value(text, id, out);
                single = 0;
        } else if (!single && !is(set, "tuple") && !is(set, "list")) {
                return 0;
        }
        if (single)
                return value_id(text, set, names->v[0], index, out);
        {
                size_t k = 0;

                for (uint32_t i = 0; i < ts_node_named_child_count(values); i++) {
                        TSNode child = ts_node_named_child(values, i);

                        if (is(child, "comment") || is(child, "keyword_argument"))
                                continue;
                        if (k == names->n || (k > 0 && buf_adds(out, "-") < 0) ||
                            !value_id(text, child, names->v[k], index, out))
                                return 0;
                        k++;
                }
                return k == names->n;
        }
}

/* Numbers ids that occur more than once, as pytest does. */
static int number_duplicates(struct spec_strv *ids)
{
        CLEANUP_FREE char *twice = calloc(ids->n + 1, 1);
        struct spec_strv fresh = {0};
        int r = twice != NULL ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < ids->n; i++)
                for (size_t k = 0; k < ids->n; k++)
                        twice[i] |= (char)(k != i && strcmp(ids->v[i], ids->v[k]) == 0);
        for (size_t i = 0; r == 0 && i < ids->n; i++) {
                struct buf id = {0};
                size_t before = 0;

                for (size_t k = 0; k < i; k++)
                        before += strcmp(ids->v[k], ids->v[i]) == 0;
                r = twice[i] ? buf_addf(&id, "%s%zu", ids->v[i], before) : buf_addf(&id, "%s", ids->v[i]);
                if (r == 0)
                        r = spec_strv_add(&fresh, id.data);
                buf_finish(&id);
        }
        for (size_t i = 0; i < ids->n; i++)
                free(ids->v[i]);
        free(ids->v);
        *ids = fresh;
        return r;
}

static void free_list(struct spec_strv *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->v[i]);
        free(list->v);
        *list = (struct spec_strv){0};
}

static int mark_ids(const char *text, TSNode mark, struct spec_strv *ids, int *known)
{
        TSNode arguments = field(mark, "arguments");
        TSNode names_node = positional(text, arguments, 0, "argnames"),
               values = positional(text, arguments, 1, "argvalues");
        TSNode given = keyword(text, arguments, "ids");
        struct spec_strv names = {0};
        CLEANUP_BUF struct buf id = {0};
        size_t index = 0;
        int r = 0;

        *known = !ts_node_is_null(names_node) && (is(values, "list") || is(values, "tuple")) &&
                 argument_names(text, names_node, &names) && names.n > 0 &&
                 (ts_node_is_null(given) || is(given, "none") || is(given, "list") || is(given, "tuple"));
        for (uint32_t i = 0; r == 0 && *known && i < ts_node_named_child_count(values); i++) {
                TSNode set = ts_node_named_child(values, i);

                if (is(set, "comment"))
                        continue;
                buf_reset(&id);
                r = buf_add(&id, "", 0);
                if (is(given, "list") || is(given, "tuple"))
                        *known = index < ts_node_named_child_count(given) &&
                                 string_value(text, ts_node_named_child(given, (uint32_t)index), &id);
                else
                        *known = set_id(text, set, &names, index, &id);
                if (*known)
                        r = spec_strv_add(ids, id.data);
                index++;
        }
        free_list(&names);
        return r == 0 && *known ? number_duplicates(ids) : r;
}

int params_ids(const char *text, const TSNode *marks, size_t n, struct spec_strv *ret, int *ret_known)
{
        struct spec_strv all = {0};
        int r = 0;

        *ret_known = 1;
        for (size_t i = 0; r == 0 && *ret_known && i < n; i++) {
                struct spec_strv one = {0}, product = {0};

                r = mark_ids(text, marks[i], &one, ret_known);
                for (size_t a = 0; r == 0 && *ret_known && a < (i == 0 ? 1 : all.n); a++)
                        for (size_t b = 0; r == 0 && b < one.n; b++) {
                                struct buf id = {0};

                                r = i == 0 ? buf_adds(&id, one.v[b])
                                           : buf_addf(&id, "%s-%s", all.v[a], one.v[b]);
                                if (r == 0)
                                        r = spec_strv_add(&product, id.data != NULL ? id.data : "");
                                buf_finish(&id);
                        }
                free_list(&one);
                free_list(&all);
                all = product;
        }
        *ret = all;
        return r;
}
