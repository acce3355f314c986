/* runtime/discover/tree: the array says what tree-sitter says of the same text; arrays that are none are
 * told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/source.h"

const TSLanguage *tree_sitter_python(void);

static const char *const texts[] = {
    "",
    "x = 1\n",
    "# comment\n\n@mark('a', b=[1, 2], *c)\nclass A(B, metaclass=C):\n    '''doc'''\n    @p\n    async def "
    "f(self, "
    "a: int = 1, *, b) -> str:\n        return not a == b != 3 and -x.y[0]\n",
    "from . import (a, b as c)\nimport d.e, f\nif a: pass\nelif b:\n    # why\n    x = lambda *a, k=1: (a, "
    "k)\n"
    "else:\n    [i for i in j if k]\n",
    "def f(:\n    pass\nclass\n)\n",
    "x = f'''{a!r:>{w}} \\n'''\n\ttry:\n",
};

/* NODE and all that is in it; returns how many nodes that are. */
static uint32_t same(TSNode expected, struct node node)
{
        TSTreeCursor cursor = ts_tree_cursor_new(expected);
        uint32_t n = 1, kept = 0, named = 0;
        static const char *const fields[] = {"name",  "body",         "function",  "arguments",
                                             "left",  "right",        "operators", "operator",
                                             "value", "superclasses", "type"};

        assert_false(node_is_null(node));
        assert_string_equal(node_type(node), ts_node_type(expected));
        assert_int_equal(node_start(node), ts_node_start_byte(expected));
        assert_int_equal(node_end(node), ts_node_end_byte(expected));
        assert_int_equal(node_row(node), ts_node_start_point(expected).row);
        assert_int_equal(node_named(node), ts_node_is_named(expected));
        assert_int_equal(node_extra(node), ts_node_is_extra(expected));
        assert_int_equal(node_has_error(node), ts_node_has_error(expected));
        assert_int_equal(node_named_child_count(node), ts_node_named_child_count(expected));
        for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
                TSNode field = ts_node_child_by_field_name(expected, fields[i], (uint32_t)strlen(fields[i]));
                struct node found = node_field(node, fields[i]);

                assert_int_equal(node_is_null(found), ts_node_is_null(field));
                if (!node_is_null(found)) {
                        assert_int_equal(node_start(found), ts_node_start_byte(field));
                        assert_string_equal(node_type(found), ts_node_type(field));
                }
        }
        for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
             more = ts_tree_cursor_goto_next_sibling(&cursor)) {
                TSNode part = ts_tree_cursor_current_node(&cursor);
                struct node child = node_child(node, kept);

                if (!ts_node_is_named(part) && ts_tree_cursor_current_field_id(&cursor) == 0)
                        continue; /* a parenthesis, a comma */
                kept++;
                if (ts_node_is_named(part))
                        assert_true(node_eq(child, node_named_child(node, named++)));
                assert_true(node_eq(node_parent(child), node));
                n += same(part, child);
        }
        ts_tree_cursor_delete(&cursor);
        assert_int_equal(node_child_count(node), kept);
        assert_true(node_is_null(node_child(node, kept)));
        assert_int_equal(node_behind(node), node.at + n);
        return n;
}

static void an_array_is_its_tree(void **state)
{
        TSParser *parser = ts_parser_new();

        (void)state;
        assert_true(ts_parser_set_language(parser, tree_sitter_python()));
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
                size_t len = strlen(texts[i]);
                TSTree *expected = ts_parser_parse_string(parser, NULL, texts[i], (uint32_t)len);
                struct tree tree = {0};
                uint32_t deepest;

                assert_non_null(expected);
                assert_int_equal(tree_pack(&tree, ts_tree_root_node(expected), 0, &deepest), 0);
                assert_int_equal(tree_find_rows(&tree, texts[i], len), 0);
                assert_int_equal(same(ts_tree_root_node(expected), tree_root(&tree)), tree.n);
                assert_true(tree_is_sound(tree.v, tree.n, len));
                free((void *)tree.v);
                free((void *)tree.rows);
                ts_tree_delete(expected);
        }
        ts_parser_delete(parser);
}

static void walking_leaves_out_what_it_is_told_to(void **state)
{
        static const struct tree_node v[] = {{0, 9, 5, 1, 0, 0},
                                             {0, 4, 2, 1, 0, 0},
                                             {1, 2, 1, 1, 0, 0},
                                             {5, 9, 2, 1, 0, 0},
                                             {5, 6, 1, 1, 0, 0}};
        static const struct tree tree = {.v = v, .n = 5};
        struct node root = tree_root(&tree), first = node_first(root), second = node_beside(root, first);

        (void)state;
        assert_int_equal(node_walk(root, root, true).at, 1);
        assert_int_equal(node_walk(root, first, true).at, 2);
        assert_int_equal(node_walk(root, first, false).at, 3);
        assert_int_equal(second.at, 3);
        assert_true(node_is_null(node_walk(first, node_first(first), true)));
        assert_true(node_is_null(node_walk(root, second, false)));
        assert_true(node_is_null(node_beside(root, second)));
        assert_true(node_is_null(node_parent(root)));
}

static void the_null_node_has_nothing(void **state)
{
        struct node none = {0};

        (void)state;
        assert_true(node_is_null(none));
        assert_int_equal(node_start(none), 0);
        assert_int_equal(node_end(none), 0);
        assert_int_equal(node_row(none), 0);
        assert_false(node_has_error(none));
        assert_false(node_is(none, "module"));
        assert_int_equal(node_child_count(none), 0);
        assert_int_equal(node_named_child_count(none), 0);
        assert_true(node_is_null(node_first(none)));
        assert_true(node_is_null(node_child(none, 0)));
        assert_true(node_is_null(node_named_child(none, 0)));
        assert_true(node_is_null(node_field(none, "name")));
        assert_true(node_is_null(node_parent(none)));
}

static void what_is_no_tree_is_told(void **state)
{
        static const struct tree_node good[] = {{0, 9, 5, 1, 0, 0},
                                                {0, 4, 2, 1, 0, 0},
                                                {1, 2, 1, 1, 0, 0},
                                                {5, 9, 2, 1, 0, 0},
                                                {5, 6, 1, 1, 0, 0}};
        struct tree_node v[5];
        static const struct {
                size_t at;
                struct tree_node node;
        } bad[] = {
            {0, {0, 9, 4, 1, 0, 0}},          /* more nodes than it has */
            {0, {0, 9, 6, 1, 0, 0}},          /* fewer */
            {0, {0, 11, 5, 1, 0, 0}},         /* behind the text */
            {0, {9, 0, 5, 1, 0, 0}},          /* ends before it begins */
            {1, {0, 4, 0, 1, 0, 0}},          /* not even itself */
            {1, {0, 4, 9, 1, 0, 0}},          /* reaches over its parent */
            {1, {0, 4, UINT32_MAX, 1, 0, 0}}, /* wraps around */
            {2, {1, 5, 1, 1, 0, 0}},          /* ends behind its parent */
            {2, {1, 2, 2, 1, 0, 0}},          /* has what is its parent's neighbour */
            {3, {3, 9, 2, 1, 0, 0}},          /* begins before the one before it ends */
            {4, {5, 6, 1, 60000, 0, 0}},      /* no symbol of the grammar */
            {4, {5, 6, 1, 1, 255, 0}},        /* no field */
        };

        (void)state;
        assert_true(tree_is_sound(good, 5, 10));
        assert_false(tree_is_sound(good, 4, 10));
        assert_false(tree_is_sound(good, 0, 10));
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                memcpy(v, good, sizeof v);
                v[bad[i].at] = bad[i].node;
                if (tree_is_sound(v, 5, 10))
                        fail_msg("%zu", i);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
            cmocka_unit_test(an_array_is_its_tree),
            cmocka_unit_test(walking_leaves_out_what_it_is_told_to),
            cmocka_unit_test(the_null_node_has_nothing),
            cmocka_unit_test(what_is_no_tree_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
