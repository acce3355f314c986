/* How it works: paths and problems are counted; of each cell the first ones are told. */
#include "runtime/engine/writer_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sandbox/fds.h"
#include "spec/base/utf8.h"

#define SHOW(s) utf8_show((char[200]){0}, 200, s)

void writer_answer(const struct writer *w, const struct writer_answer *a)
{
        if (fds_send(w->socket, a, sizeof *a, NULL, 0) < 0)
                _exit(0);
}

static void list(const struct writer *w, enum writer_op op, unsigned n, const char *path)
{
        struct writer_answer a = {.op = (int32_t)op};

        if (n > WRITER_MAX_LISTED)
                return;
        (void)snprintf(a.path, sizeof a.path, "%.1000s", path);
        writer_answer(w, &a);
}

void writer_kept(struct writer *w, const char *path)
{
        list(w, WRITER_KEPT, ++w->kept, path);
}

/* Compiled modules are nobody's loss, and pytest's cache is written by itself (cachedir.h). */
void writer_lost(struct writer *w, const char *path)
{
        static const char cache[] = "__pycache__";
        const char *at = strstr(path, cache);

        if (at != NULL && (at == path || at[-1] == '/') &&
            (at[sizeof cache - 1] == '/' || at[sizeof cache - 1] == '\0'))
                return;
        if (w->cell == 0 && strncmp(path, ".pytest_cache/", 14) == 0)
                return;
        list(w, WRITER_LOST, ++w->lost, path);
}

static void problem(struct writer *w, const struct error *err)
{
        struct writer_answer a = {.op = WRITER_PROBLEM, .err = *err};

        if (++w->problems > WRITER_MAX_PROBLEMS)
                return;
        writer_answer(w, &a);
}

void writer_refuse(struct writer *w, const char *path, int errnum, const char *hint)
{
        struct error err;

        (void)error_set(&err, "keep", errnum, "%s of %s cannot be kept", SHOW(path),
                        SHOW(claims_name(&w->claims, w->cell)));
        error_hint(&err, "%s", hint);
        problem(w, &err);
        writer_lost(w, path);
}

void writer_refuse_all(struct writer *w, int errnum, const char *what, const char *hint)
{
        struct error err;

        (void)error_set(&err, "keep", errnum, "what %s wrote: %s", SHOW(claims_name(&w->claims, w->cell)),
                        what);
        error_hint(&err, "%s", hint);
        problem(w, &err);
}

void writer_conflict(struct writer *w, const char *path, const struct claim *claim, int gone)
{
        struct error err;

        (void)error_set(&err, "keep", 0, "%s: %s %s it and %s %s: what the first one did was kept",
                        SHOW(path), SHOW(claims_name(&w->claims, claim->cell)),
                        claim->gone ? "removed" : "wrote", SHOW(claims_name(&w->claims, w->cell)),
                        gone          ? "removed it"
                        : claim->gone ? "wrote it"
                                      : "wrote something else");
        error_hint(&err, "let each test write files of its own, or leave the path out of tach.keep");
        problem(w, &err);
        writer_lost(w, path);
}
