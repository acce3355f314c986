/* runtime/discover: expressions of -k and -m with three values, shards, what a file imports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/expr.h"
#include "runtime/discover/import_index.h"
#include "runtime/discover/imports.h"
#include "runtime/discover/shard.h"
#include "runtime/discover/unicode.h"

const TSLanguage *tree_sitter_python(void);

/* "yes..." holds, "no..." does not, all else is unknown; counts its questions. */
static enum truth by_name(void *ctx, const char *name, const struct expr_kwargs *kwargs)
{
        ++*(size_t *)ctx;
        assert_true(kwargs->n == 0 || kwargs->v[0].name != NULL);
        return strncmp(name, "yes", 3) == 0  ? TRUTH_YES
               : strncmp(name, "no", 2) == 0 ? TRUTH_NO
                                             : TRUTH_UNKNOWN;
}

static enum truth evaluate(const char *text)
{
        struct expr *e = NULL;
        struct error err = {0};
        size_t asked = 0;
        enum truth t;

        if (expr_parse(&e, text, 'k', &err) != 0)
                fail_msg("%s: %s", text, err.what);
        t = expr_evaluate(e, by_name, &asked);
        expr_free(e);
        return t;
}

static void three_values(void **state)
{
        static const struct {
                const char *text;
                enum truth truth;
        } cases[] = {{"", TRUTH_NO},
                     {" \t", TRUTH_NO},
                     {"yes", TRUTH_YES},
                     {"maybe", TRUTH_UNKNOWN},
                     {"not no", TRUTH_YES},
                     {"not not yes", TRUTH_YES},
                     {"not maybe", TRUTH_UNKNOWN},
                     {"no and maybe", TRUTH_NO},
                     {"maybe and no", TRUTH_NO},
                     {"maybe and yes", TRUTH_UNKNOWN},
                     {"maybe or yes", TRUTH_YES},
                     {"maybe or no", TRUTH_UNKNOWN},
                     {"no or no or yes", TRUTH_YES},
                     {"yes or yes and no", TRUTH_YES},
                     {"(yes or yes) and no", TRUTH_NO},
                     {"not (no or maybe) and no", TRUTH_NO},
                     {"not(no)and(yes)", TRUTH_YES},
                     {"notyes or nor", TRUTH_NO},
                     {"yes[a-1/b\\c.d:+]", TRUTH_YES},
                     {"True", TRUTH_UNKNOWN},
                     {"yes(a=1, b='x y', c=None, d=-3)", TRUTH_YES}};

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
                if (evaluate(cases[i].text) != cases[i].truth)
                        fail_msg("%s", cases[i].text);
}

static void wrong_expressions(void **state)
{
        static const char *const cases[] = {
            "(",   ")",     "a b",    "a and",   "and a",     "not",    "()",   "a or or b", "?",
            "a(b", "a(b=",  "a(b=c)", "a(b='c)", "a(b='\\')", "a(1=2)", "a()",  "a(b=1",     "a(b=1,)",
            "'a'", "a\xff", "\xc3",   "a(b==1)", "a(if=1)",   "a)b(",   "a\nb", "a;b",       "a=1"};
        struct error err;

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                struct expr *e = (struct expr *)&err;

                err = (struct error){0};
                if (expr_parse(&e, cases[i], 'm', &err) != -EINVAL)
                        fail_msg("%s was accepted", cases[i]);
                assert_ptr_equal(e, &err);
                assert_string_equal(err.phase, "usage");
                assert_non_null(strstr(err.what, ": at column "));
                assert_int_equal(expr_parse(&e, cases[i], 'm', NULL), -EINVAL);
        }
}

static void long_expressions(void **state)
{
        enum { N = 100000 };
        char *text = malloc(N * 8 + 8);
        struct expr *e;
        struct error err = {0};

        (void)state;
        assert_non_null(text);
        (void)strcpy(text, "no");
        for (size_t i = 0; i < N; i++)
                memcpy(text + 2 + i * 6, " or no", 7);
        assert_int_equal(evaluate(text), TRUTH_NO);
        for (size_t i = 0; i < N; i++)
                memcpy(text + i * 4, "not ", 4);
        (void)strcpy(text + N * (size_t)4, "yes");
        assert_int_equal(evaluate(text), TRUTH_YES);
        memset(text, '(', N);
        text[N] = '\0';
        assert_int_equal(expr_parse(&e, text, 'k', &err), -EINVAL);
        free(text);
}

static void lower_case(void **state)
{
        static const char *const cases[][2] = {{"Test_A[B]", "test_a[b]"},
                                               {"ÄÖÜ", "äöü"},
                                               {"\xff"
                                                "A",
                                                "\xff"
                                                "a"},
                                               {"", ""},
                                               {"Ж€😀", "ж€😀"}};

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                char *got = unicode_lower(cases[i][0]);

                assert_string_equal(got, cases[i][1]);
                free(got);
        }
}

static void shards_are_dealt(void **state)
{
        struct shard_file files[] = {{"e", 1, 0}, {"d", 1, 0}, {"c", 4, 0}, {"b", 2, 0}, {"a", 0, 0}};
        struct shard_file again[] = {{"a", 0, 0}, {"b", 2, 0}, {"c", 4, 0}, {"d", 1, 0}, {"e", 1, 0}};
        uint32_t plan = shard_deal(files, 5, 2);

        (void)state;
        assert_int_equal(plan, shard_deal(again, 5, 2));
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(files[i].shard, again[4 - i].shard);
        assert_int_equal(files[2].shard, 1);
        assert_true(files[0].shard == 2 && files[1].shard == 2 && files[3].shard == 2);
        again[0].weight = 9;
        assert_int_not_equal(plan, shard_deal(again, 5, 2));
        assert_int_not_equal(0, shard_deal(files, 0, 3));
        assert_int_not_equal(0, shard_deal(files, 5, 65536));
}

static bool has(const struct imports *imports, enum import_kind kind, unsigned level, const char *module,
                const char *name)
{
        for (size_t i = 0; i < imports->n; i++) {
                const struct import_ref *v = &imports->v[i];

                if (v->kind == kind && v->level == level && strcmp(v->module, module) == 0 &&
                    (name == NULL ? v->name == NULL : v->name != NULL && strcmp(v->name, name) == 0))
                        return true;
        }
        return false;
}

static struct imports read_imports(struct arena *arena, const char *text)
{
        TSParser *parser = ts_parser_new();
        struct imports imports;
        TSTree *tree;

        assert_true(ts_parser_set_language(parser, tree_sitter_python()));
        tree = ts_parser_parse_string(parser, NULL, text, (uint32_t)strlen(text));
        imports_read(&imports, arena, text, ts_tree_root_node(tree));
        ts_tree_delete(tree);
        ts_parser_delete(parser);
        return imports;
}

static void every_import(void **state)
{
        static const char text[] = "import a, b.c as d\n"
                                   "from e.f import (g, h as i)\n"
                                   "from .. import j\n"
                                   "from .k . l import *\n"
                                   "if TYPE_CHECKING:\n    import m\nelse:\n    import n\n"
                                   "def f():\n    try:\n        import o\n    except ImportError: pass\n"
                                   "importlib.import_module('p')\n"
                                   "__import__(name='q.r')\n"
                                   "pytest.importorskip('s', minversion='1')\n"
                                   "import_module('.t', __package__)\n"
                                   "import_module(f'u.v.{w}')\n"
                                   "import_module('x.y_' + z)\n"
                                   "mock.patch('aa.bb.cc')\n"
                                   "run([sys.executable, '-m', 'dd'])\n"
                                   "run('-c', 'import ee, ff.gg; from hh import ii')\n"
                                   "path = here / 'jj.py'\n"
                                   "pytest_plugins = ['kk', 'll.mm']\n"
                                   "load = 'nn.oo:main'\n";
        struct arena arena = {0};
        struct imports i = read_imports(&arena, text);

        (void)state;
        assert_true(has(&i, IMPORT_RUNS, 0, "a", NULL) && has(&i, IMPORT_RUNS, 0, "b.c", NULL));
        assert_true(has(&i, IMPORT_RUNS, 0, "e.f", "g") && has(&i, IMPORT_RUNS, 0, "e.f", "h"));
        assert_true(has(&i, IMPORT_RUNS, 2, "", "j") && has(&i, IMPORT_RUNS, 1, "k.l", "*"));
        assert_true(has(&i, IMPORT_TYPING, 0, "m", NULL) && has(&i, IMPORT_RUNS, 0, "n", NULL));
        assert_true(has(&i, IMPORT_RUNS, 0, "o", NULL) && has(&i, IMPORT_RUNS, 0, "p", NULL));
        assert_true(has(&i, IMPORT_RUNS, 0, "q.r", NULL) && has(&i, IMPORT_RUNS, 0, "s", NULL));
        assert_true(has(&i, IMPORT_RUNS, 1, "t", NULL) && has(&i, IMPORT_BELOW, 0, "u.v", NULL));
        assert_true(has(&i, IMPORT_BELOW, 0, "x", NULL) && has(&i, IMPORT_TEXT, 0, "aa.bb.cc", NULL));
        assert_true(has(&i, IMPORT_TEXT, 0, "dd", NULL) && has(&i, IMPORT_TEXT, 0, "ee", NULL));
        assert_true(has(&i, IMPORT_TEXT, 0, "ff.gg", NULL) && has(&i, IMPORT_TEXT, 0, "hh", NULL));
        assert_true(has(&i, IMPORT_PATH, 0, "jj.py", NULL) && has(&i, IMPORT_RUNS, 0, "kk", NULL));
        assert_true(has(&i, IMPORT_RUNS, 0, "ll.mm", NULL) && has(&i, IMPORT_TEXT, 0, "nn.oo", NULL));
        assert_null(i.computed);
        i = read_imports(&arena, "\nimport_module(name)\n");
        assert_string_equal(i.computed, "import_module");
        assert_int_equal(i.computed_line, 2);
        i = read_imports(&arena, "spec_from_file_location('x', path / 'y.py')\n__import__()\n");
        assert_string_equal(i.computed, "__import__");
        arena_finish(&arena);
}

static void resolves(struct import_index *x, const char *from, struct import_ref import, const char *expected)
{
        struct import_list found = {0};
        char got[400] = "";

        assert_true(import_index_resolve(x, from, &import, &found));
        for (size_t i = 0; i < found.n; i++) {
                strcat(got, x->paths[found.v[i]]);
                strcat(got, " ");
        }
        assert_string_equal(got, expected);
}

static void names_are_looked_up(void **state)
{
        static const char *const files[] = {"/p/pkg/__init__.py", "/p/pkg/a.py",    "/p/pkg/sub/__init__.py",
                                            "/p/pkg/sub/b.py",    "/p/ns/c.py",     "/p/tests/d.py",
                                            "/p/tests/json.py",   "/p/lib/only.py", "/p/pkg/logging.py"};
        struct arena arena = {0};
        struct import_index x = {.arena = &arena, .root = "/p/"};

        (void)state;
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
                assert_int_equal(import_index_add(&x, files[i]), i);
        assert_true(import_index_add_root(&x, "/p") && import_index_add_root(&x, "/p/tests"));
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "pkg.sub.b"},
                 "/p/pkg/__init__.py /p/pkg/sub/__init__.py /p/pkg/sub/b.py ");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "pkg", .name = "a"},
                 "/p/pkg/__init__.py /p/pkg/a.py ");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "pkg.a", .name = "function"},
                 "/p/pkg/__init__.py /p/pkg/a.py ");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "ns.c"}, "/p/ns/c.py ");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "json"}, "/p/tests/json.py ");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "only"}, "/p/lib/only.py ");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "logging"}, "");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.module = "numpy.linalg"}, "");
        resolves(&x, "/p/pkg/sub/b.py", (struct import_ref){.level = 2, .module = "", .name = "a"},
                 "/p/pkg/__init__.py /p/pkg/a.py ");
        resolves(&x, "/p/pkg/sub/b.py", (struct import_ref){.level = 9, .module = "x"}, "");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.kind = IMPORT_BELOW, .module = "pkg.sub"},
                 "/p/pkg/__init__.py /p/pkg/sub/__init__.py /p/pkg/sub/b.py ");
        resolves(&x, "/p/tests/d.py", (struct import_ref){.kind = IMPORT_PATH, .module = "../ns/c.py"},
                 "/p/ns/c.py ");
        arena_finish(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(three_values),        cmocka_unit_test(wrong_expressions),
            cmocka_unit_test(long_expressions),    cmocka_unit_test(lower_case),
            cmocka_unit_test(shards_are_dealt),    cmocka_unit_test(every_import),
            cmocka_unit_test(names_are_looked_up),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
