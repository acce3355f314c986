/* _tach: the C part of the zygote and of snapshots. serve() clones a worker or a snapshot for each RUN
 * message that the engine sends and returns in it; in its caller it returns when the engine asks for
 * something else.
 *
 * A RUN packet is struct run_head and n_items uint32 indices, with 3 to 10 descriptors attached: result,
 * out, err, a snapshot's control socket, the console's four, then the cell's pidfd (flag 1), then the cgroup
 * leaf (flag 2). What is answered is JSON (see runtime/engine/zygote.h). Limited API: one build serves every
 * CPython from 3.10.
 */
#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030a0000
#include <Python.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "harness/run_message.h"
#include "sandbox/enter.h"
#include "sandbox/fds.h"
#include "sandbox/image.h"
#include "sandbox/rollback.h"
#include "sandbox/seccomp.h"

#define MAX_WORKERS 1024
#define MAX_KEPT    1024 /* descriptors that workers inherit */
#define MAX_SENT    RUN_MAX_FDS

struct worker {
        uint32_t slot;
        pid_t pid;
        int pidfd;
};

static struct worker workers[MAX_WORKERS];
static size_t n_workers;
static int kept[MAX_KEPT];
static size_t n_kept;
static struct enter_plan plan;
static int is_below; /* this is a snapshot in a cell: it has no capability, its workers' cells are inside */

static void send_text(int control, const char *text, int attach)
{
        (void)fds_send(control, text, strlen(text), &attach, attach >= 0);
}

static PyObject *keep_fds(PyObject *self, PyObject *list)
{
        Py_ssize_t n = PyList_Size(list);

        (void)self;
        if (n < 0)
                return NULL;
        if ((size_t)n > MAX_KEPT) {
                PyErr_SetString(PyExc_ValueError, "too many descriptors to keep");
                return NULL;
        }
        n_kept = 0;
        for (Py_ssize_t i = 0; i < n; i++) {
                long fd = PyLong_AsLong(PyList_GetItem(list, i));

                if (fd < 0 && PyErr_Occurred() != NULL)
                        return NULL;
                kept[n_kept++] = (int)fd;
        }
        Py_RETURN_NONE;
}

/* Reads the seccomp filter and the limits that the engine left in the environment's descriptors. */
static PyObject *configure(PyObject *self, PyObject *args)
{
        int bpf_fd;
        const char *cwd;
        PyObject *limits;
        struct stat st;

        (void)self;
        if (!PyArg_ParseTuple(args, "isO!", &bpf_fd, &cwd, &PyList_Type, &limits))
                return NULL;
        plan.cwd = strdup(cwd);
        plan.empty = cap_init();
        if (plan.cwd == NULL || plan.empty == NULL)
                return PyErr_NoMemory();
        if (bpf_fd >= 0) {
                if (fstat(bpf_fd, &st) < 0)
                        return PyErr_SetFromErrno(PyExc_OSError);
                plan.bpf_bytes = (size_t)st.st_size;
                plan.bpf = mmap(NULL, plan.bpf_bytes, PROT_READ, MAP_PRIVATE, bpf_fd, 0);
                if (plan.bpf == MAP_FAILED) {
                        plan.bpf = NULL;
                        return PyErr_SetFromErrno(PyExc_OSError);
                }
                (void)close(bpf_fd);
        }
        for (Py_ssize_t i = 0; i < PyList_Size(limits) && plan.n_limits < 16; i++) {
                int resource;
                unsigned long long soft, hard;

                if (!PyArg_ParseTuple(PyList_GetItem(limits, i), "iKK", &resource, &soft, &hard))
                        return NULL;
                plan.limits[plan.n_limits++] = (struct rlimit_entry){resource, soft, hard};
        }
        Py_RETURN_NONE;
}

static void report_exit(int control, size_t i)
{
        struct rusage ru = {0};
        char text[256];
        int status = 0;

        if (wait4(workers[i].pid, &status, 0, &ru) != workers[i].pid)
                return;
        (void)close(workers[i].pidfd);
        (void)snprintf(text, sizeof text,
                       "{\"t\":\"exited\",\"slot\":%u,\"status\":%d,\"utime\":%ld.%06ld,\"stime\":%ld.%06ld,"
                       "\"maxrss_kb\":%ld}",
                       workers[i].slot, status, (long)ru.ru_utime.tv_sec, (long)ru.ru_utime.tv_usec,
                       (long)ru.ru_stime.tv_sec, (long)ru.ru_stime.tv_usec, ru.ru_maxrss);
        workers[i] = workers[--n_workers];
        send_text(control, text, -1);
}

static size_t take_fds(struct msghdr *msg, int fds[MAX_SENT])
{
        size_t n = 0;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                        if (n > MAX_SENT)
                                n = MAX_SENT;
                        memcpy(fds, CMSG_DATA(c), n * sizeof(int));
                }
        return n;
}

#define OWN_FDS                                                                                              \
        8 /* result, out, err, control; the console's standard input, output and error, and acknowledgements \
           */

/* How many descriptors a clone gets that HEAD asks for. */
static size_t count_own(const struct run_head *head)
{
        if (head->op != RUN_SNAPSHOT && head->op != RUN_ITEMS)
                return 0;
        return 3u + (head->op == RUN_SNAPSHOT || (head->flags & RUN_ROLLS_BACK) != 0) +
               ((head->flags & RUN_CONSOLE) != 0 ? 4 : 0);
}

/* N_FDS: of FDS, which are handed to Python; the others are -1. */
static PyObject *result(const struct run_head *head, const uint32_t *items, const int *fds, size_t n_fds)
{
        const size_t n_console = (head->flags & RUN_CONSOLE) != 0 && n_fds > 0 ? 4 : 0;
        int given[OWN_FDS] = {-1, -1, -1, -1, -1, -1, -1, -1};
        PyObject *list = PyList_New((Py_ssize_t)head->n_items);

        if (list == NULL)
                return NULL;
        for (uint32_t i = 0; i < head->n_items; i++)
                if (PyList_SetItem(list, (Py_ssize_t)i, PyLong_FromUnsignedLong(items[i])) < 0)
                        return NULL;
        memcpy(given, fds, (n_fds - n_console) * sizeof *fds);
        memcpy(given + 4, fds + n_fds - n_console, n_console * sizeof *fds);
        return Py_BuildValue("(iiNiiii(iiii))", (int)head->op, (int)head->slot, list, given[0], given[1],
                             given[2], given[3], given[4], given[5], given[6], given[7]);
}

/* A duplicate of the control socket, which the suite may have made while it was imported, is not kept. */
static int is_control(int fd, const struct stat *control)
{
        struct stat st;

        return fstat(fd, &st) == 0 && st.st_dev == control->st_dev && st.st_ino == control->st_ino;
}

/* In the child: 0 and it is ready to run, or it does not return. The N_FDS of FDS are its own. */
static void become_worker(const int *fds, size_t n_fds, int is_snapshot, int cell, int control)
{
        const int was_below = is_below;
        const void *bpf = plan.bpf;
        struct stat own;
        struct error err = {0};
        int keep[MAX_KEPT + OWN_FDS + IMAGE_MAX];

        if (fstat(control, &own) < 0)
                _exit(1);
        plan.n_keep_fds = 0;
        for (size_t i = 0; i < n_kept; i++)
                if (!is_control(kept[i], &own))
                        keep[plan.n_keep_fds++] = kept[i];
        memcpy(keep + plan.n_keep_fds, fds, n_fds * sizeof *fds);
        plan.keep_fds = keep;
        plan.n_keep_fds += n_fds;
        plan.n_keep_fds += image_fds(keep + plan.n_keep_fds);
        fds_sort(keep, plan.n_keep_fds);
        n_workers = 0;
        plan.inside = was_below;
        plan.clones = is_snapshot;
        is_below = cell >= 0;
        if (is_snapshot)
                plan.bpf = NULL; /* it must put workers into cells */
        if (enter_child(&plan, was_below ? -1 : cell, &err) < 0) {
                char line[2048], text[1600];

                (void)error_format(&err, "worker", text, sizeof text);
                for (char *p = text; *p != '\0'; p++)
                        if (*p == '"' || *p == '\\')
                                *p = '\'';
                (void)snprintf(line, sizeof line, "{\"t\":\"enter_failed\",\"what\":\"%s\"}\n", text);
                if (write(fds[0], line, strlen(line)) < 0)
                        _exit(1);
                _exit(1);
        }
        plan.bpf = bpf;
        plan.keep_fds = NULL; /* they were on this stack */
        plan.n_keep_fds = 0;
        PyOS_AfterFork_Child();
}

static PyObject *serve(PyObject *self, PyObject *arg)
{
        static uint32_t packet[RUN_MAX_ITEMS + sizeof(struct run_head) / sizeof(uint32_t)];
        long control = PyLong_AsLong(arg);

        (void)self;
        if (control < 0 && PyErr_Occurred() != NULL)
                return NULL;
        for (;;) {
                struct pollfd polls[MAX_WORKERS + 1];
                union {
                        char buf[CMSG_SPACE(MAX_SENT * sizeof(int))];
                        struct cmsghdr align;
                } cm;
                struct iovec iov = {.iov_base = packet, .iov_len = sizeof packet};
                struct msghdr msg = {
                    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = cm.buf, .msg_controllen = sizeof cm.buf};
                const struct run_head *head = (const struct run_head *)packet;
                int fds[MAX_SENT] = {0};
                size_t n_fds, own, expected;
                struct error err = {0};
                int pidfd = -1;
                int cell = -1, cgroup = -1;
                pid_t pid;
                ssize_t got;

                polls[0] = (struct pollfd){.fd = (int)control, .events = POLLIN};
                for (size_t i = 0; i < n_workers; i++)
                        polls[i + 1] = (struct pollfd){.fd = workers[i].pidfd, .events = POLLIN};
                if (poll(polls, n_workers + 1, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return PyErr_SetFromErrno(PyExc_OSError);
                }
                for (size_t i = n_workers; i > 0; i--)
                        if (polls[i].revents != 0)
                                report_exit((int)control, i - 1);
                if (polls[0].revents == 0)
                        continue;
                got = recvmsg((int)control, &msg, MSG_CMSG_CLOEXEC);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0 || (size_t)got < sizeof *head)
                        return PyLong_FromLong(-1);
                n_fds = take_fds(&msg, fds);
                if (head->op == RUN_QUIT)
                        return PyLong_FromLong(fds[0]);
                own = count_own(head);
                expected = own + ((head->flags & RUN_CELL) != 0) + ((head->flags & RUN_CGROUP) != 0);
                if (head->op < RUN_ITEMS || head->op > RUN_SET_UP || n_fds != expected ||
                    head->n_items > RUN_MAX_ITEMS ||
                    (size_t)got != sizeof *head + head->n_items * sizeof(uint32_t) ||
                    n_workers == MAX_WORKERS) {
                        for (size_t i = 0; i < n_fds; i++)
                                (void)close(fds[i]);
                        PyErr_SetString(PyExc_RuntimeError, "malformed run message");
                        return NULL;
                }
                if (own == 0) {
                        if (head->op == RUN_HERE && plan.bpf != NULL &&
                            seccomp_install_everywhere(plan.bpf, plan.bpf_bytes, &err) < 0) {
                                PyErr_SetString(PyExc_OSError, err.what);
                                return NULL;
                        }
                        return result(head, packet + sizeof *head / sizeof *packet, fds, 0);
                }
                if ((head->flags & RUN_CELL) != 0)
                        cell = fds[own];
                plan.network =
                    (head->flags & RUN_HOST_NETWORK) != 0 ? SPEC_NETWORK_HOST : SPEC_NETWORK_PRIVATE;
                if ((head->flags & RUN_CGROUP) != 0)
                        cgroup = fds[n_fds - 1];
                PyOS_BeforeFork();
                pid = is_below ? enter_clone_below(cell, cgroup, plan.network, &pidfd, &err)
                               : enter_clone(cell, cgroup, &pidfd, &err);
                if (pid == 0) {
                        become_worker(fds, own, head->op == RUN_SNAPSHOT, cell, (int)control);
                        return result(head, packet + sizeof *head / sizeof *packet, fds, own);
                }
                PyOS_AfterFork_Parent();
                for (size_t i = 0; i < n_fds; i++)
                        (void)close(fds[i]);
                if (pid < 0) {
                        char text[1024];

                        (void)snprintf(text, sizeof text,
                                       "{\"t\":\"clone_failed\",\"slot\":%u,\"errno\":%d,\"what\":\"%s\"}",
                                       head->slot, err.errnum, err.what);
                        send_text((int)control, text, -1);
                        continue;
                }
                workers[n_workers++] = (struct worker){head->slot, pid, pidfd};
                {
                        char text[96];

                        (void)snprintf(text, sizeof text, "{\"t\":\"started\",\"slot\":%u}", head->slot);
                        send_text((int)control, text, pidfd);
                }
        }
}

static int blocked_fd = -1;

/* The arguments of the call that raised SIGSYS. */
static void blocked_args(const ucontext_t *context, unsigned long long args[6])
{
#if defined(__x86_64__)
        static const int registers[6] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};

        for (int i = 0; i < 6; i++)
                args[i] = (unsigned long long)context->uc_mcontext.gregs[registers[i]];
#elif defined(__aarch64__)
        for (int i = 0; i < 6; i++)
                args[i] = context->uc_mcontext.regs[i];
#elif defined(__riscv)
        for (int i = 0; i < 6; i++)
                args[i] = context->uc_mcontext.__gregs[REG_A0 + i];
#elif defined(__powerpc64__)
        for (int i = 0; i < 6; i++)
                args[i] = context->uc_mcontext.gp_regs[3 + i];
#elif defined(__s390x__)
        for (int i = 0; i < 6; i++)
                args[i] = context->uc_mcontext.gregs[2 + i];
#endif
}

static char *put_hex(char *at, unsigned long long v)
{
        int shift = 60;

        *at++ = ' ';
        while (shift > 0 && v >> shift == 0)
                shift -= 4;
        for (; shift >= 0; shift -= 4)
                *at++ = "0123456789abcdef"[v >> shift & 15];
        return at;
}

/* SCMP_ACT_TRAP: says which call it was where the engine looks for it (worker.c), and dies of it. */
static void on_blocked_call(int sig, siginfo_t *info, void *context)
{
        char line[sizeof BLOCKED_CALL_PREFIX + 7 * 17 + 1] = BLOCKED_CALL_PREFIX;
        unsigned long long args[6] = {0};
        char *at = line + sizeof BLOCKED_CALL_PREFIX - 1;

        blocked_args(context, args);
        at = put_hex(at, (unsigned)info->si_syscall);
        for (int i = 0; i < 6; i++)
                at = put_hex(at, args[i]);
        *at++ = '\n';
        if (write(blocked_fd, line, (size_t)(at - line)) < 0)
                _exit(128 + sig);
        (void)signal(sig, SIG_DFL);
        (void)raise(sig);
}

static PyObject *tell_blocked_calls(PyObject *self, PyObject *arg)
{
        struct sigaction act = {.sa_sigaction = on_blocked_call, .sa_flags = SA_SIGINFO};
        long fd = PyLong_AsLong(arg);

        (void)self;
        if (fd < 0 && PyErr_Occurred() != NULL)
                return NULL;
        blocked_fd = (int)fd;
        if (sigaction(SIGSYS, &act, NULL) < 0)
                return PyErr_SetFromErrno(PyExc_OSError);
        Py_RETURN_NONE;
}

static struct rollback *rollback;

/* Waits for the next test: its index, or the process ends. */
static PyObject *next_test(int control)
{
        struct run_one packet;
        ssize_t n;

        do
                n = read(control, &packet, sizeof packet);
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t)sizeof packet || packet.head.op != RUN_ITEMS)
                _exit(0);
        return PyLong_FromUnsignedLong(packet.item);
}

static PyObject *settle(PyObject *self, PyObject *args)
{
        int control, result_fd, verify, times;
        char line[256];
        const char *why;

        (void)self;
        if (!PyArg_ParseTuple(args, "iip", &control, &result_fd, &verify))
                return NULL;
        times = rollback_point(&rollback, control, result_fd, verify, &why);
        if (times < 0)
                return PyUnicode_FromFormat("%s (%s)", why, strerror(-times));
        if (times == 0)
                Py_RETURN_NONE;
        if (rollback_differs()[0] != '\0')
                (void)snprintf(line, sizeof line, "{\"t\":\"back\",\"differs\":\"%s\"}\n",
                               rollback_differs());
        else
                (void)snprintf(line, sizeof line, "{\"t\":\"back\"}\n");
        if (write(result_fd, line, strlen(line)) != (ssize_t)strlen(line))
                _exit(ROLLBACK_BROKEN);
        return next_test(control);
}

static PyObject *roll_back(PyObject *self, PyObject *args)
{
        (void)self;
        (void)args;
        return PyUnicode_FromString(rollback_back(rollback));
}

static PyObject *take_image(PyObject *self, PyObject *tests)
{
        const long n = PyLong_AsLong(tests);

        (void)self;
        if (n < 0 && PyErr_Occurred() != NULL)
                return NULL;
        return PyLong_FromLong(image_take(n));
}

static PyMethodDef methods[] = {
    {"configure", configure, METH_VARARGS,
     "configure(seccomp_fd, cwd, [(resource, soft, hard), ...]) -> None"},
    {"keep_fds", keep_fds, METH_O, "keep_fds([fd, ...]) -> None: what workers keep besides 0, 1 and 2"},
    {"tell_blocked_calls", tell_blocked_calls, METH_O,
     "tell_blocked_calls(fd) -> None: a system call that the filter traps is told there before it kills"},
    {"serve", serve, METH_O,
     "serve(control_fd) -> what to quit with: the journal's descriptor or -1; or (op, slot, indices, result, "
     "out, err, control, (stdin, stdout, stderr, acknowledgements)): in a new worker or snapshot, or where a "
     "snapshot is asked to go on"},
    {"settle", settle, METH_VARARGS,
     "settle(control_fd, result_fd, verify) -> None: the point that roll_back() goes back to; there, the "
     "index of the "
     "item to run next; or text: why there is no such point"},
    {"take_image", take_image, METH_O,
     "take_image(tests) -> pages that were moved to where processes that are put back find them, or -errno"},
    {"roll_back", roll_back, METH_NOARGS, "roll_back() -> why it is not possible; else it does not return"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT,
                                        "tach_harness._tach",
                                        "Clones workers into cells.",
                                        -1,
                                        methods,
                                        NULL,
                                        NULL,
                                        NULL,
                                        NULL};

PyMODINIT_FUNC PyInit__tach(void);
PyMODINIT_FUNC PyInit__tach(void)
{
        return PyModule_Create(&definition);
}
