/* How it works: the filter of the sandbox holds up each call that it does not let through until it is
 * answered here: refused, or let pass where it is a tripwire. */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/engine/tripwires.h"

static struct worker *worker_of(struct run *run, pid_t pid)
{
        ino_t ns = refusals_pid_namespace(pid);

        for (unsigned i = 0; ns != 0 && i < run->n_workers; i++)
                if (run->workers[i].stage != WORKER_FREE && worker_pid_namespace(&run->workers[i]) == ns)
                        return &run->workers[i];
        return NULL;
}

/* Before its first test a worker may watch its own memory: that is how it can be put back. */
static int may_watch_memory(struct worker *w, const struct refused_call *call)
{
        if (call->nr != SYS_userfaultfd || call->args[0] != (O_CLOEXEC | 1 /* UFFD_USER_MODE_ONLY */) ||
            w == NULL || w->control < 0 || w->has_uffd || w->turns > 0 || w->next > 0)
                return 0;
        w->has_uffd = 1;
        return 1;
}

/* One at a time: a test that makes refused calls without end must not keep the others waiting. */
void run_from_listener(struct run *run, uint32_t events)
{
        const struct filters *f = &run->plan->filters;
        struct refused_call call;
        int r = (events & EPOLLIN) != 0 ? refusals_receive(run->listener, &call) : -EPIPE;

        if (r == 1) {
                struct worker *w = worker_of(run, call.pid);
                const char *tripwire = tripwires_name(call.nr, call.args);
                int errnum;

                if (may_watch_memory(w, &call) ||
                    (tripwire != NULL && filters_allow(f, w != NULL, call.nr, call.args))) {
                        if (w != NULL && tripwire != NULL && w->next > 0)
                                w->tripped = tripwire;
                        refusals_pass(run->listener, &call);
                        return;
                }
                errnum = filters_refusal(f, w != NULL, call.nr, call.args);

                refusals_add(w != NULL ? &w->refusals : &run->refusals, &call, errnum);
                refusals_answer(run->listener, &call, errnum);
        } else if (r < 0) {
                (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, run->listener, NULL);
                (void)close(run->listener);
                run->listener = -1;
        }
}
