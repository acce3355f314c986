/*
 * keeper: the process that is pid 1 of the outer sandbox. It mounts what is seen there and starts the warden
 * (warden.h), which starts the zygote and makes cells on request. Whatever ends the keeper ends everything in
 * the sandbox; the keeper ends with the engine.
 */
#ifndef TACH_ENGINE_KEEPER_H
#define TACH_ENGINE_KEEPER_H

#include <sys/types.h>

#include "runtime/engine/launch.h"
#include "sandbox/cell.h"
#include "spec/base/error.h"

enum keeper_op {
        KEEPER_CGROUP = 100, /* the run's control groups, read-only and without a way up, are attached */
        KEEPER_READY = 1, /* the outer sandbox stands, what was launched runs (its pidfd is attached, and its
                           * filter's listener where it has one); or err says why */
        KEEPER_CELL,      /* answer to KEEPER_MAKE; a pidfd and, where cells are reused, a socket (cell.h) */
        KEEPER_EXITED,    /* the zygote ended: status */
        KEEPER_SERVICE, /* before KEEPER_READY and KEEPER_CELL: the sandbox's socket for service number status
                         */
        KEEPER_UPPER,   /* likewise, where they are asked for: the upper layer of the project's part status */
        KEEPER_MAKE,    /* request */
        KEEPER_FILTER,  /* to the keeper of a single command: the command's filter is attached */
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

#define KEEPER_FDS 2 /* descriptors that a message may carry */

/* Sends M with the descriptors of ATTACH (NULL: none) up to the first that is < 0: 0 or -errno. */
int keeper_send(int socket, const struct keeper_message *m, const int *attach);

/* PLAN->hand_over.layer of cell_plan. */
int keeper_hand_over_layer(int socket, size_t part, int fd);

/* Clones the keeper; it answers with KEEPER_CGROUP where PLAN has control groups, then KEEPER_READY. */
int keeper_start(struct keeper *k, const struct cell_plan *plan, const struct launch *zygote,
                 struct error *err);
/* 0 or -errno; -EAGAIN: as many requests wait as the socket holds. */
int keeper_ask_cell(struct keeper *k);
/* One message of the keeper's socket, or of a cell's in which cells are made; RET_FDS: the attached
 * KEEPER_FDS descriptors or -1; the caller's where it returns 1. 1: got one; 0: none now; -EPIPE: the keeper
 * is gone. */
int keeper_receive(int socket, struct keeper_message *ret, int *ret_fds);
/* Closes those of KEEPER_FDS descriptors that are there. */
void keeper_close(const int *fds);
/* Kills the keeper with all that is in the sandbox, and reaps it. */
void keeper_stop(struct keeper *k);

#endif
