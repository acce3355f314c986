/* How it works: all that a worker needs is opened here and sent, with what it is to run, to the process that
 * it is cloned from: the zygote or a snapshot. */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/run_message.h"
#include "runtime/engine/again.h"

#define PATIENCE_MS 5000 /* for the zygote to read what it is asked */

/* What is sent to have a worker cloned. */
struct request {
        struct run_head head;
        int fds[RUN_MAX_FDS]; /* the worker's end of its channel, its stdout and stderr, and what HEAD says */
        size_t n_fds;
        int channel, control;        /* those of FDS that are not kept once they were sent; -1: none */
        struct console_ends console; /* likewise */
};

static void add(struct request *q, int fd, uint32_t flag)
{
        q->fds[q->n_fds++] = fd;
        q->head.flags |= flag;
}

/* Where the worker says what it does, and what its tests print. */
static int add_channel(struct run *run, struct worker *w, struct request *q, struct error *err)
{
        int ends[2];

        w->out_fd = memfd_create("tach-stdout", MFD_CLOEXEC);
        w->err_fd = memfd_create("tach-stderr", MFD_CLOEXEC);
        if (w->out_fd < 0 || w->err_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return error_set(err, "run", errno, "open a worker's channel");
        w->result_fd = ends[0];
        q->channel = ends[1];
        add(q, ends[1], 0);
        add(q, w->out_fd, 0);
        add(q, w->err_fd, 0);
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        return run_watch(run, ends[0], FROM_WORKER, w->slot) < 0 ? error_set(err, "run", errno, "epoll") : 0;
}

/* What W is to run: a snapshot's unit and first entry, or the unfinished items of its part. */
static int set_items(const struct run *run, struct worker *w, struct error *err)
{
        const struct unit *u = &run->suite.units[w->part.unit];
        size_t from = w->part.from;

        w->items = calloc((w->part.is_order ? run->suite.n_items : u->n) + 2, sizeof *w->items);
        if (w->items == NULL)
                return error_set(err, "run", ENOMEM, "start a worker");
        if (w->part.is_snapshot) {
                w->items[0] = w->part.unit;
                w->items[1] = (uint32_t)snapshot_entry(&run->suite, w->part.unit, from);
                w->snapshot = snapshot_new(w->items[1]);
                return w->snapshot != NULL ? 2 : error_set(err, "run", ENOMEM, "start a snapshot");
        }
        if (w->part.is_order)
                w->n_items = order_items(&run->order, &run->suite, &w->part, w->items);
        for (; !w->part.is_order && from < w->part.to; from++)
                if (!run->suite.items[u->items[from]].finished)
                        w->items[w->n_items++] = u->items[from];
        if (w->n_items > RUN_MAX_ITEMS)
                return error_set(err, "run", EFBIG, "%zu tests share one fixture (%s); at most %u can",
                                 w->n_items, u->why, RUN_MAX_ITEMS);
        return (int)w->n_items;
}

/* A snapshot's way to hear of the engine; *RET_END is the snapshot's. */
static int open_control(struct run *run, struct worker *w, int *ret_end, struct error *err)
{
        int ends[2];

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return error_set(err, "run", errno, "socketpair");
        w->snapshot->control = ends[0];
        *ret_end = ends[1];
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        return run_watch(run, ends[0], FROM_SNAPSHOT, w->slot) < 0 ? error_set(err, "run", errno, "epoll")
                                                                   : 0;
}

static void enter_snapshot(struct run *run, const struct worker *w)
{
        const struct unit *u = &run->suite.units[w->part.unit];
        char name[1024];

        (void)snprintf(name, sizeof name, "%.200s%s%.800s", u->why, u->nodeid[0] != '\0' ? " of " : "",
                       u->nodeid);
        keep_enter(&run->keep, w->cell, name, 0);
}

/* How a snapshot, or a worker that can run another test, hears of the engine. */
static int add_control(struct run *run, struct worker *w, struct request *q, struct error *err)
{
        int r;

        if (w->part.is_snapshot)
                r = open_control(run, w, &q->control, err);
        else if (again_may(run, &w->part))
                r = again_open(w, &q->control, err);
        else
                return 0;
        if (r == 0)
                add(q, q->control, w->part.is_snapshot ? 0 : RUN_ROLLS_BACK);
        return r;
}

static int add_console(struct run *run, struct worker *w, struct request *q, struct error *err)
{
        int r;

        if (!run->plan->passes)
                return 0;
        r = run_open_console(run, w, &q->console, err);
        for (int i = 0; r == 0 && i < 3; i++)
                add(q, q->console.fds[i], 0);
        if (r == 0)
                add(q, q->console.ack, RUN_CONSOLE);
        return r;
}

static void add_cell(struct run *run, struct worker *w, struct request *q)
{
        w->cell = pool_take(&run->pool, w->origin);
        w->cell_fd = run->pool.v[w->cell].pidfd;
        w->cell_used = run->pool.v[w->cell].uses > 1;
        if (w->part.is_snapshot)
                enter_snapshot(run, w);
        add(q, w->cell_fd, RUN_CELL);
}

static int add_leaf(struct run *run, struct worker *w, struct request *q, struct error *err)
{
        int r = leaves_take(&run->leaves, &w->leaf, err);

        if (r == 0 && w->leaf.fd >= 0)
                add(q, w->leaf.fd, RUN_CGROUP);
        return r;
}

/* Opens for W what it needs, and writes it to Q in the order of harness/run_message.h. */
static int compose(struct run *run, struct worker *w, struct request *q, struct error *err)
{
        int r = set_items(run, w, err);

        if (r < 0)
                return r;
        q->head = (struct run_head){
            .op = w->part.is_snapshot ? RUN_SNAPSHOT : RUN_ITEMS, .slot = w->slot, .n_items = (uint32_t)r};
        if (run->plan->cell.network == SPEC_NETWORK_HOST)
                q->head.flags |= RUN_HOST_NETWORK;
        r = add_channel(run, w, q, err);
        if (r == 0)
                r = add_control(run, w, q, err);
        if (r == 0)
                r = add_console(run, w, q, err);
        if (r < 0)
                return r;
        if (run->plan->isolated)
                add_cell(run, w, q);
        return add_leaf(run, w, q, err);
}

static int send_request(const struct run *run, const struct worker *w, const struct request *q,
                        struct error *err)
{
        if (w->origin < 0)
                return zygote_ask(run->zygote.control, &q->head, w->items, q->fds, q->n_fds, PATIENCE_MS,
                                  err);
        return zygote_ask(run->workers[w->origin].snapshot->control, &q->head, w->items, q->fds, q->n_fds, 0,
                          err);
}

int run_start(struct run *run, struct worker *w, struct part part, int origin, struct error *err)
{
        struct request q = {.channel = -1, .control = -1, .console = {.fds = {-1, -1, -1}, .ack = -1}};
        int r;

        w->part = part;
        w->origin = origin;
        w->is_lane = !part.is_snapshot && !part.is_order &&
                     (part.to - part.from > 1 || run->suite.units[part.unit].lane != NULL);
        r = compose(run, w, &q, err);
        if (r == 0)
                r = send_request(run, w, &q, err);
        if (q.channel >= 0)
                (void)close(q.channel);
        if (q.control >= 0)
                (void)close(q.control);
        console_close_ends(&q.console);
        if (r < 0)
                return r;
        if (origin >= 0)
                run->workers[origin].snapshot->children++;
        run_move(run, w, WORKER_RUNNING);
        w->began = run_now();
        w->deadline = w->began + RUN_UNSTARTED_SECONDS;
        return 0;
}
