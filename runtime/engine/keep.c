/* How it works: a queue of jobs; the writer has one at a time, so that neither ever waits for the other to
 * read. A failure of it is told in the stream, once; what comes after is lost. */
#include "runtime/engine/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/engine/stream.h"
#include "sandbox/fds.h"
#include "spec/base/cleanup.h"

#define BEHIND 8     /* jobs that may wait */
#define END_MS 30000 /* that one job may take at the run's end */

/* Nothing more is kept, for the reason in ERR. */
static void give_up(struct keep *k, const struct error *err);

static void no_memory(struct keep *k)
{
        struct error err = {0};

        (void)error_set(&err, "keep", ENOMEM, "remember what tests write");
        give_up(k, &err);
}

static struct keep_layers *no_layers(size_t n)
{
        struct keep_layers *layers = malloc(sizeof *layers + n * sizeof *layers->fds);

        if (layers != NULL)
                layers->n = n;
        for (size_t i = 0; layers != NULL && i < n; i++)
                layers->fds[i] = -1;
        return layers;
}

void keep_close(struct keep_layers **layers)
{
        for (size_t i = 0; *layers != NULL && i < (*layers)->n; i++)
                if ((*layers)->fds[i] >= 0)
                        (void)close((*layers)->fds[i]);
        free(*layers);
        *layers = NULL;
}

int keep_start(struct keep *k, const struct plan *plan, struct stream *stream, size_t n_cells,
               struct error *err)
{
        int ends[2];

        *k = (struct keep){.stream = stream, .socket = -1, .pid = -1};
        if (plan->cell.hand_over.layer == NULL)
                return 0;
        k->active = 1;
        k->plan = (struct writer_plan){plan->project, &plan->parts, &plan->spec->tach.keep};
        k->cells = calloc(n_cells, sizeof *k->cells);
        if (k->cells == NULL)
                return error_set(err, "keep", ENOMEM, "prepare %zu cells", n_cells);
        k->n_cells = n_cells;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return error_set(err, "keep", errno, "socketpair");
        k->pid = fork();
        if (k->pid == 0) {
                (void)close(ends[0]);
                writer_main(ends[1], &k->plan);
        }
        (void)close(ends[1]);
        k->socket = ends[0];
        return k->pid < 0 ? error_set(err, "keep", errno, "start the writer") : 0;
}

void keep_receive(const struct keep *k, struct keep_layers **received, int part, int fd)
{
        CLEANUP_CLOSE int owned = fd;

        if (fd < 0 || !k->active || part < 0 || (size_t)part >= k->plan.parts->n)
                return;
        if (*received == NULL)
                *received = no_layers(k->plan.parts->n);
        if (*received != NULL && (*received)->fds[part] < 0)
                (*received)->fds[part] = TAKE_FD(owned);
}

static struct keep_cell *cell_of(struct keep *k, int cell)
{
        return cell == KEEP_OUTER ? &k->outer : &k->cells[cell];
}

int keep_open(struct keep *k, struct keep_layers **received, int cell, int around, struct error *err)
{
        struct keep_cell *c;

        if (!k->active)
                return 0;
        for (size_t i = 0; i < k->plan.parts->n; i++)
                if (k->plan.parts->v[i].kind == PROJECT_OVERLAY &&
                    (*received == NULL || (*received)->fds[i] < 0))
                        return error_set(err, "keep", EPROTO, "a cell came without its upper layer");
        c = cell_of(k, cell);
        keep_close(&c->layers);
        *c = (struct keep_cell){.layers = *received};
        *received = NULL;
        if (cell == KEEP_OUTER) {
                (void)snprintf(c->owner, sizeof c->owner, "the suite itself");
        } else {
                c->number = ++k->last_number;
                c->parent = cell_of(k, around)->number;
        }
        return 0;
}

/* ---- the queue ---- */

static void free_job(struct keep_job *job)
{
        for (int i = 0; i < 2; i++)
                for (unsigned n = 0; n < job->n_paths[i]; n++)
                        free(job->paths[i][n]);
        if (job->pidfd >= 0)
                (void)close(job->pidfd);
        keep_close(&job->cell.layers);
        free(job);
}

static void remove_first(struct keep *k)
{
        struct keep_job *job = k->first;

        k->first = job->next;
        k->n_jobs--;
        if (k->first == NULL)
                k->last = NULL;
        free_job(job);
}

static void give_up(struct keep *k, const struct error *err)
{
        if (k->socket < 0)
                return;
        (void)close(k->socket);
        k->socket = -1;
        while (k->first != NULL)
                remove_first(k);
        stream_unkept(k->stream, err);
}

static void lost_writer(struct keep *k)
{
        struct error err = {0};

        (void)error_set(&err, "keep", 0, "the process that writes to the project was killed");
        error_hint(&err, "what tests wrote after that is lost: run them again");
        give_up(k, &err);
}

/* Gives the first job to the writer, which has none. */
static void send_first(struct keep *k)
{
        struct keep_job *job = k->first;
        struct writer_request q = {.op = WRITER_LAYER, .cell = job->cell.number, .parent = job->cell.parent};
        int r = 0;

        for (size_t i = 0; r == 0 && i < k->plan.parts->n; i++) {
                q.part = (int32_t)i;
                if (job->cell.layers->fds[i] >= 0)
                        r = fds_send(k->socket, &q, sizeof q, &job->cell.layers->fds[i], 1);
        }
        q.op = WRITER_WRITE;
        (void)snprintf(q.owner, sizeof q.owner, "%s", job->cell.owner);
        if (r == 0)
                r = fds_send(k->socket, &q, sizeof q, &job->pidfd, job->pidfd >= 0);
        if (r < 0)
                lost_writer(k);
}

/* Takes the layers of C. */
static void add_job(struct keep *k, struct keep_cell *c, int pidfd)
{
        struct keep_job *job = calloc(1, sizeof *job);

        if (job == NULL || k->socket < 0) {
                free(job);
                keep_close(&c->layers);
                if (k->socket >= 0)
                        no_memory(k);
                return;
        }
        job->cell = *c;
        c->layers = NULL;
        job->pidfd = pidfd >= 0 ? fcntl(pidfd, F_DUPFD_CLOEXEC, 3) : -1;
        if (k->last != NULL)
                k->last->next = job;
        else
                k->first = job;
        k->last = job;
        if (k->n_jobs++ == 0)
                send_first(k);
}

/* ---- tests ---- */

void keep_enter(struct keep *k, int cell, const char *name, int shared)
{
        struct keep_cell *c;

        if (!k->active || cell < 0)
                return;
        c = &k->cells[cell];
        (void)snprintf(c->owner, sizeof c->owner,
                       shared && c->owner[0] != '\0' ? "%.960s (or one before it)" : "%s", name);
}

void keep_clean(struct keep *k, int cell)
{
        if (k->active)
                k->cells[cell].owner[0] = '\0';
}

void keep_end(struct keep *k, int cell, int pidfd)
{
        struct keep_cell *c = k->active ? &k->cells[cell] : NULL;

        if (c == NULL || c->layers == NULL)
                return;
        if (c->owner[0] != '\0')
                add_job(k, c, pidfd);
        else
                keep_close(&c->layers);
}

int keep_is_behind(const struct keep *k)
{
        return k->n_jobs >= BEHIND;
}

/* ---- answers ---- */

static void note_path(struct keep_job *job, int list, const char *path)
{
        char *copy = job->n_paths[list] < WRITER_MAX_LISTED ? strdup(path) : NULL;

        if (copy != NULL)
                job->paths[list][job->n_paths[list]++] = copy;
}

static void take_answer(struct keep *k, struct writer_answer *a)
{
        struct keep_job *job = k->first;

        if (a->op == WRITER_KEPT || a->op == WRITER_LOST) {
                note_path(job, a->op == WRITER_LOST, a->path);
        } else if (a->op == WRITER_PROBLEM) {
                stream_unkept(k->stream, &a->err);
        } else if (a->op == WRITER_DONE) {
                if (a->kept + a->lost > 0)
                        stream_wrote(k->stream, job, a->kept, a->lost);
                remove_first(k);
                if (k->first != NULL)
                        send_first(k);
        }
}

void keep_answer(struct keep *k)
{
        while (k->socket >= 0) {
                struct writer_answer a;
                int fds[FDS_MAX_SENT];
                size_t n_fds;
                ssize_t n = fds_receive(k->socket, &a, sizeof a, fds, &n_fds);

                if (n == -EAGAIN || n == -EINTR)
                        return;
                if (n != (ssize_t)sizeof a || k->first == NULL)
                        lost_writer(k);
                else
                        take_answer(k, &a);
        }
}

/* ---- the end ---- */

static void drain(struct keep *k)
{
        while (k->socket >= 0 && k->n_jobs > 0) {
                struct pollfd p = {.fd = k->socket, .events = POLLIN};
                const int r = poll(&p, 1, END_MS);

                if (r > 0) {
                        keep_answer(k);
                } else if (r == 0) {
                        struct error err = {0};

                        (void)error_set(&err, "keep", ETIMEDOUT, "write to the project");
                        give_up(k, &err);
                }
        }
}

/* Cells that are inside others are newer than those. */
static int newest(const struct keep *k)
{
        int cell = -1;

        for (size_t i = 0; i < k->n_cells; i++)
                if (k->cells[i].layers != NULL && (cell < 0 || k->cells[i].number > k->cells[cell].number))
                        cell = (int)i;
        return cell;
}

void keep_finish(struct keep *k)
{
        int cell;

        if (!k->active)
                return;
        while ((cell = newest(k)) >= 0)
                keep_end(k, cell, -1);
        if (k->outer.layers != NULL)
                add_job(k, &k->outer, -1);
        drain(k);
        if (k->socket >= 0)
                (void)close(k->socket);
        k->socket = -1;
        while (k->pid > 0 && waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        while (k->first != NULL)
                remove_first(k);
        keep_close(&k->received);
        free(k->cells);
        *k = (struct keep){.socket = -1, .pid = -1};
}
