/* How it works: signals arrive only while it waits (ppoll). It keeps its capabilities, so that a test, which
 * has none, may neither trace it nor see its descriptors. */
#include "sandbox/init.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/fds.h"

static void on_child(int sig)
{
        (void)sig;
}

static void close_others(int socket, const struct proof *proof, const struct nest *nest)
{
        int keep[SCRATCH_MAX_ENTRIES + 12];
        size_t n = 0;

        if (proof != NULL)
                n = proof_fds(proof, keep);
        if (nest->layers_fd >= 0)
                keep[n++] = nest->layers_fd;
        if (nest->limit_fd >= 0)
                keep[n++] = nest->limit_fd;
        keep[n++] = socket;
        fds_sort(keep, n);
        for (int fd = 0; fd < 3; fd++) {
                size_t i = 0;

                while (i < n && keep[i] != fd)
                        i++;
                if (i == n)
                        (void)close(fd);
        }
        if (fds_close_others(keep, n, NULL) < 0)
                _exit(1);
}

static void answer(int socket, const struct proof *proof, struct nest *nest)
{
        char question, dirt;
        ssize_t n = read(socket, &question, 1);

        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n <= 0)
                _exit(0);
        if (question == INIT_NEST) {
                if (nest_make(nest) < 0)
                        _exit(0);
                return;
        }
        dirt = (char)(proof != NULL ? proof_check(proof, question == INIT_PROVE) : DIRT_UNKNOWN);
        if (write(socket, &dirt, 1) != 1)
                _exit(0);
}

void init_loop(int socket, const struct proof *proof, struct nest *nest)
{
        const struct sigaction act = {.sa_handler = on_child};
        sigset_t chld, none;

        (void)sigaction(SIGCHLD, &act, NULL);
        sigemptyset(&none);
        sigemptyset(&chld);
        sigaddset(&chld, SIGCHLD);
        (void)sigprocmask(SIG_SETMASK, &chld, NULL);
        close_others(socket, proof, nest);
        for (;;) {
                struct pollfd p = {.fd = socket, .events = POLLIN};

                while (waitpid(-1, NULL, WNOHANG) > 0)
                        continue;
                if (ppoll(&p, 1, NULL, &none) > 0)
                        answer(socket, proof, nest);
        }
}
