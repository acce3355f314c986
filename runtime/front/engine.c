/* How it works: the child leads a process group of its own, so that a Ctrl-C reaches it once, through us; it
 * gets SIGTERM when we die. */
#include "runtime/front/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_LINE (512u << 20)

static void find_program(char path[PATH_MAX])
{
        ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 16);
        char *slash;

        path[n > 0 ? n : 0] = '\0';
        slash = strrchr(path, '/');
        if (slash != NULL) {
                (void)strcpy(slash + 1, "tach-run");
                if (access(path, X_OK) == 0)
                        return;
        }
        (void)strcpy(path, "tach-run");
}

/* SPEC_FD < 0: asks for its features. INPUT_FD: a socket that is handed on, or -1. */
static pid_t start(int spec_fd, int out_fd, int input_fd, const char *program)
{
        char input[16];
        pid_t parent = getpid(), pid = fork();

        if (pid == 0) {
                sigset_t none;

                (void)setpgid(0, 0);
                (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
                if (getppid() != parent || (spec_fd >= 0 && dup2(spec_fd, 0) < 0) || dup2(out_fd, 1) < 0)
                        _exit(126);
                sigemptyset(&none);
                sigprocmask(SIG_SETMASK, &none, NULL);
                (void)snprintf(input, sizeof input, "%d", input_fd);
                if (input_fd >= 0 && fcntl(input_fd, F_SETFD, 0) == 0)
                        (void)execlp(program, program, "--spec", "-", "--input", input, (char *)NULL);
                else if (spec_fd >= 0)
                        (void)execlp(program, program, "--spec", "-", (char *)NULL);
                else
                        (void)execlp(program, program, "features", (char *)NULL);
                (void)fprintf(stderr, "tach: start %s: %s\n", program, strerror(errno));
                _exit(127);
        }
        return pid;
}

/* The spec as a file in memory that the child reads from its start. */
static int spec_file(const struct spec *spec, struct error *err)
{
        CLEANUP_BUF struct buf text = {0};
        int r = spec_write(spec, &text, err);

        if (r < 0)
                return r;
        CLEANUP_CLOSE int fd = memfd_create("run.json", MFD_CLOEXEC);
        if (fd < 0 || pwrite(fd, text.data, text.len, 0) != (ssize_t)text.len)
                return error_set(err, "engine", errno, "write the spec to memory");
        return TAKE_FD(fd);
}

static int take_lines(struct buf *in, int (*line)(void *, const char *, size_t), void *ctx)
{
        size_t from = 0;
        int r = 0;

        while (r == 0) {
                char *end = in->len > from ? memchr(in->data + from, '\n', in->len - from) : NULL;

                if (end == NULL)
                        break;
                *end = '\0';
                r = line(ctx, in->data + from, (size_t)(end - in->data) - from);
                from = (size_t)(end - in->data) + 1;
        }
        buf_consume(in, from);
        return r;
}

static int read_stream(int fd, struct buf *in, struct error *err)
{
        ssize_t n;

        if (in->len > MAX_LINE)
                return error_set(err, "engine", EFBIG, "a line of the event stream is longer than %u bytes",
                                 MAX_LINE);
        if (buf_reserve(in, 1 << 16) < 0)
                return error_set(err, "engine", ENOMEM, "read the event stream");
        n = read(fd, in->data + in->len, 1 << 16);
        if (n < 0)
                return errno == EINTR || errno == EAGAIN
                           ? 1
                           : error_set(err, "engine", errno, "read the event stream");
        in->len += (size_t)n;
        return n > 0;
}

static void hear_signals(int signals, pid_t pid, struct terminal *terminal)
{
        struct signalfd_siginfo si;

        while (read(signals, &si, sizeof si) == (ssize_t)sizeof si)
                if (!terminal_signal(terminal, &si))
                        (void)kill(pid, (int)si.ssi_signo);
}

static int drive(int spec_fd, int (*line)(void *ctx, const char *text, size_t n), void (*tick)(void *ctx),
                 void *ctx, struct terminal *terminal, struct error *err)
{
        char program[PATH_MAX];
        CLEANUP_BUF struct buf in = {0};
        struct terminal none = {.input = -1, .theirs = -1, .guard = -1};
        int out[2], status, r = 1;
        sigset_t set;
        pid_t pid;

        if (terminal == NULL)
                terminal = &none;
        find_program(program);
        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        terminal_signals(terminal, &set);
        sigprocmask(SIG_BLOCK, &set, NULL);
        CLEANUP_CLOSE int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals < 0 || pipe2(out, O_CLOEXEC) < 0)
                return error_set(err, "engine", errno, "pipe");
        (void)fcntl(out[0], F_SETPIPE_SZ, 1 << 20);
        pid = start(spec_fd, out[1], terminal->theirs, program);
        (void)close(out[1]);
        if (terminal->theirs >= 0)
                (void)close(terminal->theirs);
        terminal->theirs = -1;
        CLEANUP_CLOSE int events = out[0];
        if (pid < 0)
                return error_set(err, "engine", errno, "fork");
        while (r > 0) {
                struct pollfd polls[3] = {{.fd = events, .events = POLLIN},
                                          {.fd = signals, .events = POLLIN},
                                          {.fd = terminal_source(terminal), .events = POLLIN}};

                if (poll(polls, 3, terminal->n_held > 0 ? 10 : 100) < 0 && errno != EINTR) {
                        r = error_set(err, "engine", errno, "poll");
                        break;
                }
                hear_signals(signals, pid, terminal);
                if (polls[2].revents != 0 || terminal->n_held > 0)
                        terminal_read(terminal);
                if (polls[0].revents != 0) {
                        r = read_stream(events, &in, err);
                        if (r > 0 && take_lines(&in, line, ctx) != 0)
                                r = error_set(err, "engine", EPROTO,
                                              "the event stream of tach-run is broken");
                }
                if (tick != NULL)
                        tick(ctx);
        }
        if (r < 0)
                (void)kill(pid, SIGTERM);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        if (r < 0)
                return r;
        return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int engine_run(const struct spec *spec, int (*line)(void *ctx, const char *text, size_t n),
               void (*tick)(void *ctx), void *ctx, struct terminal *terminal, struct error *err)
{
        CLEANUP_CLOSE int file = spec_file(spec, err);

        return file < 0 ? file : drive(file, line, tick, ctx, terminal, err);
}

int engine_features(int (*line)(void *ctx, const char *text, size_t n), void *ctx, struct error *err)
{
        return drive(-1, line, NULL, ctx, NULL, err);
}
