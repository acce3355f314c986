/* How it works: what changed is marked, then what has an edge to something marked, until nothing is added.
 * Dot is printed from the test files on, breadth first. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/import_graph_internal.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_BYTES ((size_t)256 << 20)

static const char *base_of(const char *path)
{
        return strrchr(path, '/') + 1;
}

static bool ends_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(name, names[i]) == 0)
                        return true;
        return false;
}

/* Files that decide how pytest runs what is below them. */
static bool is_settings(const char *name)
{
        static const char *const names[] = {"pytest.toml",    ".pytest.toml", "pytest.ini", ".pytest.ini",
                                            "pyproject.toml", "tox.ini",      "setup.cfg"};

        return is_one_of(name, names, sizeof names / sizeof names[0]);
}

/* Files that people read: tests do not, unless their name stands in some Python file. */
static bool is_prose(const char *path, const char *root)
{
        static const char *const ends[] = {".md", ".rst", ".gitignore", ".gitattributes", ".editorconfig"};
        static const char *const names[] = {"AUTHORS", "CHANGELOG",   "CHANGES", "CONTRIBUTING", "COPYING",
                                            "LICENSE", "LICENSE.txt", "NEWS",    "NOTICE",       "README"};

        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
                if (ends_with(path, ends[i]))
                        return true;
        /* .github/... */
        return is_one_of(base_of(path), names, sizeof names / sizeof names[0]) ||
               (strncmp(path, root, strlen(root)) == 0 && path[strlen(root)] == '.');
}

static bool lies_below(const char *path, const char *dir, size_t n)
{
        return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Whether TEXT stands in the file at PATH; what cannot be read may have it. */
static bool mentions(const char *path, const char *text)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        CLEANUP_BUF struct buf content = {0};

        if (fd < 0)
                return false;
        return buf_read_fd(&content, fd, MAX_BYTES) < 0 ||
               (content.data != NULL && memmem(content.data, content.len, text, strlen(text)) != NULL);
}

struct marking {
        struct import_graph *g;
        bool *marked;
        bool everything;
        struct buf *why;
        int r;
};

static void explain(struct marking *m, const char *path, const char *what)
{
        const char *root = m->g->index.root;
        size_t n = strlen(root);
        char shown[400];

        if (m->why != NULL && m->r == 0)
                m->r = buf_addf(m->why, "%s %s\n",
                                utf8_show(shown, sizeof shown, strncmp(path, root, n) == 0 ? path + n : path),
                                what);
}

static void mark_settings(struct marking *m, const char *path)
{
        size_t n = (size_t)(strrchr(path, '/') - path);

        explain(m, path, "changed: all test files below its folder are affected");
        for (size_t i = 0; i < m->g->n_tests; i++)
                if (lies_below(m->g->index.paths[m->g->tests[i]], path, n))
                        m->marked[m->g->tests[i]] = true;
}

static void mark_path(struct marking *m, const char *path)
{
        const char *root = m->g->index.root, *name = base_of(path);
        uint32_t file = import_table_get(&m->g->index.files, path, strlen(path));
        size_t n_root = strlen(root) - 1;

        if (file != IMPORT_NONE) {
                m->marked[file] = true;
        } else if (is_settings(name)) {
                /* also above the root: that one may be the one that counts */
                if (lies_below(path, root, n_root) || lies_below(root, path, (size_t)(name - 1 - path)))
                        mark_settings(m, path);
        } else if (!lies_below(path, root, n_root) || ends_with(path, ".py")) {
                /* not of this project; Python in folders where nothing is imported from */
        } else if (is_prose(path, root)) {
                for (size_t i = 0; i < m->g->index.n; i++)
                        m->marked[i] = m->marked[i] || mentions(m->g->index.paths[i], name);
        } else {
                explain(m, path, "is not Python: any test file may read it");
                m->everything = true;
        }
}

/* Marks all that has a way to what is marked. */
static int spread(struct import_graph *g, bool *marked)
{
        size_t n = g->index.n, n_edges = 0, n_queue = 0;
        CLEANUP_FREE uint32_t *starts = calloc(n + 2, sizeof *starts), *from = NULL, *queue = NULL;

        for (size_t i = 0; starts != NULL && i < n; i++)
                for (size_t k = 0; k < g->files[i].edges.n; k++, n_edges++)
                        starts[g->files[i].edges.v[k] + 1]++;
        from = malloc((n_edges + 1) * sizeof *from);
        queue = malloc((n + 1) * sizeof *queue);
        if (starts == NULL || from == NULL || queue == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                starts[i + 1] += starts[i];
        /* filled from the back, so that starts[i] is where i begins once all is in */
        for (size_t i = n; i > 0; i--)
                starts[i] = starts[i - 1];
        starts[0] = 0;
        for (size_t i = 0; i < n; i++)
                for (size_t k = 0; k < g->files[i].edges.n; k++)
                        from[starts[g->files[i].edges.v[k] + 1]++] = (uint32_t)i;
        for (size_t i = 0; i < n; i++)
                if (marked[i])
                        queue[n_queue++] = (uint32_t)i;
        for (size_t at = 0; at < n_queue; at++)
                for (uint32_t e = starts[queue[at]]; e < starts[queue[at] + 1]; e++)
                        if (!marked[from[e]]) {
                                marked[from[e]] = true;
                                queue[n_queue++] = from[e];
                        }
        return 0;
}

int import_graph_affected(struct import_graph *g, const struct spec_strv *changed, bool *ret, struct buf *why)
{
        CLEANUP_FREE bool *marked = calloc(g->index.n + 1, sizeof *marked);
        struct marking m = {.g = g, .marked = marked, .why = why};
        bool any = false;

        if (marked == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < changed->n && m.r == 0; i++)
                mark_path(&m, changed->v[i]);
        for (size_t i = 0; i < g->index.n; i++)
                any = any || marked[i];
        for (size_t i = 0; any && i < g->index.n && m.r == 0; i++)
                if (g->files[i].imports.computed != NULL && !marked[i]) {
                        char what[200];

                        (void)snprintf(
                            what, sizeof what,
                            "line %u: %.60s with a computed name: what reaches it is affected by all changes",
                            g->files[i].imports.computed_line, g->files[i].imports.computed);
                        explain(&m, g->index.paths[i], what);
                        marked[i] = true;
                }
        if (m.r == 0)
                m.r = spread(g, marked);
        for (size_t i = 0; m.r == 0 && i < g->n_tests; i++)
                ret[i] = m.everything || marked[g->tests[i]];
        return m.r;
}

/* ---- Graphviz ---- */

static void put_name(FILE *out, const struct import_graph *g, uint32_t file)
{
        const char *path = g->index.paths[file];
        size_t n = strlen(g->index.root);

        (void)fputc('"', out);
        for (const char *p = strncmp(path, g->index.root, n) == 0 ? path + n : path; *p != '\0'; p++) {
                if (*p == '"' || *p == '\\')
                        (void)fputc('\\', out);
                (void)fputc(*p == '\n' ? ' ' : *p, out);
        }
        (void)fputc('"', out);
}

static void put_edges(FILE *out, const struct import_graph *g, uint32_t from, const struct import_list *list,
                      const char *style)
{
        for (size_t i = 0; i < list->n; i++) {
                (void)fputs("  ", out);
                put_name(out, g, from);
                (void)fputs(" -> ", out);
                put_name(out, g, list->v[i]);
                (void)fprintf(out, "%s;\n", style);
        }
}

int import_graph_print(struct import_graph *g, const bool *left_out, FILE *out)
{
        size_t n = g->index.n, n_queue = 0;
        CLEANUP_FREE bool *seen = calloc(n + 1, sizeof *seen);
        CLEANUP_FREE bool *is_test = calloc(n + 1, sizeof *is_test);
        CLEANUP_FREE uint32_t *queue = malloc((n + 1) * sizeof *queue);

        if (seen == NULL || is_test == NULL || queue == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < g->n_tests; i++)
                if (!seen[g->tests[i]] && (left_out == NULL || !left_out[i])) {
                        seen[g->tests[i]] = is_test[g->tests[i]] = true;
                        queue[n_queue++] = g->tests[i];
                }
        (void)fputs("digraph imports {\n  rankdir=LR;\n  node [shape=box];\n", out);
        for (size_t at = 0; at < n_queue; at++) {
                const struct graph_file *file = &g->files[queue[at]];

                (void)fputs("  ", out);
                put_name(out, g, queue[at]);
                (void)fprintf(out, " [%s%s];\n", is_test[queue[at]] ? "style=bold" : "style=solid",
                              file->imports.computed != NULL ? ", color=red, xlabel=\"computed imports\""
                                                             : "");
                put_edges(out, g, queue[at], &file->edges, "");
                put_edges(out, g, queue[at], &file->typing, " [style=dashed]");
                for (size_t i = 0; i < file->edges.n + file->typing.n; i++) {
                        uint32_t to =
                            i < file->edges.n ? file->edges.v[i] : file->typing.v[i - file->edges.n];

                        if (!seen[to]) {
                                seen[to] = true;
                                queue[n_queue++] = to;
                        }
                }
        }
        (void)fputs("}\n", out);
        return fflush(out) == 0 ? 0 : -errno;
}
