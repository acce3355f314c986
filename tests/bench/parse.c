/* parse FILE...: parses each file with tree-sitter-python and does nothing else, for comparison. Prints the
 * number of bytes and the seconds that it took, reading left out, then with reading. With -t N, in N threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <tree_sitter/api.h>
#include <unistd.h>

const TSLanguage *tree_sitter_python(void);

static struct {
        char **files;
        size_t n;
        atomic_size_t next, bytes;
} job;

static char *read_all(const char *path, size_t *ret_n)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        char *text = NULL;
        ssize_t got = -1;

        if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
            (text = malloc((size_t)st.st_size + 1)) != NULL)
                got = read(fd, text, (size_t)st.st_size);
        if (fd >= 0)
                (void)close(fd);
        if (got < 0) {
                (void)fprintf(stderr, "parse: %s: %s\n", path, strerror(errno));
                exit(1);
        }
        *ret_n = (size_t)got;
        return text;
}

static void *work(void *arg)
{
        TSParser *parser = ts_parser_new();

        (void)arg;
        if (parser == NULL || !ts_parser_set_language(parser, tree_sitter_python()))
                exit(1);
        for (size_t i, n; (i = atomic_fetch_add(&job.next, 1)) < job.n;) {
                char *text = read_all(job.files[i], &n);

                ts_tree_delete(ts_parser_parse_string(parser, NULL, text, (uint32_t)n));
                (void)atomic_fetch_add(&job.bytes, n);
                free(text);
        }
        ts_parser_delete(parser);
        return NULL;
}

int main(int argc, char **argv)
{
        pthread_t threads[64];
        size_t n_threads = 1;
        struct timespec a, b;

        if (argc > 2 && strcmp(argv[1], "-t") == 0) {
                n_threads = strtoul(argv[2], NULL, 10);
                argv += 2;
                argc -= 2;
        }
        if (n_threads < 1 || n_threads > sizeof threads / sizeof threads[0])
                return 2;
        job.files = argv + 1;
        job.n = (size_t)argc - 1;
        (void)clock_gettime(CLOCK_MONOTONIC, &a);
        for (size_t i = 1; i < n_threads; i++)
                if (pthread_create(&threads[i], NULL, work, NULL) != 0)
                        return 1;
        (void)work(NULL);
        for (size_t i = 1; i < n_threads; i++)
                (void)pthread_join(threads[i], NULL);
        (void)clock_gettime(CLOCK_MONOTONIC, &b);
        (void)printf("%zu files, %zu bytes, %.6f s\n", job.n, (size_t)job.bytes,
                     (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
        return 0;
}
