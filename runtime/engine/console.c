/* How it works: see console.h. All of our ends are non-blocking: a test must not hold up the run. */
#include "runtime/engine/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

#define LINE_MAX_BYTES 4096 /* at a time, of what has no end of line (PIPE_BUF) */

void console_init(struct console *c)
{
        *c = (struct console){.from = {-1, -1}, .input = -1, .input_peer = -1, .ack = -1};
}

static int no_console(struct error *err, const char *what)
{
        return error_set(err, "console", errno, "%s", what);
}

/* A descriptor of its own for the same end, or -1. */
static int same(int fd)
{
        return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static void no_wait(int fd)
{
        if (fd >= 0)
                (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int open_terminal(struct console *c, const struct winsize *size, struct console_ends *ret,
                         struct error *err)
{
        const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), unlock = 0;
        int r;

        if (master < 0) {
                r = no_console(err, "open a pseudo-terminal");
                error_hint(err, "is devpts mounted on /dev/pts, and kernel.pty.max not reached?");
                return r;
        }
        c->from[CONSOLE_OUT] = c->input = master;
        no_wait(master);
        if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
                return no_console(err, "unlock a pseudo-terminal");
        ret->fds[0] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        ret->fds[1] = ret->fds[0] >= 0 ? same(ret->fds[0]) : -1;
        ret->fds[2] = ret->fds[0] >= 0 ? same(ret->fds[0]) : -1;
        if (ret->fds[1] < 0 || ret->fds[2] < 0)
                return no_console(err, "open a pseudo-terminal's other end");
        if (size->ws_row > 0 && size->ws_col > 0)
                (void)ioctl(master, TIOCSWINSZ, size);
        return 0;
}

static int open_pipe(int *ret_read, int *ret_write)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        *ret_read = ends[0];
        *ret_write = ends[1];
        return 0;
}

static int open_pipes(struct console *c, int is_joined, int has_input, struct console_ends *ret,
                      struct error *err)
{
        if (has_input) {
                if (open_pipe(&ret->fds[0], &c->input) < 0 || (c->input_peer = same(ret->fds[0])) < 0)
                        return no_console(err, "pipe");
        } else {
                ret->fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
        if (ret->fds[0] < 0 || open_pipe(&c->from[CONSOLE_OUT], &ret->fds[1]) < 0)
                return no_console(err, "pipe");
        if (is_joined)
                ret->fds[2] = same(ret->fds[1]);
        else if (open_pipe(&c->from[CONSOLE_ERR], &ret->fds[2]) < 0)
                return no_console(err, "pipe");
        if (ret->fds[2] < 0)
                return no_console(err, "dup");
        no_wait(c->input);
        no_wait(c->from[CONSOLE_OUT]);
        no_wait(c->from[CONSOLE_ERR]);
        return 0;
}

int console_open(struct console *c, const struct spec *spec, int has_input, const struct winsize *size,
                 struct console_ends *ret, struct error *err)
{
        struct console_ends ends = {.fds = {-1, -1, -1}, .ack = -1};
        int r;

        console_init(c);
        c->is_terminal = spec->process.terminal;
        r = open_pipe(&ends.ack, &c->ack) < 0 ? no_console(err, "pipe") : 0;
        no_wait(c->ack);
        if (r == 0)
                r = c->is_terminal
                        ? open_terminal(c, size, &ends, err)
                        : open_pipes(c, spec->tach.output == SPEC_OUTPUT_JOINED, has_input, &ends, err);
        if (r < 0) {
                console_close_ends(&ends);
                console_finish(c);
                return r;
        }
        *ret = ends;
        return 0;
}

void console_close_ends(struct console_ends *ends)
{
        for (int i = 0; i < 3; i++)
                if (ends->fds[i] >= 0)
                        (void)close(ends->fds[i]);
        if (ends->ack >= 0)
                (void)close(ends->ack);
        *ends = (struct console_ends){.fds = {-1, -1, -1}, .ack = -1};
}

int console_is_open(const struct console *c)
{
        return c->ack >= 0;
}

long console_read(struct console *c, enum console_stream stream, char *bytes, size_t size)
{
        ssize_t n = c->from[stream] >= 0 ? read(c->from[stream], bytes, size) : 0;

        if (n > 0) {
                c->passed += (uint64_t)n;
                return n;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        return -EPIPE; /* EIO: nobody has the terminal open */
}

/* Bytes of PENDING up to the end of its first line. */
static size_t first_line(const struct buf *pending)
{
        const size_t n = pending->len < LINE_MAX_BYTES ? pending->len : LINE_MAX_BYTES;
        const char *end = memchr(pending->data, '\n', n);

        return end != NULL ? (size_t)(end - pending->data) + 1 : n;
}

int console_feed(struct console *c, struct buf *pending, int ended)
{
        int unread = 0;
        ssize_t n;

        if (c->input < 0)
                return 0;
        if (c->is_terminal) {
                n = pending->len > 0 ? write(c->input, pending->data, pending->len) : 0;
                buf_consume(pending, n > 0 ? (size_t)n : 0);
                return pending->len > 0;
        }
        if (ioctl(c->input_peer, FIONREAD, &unread) < 0 || unread > 0)
                return pending->len > 0 || ended;
        if (pending->len > 0) {
                n = write(c->input, pending->data, first_line(pending));
                buf_consume(pending, n > 0 ? (size_t)n : 0);
                return pending->len > 0 || ended;
        }
        if (ended) {
                (void)close(c->input);
                c->input = -1;
        }
        return 0;
}

void console_hang_up(const struct console *c)
{
        if (c->is_terminal && c->input >= 0 && write(c->input, "\4", 1) < 0)
                return; /* it reads nothing */
}

int console_take_back(struct console *c, struct buf *pending)
{
        CLEANUP_BUF struct buf all = {0};
        char bytes[LINE_MAX_BYTES];
        ssize_t n;
        int r = 0;

        if (c->input_peer < 0)
                return 0;
        if (c->input >= 0)
                (void)close(c->input);
        c->input = -1;
        no_wait(c->input_peer);
        while (r == 0 && (n = read(c->input_peer, bytes, sizeof bytes)) > 0)
                r = buf_add(&all, bytes, (size_t)n);
        if (r == 0 && all.len > 0) {
                r = buf_add(&all, pending->data, pending->len);
                if (r == 0) {
                        struct buf was = *pending;

                        *pending = all;
                        all = was;
                }
        }
        return r;
}

void console_ack(const struct console *c)
{
        if (c->ack >= 0 && write(c->ack, "", 1) < 0)
                return; /* it does not wait */
}

void console_resize(const struct console *c, const struct winsize *size)
{
        if (c->is_terminal && c->input >= 0)
                (void)ioctl(c->input, TIOCSWINSZ, size);
}

void console_finish(struct console *c)
{
        const int fds[] = {c->from[CONSOLE_OUT], c->from[CONSOLE_ERR],
                           c->input != c->from[CONSOLE_OUT] ? c->input : -1, c->input_peer, c->ack};

        for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
        console_init(c);
}
