/* The front's pure parts: options, settings and their ranks, TOML, JUnit's addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/toml.h"
#include "runtime/front/args.h"
#include "runtime/front/pytest_words.h"
#include "runtime/front/report.h"
#include "runtime/front/settings.h"

/* Parses the words; 0 or the error in ERR. */
static int parse(struct args *a, struct settings *s, struct error *err, int argc, const char *const *words)
{
        char *argv[16] = {0};

        for (int i = 0; i < argc; i++)
                argv[i] = (char *)(uintptr_t)words[i];
        *s = (struct settings){0};
        *err = (struct error){0};
        return args_parse(a, s, argc, argv, err);
}

#define PARSE(a, s, err, ...)                                                                                \
        parse(a, s, err, (int)(sizeof((const char *[]){"tach", __VA_ARGS__}) / sizeof(char *)),              \
              (const char *[]){"tach", __VA_ARGS__})

static void options_are_taken(void **state)
{
        struct choices c;
        struct settings s;
        struct error err;
        struct args a;

        (void)state;
        assert_int_equal(PARSE(&a, &s, &err, "tests", "-n", "4", "-x", "-k", "a b", "x.py::y",
                               "--timeout=2.5", "--", "--lf", "-v"),
                         0);
        assert_int_equal(settings_choose(&s, &c, &err), 0);
        assert_int_equal(c.workers, 4);
        assert_int_equal(c.max_fail, 1);
        assert_true(c.timeout > 2.4 && c.timeout < 2.6);
        assert_int_equal(a.paths.n, 2);
        assert_string_equal(a.paths.v[1], "x.py::y");
        assert_int_equal(s.pytest_args.n, 3);
        assert_string_equal(s.pytest_args.v[0], "-ka b");
        assert_string_equal(s.pytest_args.v[1], "--lf");
        args_finish(&a);
        settings_finish(&s);
        assert_int_equal(PARSE(&a, &s, &err, "list", "tests"), 0);
        assert_int_equal(a.command, COMMAND_LIST);
        args_finish(&a);
        settings_finish(&s);
}

static void wrong_options_name_the_nearest(void **state)
{
        struct settings s;
        struct error err;
        struct args a;

        (void)state;
        assert_true(PARSE(&a, &s, &err, "--wrokers=2") < 0);
        assert_string_equal(err.hint, "did you mean --workers?");
        settings_finish(&s);
        assert_true(PARSE(&a, &s, &err, "-Z") < 0);
        assert_string_equal(err.what, "unknown option -Z");
        settings_finish(&s);
        assert_true(PARSE(&a, &s, &err, "tests", "--timeout") < 0);
        assert_non_null(strstr(err.what, "a value is missing"));
        settings_finish(&s);
        assert_true(PARSE(&a, &s, &err, "-s", "-n", "2") < 0);
        assert_string_equal(err.what, "-n 2: with -s, --pdb or --trace tests run one after another");
        settings_finish(&s);
}

/* The words up to NULL. */
static int parse_few(struct args *a, struct settings *s, struct error *err, const char *const words[3])
{
        const char *all[4] = {"tach"};
        int n = 0;

        for (; n < 3 && words[n] != NULL; n++)
                all[n + 1] = words[n];
        return parse(a, s, err, n + 1, all);
}

/* As pytest would read them, before and after "--". */
static void output_is_passed_on(void **state)
{
        static const char *const words[][3] = {
            {"-s", NULL},           {"-xs", NULL},          {"-s", "-n1", NULL},
            {"--capture=no", NULL}, {"--capture", "no"},    {"--", "-s", NULL},
            {"--", "-vsx", NULL},   {"--", "--capture=no"}, {"--", "--trace", NULL},
            {"--trace", NULL},
        };
        static const char *const others[][3] = {
            {"--capture=sys", NULL}, {"-k", "-s", NULL},  {"-ks", NULL},        {"--pdbcls=a:b", NULL},
            {"--", "-k", "-s"},      {"--", "-ks", NULL}, {"--", "-Wss", NULL}, {"--showlocals", NULL},
        };
        struct settings s;
        struct error err;
        struct args a;

        (void)state;
        for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
                assert_int_equal(parse_few(&a, &s, &err, words[i]), 0);
                assert_true(a.passes && !a.debugs);
                args_finish(&a);
                settings_finish(&s);
        }
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
                assert_int_equal(parse_few(&a, &s, &err, others[i]), 0);
                assert_false(a.passes);
                args_finish(&a);
                settings_finish(&s);
        }
        assert_int_equal(PARSE(&a, &s, &err, "--", "--pdb"), 0);
        assert_true(a.passes && a.debugs);
        args_finish(&a);
        settings_finish(&s);
}

/* What pytest's options, from addopts and the command line, ask of the report. */
static void words_shape_the_report(void **state)
{
        static const struct {
                const char *addopts, *words;
                bool asks, no_header;
                int verbosity;
                const char *junit_xml;
        } cases[] = {
            {"-q", "-vvv", false, false, 2, NULL},
            {"-vrA -k version", "", false, false, 1, NULL},
            {"--verbosity=-1 -k -qq", "--no-header", false, true, -1, NULL},
            {"-p no:quiet -ovalue=-vv", "-rvvv --verbose", false, false, 1, NULL},
            {"--co", "", true, false, 0, NULL},
            {"", "-q --cache-show=x/*", true, false, -1, NULL},
            {"", "-k --co", false, false, 0, NULL},
            {"", "-sh", true, false, 0, NULL},
            {"--color yes --cov x", "--collect-in-virtualenv", false, false, 0, NULL},
            {"--junitxml=a.xml", "--junit-xml b.xml", false, false, 0, "b.xml"},
            {"--junitxml a.xml --junit-prefix=p", "", false, false, 0, "a.xml"},
        };

        (void)state;
        (void)unsetenv("PYTEST_ADDOPTS");
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct ini ini = {0};
                struct settings s = {0};
                struct pytest_words words;

                assert_int_equal(ini_words(&ini.addopts, cases[i].addopts), 0);
                assert_int_equal(ini_words(&s.pytest_args, cases[i].words), 0);
                assert_int_equal(pytest_words_read(&words, &ini, &s), 0);
                assert_int_equal(words.asks, cases[i].asks);
                assert_int_equal(words.no_header, cases[i].no_header);
                assert_int_equal(words.verbosity, cases[i].verbosity);
                if (cases[i].junit_xml != NULL)
                        assert_string_equal(words.junit_xml, cases[i].junit_xml);
                else
                        assert_null(words.junit_xml);
                pytest_words_finish(&words);
                settings_finish(&s);
                ini_finish(&ini);
        }
}

static void higher_ranks_win(void **state)
{
        char workers[] = "TACH_WORKERS=5", timeout[] = "TACH_TIMEOUT=6", other[] = "TACH_WORKERSX=9";
        char *env[] = {workers, timeout, other, NULL};
        struct settings s = {0};
        struct choices c;
        struct error err = {0};

        (void)state;
        assert_int_equal(settings_give(&s, SETTING_TIMEOUT, "7", "--timeout", RANK_FLAG, &err), 0);
        assert_int_equal(settings_give(&s, SETTING_WORKERS, "3", "file", RANK_FILE, &err), 0);
        assert_int_equal(settings_from_environment(&s, env, &err), 0);
        assert_int_equal(settings_choose(&s, &c, &err), 0);
        assert_int_equal(c.workers, 5);
        assert_true(c.timeout > 6.9);
        settings_finish(&s);
}

static void wrong_values_say_where(void **state)
{
        static const struct {
                enum setting which;
                const char *text;
        } cases[] = {
            {SETTING_WORKERS, "many"},
            {SETTING_WORKERS, "-1"},
            {SETTING_WORKERS, "1025"},
            {SETTING_WORKERS, ""},
            {SETTING_TIMEOUT, "-1"},
            {SETTING_TIMEOUT, "nan"},
            {SETTING_TIMEOUT, ""},
            {SETTING_ISOLATION, "some"},
            {SETTING_ENFORCE, "maybe"},
            {SETTING_FORMAT, "yaml"},
            {SETTING_COLOR, "blue"},
            {SETTING_MAX_FAIL, "1x"},
            {SETTING_MEMORY, "0"},
            {SETTING_MEMORY, "5X"},
            {SETTING_MEMORY, "9999999T"},
            {SETTING_MEMORY, "-1"},
            {SETTING_MEMORY, "1.5G"},
            {SETTING_MEMORY, "MiB"},
            {SETTING_PIDS, "0"},
            {SETTING_PIDS, "4194305"},
            {SETTING_CPU, "0"},
            {SETTING_CPU, "-1"},
            {SETTING_CPU, "nan"},
            {SETTING_CPU, "2 CPUs"},
            {SETTING_COLLECT_MEMORY, "half"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct settings s = {0};
                struct choices c;
                struct error err = {0};

                assert_int_equal(
                    settings_give(&s, cases[i].which, cases[i].text, "TACH_X", RANK_VARIABLE, &err), 0);
                assert_true(settings_choose(&s, &c, &err) < 0);
                assert_int_equal(strncmp(err.what, "TACH_X: expected ", 17), 0);
                settings_finish(&s);
        }
}

static int remember(void *ctx, const struct toml_value *v)
{
        struct buf *out = ctx;

        assert_int_equal(buf_addf(out, "%u:%s=%d:%s", v->line, v->key, (int)v->type, v->text), 0);
        for (size_t i = 0; v->type == TOML_ARRAY && i < v->array->n; i++)
                assert_int_equal(buf_addf(out, "<%s>", v->array->v[i]), 0);
        return buf_adds(out, ";");
}

static void toml_tables_are_read(void **state)
{
        static const char text[] =
            "[other]\nx = 1\n\n[tool.tach]\n# note\nworkers = 4\n\"max-fail\" = 2\npython = '/a\\b'\n"
            "list = [\"a\\tb\", # one\n  \"c\"]\nflag = true\n[tool.tach.more]\ny = 1\n";
        struct buf out = {0};
        struct error err = {0};
        int found;

        (void)state;
        assert_int_equal(
            toml_table(text, sizeof text - 1, "f.toml", "tool.tach", remember, &out, &found, &err), 0);
        assert_int_equal(found, 1);
        assert_string_equal(
            out.data, "6:workers=1:4;7:max-fail=1:2;8:python=0:/a\\b;9:list=3:<a\tb><c>;11:flag=2:true;");
        buf_finish(&out);
        assert_true(toml_table("a = [\n", 6, "f.toml", "x", remember, &out, &found, &err) < 0);
        assert_int_equal(strncmp(err.what, "f.toml:", 7), 0);
}

static void junit_addresses_are_pytests(void **state)
{
        static const struct {
                const char *nodeid, *class, *name;
        } cases[] = {
            {"tests/test_a.py::test_b", "tests.test_a", "test_b"},
            {"tests/sub/test_a.py::TestA::TestB::test_c[x]", "tests.sub.test_a.TestA.TestB", "test_c[x]"},
            {"test_a.py::test_b[a/b.py::c]", "test_a", "test_b[a/b.py::c]"},
            {"tests/test_a.py", "", "tests.test_a"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char *class, *name;

                assert_int_equal(junit_address(cases[i].nodeid, &class, &name), 0);
                assert_string_equal(class, cases[i].class);
                assert_string_equal(name, cases[i].name);
                free(class);
                free(name);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(options_are_taken),      cmocka_unit_test(wrong_options_name_the_nearest),
            cmocka_unit_test(output_is_passed_on),    cmocka_unit_test(higher_ranks_win),
            cmocka_unit_test(words_shape_the_report), cmocka_unit_test(wrong_values_say_where),
            cmocka_unit_test(toml_tables_are_read),   cmocka_unit_test(junit_addresses_are_pytests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
