/*
 * deny: runs a command some of whose system calls fail, and those of all that descends from it, into whatever
 * namespaces.
 *
 * usage: deny SYSCALL=ERRNO... -- COMMAND...            each such call fails
 *        deny --nth N SYSCALL=ERRNO... -- COMMAND...    the Nth call of each fails (0: none)
 *        deny --count SYSCALL... -- COMMAND...          none fails
 *
 * With --nth and --count, "deny: SYSCALL: COUNT calls" goes to standard error in the end, a line a system
 * call;
 * --comm PREFIX counts only processes whose name begins so. Counting begins with the command's own execve and
 * ends with the command. Exit code: the command's, 128 + N where signal N ended it, 125 where deny failed.
 *
 * How it works: where each call fails, the filter says so and nobody stays. Else the filter hands each call
 * to this process (seccomp user notification), which lets it go on or answers it with the error.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_RULES 64

struct rule {
        char name[48];
        int number, error;
        long count;
};

struct shim {
        struct rule rules[MAX_RULES];
        size_t n;
        long nth;         /* -1: every call */
        int counting;     /* say how many calls there were */
        const char *comm; /* NULL: all processes */
};

/* What supervisor and child share: a child with the filter on cannot call anything before it is heard. */
struct handshake {
        atomic_int listener; /* the child's descriptor, + 1 */
        atomic_int heard;
};

static const char usage[] =
    "usage: deny [--nth N | --count] [--comm PREFIX] SYSCALL[=ERRNO]... -- COMMAND...\n";

static void __attribute__((noreturn)) die(const char *what)
{
        (void)fprintf(stderr, "deny: %s: %s\n", what, strerror(errno));
        exit(125);
}

static int errno_by_name(const char *name)
{
        for (int e = 1; e < 200; e++)
                if (strerrorname_np(e) != NULL && strcmp(strerrorname_np(e), name) == 0)
                        return e;
        errno = EINVAL;
        die(name);
}

static void add_rule(struct shim *s, const char *word)
{
        struct rule *r = &s->rules[s->n++];
        const size_t length = strcspn(word, "=");

        if (s->n == MAX_RULES || length >= sizeof r->name) {
                errno = E2BIG;
                die(word);
        }
        memcpy(r->name, word, length);
        r->number = seccomp_syscall_resolve_name(r->name);
        if (r->number == __NR_SCMP_ERROR || (word[length] == '\0') != s->counting) {
                errno = EINVAL;
                die(word);
        }
        if (word[length] == '=')
                r->error = errno_by_name(word + length + 1);
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

static scmp_filter_ctx make_filter(const struct shim *s, int notify)
{
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

        if (ctx == NULL || seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, geteuid() != 0) < 0)
                die("make the filter");
        for (size_t i = 0; i < s->n; i++)
                if (seccomp_rule_add(ctx,
                                     notify ? SCMP_ACT_NOTIFY : SCMP_ACT_ERRNO((uint32_t)s->rules[i].error),
                                     s->rules[i].number, 0) < 0)
                        die(s->rules[i].name);
        return ctx;
}

static void __attribute__((noreturn)) execute(char **argv)
{
        (void)execvp(argv[0], argv);
        die(argv[0]);
}

/* In the child: the filter, then the command once the supervisor has the listener. */
static void __attribute__((noreturn)) run(const struct shim *s, struct handshake *hands, char **argv)
{
        scmp_filter_ctx ctx = make_filter(s, 1);
        const int next = open("/", O_PATH | O_CLOEXEC);

        (void)close(next); /* the lowest that is free: the listener's */
        atomic_store(&hands->listener, next + 1);
        if (seccomp_load(ctx) < 0)
                _exit(125);
        while (!atomic_load(&hands->heard))
                continue;
        execute(argv);
}

/* The listener, taken out of the child; it cannot hand it over itself. */
static int hear(struct handshake *hands, pid_t child)
{
        const int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
        int listener = -1;

        for (int i = 0; pidfd >= 0 && listener < 0 && i < 10000; i++) {
                const int fd = atomic_load(&hands->listener) - 1;

                if (fd >= 0)
                        listener = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
                if (listener < 0 && waitpid(child, NULL, WNOHANG) == child) {
                        errno = ENOTSUP;
                        die("load the filter (seccomp user notification)");
                }
                if (listener < 0)
                        (void)usleep(500);
        }
        if (listener < 0)
                die("take the listener");
        (void)close(pidfd);
        atomic_store(&hands->heard, 1);
        return listener;
}

static void decide(struct shim *s, const struct seccomp_notif *call, struct seccomp_notif_resp *answer)
{
        answer->id = call->id;
        answer->val = 0;
        answer->error = 0;
        answer->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        for (size_t i = 0; i < s->n; i++)
                if (s->rules[i].number == call->data.nr &&
                    (s->comm == NULL || has_comm((pid_t)call->pid, s->comm)) &&
                    ++s->rules[i].count == s->nth) {
                        answer->error = -s->rules[i].error;
                        answer->flags = 0;
                }
}

/* Answers calls until the command has ended; its status. */
static int supervise(struct shim *s, int listener, pid_t child)
{
        struct seccomp_notif *call;
        struct seccomp_notif_resp *answer;
        int status;

        if (seccomp_notify_alloc(&call, &answer) < 0)
                die("allocate a notification");
        for (;;) {
                struct pollfd p = {.fd = listener, .events = POLLIN};

                if (poll(&p, 1, 20) < 0 && errno != EINTR)
                        die("poll");
                if ((p.revents & POLLIN) != 0) {
                        memset(call, 0, sizeof *call); /* or the kernel refuses it */
                        if (seccomp_notify_receive(listener, call) == 0) {
                                decide(s, call, answer);
                                (void)seccomp_notify_respond(listener, answer);
                        }
                        continue;
                }
                /* hung up: nobody is left who has the filter */
                if (waitpid(child, &status, (p.revents & POLLHUP) != 0 ? 0 : WNOHANG) == child) {
                        seccomp_notify_free(call, answer);
                        return status;
                }
        }
}

static void parse(struct shim *s, int argc, char **argv)
{
        static const struct option options[] = {{"nth", required_argument, NULL, 'n'},
                                                {"count", no_argument, NULL, 'c'},
                                                {"comm", required_argument, NULL, 'p'},
                                                {NULL, 0, NULL, 0}};
        int c;

        *s = (struct shim){.nth = -1};
        while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1)
                switch (c) {
                case 'n':
                        s->nth = atol(optarg);
                        break;
                case 'c':
                        s->counting = 1;
                        break;
                case 'p':
                        s->comm = optarg;
                        break;
                default:
                        (void)fputs(usage, stderr);
                        exit(125);
                }
        for (; optind < argc && strcmp(argv[optind], "--") != 0; optind++)
                add_rule(s, argv[optind]);
        if (s->n == 0 || optind + 1 >= argc || (s->counting && s->nth >= 0)) {
                (void)fputs(usage, stderr);
                exit(125);
        }
        optind++;
}

int main(int argc, char **argv)
{
        static struct shim s;
        struct handshake *hands;
        int status;
        pid_t child;

        parse(&s, argc, argv);
        if (s.nth < 0 && !s.counting) {
                if (seccomp_load(make_filter(&s, 0)) < 0)
                        die("load the filter");
                execute(argv + optind);
        }
        hands = mmap(NULL, sizeof *hands, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        child = hands != MAP_FAILED ? fork() : -1;
        if (child < 0)
                die("fork");
        if (child == 0)
                run(&s, hands, argv + optind);
        (void)prctl(PR_SET_NAME, "deny");
        status = supervise(&s, hear(hands, child), child);
        for (size_t i = 0; i < s.n; i++)
                (void)fprintf(stderr, "deny: %s: %ld calls\n", s.rules[i].name, s.rules[i].count);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
