/*
 * listen: sockets in a sandbox that stand for services of the host. unix(7), ip(7).
 */
#ifndef TACH_SANDBOX_LISTEN_H
#define TACH_SANDBOX_LISTEN_H

#include <stddef.h>

#include "spec/base/error.h"
#include "spec/service.h"

/* How a sandbox hands over what it listens on: whoever is left inside must not hold it. */
struct listen_plan {
        const struct service *services;
        size_t n;
        int socket;                                         /* what HAND_OVER sends on */
        int (*hand_over)(int socket, size_t index, int fd); /* 0 or -errno */
};

/* Listens on every service's address in the calling process's network and mount namespaces, and hands each
 * socket over. A Unix socket's missing folders are made. Errors: phase "service". */
int listen_services(const struct listen_plan *plan, struct error *err);

#endif
