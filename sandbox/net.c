/* How it works: one RTM_NEWLINK with IFF_UP; the kernel adds 127.0.0.1 and ::1 by itself. */
#include "sandbox/net.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <sched.h>

unsigned long long net_clone_flag(enum spec_network network)
{
        return network == SPEC_NETWORK_HOST ? 0 : CLONE_NEWNET;
}

#define LOOPBACK 1 /* its index in every network namespace */

struct nl_sock *net_open(struct error *err)
{
        struct nl_sock *sock = nl_socket_alloc();
        int r = sock != NULL ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

        if (r >= 0)
                return sock;
        nl_socket_free(sock);
        (void)error_set(err, "net", EIO, "open rtnetlink: %s", nl_geterror(r));
        return NULL;
}

int net_loopback_up(struct nl_sock **ret_sock, struct error *err)
{
        struct nl_sock *sock = net_open(err);
        struct rtnl_link *lo = rtnl_link_alloc(), *change = rtnl_link_alloc();
        int r = -NLE_NOMEM;

        if (sock != NULL && lo != NULL && change != NULL) {
                rtnl_link_set_ifindex(lo, LOOPBACK);
                rtnl_link_set_flags(change, IFF_UP);
                r = rtnl_link_change(sock, lo, change, 0);
        }
        rtnl_link_put(change);
        rtnl_link_put(lo);
        if (sock == NULL)
                return -EIO;
        if (r >= 0 && ret_sock != NULL)
                *ret_sock = sock;
        else
                nl_socket_free(sock);
        return r < 0 ? error_set(err, "net", EIO, "set loopback up: %s", nl_geterror(r)) : 0;
}

int net_is_quiet(struct nl_sock *sock)
{
        struct rtnl_link *lo = NULL;
        int quiet = -1;

        if (rtnl_link_get_kernel(sock, LOOPBACK, NULL, &lo) < 0)
                return -1;
        quiet = rtnl_link_get_stat(lo, RTNL_LINK_RX_PACKETS) == 0 &&
                rtnl_link_get_stat(lo, RTNL_LINK_TX_PACKETS) == 0;
        rtnl_link_put(lo);
        return quiet;
}
