/* How it works: layers are collected until their cell's request comes; then each is walked, and each of its
 * entries is taken into the project or not (writer_entry.c). */
#include "runtime/engine/writer_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/fds.h"

/* The descriptor came through processes that are not trusted: only a folder in memory can be a layer. */
static int is_layer(const struct writer *w, const struct writer_layer *layer)
{
        struct statfs fs;
        struct stat st;

        return layer->part < w->plan->parts->n && w->roots[layer->part] >= 0 &&
               fstat(layer->top_fd, &st) == 0 && S_ISDIR(st.st_mode) && fstatfs(layer->top_fd, &fs) == 0 &&
               fs.f_type == TMPFS_MAGIC;
}

static void keep_layer(struct writer *w, const struct writer_layer *layer)
{
        char what[128];
        int r = is_layer(w, layer) ? 0 : -EPROTO;

        w->layer = layer;
        if (r == 0)
                r = upper_walk(layer->top_fd, &w->entries_left, writer_take_entry, w);
        if (r == -E2BIG) {
                (void)snprintf(what, sizeof what, "more than %u paths: the rest is lost", WRITER_MAX_ENTRIES);
                writer_refuse_all(w, 0, what, "write less, or to /tmp");
        } else if (r == -ELOOP || r == -ENAMETOOLONG) {
                (void)snprintf(what, sizeof what, "more than %d folders deep: the rest is lost",
                               UPPER_MAX_DEPTH);
                writer_refuse_all(w, 0, what, "write to folders less deep, or to /tmp");
        } else if (r < 0) {
                writer_refuse_all(w, -r, "cannot be read to its end: the rest is lost", "");
        }
}

static int has_ended(int pidfd)
{
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        return pidfd < 0 || poll(&p, 1, WRITER_PATIENCE_MS) == 1;
}

static void serve(struct writer *w, const struct writer_request *q, int pidfd)
{
        struct writer_answer done = {.op = WRITER_DONE};

        w->cell = q->cell;
        w->entries_left = WRITER_MAX_ENTRIES;
        w->bytes_left = WRITER_MAX_BYTES;
        w->kept = w->lost = w->problems = 0;
        if (claims_cell(&w->claims, q->cell, q->parent, q->owner) < 0)
                writer_refuse_all(w, ENOMEM, "nothing of it is kept", "");
        else if (!has_ended(pidfd))
                writer_refuse_all(w, 0, "the processes of its cell did not end: nothing of it is kept", "");
        else
                for (size_t i = 0; i < w->n_layers; i++)
                        keep_layer(w, &w->layers[i]);
        for (size_t i = 0; i < w->n_layers; i++)
                (void)close(w->layers[i].top_fd);
        w->n_layers = 0;
        if (w->problems > WRITER_MAX_PROBLEMS) {
                char what[64];

                (void)snprintf(what, sizeof what, "%u more paths like these",
                               w->problems - WRITER_MAX_PROBLEMS);
                w->problems = 0;
                writer_refuse_all(w, 0, what, "");
        }
        done.kept = w->kept;
        done.lost = w->lost;
        writer_answer(w, &done);
}

static int prepare(struct writer *w)
{
        const struct project_parts *parts = w->plan->parts;
        cap_t none = cap_init();
        int keep[1] = {w->socket};
        struct error err;

        (void)prctl(PR_SET_NAME, "tach-writer");
        (void)signal(SIGINT, SIG_IGN);
        (void)signal(SIGTERM, SIG_IGN);
        (void)signal(SIGHUP, SIG_IGN);
        if (none == NULL || cap_set_proc(none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            fds_keep_only(keep, 1, &err) < 0)
                return -EPERM;
        (void)cap_free(none);
        w->roots = calloc(parts->n, sizeof *w->roots);
        w->layers = calloc(parts->n, sizeof *w->layers);
        if (w->roots == NULL || w->layers == NULL)
                return -ENOMEM;
        for (size_t i = 0; i < parts->n; i++) {
                char path[PATH_MAX];

                w->roots[i] = -1;
                if (parts->v[i].kind != PROJECT_OVERLAY)
                        continue;
                (void)snprintf(path, sizeof path, "%s/%s", w->plan->project, parts->v[i].path);
                w->roots[i] = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        }
        return 0;
}

void writer_main(int socket, const struct writer_plan *plan)
{
        struct writer w = {.plan = plan, .socket = socket, .run_left = WRITER_MAX_RUN};
        struct writer_request q;

        if (prepare(&w) < 0)
                _exit(1);
        for (;;) {
                int fds[FDS_MAX_SENT];
                size_t n_fds;

                if (fds_wait(socket, &q, sizeof q, fds, &n_fds) != (ssize_t)sizeof q)
                        _exit(0);
                q.owner[sizeof q.owner - 1] = '\0';
                if (q.op == WRITER_LAYER && n_fds == 1 && w.n_layers < plan->parts->n) {
                        w.layers[w.n_layers++] = (struct writer_layer){(size_t)q.part, fds[0]};
                        continue;
                }
                if (q.op == WRITER_WRITE)
                        serve(&w, &q, n_fds > 0 ? fds[0] : -1);
                for (size_t i = 0; i < n_fds; i++)
                        (void)close(fds[i]);
        }
}
