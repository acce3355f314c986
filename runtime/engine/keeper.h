/*
 * keeper: the process that is pid 1 of the outer sandbox. It starts the zygote there and makes cells on
 * request. Whatever ends the keeper ends everything in the sandbox; the keeper ends with the engine.
 */
#ifndef TACH_ENGINE_KEEPER_H
#define TACH_ENGINE_KEEPER_H

#include <sys/types.h>

#include "sandbox/cell.h"
#include "sandbox/enter.h"
#include "spec/base/error.h"

/* How the zygote (or a single command) is started. Strings are the caller's. */
struct launch {
        char *const *argv;
        char *const *envp;
        const char *cwd;
        int stdin_fd, stdout_fd, stderr_fd;
        const int *pass; /* descriptors kept under their own numbers */
        size_t n_pass;
        int bare;                       /* no isolation: no capabilities are handed over */
        const struct enter_plan *enter; /* given: it runs in a cell of its own, as a worker would */
};

enum keeper_op {
        KEEPER_READY =
            1, /* the outer sandbox stands, what was launched runs (its pidfd is attached); or err says why */
        KEEPER_CELL,   /* answer to KEEPER_MAKE; a pidfd is attached */
        KEEPER_EXITED, /* the zygote ended: status */
        KEEPER_MAKE,   /* request */
};

struct keeper_message {
        int op;
        int status;
        struct error err; /* phase[0] == 0: none */
};

struct keeper {
        pid_t pid;
        int pidfd;
        int socket; /* SOCK_SEQPACKET, non-blocking */
};

/* Clones the keeper; it answers with KEEPER_READY. */
int keeper_start(struct keeper *k, const struct cell_plan *plan, const struct launch *zygote,
                 struct error *err);
int keeper_ask_cell(struct keeper *k, struct error *err);
/* One message; *RET_FD the attached descriptor or -1. 1: got one; 0: none now; -EPIPE: the keeper is gone. */
int keeper_receive(struct keeper *k, struct keeper_message *ret, int *ret_fd);
/* Kills the keeper with all that is in the sandbox, and reaps it. */
void keeper_stop(struct keeper *k);

/* Starts L without any sandbox, as the engine's own child. */
pid_t launch_bare(const struct launch *l, struct error *err);

#endif
