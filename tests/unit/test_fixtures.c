/* runtime/discover: the facts of a file, and the fixtures of its tests, from files in a folder of their own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/fixture_list.h"
#include "runtime/discover/fixtures.h"

static char root[] = "/tmp/test_fixtures.XXXXXX";

static const char *put(const char *name, const char *text)
{
        static char path[256];
        FILE *f;

        (void)snprintf(path, sizeof path, "%s/%s", root, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_int_equal(fputs(text, f) < 0, 0);
        assert_int_equal(fclose(f), 0);
        return path;
}

struct project {
        struct ini ini;
        struct sources sources;
        struct fixtures fixtures;
};

/* Without an interpreter: plugins are not known. */
static void open_project(struct project *p)
{
        struct error err;

        assert_int_equal(ini_read(&p->ini, root, NULL, &err), 0);
        assert_int_equal(sources_init(&p->sources, root, &p->ini, NULL, NULL, &err), 0);
        assert_int_equal(fixtures_init(&p->fixtures, &p->sources, &p->ini, NULL, &err), 0);
}

static void close_project(struct project *p)
{
        fixtures_finish(&p->fixtures);
        sources_finish(&p->sources);
        ini_finish(&p->ini);
}

static const char *joined(const struct names *names)
{
        static char text[500];

        text[0] = '\0';
        for (size_t i = 0; i < names->n; i++) {
                (void)strcat(text, i > 0 ? " " : "");
                (void)strcat(text, names->v[i]);
        }
        return text;
}

static struct fact_function *function_of(const struct facts *facts, const char *name)
{
        struct fact *fact = facts_find(&facts->scope, name);

        assert_non_null(fact);
        assert_int_equal(fact->kind, FACT_FUNCTION);
        return fact->function;
}

static void parameters_are_read(void **state)
{
        static const struct {
                const char *text, *args;
        } cases[] = {
            {"def f(a, b=1, *c, d, e=2, **g): pass\n", "a d"},
            {"def f(a, /, b, *, c): pass\n", "b c"},
            {"def f(a: int, b: str = '', *c: int): pass\n", "a"},
            {"async def f(a): pass\n", "a"},
            {"f = lambda a, b=1: None\n", "a"},
            {"def f(): pass\n", ""},
            {"def f(a,\n      # b\n      c): pass\n", "a c"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct project p;
                struct facts *facts;

                open_project(&p);
                facts = sources_file(&p.sources, put("test_p.py", cases[i].text));
                assert_non_null(facts);
                assert_string_equal(joined(&function_of(facts, "f")->args), cases[i].args);
                close_project(&p);
        }
}

static void fixtures_are_recognised(void **state)
{
        static const char head[] = "import pytest, pytest as pt\nfrom pytest import fixture, fixture as fx\n"
                                   "from _pytest import fixtures as inner\nalias = pytest.fixture\n"
                                   "session = pytest.fixture(scope='session')\nNAME = 'named'\n";
        static const struct {
                const char *decorator, *name;
                enum fixture_scope scope;
                enum known params, autouse;
        } cases[] = {
            {"@pytest.fixture", NULL, SCOPE_FUNCTION, KNOWN_NO, KNOWN_NO},
            {"@pt.fixture()", NULL, SCOPE_FUNCTION, KNOWN_NO, KNOWN_NO},
            {"@fixture(scope='class', autouse=True)", NULL, SCOPE_CLASS, KNOWN_NO, KNOWN_YES},
            {"@fx(name='x', params=[1])", "x", SCOPE_FUNCTION, KNOWN_YES, KNOWN_NO},
            {"@inner.fixture(params=None)", NULL, SCOPE_FUNCTION, KNOWN_NO, KNOWN_NO},
            {"@alias(name=NAME)", "named", SCOPE_FUNCTION, KNOWN_NO, KNOWN_NO},
            {"@session", NULL, SCOPE_SESSION, KNOWN_NO, KNOWN_NO},
            {"@pytest.fixture(scope=choose())", NULL, SCOPE_UNKNOWN, KNOWN_NO, KNOWN_NO},
            {"@pytest.fixture(autouse=choose())", NULL, SCOPE_FUNCTION, KNOWN_NO, KNOWN_UNSURE},
            {"@pytest.yield_fixture", NULL, SCOPE_FUNCTION, KNOWN_NO, KNOWN_NO},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char text[1000];
                struct project p;
                const struct fact_function *f;

                (void)snprintf(text, sizeof text, "%s%s\ndef f(request): pass\n", head, cases[i].decorator);
                open_project(&p);
                f = function_of(sources_file(&p.sources, put("test_f.py", text)), "f");
                assert_true(f->is_fixture);
                assert_int_equal(f->line, 7);
                if (cases[i].name == NULL)
                        assert_null(f->fixture_name);
                else
                        assert_string_equal(f->fixture_name, cases[i].name);
                assert_int_equal(f->scope, cases[i].scope);
                assert_int_equal(f->params, cases[i].params);
                assert_int_equal(f->autouse, cases[i].autouse);
                close_project(&p);
        }
}

static void what_code_may_do_is_noticed(void **state)
{
        static const struct {
                const char *text;
                unsigned dynamic;
        } cases[] = {
            {"def f(a): pass\n", 0},
            {"setattr(x, y, z)\n", DYNAMIC_NAMESPACE},
            {"def helper():\n    exec(text)\n", DYNAMIC_NAMESPACE},
            {"def test_a():\n    exec(text)\n", 0}, /* after collection */
            {"import pytest\n@pytest.fixture\ndef f():\n    setattr(a, b, c)\n", 0},
            {"globals()['x'] = 1\n", DYNAMIC_NAMESPACE},
            {"def pytest_generate_tests(metafunc): pass\n", DYNAMIC_HOOK},
            {"def pytest_configure(config):\n    config.pluginmanager.register(x)\n", DYNAMIC_PLUGIN},
            {"def pytest_configure(config):\n    config.addinivalue_line('markers', 'x')\n", 0},
            {"import pytest\ndef make():\n    @pytest.fixture\n    def f(): pass\n    return f\n",
             DYNAMIC_FACTORY},
            {"import pytest\npytest.importorskip('x')\n", DYNAMIC_SKIP},
            {"import pytest\ndef test_a():\n    pytest.skip('x')\n", 0},
            {"def __getattr__(name): pass\n", DYNAMIC_GETATTR},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct project p;

                open_project(&p);
                assert_int_equal(sources_file(&p.sources, put("test_d.py", cases[i].text))->dynamic,
                                 cases[i].dynamic);
                close_project(&p);
        }
}

static void definitions_are_found_in_order(void **state)
{
        struct closure c;
        struct project p;
        const char *path;

        (void)state;
        (void)put("conftest.py", "import pytest\n@pytest.fixture(autouse=True)\ndef z(): pass\n"
                                 "@pytest.fixture(scope='session')\ndef s(z2=1): pass\n"
                                 "@pytest.fixture\ndef db(s): pass\n");
        path =
            put("test_o.py", "import pytest\nclass TestA:\n    @pytest.fixture\n    def db(self, db): pass\n"
                             "    def test_a(self, db): pass\n");
        open_project(&p);
        assert_true(fixtures_of(&p.fixtures, path, "test_o.py::TestA::test_a", &c));
        assert_string_equal(joined(&c.names), "z db");
        assert_string_equal(joined(&c.order), "z s db");
        assert_string_equal(c.defs[1]->baseid, "test_o.py::TestA");
        assert_ptr_equal(fixtures_find(c.view, "db", NULL), c.defs[1]);
        assert_string_equal(fixtures_find(c.view, "db", c.defs[1])->baseid, "");
        assert_true(c.unsure); /* no interpreter, so no plugins */
        assert_false(fixtures_of(&p.fixtures, path, "test_o.py::TestA::test_b", &c));
        assert_false(fixtures_of(&p.fixtures, path, "test_o.py::TestB::test_a", &c));
        assert_false(fixtures_of(&p.fixtures, path, "test_o.py", &c));
        close_project(&p);
}

/* The kinds of the problems of test_k.py, whose text is TEXT. */
static const char *problems_of(const char *text)
{
        char *path = strdup(put("test_k.py", text)), *paths[] = {path}, *out = NULL;
        static char kinds[200];
        struct fixture_request request = {.root = root, .paths = paths, .n = 1, .format = FIXTURES_PROBLEMS};
        struct error err;
        size_t n = 0;
        FILE *f = open_memstream(&out, &n);

        assert_non_null(path);
        assert_non_null(f);
        assert_int_equal(fixture_list(&request, f, NULL, NULL, &err), 0);
        assert_int_equal(fclose(f), 0);
        kinds[0] = '\0';
        for (char *p = out; (p = strstr(p, "\"kind\":\"")) != NULL; p += 8)
                (void)snprintf(kinds + strlen(kinds), sizeof kinds - strlen(kinds), "%.*s ",
                               (int)strcspn(p + 8, "\""), p + 8);
        free(out);
        free(path);
        return kinds;
}

static void problems_need_what_is_known(void **state)
{
        static const char head[] = "import pytest\n@pytest.fixture(scope='module')\ndef high(low): pass\n";
        char text[1000];

        (void)state;
        (void)put("conftest.py", "");
        /* a plugin may have it: none is known */
        assert_string_equal(problems_of("def test_a(nonesuch): pass\n"), "");
        assert_string_equal(
            problems_of("import pytest\n@pytest.fixture\ndef a(a): pass\ndef test_a(a): pass\n"), "cycle ");
        (void)snprintf(text, sizeof text, "%s@pytest.fixture\ndef low(): pass\ndef test_a(high): pass\n",
                       head);
        assert_string_equal(problems_of(text), "scope ");
        (void)snprintf(text, sizeof text,
                       "%s@pytest.fixture(scope=choose())\ndef low(): pass\ndef test_a(high): pass\n", head);
        assert_string_equal(problems_of(text), "");
        (void)snprintf(
            text, sizeof text,
            "%sif x:\n    @pytest.fixture\n    def low(): pass\nelse:\n    @pytest.fixture(scope='module')\n"
            "    def low(): pass\ndef test_a(high): pass\n",
            head);
        assert_string_equal(problems_of(text), "");
}

static int make_root(void **state)
{
        (void)state;
        return mkdtemp(root) != NULL ? 0 : -1;
}

static int remove_root(void **state)
{
        char command[64];

        (void)state;
        (void)snprintf(command, sizeof command, "rm -r %s", root);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(parameters_are_read),         cmocka_unit_test(fixtures_are_recognised),
            cmocka_unit_test(what_code_may_do_is_noticed), cmocka_unit_test(definitions_are_found_in_order),
            cmocka_unit_test(problems_need_what_is_known),
        };

        return cmocka_run_group_tests(tests, make_root, remove_root);
}
