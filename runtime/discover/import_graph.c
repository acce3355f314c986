/* How it works: the project's Python files are listed, then read by a few threads, each with a parser of its
 * own; then every import is looked up in the index, which needs all of them. */
#include "runtime/discover/import_graph.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/import_graph_internal.h"
#include "runtime/discover/imports_record.h"
#include "spec/base/cleanup.h"

#define MAX_THREADS 8
#define MAX_DEPTH   64                  /* of folders */
#define MAX_BYTES   ((size_t)256 << 20) /* of one file */

const TSLanguage *tree_sitter_python(void);

struct job {
        struct import_graph *graph;
        struct tree_cache *cache;
        atomic_size_t next;
};

/* ---- which files there are ---- */

static bool is_python(const char *name)
{
        size_t n = strlen(name);

        return n > 3 && strcmp(name + n - 3, ".py") == 0;
}

bool import_graph_skips(int fd, const char *name)
{
        static const char *const names[] = {"__pycache__", "node_modules"};
        static const char *const marks[] = {"pyvenv.cfg", "CACHEDIR.TAG"};
        bool skips = name[0] == '.';
        char mark[NAME_MAX + 16];

        for (size_t i = 0; !skips && i < sizeof names / sizeof names[0]; i++)
                skips = strcmp(name, names[i]) == 0;
        for (size_t i = 0; !skips && i < sizeof marks / sizeof marks[0]; i++) {
                (void)snprintf(mark, sizeof mark, "%s/%s", name, marks[i]);
                skips = faccessat(fd, mark, F_OK, 0) == 0;
        }
        return skips;
}

/* The folders that one was reached through: a link to one of them is not followed. */
struct above {
        dev_t dev;
        ino_t ino;
        const struct above *next;
        int depth;
};

static int add_file(struct import_graph *g, const char *path)
{
        return import_index_add(&g->index, path) == IMPORT_NONE ? -ENOMEM : 0;
}

static int walk(struct import_graph *g, const char *dir, const struct above *above)
{
        struct above here = {.next = above, .depth = above != NULL ? above->depth + 1 : 0};
        DIR *stream = opendir(dir);
        struct dirent *d;
        struct stat st;
        int r = 0;

        if (stream == NULL) /* what cannot be read cannot be imported either */
                return 0;
        if (fstat(dirfd(stream), &st) == 0) {
                here.dev = st.st_dev;
                here.ino = st.st_ino;
        }
        for (const struct above *up = above; up != NULL; up = up->next)
                if (up->dev == here.dev && up->ino == here.ino) {
                        (void)closedir(stream);
                        return 0;
                }
        while (r == 0 && (d = readdir(stream)) != NULL) {
                char path[PATH_MAX];
                unsigned char type = d->d_type;

                if (d->d_name[0] == '.' ||
                    snprintf(path, sizeof path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, d->d_name) >=
                        (int)sizeof path)
                        continue;
                if ((type == DT_LNK || type == DT_UNKNOWN) && fstatat(dirfd(stream), d->d_name, &st, 0) == 0)
                        type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
                if (type == DT_DIR && here.depth < MAX_DEPTH && !import_graph_skips(dirfd(stream), d->d_name))
                        r = walk(g, path, &here);
                else if (type == DT_REG && is_python(d->d_name))
                        r = add_file(g, path);
        }
        (void)closedir(stream);
        return r;
}

/* ---- what they import ---- */

static int parse(struct graph_file *file, TSParser *parser, struct tree_cache *cache, const char *path)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        CLEANUP_BUF struct buf text = {0};
        struct stat st;
        TSTree *tree;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        r = buf_add(&text, "", 0);
        if (r == 0)
                r = buf_read_fd(&text, fd, MAX_BYTES);
        if (r < 0)
                return r;
        if (imports_recall(&file->imports, &file->arena, cache, text.data, text.len))
                return 0;
        tree = ts_parser_parse_string(parser, NULL, text.data, (uint32_t)text.len);
        if (tree == NULL)
                return -ENOMEM;
        imports_read(&file->imports, &file->arena, text.data, ts_tree_root_node(tree));
        ts_tree_delete(tree);
        if (file->arena.failed)
                return -ENOMEM;
        imports_keep(&file->imports, cache, path, text.data, text.len);
        return 0;
}

static void *work(void *arg)
{
        struct job *job = arg;
        struct import_graph *g = job->graph;
        TSParser *parser = ts_parser_new();
        bool ready = parser != NULL && ts_parser_set_language(parser, tree_sitter_python());

        for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < g->index.n;)
                g->files[i].r = ready ? parse(&g->files[i], parser, job->cache, g->index.paths[i]) : -ENOMEM;
        if (parser != NULL)
                ts_parser_delete(parser);
        return NULL;
}

static int read_files(struct import_graph *g, struct tree_cache *cache)
{
        struct job job = {.graph = g, .cache = cache};
        pthread_t threads[MAX_THREADS];
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        size_t want = cpus < 2 || g->index.n < MAX_THREADS ? 0 : (size_t)cpus - 1, n = 0;

        if (want > MAX_THREADS)
                want = MAX_THREADS;
        while (n < want && pthread_create(&threads[n], NULL, work, &job) == 0)
                n++;
        (void)work(&job);
        while (n > 0)
                (void)pthread_join(threads[--n], NULL);
        for (size_t i = 0; i < g->index.n; i++)
                if (g->files[i].r == -ENOMEM)
                        return -ENOMEM;
        return 0;
}

/* ---- the edges ---- */

static int add_edge(struct import_graph *g, uint32_t from, uint32_t to)
{
        return to == IMPORT_NONE || to == from || import_list_add(&g->arena, &g->files[from].edges, to)
                   ? 0
                   : -ENOMEM;
}

/* Edges to the __init__.py files of FROM's packages; of a test file, to the conftest.py files above it too.
 */
static int add_above(struct import_graph *g, uint32_t from, bool is_test)
{
        const char *path = g->index.paths[from];
        bool in_package = true;
        char above[PATH_MAX + 16];
        int r = 0;

        for (size_t n = (size_t)(strrchr(path, '/') - path); r == 0; n--) {
                if (n == 0 || path[n] == '/') {
                        uint32_t init;

                        (void)snprintf(above, sizeof above, "%.*s/__init__.py", (int)n, path);
                        init = import_table_get(&g->index.files, above, strlen(above));
                        in_package = in_package && init != IMPORT_NONE;
                        if (in_package)
                                r = add_edge(g, from, init);
                        (void)snprintf(above, sizeof above, "%.*s/conftest.py", (int)n, path);
                        if (r == 0 && is_test)
                                r = add_edge(g, from,
                                             import_table_get(&g->index.files, above, strlen(above)));
                }
                if (n == 0)
                        break;
        }
        return r;
}

/* A link is also what it points to. */
static int add_target(struct import_graph *g, uint32_t from)
{
        char real[PATH_MAX];

        return realpath(g->index.paths[from], real) != NULL
                   ? add_edge(g, from, import_table_get(&g->index.files, real, strlen(real)))
                   : 0;
}

static int add_edges(struct import_graph *g, uint32_t from)
{
        struct graph_file *file = &g->files[from];

        for (size_t i = 0; i < file->imports.n; i++) {
                const struct import_ref *import = &file->imports.v[i];
                struct import_list *list = import->kind == IMPORT_TYPING ? &file->typing : &file->edges;

                if (!import_index_resolve(&g->index, g->index.paths[from], import, list))
                        return -ENOMEM;
        }
        return 0;
}

static int by_number(const void *a, const void *b)
{
        const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return x < y ? -1 : x > y;
}

static void sort(struct import_list *list)
{
        size_t n = 0;

        if (list->n == 0)
                return;
        qsort(list->v, list->n, sizeof *list->v, by_number);
        for (size_t i = 0; i < list->n; i++)
                if (n == 0 || list->v[n - 1] != list->v[i])
                        list->v[n++] = list->v[i];
        list->n = n;
}

static int add_plugins(struct import_graph *g, const struct spec_strv *plugins)
{
        struct import_list found = {0};

        for (size_t i = 0; plugins != NULL && i < plugins->n; i++) {
                struct import_ref import = {.kind = IMPORT_RUNS, .module = plugins->v[i]};

                if (!import_index_resolve(&g->index, g->index.root, &import, &found))
                        return -ENOMEM;
        }
        for (size_t i = 0; i < g->n_tests; i++)
                for (size_t k = 0; k < found.n; k++)
                        if (add_edge(g, g->tests[i], found.v[k]) < 0)
                                return -ENOMEM;
        return 0;
}

static int link_files(struct import_graph *g, const struct spec_strv *plugins)
{
        int r = add_plugins(g, plugins);

        for (uint32_t i = 0; r == 0 && i < g->index.n; i++) {
                r = add_edges(g, i);
                if (r == 0)
                        r = add_above(g, i, false);
                if (r == 0)
                        r = add_target(g, i);
        }
        for (size_t i = 0; r == 0 && i < g->n_tests; i++)
                r = add_above(g, g->tests[i], true);
        for (size_t i = 0; r == 0 && i < g->index.n; i++) {
                sort(&g->files[i].edges);
                sort(&g->files[i].typing);
        }
        return r;
}

/* ---- all of it ---- */

/* The folders that are on sys.path when the tests run, as far as that is known. */
static int add_roots(struct import_graph *g, const struct import_options *o)
{
        struct import_index *x = &g->index;
        const char *const tops[] = {o->root, o->tree};
        bool fine = true;

        for (size_t i = 0; fine && i < sizeof tops / sizeof tops[0]; i++) {
                char path[PATH_MAX + 8];

                (void)snprintf(path, sizeof path, "%s/src", tops[i]);
                fine = import_index_add_root(x, tops[i]) &&
                       (access(path, F_OK) < 0 || import_index_add_root(x, path));
        }
        for (size_t i = 0; fine && o->path != NULL && i < o->path->n; i++) {
                const char *given = o->path->v[i];
                CLEANUP_FREE char *joined = NULL, *real = NULL;

                if (asprintf(&joined, "%s%s%s", given[0] == '/' ? "" : o->root, given[0] == '/' ? "" : "/",
                             given) < 0)
                        return -ENOMEM;
                real = realpath(joined, NULL);
                if (real == NULL)
                        continue;
                fine = import_index_add_root(x, real);
                if (fine && strncmp(real, g->index.root, strlen(g->index.root)) != 0)
                        fine = walk(g, real, NULL) == 0;
        }
        for (size_t i = 0; fine && i < x->n; i++) {
                const char *name = strrchr(x->paths[i], '/') + 1, *base;

                if (strcmp(name, "conftest.py") != 0)
                        continue;
                base = import_index_base(x, x->paths[i]);
                fine = base != NULL && import_index_add_root(x, base);
        }
        for (size_t i = 0; fine && i < g->n_tests; i++) {
                const char *base = import_index_base(x, x->paths[g->tests[i]]);

                fine = base != NULL && import_index_add_root(x, base);
        }
        return fine ? 0 : -ENOMEM;
}

static int list_files(struct import_graph *g, const struct import_options *o)
{
        int r = walk(g, o->tree, NULL);

        for (size_t i = 0; r == 0 && o->gone != NULL && i < o->gone->n; i++)
                if (is_python(o->gone->v[i]))
                        r = add_file(g, o->gone->v[i]);
        g->tests = arena_get(&g->arena, (o->tests->n + 1) * sizeof *g->tests);
        for (size_t i = 0; r == 0 && g->tests != NULL && i < o->tests->n; i++) {
                g->tests[g->n_tests] = import_index_add(&g->index, o->tests->v[i].path);
                r = g->tests[g->n_tests++] == IMPORT_NONE ? -ENOMEM : 0;
        }
        return r == 0 && g->tests != NULL ? 0 : -ENOMEM;
}

int import_graph_read(struct import_graph **ret, const struct import_options *o, struct error *err)
{
        struct import_graph *g = calloc(1, sizeof *g);
        int r = g == NULL ? -ENOMEM : 0;

        if (r == 0) {
                g->index.arena = &g->arena;
                g->index.root = arena_printf(&g->arena, "%s/", strcmp(o->tree, "/") == 0 ? "" : o->tree);
                r = list_files(g, o);
        }
        if (r == 0)
                r = add_roots(g, o);
        if (r == 0) {
                g->files = calloc(g->index.n + 1, sizeof *g->files);
                r = g->files == NULL ? -ENOMEM : read_files(g, o->cache);
        }
        if (r == 0)
                r = link_files(g, o->plugins);
        if (r < 0) {
                import_graph_free(g);
                return error_set(err, "imports", ENOMEM, "the import graph of %.400s", o->root);
        }
        *ret = g;
        return 0;
}

void import_graph_free(struct import_graph *g)
{
        if (g == NULL)
                return;
        for (size_t i = 0; g->files != NULL && i < g->index.n; i++)
                arena_finish(&g->files[i].arena);
        free(g->files);
        arena_finish(&g->arena);
        free(g);
}
