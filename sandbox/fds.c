/* How it works: one close_range a gap. */
#include "sandbox/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

int fds_close_others(const int *keep, size_t n, struct error *err)
{
        unsigned from = 3;
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                if (keep[i] < (int)from)
                        continue;
                if (r == 0 && (unsigned)keep[i] > from)
                        r = close_range(from, (unsigned)keep[i] - 1, 0);
                from = (unsigned)keep[i] + 1;
        }
        if (r == 0)
                r = close_range(from, ~0u, 0);
        return r < 0 ? error_set(err, "fds", errno, "close_range") : 0;
}

static int ascending(const void *a, const void *b)
{
        const int x = *(const int *)a, y = *(const int *)b;

        return x < y ? -1 : x > y;
}

void fds_sort(int *fds, size_t n)
{
        qsort(fds, n, sizeof *fds, ascending);
}

int fds_keep_only(int *keep, size_t n, struct error *err)
{
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (null < 0)
                return error_set(err, "fds", errno, "open /dev/null");
        fds_sort(keep, n);
        for (int fd = 0; fd < 3; fd++) {
                int kept = 0;

                for (size_t i = 0; i < n; i++)
                        kept |= keep[i] == fd;
                if (!kept && null != fd && dup2(null, fd) < 0)
                        return error_set(err, "fds", errno, "dup2");
        }
        return fds_close_others(keep, n, err);
}

int fds_move_up(int fd)
{
        struct rlimit l;
        int base = 1000, moved;

        if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < 1024)
                base = l.rlim_cur > 64 ? (int)l.rlim_cur - 16 : 3;
        moved = fcntl(fd, F_DUPFD_CLOEXEC, base);
        if (moved < 0)
                return fd;
        (void)close(fd);
        return moved;
}

int fds_send(int socket, const void *bytes, size_t size, const int *attach, size_t n_attach)
{
        union {
                char buf[CMSG_SPACE(FDS_MAX_SENT * sizeof(int))];
                struct cmsghdr align;
        } control = {0};
        struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
        struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
        ssize_t n;

        if (n_attach > 0) {
                struct cmsghdr *c;

                msg.msg_control = control.buf;
                msg.msg_controllen = CMSG_SPACE(n_attach * sizeof(int));
                c = CMSG_FIRSTHDR(&msg);
                c->cmsg_level = SOL_SOCKET;
                c->cmsg_type = SCM_RIGHTS;
                c->cmsg_len = CMSG_LEN(n_attach * sizeof(int));
                memcpy(CMSG_DATA(c), attach, n_attach * sizeof(int));
        }
        do
                n = sendmsg(socket, &msg, MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? -errno : 0;
}

ssize_t fds_receive(int socket, void *bytes, size_t size, int *ret_fds, size_t *ret_n)
{
        union {
                char buf[CMSG_SPACE(FDS_MAX_SENT * sizeof(int))];
                struct cmsghdr align;
        } control;
        struct iovec iov = {.iov_base = bytes, .iov_len = size};
        struct msghdr msg = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.buf,
                             .msg_controllen = sizeof control.buf};
        ssize_t n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

        *ret_n = 0;
        if (n < 0)
                return -errno;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        *ret_n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                        memcpy(ret_fds, CMSG_DATA(c), *ret_n * sizeof(int));
                }
        return (msg.msg_flags & MSG_TRUNC) != 0 ? -EMSGSIZE : n;
}

ssize_t fds_wait(int socket, void *bytes, size_t size, int *ret_fds, size_t *ret_n)
{
        ssize_t n;

        do {
                struct pollfd p = {.fd = socket, .events = POLLIN};

                (void)poll(&p, 1, -1);
                n = fds_receive(socket, bytes, size, ret_fds, ret_n);
        } while (n == -EINTR || n == -EAGAIN);
        return n;
}
