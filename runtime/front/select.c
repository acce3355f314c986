/* How it works: the test files are listed as `tach list` would; each step then says which of them are left
 * out. What cannot be decided without pytest, tach_harness.selection decides. */
#include "runtime/front/select.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/fixture_list.h"
#include "runtime/discover/import_graph.h"
#include "runtime/discover/import_index.h"
#include "runtime/discover/shard.h"
#include "runtime/front/affected.h"
#include "runtime/front/durations.h"
#include "runtime/front/pytest_words.h"
#include "spec/base/cleanup.h"

/* What all steps look at. */
struct project {
        const struct select_request *request;
        const char *root;
        struct arena arena;
        struct ini ini;
        struct walk walk;
        struct pytest_words words;
        struct matcher matcher;        /* of -k and -m */
        bool *left_out;                /* of the walk's files: those that no step keeps */
        uint32_t *file;                /* of the walk's entries: the first with the same file */
        struct discover_count *counts; /* of the walk's files; NULL: not counted */
        bool unaffected;               /* no test file is affected by what changed */
};

static int no_memory(const struct project *p, struct error *err)
{
        return error_set(err, "select", ENOMEM, "%zu files", p->walk.n);
}

/* Node ids of one file make several entries of it. */
static int number_files(struct project *p)
{
        struct import_table numbers = {0};

        p->left_out = calloc(p->walk.n + 1, sizeof *p->left_out);
        p->file = calloc(p->walk.n + 1, sizeof *p->file);
        if (p->left_out == NULL || p->file == NULL)
                return -ENOMEM;
        for (uint32_t i = 0; i < p->walk.n; i++) {
                const char *name = p->walk.v[i].nodeid;

                p->file[i] = import_table_get(&numbers, name, strlen(name));
                if (p->file[i] != IMPORT_NONE)
                        continue;
                p->file[i] = i;
                if (!import_table_set(&p->arena, &numbers, name, i))
                        return -ENOMEM;
        }
        return 0;
}

static bool selects(const struct project *p)
{
        const struct args *args = p->request->args;

        return p->matcher.keyword != NULL || p->matcher.mark != NULL || args->changed != NULL ||
               p->request->touched != NULL || args->shards > 0;
}

/* ALL: also where nothing is to be selected. OTHERS: with files that only a hook may collect. */
static int project_read(struct project *p, const struct select_request *request, bool all, bool others,
                        struct error *err)
{
        const struct args *args = request->args;
        int r = ini_read(&p->ini, request->root, args->config_file, err);

        p->request = request;
        p->root = request->root;
        if (r < 0)
                return r;
        if (pytest_words_read(&p->words, &p->ini, request->settings) < 0 ||
            ini_apply(&p->ini, &p->words.all) < 0)
                return no_memory(p, err);
        r = matcher_init(&p->matcher, p->words.keyword, p->words.mark, err);
        if (r < 0 || !(all || selects(p)))
                return r;
        r = walk_paths(&p->walk, &p->ini, p->root, request->python, args->paths.v, args->paths.n,
                       others && args->shards == 0 && args->changed == NULL, err);
        return r == 0 && number_files(p) < 0 ? no_memory(p, err) : r;
}

static void project_finish(struct project *p)
{
        free(p->counts);
        free(p->file);
        free(p->left_out);
        matcher_finish(&p->matcher);
        pytest_words_finish(&p->words);
        walk_finish(&p->walk);
        ini_finish(&p->ini);
        arena_finish(&p->arena);
}

/* Leaves out what no change can affect. */
static int select_changed(struct project *p, struct error *err)
{
        const struct select_request *request = p->request;
        const struct affected_request asked = {.ini = &p->ini,
                                               .walk = &p->walk,
                                               .plugins = &p->words.plugins,
                                               .root = p->root,
                                               .cache = request->cache,
                                               .rev = request->args->changed,
                                               .touched = request->touched};
        CLEANUP_FREE bool *affected = calloc(p->walk.n + 1, sizeof *affected);
        CLEANUP_BUF struct buf why = {0};
        size_t n_changed = 0, n = 0, all = 0;
        int r = affected == NULL ? no_memory(p, err) : affected_read(&asked, affected, &n_changed, &why, err);

        for (size_t i = 0; r == 0 && affected != NULL && i < p->walk.n; i++) {
                p->left_out[i] = !affected[i];
                if (p->file[i] == i) {
                        n += affected[i];
                        all++;
                }
        }
        if (r == 0 && request->say != NULL)
                affected_say(request->say, &asked, n_changed, n, all, &why);
        p->unaffected = n == 0;
        return r;
}

/* Looks at the conftest.py files that hooks of the tests can stand in. */
static int read_conftests(struct project *p)
{
        struct import_table seen = {0};

        for (size_t i = 0; i < p->walk.n; i++) {
                const char *path = p->walk.v[i].path;
                size_t n_root = strncmp(path, p->root, strlen(p->root)) == 0 ? strlen(p->root) : 1;

                for (size_t n = (size_t)(strrchr(path, '/') - path); n >= n_root; n--) {
                        const char *conftest;

                        if (path[n] != '/')
                                continue;
                        if (import_table_get(&seen, path, n) != IMPORT_NONE)
                                break; /* and so have those above it */
                        conftest = arena_printf(&p->arena, "%.*s/conftest.py", (int)n, path);
                        if (conftest == NULL ||
                            !import_table_set(&p->arena, &seen, arena_strn(&p->arena, path, n), 1) ||
                            matcher_read_conftest(&p->matcher, conftest) < 0)
                                return -ENOMEM;
                }
        }
        return 0;
}

static struct discover_options options_of(const struct project *p, enum discover_format format)
{
        const struct args *args = p->request->args;

        return (struct discover_options){
            .root = p->root,
            .python = p->request->python,
            .paths = args->paths.v,
            .n_paths = args->paths.n,
            .format = format,
            .cache = p->request->cache,
            .matcher = p->matcher.keyword != NULL || p->matcher.mark != NULL ? &p->matcher : NULL};
}

static int count(struct project *p, struct error *err)
{
        struct discover_options options = options_of(p, DISCOVER_IDS);

        p->counts = calloc(p->walk.n + 1, sizeof *p->counts);
        if (p->counts == NULL)
                return no_memory(p, err);
        return discover_count(&options, &p->ini, &p->walk, p->left_out, p->counts, err);
}

/* Leaves out what other shards have. */
static int select_shard(struct project *p, struct error *err)
{
        const struct args *args = p->request->args;
        CLEANUP_FREE struct shard_file *files = calloc(p->walk.n + 1, sizeof *files);
        CLEANUP_FREE size_t *at = calloc(p->walk.n + 1, sizeof *at);
        size_t n = 0, mine = 0;
        uint32_t plan;
        int timed;

        if (files == NULL || at == NULL)
                return no_memory(p, err);
        for (size_t i = 0; i < p->walk.n; i++) {
                if (p->file[i] == i) {
                        at[i] = n;
                        files[n++].name = p->walk.v[i].nodeid;
                }
                files[at[p->file[i]]].weight += (double)p->counts[i].wanted;
        }
        timed = durations_apply(p->root, files, n);
        plan = timed < 0 ? 0 : shard_deal(files, n, args->shards);
        if (plan == 0)
                return no_memory(p, err);
        for (size_t i = 0; i < p->walk.n; i++) {
                bool other = files[at[p->file[i]]].shard != args->shard;

                mine += p->file[i] == i && !other && !p->left_out[i];
                p->left_out[i] = p->left_out[i] || other;
        }
        if (p->request->say != NULL)
                (void)fprintf(p->request->say,
                              "tach: --shard %u/%u: %zu of %zu test files, by %s; plan %08x\n", args->shard,
                              args->shards, mine, n, timed ? "duration" : "number of tests", plan);
        return 0;
}

/* All steps, up to what is left out. */
static int narrow(struct project *p, bool counted, struct error *err)
{
        const struct args *args = p->request->args;
        int r = args->changed != NULL || p->request->touched != NULL ? select_changed(p, err) : 0;

        if (r == 0 && (p->matcher.keyword != NULL || p->matcher.mark != NULL) && read_conftests(p) < 0)
                r = no_memory(p, err);
        if (r == 0 && (counted || args->shards > 0))
                r = count(p, err);
        if (r == 0 && args->shards > 0)
                r = select_shard(p, err);
        return r;
}

static int add_strv(struct spec_strv *to, const struct spec_strv *from)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < from->n; i++)
                r = spec_strv_add(to, from->v[i]);
        return r;
}

static int copy_text(char **ret, const char *text)
{
        *ret = text != NULL ? strdup(text) : NULL;
        return text != NULL && *ret == NULL ? -ENOMEM : 0;
}

/* The files of which no test can match, with their numbers of tests. */
static int list_unmatched(const struct project *p, struct spec_select *ret)
{
        CLEANUP_FREE size_t *tests = calloc(p->walk.n + 1, sizeof *tests);
        CLEANUP_FREE bool *kept = calloc(p->walk.n + 1, sizeof *kept);

        ret->unmatched = calloc(p->walk.n + 1, sizeof *ret->unmatched);
        if (tests == NULL || kept == NULL || ret->unmatched == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < p->walk.n; i++) {
                const struct discover_count *c = &p->counts[i];

                tests[p->file[i]] += c->tests;
                kept[p->file[i]] = kept[p->file[i]] || c->wanted > 0 || c->tests == 0 || !c->exact;
        }
        for (size_t i = 0; i < p->walk.n; i++)
                if (p->file[i] == i && !kept[i] && !p->left_out[i]) {
                        struct spec_count *c = &ret->unmatched[ret->n_unmatched++];

                        c->tests = (uint32_t)tests[i];
                        if (copy_text(&c->file, p->walk.v[i].nodeid) < 0)
                                return -ENOMEM;
                }
        return 0;
}

static int list_files(const struct project *p, struct spec_select *ret)
{
        const struct args *args = p->request->args;
        size_t n = strlen(p->root);
        int r = 0;

        for (size_t i = 0; r == 0 && i < p->walk.n; i++)
                if (p->file[i] != i)
                        continue;
                else if (p->left_out[i])
                        r = spec_strv_add(&ret->excluded, p->walk.v[i].nodeid);
                else if (args->shards > 0)
                        r = spec_strv_add(&ret->included, p->walk.v[i].nodeid);
        for (size_t i = 0; r == 0 && i < p->matcher.read.n; i++) {
                const char *path = p->matcher.read.v[i];

                if (strncmp(path, p->root, n) == 0 && path[n] == '/')
                        r = spec_strv_add(&ret->read, path + n + 1);
        }
        if (r == 0 && !p->matcher.opaque && (p->matcher.keyword != NULL || p->matcher.mark != NULL))
                r = list_unmatched(p, ret);
        if (r == 0)
                r = copy_text(&ret->keyword, p->words.keyword);
        if (r == 0)
                r = copy_text(&ret->mark, p->words.mark);
        ret->doctest_modules = p->ini.doctest_modules;
        if (r == 0)
                r = add_strv(&ret->python_classes, &p->ini.python_classes);
        return r == 0 ? add_strv(&ret->python_functions, &p->ini.python_functions) : r;
}

int select_files(const struct select_request *request, struct spec_select *ret, struct error *err)
{
        const struct args *args = request->args;
        struct project p = {0};
        int r = project_read(&p, request, false, false, err);
        bool matched = p.matcher.keyword != NULL || p.matcher.mark != NULL;

        if (r == 0 && selects(&p)) {
                r = narrow(&p, matched, err);
                if (r == 0 && list_files(&p, ret) < 0)
                        r = no_memory(&p, err);
                if (r == 0 && request->touched != NULL && p.unaffected)
                        r = 1;
                ret->shard = args->shard;
                ret->shards = args->shards;
                ret->given = ret->excluded.n > 0 || ret->n_unmatched > 0 || ret->shards > 0;
        }
        project_finish(&p);
        return r;
}

int select_list(const struct select_request *request, enum discover_format format, FILE *out,
                struct error *err)
{
        struct project p = {0};
        int r = project_read(&p, request, true, true, err);

        if (r == 0)
                r = narrow(&p, false, err);
        if (r == 0) {
                struct discover_options options = options_of(&p, format);

                r = discover_print_walk(&options, &p.ini, &p.walk, p.left_out, out, err);
        }
        project_finish(&p);
        return r;
}

int select_print_imports(const struct select_request *request, FILE *out, struct error *err)
{
        struct project p = {0};
        const struct affected_request asked = {.ini = &p.ini,
                                               .walk = &p.walk,
                                               .plugins = &p.words.plugins,
                                               .root = request->root,
                                               .cache = request->cache};
        struct import_graph *graph = NULL;
        int r = project_read(&p, request, true, false, err);

        if (r == 0)
                r = narrow(&p, false, err);
        if (r == 0)
                r = affected_graph(&asked, NULL, &graph, err);
        if (r == 0) {
                r = import_graph_print(graph, p.left_out, out);
                if (r < 0)
                        r = error_set(err, "imports", -r, "write");
        }
        import_graph_free(graph);
        project_finish(&p);
        return r;
}

/* Options of pytest that leave out tests for reasons that are not read here. */
static bool chooses(const struct spec_strv *words)
{
        static const char *const options[] = {"--lf",       "--last-failed", "--sw",
                                              "--stepwise", "--pyargs",      "--co"};

        for (size_t k = 0; k < words->n; k++)
                for (size_t i = 0; i < sizeof options / sizeof *options; i++)
                        if (strncmp(words->v[k], options[i], strlen(options[i])) == 0)
                                return true;
        return false;
}

static int number_names(struct project *p, struct import_table *ret, const struct spec_strv *names,
                        uint32_t value)
{
        for (size_t i = 0; i < names->n; i++)
                if (!import_table_set(&p->arena, ret, names->v[i], value))
                        return -ENOMEM;
        return 0;
}

/* Leaves out the files that the run leaves out. */
static int take_selection(struct project *p, const struct spec_select *select)
{
        struct import_table names = {0};
        uint32_t out = 1, in = 2;

        if (number_names(p, &names, &select->included, in) < 0 ||
            number_names(p, &names, &select->excluded, out) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < select->n_unmatched; i++)
                if (!import_table_set(&p->arena, &names, select->unmatched[i].file, out))
                        return -ENOMEM;
        for (size_t i = 0; i < p->walk.n; i++) {
                const char *name = p->walk.v[i].nodeid;
                uint32_t known = import_table_get(&names, name, strlen(name));

                p->left_out[i] = known == out || (select->shards > 0 && known != in);
        }
        return 0;
}

int select_problems(const struct select_request *request, const struct spec_select *select,
                    const atomic_bool *stop, FILE *out, struct error *err)
{
        struct project p = {0};
        int r = project_read(&p, request, true, false, err);
        bool matched = p.matcher.keyword != NULL || p.matcher.mark != NULL;

        if (r == 0 && (take_selection(&p, select) < 0 || (matched && read_conftests(&p) < 0)))
                r = no_memory(&p, err);
        if (r == 0 && !chooses(&p.words.all)) {
                struct fixture_selection selection = {.ini = &p.ini,
                                                      .walk = &p.walk,
                                                      .left_out = p.left_out,
                                                      .matcher = matched ? &p.matcher : NULL};
                struct fixture_request fixtures = {.root = p.root,
                                                   .python = request->python,
                                                   .options = &p.words.all,
                                                   .format = FIXTURES_PROBLEMS,
                                                   .selection = &selection,
                                                   .django = settings_have_django(request->settings),
                                                   .cache = request->cache,
                                                   .stop = stop};

                r = fixture_list(&fixtures, out, NULL, NULL, err);
        }
        project_finish(&p);
        return r < 0 ? r : 0;
}
