/* tach: parses its arguments, writes a spec, starts tach-run and reports what it says. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/discover.h"
#include "runtime/discover/tree_cache.h"
#include "runtime/front/affected.h"
#include "runtime/front/args.h"
#include "runtime/front/check.h"
#include "runtime/front/config.h"
#include "runtime/front/early.h"
#include "runtime/front/engine.h"
#include "runtime/front/list.h"
#include "runtime/front/project.h"
#include "runtime/front/pytest_words.h"
#include "runtime/front/report.h"
#include "runtime/front/select.h"
#include "runtime/front/settings.h"
#include "runtime/front/terminal.h"
#include "runtime/front/watch.h"
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
        struct terminal terminal;
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
        terminal_event(&running->terminal, text);
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

/* WATCHED: what the watch is told, or NULL. */
static int run(const struct spec *spec, const struct choices *choices, const struct args *args,
               const struct pytest_words *words, struct early *early, const struct watch_run *watched,
               struct error *err)
{
        struct running running = {.early = early};
        int code = terminal_begin(&running.terminal, spec, args, err);

        if (watched != NULL)
                watch_tell_writes(watched, spec, choices->junit_xml);
        if (code < 0) {
                terminal_end(&running.terminal);
                return code;
        }
        report_begin(&running.report, choices, args->verbosity, stdout);
        running.report.asks = words->asks;
        running.report.no_header = words->no_header;
        report_pass(&running.report, spec_passes_output(spec) ? &running.terminal : NULL);
        code = engine_run(spec, on_line, on_tick, &running, &running.terminal, err);
        terminal_end(&running.terminal);
        if (code >= 0)
                code = report_end(&running.report, code, err);
        if (watched != NULL)
                watch_tell_outcomes(watched, &running.report, &spec->tach.select);
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

/* A project, and what it is asked for with. */
struct task {
        const struct args *args;
        struct args own_args; /* with what pytest's options say of them; nothing of it is owned */
        const struct settings *settings;
        struct choices choices;
        const char *root, *cwd, *python; /* PYTHON: NULL where there is none */
        struct tree_cache *cache;        /* NULL where nothing is discovered */
        const struct watch_run *watched; /* NULL: nobody watches */
};

static int run_tests(const struct task *task, const struct pytest_words *words,
                     const struct select_request *request, const struct spec *spec, struct error *err)
{
        struct early *early = words->asks ? NULL : early_create(request, &spec->tach.select);
        int r = run(spec, &task->choices, task->args, words, early, task->watched, err);

        early_destroy(early);
        return r;
}

static int read_words(const struct task *task, struct pytest_words *ret, struct error *err)
{
        struct ini ini = {0};
        int r = ini_read(&ini, task->root, task->args->config_file, err);

        if (r == 0 && pytest_words_read(ret, &ini, task->settings) < 0)
                r = error_set(err, "project", ENOMEM, "pytest's options");
        ini_finish(&ini);
        return r;
}

/* The spec of a run, which is printed or made. */
static int do_spec(struct task *task, struct select_request *request, struct error *err)
{
        CLEANUP_SPEC struct spec spec = {0};
        struct pytest_words words = {0};
        int r = read_words(task, &words, err);

        task->own_args = *task->args;
        task->own_args.verbosity = words.verbosity;
        task->args = request->args = &task->own_args;
        if (task->choices.junit_xml == NULL)
                task->choices.junit_xml = words.junit_xml;
        if (r == 0)
                r = project_spec(task->args, task->settings, &task->choices, task->root, task->cwd, &spec,
                                 err);
        if (r == 0) {
                terminal_choose(&spec, task->args, task->choices.format == FORMAT_JSON);
                r = select_files(request, &spec.tach.select, err);
                if (r > 0) { /* nothing to run is no error while the project is watched */
                        watch_tell_whole(task->watched);
                        r = 5;
                }
        }
        if (r == 0)
                r = task->args->command == COMMAND_SPEC ? print_spec(&spec, err)
                                                        : run_tests(task, &words, request, &spec, err);
        pytest_words_finish(&words);
        return r;
}

static int do_task(struct task *task, struct error *err)
{
        const struct args *args = task->args;
        struct select_request request = {.args = args,
                                         .settings = task->settings,
                                         .root = task->root,
                                         .python = task->python,
                                         .cache = task->cache,
                                         .touched = task->watched != NULL ? task->watched->touched : NULL,
                                         .say = args->command == COMMAND_RUN ? stderr : NULL};

        if (args->command == COMMAND_LIST)
                return args->list == LIST_TESTS || args->list == LIST_IMPORT_GRAPH
                           ? list(args, &task->choices, &request, err)
                           : list_fixtures(args, task->settings, &task->choices, task->root, task->cwd,
                                           task->cache, err);
        if (args->command == COMMAND_CHECK)
                return check_run(args, task->settings, &task->choices, task->root, task->cwd, stdout, err);
        return do_spec(task, &request, err);
}

/* Everything between the arguments and the task: root, file, variables, choices, cache. */
static int execute(const struct args *args, struct settings *settings, const struct watch_run *watched,
                   struct error *err)
{
        char cwd[PATH_MAX], root[PATH_MAX], python[PATH_MAX];
        struct task task = {.args = args, .settings = settings, .root = root, .cwd = cwd, .watched = watched};
        struct error none = {0};
        int r;

        if (getcwd(cwd, sizeof cwd) == NULL)
                return error_set(err, "project", errno, "the current folder");
        r = project_root(args, cwd, root, err);
        if (r == 0)
                r = config_read(settings, root, err);
        if (r == 0)
                r = settings_from_environment(settings, environ, err);
        if (r == 0)
                r = settings_choose(settings, &task.choices, err);
        if (r < 0)
                return r;
        if (project_python(task.choices.python, root, cwd, python, &none) == 0)
                task.python = python;
        if (task.choices.discovery_cache && args->command != COMMAND_CHECK)
                task.cache = tree_cache_open(root);
        r = do_task(&task, err);
        tree_cache_close(task.cache);
        return r;
}

static int give_up(const struct error *err)
{
        static const char *const internal[] = {"engine", "junit", "terminal"};

        for (size_t i = 0; i < sizeof internal / sizeof internal[0]; i++)
                if (strcmp(err->phase, internal[i]) == 0)
                        return complain(err, 3);
        return complain(err, 4);
}

struct asked {
        const struct args *args;
        struct settings *settings;
};

static int run_watched(void *ctx, const struct watch_run *watched)
{
        const struct asked *asked = ctx;
        struct error err = {0};
        int r = execute(asked->args, asked->settings, watched, &err);

        if (r >= 0)
                return r;
        if (strcmp(err.phase, "usage") == 0 || strcmp(err.phase, "changed") == 0)
                watch_tell_refusal(watched);
        return give_up(&err);
}

static int run_and_watch(const struct args *args, struct settings *settings, struct error *err)
{
        char cwd[PATH_MAX], root[PATH_MAX];
        struct asked asked = {args, settings};
        CLEANUP_STRV struct spec_strv folders = {0};
        struct ini ini = {0};
        int r;

        if (getcwd(cwd, sizeof cwd) == NULL)
                return error_set(err, "project", errno, "the current folder");
        r = project_root(args, cwd, root, err);
        if (r == 0)
                r = ini_read(&ini, root, args->config_file, err);
        if (r == 0 && (spec_strv_add(&folders, root) < 0 || affected_folders(&ini, root, &folders) < 0))
                r = error_set(err, "watch", ENOMEM, "folders");
        if (r == 0)
                r = watch(root, &folders, args->passes != 0, run_watched, &asked, err);
        ini_finish(&ini);
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
        else if (args.watch)
                r = run_and_watch(&args, &settings, &err);
        else
                r = execute(&args, &settings, NULL, &err);
        args_finish(&args);
        settings_finish(&settings);
        return r < 0 ? give_up(&err) : r;
}
