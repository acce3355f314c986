/* How it works: a quick look, on the safe side. A fixture of the test's file is followed by its parameters;
 * one of the conftest.py files counts as plain if none of these has "params" in it. */
#include "runtime/discover/match_fixtures.h"

#include <stdio.h>
#include <string.h>

#include "runtime/discover/names.h"

#define MAX_FIXTURES 12 /* that ask for one another */

/* Fixtures of pytest and well-known plugins, none of which has params. */
static const char known[] =
    " cache capfd capfdbinary caplog capsys capsysbinary config doctest_namespace httpserver monkeypatch "
    "pytestconfig "
    "pytester record_property record_testsuite_property record_xml_attribute recwarn request testdir "
    "tmp_path "
    "tmp_path_factory tmpdir tmpdir_factory self cls mocker class_mocker module_mocker package_mocker "
    "session_mocker "
    "benchmark requests_mock httpx_mock respx_mock freezer faker db transactional_db client admin_client "
    "admin_user "
    "rf settings live_server mailoutbox django_user_model django_db_setup django_db_blocker subtests ";

static bool may_parametrize(const char *text)
{
        static const char *const words[] = {"params",         "import *",  "pytest_generate_tests",
                                            "pytest_plugins", "globals()", "anyio_backend"};

        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
                if (strstr(text, words[i]) != NULL)
                        return true;
        return false;
}

bool match_fixtures_autouse_unsure(const struct module *module, const char *conftests)
{
        return (strstr(module->text, "autouse") != NULL && strstr(module->text, "params") != NULL) ||
               (strstr(conftests, "autouse") != NULL && may_parametrize(conftests)) ||
               strstr(conftests, "pytest_generate_tests") != NULL;
}

static bool is_defined(const char *text, const char *name)
{
        char definition[200];

        return snprintf(definition, sizeof definition, "def %s(", name) < (int)sizeof definition &&
               strstr(text, definition) != NULL;
}

static bool unsure(const struct match_file *file, const struct scope *scope, const char *name, int depth);

/* Whether what the function B asks for may. */
static bool asks_unsure(const struct match_file *file, const struct scope *scope, const struct binding *b,
                        int depth)
{
        const struct module *m = scope->module;
        struct nodes all = node_children(m, node_field(b->node, "parameters"));

        for (size_t i = 0; i < all.n; i++) {
                struct node name =
                    node_is(all.v[i], "typed_parameter") ? node_named_child(all.v[i], 0) : all.v[i];

                if (node_is(name, "identifier") && unsure(file, scope, node_text(m, name), depth + 1))
                        return true;
        }
        return false;
}

static bool unsure(const struct match_file *file, const struct scope *scope, const char *name, int depth)
{
        const struct module *m = scope->module;
        struct binding *b = module_resolve(m, scope, name);

        if (depth > MAX_FIXTURES)
                return true;
        if (b != NULL && b->kind == BINDING_FUNCTION) {
                /* one that overrides another asks for that one under its own name */
                for (size_t i = 0; i < b->decorators.n; i++)
                        if (strstr(node_text(m, b->decorators.v[i]), "params") != NULL ||
                            strstr(node_text(m, b->decorators.v[i]), "fixture") == NULL)
                                return true;
                return b->decorators.n == 0 || asks_unsure(file, scope, b, depth);
        }
        if (b != NULL || strstr(m->text, "import *") != NULL)
                return true;
        if (may_parametrize(file->conftests))
                return !names_in_table(known, name) || is_defined(file->conftests, name);
        return !names_in_table(known, name) && !is_defined(file->conftests, name);
}

bool match_unsure(const struct match_file *file, const struct test *test)
{
        if (test->partial)
                return true;
        if (test->function == NULL) /* a doctest */
                return false;
        if (file->unsure_fixtures)
                return true;
        for (size_t i = 0; i < test->fixtures.n; i++)
                if (unsure(file, test->scope, test->fixtures.v[i], 0))
                        return true;
        for (size_t i = 0; i < test->marks->n; i++)
                if (strcmp(test->marks->v[i].name, "anyio") == 0) /* its plugin parametrizes these */
                        return true;
        /* a class of another file brings its fixtures along */
        for (const struct chain *c = test->chain; c != NULL; c = c->outer)
                for (size_t i = 0; i < c->class_def->n_mro; i++)
                        if (strstr(c->class_def->mro[i]->scope.module->text, "autouse") != NULL &&
                            strstr(c->class_def->mro[i]->scope.module->text, "params") != NULL)
                                return true;
        return false;
}
