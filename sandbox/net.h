/* net: the loopback interface of the calling process's network namespace. */
#ifndef TACH_SANDBOX_NET_H
#define TACH_SANDBOX_NET_H

#include <netlink/socket.h>

#include "spec/base/error.h"
#include "spec/spec.h"

/* The namespaces that a sandbox joins or makes for NETWORK: CLONE_NEWNET, or nothing for the host's. */
unsigned long long net_clone_flag(enum spec_network network);

/* A rtnetlink socket; nl_socket_free. NULL: error. */
struct nl_sock *net_open(struct error *err);

/* RET_SOCK, where it is not NULL, gets the socket that did it: the kernel counts a closed one for a while. */
int net_loopback_up(struct nl_sock **ret_sock, struct error *err);

/* 1: loopback has carried no packet since the namespace was made; 0: it has; -1: unknown. */
int net_is_quiet(struct nl_sock *sock);

#endif
