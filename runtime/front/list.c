#include "runtime/front/list.h"

#include <limits.h>
#include <stdio.h>

#include "runtime/discover/fixture_list.h"
#include "runtime/front/project.h"
#include "spec/base/utf8.h"

static void say(void *ctx, const struct fixture_report *report)
{
        const struct problem *p = report->problem;
        char path[300], text[600], hint[900];

        (void)ctx;
        (void)fprintf(stderr, "tach: warning: %s:%u: %s%s%s%s", utf8_show(path, sizeof path, p->path),
                      p->line, utf8_show(text, sizeof text, p->text), p->hint != NULL ? " (" : "",
                      p->hint != NULL ? utf8_show(hint, sizeof hint, p->hint) : "",
                      p->hint != NULL ? ")" : "");
        (void)utf8_show(text, sizeof text, p->nodeid);
        if (report->n_tests > 1)
                (void)fprintf(stderr, ": %zu tests, first %s\n", report->n_tests, text);
        else
                (void)fprintf(stderr, ": %s\n", text);
}

int list_fixtures(const struct args *args, const struct settings *settings, const struct choices *choices,
                  const char *root, const char *cwd, struct tree_cache *cache, struct error *err)
{
        char python[PATH_MAX];
        struct error ignored = {0};
        bool found = project_python(choices->python, root, cwd, python, &ignored) == 0;
        struct fixture_request request = {
            .root = root,
            .config_file = args->config_file,
            .python = found ? python : NULL,
            .paths = args->paths.v,
            .n = args->paths.n,
            .options = &settings->pytest_args,
            .format = args->list == LIST_FIXTURE_GRAPH ? FIXTURES_DOT
                      : choices->format == FORMAT_JSON ? FIXTURES_JSON
                                                       : FIXTURES_HUMAN,
            .all = args->verbosity > 0,
            .django = settings_have_django(settings),
            .cache = cache,
        };

        return fixture_list(&request, stdout, say, NULL, err);
}
