/* How it works: the thread writes the events into memory; the program's own thread prints them between two of
 * the engine's. */
#include "runtime/front/early.h"

#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/fixture_list.h"
#include "runtime/front/project.h"

struct early {
        const struct args *args;
        struct tree_cache *cache;
        struct spec_strv options;
        char root[PATH_MAX], python[PATH_MAX];
        bool has_python, started, joined, taken;
        atomic_bool stop, done;
        pthread_t thread;
        char *text; /* lines */
        size_t n;
};

/* Options of pytest that leave out tests for reasons that are not read here. */
static bool chooses(const char *word)
{
        static const char *const options[] = {
            "-k",   "-m",         "--deselect", "--ignore", "--lf", "--last-failed",
            "--sw", "--stepwise", "--pyargs",   "--co"};

        for (size_t i = 0; i < sizeof options / sizeof *options; i++)
                if (strncmp(word, options[i], strlen(options[i])) == 0)
                        return true;
        return false;
}

static int add_options(struct early *early, const struct spec_strv *words)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < words->n; i++)
                r = chooses(words->v[i]) ? -1 : spec_strv_add(&early->options, words->v[i]);
        return r;
}

struct early *early_create(const struct args *args, const struct settings *settings,
                           const struct choices *choices, const char *root, const char *cwd,
                           struct tree_cache *cache)
{
        struct early *early = calloc(1, sizeof *early);
        struct error ignored;

        if (early == NULL)
                return NULL;
        early->args = args;
        early->cache = cache;
        (void)strcpy(early->root, root);
        early->has_python = project_python(choices->python, root, cwd, early->python, &ignored) == 0;
        if (add_options(early, &settings->file_args) < 0 || add_options(early, &settings->pytest_args) < 0) {
                early_destroy(early);
                return NULL;
        }
        return early;
}

static void *work(void *arg)
{
        struct early *early = arg;
        struct fixture_request request = {.root = early->root,
                                          .python = early->has_python ? early->python : NULL,
                                          .paths = early->args->paths.v,
                                          .n = early->args->paths.n,
                                          .options = &early->options,
                                          .format = FIXTURES_PROBLEMS,
                                          .cache = early->cache,
                                          .stop = &early->stop};
        struct error ignored;
        FILE *out = open_memstream(&early->text, &early->n);

        if (out != NULL) {
                int r = fixture_list(&request, out, NULL, NULL, &ignored);

                if (fclose(out) != 0 || r < 0)
                        early->n = 0;
        }
        atomic_store(&early->done, true);
        return NULL;
}

void early_start(struct early *early)
{
        sigset_t all, before;

        if (early == NULL || early->started)
                return;
        early->started = true;
        (void)sigfillset(&all); /* signals are the program's own thread's */
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        early->joined = pthread_create(&early->thread, NULL, work, early) != 0;
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void join(struct early *early)
{
        if (early->started && !early->joined)
                (void)pthread_join(early->thread, NULL);
        early->joined = true;
}

int early_take(struct early *early, bool wait, int (*line)(void *ctx, const char *text, size_t n), void *ctx)
{
        char *rest, *one;
        int r = 0;

        if (early == NULL || !early->started || early->taken || (!wait && !atomic_load(&early->done)))
                return 0;
        join(early);
        early->taken = true;
        rest = early->n > 0 ? early->text : NULL;
        while (r == 0 && (one = strsep(&rest, "\n")) != NULL)
                if (one[0] != '\0')
                        r = line(ctx, one, strlen(one));
        return r;
}

void early_destroy(struct early *early)
{
        if (early == NULL)
                return;
        atomic_store(&early->stop, true);
        join(early);
        for (size_t i = 0; i < early->options.n; i++)
                free(early->options.v[i]);
        free(early->options.v);
        free(early->text);
        free(early);
}
