/* How it works: the thread writes the events into memory; the program's own thread prints them between two of
 * the engine's. */
#include "runtime/front/early.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct early {
        struct select_request request;
        const struct spec_select *select;
        bool started, joined, taken;
        atomic_bool stop, done;
        pthread_t thread;
        char *text; /* lines */
        size_t n;
};

struct early *early_create(const struct select_request *request, const struct spec_select *select)
{
        struct early *early = calloc(1, sizeof *early);

        if (early != NULL) {
                early->request = *request;
                early->select = select;
        }
        return early;
}

static void *work(void *arg)
{
        struct early *early = arg;
        struct error ignored;
        FILE *out = open_memstream(&early->text, &early->n);

        if (out != NULL) {
                int r = select_problems(&early->request, early->select, &early->stop, out, &ignored);

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
        free(early->text);
        free(early);
}
