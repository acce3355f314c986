/* How it works: the grammar's tree is a document of pairs and tables; a table's children are its dotted key
 * and its pairs. */
#include "runtime/base/toml.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <tree_sitter/api.h>

#include "spec/base/buf.h"

const TSLanguage *tree_sitter_toml(void);

struct source {
        const char *text, *origin;
        struct error *err;
};

static int is(TSNode node, const char *type)
{
        return strcmp(ts_node_type(node), type) == 0;
}

static unsigned line_of(TSNode node)
{
        return ts_node_start_point(node).row + 1;
}

static int add_slice(struct buf *out, const struct source *src, TSNode node)
{
        uint32_t start = ts_node_start_byte(node);

        return buf_add(out, src->text + start, ts_node_end_byte(node) - start);
}

/* The key's words joined by dots, quotes and blanks removed. */
static int key_text(struct buf *out, const struct source *src, TSNode node)
{
        struct buf raw = {0};
        int r = add_slice(&raw, src, node);

        for (size_t i = 0; r == 0 && i < raw.len; i++)
                if (strchr(" \t\"'", raw.data[i]) == NULL)
                        r = buf_add(out, raw.data + i, 1);
        if (r == 0)
                r = buf_add(out, "", 0);
        buf_finish(&raw);
        return r;
}

/* The string without its quotes; of the escapes those that occur in paths and options. */
static int string_text(struct buf *out, const struct source *src, TSNode node)
{
        struct buf raw = {0};
        int r = add_slice(&raw, src, node);
        size_t quotes =
            raw.len >= 6 && (strncmp(raw.data, "\"\"\"", 3) == 0 || strncmp(raw.data, "'''", 3) == 0) ? 3 : 1;

        buf_reset(out);
        if (r == 0)
                r = buf_add(out, "", 0);
        for (size_t i = quotes; r == 0 && i + quotes < raw.len; i++) {
                char c = raw.data[i];

                if (raw.data[0] == '"' && c == '\\' && i + 1 + quotes < raw.len) {
                        static const char from[] = "ntr\\\"", to[] = "\n\t\r\\\"";
                        const char *at = strchr(from, raw.data[++i]);

                        if (at == NULL || raw.data[i] == '\0') {
                                (void)error_set(src->err, "settings", 0,
                                                "%s:%u: the escape \\%c is not supported here", src->origin,
                                                line_of(node), raw.data[i]);
                                r = -EINVAL;
                                break;
                        }
                        c = to[at - from];
                }
                r = buf_add(out, &c, 1);
        }
        buf_finish(&raw);
        return r;
}

static int array_of_strings(struct spec_strv *out, const struct source *src, TSNode node)
{
        struct buf text = {0};
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < ts_node_named_child_count(node); i++) {
                TSNode child = ts_node_named_child(node, i);

                if (is(child, "comment"))
                        continue;
                if (!is(child, "string"))
                        r = error_set(src->err, "settings", 0, "%s:%u: expected an array of strings",
                                      src->origin, line_of(child));
                else
                        r = string_text(&text, src, child);
                if (r == 0)
                        r = spec_strv_add(out, text.data);
        }
        buf_finish(&text);
        return r;
}

/* SKIP: how much of the key names tables. */
static int one_pair(const struct source *src, TSNode pair, size_t skip,
                    int (*each)(void *, const struct toml_value *), void *ctx)
{
        struct buf key = {0}, text = {0};
        struct spec_strv array = {0};
        TSNode value = ts_node_named_child(pair, 1);
        struct toml_value v = {.type = TOML_OTHER, .array = &array, .line = line_of(pair)};
        int r = key_text(&key, src, ts_node_named_child(pair, 0));

        if (r == 0)
                r = buf_add(&text, "", 0);
        if (r == 0 && is(value, "string")) {
                v.type = TOML_STRING;
                r = string_text(&text, src, value);
        } else if (r == 0 && (is(value, "integer") || is(value, "float"))) {
                v.type = TOML_NUMBER;
                r = add_slice(&text, src, value);
        } else if (r == 0 && is(value, "boolean")) {
                v.type = TOML_BOOLEAN;
                r = add_slice(&text, src, value);
        } else if (r == 0 && is(value, "array")) {
                v.type = TOML_ARRAY;
                r = array_of_strings(&array, src, value);
        }
        v.key = key.data != NULL && skip <= key.len ? key.data + skip : "";
        v.text = text.data;
        if (r == 0)
                r = each(ctx, &v);
        spec_strv_finish(&array);
        buf_finish(&key);
        buf_finish(&text);
        return r;
}

/* The first place where the text is no TOML. */
static TSNode find_error(TSNode node)
{
        for (uint32_t i = 0; i < ts_node_child_count(node); i++) {
                TSNode child = ts_node_child(node, i);

                if (ts_node_is_missing(child) || is(child, "ERROR"))
                        return child;
                if (ts_node_has_error(child))
                        return find_error(child);
        }
        return node;
}

/* Whether PAIR, below the table HEADER ("" at the top), is of TABLE; *RET_SKIP: as of one_pair; *RET_DEEP: it
 * is of a table below that. */
static int belongs(const struct source *src, TSNode pair, const char *header, const char *table,
                   size_t *ret_skip, bool *ret_deep)
{
        size_t n = strlen(header);
        bool same = strcmp(header, table) == 0;
        struct buf key = {0};
        int r = key_text(&key, src, ts_node_named_child(pair, 0));

        *ret_skip = 0;
        if (r == 0 && !same && (n == 0 || (strncmp(table, header, n) == 0 && table[n] == '.'))) {
                table += n > 0 ? n + 1 : 0;
                n = strlen(table);
                if (key.len > n && strncmp(key.data, table, n) == 0 && key.data[n] == '.')
                        *ret_skip = n + 1;
        }
        *ret_deep = r == 0 && strchr(key.data + *ret_skip, '.') != NULL;
        buf_finish(&key);
        return r < 0 ? r : same || *ret_skip > 0;
}

/* The pairs of NODE, a table or the whole document, that are TABLE's. */
static int pairs_of(const struct source *src, TSNode node, const char *header, const char *table,
                    int (*each)(void *, const struct toml_value *), void *ctx, int *ret_found)
{
        size_t pairs = 0, skip;
        bool deep;
        int r = 0;

        for (uint32_t k = 0; r == 0 && k < ts_node_named_child_count(node); k++) {
                TSNode pair = ts_node_named_child(node, k);

                if (!is(pair, "pair"))
                        continue;
                pairs++;
                r = belongs(src, pair, header, table, &skip, &deep);
                if (r <= 0)
                        continue;
                if (!deep) /* "a.b = 1" may be all that the table has, and is [table.a]'s */
                        *ret_found = 1;
                r = one_pair(src, pair, skip, each, ctx);
        }
        if (pairs == 0 && strcmp(header, table) == 0)
                *ret_found = 1;
        return r;
}

int toml_table(const char *text, size_t n, const char *origin, const char *table,
               int (*each)(void *ctx, const struct toml_value *value), void *ctx, int *ret_found,
               struct error *err)
{
        const struct source src = {text, origin, err};
        TSParser *parser = ts_parser_new();
        TSTree *tree = NULL;
        TSNode root;
        int r = 0;

        *ret_found = 0;
        if (parser != NULL && ts_parser_set_language(parser, tree_sitter_toml()))
                tree = ts_parser_parse_string(parser, NULL, text, (uint32_t)n);
        if (tree == NULL) {
                ts_parser_delete(parser);
                return error_set(err, "settings", ENOMEM, "parse %s", origin);
        }
        root = ts_tree_root_node(tree);
        if (ts_node_has_error(root)) {
                r = error_set(err, "settings", 0, "%s:%u: not TOML", origin, line_of(find_error(root)));
                error_hint(err, "mend the file");
        }
        if (r == 0)
                r = pairs_of(&src, root, "", table, each, ctx, ret_found);
        for (uint32_t i = 0; r == 0 && i < ts_node_named_child_count(root); i++) {
                TSNode node = ts_node_named_child(root, i);
                struct buf name = {0};

                if (!is(node, "table"))
                        continue;
                r = key_text(&name, &src, ts_node_named_child(node, 0));
                if (r == 0 && name.data != NULL)
                        r = pairs_of(&src, node, name.data, table, each, ctx, ret_found);
                buf_finish(&name);
        }
        ts_tree_delete(tree);
        ts_parser_delete(parser);
        return r;
}
