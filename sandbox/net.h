/* net: the private loopback of a network namespace. */
#ifndef TACH_SANDBOX_NET_H
#define TACH_SANDBOX_NET_H

#include "spec/base/error.h"

/* Sets "lo" up in the calling process's network namespace (rtnetlink, through libnl-route). */
int net_loopback_up(struct error *err);

#endif
