/* How it works: every test's fixtures are worked out in turn; each definition that one of them sees is listed
 * once, where it is first seen. */
#include "runtime/discover/fixture_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/collect.h"
#include "runtime/discover/fixture_write.h"
#include "runtime/discover/walk.h"
#include "spec/base/cleanup.h"

struct lister {
        const struct fixture_request *request;
        struct sources sources;
        struct fixtures fixtures;
        struct ini own_ini;
        struct walk own_walk;
        const struct ini *ini;
        const struct walk *walk;
        struct fixture_writer writer;
        struct fixture_report *reports;
        size_t n_reports, cap_reports, n_tests;
};

struct reading {
        struct lister *l;
        const struct walk_file *file;
        const struct matcher *matcher; /* or NULL */
        struct match_file names;
        struct names nodeids; /* without brackets */
};

/* Whether TEST is surely one of those that count. */
static bool is_selected(struct reading *reading, const struct test *test)
{
        if (ini_deselects(reading->l->ini, test->nodeid))
                return false;
        return reading->matcher == NULL || match_test(reading->matcher, &reading->names, test) == TRUTH_YES;
}

static int keep_test(void *ctx, const struct test *test)
{
        struct reading *reading = ctx;
        size_t prefix = strlen(reading->file->nodeid);
        size_t n = prefix + strcspn(test->nodeid + prefix, "[");
        const char *last = reading->nodeids.n > 0 ? reading->nodeids.v[reading->nodeids.n - 1] : "";
        char *nodeid;

        if (test->partial || (strncmp(last, test->nodeid, n) == 0 && last[n] == '\0') ||
            !is_selected(reading, test))
                return 0;
        nodeid = arena_strn(&reading->l->sources.arena, test->nodeid, n);
        return nodeid != NULL && names_add(&reading->l->sources.arena, &reading->nodeids, nodeid) ? 0
                                                                                                  : -ENOMEM;
}

static int read_tests(void *ctx, struct module *module)
{
        struct reading *reading = ctx;
        const char *root = reading->l->request->root;
        const char *conftests =
            reading->matcher != NULL ? match_conftests(module->arena, root, reading->file->path) : NULL;

        if (reading->matcher != NULL &&
            (conftests == NULL ||
             match_file_init(&reading->names, module, root, reading->file->nodeid, conftests) < 0))
                return -ENOMEM;
        return collect_module(module, reading->l->ini, reading->file->nodeid, reading->file->select,
                              keep_test, reading);
}

static bool same(const struct problem *a, const struct problem *b)
{
        return a->line == b->line && strcmp(a->path, b->path) == 0 && strcmp(a->text, b->text) == 0;
}

static bool remember(struct lister *l, const struct problem *problem)
{
        for (size_t i = 0; i < l->n_reports; i++)
                if (same(l->reports[i].problem, problem)) {
                        l->reports[i].n_tests++;
                        return true;
                }
        if (l->n_reports == l->cap_reports) {
                size_t cap = l->cap_reports * 2 + 16;
                struct fixture_report *v = realloc(l->reports, cap * sizeof *v);

                if (v == NULL)
                        return false;
                l->reports = v;
                l->cap_reports = cap;
        }
        l->reports[l->n_reports++] = (struct fixture_report){problem, 1};
        return true;
}

static int list_test(struct lister *l, const struct walk_file *file, const char *nodeid)
{
        struct closure closure;
        int r = 0;

        l->n_tests++;
        if (!fixtures_of(&l->fixtures, file->path, nodeid, &closure))
                return l->sources.arena.failed ? -ENOMEM : fixture_write_unknown(&l->writer, nodeid);
        for (size_t i = 0; i < closure.n_problems && file->unsure == NULL; i++)
                if (!remember(l, &closure.problems[i]))
                        return -ENOMEM;
        if (l->request->format != FIXTURES_PROBLEMS)
                r = fixture_write_test(&l->writer, nodeid, &closure);
        return r;
}

static bool is_stopped(const struct lister *l)
{
        return l->request->stop != NULL && atomic_load(l->request->stop);
}

/* All files are read before the first test is judged: what one of them says (pytest_plugins, hooks) may count
 * for all. */
static int list_files(struct lister *l)
{
        struct names *tests = arena_get(&l->sources.arena, (l->walk->n + 1) * sizeof *tests);
        int r = tests == NULL ? -ENOMEM : 0;

        for (size_t i = 0; r == 0 && i < l->walk->n; i++) {
                const struct fixture_selection *selection = l->request->selection;
                struct reading reading = {
                    .l = l, .file = &l->walk->v[i], .matcher = selection != NULL ? selection->matcher : NULL};

                if (is_stopped(l))
                        return -ECANCELED;
                if (!reading.file->tests || (selection != NULL && selection->left_out[i]))
                        continue;
                r = sources_read(&l->sources, l->walk->v[i].path, read_tests, &reading);
                fixtures_announce(&l->fixtures, l->walk->v[i].path);
                tests[i] = reading.nodeids;
        }
        for (size_t i = 0; r == 0 && i < l->walk->n; i++) {
                if (is_stopped(l))
                        return -ECANCELED;
                for (size_t k = 0; r == 0 && k < tests[i].n; k++)
                        r = list_test(l, &l->walk->v[i], tests[i].v[k]);
        }
        return r;
}

/* Of harness/tach_harness/django_fixtures.py. */
static const char django_fixtures[] =
    " admin_client admin_user async_client async_rf client db django_assert_max_num_queries "
    "django_assert_num_queries django_capture_on_commit_callbacks django_db_reset_sequences "
    "django_db_serialized_rollback django_user_model django_username_field live_server mailoutbox rf "
    "settings transactional_db ";

/* What fixture_list does once the files are known. */
static int list_all(struct lister *l, FILE *out, void (*each)(void *ctx, const struct fixture_report *report),
                    void *ctx, struct error *err)
{
        const struct fixture_request *request = l->request;
        int r = fixtures_init(&l->fixtures, &l->sources, l->ini, request->options, err);

        if (r < 0)
                return r;
        if (request->django || l->ini->django_settings.n > 0)
                l->fixtures.given = django_fixtures;
        fixture_write_begin(&l->writer, request, &l->fixtures, out);
        r = list_files(l);
        for (size_t i = 0; r == 0 && i < l->n_reports; i++) {
                r = fixture_write_problem(&l->writer, &l->reports[i]);
                if (r == 0 && each != NULL)
                        each(ctx, &l->reports[i]);
        }
        if (r == 0)
                r = fixture_write_end(&l->writer);
        if (r < 0)
                (void)error_set(err, "list", -r, r == -ENOMEM ? "the fixtures" : "write");
        fixture_write_finish(&l->writer);
        fixtures_finish(&l->fixtures);
        return r;
}

/* Finds the files itself. */
static int find_files(struct lister *l, struct error *err)
{
        const struct fixture_request *request = l->request;
        int r = ini_read(&l->own_ini, request->root, request->config_file, err);

        l->ini = &l->own_ini;
        l->walk = &l->own_walk;
        if (r == 0)
                r = ini_apply(&l->own_ini, &l->own_ini.addopts);
        if (r == 0 && request->options != NULL)
                r = ini_apply(&l->own_ini, request->options);
        return r == 0 ? walk_paths(&l->own_walk, l->ini, request->root, request->python, request->paths,
                                   request->n, false, err)
                      : r;
}

int fixture_list(const struct fixture_request *request, FILE *out,
                 void (*each)(void *ctx, const struct fixture_report *report), void *ctx, struct error *err)
{
        const struct fixture_selection *selection = request->selection;
        struct lister l = {.request = request};
        int r = 0;

        if (selection != NULL) {
                l.ini = selection->ini;
                l.walk = selection->walk;
        } else {
                r = find_files(&l, err);
        }
        if (r == 0)
                r = sources_init(&l.sources, request->root, l.ini, request->python, request->cache, err);
        if (r == 0) {
                r = list_all(&l, out, each, ctx, err);
                sources_finish(&l.sources);
        }
        free(l.reports);
        walk_finish(&l.own_walk);
        ini_finish(&l.own_ini);
        return r < 0 ? r : l.n_tests == 0 ? 5 : 0;
}
