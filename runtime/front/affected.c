/* How it works: the project's Python files are read for their imports; what changed is followed from there.
 */
#include "runtime/front/affected.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

int affected_folders(const struct ini *ini, const char *root, struct spec_strv *ret)
{
        const char *variable = getenv("PYTHONPATH");
        int r = 0;

        for (size_t i = 0; r == 0 && i < ini->pythonpath.n; i++) {
                const char *given = ini->pythonpath.v[i];
                CLEANUP_FREE char *joined = NULL, *real = NULL;

                if (asprintf(&joined, "%s/%s", given[0] == '/' ? "" : root, given) < 0)
                        return -ENOMEM;
                real = realpath(joined, NULL);
                if (real != NULL)
                        r = spec_strv_add(ret, real);
        }
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

int affected_graph(const struct affected_request *q, const struct changed *changed, struct import_graph **ret,
                   struct error *err)
{
        CLEANUP_STRV struct spec_strv path = {0};
        struct import_options options = {.root = q->root,
                                         .tree = changed != NULL && changed->tree != NULL ? changed->tree
                                                                                          : q->root,
                                         .tests = q->walk,
                                         .path = &path,
                                         .plugins = q->plugins,
                                         .cache = q->cache,
                                         .gone = changed != NULL ? &changed->gone : NULL};

        if (affected_folders(q->ini, q->root, &path) < 0)
                return error_set(err, "imports", ENOMEM, "sys.path");
        return import_graph_read(ret, &options, err);
}

/* What was touched, as git would say it. */
static int take_touched(struct changed *ret, const struct spec_strv *touched, struct error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < touched->n; i++) {
                r = spec_strv_add(&ret->paths, touched->v[i]);
                if (r == 0 && access(touched->v[i], F_OK) < 0)
                        r = spec_strv_add(&ret->gone, touched->v[i]);
        }
        return r < 0 ? error_set(err, "changed", ENOMEM, "%zu paths", touched->n) : 0;
}

int affected_read(const struct affected_request *q, bool *ret, size_t *ret_changed, struct buf *why,
                  struct error *err)
{
        struct changed changed = {0};
        struct import_graph *graph = NULL;
        int r = q->touched != NULL ? take_touched(&changed, q->touched, err)
                                   : changed_read(&changed, q->root, q->rev, err);

        if (r == 0)
                r = affected_graph(q, &changed, &graph, err);
        if (r == 0 && import_graph_affected(graph, &changed.paths, ret, why) < 0)
                r = error_set(err, "imports", ENOMEM, "%zu files", q->walk->n);
        *ret_changed = changed.paths.n;
        import_graph_free(graph);
        changed_finish(&changed);
        return r;
}

void affected_say(FILE *out, const struct affected_request *q, size_t n_changed, size_t n, size_t all,
                  const struct buf *why)
{
        size_t n_root = strlen(q->root);

        if (q->touched == NULL) {
                (void)fprintf(out, "tach: --changed%s%s: %zu of %zu test files, by %zu changed files\n",
                              q->rev[0] != '\0' ? "=" : "", q->rev, n, all, n_changed);
        } else {
                const char *first = n_changed > 0 ? q->touched->v[0] : "";
                char shown[400];

                if (strncmp(first, q->root, n_root) == 0 && first[n_root] == '/')
                        first += n_root + 1;
                (void)fprintf(out, "tach: %s", utf8_show(shown, sizeof shown, first));
                if (n_changed > 1)
                        (void)fprintf(out, " and %zu more", n_changed - 1);
                (void)fprintf(out, " changed: %zu of %zu test files\n", n, all);
        }
        if (why->len > 0)
                (void)fwrite(why->data, 1, why->len, out);
}
