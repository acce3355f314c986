/* How it works: an isolated worker is killed with its cell; one without a sandbox is first asked to end, so
 * that it can say where it is. Both are then waited for by their deadline. */
#include "runtime/engine/run_internal.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "runtime/engine/again.h"
#include "runtime/engine/scopes.h"

#define ABORT_SECONDS 0.5 /* from SIGABRT, which writes the Python stack, to SIGKILL */
#define MAX_KILLS     5   /* of a worker whose end the zygote does not tell */

/* Ends the worker without a result. */
static void abandon(struct run *run, struct worker *w)
{
        again_tell(run, w, NULL);
        run_move(run, w, WORKER_LEAVING);
        w->abandoned = 1;
        w->deadline = run_now() + RUN_GRACE_SECONDS;
        if (run->plan->isolated || w->abort_sent) {
                worker_kill(w);
        } else {
                w->abort_sent = 1;
                worker_signal(w, SIGINT);
        }
}

void run_stop(struct run *run)
{
        run->stopping = 1;
        for (unsigned i = 0; i < run->n_workers; i++) {
                struct worker *w = &run->workers[i];

                if (w->stage != WORKER_FREE && w->snapshot != NULL && !run->fatal)
                        scopes_stop(run, w);
                else if (w->stage == WORKER_RUNNING || w->stage == WORKER_OFFERING || w->stage == WORKER_IDLE)
                        abandon(run, w);
        }
}

/* The zygote is untrusted: a worker that it does not start, or whose end it does not tell, must not hold up
 * the run. */
static void overdue(struct run *run, struct worker *w, double t)
{
        struct error err = {0};

        if (w->stage == WORKER_RUNNING && w->pidfd < 0 && w->origin >= 0) {
                scopes_break(run, &run->workers[w->origin], "it did not start a worker");
                w->deadline = t + RUN_GRACE_SECONDS;
        } else if (w->stage == WORKER_RUNNING && w->pidfd < 0) {
                (void)error_set(&err, "zygote", 0, "the interpreter did not start a worker within %g s",
                                RUN_UNSTARTED_SECONDS);
                run_fail(run, &err);
                run_stop(run);
        } else if (w->stage == WORKER_LEAVING || w->abort_sent) {
                worker_kill(w);
                w->deadline = t + RUN_GRACE_SECONDS;
                if (++w->kills > MAX_KILLS)
                        run_exited(run, w, SIGKILL);
        } else {
                w->timed_out = w->abort_sent = 1;
                worker_signal(w, SIGABRT);
                w->deadline = t + ABORT_SECONDS;
        }
}

void run_check_deadline(struct run *run, struct worker *w, double t)
{
        struct stat out, err;

        if (w->stage == WORKER_FREE || w->result_fd < 0)
                return;
        if (!w->killed && fstat(w->out_fd, &out) == 0 && fstat(w->err_fd, &err) == 0 &&
            (out.st_size > WORKER_MAX_OUTPUT || err.st_size > WORKER_MAX_OUTPUT ||
             w->console.passed > WORKER_MAX_OUTPUT)) {
                (void)snprintf(w->why_killed, sizeof w->why_killed, "the test printed more than %u MiB",
                               WORKER_MAX_OUTPUT >> 20);
                worker_kill(w);
        }
        if (w->deadline > 0 && t >= w->deadline)
                overdue(run, w, t);
}
