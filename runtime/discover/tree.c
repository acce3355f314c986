/* How it works: what is in a node stands behind it, so the next node beside it is as far as its size says;
 * the node around it is the nearest before it that reaches over it. */
#include "runtime/discover/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const TSLanguage *tree_sitter_python(void);

struct growing {
        struct tree_node *v;
        size_t n, cap;
};

static bool add(struct growing *g, TSNode node, TSFieldId field, uint32_t around)
{
        unsigned flags = (ts_node_is_named(node) ? TREE_NAMED : 0U) |
                         (ts_node_is_extra(node) ? TREE_EXTRA : 0U) |
                         (ts_node_has_error(node) ? TREE_ERROR : 0U);

        if (g->n == g->cap) {
                size_t cap = g->cap * 2 + 512;
                struct tree_node *v = cap <= UINT32_MAX ? realloc(g->v, cap * sizeof *v) : NULL;

                if (v == NULL)
                        return false;
                g->v = v;
                g->cap = cap;
        }
        g->v[g->n++] = (struct tree_node){.start = ts_node_start_byte(node),
                                          .end = ts_node_end_byte(node),
                                          .size = around,
                                          .symbol = ts_node_symbol(node),
                                          .field = (uint8_t)field,
                                          .flags = (uint8_t)flags};
        return true;
}

static bool is_late(uint64_t until)
{
        struct timespec now;

        return until > 0 && clock_gettime(CLOCK_MONOTONIC, &now) == 0 &&
               (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 > until;
}

/* Until all that is in a node has been seen, its size is the number of the node around it. */
int tree_pack(struct tree *ret, TSNode root, uint64_t until, uint32_t *ret_deepest)
{
        TSTreeCursor cursor = ts_tree_cursor_new(root);
        struct growing g = {0};
        size_t seen = 0;
        uint32_t around = 0, depth = 1, deepest;
        bool late = false, ok = add(&g, root, 0, 0), more = ok && ts_tree_cursor_goto_first_child(&cursor);

        deepest = more ? 1 : 0;
        if (ok && !more)
                g.v[0].size = 1;
        while (more) {
                TSNode node = ts_tree_cursor_current_node(&cursor);
                TSFieldId field = ts_tree_cursor_current_field_id(&cursor);

                if (seen++ % 64 == 63 && is_late(until)) {
                        late = true;
                        break;
                }
                if (field != 0 || ts_node_is_named(node)) {
                        uint32_t at = (uint32_t)g.n;

                        ok = add(&g, node, field, around);
                        if (!ok)
                                break;
                        if (ts_node_child_count(node) > 0 && ts_tree_cursor_goto_first_child(&cursor)) {
                                around = at;
                                deepest = ++depth > deepest ? depth : deepest;
                                continue;
                        }
                        g.v[at].size = 1;
                }
                while (more && !ts_tree_cursor_goto_next_sibling(&cursor)) {
                        uint32_t outer = g.v[around].size;

                        (void)ts_tree_cursor_goto_parent(&cursor);
                        depth--;
                        g.v[around].size = (uint32_t)g.n - around;
                        more = around != 0;
                        around = outer;
                }
        }
        ts_tree_cursor_delete(&cursor);
        if (!ok || late) {
                free(g.v);
                return late ? -ETIME : -ENOMEM;
        }
        *ret = (struct tree){.v = g.v, .n = (uint32_t)g.n};
        *ret_deepest = deepest;
        return 0;
}

int tree_find_rows(struct tree *ret, const char *text, size_t n)
{
        const char *end = text + n, *p = text;
        uint32_t *rows;
        uint32_t count = 0;

        while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
                p++;
                count++;
        }
        rows = malloc((count + 1) * sizeof *rows);
        if (rows == NULL)
                return -ENOMEM;
        ret->rows = rows;
        ret->n_rows = count;
        for (p = text; p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL;)
                *rows++ = (uint32_t)(++p - text);
        return 0;
}

bool tree_is_sound(const struct tree_node *v, size_t n, size_t len)
{
        const TSLanguage *language = tree_sitter_python();
        uint32_t symbols = ts_language_symbol_count(language), fields = ts_language_field_count(language);

        if (n == 0 || n > UINT32_MAX || v[0].size != n || v[0].end > len || v[0].start > v[0].end)
                return false;
        for (size_t i = 0; i < n; i++) {
                size_t stop = i + v[i].size, child = i + 1;
                uint32_t from = v[i].start;

                if ((v[i].symbol >= symbols && v[i].symbol != (uint16_t)-1) || v[i].field > fields)
                        return false;
                for (; child < stop; child += v[child].size) {
                        if (v[child].size == 0 || v[child].size > stop - child || v[child].start < from ||
                            v[child].start > v[child].end || v[child].end > v[i].end)
                                return false;
                        from = v[child].end;
                }
        }
        return true;
}

uint32_t node_row(struct node node)
{
        uint32_t at = node_start(node), low = 0, high = node_is_null(node) ? 0 : node.tree->n_rows;

        while (low < high) {
                uint32_t middle = low + (high - low) / 2;

                if (node.tree->rows[middle] <= at)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const char *node_type(struct node node)
{
        return ts_language_symbol_name(tree_sitter_python(), node.tree->v[node.at].symbol);
}

bool node_is(struct node node, const char *type)
{
        return !node_is_null(node) && strcmp(node_type(node), type) == 0;
}

struct node node_first(struct node node)
{
        return !node_is_null(node) && node.tree->v[node.at].size > 1 ? (struct node){node.tree, node.at + 1}
                                                                     : (struct node){0};
}

struct node node_beside(struct node node, struct node at)
{
        uint32_t next = node_behind(at);

        return next < node_behind(node) ? (struct node){node.tree, next} : (struct node){0};
}

struct node node_walk(struct node node, struct node at, bool in_it)
{
        uint32_t next = in_it ? at.at + 1 : node_behind(at);

        return next < node_behind(node) ? (struct node){node.tree, next} : (struct node){0};
}

struct node node_field(struct node node, const char *name)
{
        const TSLanguage *language = tree_sitter_python();

        for (struct node at = node_first(node); !node_is_null(at); at = node_beside(node, at)) {
                uint8_t field = at.tree->v[at.at].field;

                if (field != 0 && strcmp(ts_language_field_name_for_id(language, field), name) == 0)
                        return at;
        }
        return (struct node){0};
}

uint32_t node_child_count(struct node node)
{
        uint32_t n = 0;

        for (struct node at = node_first(node); !node_is_null(at); at = node_beside(node, at))
                n++;
        return n;
}

uint32_t node_named_child_count(struct node node)
{
        uint32_t n = 0;

        for (struct node at = node_first(node); !node_is_null(at); at = node_beside(node, at))
                n += node_named(at);
        return n;
}

struct node node_child(struct node node, uint32_t i)
{
        struct node at = node_first(node);

        while (!node_is_null(at) && i-- > 0)
                at = node_beside(node, at);
        return at;
}

struct node node_named_child(struct node node, uint32_t i)
{
        struct node at = node_first(node);

        while (!node_is_null(at) && (!node_named(at) || i-- > 0))
                at = node_beside(node, at);
        return at;
}

struct node node_parent(struct node node)
{
        uint32_t at = node.at;

        while (!node_is_null(node) && at-- > 0)
                if (at + node.tree->v[at].size > node.at)
                        return (struct node){node.tree, at};
        return (struct node){0};
}
