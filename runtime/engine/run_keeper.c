/* How it works: the keeper sends what belongs to a cell before the cell itself; it is collected in `received`
 * until then. */
#include "runtime/engine/run_internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

int run_add_cell(struct run *run, const struct cell_maker *maker, int fds[KEEPER_FDS])
{
        struct error err = {0};
        int index = pool_add(&run->pool, maker->slot, fds[0], fds[1]);

        if (index < 0)
                return index;
        if (services_open(&run->services, maker->services, index, &err) < 0)
                run_fail(run, &err);
        if (keep_open(&run->keep, maker->layers, index, maker->cell, &err) < 0)
                run_fail(run, &err);
        if (fds[1] >= 0 && run_watch(run, fds[1], FROM_CELL, (uint32_t)index) < 0) {
                (void)error_set(&err, "run", errno, "epoll");
                run_fail(run, &err);
        }
        fds[0] = fds[1] = -1;
        return 0;
}

/* What was not asked for is forged, and stays in FDS. */
static void new_cell(struct run *run, int fds[KEEPER_FDS])
{
        const struct cell_maker keeper = {.slot = -1,
                                          .cell = KEEP_OUTER,
                                          .services = run->services.received,
                                          .layers = &run->keep.received};

        if (run_add_cell(run, &keeper, fds) == 0)
                run_dispatch(run);
}

/* The zygote runs. Without a listener of its filter, what that refuses is not told. */
static void zygote_ready(struct run *run, int fds[KEEPER_FDS])
{
        struct error err = {0};

        if (services_open(&run->services, run->services.received, SERVICES_OUTER, &err) < 0 ||
            keep_open(&run->keep, &run->keep.received, KEEP_OUTER, KEEP_OUTER, &err) < 0)
                run_fail(run, &err);
        if (run->listener < 0 && fds[1] >= 0 && refusals_is_listener(fds[1]) &&
            run_watch(run, fds[1], FROM_LISTENER, 0) == 0)
                run->listener = TAKE_FD(fds[1]);
        run->stream.unheard = run->listener < 0;
}

void run_from_keeper(struct run *run)
{
        struct keeper_message m;
        struct error err = {0};
        int fds[KEEPER_FDS], r;

        while ((r = keeper_receive(run->zygote.keeper.socket, &m, fds)) == 1) {
                if (m.op == KEEPER_CGROUP && run->leaves.tree_fd < 0) {
                        if (leaves_open(&run->leaves, TAKE_FD(fds[0]), &err) < 0)
                                run_fail(run, &err);
                } else if (m.op == KEEPER_EXITED)
                        run_zygote_ended(run, m.status);
                else if (m.err.phase[0] != '\0')
                        run_fail(run, &m.err);
                else if (m.op == KEEPER_CELL)
                        new_cell(run, fds);
                else if (m.op == KEEPER_SERVICE)
                        services_receive(&run->services, run->services.received, m.status, TAKE_FD(fds[0]));
                else if (m.op == KEEPER_UPPER)
                        keep_receive(&run->keep, &run->keep.received, m.status, TAKE_FD(fds[0]));
                else if (m.op == KEEPER_READY)
                        zygote_ready(run, fds);
                keeper_close(fds);
        }
        if (r < 0) {
                (void)epoll_ctl(run->epoll_fd, EPOLL_CTL_DEL, run->zygote.keeper.socket, NULL);
                run->zygote_gone = 1;
                (void)error_set(&err, "keeper", 0, "the keeper of the sandbox was killed");
                if (!run->quitting)
                        run_fail(run, &err);
        }
}
