/*
 * services: sockets of the host that are let into cells, as the engine sees them. The connections themselves
 * are the proxy's (proxy.h).
 *
 * The keeper and every cell listen on the services' addresses and hand the sockets over before anything else
 * runs there. With no services nothing is started and every call returns at once.
 */
#ifndef TACH_ENGINE_SERVICES_H
#define TACH_ENGINE_SERVICES_H

#include <stddef.h>
#include <sys/types.h>

#include "runtime/engine/proxy.h"
#include "sandbox/listen.h"
#include "spec/base/error.h"
#include "spec/spec.h"

#define SERVICES_OUTER (-1) /* the outer sandbox, where the number of a cell is asked for */

struct services {
        const struct service *list; /* the plan's */
        size_t n;
        int socket; /* to the proxy */
        pid_t proxy;
        int received[SERVICES_MAX]; /* listening sockets of the keeper's cell that is being made; -1: not yet
                                     */
};

/* Writes to LIST (room for SERVICES_MAX) what SPEC lets in, *RET_N of them; the strings stay the spec's. With
 * the host's network, TCP needs no letting in. Errors: phase "service", where the network cannot carry one.
 */
int services_plan(const struct spec *spec, struct service *list, size_t *ret_n, struct error *err);

/* Starts the proxy of what PLAN lists, which must outlive S. Whatever it returns, S is for services_stop. */
int services_start(struct services *s, const struct listen_plan *plan, struct error *err);

/* Takes FD (it is closed here in any case), which a sandbox handed over as its socket for the service INDEX,
 * to RECEIVED: those of the maker that makes that sandbox. */
void services_receive(const struct services *s, int *received, int index, int fd);

/* What was RECEIVED belongs to the cell number CELL, or to SERVICES_OUTER. An incomplete set is an error. */
int services_open(struct services *s, int *received, int cell, struct error *err);

/* What CELL used since the last count, in USE[0..n). Connections that a process of the cell has made before
 * this call are in it. */
int services_count(struct services *s, int cell, struct service_use *use, struct error *err);

/* Nothing listens for CELL any more, and its number is free. */
void services_close(struct services *s, int cell);

/* After the sandbox has ended: waits until what tests sent is delivered (a second at most), and ends the
 * proxy. */
void services_stop(struct services *s);

/* "ECONNREFUSED (Connection refused)", or what else WHY says; in BUF. */
const char *services_why(int why, char *buf, size_t size);

#endif
