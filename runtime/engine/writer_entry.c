/* How it works: what is written twice is compared with what lies in the project, so nothing of a file is
 * remembered but who wrote it, and when (claims.h). */
#include "runtime/engine/writer_internal.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "spec/glob.h"

int writer_is_others(const struct writer *w, const struct claim *claim)
{
        return claim != NULL && !claims_is_in(&w->claims, claim->cell, w->cell);
}

static int is_after(const struct timespec *a, const struct timespec *b)
{
        return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec : a->tv_nsec > b->tv_nsec;
}

int writer_is_outdated(const struct writer *w, const char *path, const struct timespec *time)
{
        char at[PATH_MAX];
        size_t n = strlen(path);

        for (int whole = 1; n > 0; whole = 0) {
                const struct claim *claim;

                (void)snprintf(at, sizeof at, "%.*s", (int)n, path);
                claim = claims_find(&w->claims, at);
                if (claim != NULL && (whole || claim->gone) && claim->cell != w->cell &&
                    !writer_is_others(w, claim) && !is_after(time, &claim->time))
                        return 1;
                while (n > 0 && path[n - 1] != '/')
                        n--;
                n -= n > 0;
        }
        return 0;
}

int writer_matches(const struct writer *w, const char *path)
{
        for (size_t i = 0; i < w->plan->patterns->n; i++)
                if (glob_match(w->plan->patterns->v[i], path))
                        return 1;
        return 0;
}

int writer_matches_below(const struct writer *w, const char *path)
{
        for (size_t i = 0; i < w->plan->patterns->n; i++)
                if (glob_below(w->plan->patterns->v[i], path))
                        return 1;
        return 0;
}

const char *writer_split(const char *path, char folder[PATH_MAX])
{
        const char *slash = strrchr(path, '/');

        (void)snprintf(folder, PATH_MAX, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
        return slash != NULL ? slash + 1 : path;
}

int writer_take_entry(void *context, const struct upper_entry *e)
{
        struct writer *w = context;
        const char *part = w->plan->parts->v[w->layer->part].path;
        char path[PATH_MAX];

        if (snprintf(path, sizeof path, "%s%s%s", part, part[0] != '\0' ? "/" : "", e->path) >=
            (int)sizeof path)
                return -ENAMETOOLONG;
        switch (e->kind) {
        case UPPER_FOLDER:
                writer_put_folder(w, e, path);
                break;
        case UPPER_GONE:
                writer_gone(w, e->path, path, &(struct removal){.time = e->st.st_ctim});
                break;
        case UPPER_FILE:
        case UPPER_LINK:
                if (writer_matches(w, path))
                        writer_put(w, e, path);
                else
                        writer_lost(w, path);
                break;
        case UPPER_OTHER:
                if (writer_matches(w, path))
                        writer_refuse(w, path, ENOTSUP, "only files, links and folders are kept");
                else
                        writer_lost(w, path);
                break;
        }
        return 0;
}
