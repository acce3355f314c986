/* What tach.keep stands on: patterns of paths, and who has claimed which path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/engine/claims.h"
#include "spec/glob.h"

static void patterns_match(void **state)
{
        static const struct {
                const char *pattern, *path;
                int matches;
        } v[] = {
            {"a", "a", 1},
            {"a", "b", 0},
            {"a", "a/b", 0},
            {"*.txt", "x.txt", 1},
            {"*.txt", ".txt", 1},
            {"*.txt", "d/x.txt", 0},
            {"**", "a", 1},
            {"**", "a/b/c", 1},
            {"**/x", "x", 1},
            {"**/x", "a/b/x", 1},
            {"**/x", "a/b/xy", 0},
            {"out/**", "out", 1},
            {"out/**", "out/a/b", 1},
            {"out/**", "outer", 0},
            {"a/**/b/*", "a/b/c", 1},
            {"a/**/b/*", "a/x/b/b/c", 1},
            {"a/**/b/*", "a/x/b", 0},
            {"[a-c]?", "bx", 1},
            {"[a-c]?", "dx", 0},
            {"[!a-c]x", "dx", 1},
            {"[]]", "]", 1},
            {"[a]*[b]", "axxb", 1},
            {"\\*", "*", 1},
            {"\\*", "x", 0},
            {"a*b*c", "aXbYbZc", 1},
            {"a*b*c", "aXbYbZ", 0},
            {".*", ".hypothesis", 1},
        };

        (void)state;
        for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
                assert_null(glob_check(v[i].pattern));
                if (glob_match(v[i].pattern, v[i].path) != v[i].matches)
                        fail_msg("%s %s: expected %d", v[i].pattern, v[i].path, v[i].matches);
        }
}

static void patterns_reach_below(void **state)
{
        (void)state;
        assert_true(glob_below("a/b/c", ""));
        assert_true(glob_below("a/b/c", "a"));
        assert_true(glob_below("a/b/c", "a/b"));
        assert_false(glob_below("a/b/c", "b"));
        assert_false(glob_below("*.txt", "a"));
        assert_true(glob_below("**/x", "any/where"));
        assert_true(glob_below("out/**", "out/a"));
        assert_false(glob_below("out/**", "in"));
}

/* Stars take no longer than the product of the lengths. */
static void patterns_are_quick(void **state)
{
        char pattern[2001], path[4001];

        (void)state;
        for (size_t i = 0; i + 1 < sizeof pattern; i += 2)
                memcpy(pattern + i, "*a", 2);
        pattern[sizeof pattern - 1] = '\0';
        memset(path, 'a', sizeof path - 1);
        path[sizeof path - 2] = 'b';
        path[sizeof path - 1] = '\0';
        assert_null(glob_check(pattern));
        assert_false(glob_match(pattern, path));
}

static void claims_are_remembered(void **state)
{
        struct claims c = {0};
        const struct timespec early = {.tv_sec = 1}, late = {.tv_sec = 2};

        (void)state;
        assert_null(claims_find(&c, "a"));
        assert_int_equal(claims_take(&c, "a", 3, 0, &early), 0);
        assert_int_equal(claims_take(&c, "b", 3, 1, &early), 0);
        assert_int_equal(claims_find(&c, "a")->cell, 3);
        assert_int_equal(claims_find(&c, "a")->gone, 0);
        assert_int_equal(claims_find(&c, "b")->gone, 1);
        assert_int_equal(claims_take(&c, "a", 4, 1, &late), 0);
        assert_int_equal(claims_find(&c, "a")->cell, 4);
        assert_int_equal(claims_find(&c, "a")->time.tv_sec, 2);
        assert_int_equal(c.n, 2);
}

static void cells_are_in_one_another(void **state)
{
        struct claims c = {0};

        (void)state;
        assert_int_equal(claims_cell(&c, 7, 5, "test"), 0);
        assert_int_equal(claims_cell(&c, 5, 2, "module"), 0);
        assert_int_equal(claims_cell(&c, 2, 0, "session"), 0);
        assert_int_equal(claims_cell(&c, 500, 2, "other"), 0);
        assert_string_equal(claims_name(&c, 7), "test");
        assert_string_equal(claims_name(&c, 500), "other");
        assert_string_equal(claims_name(&c, 6), "another test");
        assert_true(claims_is_in(&c, 7, 7));
        assert_true(claims_is_in(&c, 7, 5));
        assert_true(claims_is_in(&c, 7, 2));
        assert_true(claims_is_in(&c, 7, 0));
        assert_true(claims_is_in(&c, 500, 2));
        assert_false(claims_is_in(&c, 500, 5));
        assert_false(claims_is_in(&c, 5, 7));
        assert_false(claims_is_in(&c, 0, 5));
        assert_int_equal(claims_cell(&c, CLAIMS_CELLS, 0, "x"), -ENOMEM);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(patterns_match),           cmocka_unit_test(patterns_reach_below),
            cmocka_unit_test(patterns_are_quick),       cmocka_unit_test(claims_are_remembered),
            cmocka_unit_test(cells_are_in_one_another),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
