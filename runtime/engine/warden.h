/*
 * warden: pid 1 of the namespaces that the zygote lives in. It starts the zygote, makes cells on request and
 * reaps.
 *
 * Its user namespace lies below the keeper's: nothing in it, whatever its capabilities, can undo a mount of
 * the outer sandbox. The zygote may not trace it, having fewer capabilities; all the same it holds no
 * descriptor but its socket and what the zygote gets.
 */
#ifndef TACH_ENGINE_WARDEN_H
#define TACH_ENGINE_WARDEN_H

#include "runtime/engine/launch.h"
#include "sandbox/cell.h"

/* In a process just cloned with CLONE_NEWUSER|CLONE_NEWNS|CLONE_NEWPID; MAP_FD tells that its ids are mapped.
 * SOCKET is the keeper's: see enum keeper_op. */
void warden_main(int socket, int map_fd, const struct cell_plan *plan, const struct launch *zygote)
    __attribute__((noreturn));

#endif
