/* How it works: the real zygote, keeper and messages, one worker at a time; the cell is ready before the
 * clock starts, as it is in a run. Medians. */
#include "runtime/engine/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "harness/run_message.h"
#include "runtime/base/json.h"
#include "runtime/engine/zygote.h"
#include "spec/base/cleanup.h"

static double now_us(void)
{
        struct timespec ts;

        (void)clock_gettime(CLOCK_MONOTONIC, &ts);
        return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* Waits for the zygote's packet of kind T. */
static int await(struct zygote *z, const char *t, struct error *err)
{
        for (;;) {
                struct pollfd p = {.fd = z->control, .events = POLLIN};
                CLEANUP_CLOSE int fd = -1;
                yajl_val v = NULL;
                long long status;
                int r, found, failed;

                if (poll(&p, 1, 60000) == 0)
                        return error_set(err, "bench", ETIMEDOUT, "wait for the zygote's \"%s\"", t);
                r = zygote_receive(z->control, &v, &fd);
                if (r == 0)
                        continue;
                if (r < 0)
                        return error_set(err, "bench", -r, "the zygote ended");
                found = strcmp(json_text(v, "t"), t) == 0;
                failed = strcmp(json_text(v, "t"), "clone_failed") == 0;
                status = json_int(v, "status", 0);
                yajl_tree_free(v);
                if (failed)
                        return error_set(err, "bench", ECHILD, "the zygote cannot clone a worker");
                if (found && status != 0) /* what is measured would be a failure's cost */
                        return error_set(err, "bench", ECHILD, "a worker ended with status %lld", status);
                if (found)
                        return 0;
        }
}

/* *RET_SOCKET: the cell ends when it is closed; -1 where cells are not reused. */
static int next_cell(struct zygote *z, int *ret_socket, struct error *err)
{
        int r = keeper_ask_cell(&z->keeper);

        while (r >= 0) {
                struct pollfd p = {.fd = z->keeper.socket, .events = POLLIN};
                struct keeper_message m;
                int fds[KEEPER_FDS];

                (void)poll(&p, 1, 10000);
                r = keeper_receive(z->keeper.socket, &m, fds);
                if (r < 0)
                        return error_set(err, "bench", -r, "the keeper ended");
                if (r == 1 && m.err.phase[0] != '\0') {
                        *err = m.err;
                        return -EINVAL;
                }
                if (r == 1 && m.op == KEEPER_CELL) {
                        *ret_socket = fds[1];
                        return fds[0];
                }
                if (r == 1)
                        keeper_close(fds);
        }
        return r;
}

/* One worker that runs nothing; *RET_US from the request to its exit. */
static int one(struct zygote *z, int in_cell, double *ret_us, struct error *err)
{
        int ends[2], r;
        CLEANUP_CLOSE int socket = -1;
        CLEANUP_CLOSE int cell = in_cell ? next_cell(z, &socket, err) : -1;
        CLEANUP_CLOSE int out = memfd_create("out", MFD_CLOEXEC), errs = memfd_create("err", MFD_CLOEXEC);

        if (in_cell && cell < 0)
                return cell;
        if (out < 0 || errs < 0 || pipe2(ends, O_CLOEXEC) < 0)
                return error_set(err, "bench", errno, "open a channel");
        {
                const int fds[4] = {ends[1], out, errs, cell};
                double begin = now_us();

                const struct run_head head = {.op = RUN_ITEMS, .flags = in_cell ? RUN_CELL : 0};

                r = zygote_ask(z->control, &head, NULL, fds, in_cell ? 4 : 3, 5000, err);
                if (r == 0)
                        r = await(z, "exited", err);
                *ret_us = now_us() - begin;
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        if (cell >= 0)
                (void)syscall(SYS_pidfd_send_signal, cell, SIGKILL, NULL, 0);
        return r;
}

static int ascending(const void *a, const void *b)
{
        const double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

/* Until the keeper says that the zygote runs. Nobody answers the calls that its filter refuses: with the
 * listener closed they fail at once. */
static int await_keeper(struct zygote *z, struct error *err)
{
        for (;;) {
                struct pollfd p = {.fd = z->keeper.socket, .events = POLLIN};
                struct keeper_message m;
                int fds[KEEPER_FDS], r;

                if (poll(&p, 1, 60000) == 0)
                        return error_set(err, "bench", ETIMEDOUT, "wait for the keeper");
                r = keeper_receive(z->keeper.socket, &m, fds);
                if (r < 0)
                        return error_set(err, "bench", -r, "the keeper ended");
                keeper_close(fds);
                if (r == 1 && m.err.phase[0] != '\0') {
                        *err = m.err;
                        return -EINVAL;
                }
                if (r == 1 && m.op == KEEPER_READY)
                        return 0;
        }
}

int bench_clone(const struct plan *plan, unsigned rounds, struct error *err)
{
        CLEANUP_FREE double *plain = calloc(rounds, sizeof *plain), *cell = calloc(rounds, sizeof *cell);
        struct zygote z;
        int r;

        if (plain == NULL || cell == NULL || !plan->isolated)
                return error_set(err, "bench", EINVAL, "the spec must isolate");
        r = zygote_start(&z, plan, err);
        if (r == 0)
                r = await_keeper(&z, err);
        if (r == 0)
                r = await(&z, "collected", err);
        for (unsigned i = 0; r == 0 && i < rounds; i++) {
                r = one(&z, 0, &plain[i], err);
                if (r == 0)
                        r = one(&z, 1, &cell[i], err);
        }
        zygote_stop(&z);
        if (r < 0)
                return r;
        qsort(plain, rounds, sizeof *plain, ascending);
        qsort(cell, rounds, sizeof *cell, ascending);
        (void)printf("{\"rounds\": %u, \"fork_us\": %.0f, \"cell_us\": %.0f, \"ratio\": %.3f}\n", rounds,
                     plain[rounds / 2], cell[rounds / 2], cell[rounds / 2] / plain[rounds / 2]);
        return 0;
}
