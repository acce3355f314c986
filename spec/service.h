/*
 * service: the address of a socket of the host that is let into cells. Pure.
 */
#ifndef TACH_SPEC_SERVICE_H
#define TACH_SPEC_SERVICE_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SERVICES_MAX 32 /* of one run */

struct service {
        const char *name; /* as it was written; the caller's */
        union {
                struct sockaddr any;
                struct sockaddr_in in;
                struct sockaddr_in6 in6;
                struct sockaddr_un un;
        } address;
        socklen_t length;
};

/* Reads "127.x.y.z:PORT", "[::1]:PORT" or "unix:/PATH", each in its one form (no leading zeros, no "//", "."
 * or ".."), so that equal services have equal names. Returns NULL, or what is wrong with TEXT. */
const char *service_parse(const char *text, struct service *ret);

#endif
