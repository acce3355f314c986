/* How it works: one row a kind of state. Most of the rows that are only compared are lines of
 * /proc/self/status. Nothing allocates. */
#include "sandbox/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

#define THREAD_TRIES 20 /* 2 ms */

/* Lines of /proc/self/status that change by themselves, or that are put back. */
static const char *const volatile_lines[] = {
    "Name:",   "Umask:",   "State:",   "VmPeak:",      "VmSize:",        "VmHWM:",
    "VmRSS:",  "RssAnon:", "RssFile:", "RssShmem:",    "VmData:",        "VmStk:",
    "VmExe:",  "VmLib:",   "VmPTE:",   "VmSwap:",      "SigQ:",          "SigBlk:",
    "SigIgn:", "SigCgt:",  "FDSize:",  "Cpus_allowed", "voluntary_ctxt", "nonvoluntary_ctxt",
};

/* Answers that come as a result, or in the place that the second argument points to. */
static const struct {
        int option;
        bool is_pointer;
} prctl_rows[] = {
    {PR_GET_DUMPABLE, false},
    {PR_GET_KEEPCAPS, false},
    {PR_GET_TIMERSLACK, false},
    {PR_GET_SECUREBITS, false},
    {PR_GET_THP_DISABLE, false},
    {PR_GET_CHILD_SUBREAPER, true},
    {PR_GET_PDEATHSIG, true},
    {PR_MCE_KILL_GET, false},
    {66 /* PR_GET_MDWE */, false},
    {PR_GET_TSC, true},
    {68 /* PR_GET_MEMORY_MERGE */, false},
    {PR_GET_TID_ADDRESS, true},
};
_Static_assert(sizeof prctl_rows / sizeof *prctl_rows <= STATE_PRCTLS, "room for every row");

/* What a process sets by writing to a file of its own; not every kernel has each. */
static const char *const written_files[] = {"/proc/self/oom_score_adj", "/proc/self/coredump_filter",
                                            "/proc/self/autogroup", "/proc/self/loginuid"};

static ssize_t read_file(const char *path, char *text, size_t size)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t len = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        while (len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
                len += (size_t)n;
        text[len] = '\0';
        return (ssize_t)len;
}

static uint64_t hex_after(const char *line, const char *name)
{
        uint64_t v = 0;

        for (line += strlen(name); *line == ' ' || *line == '\t'; line++)
                continue;
        for (;; line++) {
                if (*line >= '0' && *line <= '9')
                        v = v << 4 | (uint64_t)(*line - '0');
                else if (*line >= 'a' && *line <= 'f')
                        v = v << 4 | (uint64_t)(*line - 'a' + 10);
                else
                        return v;
        }
}

static bool is_volatile(const char *line)
{
        for (size_t i = 0; i < sizeof volatile_lines / sizeof *volatile_lines; i++)
                if (strncmp(line, volatile_lines[i], strlen(volatile_lines[i])) == 0)
                        return true;
        return false;
}

static bool is_line(const char *line, const char *name)
{
        return strncmp(line, name, strlen(name)) == 0;
}

/* The lines that have to stay as they are, in OUT. */
static int read_status(struct state *s, char *out, uint64_t *ignored, uint64_t *caught)
{
        const ssize_t n = read_file("/proc/self/status", s->raw, sizeof s->raw);
        size_t used = 0;

        if (n < 0)
                return (int)n;
        for (const char *line = s->raw, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
                if (is_line(line, "SigIgn:"))
                        *ignored = hex_after(line, "SigIgn:");
                else if (is_line(line, "SigCgt:"))
                        *caught = hex_after(line, "SigCgt:");
                if (is_volatile(line))
                        continue;
                memcpy(out + used, line, (size_t)(end + 1 - line));
                used += (size_t)(end + 1 - line);
        }
        out[used] = '\0';
        return 0;
}

/* The name of the first line that is not the same. */
static const char *status_differs(const struct state *s)
{
        static const struct {
                const char *name, *what;
        } rows[] = {
            {"Threads:", "thread left running"},
            {"SigPnd:", "signal left pending"},
            {"ShdPnd:", "signal left pending"},
            {"VmLck:", "memory left locked"},
            {"Seccomp", "system call filter added"},
            {"NSsid:", "session changed"},
            {"NSpgid:", "process group changed"},
            {"Cap", "capabilities changed"},
            {"TracerPid:", "process traced"},
            {"Mems_allowed", "memory nodes changed"},
            {"THP_enabled", "process attribute (prctl) changed"},
        };
        const char *a = s->status, *b = s->now;

        while (*a != '\0' && *a == *b)
                a++, b++;
        if (*a == *b)
                return NULL;
        while (a > s->status && a[-1] != '\n')
                a--;
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (is_line(a, rows[i].name))
                        return rows[i].what;
        return "/proc/self/status changed";
}

static bool is_own(const struct state *s, int fd)
{
        for (size_t i = 0; i < sizeof s->own / sizeof *s->own; i++)
                if (s->own[i] == fd)
                        return true;
        return false;
}

/* A graphics card, say: not null, zero and their like (1), nor a terminal (4, 5, 136 and on). */
static bool is_device(const struct stat *st)
{
        const unsigned n = major(st->st_rdev);

        return S_ISBLK(st->st_mode) ||
               (S_ISCHR(st->st_mode) && n != 1 && n != 4 && n != 5 && (n < 136 || n > 143));
}

/* What cannot be followed once others may use it: sockets, epoll sets, event counters and the like. */
static int take_fd(const struct state *s, struct state_fd *f)
{
        if (fstat(f->fd, &f->st) < 0)
                return -errno;
        f->flags = fcntl(f->fd, F_GETFL);
        f->fd_flags = fcntl(f->fd, F_GETFD);
        f->offset = S_ISREG(f->st.st_mode) || S_ISDIR(f->st.st_mode) ? lseek(f->fd, 0, SEEK_CUR) : -1;
        f->queued = 0;
        if (is_own(s, f->fd))
                return 0;
        if (S_ISFIFO(f->st.st_mode) && (f->flags & O_ACCMODE) == O_RDONLY)
                (void)ioctl(f->fd, FIONREAD, &f->queued);
        return S_ISSOCK(f->st.st_mode) || (f->st.st_mode & S_IFMT) == 0 || is_device(&f->st) ? -ENOTSUP : 0;
}

/* Calls BODY for each open descriptor, ascending or not; stops where that returns < 0. */
static int each_fd(struct state *s, int (*body)(struct state *s, int fd))
{
        CLEANUP_CLOSE int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        char bytes[2048];
        ssize_t n;

        if (dir < 0)
                return -errno;
        while ((n = getdents64(dir, bytes, sizeof bytes)) > 0)
                for (ssize_t at = 0; at < n;) {
                        const struct dirent64 *e = (const void *)(bytes + at);
                        int fd = 0, r;

                        at += e->d_reclen;
                        if (e->d_name[0] == '.')
                                continue;
                        for (const char *c = e->d_name; *c >= '0' && *c <= '9'; c++)
                                fd = fd * 10 + (*c - '0');
                        r = fd == dir ? 0 : body(s, fd);
                        if (r < 0)
                                return r;
                }
        return n < 0 ? -errno : 0;
}

static int add_fd(struct state *s, int fd)
{
        if (s->n_fds == STATE_MAX_FDS)
                return -EMFILE;
        s->fds[s->n_fds].fd = fd;
        return take_fd(s, &s->fds[s->n_fds++]);
}

static int note_extra(struct state *s, int fd)
{
        for (size_t i = 0; i < s->n_fds; i++)
                if (s->fds[i].fd == fd)
                        return 0;
        if (s->n_extra == STATE_MAX_FDS)
                return -EMFILE;
        s->extra[s->n_extra++] = fd;
        return 0;
}

static long ask_prctl(size_t row)
{
        long v = 0;
        const long r = prctl_rows[row].is_pointer ? prctl(prctl_rows[row].option, &v, 0, 0, 0)
                                                  : prctl(prctl_rows[row].option, 0, 0, 0, 0);

        return r < 0 ? -1 : prctl_rows[row].is_pointer ? v : r;
}

static long ask_scheduling(unsigned char *to)
{
        memset(to, 0, 128);
        return syscall(SYS_sched_getattr, 0, to, 128, 0);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_mode == b->st_mode;
}

/* All of them, one after another. */
static void read_written(char *text, size_t size)
{
        size_t len = 0;

        text[0] = '\0';
        for (size_t i = 0; i < sizeof written_files / sizeof *written_files; i++) {
                ssize_t n = len + 2 < size ? read_file(written_files[i], text + len, size - len) : 0;

                len += n > 0 ? (size_t)n : 0;
        }
        text[len] = '\0';
}

static bool has_timers(void)
{
        struct itimerval v;
        char text[64];

        for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
                if (getitimer((__itimer_which_t)which, &v) == 0 &&
                    (v.it_value.tv_sec != 0 || v.it_value.tv_usec != 0))
                        return true;
        return read_file("/proc/self/timers", text, sizeof text) != 0;
}

int state_take(struct state *s, const char **ret_why)
{
        siginfo_t info;
        int r;

        *ret_why = "read /proc/self/status";
        r = read_status(s, s->status, &s->ignored, &s->caught);
        if (r < 0)
                return r;
        *ret_why = "there is a thread beside";
        if (strstr(s->status, "\nThreads:\t1\n") == NULL)
                return -ENOTSUP;
        *ret_why = "a child process runs";
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) >= 0 || errno != ECHILD)
                return -ENOTSUP;
        *ret_why = "a timer runs";
        if (has_timers())
                return -ENOTSUP;
        *ret_why = "a socket, a device, or something like an epoll set, is open";
        s->n_fds = 0;
        r = each_fd(s, add_fd);
        if (r < 0)
                return r;
        *ret_why = "look at the process";
        if (getcwd(s->cwd, sizeof s->cwd) == NULL || stat(".", &s->folder) < 0 || fstat(1, &s->output) < 0 ||
            fstat(2, &s->error) < 0 || sigaltstack(NULL, &s->altstack) < 0 ||
            prctl(PR_GET_NAME, s->name) < 0 || sched_getaffinity(0, sizeof s->cpus, &s->cpus) < 0 ||
            ask_scheduling(s->scheduling) < 0 ||
            syscall(SYS_get_robust_list, 0, &s->robust_list, &s->robust_size) < 0 ||
            getrusage(RUSAGE_SELF, &s->used) < 0)
                return -errno;
        s->mask = umask(0);
        (void)umask(s->mask);
        for (int i = 0; i < RLIM_NLIMITS; i++)
                if (getrlimit((__rlimit_resource_t)i, &s->limits[i]) < 0)
                        return -errno;
        *ret_why = "RLIMIT_CPU counts all that it runs";
        if (s->limits[RLIMIT_CPU].rlim_cur != RLIM_INFINITY)
                return -ENOTSUP;
        *ret_why = "RLIMIT_AS leaves no room for a copy";
        if (s->limits[RLIMIT_AS].rlim_cur != RLIM_INFINITY)
                return -ENOTSUP;
        for (size_t i = 0; i < sizeof prctl_rows / sizeof *prctl_rows; i++)
                s->prctls[i] = ask_prctl(i);
        read_written(s->written, sizeof s->written);
        s->personality = syscall(SYS_personality, 0xffffffffUL);
        s->io_priority = syscall(SYS_ioprio_get, 1, 0);
        for (int sig = 1; sig <= STATE_SIGNALS; sig++)
                (void)syscall(SYS_rt_sigaction, sig, NULL, &s->actions[sig - 1], (size_t)8);
        return 0;
}

static const char *check_children(void)
{
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
                continue;
        return pid == 0 ? "child process left running" : NULL;
}

static const char *check_fds(struct state *s)
{
        s->n_extra = 0;
        if (each_fd(s, note_extra) < 0)
                return "its descriptors";
        for (size_t i = 0; i < s->n_fds; i++) {
                const struct state_fd *f = &s->fds[i];
                struct stat st;
                int queued = 0;

                if (fstat(f->fd, &st) < 0)
                        return "descriptor closed";
                if (!same_file(&st, &f->st))
                        return "descriptor replaced";
                if (is_own(s, f->fd))
                        continue;
                if ((fcntl(f->fd, F_GETFL) & O_ACCMODE) != (f->flags & O_ACCMODE))
                        return "descriptor replaced";
                if (S_ISFIFO(st.st_mode) && (f->flags & O_ACCMODE) == O_RDONLY &&
                    (ioctl(f->fd, FIONREAD, &queued) < 0 || queued != f->queued))
                        return "pipe used";
        }
        return NULL;
}

static const char *check_limits(const struct state *s)
{
        for (int i = 0; i < RLIM_NLIMITS; i++) {
                struct rlimit l;

                if (getrlimit((__rlimit_resource_t)i, &l) < 0 || l.rlim_max != s->limits[i].rlim_max)
                        return "resource limit lowered";
        }
        return NULL;
}

/* What is only compared. */
static const char *check_rest(struct state *s)
{
        unsigned char scheduling[sizeof s->scheduling];
        void *robust_list;
        size_t robust_size;
        char written[sizeof s->written];

        if (ask_scheduling(scheduling) < 0 || memcmp(scheduling, s->scheduling, sizeof scheduling) != 0)
                return "scheduling or niceness changed";
        for (size_t i = 0; i < sizeof prctl_rows / sizeof *prctl_rows; i++)
                if (ask_prctl(i) != s->prctls[i])
                        return "process attribute (prctl) changed";
        if (syscall(SYS_personality, 0xffffffffUL) != s->personality)
                return "personality changed";
        if (syscall(SYS_ioprio_get, 1, 0) != s->io_priority)
                return "I/O priority changed";
        if (syscall(SYS_get_robust_list, 0, &robust_list, &robust_size) < 0 || robust_list != s->robust_list)
                return "list of robust locks changed";
        read_written(written, sizeof written);
        if (strcmp(written, s->written) != 0)
                return "file of the process in /proc changed";
        return NULL;
}

static bool are_threads_left(const struct state *s)
{
        return strstr(s->now, "\nThreads:\t1\n") == NULL;
}

/* A thread that was joined is on its way out for a moment still. */
static const char *check_status(struct state *s)
{
        for (int tries = 0; tries < THREAD_TRIES; tries++) {
                if (tries > 0)
                        (void)usleep(100);
                if (read_status(s, s->now, &s->ignored_now, &s->caught_now) < 0)
                        return "/proc/self/status";
                if (!are_threads_left(s))
                        break;
        }
        return status_differs(s);
}

const char *state_check(struct state *s)
{
        const char *why = check_children();

        if (why == NULL)
                why = check_status(s);
        if (why == NULL && has_timers())
                why = "timer left running";
        if (why == NULL)
                why = check_fds(s);
        if (why == NULL)
                why = check_limits(s);
        return why != NULL ? why : check_rest(s);
}

static int fds_back(const struct state *s)
{
        for (size_t i = 0; i < s->n_extra; i++)
                (void)close(s->extra[i]);
        for (size_t i = 0; i < s->n_fds; i++) {
                const struct state_fd *f = &s->fds[i];
                struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};

                if (is_own(s, f->fd))
                        continue;
                if (fcntl(f->fd, F_GETFL) != f->flags && fcntl(f->fd, F_SETFL, f->flags) < 0)
                        return -errno;
                if (fcntl(f->fd, F_GETFD) != f->fd_flags && fcntl(f->fd, F_SETFD, f->fd_flags) < 0)
                        return -errno;
                if (!S_ISREG(f->st.st_mode) && !S_ISDIR(f->st.st_mode))
                        continue;
                if ((same_file(&f->st, &s->output) || same_file(&f->st, &s->error)) &&
                    S_ISREG(f->st.st_mode) && ftruncate(f->fd, f->st.st_size) < 0)
                        return -errno;
                if (lseek(f->fd, f->offset, SEEK_SET) != f->offset)
                        return -errno;
                (void)fcntl(f->fd, F_SETLK, &lock); /* no lock was held: a clone has none */
        }
        return 0;
}

static int folder_back(const struct state *s)
{
        struct stat st;

        if (stat(".", &st) == 0 && same_file(&st, &s->folder))
                return 0;
        return chdir(s->cwd) < 0 || stat(".", &st) < 0 || !same_file(&st, &s->folder) ? -ENOENT : 0;
}

static void signals_back(const struct state *s)
{
        const uint64_t set = s->ignored | s->caught | s->ignored_now | s->caught_now;

        for (int sig = 1; sig <= STATE_SIGNALS; sig++)
                if ((set >> (sig - 1) & 1) != 0)
                        (void)syscall(SYS_rt_sigaction, sig, &s->actions[sig - 1], NULL, (size_t)8);
        (void)sigaltstack(&s->altstack, NULL);
}

static int limits_back(const struct state *s)
{
        for (int i = 0; i < RLIM_NLIMITS; i++) {
                struct rlimit l;

                if (getrlimit((__rlimit_resource_t)i, &l) < 0 ||
                    (l.rlim_cur != s->limits[i].rlim_cur &&
                     setrlimit((__rlimit_resource_t)i, &s->limits[i]) < 0))
                        return -errno;
        }
        return 0;
}

/* The most memory that it had at a time is that of one test. */
static void peak_back(const struct state *s)
{
        struct rusage now;
        int fd;

        if (getrusage(RUSAGE_SELF, &now) < 0 || now.ru_maxrss <= s->used.ru_maxrss + 1024)
                return;
        fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
                if (write(fd, "5", 1) != 1) /* then it is too high */
                        errno = 0;
                (void)close(fd);
        }
}

int state_back(struct state *s)
{
        cpu_set_t cpus;
        int r = fds_back(s);

        if (r == 0)
                r = folder_back(s);
        if (r == 0)
                r = limits_back(s);
        if (r < 0)
                return r;
        signals_back(s);
        (void)umask(s->mask);
        (void)prctl(PR_SET_NAME, s->name);
        if (sched_getaffinity(0, sizeof cpus, &cpus) < 0 ||
            (memcmp(&cpus, &s->cpus, sizeof cpus) != 0 && sched_setaffinity(0, sizeof s->cpus, &s->cpus) < 0))
                return -errno;
        peak_back(s);
        return 0;
}
