/*
 * inject: runs a command whose Nth call of one system call fails, counted over the command and all that
 * descends from it, into whatever namespaces.
 *
 * usage: inject SYSCALL ERRNO N [COMM] -- COMMAND...   N 0: none fails. Prints "calls: COUNT" on standard
 * error. COMM: only processes whose name begins with that are counted.
 *
 * How it works: the filter hands each such call to this process (seccomp user notification), which lets it go
 * on or answers it with the error. Exit code: the command's, or 125 where the injection itself failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void __attribute__((noreturn)) die(const char *what)
{
        (void)fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
        exit(125);
}

static int has_comm(pid_t pid, const char *comm)
{
        char path[64], name[32] = "";
        FILE *f;

        (void)snprintf(path, sizeof path, "/proc/%d/comm", pid);
        f = fopen(path, "re");
        if (f == NULL)
                return 0;
        if (fgets(name, sizeof name, f) == NULL)
                name[0] = '\0';
        (void)fclose(f);
        return strncmp(name, comm, strlen(comm)) == 0;
}

static void send_fd(int socket, int fd)
{
        char control[CMSG_SPACE(sizeof fd)] = {0}, byte = 0;
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct msghdr msg = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
        if (sendmsg(socket, &msg, 0) < 0)
                die("send the listener");
}

static int receive_fd(int socket)
{
        char control[CMSG_SPACE(sizeof(int))], byte;
        struct iovec iov = {.iov_base = &byte, .iov_len = 1};
        struct msghdr msg = {
            .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
        int fd;

        if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) <= 0 || CMSG_FIRSTHDR(&msg) == NULL)
                die("receive the listener");
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
        return fd;
}

/* Takes the descriptor FD of the process PID as soon as there is one: that one cannot hand it over, since
 * each call that it makes may wait for the listener. */
static void __attribute__((noreturn)) fetch(int socket, pid_t pid, int fd)
{
        const int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        int listener = -1;

        for (int i = 0; i < 5000 && listener < 0; i++) {
                listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
                if (listener < 0)
                        (void)usleep(1000);
        }
        if (listener < 0)
                die("pidfd_getfd");
        send_fd(socket, listener);
        _exit(0);
}

/* In the child: the filter, then the command. */
static void __attribute__((noreturn)) run(int socket, int number, char **argv)
{
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
        const int next = fcntl(socket, F_DUPFD_CLOEXEC, 0);
        const pid_t pid = getpid();

        if (ctx == NULL || next < 0 || seccomp_rule_add(ctx, SCMP_ACT_NOTIFY, number, 0) < 0 ||
            seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, geteuid() != 0) < 0)
                die("make the filter");
        (void)close(next); /* the lowest that is free: the listener's */
        (void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
        if (fork() == 0)
                fetch(socket, pid, next);
        if (seccomp_load(ctx) < 0 || seccomp_notify_fd(ctx) != next)
                die("load the filter");
        (void)wait(NULL);
        (void)execvp(argv[0], argv);
        die(argv[0]);
}

int main(int argc, char **argv)
{
        struct seccomp_notif *call;
        struct seccomp_notif_resp *answer;
        long count = 0, nth;
        int number, error, sockets[2], listener, status;
        const char *comm = NULL;
        pid_t child;

        if (argc < 6 || (strcmp(argv[4], "--") != 0 && (argc < 7 || strcmp(argv[5], "--") != 0))) {
                (void)fprintf(stderr, "usage: inject SYSCALL ERRNO N [COMM] -- COMMAND...\n");
                return 125;
        }
        number = seccomp_syscall_resolve_name(argv[1]);
        error = atoi(argv[2]);
        nth = atol(argv[3]);
        if (strcmp(argv[4], "--") != 0)
                comm = argv[4];
        if (number == __NR_SCMP_ERROR || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) < 0 ||
            seccomp_notify_alloc(&call, &answer) < 0)
                die(argv[1]);
        child = fork();
        if (child == 0) {
                (void)close(sockets[0]);
                run(sockets[1], number, argv + (comm != NULL ? 6 : 5));
        }
        (void)close(sockets[1]);
        listener = receive_fd(sockets[0]);
        (void)prctl(PR_SET_NAME, "inject");
        for (;;) {
                struct pollfd p = {.fd = listener, .events = POLLIN};

                if (poll(&p, 1, 20) < 0 && errno != EINTR)
                        die("poll");
                if ((p.revents & POLLIN) != 0) {
                        memset(call, 0, sizeof *call); /* or the kernel refuses it */
                        if (seccomp_notify_receive(listener, call) < 0)
                                continue;
                        answer->id = call->id;
                        answer->val = 0;
                        answer->error = 0;
                        answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
                        if ((comm == NULL || has_comm((pid_t)call->pid, comm)) && ++count == nth) {
                                answer->error = -error;
                                answer->flags = 0;
                        }
                        (void)seccomp_notify_respond(listener, answer);
                        continue;
                }
                if ((p.revents & POLLHUP) != 0)
                        break; /* nobody is left who has the filter */
                if (waitpid(child, &status, WNOHANG) == child) {
                        (void)fprintf(stderr, "calls: %ld\n", count);
                        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                }
        }
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
                continue;
        (void)fprintf(stderr, "calls: %ld\n", count);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
