/* How it works: blocked, they wait until the descriptor is read; signalfd(2). */
#include "runtime/engine/signals.h"

#include <signal.h>
#include <sys/signalfd.h>

static sigset_t ours(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGCHLD);
        return set;
}

void signals_block(void)
{
        const sigset_t set = ours();

        (void)sigprocmask(SIG_BLOCK, &set, NULL);
        (void)signal(SIGPIPE, SIG_IGN);
}

int signals_open(void)
{
        const sigset_t set = ours();

        return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}
