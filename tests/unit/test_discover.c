/* runtime/discover: globs, floats and escapes as Python writes them, settings, and whole listings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/arena.h"
#include "runtime/discover/discover.h"
#include "runtime/discover/doctest.h"
#include "runtime/discover/ini.h"
#include "runtime/discover/value.h"

static char root[] = "/tmp/test_discover.XXXXXX";

static void put(const char *name, const char *text, size_t n)
{
        char path[256];
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/%s", root, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
        assert_int_equal(fclose(f), 0);
}

/* What is printed for the file or node id ARG below the root; *RET_R is what discover_list returns. */
static char *list(const char *arg, int *ret_r)
{
        char path[256], *paths[] = {path}, *text = NULL;
        struct error err = {0};
        size_t n = 0;
        FILE *out = open_memstream(&text, &n);

        (void)snprintf(path, sizeof path, "%s/%s", root, arg);
        *ret_r = discover_list(root, paths, 1, out, &err);
        assert_int_equal(fclose(out), 0);
        if (*ret_r < 0)
                assert_string_equal(err.phase, "list");
        return text;
}

static void lists(const char *text, const char *expected)
{
        char *got;
        int r;

        put("test_it.py", text, strlen(text));
        got = list("test_it.py", &r);
        assert_string_equal(got, expected);
        assert_int_equal(r, expected[0] == '\0' ? 5 : 0);
        free(got);
}

static int make_root(void **state)
{
        (void)state;
        return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
        static const char *const names[] = {"test_it.py", "pytest.ini"};

        (void)state;
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                char path[256];

                (void)snprintf(path, sizeof path, "%s/%s", root, names[i]);
                (void)unlink(path);
        }
        return rmdir(root);
}

static void globs_are_python_s(void **state)
{
        (void)state;
        assert_true(ini_fnmatch("test_*.py", "test_a.py"));
        assert_false(ini_fnmatch("test_*.py", "test_a.pyc"));
        assert_true(ini_fnmatch("*a*b*", "xxaxxbxx"));
        assert_false(ini_fnmatch("*a*b", "xxaxxbxx"));
        assert_true(ini_fnmatch("a*c", "a/b/c"));
        assert_true(ini_fnmatch("[a-c]?", "bx"));
        assert_false(ini_fnmatch("[!a-c]?", "bx"));
        assert_true(ini_fnmatch("[]]x", "]x"));
        assert_true(ini_fnmatch("[a", "[a"));
        assert_true(ini_fnmatch("*[0-9]", "test7"));
        assert_true(ini_fnmatch("", ""));
        assert_false(ini_fnmatch("", "a"));
        assert_true(ini_fnmatch("**", "a"));
        assert_false(ini_fnmatch("\\*", "*"));
}

static void floats_are_python_s(void **state)
{
        static const struct {
                double f;
                const char *repr;
        } cases[] = {{0.0, "0.0"},
                     {-0.0, "-0.0"},
                     {1.0, "1.0"},
                     {0.1, "0.1"},
                     {1e15, "1000000000000000.0"},
                     {1e16, "1e+16"},
                     {123456.789, "123456.789"},
                     {1e-4, "0.0001"},
                     {1e-5, "1e-05"},
                     {1.5e-7, "1.5e-07"},
                     {1e100, "1e+100"},
                     {1e308 * 10, "inf"},
                     {-1e308 * 10, "-inf"},
                     {5e-324, "5e-324"},
                     {1.0 / 3, "0.3333333333333333"},
                     {0.1 + 0.2, "0.30000000000000004"}};
        struct arena arena = {0};

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
                assert_string_equal(value_float_repr(&arena, cases[i].f), cases[i].repr);
        arena_finish(&arena);
}

static void strings_are_escaped(void **state)
{
        struct arena arena = {0};

        (void)state;
        assert_string_equal(value_escape(&arena, "a\\b\n\x7f", 5, false), "a\\\\b\\n\\x7f");
        assert_string_equal(value_escape(&arena, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, false),
                            "\\xe9\\u20ac\\U0001f600");
        assert_string_equal(value_escape(&arena, "\\\xff\0", 3, true), "\\\\xff\\x00");
        arena_finish(&arena);
}

static void arena_grows(void **state)
{
        struct arena arena = {0};
        char *s = arena_strn(&arena, "abc", 3), *big;

        (void)state;
        big = arena_grow(&arena, s, 4, (size_t)1 << 20);
        assert_string_equal(big, "abc");
        assert_int_equal((uintptr_t)arena_get(&arena, 3) % 16, 0);
        assert_null(arena_get(&arena, SIZE_MAX / 2));
        assert_true(arena.failed);
        assert_null(arena_get(&arena, 1));
        arena_finish(&arena);
}

static void settings_have_defaults(void **state)
{
        struct error err = {0};
        struct ini ini;

        (void)state;
        assert_int_equal(ini_read(&ini, root, NULL, &err), 0);
        assert_int_equal(ini.python_files.n, 2);
        assert_string_equal(ini.python_files.v[1], "*_test.py");
        assert_int_equal(ini.testpaths.n, 0);
        assert_int_equal(ini.norecursedirs.n, 9);
        ini_finish(&ini);
}

static void settings_are_read(void **state)
{
        static const char text[] = "; none\n[pytest]\npython_classes: A 'B C'\n  D # not a comment\n# one\n"
                                   "python_functions =\n    x\n\n    y\n[else]\npython_files = z\n";
        struct error err = {0};
        struct ini ini;

        (void)state;
        put("pytest.ini", text, sizeof text - 1);
        assert_int_equal(ini_read(&ini, root, NULL, &err), 0);
        assert_string_equal(ini.python_classes.v[1], "B C");
        assert_string_equal(ini.python_classes.v[2], "D");
        assert_int_equal(ini.python_functions.n, 2);
        assert_string_equal(ini.python_functions.v[1], "y");
        assert_int_equal(ini.python_files.n, 2);
        ini_finish(&ini);
        put("pytest.ini", "", 0);
}

static void tests_are_listed(void **state)
{
        (void)state;
        lists("def test_a(): pass\nclass TestB:\n  def test_c(self): pass\n",
              "test_it.py::test_a\ntest_it.py::TestB::test_c\n");
        lists("x = 1\n", "");
        lists("", "");
        lists("import pytest\n@pytest.mark.parametrize('a', [1, 'b'])\ndef test_a(a): pass\n",
              "test_it.py::test_a[1]\ntest_it.py::test_a[b]\n");
}

/* What cannot be told is printed once and never guessed. */
static void unknown_parameters_are_left_out(void **state)
{
        static const char *const values[] = {"[f()]",   "[imported]", "[x for x in y]", "{1, 2}",
                                             "[*f()]",  "changed",    "rebound",        "[1, f'{x}']",
                                             "VALUES",  "[a.b]",      "[1][0:]",        "[1 if f else 2]",
                                             "[not f]", "[1 < f]"};
        char text[512];

        (void)state;
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
                (void)snprintf(text, sizeof text,
                               "import pytest\nfrom m import imported\nchanged = [1]\nchanged.append(2)\n"
                               "rebound = [1]\nrebound = [2]\n"
                               "@pytest.mark.parametrize('a', %s)\ndef test_a(a): pass\n",
                               values[i]);
                lists(text, "test_it.py::test_a\n");
        }
}

static void parametrized_fixtures_give_ids(void **state)
{
        (void)state;
        lists("import pytest\n@pytest.fixture(params=[1, 2])\ndef f(request): pass\n@pytest.fixture\n"
              "def g(f): pass\n@pytest.mark.parametrize('a', [1])\ndef test_a(a, g: int): pass\n"
              "@pytest.mark.parametrize('a', [1])\ndef test_b(a): pass\n",
              "test_it.py::test_a[1-1]\ntest_it.py::test_a[2-1]\ntest_it.py::test_b[1]\n");
        lists("import pytest\n@pytest.fixture(params=f())\ndef f(request): pass\n"
              "@pytest.mark.parametrize('a', [1])\ndef test_a(a, f): pass\n",
              "test_it.py::test_a\n");
        lists("import pytest\ndef pytest_generate_tests(metafunc): pass\n"
              "@pytest.mark.parametrize('a', [1])\ndef test_a(a): pass\n",
              "test_it.py::test_a\n");
}

static void a_node_id_selects(void **state)
{
        static const char text[] =
            "import pytest\n@pytest.mark.parametrize('a', [1, 2])\ndef test_a(a): pass\n"
            "def test_ab(): pass\n";
        char *got;
        int r;

        (void)state;
        put("test_it.py", text, sizeof text - 1);
        got = list("test_it.py::test_a", &r);
        assert_string_equal(got, "test_it.py::test_a[1]\ntest_it.py::test_a[2]\n");
        free(got);
        got = list("test_it.py::test_a[2]", &r);
        assert_string_equal(got, "test_it.py::test_a[2]\n");
        free(got);
}

static void missing_paths_are_errors(void **state)
{
        char *got;
        int r;

        (void)state;
        got = list("nowhere.py", &r);
        assert_int_equal(r, -ENOENT);
        assert_string_equal(got, "");
        free(got);
}

/* Every prefix of a file with everything in it: whatever the text, it ends and nothing is touched outside. */
static void any_prefix_is_read(void **state)
{
        static const char text[] =
            "import pytest, enum as e\nfrom a.b import (c as d, f)\nclass C(e.Enum):\n  R = 1\n"
            "@pytest.mark.parametrize(('a', 'b'), [(1, '\\x41\\u20ac'), pytest.param(2.5e3, b'\\xff', "
            "id='i')])\n"
            "@pytest.mark.parametrize('c', [*range(2), C.R, -1, lambda: 0, 'a' 'b'], ids=[None] * 6)\n"
            "class TestA(B, metaclass=M):\n  pytestmark = [pytest.mark.parametrize('z', ())]\n"
            "  def test_m(self): yield\ntry:\n  def test_t(): pass\nexcept E:\n  pass\nelse:\n  del test_t\n"
            "a, (b, *c) = 1, [2, 3]\nx += 1\nif not (1 == 2): async def test_i(): pass\n";
        char *got;
        int r;

        (void)state;
        for (size_t n = 0; n < sizeof text; n++) {
                put("test_it.py", text, n);
                got = list("test_it.py", &r);
                assert_in_range(r, 0, 5);
                free(got);
        }
}

static void doctests_are_told_as_the_parser_tells_them(void **state)
{
        static const struct {
                const char *text;
                enum doctest_found found;
        } cases[] = {
            {"", DOCTEST_NONE},
            {"no example", DOCTEST_NONE},
            {">>> 1\n1\n", DOCTEST_EXAMPLES},
            {"text\n    >>> 1\n    1\n\n", DOCTEST_EXAMPLES},
            {"a >>> 1\n", DOCTEST_NONE},
            {">>>", DOCTEST_NONE},
            {">>> # a comment\n", DOCTEST_NONE},
            {">>> # a comment\n...\n", DOCTEST_NONE},
            {">>> # a comment\n... 1\n", DOCTEST_EXAMPLES},
            {">>>1\n", DOCTEST_BROKEN},
            {"  >>> 1\n wrong\n", DOCTEST_BROKEN},
            {"  >>> if 1:\n   ... 2\n", DOCTEST_BROKEN},
            {"\t>>> 1\n        1\n", DOCTEST_EXAMPLES},
            {">>> 1 # doctest: +SKIP\n", DOCTEST_EXAMPLES},
            {">>> 1 # doctest: +SKIP, -ELLIPSIS\n", DOCTEST_EXAMPLES},
            {">>> 1 # doctest: +OTHER\n", DOCTEST_UNSURE},
            {">>> # doctest: +SKIP\n", DOCTEST_BROKEN},
        };
        size_t line;

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
                if (doctest_find(cases[i].text, strlen(cases[i].text), &line) != cases[i].found)
                        fail_msg("%s: %d", cases[i].text,
                                 doctest_find(cases[i].text, strlen(cases[i].text), &line));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
            cmocka_unit_test(globs_are_python_s),
            cmocka_unit_test(floats_are_python_s),
            cmocka_unit_test(strings_are_escaped),
            cmocka_unit_test(arena_grows),
            cmocka_unit_test(settings_have_defaults),
            cmocka_unit_test(settings_are_read),
            cmocka_unit_test(tests_are_listed),
            cmocka_unit_test(unknown_parameters_are_left_out),
            cmocka_unit_test(parametrized_fixtures_give_ids),
            cmocka_unit_test(a_node_id_selects),
            cmocka_unit_test(missing_paths_are_errors),
            cmocka_unit_test(doctests_are_told_as_the_parser_tells_them),
            cmocka_unit_test(any_prefix_is_read),
        };

        return cmocka_run_group_tests(tests, make_root, remove_root);
}
