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
#include "spec/base/cleanup.h"

#define PATIENCE_MS 5000 /* for the zygote to read what it is asked */

/* Opens W's channel and output; *RET_END is the worker's end of the channel. */
static int open_channel(struct worker *w, int *ret_end, struct error *err)
{
        int ends[2];

        w->out_fd = memfd_create("tach-stdout", MFD_CLOEXEC);
        w->err_fd = memfd_create("tach-stderr", MFD_CLOEXEC);
        if (w->out_fd < 0 || w->err_fd < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return error_set(err, "run", errno, "open a worker's channel");
        w->result_fd = ends[0];
        *ret_end = ends[1];
        (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
        return 0;
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

int run_start(struct run *run, struct worker *w, struct part part, int origin, struct error *err)
{
        struct run_head head = {.op = part.is_snapshot ? RUN_SNAPSHOT : RUN_ITEMS, .slot = w->slot};
        const int control = origin < 0 ? run->zygote.control : run->workers[origin].snapshot->control;
        int fds[6] = {-1, -1, -1, -1, -1, -1}, r;
        size_t n_fds = 3;

        w->part = part;
        w->origin = origin;
        w->is_lane = !part.is_snapshot && !part.is_order &&
                     (part.to - part.from > 1 || run->suite.units[part.unit].lane != NULL);
        r = set_items(run, w, err);
        if (r < 0)
                return r;
        head.n_items = (uint32_t)r;
        r = open_channel(w, &fds[0], err);
        if (r < 0)
                return r;
        CLEANUP_CLOSE int theirs = fds[0]; /* closed here once it was sent */
        (void)theirs;
        fds[1] = w->out_fd;
        fds[2] = w->err_fd;
        CLEANUP_CLOSE int their_control = -1;
        if (part.is_snapshot) {
                r = open_control(run, w, &their_control, err);
                if (r < 0)
                        return r;
                fds[n_fds++] = their_control;
        } else if (again_may(run, &part)) {
                r = again_open(w, &their_control, err);
                if (r < 0)
                        return r;
                fds[n_fds++] = their_control;
                head.flags |= RUN_ROLLS_BACK;
        }
        if (run->plan->cell.network == SPEC_NETWORK_HOST)
                head.flags |= RUN_HOST_NETWORK;
        if (run->plan->isolated) {
                w->cell = pool_take(&run->pool, origin);
                w->cell_fd = run->pool.v[w->cell].pidfd;
                w->cell_used = run->pool.v[w->cell].uses > 1;
                if (part.is_snapshot)
                        enter_snapshot(run, w);
                fds[n_fds++] = w->cell_fd;
                head.flags |= RUN_CELL;
        }
        r = leaves_take(&run->leaves, &w->leaf, err);
        if (r < 0)
                return r;
        if (w->leaf.fd >= 0) {
                fds[n_fds++] = w->leaf.fd;
                head.flags |= RUN_CGROUP;
        }
        if (run_watch(run, w->result_fd, FROM_WORKER, w->slot) < 0)
                return error_set(err, "run", errno, "epoll");
        r = zygote_ask(control, &head, w->items, fds, n_fds, origin < 0 ? PATIENCE_MS : 0, err);
        if (r < 0)
                return r;
        if (origin >= 0)
                run->workers[origin].snapshot->children++;
        run_move(run, w, WORKER_RUNNING);
        w->began = run_now();
        w->deadline = w->began + RUN_UNSTARTED_SECONDS;
        return 0;
}
