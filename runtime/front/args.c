/* How it works: getopt_long over one table; an entry says which setting it gives, or that it is pytest's. */
#include "runtime/front/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/front/interactive.h"
#include "spec/names.h"

#define MAX_SHARDS 65536 /* as in spec/run.schema.json */

const char args_help[] =
    "usage: tach [OPTIONS] [PATH[::NODE]...] [-- PYTEST_OPTIONS]\n"
    "       tach list [PATH[::NODE]...]     node ids, one a line, found without starting Python (-v: with "
    "what is\n"
    "                                       not sure and why; --format json: with lines, marks, fixtures)\n"
    "       tach list --fixtures [PATH...]  the fixtures that these tests can use, and what is wrong with "
    "them\n"
    "       tach list --graph=fixtures      the same as a graph for Graphviz\n"
    "       tach list --graph=imports       which files the test files import, as a graph for Graphviz\n"
    "       tach spec [OPTIONS] [PATH...]   the run.json that such a run would use\n"
    "       tach seccomp                    the profile of system calls that applies without --seccomp\n"
    "       tach check [--format json]      what isolation this machine allows, and how to mend the rest\n"
    "\n"
    "Runs a pytest suite, every test in a sandbox of its own.\n"
    "\n"
    "which tests\n"
    "  -k EXPR, -m EXPR              as pytest: by name, by marker\n"
    "  --changed[=REV]               test files that uncommitted changes can affect, or all since REV (git)\n"
    "  --shard K/N                   the K-th of N parts of the test files\n"
    "  -w, --watch                   run, and after each change what it can affect, until Ctrl-C\n"
    "  --deselect ID, --ignore PATH, --ignore-glob GLOB\n"
    "  -x, --exitfirst               stop after the first failure\n"
    "  --maxfail N                   stop after N failures\n"
    "how\n"
    "  -n, --workers N|auto          tests at a time (default: one per CPU)\n"
    "  --timeout SECONDS             for each test (default 60; 0: none)\n"
    "  --no-isolation                forked workers without sandboxes\n"
    "  --spawn                       each test in a fresh interpreter, for what cannot be forked\n"
    "  --seed N                      of random numbers in tests (default: another for each run)\n"
    "  --enforce required|best-effort\n"
    "                                what cannot be enforced ends the run, or is reported (default "
    "required)\n"
    "  --seccomp FILE                system calls that tests may make (see tach seccomp)\n"
    "  --reuse rollback|cell|never   whether a test may get the process of another, put back to where it "
    "began, or its\n"
    "                                cell, left provably clean\n"
    "  --verify-rollback             compare all memory of such a process with what it was, each time\n"
    "  --network private|host|none   a loopback interface of its own for each test (the default), the "
    "host's\n"
    "                                network, or not even loopback\n"
    "  --service ADDRESS             let a socket of the host in: 127.0.0.1:PORT, [::1]:PORT, unix:/PATH\n"
    "  --keep PATTERN                let tests write project paths like this one for good (\"out/**\")\n"
    "  --memory BYTES, --pids N, --cpu N\n"
    "                                what a test may take: memory (\"64M\"), processes, processors (0.5)\n"
    "  --collect-memory BYTES        what the interpreter that collects may take (default: half of the "
    "machine's; 0: no limit)\n"
    "  --no-discovery-cache          parse every file anew (see README: what is kept is in ~/.cache/tach)\n"
    "  --python PATH                 the interpreter (default: TACH_PYTHON, the active virtual environment,\n"
    "                                .venv of the project, /usr/bin/python3)\n"
    "  --rootdir PATH, -c FILE, -o NAME=VALUE, -p PLUGIN, -W FILTER, --import-mode MODE, --lf, --ff,\n"
    "  --nf, --sw, --sw-skip, --lfnf all|none, --cache-clear, --strict-markers, --strict-config, "
    "--runxfail,\n"
    "  --continue-on-collection-errors, --noconftest, --collect-in-virtualenv, --doctest-modules, "
    "--doctest-glob GLOB,\n"
    "  --doctest-report FORMAT, --doctest-ignore-import-errors, --doctest-continue-on-failure\n"
    "                                as pytest\n"
    "report\n"
    "  -v, --verbose; -q, --quiet    more, less\n"
    "  --format human|json           json: the event stream, one object a line\n"
    "  --junit-xml PATH              as pytest writes it\n"
    "  --tb STYLE, -l, --showlocals, -r CHARS, --show-capture WHICH, --disable-warnings, --no-header,\n"
    "  --no-summary                  as pytest\n"
    "  --durations N                 the N slowest tests\n"
    "debugging: tests run one after another, on a terminal where there is one\n"
    "  -s, --capture no              what tests print is shown as they run\n"
    "  --pdb                         pytest's debugger where a test fails; breakpoint() needs this or -s\n"
    "  --trace                       the debugger at the start of each test\n"
    "  --pdbcls MODULE:CLASS         another debugger\n"
    "  --setup-show                  fixtures as they are set up and torn down\n"
    "instead of running tests, as pytest\n"
    "  --collect-only, --co, --setup-plan, --setup-only, --fixtures-per-test, --markers, "
    "--cache-show[=GLOB]\n"
    "others\n"
    "  --color auto|yes|no\n"
    "  --version, -h, --help\n"
    "\n"
    "Settings may also stand in pyproject.toml ([tool.tach]: workers, timeout, max-fail, isolation, "
    "enforce,\n"
    "reuse, network, services, keep, shared, spawn, seed, memory, pids, cpu, collect_memory, "
    "discovery_cache, seccomp, "
    "python, format, "
    "junit-xml, color, "
    "durations, "
    "pytest-args) "
    "and in the "
    "environment (TACH_WORKERS, "
    "...); a "
    "flag\n"
    "beats a variable, a variable beats the file. Exit codes are pytest's: 0 passed, 1 failed, 2 "
    "interrupted,\n"
    "3 internal error, 4 wrong use, 5 no tests.\n";

enum {
        OPT_PYTEST = 256, /* handed to pytest as it is */
        OPT_TIMEOUT,
        OPT_MAXFAIL,
        OPT_NO_ISOLATION,
        OPT_SPAWN,
        OPT_SEED,
        OPT_ENFORCE,
        OPT_REUSE,
        OPT_VERIFY_ROLLBACK,
        OPT_SECCOMP,
        OPT_NETWORK,
        OPT_SERVICE,
        OPT_KEEP,
        OPT_MEMORY,
        OPT_PIDS,
        OPT_CPU,
        OPT_COLLECT_MEMORY,
        OPT_NO_DISCOVERY_CACHE,
        OPT_PYTHON,
        OPT_FORMAT,
        OPT_JUNIT_XML,
        OPT_COLOR,
        OPT_DURATIONS,
        OPT_ROOTDIR,
        OPT_FIXTURES,
        OPT_CHANGED,
        OPT_SHARD,
        OPT_GRAPH,
        OPT_VERSION
};

static const struct option options[] = {
    {"workers", required_argument, NULL, 'n'},
    {"numprocesses", required_argument, NULL, 'n'},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"exitfirst", no_argument, NULL, 'x'},
    {"maxfail", required_argument, NULL, OPT_MAXFAIL},
    {"no-isolation", no_argument, NULL, OPT_NO_ISOLATION},
    {"spawn", no_argument, NULL, OPT_SPAWN},
    {"seed", required_argument, NULL, OPT_SEED},
    {"enforce", required_argument, NULL, OPT_ENFORCE},
    {"reuse", required_argument, NULL, OPT_REUSE},
    {"verify-rollback", no_argument, NULL, OPT_VERIFY_ROLLBACK},
    {"seccomp", required_argument, NULL, OPT_SECCOMP},
    {"network", required_argument, NULL, OPT_NETWORK},
    {"service", required_argument, NULL, OPT_SERVICE},
    {"keep", required_argument, NULL, OPT_KEEP},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"pids", required_argument, NULL, OPT_PIDS},
    {"cpu", required_argument, NULL, OPT_CPU},
    {"collect-memory", required_argument, NULL, OPT_COLLECT_MEMORY},
    {"no-discovery-cache", no_argument, NULL, OPT_NO_DISCOVERY_CACHE},
    {"python", required_argument, NULL, OPT_PYTHON},
    {"format", required_argument, NULL, OPT_FORMAT},
    {"junit-xml", required_argument, NULL, OPT_JUNIT_XML},
    {"junitxml", required_argument, NULL, OPT_JUNIT_XML},
    {"color", required_argument, NULL, OPT_COLOR},
    {"durations", required_argument, NULL, OPT_DURATIONS},
    {"rootdir", required_argument, NULL, OPT_ROOTDIR},
    {"fixtures", no_argument, NULL, OPT_FIXTURES},
    {"changed", optional_argument, NULL, OPT_CHANGED},
    {"shard", required_argument, NULL, OPT_SHARD},
    {"watch", no_argument, NULL, 'w'},
    {"graph", required_argument, NULL, OPT_GRAPH},
    {"verbose", no_argument, NULL, 'v'},
    {"quiet", no_argument, NULL, 'q'},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, 'h'},
    {"deselect", required_argument, NULL, OPT_PYTEST},
    {"ignore", required_argument, NULL, OPT_PYTEST},
    {"ignore-glob", required_argument, NULL, OPT_PYTEST},
    {"tb", required_argument, NULL, OPT_PYTEST},
    {"showlocals", no_argument, NULL, OPT_PYTEST},
    {"override-ini", required_argument, NULL, OPT_PYTEST},
    {"import-mode", required_argument, NULL, OPT_PYTEST},
    {"confcutdir", required_argument, NULL, OPT_PYTEST},
    {"lf", no_argument, NULL, OPT_PYTEST},
    {"last-failed", no_argument, NULL, OPT_PYTEST},
    {"ff", no_argument, NULL, OPT_PYTEST},
    {"failed-first", no_argument, NULL, OPT_PYTEST},
    {"nf", no_argument, NULL, OPT_PYTEST},
    {"new-first", no_argument, NULL, OPT_PYTEST},
    {"lfnf", required_argument, NULL, OPT_PYTEST},
    {"last-failed-no-failures", required_argument, NULL, OPT_PYTEST},
    {"sw", no_argument, NULL, OPT_PYTEST},
    {"stepwise", no_argument, NULL, OPT_PYTEST},
    {"sw-skip", no_argument, NULL, OPT_PYTEST},
    {"stepwise-skip", no_argument, NULL, OPT_PYTEST},
    {"cache-clear", no_argument, NULL, OPT_PYTEST},
    {"strict-markers", no_argument, NULL, OPT_PYTEST},
    {"strict-config", no_argument, NULL, OPT_PYTEST},
    {"runxfail", no_argument, NULL, OPT_PYTEST},
    {"doctest-modules", no_argument, NULL, OPT_PYTEST},
    {"doctest-glob", required_argument, NULL, OPT_PYTEST},
    {"doctest-report", required_argument, NULL, OPT_PYTEST},
    {"doctest-ignore-import-errors", no_argument, NULL, OPT_PYTEST},
    {"doctest-continue-on-failure", no_argument, NULL, OPT_PYTEST},
    {"noconftest", no_argument, NULL, OPT_PYTEST},
    {"collect-in-virtualenv", no_argument, NULL, OPT_PYTEST},
    {"continue-on-collection-errors", no_argument, NULL, OPT_PYTEST},
    {"collect-only", no_argument, NULL, OPT_PYTEST},
    {"co", no_argument, NULL, OPT_PYTEST},
    {"markers", no_argument, NULL, OPT_PYTEST},
    {"fixtures-per-test", no_argument, NULL, OPT_PYTEST},
    {"cache-show", optional_argument, NULL, OPT_PYTEST},
    {"setup-show", no_argument, NULL, OPT_PYTEST},
    {"setup-only", no_argument, NULL, OPT_PYTEST},
    {"setup-plan", no_argument, NULL, OPT_PYTEST},
    {"no-header", no_argument, NULL, OPT_PYTEST},
    {"no-summary", no_argument, NULL, OPT_PYTEST},
    {"show-capture", required_argument, NULL, OPT_PYTEST},
    {"disable-warnings", no_argument, NULL, OPT_PYTEST},
    {"disable-pytest-warnings", no_argument, NULL, OPT_PYTEST},
    {"capture", required_argument, NULL, OPT_PYTEST},
    {"pdb", no_argument, NULL, OPT_PYTEST},
    {"pdbcls", required_argument, NULL, OPT_PYTEST},
    {"trace", no_argument, NULL, OPT_PYTEST},
    {NULL, 0, NULL, 0},
};

static int give(struct settings *s, enum setting which, const char *text, const char *option,
                struct error *err)
{
        return settings_give(s, which, text, option, RANK_FLAG, err);
}

/* OPTION[=VALUE] or the two words of a short option, for pytest. */
static int hand_over(struct settings *s, const char *option, const char *value, struct error *err)
{
        struct buf word = {0};
        int r = buf_adds(&word, option);

        if (r == 0 && value != NULL)
                r = buf_addf(&word, "%s%s", option[1] == '-' ? "=" : "", value);
        if (r == 0)
                r = spec_strv_add(&s->pytest_args, word.data);
        buf_finish(&word);
        return r < 0 ? error_set(err, "usage", ENOMEM, "%s", option) : 0;
}

static int unknown(const char *word, struct error *err)
{
        const char *known[sizeof options / sizeof *options];
        const char *name = word + strspn(word, "-"), *meant;
        char bare[64];
        size_t n = 0;

        for (; options[n].name != NULL; n++)
                known[n] = options[n].name;
        known[n] = NULL;
        (void)snprintf(bare, sizeof bare, "%.*s", (int)strcspn(name, "="), name);
        meant = word[1] == '-' ? names_nearest(known, bare) : NULL;
        (void)error_set(err, "usage", 0, "unknown option %.80s", word);
        if (meant != NULL)
                error_hint(err, "did you mean --%s?", meant);
        else
                error_hint(err, "see tach --help; options of pytest and its plugins may follow after --");
        return -EINVAL;
}

static int set_text(char **at, const char *text, struct error *err)
{
        free(*at);
        *at = strdup(text);
        return *at != NULL ? 0 : error_set(err, "usage", ENOMEM, "%s", text);
}

static int need_list(const struct args *a, const char *option, struct error *err)
{
        return a->command == COMMAND_LIST ? 0 : error_set(err, "usage", 0, "%s: is for tach list", option);
}

static int take_graph(struct args *a, const char *kind, struct error *err)
{
        if (strcmp(kind, "fixtures") != 0 && strcmp(kind, "imports") != 0)
                return error_set(err, "usage", 0, "--graph: unknown graph %.80s: fixtures, imports", kind);
        a->list = kind[0] == 'f' ? LIST_FIXTURE_GRAPH : LIST_IMPORT_GRAPH;
        return need_list(a, "--graph", err);
}

/* "K/N" */
static int take_shard(struct args *a, const char *text, struct error *err)
{
        unsigned k, n;
        int end = -1;

        if (text[0] < '0' || text[0] > '9' || sscanf(text, "%5u/%n%5u%n", &k, &end, &n, &end) != 2 ||
            text[end] != '\0' || k < 1 || k > n || n > MAX_SHARDS)
                return error_set(err, "usage", 0, "--shard: expected K/N, as in 2/5, found \"%.60s\"", text);
        a->shard = k;
        a->shards = n;
        return 0;
}

static int take(struct args *a, struct settings *s, int c, int index, const char *word, struct error *err)
{
        char option[3] = {'-', (char)c, '\0'}, named[64];

        switch (c) {
        case 'n':
                return give(s, SETTING_WORKERS, optarg, "--workers", err);
        case OPT_TIMEOUT:
                return give(s, SETTING_TIMEOUT, optarg, "--timeout", err);
        case 'x':
                return give(s, SETTING_MAX_FAIL, "1", "-x", err);
        case OPT_MAXFAIL:
                return give(s, SETTING_MAX_FAIL, optarg, "--maxfail", err);
        case OPT_NO_ISOLATION:
                return give(s, SETTING_ISOLATION, "none", "--no-isolation", err);
        case OPT_SPAWN:
                return spec_strv_add(&s->spawn, ".") < 0 ? error_set(err, "settings", ENOMEM, "--spawn") : 0;
        case OPT_NO_DISCOVERY_CACHE:
                return give(s, SETTING_DISCOVERY_CACHE, "false", "--no-discovery-cache", err);
        case OPT_SEED:
                return give(s, SETTING_SEED, optarg, "--seed", err);
        case OPT_SECCOMP:
                return give(s, SETTING_SECCOMP, optarg, "--seccomp", err);
        case OPT_REUSE:
                return give(s, SETTING_REUSE, optarg, "--reuse", err);
        case OPT_NETWORK:
                return give(s, SETTING_NETWORK, optarg, "--network", err);
        case OPT_SERVICE:
                return settings_add_service(s, optarg, "--service", err);
        case OPT_KEEP:
                return settings_add_keep(s, optarg, "--keep", err);
        case OPT_MEMORY:
                return give(s, SETTING_MEMORY, optarg, "--memory", err);
        case OPT_PIDS:
                return give(s, SETTING_PIDS, optarg, "--pids", err);
        case OPT_CPU:
                return give(s, SETTING_CPU, optarg, "--cpu", err);
        case OPT_COLLECT_MEMORY:
                return give(s, SETTING_COLLECT_MEMORY, optarg, "--collect-memory", err);
        case OPT_ENFORCE:
                return give(s, SETTING_ENFORCE, optarg, "--enforce", err);
        case OPT_PYTHON:
                return give(s, SETTING_PYTHON, optarg, "--python", err);
        case OPT_FORMAT:
                return give(s, SETTING_FORMAT, optarg, "--format", err);
        case OPT_JUNIT_XML:
                return give(s, SETTING_JUNIT_XML, optarg, "--junit-xml", err);
        case OPT_COLOR:
                return give(s, SETTING_COLOR, optarg, "--color", err);
        case OPT_DURATIONS:
                return give(s, SETTING_DURATIONS, optarg, "--durations", err);
        case OPT_FIXTURES:
                a->list = LIST_FIXTURES;
                return need_list(a, "--fixtures", err);
        case OPT_CHANGED:
                return set_text(&a->changed, optarg != NULL ? optarg : "", err);
        case OPT_SHARD:
                return take_shard(a, optarg, err);
        case 'w':
                a->watch = 1;
                return a->command == COMMAND_RUN
                           ? 0
                           : error_set(err, "usage", 0, "--watch: is for running tests");
        case OPT_GRAPH:
                return take_graph(a, optarg, err);
        case OPT_ROOTDIR:
                return set_text(&a->rootdir, optarg, err);
        case 'v':
                a->verbosity++;
                return hand_over(s, "-v", NULL, err);
        case 'q':
                a->verbosity--;
                return hand_over(s, "-q", NULL, err);
        case OPT_VERIFY_ROLLBACK:
                a->verify_rollback = 1;
                return 0;
        case 'h':
                a->command = COMMAND_HELP;
                return 0;
        case OPT_VERSION:
                a->command = COMMAND_VERSION;
                return 0;
        case 'c':
                if (set_text(&a->config_file, optarg, err) < 0)
                        return -ENOMEM;
                return hand_over(s, option, optarg, err);
        case 'k':
        case 'm':
        case 'p':
        case 'o':
        case 'W':
        case 'r':
                return hand_over(s, option, optarg, err);
        case 'l':
        case 's':
                return hand_over(s, option, NULL, err);
        case OPT_PYTEST:
                (void)snprintf(named, sizeof named, "--%s", options[index].name);
                return hand_over(s, named, optarg, err);
        case ':':
                return error_set(err, "usage", 0, "%.80s: a value is missing", word);
        default:
                return unknown(word, err);
        }
}

int args_parse(struct args *ret, struct settings *s, int argc, char **argv, struct error *err)
{
        static const struct {
                const char *word;
                enum command command;
        } commands[] = {{"list", COMMAND_LIST},
                        {"spec", COMMAND_SPEC},
                        {"check", COMMAND_CHECK},
                        {"seccomp", COMMAND_SECCOMP},
                        {"run", COMMAND_RUN}};
        struct args a = {0};
        int first = 1, r = 0, c, index = 0;

        for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
                if (strcmp(argv[1], commands[i].word) == 0) {
                        a.command = commands[i].command;
                        first = 2;
                }
        opterr = 0;
        optind = first;
        while (r == 0) {
                int at = optind;

                /* in order: what stands after "--" is pytest's */
                c = getopt_long(argc, argv, "-:n:k:m:p:o:W:c:r:xvqhslw", options, &index);
                if (c == -1)
                        break;
                if (c == 1)
                        r = spec_strv_add(&a.paths, optarg) < 0
                                ? error_set(err, "usage", ENOMEM, "%s", optarg)
                                : 0;
                else
                        r = take(&a, s, c, index, argv[at < argc ? at : argc - 1], err);
        }
        for (int i = optind; r == 0 && i < argc; i++)
                r = spec_strv_add(&s->pytest_args, argv[i]) < 0
                        ? error_set(err, "usage", ENOMEM, "%s", argv[i])
                        : 0;
        if (r == 0) {
                r = interactive_look(&a, s, err);
        }
        if (r == 0 && (a.command == COMMAND_CHECK || a.command == COMMAND_SECCOMP) && a.paths.n > 0)
                r = error_set(err, "usage", 0, "%s: unexpected %.200s", argv[1], a.paths.v[0]);
        if (r < 0) {
                args_finish(&a);
                return r;
        }
        *ret = a;
        return 0;
}

void args_finish(struct args *args)
{
        spec_strv_finish(&args->paths);
        free(args->rootdir);
        free(args->config_file);
        free(args->changed);
        *args = (struct args){0};
}
