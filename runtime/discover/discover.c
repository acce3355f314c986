/* How it works: the files are listed first (walk.c); then each of a few threads takes the next file, maps it,
 * parses it with a parser of its own, and keeps the lines of that file in a buffer. The buffers are printed
 * in the files' order. */
#include "runtime/discover/discover.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tree_sitter/api.h>
#include <unistd.h>

#include "runtime/discover/collect.h"
#include "runtime/discover/walk.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

#define MAX_THREADS 8
#define MANY_FILES  8                  /* fewer are not worth a thread */
#define MAX_BYTES   ((off_t)256 << 20) /* of one file */

const TSLanguage *tree_sitter_python(void);

struct result {
        struct buf lines;
        uint32_t error_line;
        int r; /* -errno */
};

struct job {
        const struct ini *ini;
        const struct walk *walk;
        struct result *results;
        atomic_size_t next;
};

static int parse(struct job *job, TSParser *parser, const struct walk_file *file, const char *text, size_t n,
                 struct result *result)
{
        struct arena arena = {0};
        struct module module;
        TSTree *tree = ts_parser_parse_string(parser, NULL, text, (uint32_t)n);
        int r;

        if (tree == NULL)
                return -ENOMEM;
        module_read(&module, &arena, text, ts_tree_root_node(tree));
        result->error_line = module.error_line;
        r = collect_module(&module, job->ini, file->nodeid, file->select, &result->lines);
        arena_finish(&arena);
        ts_tree_delete(tree);
        return r;
}

static int read_file(struct job *job, TSParser *parser, const struct walk_file *file, struct result *result)
{
        CLEANUP_CLOSE int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat st;
        char *text;
        size_t bom;
        int r;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        if (st.st_size > MAX_BYTES)
                return -EFBIG;
        if (st.st_size == 0)
                return 0;
        text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
        if (text == MAP_FAILED)
                return -errno;
        bom = st.st_size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
        r = parse(job, parser, file, text + bom, (size_t)st.st_size - bom, result);
        (void)munmap(text, (size_t)st.st_size);
        return r;
}

static void *work(void *arg)
{
        struct job *job = arg;
        TSParser *parser = ts_parser_new();
        bool ready = parser != NULL && ts_parser_set_language(parser, tree_sitter_python());

        for (size_t i; (i = atomic_fetch_add(&job->next, 1)) < job->walk->n;)
                job->results[i].r =
                    ready ? read_file(job, parser, &job->walk->v[i], &job->results[i]) : -ENOMEM;
        if (parser != NULL)
                ts_parser_delete(parser);
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
        else if (result->error_line > 0)
                (void)fprintf(stderr, "tach: warning: %s:%u: syntax error\n", name, result->error_line);
        else if (file->select != NULL && result->lines.len == 0)
                (void)fprintf(stderr, "tach: warning: %s: no test %s found\n", name, UTF8_SHOW(file->select));
}

static int print(struct job *job, FILE *out, struct error *err)
{
        size_t found = 0;

        for (size_t i = 0; i < job->walk->n; i++) {
                const struct result *result = &job->results[i];

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

int discover_list(const char *root, char *const *paths, size_t n, FILE *out, struct error *err)
{
        struct walk walk = {0};
        struct ini ini;
        struct job job = {.ini = &ini, .walk = &walk};
        int r = ini_read(&ini, root, err);

        if (r < 0)
                return r;
        r = walk_paths(&walk, &ini, root, paths, n, err);
        if (r == 0) {
                job.results = calloc(walk.n + 1, sizeof *job.results);
                r = job.results == NULL ? error_set(err, "list", ENOMEM, "%zu files", walk.n) : 0;
        }
        if (r == 0) {
                run(&job);
                r = print(&job, out, err);
        }
        for (size_t i = 0; job.results != NULL && i < walk.n; i++)
                buf_finish(&job.results[i].lines);
        free(job.results);
        walk_finish(&walk);
        ini_finish(&ini);
        return r;
}
