/* How it works: see terminal.h. Output processing (OPOST) stays on for what tach itself prints; it is
 * switched off around what tests print, which their own terminal has processed. */
#include "runtime/front/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

static bool is_same_file(int a, int b)
{
        struct stat x, y;

        return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

void terminal_choose(struct spec *spec, const struct args *args, bool is_json)
{
        struct winsize size = {0};

        if (!args->passes)
                return;
        spec->tach.workers = 1;
        spec->process.terminal = !is_json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
        if (spec->process.terminal || (!is_json && is_same_file(STDOUT_FILENO, STDERR_FILENO)))
                spec->tach.output = SPEC_OUTPUT_JOINED;
        else
                spec->tach.output = SPEC_OUTPUT_STREAMS;
        if (spec->process.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) {
                spec->process.rows = size.ws_row;
                spec->process.columns = size.ws_col;
        }
}

/* Waits for the end of tach: if it says nothing, the terminal is put back. */
static void watch_over(int news, const struct termios *before)
{
        static const int ignored[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGTTOU, SIGPIPE};
        char said;

        for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
                (void)signal(ignored[i], SIG_IGN);
        (void)setpgid(0, 0);
        if (dup2(news, 3) < 0 || close_range(4, ~0u, 0) < 0)
                _exit(1);
        (void)close(STDOUT_FILENO);
        (void)close(STDERR_FILENO);
        while (read(3, &said, 1) < 0 && errno == EINTR)
                continue;
        if (said != '.')
                (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, before);
        _exit(0);
}

static int start_guard(struct terminal *t, struct error *err)
{
        int news[2];

        if (pipe2(news, O_CLOEXEC) < 0)
                return error_set(err, "terminal", errno, "pipe");
        t->guard_pid = fork();
        if (t->guard_pid == 0) {
                (void)close(news[1]);
                watch_over(news[0], &t->before);
        }
        (void)close(news[0]);
        t->guard = news[1];
        return t->guard_pid < 0 ? error_set(err, "terminal", errno, "fork") : 0;
}

int terminal_begin(struct terminal *t, const struct spec *spec, const struct args *args, struct error *err)
{
        int ends[2];

        *t = (struct terminal){.input = -1, .theirs = -1, .guard = -1, .guard_pid = -1};
        if (!spec_passes_output(spec))
                return 0;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
                return error_set(err, "terminal", errno, "socketpair");
        t->input = ends[0];
        t->theirs = ends[1];
        t->is_terminal = spec->process.terminal;
        t->is_wanted = !t->is_terminal;
        t->debugs = args->debugs;
        if (!t->is_terminal)
                return 0;
        if (tcgetattr(STDIN_FILENO, &t->before) < 0)
                return error_set(err, "terminal", errno, "read the terminal's settings");
        return start_guard(t, err);
}

static bool is_in_foreground(void)
{
        const pid_t group = isatty(STDIN_FILENO) ? tcgetpgrp(STDIN_FILENO) : -1;

        return group < 0 || group == getpgrp();
}

static void make_raw(struct terminal *t)
{
        struct termios raw = t->before;

        if (!t->is_terminal || !t->is_wanted || t->is_raw || !is_in_foreground())
                return;
        raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | IGNCR | INLCR | ISTRIP | IXON | PARMRK);
        raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        t->is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

/* What nobody has read, the terminal's own answers to a test's questions too, is not for the shell. */
static void put_back(struct terminal *t)
{
        if (t->is_raw)
                (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &t->before);
        t->is_raw = false;
}

void terminal_signals(const struct terminal *t, sigset_t *set)
{
        static const int also[] = {SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};

        for (size_t i = 0; t->is_terminal && i < sizeof also / sizeof *also; i++)
                (void)sigaddset(set, also[i]);
}

static void stop_as_a_job(struct terminal *t)
{
        put_back(t);
        (void)kill(getpid(), SIGSTOP);
        make_raw(t);
}

static void tell_size(const struct terminal *t)
{
        char packet[1 + sizeof(struct input_size)] = {INPUT_SIZE};
        struct winsize size;

        if (t->input < 0 || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
                return;
        memcpy(packet + 1, &(struct input_size){size.ws_row, size.ws_col}, sizeof(struct input_size));
        (void)send(t->input, packet, sizeof packet, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Sends what is held, as soon as there is room for it. */
static void flush_held(struct terminal *t)
{
        if (t->n_held == 0 || t->input < 0)
                return;
        if (send(t->input, t->held, t->n_held, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
                t->n_held = 0;
        else if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS)
                t->n_held = 0; /* tach-run is gone */
}

static bool interrupt_test(struct terminal *t)
{
        if (!t->is_raw || t->n_held > 0 || (!t->has_debugger && (!t->debugs || t->is_interrupted)))
                return false;
        t->is_interrupted = true;
        t->held[0] = INPUT_BYTES;
        t->held[1] = '\3';
        t->n_held = 2;
        flush_held(t);
        return true;
}

bool terminal_signal(struct terminal *t, struct signalfd_siginfo *si)
{
        if (!t->is_terminal)
                return false;
        switch (si->ssi_signo) {
        case SIGINT:
                return interrupt_test(t);
        case SIGQUIT:
                si->ssi_signo = SIGTERM;
                return false;
        case SIGTSTP:
                stop_as_a_job(t);
                return true;
        case SIGCONT:
                make_raw(t);
                return true;
        case SIGWINCH:
                tell_size(t);
                return true;
        default:
                return false;
        }
}

int terminal_source(const struct terminal *t)
{
        return t->input >= 0 && t->is_wanted && t->n_held == 0 && is_in_foreground() ? STDIN_FILENO : -1;
}

void terminal_read(struct terminal *t)
{
        ssize_t n;

        flush_held(t);
        if (t->n_held > 0 || t->input < 0)
                return;
        n = read(STDIN_FILENO, t->held + 1, sizeof t->held - 1);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                (void)close(t->input); /* its end is the input's */
                t->input = -1;
                return;
        }
        t->held[0] = INPUT_BYTES;
        t->n_held = (size_t)n + 1;
        flush_held(t);
}

static bool is_event(const char *line, const char *name)
{
        static const char head[] = "{\"event\":\"";
        const size_t n = strlen(name);

        return strncmp(line, head, sizeof head - 1) == 0 && strncmp(line + sizeof head - 1, name, n) == 0 &&
               line[sizeof head - 1 + n] == '"';
}

void terminal_event(struct terminal *t, const char *line)
{
        if (!t->is_terminal)
                return;
        if (is_event(line, "collected")) {
                t->is_wanted = true;
                make_raw(t);
        } else if (is_event(line, "debugger")) {
                t->has_debugger = true;
                t->is_interrupted = false;
        } else if (is_event(line, "test")) {
                t->has_debugger = t->is_interrupted = false;
        } else if (is_event(line, "finish")) {
                t->is_wanted = false;
                put_back(t);
        }
}

static void process_output(const struct terminal *t, bool is_on)
{
        struct termios now;

        if (!t->is_raw || tcgetattr(STDIN_FILENO, &now) < 0)
                return;
        now.c_oflag = is_on ? t->before.c_oflag : t->before.c_oflag & ~(tcflag_t)OPOST;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &now);
}

int terminal_write(struct terminal *t, int fd, const char *bytes, size_t n)
{
        int r = 0;

        process_output(t, false);
        while (r == 0 && n > 0) {
                const ssize_t w = write(fd, bytes, n);

                if (w >= 0) {
                        bytes += w;
                        n -= (size_t)w;
                } else if (errno != EINTR && errno != EAGAIN) {
                        r = -errno;
                }
        }
        process_output(t, true);
        return r;
}

void terminal_end(struct terminal *t)
{
        put_back(t);
        if (t->guard >= 0 && write(t->guard, ".", 1) == 1) {
                (void)close(t->guard);
                while (waitpid(t->guard_pid, NULL, 0) < 0 && errno == EINTR)
                        continue;
        }
        if (t->input >= 0)
                (void)close(t->input);
        if (t->theirs >= 0)
                (void)close(t->theirs);
        t->input = t->theirs = t->guard = -1;
        t->is_terminal = false;
}
