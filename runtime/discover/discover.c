/* How it works: the files are listed first (walk.c); then each of a few threads takes the next file, reads it
 * with a library of its own, and keeps the lines of that file in a buffer. The buffers are printed in the
 * files' order. */
#include "runtime/discover/discover.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "runtime/discover/collect.h"
#include "runtime/discover/docstrings.h"
#include "runtime/discover/doctest.h"
#include "runtime/discover/format.h"
#include "runtime/discover/library.h"
#include "runtime/discover/source.h"
#include "runtime/discover/walk.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_THREADS 8
#define HEAP_STEP   (4 << 20)
#define MAX_TEXT    ((size_t)64 << 20)
#define MANY_FILES  8 /* fewer are not worth a thread */

struct result {
        struct buf lines;
        const char *problem; /* of the source */
        uint32_t line;
        size_t n, dynamic;
        size_t wanted; /* of the N, those that the matcher selects or may select */
        int r;         /* -errno */
};

struct job {
        const struct discover_options *options;
        const struct ini *ini;
        const struct search *search;
        const struct walk *walk;
        const bool *left_out; /* of the walk's files; NULL: none */
        struct result *results;
        atomic_size_t next;
};

struct sink {
        const struct discover_options *options;
        const struct ini *ini;
        const struct walk_file *file_at;
        struct result *result;
        struct match_file file;
        bool is_read;  /* the file has been looked at as a whole */
        bool is_named; /* as one of which there may be more */
};

static int keep(void *ctx, const struct test *test)
{
        struct sink *sink = ctx;
        struct test copy = *test;
        enum truth selected = TRUTH_YES;

        if (copy.dynamic == NULL)
                copy.dynamic = sink->file_at->unsure;
        if (sink->options->matcher != NULL && sink->is_read) {
                if (copy.dynamic == NULL && match_unsure(&sink->file, &copy))
                        copy.dynamic = "its fixtures may have params";
                selected = match_test(sink->options->matcher, &sink->file, &copy);
        }
        sink->is_named |= copy.partial && strcmp(copy.nodeid, sink->file_at->nodeid) == 0;
        sink->result->n++;
        sink->result->dynamic += copy.dynamic != NULL;
        if (selected == TRUTH_NO)
                return 0;
        if (selected == TRUTH_UNKNOWN && copy.dynamic == NULL)
                copy.dynamic = "-k or -m may select it";
        sink->result->wanted++;
        if (ini_deselects(sink->ini, copy.nodeid)) /* only not printed: a run has pytest count it */
                return 0;
        return format_test(&sink->result->lines, sink->options->format, sink->options->root, &copy);
}

/* Reads what MODULE's tests have in common for the matcher. */
static int read_names(struct sink *sink, const struct module *module, const struct walk_file *file)
{
        const char *conftests;

        if (sink->options->matcher == NULL)
                return 0;
        conftests = match_conftests(module->arena, sink->options->root, file->path);
        sink->is_read = conftests != NULL;
        return conftests != NULL
                   ? match_file_init(&sink->file, module, sink->options->root, file->nodeid, conftests)
                   : -ENOMEM;
}

/* A file that Python would not compile has no tree. */
static int collect_broken(struct sink *sink, struct arena *arena, const struct walk_file *file,
                          const struct source *source)
{
        static const struct marks none = {0};
        struct test test = {.nodeid = file->nodeid,
                            .path = file->path,
                            .line = source->line,
                            .marks = &none,
                            .partial = true};

        test.dynamic = source->line > 0 ? arena_printf(arena, "%s (line %u)", source->problem, source->line)
                                        : source->problem;
        return test.dynamic != NULL ? keep(sink, &test) : -ENOMEM;
}

/* A file with tests that only a hook knows. */
static int collect_more(struct sink *sink, const struct walk_file *file)
{
        static const struct marks none = {0};
        const struct test test = {.nodeid = file->nodeid,
                                  .path = file->path,
                                  .line = 1,
                                  .marks = &none,
                                  .dynamic = file->more,
                                  .partial = true};

        return sink->is_named ? 0 : keep(sink, &test);
}

/* A text with doctests is one test, which has the file's name. */
static int collect_text(struct sink *sink, struct arena *arena, const struct walk_file *file)
{
        static const struct marks none = {0};
        const char *name = strrchr(file->path, '/') + 1;
        CLEANUP_BUF struct buf text = {0};
        CLEANUP_CLOSE int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct test test = {.nodeid = arena_printf(arena, "%s::%s", file->nodeid, name),
                            .path = file->path,
                            .line = 1,
                            .marks = &none,
                            .dynamic = file->unsure};
        const struct spec_strv *encoding = &sink->ini->doctest_encoding;
        bool is_utf8 = encoding->n == 0 || strcasecmp(encoding->v[0], "utf-8") == 0 ||
                       strcasecmp(encoding->v[0], "utf8") == 0;
        enum doctest_found found;
        size_t line;
        int r = fd < 0 ? -errno : buf_read_fd(&text, fd, MAX_TEXT);

        if (r < 0 || test.nodeid == NULL)
                return r < 0 ? r : -ENOMEM;
        found = doctest_find(text.data != NULL ? text.data : "", text.len, &line);
        if (found == DOCTEST_FAILED)
                return -ENOMEM;
        if (is_utf8 && utf8_span(text.data, text.len) != text.len)
                test.dynamic = "not UTF-8";
        else if (!is_utf8 && test.dynamic == NULL)
                test.dynamic = arena_printf(arena, "its encoding is %s", encoding->v[0]);
        else if (found == DOCTEST_NONE)
                return 0;
        if (found == DOCTEST_BROKEN || found == DOCTEST_UNSURE)
                test.dynamic = arena_printf(arena, "line %zu is no doctest", line + 1);
        return file->select == NULL || strcmp(file->select, name) == 0 ? keep(sink, &test) : 0;
}

static int collect_python(struct sink *sink, struct library *library, const struct walk_file *file,
                          const struct source *source)
{
        struct module module = library_module(library, file->path, source);
        struct node root = tree_root(&source->tree);
        int r;

        module_read(&module, root);
        r = read_names(sink, &module, file);
        if (r == 0 && file->doctests)
                r = docstrings_collect(&module, root, sink->ini, file->nodeid, file->select, keep, sink);
        if (r == 0 && file->tests)
                r = collect_module(&module, sink->ini, file->nodeid, file->select, keep, sink);
        return r;
}

static int read_text(struct sink *sink, struct library *library, const struct walk_file *file)
{
        int r = collect_text(sink, library_scratch(library), file);

        library_reset(library);
        return r;
}

static int read_python(struct sink *sink, struct library *library, struct reader *reader,
                       const struct walk_file *file, struct result *result)
{
        struct source source;
        int r;

        r = file->doctests ? source_read_with(&source, reader, file->path, ">>>")
                           : source_read(&source, reader, file->path);
        if (r < 0)
                return r;
        result->problem = source.problem;
        result->line = source.line;
        r = source.tree.n > 0 ? collect_python(sink, library, file, &source)
                              : collect_broken(sink, library_scratch(library), file, &source);
        library_reset(library);
        source_finish(&source);
        return r;
}

static int read_file(struct job *job, struct library *library, struct reader *reader,
                     const struct walk_file *file, struct result *result)
{
        struct sink sink = {.options = job->options, .ini = job->ini, .file_at = file, .result = result};
        int r = 0;

        if (file->is_text)
                r = read_text(&sink, library, file);
        else if (file->tests || file->doctests)
                r = read_python(&sink, library, reader, file, result);
        return r == 0 && file->more != NULL ? collect_more(&sink, file) : r;
}

static void *work(void *arg)
{
        struct job *job = arg;
        struct tree_cache *cache = job->options->cache;
        struct library *library = library_create(job->search, cache);
        struct reader reader;
        bool ready = reader_init(&reader, cache) && library != NULL;

        for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < job->walk->n;)
                job->results[i].r = job->left_out != NULL && job->left_out[i] ? 0
                                    : ready
                                        ? read_file(job, library, &reader, &job->walk->v[i], &job->results[i])
                                        : -ENOMEM;
        library_destroy(library);
        reader_finish(&reader);
        return NULL;
}

static void run(struct job *job)
{
        pthread_t threads[MAX_THREADS];
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        size_t want = job->walk->n < MANY_FILES || cpus < 2 ? 0 : (size_t)cpus - 1, n = 0;

        if (want > MAX_THREADS)
                want = MAX_THREADS;
        while (n < want && pthread_create(&threads[n], NULL, work, job) == 0)
                n++;
        (void)work(job); /* without threads this one does it all */
        while (n > 0)
                (void)pthread_join(threads[--n], NULL);
}

static void warn(const struct walk_file *file, const struct result *result)
{
        char name[300];

        (void)utf8_show(name, sizeof name, file->nodeid);
        if (result->r < 0)
                (void)fprintf(stderr, "tach: warning: %s: %s: not listed\n", name, strerror(-result->r));
        else if (result->problem != NULL && result->line > 0)
                (void)fprintf(stderr, "tach: warning: %s:%u: %s\n", name, result->line, result->problem);
        else if (result->problem != NULL)
                (void)fprintf(stderr, "tach: warning: %s: %s\n", name, result->problem);
        else if (file->select != NULL && result->n == 0)
                (void)fprintf(stderr, "tach: warning: %s: no test %s found\n", name, UTF8_SHOW(file->select));
}

static int print(struct job *job, FILE *out, struct error *err)
{
        size_t found = 0;

        for (size_t i = 0; i < job->walk->n; i++) {
                const struct result *result = &job->results[i];

                if (job->left_out != NULL && job->left_out[i])
                        continue;
                if (result->r == -ENOMEM)
                        return error_set(err, "list", ENOMEM, "%s", job->walk->v[i].nodeid);
                warn(&job->walk->v[i], result);
                if (result->lines.len > 0 && fwrite(result->lines.data, 1, result->lines.len, out) == 0)
                        return error_set(err, "list", errno, "write");
                found += result->lines.len;
        }
        if (fflush(out) != 0)
                return error_set(err, "list", errno, "write");
        return found == 0 ? 5 : 0;
}

/* Reads JOB's files. */
static int start(struct job *job, struct search *search, struct error *err)
{
        job->search = search;
        job->results = calloc(job->walk->n + 1, sizeof *job->results);
        if (job->results == NULL ||
            search_init(search, job->options->python, job->options->root, &job->ini->pythonpath) < 0)
                return error_set(err, "list", ENOMEM, "%zu files", job->walk->n);
        (void)mallopt(M_TOP_PAD, HEAP_STEP); /* a thread's heap grows by a system call */
        run(job);
        return 0;
}

static void finish(struct job *job, struct search *search)
{
        for (size_t i = 0; job->results != NULL && i < job->walk->n; i++)
                buf_finish(&job->results[i].lines);
        free(job->results);
        search_finish(search);
}

int discover_print_walk(const struct discover_options *options, const struct ini *ini,
                        const struct walk *walk, const bool *left_out, FILE *out, struct error *err)
{
        struct search search = {0};
        struct job job = {.options = options, .ini = ini, .walk = walk, .left_out = left_out};
        int r = start(&job, &search, err);

        if (r == 0)
                r = print(&job, out, err);
        finish(&job, &search);
        return r;
}

int discover_count(const struct discover_options *options, const struct ini *ini, const struct walk *walk,
                   const bool *left_out, struct discover_count *ret, struct error *err)
{
        struct search search = {0};
        struct job job = {.options = options, .ini = ini, .walk = walk, .left_out = left_out};
        int r = start(&job, &search, err);

        for (size_t i = 0; r == 0 && i < walk->n; i++) {
                const struct result *result = &job.results[i];

                if (result->r == -ENOMEM)
                        r = error_set(err, "list", ENOMEM, "%s", walk->v[i].nodeid);
                ret[i] = (struct discover_count){.tests = result->n,
                                                 .wanted = result->wanted,
                                                 .exact = result->r == 0 && result->dynamic == 0};
        }
        finish(&job, &search);
        return r;
}

int discover_print(const struct discover_options *options, FILE *out, struct error *err)
{
        struct walk walk = {0};
        struct ini ini;
        int r = ini_read(&ini, options->root, NULL, err);

        if (r < 0)
                return r;
        r = walk_paths(&walk, &ini, options->root, options->python, options->paths, options->n_paths, true,
                       err);
        if (r == 0)
                r = discover_print_walk(options, &ini, &walk, NULL, out, err);
        walk_finish(&walk);
        ini_finish(&ini);
        return r;
}

int discover_list(const char *root, char *const *paths, size_t n, FILE *out, struct error *err)
{
        struct discover_options options = {.root = root, .paths = paths, .n_paths = n};

        return discover_print(&options, out, err);
}
