/* How it works: yajl writes the configuration and parses the packets. The interpreter's own output goes to a
 * memfd that is only read when it fails. */
#include "runtime/engine/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <yajl/yajl_gen.h>

#include "harness/run_message.h"
#include "runtime/base/json.h"
#include "runtime/engine/event.h"
#include "sandbox/fds.h"
#include "spec/base/cleanup.h"

#define PACKET_MAX   (256 * 1024)
#define LOG_TAIL     (16 * 1024)
#define MAX_WORDS    (1 << 20)
#define SOCKET_BYTES (1 << 20)

/* What need not be collected, as a file in memory: it may be longer than a packet. -1 where there is nothing.
 */
static int selection_file(const struct spec_select *select)
{
        CLEANUP_BUF struct buf text = {0};

        if (!select->given)
                return -1;
        if (spec_write_select(select, &text) < 0)
                return -ENOMEM;
        CLEANUP_CLOSE int fd = memfd_create("tach-select", MFD_CLOEXEC);
        if (fd < 0 || pwrite(fd, text.data, text.len, 0) != (ssize_t)text.len)
                return -EIO;
        return TAKE_FD(fd);
}

static int configuration(const struct plan *p, int select_fd, struct buf *out)
{
        const struct spec *s = p->spec;
        struct event ev = {.gen = yajl_gen_alloc(NULL)};
        const unsigned char *text;
        size_t n;
        int r = -ENOMEM;

        if (ev.gen == NULL)
                return r;
        event_open(&ev, NULL, '{');
        event_text(&ev, "cwd", p->cwd);
        event_open(&ev, "args", '[');
        for (size_t i = 0; i < s->tach.pytest_args.n; i++)
                event_text(&ev, NULL, s->tach.pytest_args.v[i]);
        for (size_t i = 0; i < s->tach.tests.n; i++)
                event_text(&ev, NULL, s->tach.tests.v[i]);
        event_close(&ev, ']');
        event_texts(&ev, "pythonPath", s->tach.python_path.v, s->tach.python_path.n);
        event_texts(&ev, "shared", s->tach.shared.v, s->tach.shared.n);
        event_texts(&ev, "spawn", s->tach.spawn.v, s->tach.spawn.n);
        event_int(&ev, "seed", p->seed);
        event_bool(&ev, "seedIsChosen", s->tach.seed != 0);
        event_text(&ev, "django", s->tach.django_settings);
        event_bool(&ev, "isolated", p->isolated);
        event_bool(&ev, "passes", p->passes);
        event_bool(&ev, "rollsBack", p->rolls_back);
        event_bool(&ev, "verifyRollback", s->tach.verify_rollback);
        event_int(&ev, "workers", p->workers);
        event_seconds(&ev, "timeout", s->tach.timeout);
        event_int(&ev, "seccompFd", p->filters.worker_fd);
        event_int(&ev, "selectFd", select_fd);
        event_open(&ev, "rlimits", '[');
        for (int i = 0; i < p->n_limits; i++) {
                event_open(&ev, NULL, '[');
                event_int(&ev, NULL, p->limits[i].resource);
                event_int(&ev, NULL, (int64_t)p->limits[i].soft);
                event_int(&ev, NULL, (int64_t)p->limits[i].hard);
                event_close(&ev, ']');
        }
        event_close(&ev, ']');
        event_close(&ev, '}');
        if (yajl_gen_get_buf(ev.gen, &text, &n) == yajl_gen_status_ok)
                r = buf_add(out, text, n);
        yajl_gen_free(ev.gen);
        return r;
}

static int start_process(struct zygote *z, const struct plan *plan, int theirs, int select_fd,
                         struct error *err)
{
        char control[40];
        char *argv[] = {plan->python, plan->harness, NULL};
        size_t n = 0;
        CLEANUP_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        CLEANUP_FREE char **env = NULL;
        int pass[3] = {theirs};
        struct launch l = {.argv = argv,
                           .cwd = plan->cwd,
                           .stdin_fd = null,
                           .stdout_fd = z->log,
                           .stderr_fd = z->log,
                           .pass = pass,
                           .n_pass = 1,
                           .cgroup_fd = -1,
                           .seccomp_fd = plan->filters.zygote_fd,
                           .seccomp_plain_fd = plan->filters.zygote_plain_fd,
                           .bare = !plan->isolated};

        if (null < 0)
                return error_set(err, "zygote", errno, "open /dev/null");
        if (plan->filters.worker_fd >= 0)
                pass[l.n_pass++] = plan->filters.worker_fd;
        if (select_fd >= 0)
                pass[l.n_pass++] = select_fd;
        while (plan->env[n] != NULL)
                n++;
        env = calloc(n + 2, sizeof *env);
        if (env == NULL)
                return error_set(err, "zygote", ENOMEM, "environment");
        memcpy(env, plan->env, n * sizeof *env);
        (void)snprintf(control, sizeof control, "TACH_CONTROL_FD=%d", theirs);
        env[n] = control;
        l.envp = env;
        if (plan->isolated)
                return keeper_start(&z->keeper, &plan->cell, &l, err);
        z->pid = launch_bare(&l, err);
        return z->pid < 0 ? (int)z->pid : 0;
}

int zygote_start(struct zygote *z, const struct plan *plan, struct error *err)
{
        const int bytes = SOCKET_BYTES;
        struct buf packet = {0};
        int sockets[2], r;

        *z = (struct zygote){.control = -1, .log = -1, .pid = -1, .keeper = {-1, -1, -1}};
        z->log = memfd_create("tach-zygote-log", MFD_CLOEXEC);
        if (z->log < 0)
                return error_set(err, "zygote", errno, "memfd_create");
        (void)fcntl(z->log, F_SETFL, O_APPEND);
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set(err, "zygote", errno, "socketpair");
        z->control = sockets[0];
        for (int i = 0; i < 2; i++)
                if (setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
                        (void)setsockopt(sockets[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
        (void)fcntl(z->control, F_SETFL, O_NONBLOCK);
        CLEANUP_CLOSE int select_fd = selection_file(&plan->spec->tach.select);
        if (select_fd < -1) {
                (void)close(sockets[1]);
                return error_set(err, "zygote", -select_fd, "the selection of tests");
        }
        r = configuration(plan, select_fd, &packet) < 0 ? error_set(err, "zygote", ENOMEM, "configuration")
                                                        : 0;
        if (r == 0 && send(z->control, packet.data, packet.len, MSG_NOSIGNAL) < 0) {
                r = error_set(err, "zygote", errno, "send %zu bytes of configuration", packet.len);
                error_hint(err,
                           "tach.tests and tach.pytestArgs are too long: name folders, not single tests");
        }
        buf_finish(&packet);
        if (r == 0)
                r = start_process(z, plan, sockets[1], select_fd, err);
        (void)close(sockets[1]);
        return r;
}

int zygote_receive(int control, yajl_val *ret, int *ret_fd)
{
        static char packet[PACKET_MAX + 1];
        int fds[FDS_MAX_SENT];
        size_t n_fds;
        ssize_t n = fds_receive(control, packet, PACKET_MAX, fds, &n_fds);

        *ret_fd = n_fds > 0 ? fds[0] : -1;
        for (size_t i = 1; i < n_fds; i++)
                (void)close(fds[i]);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        *ret = NULL;
        if (n == 0 || (n < 0 && n != -EMSGSIZE))
                return -EPIPE;
        if (n > 0) {
                packet[n] = '\0';
                *ret = json_parse(packet, (size_t)n);
        }
        if (*ret == NULL || json_text(*ret, "t") == NULL) {
                if (*ret != NULL)
                        yajl_tree_free(*ret);
                if (*ret_fd >= 0)
                        (void)close(*ret_fd);
                *ret_fd = -1;
                return -EPROTO;
        }
        return (int)n;
}

int zygote_ask(int socket, const struct run_head *head, const uint32_t *items, const int *fds, size_t n_fds,
               int patience_ms, struct error *err)
{
        union {
                char buf[CMSG_SPACE(RUN_MAX_FDS * sizeof(int))];
                struct cmsghdr align;
        } control = {0};
        struct iovec iov[2] = {
            {.iov_base = (void *)(uintptr_t)head, .iov_len = sizeof *head},
            {.iov_base = (void *)(uintptr_t)items, .iov_len = head->n_items * sizeof *items},
        };
        struct msghdr msg = {.msg_iov = iov, .msg_iovlen = head->n_items > 0 ? 2 : 1};

        if (n_fds > 0) {
                msg.msg_control = control.buf;
                msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
        }
        for (;;) {
                struct pollfd p = {.fd = socket, .events = POLLOUT};
                ssize_t n = sendmsg(socket, &msg, MSG_NOSIGNAL);

                if (n >= 0)
                        return 0;
                if (errno != EAGAIN && errno != EINTR)
                        return error_set(err, "zygote", errno, "ask for a worker");
                if (poll(&p, 1, patience_ms) == 0)
                        return error_set(err, "zygote", ETIMEDOUT, "the zygote does not answer");
        }
}

int zygote_quit(struct zygote *z, int journal_fd)
{
        const struct run_head head = {.op = RUN_QUIT};
        struct stat st;

        z->printed = fstat(z->log, &st) == 0 ? st.st_size : 0;
        return fds_send(z->control, &head, sizeof head, &journal_fd, journal_fd >= 0);
}

int zygote_log(const struct zygote *z, struct buf *text)
{
        char tail[LOG_TAIL];
        struct stat st;
        ssize_t n;

        if (z->log < 0 || fstat(z->log, &st) < 0)
                return -EBADF;
        n = pread(z->log, tail, sizeof tail, st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0);
        return n < 0 ? -errno : utf8_mend(text, tail, (size_t)n);
}

int zygote_last_words(const struct zygote *z, struct buf *text)
{
        struct stat st;
        CLEANUP_FREE char *words = NULL;
        ssize_t n;

        if (z->log < 0 || fstat(z->log, &st) < 0)
                return -EBADF;
        n = st.st_size - z->printed < MAX_WORDS ? st.st_size - z->printed : MAX_WORDS;
        words = n > 0 ? malloc((size_t)n) : NULL;
        if (words == NULL)
                return n > 0 ? -ENOMEM : 0;
        n = pread(z->log, words, (size_t)n, z->printed);
        return n < 0 ? -errno : utf8_mend(text, words, (size_t)n);
}

ssize_t zygote_words(const struct zygote *z, off_t at, char *buf, size_t n)
{
        ssize_t got = z->log >= 0 ? pread(z->log, buf, n, at) : -1;
        const char *end = got == (ssize_t)n ? memrchr(buf, '\n', n) : NULL;

        if (got < 0)
                return z->log >= 0 ? -errno : -EBADF;
        return end != NULL ? end - buf + 1 : got;
}

void zygote_stop(struct zygote *z)
{
        keeper_stop(&z->keeper);
        if (z->pid > 0) {
                (void)kill(z->pid, SIGKILL);
                while (waitpid(z->pid, NULL, 0) < 0 && errno == EINTR)
                        continue;
        }
        if (z->control >= 0)
                (void)close(z->control);
        if (z->log >= 0)
                (void)close(z->log);
        *z = (struct zygote){.control = -1, .log = -1, .pid = -1, .keeper = {-1, -1, -1}};
}
