/* tach: parses its arguments, writes a spec, starts tach-run and reports what it says. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/discover.h"
#include "runtime/front/args.h"
#include "runtime/front/check.h"
#include "runtime/front/config.h"
#include "runtime/front/early.h"
#include "runtime/front/engine.h"
#include "runtime/front/list.h"
#include "runtime/front/project.h"
#include "runtime/front/report.h"
#include "runtime/front/select.h"
#include "runtime/front/settings.h"
#include "spec/base/cleanup.h"

#ifndef TACH_VERSION
#define TACH_VERSION "0.1.0"
#endif

static int complain(const struct error *err, int code)
{
        char line[1400];

        (void)fprintf(stderr, "%s\n", error_format(err, "tach", line, sizeof line));
        return code;
}

struct running {
        struct report report;
        struct early *early;
};

static int on_report(void *ctx, const char *text, size_t n)
{
        return report_line(ctx, text, n);
}

/* What is known early is said before the first outcome. */
static int on_line(void *ctx, const char *text, size_t n)
{
        static const char start[] = "{\"event\":\"start\"", test[] = "{\"event\":\"test\"";
        struct running *running = ctx;
        int r = 0;

        early_start(running->early);
        if (strncmp(text, start, sizeof start - 1) != 0)
                r = early_take(running->early, strncmp(text, test, sizeof test - 1) == 0, on_report,
                               &running->report);
        return r < 0 ? r : report_line(&running->report, text, n);
}

static void on_tick(void *ctx)
{
        struct running *running = ctx;

        (void)early_take(running->early, false, on_report, &running->report);
        report_tick(&running->report);
}

static int run(const struct spec *spec, const struct choices *choices, int verbosity, struct early *early,
               struct error *err)
{
        struct running running = {.early = early};
        int code;

        report_begin(&running.report, choices, verbosity, stdout);
        code = engine_run(spec, on_line, on_tick, &running, err);
        if (code >= 0)
                code = report_end(&running.report, code, err);
        report_finish(&running.report);
        return code;
}

static int print_profile(struct error *err)
{
        size_t len;
        const char *text = spec_seccomp_default(&len);

        return fwrite(text, 1, len, stdout) == len && fflush(stdout) == 0
                   ? 0
                   : error_set(err, "seccomp", errno, "write to standard output");
}

static int print_spec(const struct spec *spec, struct error *err)
{
        CLEANUP_BUF struct buf text = {0};
        int r = spec_write(spec, &text, err);

        if (r < 0)
                return r;
        return fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0
                   ? 0
                   : error_set(err, "spec", errno, "write to standard output");
}

/* A program that reads node ids gets node ids; what is dynamic is marked for people, and for who asks. */
static int list(const struct args *args, const struct choices *choices, const struct select_request *request,
                struct error *err)
{
        if (args->list == LIST_IMPORT_GRAPH)
                return select_print_imports(request, stdout, err);
        return select_list(request,
                           choices->format == FORMAT_JSON ? DISCOVER_JSON
                           : args->verbosity > 0 || (args->verbosity == 0 && isatty(STDOUT_FILENO))
                               ? DISCOVER_HUMAN
                               : DISCOVER_IDS,
                           stdout, err);
}

/* Everything between the arguments and the run: root, file, variables, choices, spec. */
static int execute(const struct args *args, struct settings *settings, struct error *err)
{
        char cwd[PATH_MAX], root[PATH_MAX], python[PATH_MAX];
        struct select_request request = {.args = args, .settings = settings, .root = root};
        struct error none = {0};
        CLEANUP_SPEC struct spec spec = {0};
        struct choices choices;
        struct early *early;
        int r;

        if (getcwd(cwd, sizeof cwd) == NULL)
                return error_set(err, "project", errno, "the current folder");
        r = project_root(args, cwd, root, err);
        if (r == 0)
                r = config_read(settings, root, err);
        if (r == 0)
                r = settings_from_environment(settings, environ, err);
        if (r == 0)
                r = settings_choose(settings, &choices, err);
        if (r == 0 && project_python(choices.python, root, cwd, python, &none) == 0)
                request.python = python;
        if (r == 0 && args->command == COMMAND_LIST)
                return args->list == LIST_TESTS || args->list == LIST_IMPORT_GRAPH
                           ? list(args, &choices, &request, err)
                           : list_fixtures(args, settings, &choices, root, cwd, err);
        if (r == 0 && args->command == COMMAND_CHECK)
                return check_run(args, settings, &choices, root, cwd, stdout, err);
        if (r == 0)
                r = project_spec(args, settings, &choices, root, cwd, &spec, err);
        request.say = args->command == COMMAND_RUN ? stderr : NULL;
        if (r == 0)
                r = select_files(&request, &spec.tach.select, err);
        if (r < 0)
                return r;
        if (args->command == COMMAND_SPEC)
                return print_spec(&spec, err);
        early = early_create(args, settings, &choices, root, cwd);
        r = run(&spec, &choices, args->verbosity, early, err);
        early_destroy(early);
        return r;
}

int main(int argc, char **argv)
{
        struct settings settings = {0};
        struct error err = {0};
        struct args args;
        int r = args_parse(&args, &settings, argc, argv, &err);

        if (r < 0) {
                settings_finish(&settings);
                return complain(&err, 4);
        }
        if (args.command == COMMAND_HELP)
                (void)fputs(args_help, stdout);
        else if (args.command == COMMAND_SECCOMP)
                r = print_profile(&err);
        else if (args.command == COMMAND_VERSION)
                (void)printf("tach %s\n", TACH_VERSION);
        else
                r = execute(&args, &settings, &err);
        args_finish(&args);
        settings_finish(&settings);
        if (r < 0)
                return complain(&err,
                                strcmp(err.phase, "engine") == 0 || strcmp(err.phase, "junit") == 0 ? 3 : 4);
        return r;
}
