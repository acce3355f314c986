/* How it works: keeper_start clones with all namespaces and maps the ids from outside. The keeper builds the
 * outer sandbox and then the warden's namespaces below its own: what is mounted in the outer sandbox is
 * locked for everything there, also for a zygote that has every capability over its own user namespace. */
#include "runtime/engine/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/engine/warden.h"
#include "sandbox/fds.h"
#include "sandbox/mnt.h"
#include "sandbox/outer.h"
#include "sandbox/sys.h"
#include "sandbox/user.h"
#include "spec/base/cleanup.h"

int keeper_send(int fd, const struct keeper_message *m, const int *attach)
{
        size_t n = 0;

        while (attach != NULL && n < KEEPER_FDS && attach[n] >= 0)
                n++;
        return fds_send(fd, m, sizeof *m, attach, n);
}

/* Clones the warden into namespaces of its own below the keeper's, and maps its ids. */
static pid_t start_warden(int socket, const struct cell_plan *plan, const struct launch *zygote,
                          struct error *err)
{
        int map[2], r;
        pid_t pid;

        if (pipe2(map, O_CLOEXEC) < 0)
                return error_set(err, "keeper", errno, "pipe");
        pid = sys_clone3(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_CLEAR_SIGHAND, NULL, -1, SIGCHLD);
        if (pid == 0) {
                (void)close(map[1]);
                warden_main(socket, map[0], plan, zygote);
        }
        (void)close(map[0]);
        r = pid < 0 ? error_set(err, "keeper", errno, "clone the warden") : 0;
        if (r == 0)
                r = user_map(pid, plan->uid, plan->uid, plan->gid, plan->gid, err);
        if (r == 0 && write(map[1], "m", 1) != 1)
                r = error_set(err, "keeper", errno, "the warden died");
        (void)close(map[1]);
        return r < 0 ? r : pid;
}

/* From the outer sandbox and from every cell, on the socket that the warden has. */
static int hand_over_listener(int socket, size_t index, int fd)
{
        const struct keeper_message m = {.op = KEEPER_SERVICE, .status = (int)index};

        return keeper_send(socket, &m, (const int[KEEPER_FDS]){fd, -1});
}

int keeper_hand_over_layer(int socket, size_t part, int fd)
{
        const struct keeper_message m = {.op = KEEPER_UPPER, .status = (int)part};

        return keeper_send(socket, &m, (const int[KEEPER_FDS]){fd, -1});
}

/* A cell inside a cell, on the socket of that one. */
static int hand_over_cell(int socket, const struct error *err, const int fds[2])
{
        const struct keeper_message m = {.op = KEEPER_CELL, .err = *err};

        return keeper_send(socket, &m, fds);
}

/* The engine's descriptors end here: what the zygote could trace out of a process must not hold them. */
static int keep_descriptors(int socket, int map_fd, const struct launch *zygote, struct error *err)
{
        int keep[16] = {socket, map_fd, zygote->stdin_fd, zygote->stdout_fd, zygote->stderr_fd};
        size_t n = 5;

        if (zygote->seccomp_fd >= 0)
                keep[n++] = zygote->seccomp_fd;
        if (zygote->seccomp_plain_fd >= 0)
                keep[n++] = zygote->seccomp_plain_fd;
        for (size_t i = 0; i < zygote->n_pass && n < 16; i++)
                keep[n++] = zygote->pass[i];
        return fds_keep_only(keep, n, err);
}

/* The run's control groups as a mount of their own: read-only, and ".." of its root leads nowhere. */
static int send_cgroups(int socket, const char *path, struct error *err)
{
        struct keeper_message m = {.op = KEEPER_CGROUP};
        struct mount_attr rdonly = {.attr_set = MOUNT_ATTR_RDONLY};
        CLEANUP_CLOSE int tree = mnt_clone(AT_FDCWD, path, err);

        if (tree < 0)
                return tree;
        if (mount_setattr(tree, "", AT_EMPTY_PATH, &rdonly, sizeof rdonly) < 0 ||
            keeper_send(socket, &m, (const int[KEEPER_FDS]){tree, -1}) < 0)
                return error_set(err, "keeper", errno, "hand over %s", path);
        return 0;
}

static int receive_filter(int socket, struct enter_plan *enter, struct error *err)
{
        int fds[FDS_MAX_SENT];
        struct keeper_message m;
        struct stat st;
        size_t n_fds;

        if (fds_wait(socket, &m, sizeof m, fds, &n_fds) != (ssize_t)sizeof m || m.op != KEEPER_FILTER ||
            n_fds != 1)
                return error_set(err, "keeper", EPROTO, "no filter for the command came");
        CLEANUP_CLOSE int fd = fds[0];
        if (fstat(fd, &st) < 0)
                return error_set(err, "keeper", errno, "stat the filter");
        enter->bpf_bytes = (size_t)st.st_size;
        enter->bpf = mmap(NULL, enter->bpf_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
        return enter->bpf != MAP_FAILED ? 0 : error_set(err, "keeper", errno, "map the filter");
}

/* A single command needs no warden: this process is pid 1 of the one sandbox that there is. */
static void __attribute__((noreturn))
keep_command(int socket, const struct cell_plan *plan, const struct launch *command)
{
        struct keeper_message m = {.op = KEEPER_READY};
        struct enter_plan enter = *command->enter;
        struct launch l = *command;
        int fds[KEEPER_FDS] = {-1, -1}, status;
        pid_t pid = 0, ended;

        l.enter = &enter;

        if (plan->cgroup != NULL)
                pid = l.cgroup_fd = cgroup_leaf(plan->cgroup, -1, 0, plan->resources, &m.err);
        if (pid >= 0)
                pid = outer_enter_solo(plan, &m.err);
        if (pid == 0)
                pid = receive_filter(socket, &enter, &m.err);
        if (pid == 0)
                pid = launch_start(&l, -1, &fds[0], NULL, &m.err);
        if (pid > 0)
                m.err = (struct error){0};
        if (keeper_send(socket, &m, fds) < 0 || pid < 0)
                _exit(1);
        (void)close_range(0, (unsigned)socket - 1, 0);
        (void)close_range((unsigned)socket + 1, ~0u, 0);
        while ((ended = waitpid(-1, &status, 0)) > 0 || errno == EINTR)
                if (ended == pid) {
                        m = (struct keeper_message){.op = KEEPER_EXITED, .status = status};
                        if (keeper_send(socket, &m, NULL) < 0)
                                _exit(1);
                }
        for (;;)
                (void)pause();
}

static void __attribute__((noreturn))
keeper_main(int socket, int map_fd, const struct cell_plan *plan, const struct launch *zygote)
{
        struct keeper_message m = {.op = KEEPER_READY};
        struct launch l = *zygote;
        pid_t warden = -1;
        char c;
        int r;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)prctl(PR_SET_NAME, "tach-keeper");
        r = keep_descriptors(socket, map_fd, zygote, &m.err);
        if (r == 0 && read(map_fd, &c, 1) != 1)
                _exit(1);
        (void)close(map_fd);
        if (r == 0 && plan->cgroup != NULL)
                r = cgroup_settle(plan->cgroup, &m.err);
        else if (r == 0 && unshare(CLONE_NEWCGROUP) < 0)
                r = error_set(&m.err, "cgroup", errno, "unshare the cgroup namespace");
        if (r == 0 && zygote->enter != NULL)
                keep_command(socket, plan, zygote);
        if (r == 0 && plan->cgroup != NULL)
                r = send_cgroups(socket, plan->cgroup->path, &m.err);
        if (r == 0 && plan->cgroup != NULL) {
                l.cgroup_fd = cgroup_zygote(plan->cgroup, plan->collect_memory, &m.err);
                r = l.cgroup_fd < 0 && l.cgroup_fd != -ENOENT ? l.cgroup_fd : 0;
        }
        if (r == 0)
                r = outer_enter(plan, &m.err);
        if (r == 0)
                warden = start_warden(socket, plan, &l, &m.err);
        if (warden < 0) {
                (void)keeper_send(socket, &m, NULL);
                _exit(1);
        }
        (void)close_range(3, ~0u, 0);
        for (;;) {
                pid_t pid = waitpid(-1, NULL, 0);

                if (pid == warden || (pid < 0 && errno != EINTR))
                        _exit(1);
        }
}

int keeper_start(struct keeper *k, const struct cell_plan *plan, const struct launch *zygote,
                 struct error *err)
{
        struct cell_plan own = *plan;
        int sockets[2], map[2], r;

        *k = (struct keeper){.pid = -1, .pidfd = -1, .socket = -1};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return error_set(err, "keeper", errno, "socketpair");
        if (pipe2(map, O_CLOEXEC) < 0) {
                (void)close(sockets[0]);
                (void)close(sockets[1]);
                return error_set(err, "keeper", errno, "pipe");
        }
        own.listen.socket = own.hand_over.socket = sockets[1];
        own.listen.hand_over = hand_over_listener;
        own.hand_over_cell = hand_over_cell;
        k->pid = sys_clone3(cell_clone_flags(plan) | CLONE_CLEAR_SIGHAND, &k->pidfd,
                            plan->cgroup != NULL ? plan->cgroup->base_fd : -1, SIGCHLD);
        if (k->pid == 0) {
                (void)close(sockets[0]);
                (void)close(map[1]);
                keeper_main(sockets[1], map[0], &own, zygote);
        }
        r = k->pid < 0 ? error_set(err, "keeper", errno, "clone with new namespaces") : 0;
        (void)close(sockets[1]);
        (void)close(map[0]);
        if (r == 0)
                r = user_map(k->pid, plan->uid, geteuid(), plan->gid, getegid(), err);
        if (r == 0 && write(map[1], "m", 1) != 1)
                r = error_set(err, "keeper", errno, "the keeper died");
        (void)close(map[1]);
        k->socket = sockets[0];
        (void)fcntl(k->socket, F_SETFL, O_NONBLOCK);
        if (r < 0 && k->pid > 0) {
                struct keeper_message m;
                int fds[KEEPER_FDS];

                /* it may have ended before, and said why; nothing is attached to that */
                if (keeper_receive(k->socket, &m, fds) == 1 && m.err.phase[0] != '\0')
                        *err = m.err;
        }
        if (r < 0)
                keeper_stop(k);
        return r;
}

int keeper_ask_cell(struct keeper *k)
{
        struct keeper_message m = {.op = KEEPER_MAKE};
        int r = keeper_send(k->socket, &m, NULL);

        return r == -ECONNRESET ? -EPIPE : r; /* it died with a message unread */
}

void keeper_close(const int *fds)
{
        for (size_t i = 0; i < KEEPER_FDS; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
}

int keeper_receive(int socket, struct keeper_message *ret, int *ret_fds)
{
        int fds[FDS_MAX_SENT];
        size_t n_fds;
        ssize_t n = fds_receive(socket, ret, sizeof *ret, fds, &n_fds);

        if (n == -ECONNRESET) /* it died with a message of ours unread: what it said before is still there */
                n = fds_receive(socket, ret, sizeof *ret, fds, &n_fds);
        for (size_t i = 0; i < KEEPER_FDS; i++)
                ret_fds[i] = i < n_fds ? fds[i] : -1;
        for (size_t i = KEEPER_FDS; i < n_fds; i++)
                (void)close(fds[i]);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        if (n != (ssize_t)sizeof *ret) {
                keeper_close(ret_fds);
                return -EPIPE;
        }
        /* it comes from where untrusted code may have traced the sender */
        ret->err.phase[sizeof ret->err.phase - 1] = '\0';
        ret->err.what[sizeof ret->err.what - 1] = '\0';
        ret->err.hint[sizeof ret->err.hint - 1] = '\0';
        return 1;
}

void keeper_stop(struct keeper *k)
{
        if (k->pid > 0) {
                (void)kill(k->pid, SIGKILL);
                while (waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
                        continue;
        }
        if (k->pidfd >= 0)
                (void)close(k->pidfd);
        if (k->socket >= 0)
                (void)close(k->socket);
        *k = (struct keeper){.pid = -1, .pidfd = -1, .socket = -1};
}
