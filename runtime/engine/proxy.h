/*
 * proxy: the process that passes connections from cells on to services of the host. One a run, outside of any
 * sandbox; it ends with the engine.
 *
 * It gets listening sockets that cells made, and accepts there. What a connection leads to is fixed by the
 * service that the socket stands for: nothing that comes from a cell is ever read as an address. Bytes are
 * passed on as they come, both ways, each way with its own end (half-close); descriptors and credentials
 * are not passed on.
 *
 * The engine asks in packets; PROXY_COUNT is answered with a struct service_use for each service.
 */
#ifndef TACH_ENGINE_PROXY_H
#define TACH_ENGINE_PROXY_H

#include <stddef.h>
#include <stdint.h>

#include "spec/service.h"

#define PROXY_MAX_CONNECTIONS 256 /* at once, of one cell */

enum proxy_op {
        PROXY_OPEN = 1, /* a new cell: the listening sockets are attached, in the services' order */
        PROXY_COUNT,    /* what the cell used since the last count? */
        PROXY_CLOSE,    /* the cell is gone: listen no more, deliver what was sent, forget its name */
};

struct proxy_request {
        int32_t op;
        int32_t cell; /* the engine's name for it, >= -1 */
};

/* Why a connection failed, where no errno says it. */
#define PROXY_TOO_MANY (-1)

struct service_use {
        uint32_t connections;
        uint32_t failed; /* of those */
        int32_t why;     /* errno of the first that failed, or PROXY_TOO_MANY */
};

/* Serves requests from SOCKET until it is closed, then delivers what is left and ends. Keeps no other
 * descriptor. */
void proxy_main(int socket, const struct service *services, size_t n) __attribute__((noreturn));

#endif
