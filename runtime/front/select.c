/* How it works: the test files are listed as `tach list` would; each step then says which of them are left
 * out. */
#include "runtime/front/select.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/import_graph.h"
#include "runtime/discover/ini.h"
#include "runtime/discover/walk.h"
#include "runtime/front/changed.h"
#include "runtime/front/pytest_words.h"
#include "spec/base/cleanup.h"

/* What all steps look at. */
struct project {
        const char *root;
        struct ini ini;
        struct walk walk;
        struct pytest_words words;
};

static int project_read(struct project *p, const struct args *args, const struct settings *settings,
                        const char *root, struct error *err)
{
        int r = ini_read(&p->ini, root, err);

        p->root = root;
        if (r < 0)
                return r;
        r = walk_paths(&p->walk, &p->ini, root, args->paths.v, args->paths.n, err);
        if (r == 0 && pytest_words_read(&p->words, &p->ini, settings) < 0)
                r = error_set(err, "select", ENOMEM, "pytest's options");
        return r;
}

static void project_finish(struct project *p)
{
        pytest_words_finish(&p->words);
        walk_finish(&p->walk);
        ini_finish(&p->ini);
}

/* PYTHONPATH and the pythonpath of the ini file. */
static int search_path(const struct project *p, struct spec_strv *ret)
{
        const char *variable = getenv("PYTHONPATH");
        int r = 0;

        for (size_t i = 0; r == 0 && i < p->ini.pythonpath.n; i++)
                r = spec_strv_add(ret, p->ini.pythonpath.v[i]);
        while (r == 0 && variable != NULL && *variable != '\0') {
                size_t n = strcspn(variable, ":");
                CLEANUP_FREE char *dir = strndup(variable, n);
                CLEANUP_FREE char *real = dir != NULL && n > 0 ? realpath(dir, NULL) : NULL;

                /* without the standard library and the like, which nobody changes with the project */
                if (real != NULL && strncmp(real, "/usr/", 5) != 0)
                        r = spec_strv_add(ret, real);
                variable += n + (variable[n] == ':');
        }
        return r;
}

/* CHANGED: what git says, or NULL. */
static int read_graph(const struct project *p, const struct changed *changed, struct import_graph **ret,
                      struct error *err)
{
        struct spec_strv path = {0};
        struct import_options options = {.root = p->root,
                                         .tree = changed != NULL ? changed->tree : p->root,
                                         .tests = &p->walk,
                                         .path = &path,
                                         .plugins = &p->words.plugins,
                                         .gone = changed != NULL ? &changed->gone : NULL};
        int r = search_path(p, &path) < 0 ? error_set(err, "imports", ENOMEM, "sys.path") : 0;

        if (r == 0)
                r = import_graph_read(ret, &options, err);
        for (size_t i = 0; i < path.n; i++)
                free(path.v[i]);
        free(path.v);
        return r;
}

static void say_affected(FILE *say, const struct args *args, size_t n_changed, size_t n, size_t all,
                         const struct buf *why)
{
        (void)fprintf(say, "tach: %s%s%s: %zu of %zu test files, by %zu changed files\n", "--changed",
                      args->changed[0] != '\0' ? "=" : "", args->changed, n, all, n_changed);
        if (why->len > 0)
                (void)fwrite(why->data, 1, why->len, say);
}

/* Leaves out what no change can affect. */
static int select_changed(const struct project *p, const struct args *args, bool *left_out, FILE *say,
                          struct error *err)
{
        struct changed changed = {0};
        struct import_graph *graph = NULL;
        CLEANUP_FREE bool *affected = calloc(p->walk.n + 1, sizeof *affected);
        CLEANUP_BUF struct buf why = {0};
        size_t n = 0;
        int r = affected == NULL ? error_set(err, "changed", ENOMEM, "%zu files", p->walk.n)
                                 : changed_read(&changed, p->root, args->changed, err);

        if (r == 0)
                r = read_graph(p, &changed, &graph, err);
        if (r == 0 && import_graph_affected(graph, &changed.paths, affected, &why) < 0)
                r = error_set(err, "changed", ENOMEM, "%zu files", p->walk.n);
        for (size_t i = 0; r == 0 && i < p->walk.n; i++) {
                left_out[i] = !affected[i];
                n += affected[i];
        }
        if (r == 0 && say != NULL)
                say_affected(say, args, changed.paths.n, n, p->walk.n, &why);
        import_graph_free(graph);
        changed_finish(&changed);
        return r;
}

int select_files(const struct args *args, const struct settings *settings, const char *root, FILE *say,
                 struct spec_select *ret, struct error *err)
{
        struct project p = {0};
        CLEANUP_FREE bool *left_out = NULL;
        int r;

        if (args->changed == NULL)
                return 0;
        r = project_read(&p, args, settings, root, err);
        if (r == 0) {
                left_out = calloc(p.walk.n + 1, sizeof *left_out);
                if (left_out == NULL)
                        r = error_set(err, "select", ENOMEM, "%zu files", p.walk.n);
        }
        if (r == 0)
                r = select_changed(&p, args, left_out, say, err);
        for (size_t i = 0; r == 0 && i < p.walk.n; i++)
                if (left_out[i] && spec_strv_add(&ret->excluded, p.walk.v[i].nodeid) < 0)
                        r = error_set(err, "select", ENOMEM, "%zu files", p.walk.n);
        ret->given = ret->excluded.n > 0;
        project_finish(&p);
        return r;
}

int select_print_imports(const struct args *args, const struct settings *settings, const char *root,
                         FILE *out, struct error *err)
{
        struct project p = {0};
        struct import_graph *graph = NULL;
        int r = project_read(&p, args, settings, root, err);

        if (r == 0)
                r = read_graph(&p, NULL, &graph, err);
        if (r == 0) {
                r = import_graph_print(graph, out);
                if (r < 0)
                        r = error_set(err, "imports", -r, "write");
        }
        import_graph_free(graph);
        project_finish(&p);
        return r;
}
