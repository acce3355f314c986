/* How it works: one RTM_NEWLINK with IFF_UP; the kernel adds 127.0.0.1 and ::1 by itself. */
#include "sandbox/net.h"

#include <errno.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

int net_loopback_up(struct error *err)
{
        struct nl_sock *sock = nl_socket_alloc();
        struct rtnl_link *lo = rtnl_link_alloc(), *change = rtnl_link_alloc();
        int r = -NLE_NOMEM;

        if (sock != NULL && lo != NULL && change != NULL) {
                rtnl_link_set_ifindex(lo, 1);
                rtnl_link_set_flags(change, IFF_UP);
                r = nl_connect(sock, NETLINK_ROUTE);
                if (r >= 0)
                        r = rtnl_link_change(sock, lo, change, 0);
        }
        rtnl_link_put(change);
        rtnl_link_put(lo);
        nl_socket_free(sock);
        return r < 0 ? error_set(err, "net", EIO, "set loopback up: %s", nl_geterror(r)) : 0;
}
