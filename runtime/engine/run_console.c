/* How it works: a test that has something to tell waits until it was told (console.ack), so output and events
 * are in order. Input is for the one worker that runs. */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "spec/base/utf8.h"

#define CHUNK        65536
#define DRAIN_ROUNDS 16 /* a terminal or a pipe holds less; what a process left behind prints has no end */

int run_open_console(struct run *run, struct worker *w, struct console_ends *ret, struct error *err)
{
        const int has_input = run->input.fd >= 0 || run->input.pending.len > 0;
        int r = console_open(&w->console, run->plan->spec, has_input, &run->input.size, ret, err);

        for (unsigned i = 0; r == 0 && i < CONSOLE_STREAMS; i++)
                if (w->console.from[i] >= 0 &&
                    run_watch(run, w->console.from[i], i == CONSOLE_OUT ? FROM_OUTPUT : FROM_ERRORS,
                              w->slot) < 0)
                        r = error_set(err, "run", errno, "epoll");
        return r;
}

/* The item that W's output belongs to, or -1. */
static long item_of(const struct run *run, const struct worker *w)
{
        const struct unit *u = &run->suite.units[w->part.unit];
        struct part left;

        if (w->snapshot == NULL)
                return w->current;
        if (w->snapshot->phase == SNAPSHOT_TEARING_DOWN)
                return u->items[u->n - 1];
        if (w->snapshot->phase == SNAPSHOT_SETTING_UP && suite_part(&run->suite, w->part.unit, &left))
                return u->items[left.from];
        return -1;
}

static const char *nodeid_of(const struct run *run, const struct worker *w)
{
        const long item = item_of(run, w);

        return item >= 0 ? run->suite.items[item].nodeid : NULL;
}

/* The length of BYTES without a character at their end that may be cut in two. */
static size_t whole(const char *bytes, size_t n)
{
        for (size_t back = 1; back <= 3 && back <= n; back++) {
                const unsigned char c = (unsigned char)bytes[n - back];

                if (c >= 0xc0)
                        return c >= (back == 1 ? 0xc0 : back == 2 ? 0xe0 : 0xf0) ? n - back : n;
                if (c < 0x80)
                        break;
        }
        return n;
}

/* Says N bytes of STREAM, after what was cut before them; IS_LAST: nothing of a character is kept back. */
static void say(struct run *run, struct worker *w, enum console_stream stream, char *bytes, size_t n,
                int is_last)
{
        static const char *const names[] = {"stdout", "stderr"};
        struct console *c = &w->console;
        const double before = run_now();
        size_t all = c->n_cut[stream] + n, told;

        memmove(bytes + c->n_cut[stream], bytes, n);
        memcpy(bytes, c->cut[stream], c->n_cut[stream]);
        told = is_last ? all : whole(bytes, all);
        c->n_cut[stream] = all - told;
        memcpy(c->cut[stream], bytes + told, all - told);
        if (told == 0)
                return;
        stream_output(&run->stream, nodeid_of(run, w), c->is_terminal ? "terminal" : names[stream], bytes,
                      told);
        if (w->deadline > 0) /* who reads the events may have paused */
                w->deadline += run_now() - before;
}

/* Passes on what there is of STREAM now: whether more will come. */
static int pass(struct run *run, struct worker *w, enum console_stream stream, int rounds)
{
        char bytes[CHUNK + sizeof w->console.cut[0]];
        long n = 0;

        while (rounds-- > 0 && w->console.from[stream] >= 0 &&
               (n = console_read(&w->console, stream, bytes, CHUNK)) > 0)
                say(run, w, stream, bytes, (size_t)n, 0);
        return n >= 0;
}

void run_from_console(struct run *run, struct worker *w, enum console_stream stream)
{
        if (w->stage == WORKER_FREE || w->console.from[stream] < 0)
                return;
        run_drain(run, w); /* it says that a test begins before the test prints */
        if (!pass(run, w, stream, 1))
                (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, w->console.from[stream], NULL);
}

void run_pass_output(struct run *run, struct worker *w)
{
        for (unsigned i = 0; i < CONSOLE_STREAMS; i++)
                (void)pass(run, w, i, DRAIN_ROUNDS);
}

void run_pass_report(struct run *run, struct worker *w, yajl_val v)
{
        if (!console_is_open(&w->console))
                return;
        run_pass_output(run, w);
        if (w->snapshot != NULL) /* it does not wait, and its report is another test's */
                return;
        stream_phase(&run->stream, nodeid_of(run, w), v);
        console_ack(&w->console);
}

void run_enter_debugger(struct run *run, struct worker *w)
{
        if (run->input.fd >= 0 || run->input.pending.len > 0)
                w->deadline = 0; /* somebody is there to end it */
        else
                console_hang_up(&w->console);
        stream_debugger(&run->stream, nodeid_of(run, w));
        console_ack(&w->console);
}

void run_end_console(struct run *run, struct worker *w)
{
        char none[sizeof w->console.cut[0]];

        if (!console_is_open(&w->console))
                return;
        run_pass_output(run, w);
        for (unsigned i = 0; i < CONSOLE_STREAMS; i++)
                say(run, w, i, none, 0, 1);
        if (console_take_back(&w->console, &run->input.pending) < 0)
                run_check(run, -ENOMEM);
}

static struct worker *reader(struct run *run)
{
        struct worker *last = NULL;

        for (unsigned i = 0; i < run->n_workers; i++) {
                struct worker *w = &run->workers[i];

                if (w->stage == WORKER_RUNNING && console_is_open(&w->console) && w->pidfd >= 0 &&
                    (last == NULL || w->began > last->began))
                        last = w;
        }
        return last;
}

/* As long as there is room for what comes. */
static void watch_input(struct run *run)
{
        struct input *in = &run->input;
        const int wanted = in->fd >= 0 && in->pending.len < INPUT_HELD;

        if (wanted && !in->is_watched)
                in->is_watched = run_watch(run, in->fd, FROM_INPUT, 0) == 0;
        else if (!wanted && in->is_watched)
                in->is_watched = epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, in->fd, NULL) != 0;
}

int run_feed(struct run *run)
{
        struct worker *w = reader(run);

        watch_input(run);
        return w != NULL && console_feed(&w->console, &run->input.pending, run->input.fd < 0);
}

static void resize(struct run *run, const struct input_size *size)
{
        run->input.size = (struct winsize){.ws_row = size->rows, .ws_col = size->columns};
        for (unsigned i = 0; i < run->n_workers; i++)
                if (run->workers[i].stage != WORKER_FREE)
                        console_resize(&run->workers[i].console, &run->input.size);
}

void run_from_input(struct run *run)
{
        char packet[INPUT_PACKET];
        struct input_size size;

        while (run->input.fd >= 0 && run->input.pending.len < INPUT_HELD) {
                const ssize_t n = recv(run->input.fd, packet, sizeof packet, MSG_DONTWAIT);

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return;
                if (n <= 0) {
                        (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, run->input.fd, NULL);
                        run->input.is_watched = 0;
                        run->input.fd = -1;
                } else if (packet[0] == INPUT_SIZE && n == 1 + (ssize_t)sizeof size) {
                        memcpy(&size, packet + 1, sizeof size);
                        resize(run, &size);
                } else if (packet[0] == INPUT_BYTES &&
                           buf_add(&run->input.pending, packet + 1, (size_t)n - 1) < 0) {
                        run_check(run, -ENOMEM);
                }
        }
}
