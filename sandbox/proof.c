/* How it works: a process by kill(-1, 0), which reaches all but pid 1; the project by the overlay's upper
 * folder, whose change time nobody can put back; System V by the *_INFO calls; queues by listing their file
 * system; the network by loopback's counters, the number of sockets in use and the list of IPv6 flow labels,
 * which outlive the socket that made them. */
#include "sandbox/proof.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/net.h"
#include "spec/base/cleanup.h"

static const char *const names[DIRT_N] = {
    [DIRT_NONE] = "clean",      [DIRT_PROCESS] = "process", [DIRT_PROJECT] = "project",
    [DIRT_FOLDER] = "files",    [DIRT_IPC] = "ipc",         [DIRT_NETWORK] = "network",
    [DIRT_SOCKET] = "socket",   [DIRT_DEVICE] = "device",   [DIRT_SERVICE] = "service",
    [DIRT_UNKNOWN] = "unknown",
};

const char *dirt_name(enum dirt dirt)
{
        return (unsigned)dirt < DIRT_N ? names[dirt] : names[DIRT_UNKNOWN];
}

static int open_queues(struct error *err)
{
        CLEANUP_CLOSE int fs = fsopen("mqueue", FSOPEN_CLOEXEC);
        CLEANUP_CLOSE int mnt = -1;
        int fd;

        if (fs < 0)
                return errno == ENODEV ? -1 : error_set(err, "proof", errno, "open the mqueue file system");
        if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
                mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        fd = mnt < 0 ? -1 : openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? error_set(err, "proof", errno, "mount the message queues") : fd;
}

/* The number of sockets in use in the network namespace, or -1. */
static long count_sockets(int fd)
{
        static const char first[] = "sockets: used ";
        char text[64];
        ssize_t n = pread(fd, text, sizeof text - 1, 0);

        if (n <= 0)
                return -1;
        text[n] = '\0';
        return strncmp(text, first, sizeof first - 1) == 0 ? strtol(text + sizeof first - 1, NULL, 10) : -1;
}

/* Bytes of what the network namespace lists as flow labels, its heading included; 0 without IPv6. */
static ssize_t flow_labels(int fd)
{
        char text[256];

        return fd >= 0 ? pread(fd, text, sizeof text, 0) : 0;
}

static int stat_pts(int fd, struct stat *pts, struct stat *ptmx)
{
        return fstat(fd, pts) < 0 || fstatat(fd, "ptmx", ptmx, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : 0;
}

int proof_begin(struct proof *p, struct error *err)
{
        p->queues_fd = open_queues(err);
        if (p->queues_fd < -1)
                return p->queues_fd;
        p->pts_fd = open("/dev/pts", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        p->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        p->sockstat_fd = open("/proc/self/net/sockstat", O_RDONLY | O_CLOEXEC);
        p->labels_fd = open("/proc/self/net/ip6_flowlabel", O_RDONLY | O_CLOEXEC);
        if (p->labels_fd < 0 && errno != ENOENT)
                return error_set(err, "proof", errno, "open /proc/net/ip6_flowlabel");
        p->labels = flow_labels(p->labels_fd);
        if (p->pts_fd < 0 || p->proc_fd < 0 || p->sockstat_fd < 0 ||
            stat_pts(p->pts_fd, &p->pts, &p->ptmx) < 0 ||
            (p->upper_fd >= 0 && fstat(p->upper_fd, &p->upper) < 0))
                return error_set(err, "proof", errno, "look at the new cell");
        p->sockets = count_sockets(p->sockstat_fd);
        return p->sockets < 0 ? error_set(err, "proof", EINVAL, "read /proc/net/sockstat") : 0;
}

size_t proof_fds(const struct proof *p, int *fds)
{
        const int own[] = {p->upper_fd,
                           p->pts_fd,
                           p->proc_fd,
                           p->queues_fd,
                           p->sockstat_fd,
                           p->labels_fd,
                           nl_socket_get_fd(p->link)};
        size_t n = 0;

        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
                if (own[i] >= 0)
                        fds[n++] = own[i];
        for (size_t i = 0; i < p->scratch.n; i++)
                if (p->scratch.v[i].fd >= 0)
                        fds[n++] = p->scratch.v[i].fd;
        return n;
}

static int same_inode(const struct stat *a, const struct stat *b)
{
        return a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec &&
               a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

/* Processes of this pid namespace, by their folders in /proc; -1: that cannot be told. */
static int count_processes(int proc_fd)
{
        char bytes[4096];
        ssize_t n;
        int found = 0;

        if (lseek(proc_fd, 0, SEEK_SET) < 0)
                return -1;
        while ((n = getdents64(proc_fd, bytes, sizeof bytes)) > 0)
                for (ssize_t at = 0; at < n;) {
                        const struct dirent64 *e = (const void *)(bytes + at);

                        found += e->d_name[0] >= '1' && e->d_name[0] <= '9';
                        at += e->d_reclen;
                }
        return n < 0 ? -1 : found;
}

/* No process but pid 1, and OTHERS. What ended and still waits to be reaped is reaped. */
static int alone(const struct proof *p, int others)
{
        while (waitpid(-1, NULL, WNOHANG) > 0)
                continue;
        return others == 0 ? kill(-1, 0) < 0 && errno == ESRCH : count_processes(p->proc_fd) == 1 + others;
}

static int no_sysv(void)
{
        struct shm_info shm;
        struct seminfo sem;
        struct msginfo msg;

        return shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&shm) >= 0 && shm.used_ids == 0 &&
               semctl(0, 0, SEM_INFO, &sem) >= 0 && sem.semusz == 0 &&
               msgctl(0, MSG_INFO, (struct msqid_ds *)(void *)&msg) >= 0 && msg.msgpool == 0;
}

/* DIR_FD lists nothing but itself and its parent. */
static int is_empty(int dir_fd)
{
        char bytes[512];
        ssize_t n;
        int found = 0;

        if (lseek(dir_fd, 0, SEEK_SET) < 0)
                return 0;
        while ((n = getdents64(dir_fd, bytes, sizeof bytes)) > 0)
                for (ssize_t at = 0; at < n; found++)
                        at += ((const struct dirent64 *)(const void *)(bytes + at))->d_reclen;
        return n == 0 && found == 2;
}

enum dirt proof_check(const struct proof *p, int others)
{
        struct stat st, ptmx;
        int quiet;

        if (!alone(p, others))
                return DIRT_PROCESS;
        if (p->upper_fd >= 0 &&
            (fstat(p->upper_fd, &st) < 0 || !same_inode(&st, &p->upper) || !is_empty(p->upper_fd)))
                return DIRT_PROJECT;
        quiet = net_is_quiet(p->link);
        if (quiet < 1)
                return quiet < 0 ? DIRT_UNKNOWN : DIRT_NETWORK;
        if (flow_labels(p->labels_fd) != p->labels)
                return DIRT_NETWORK;
        if (count_sockets(p->sockstat_fd) != p->sockets)
                return DIRT_SOCKET;
        if (!no_sysv() || (p->queues_fd >= 0 && !is_empty(p->queues_fd)))
                return DIRT_IPC;
        if (stat_pts(p->pts_fd, &st, &ptmx) < 0 || !same_inode(&st, &p->pts) || !same_inode(&ptmx, &p->ptmx))
                return DIRT_DEVICE;
        return scratch_restore(&p->scratch) ? DIRT_NONE : DIRT_FOLDER;
}
