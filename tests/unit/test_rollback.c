/* A process that is put back: each case runs in a child, whose exit code says what it saw. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/memory.h"
#include "sandbox/rollback.h"

#define ROUNDS 20

static struct rollback *the;
static int counter = 7;
static char *big;

enum { FINE = 0, SEEN = 1, NO_POINT = 2, SPENT = 3, DIFFERS = 4 };

/* Runs LEAVE ROUNDS times, rolled back after each; LOOK must find nothing of it. */
static int rounds(void (*leave)(void), int (*look)(void))
{
        const char *why;
        int n;

        big = malloc(1 << 20);
        memset(big, 'a', 1 << 20);
        n = rollback_point(&the, -1, -1, 1, &why);
        if (n < 0) {
                (void)fprintf(stderr, "no point: %s: %s\n", why, strerror(-n));
                return NO_POINT;
        }
        if (rollback_differs()[0] != '\0') {
                (void)fprintf(stderr, "%s\n", rollback_differs());
                return DIFFERS;
        }
        if (look() || counter != 7 || big[4096] != 'a')
                return SEEN;
        if (n == ROUNDS)
                return FINE;
        counter++;
        leave();
        why = rollback_back(the);
        (void)fprintf(stderr, "spent: %s\n", why);
        return SPENT;
}

static int in_child(void (*leave)(void), int (*look)(void))
{
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(rounds(leave, look));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static int can_roll_back(void)
{
        const int fd = memory_open_uffd();

        if (fd >= 0)
                (void)close(fd);
        return fd >= 0;
}

#define NEEDS_KERNEL()                                                                                       \
        do {                                                                                                 \
                if (!can_roll_back())                                                                        \
                        skip();                                                                              \
        } while (0)

static int look_nothing(void)
{
        return 0;
}

static void leave_memory(void)
{
        memset(big, 'b', 1 << 20);
        big[0] = 'c';
        free(big);
        for (int i = 0; i < 100; i++)
                if (malloc((size_t)1 << (i % 22)) == NULL)
                        abort();
        big = malloc(1000);
}

static void leave_mappings(void)
{
        char *p = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        volatile char deep[300000];

        memset(p, 1, 1 << 24);
        deep[0] = 1; /* the stack grows */
        (void)deep;
        /* big is a mapping of its own, or part of the heap: a hole in it */
        (void)munmap((void *)(((uintptr_t)big + 65536) & ~(uintptr_t)4095), 65536);
}

static int fd_count;

static int look_fds(void)
{
        const int fd = dup(0);
        int differs = 0;

        if (fd_count == 0)
                fd_count = fd;
        differs = fd != fd_count;
        (void)close(fd);
        return differs || fcntl(777, F_GETFD) != -1;
}

static void leave_fds(void)
{
        (void)dup(0);
        (void)dup2(0, 777);
        (void)epoll_create1(0);
}

static int look_state(void)
{
        struct sigaction act;
        struct rlimit l;
        char cwd[100], name[16];
        mode_t mask = umask(022);
        sigset_t set;

        (void)umask(mask);
        (void)sigaction(SIGUSR1, NULL, &act);
        (void)getrlimit(RLIMIT_CORE, &l);
        (void)prctl(PR_GET_NAME, name);
        (void)sigprocmask(SIG_SETMASK, NULL, &set);
        return act.sa_handler != SIG_DFL || mask == 077 || getcwd(cwd, sizeof cwd) == NULL ||
               strcmp(cwd, "/proc") == 0 || strcmp(name, "dirty") == 0 || sigismember(&set, SIGUSR2);
}

static void leave_state(void)
{
        sigset_t set;
        siginfo_t info;

        (void)signal(SIGUSR1, SIG_IGN);
        (void)umask(077);
        if (chdir("/proc") < 0)
                abort();
        (void)prctl(PR_SET_NAME, "dirty");
        sigemptyset(&set);
        sigaddset(&set, SIGUSR2);
        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        if (fork() == 0)
                _exit(0);
        (void)waitid(P_ALL, 0, &info, WEXITED | WNOWAIT); /* it is a zombie, and stays one */
}

static void *nothing(void *arg)
{
        return arg;
}

static void leave_joined_thread(void)
{
        pthread_t t;

        if (pthread_create(&t, NULL, nothing, NULL) != 0)
                abort();
        (void)pthread_join(t, NULL);
}

static void *forever(void *arg)
{
        for (;;)
                (void)pause();
        return arg;
}

static void leave_thread(void)
{
        pthread_t t;

        if (pthread_create(&t, NULL, forever, NULL) != 0)
                abort();
}

static void leave_timer(void)
{
        timer_t t;

        if (timer_create(CLOCK_MONOTONIC, &(struct sigevent){.sigev_notify = SIGEV_NONE}, &t) < 0)
                abort();
}

static void leave_child(void)
{
        if (fork() == 0) {
                (void)usleep(200000);
                _exit(0);
        }
}

static void leave_closed(void)
{
        (void)close(0);
}

static void leave_replaced(void)
{
        const int fd = open("/dev/zero", O_RDONLY);

        (void)dup2(fd, 0);
}

static void leave_hole_in_file(void)
{
        /* a file's mapping that a test took away cannot be had back */
        (void)munmap((void *)((uintptr_t)&counter & ~(uintptr_t)4095), 0);
        (void)mlock(big, 4096);
}

static void put_back(void **state)
{
        (void)state;
        NEEDS_KERNEL();
        assert_int_equal(in_child(leave_memory, look_nothing), FINE);
        assert_int_equal(in_child(leave_mappings, look_nothing), FINE);
        assert_int_equal(in_child(leave_fds, look_fds), FINE);
        assert_int_equal(in_child(leave_state, look_state), FINE);
        assert_int_equal(in_child(leave_joined_thread, look_nothing), FINE);
}

static void spent(void **state)
{
        (void)state;
        NEEDS_KERNEL();
        assert_int_equal(in_child(leave_thread, look_nothing), SPENT);
        assert_int_equal(in_child(leave_timer, look_nothing), SPENT);
        assert_int_equal(in_child(leave_child, look_nothing), SPENT);
        assert_int_equal(in_child(leave_closed, look_nothing), SPENT);
        assert_int_equal(in_child(leave_replaced, look_nothing), SPENT);
        assert_int_equal(in_child(leave_hole_in_file, look_nothing), SPENT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(put_back), cmocka_unit_test(spent)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
