/*
 * relay: connections of cells that are passed on to services, for the proxy (proxy.h), whose epoll set they
 * are in.
 */
#ifndef TACH_ENGINE_RELAY_H
#define TACH_ENGINE_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/engine/proxy.h"

/* The low bits of an event's data; a connection is aligned. The others are the proxy's. */
enum relay_tag { RELAY_CLIENT = 2, RELAY_SERVER = 3, RELAY_TAGS = 3 };

/* Whose connections they are: a cell. Must live as long as it has any. */
struct relay_owner {
        unsigned connections; /* now */
        int closed;           /* nobody is left there: what was sent is delivered, until DEADLINE */
        double deadline;
        struct service_use use[SERVICES_MAX];
};

struct relay;

struct relays {
        int epoll_fd; /* the proxy's */
        struct relay *first;
        unsigned n, max;
};

/* Seconds, monotonic. */
double relay_now(void);

/* Passes CLIENT (taken) on to S, the service number INDEX, or resets it; OWNER->use says what became of it.
 */
void relay_begin(struct relays *all, struct relay_owner *owner, size_t index, const struct service *s,
                 int client);

/* An event whose data is DATA. */
void relay_event(struct relays *all, uint64_t data, uint32_t events);

/* OWNER was just closed: ends what has nothing left to deliver. */
void relay_owner_closed(struct relays *all, const struct relay_owner *owner);

/* Does what is due and frees what has ended; returns when the next is due, at most NEXT. Not while the events
 * of one epoll_wait are gone through: they may name what has ended. */
double relay_tick(struct relays *all, double next);

#endif
