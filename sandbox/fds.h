/* fds: which descriptors a process keeps, and how one is handed over. close_range(2), unix(7). */
#ifndef TACH_SANDBOX_FDS_H
#define TACH_SANDBOX_FDS_H

#include <stddef.h>
#include <sys/types.h>

#include "spec/base/error.h"

/* Closes every descriptor from 3 on but the N of KEEP (ascending; those below 3 are passed over). Closed, not
 * marked close-on-exec: what clones workers never execs. */
int fds_close_others(const int *keep, size_t n, struct error *err);

/* The same for a helper process that needs no standard streams: those of 0, 1 and 2 that are not in KEEP
 * (any order; sorted here) become /dev/null. */
int fds_keep_only(int *keep, size_t n, struct error *err);

/* Sorts N descriptors, as fds_close_others wants them. */
void fds_sort(int *fds, size_t n);

/* Moves FD, which stays its owner's, out of the way of what tests open and close by number: where it is now.
 */
int fds_move_up(int fd);

#define FDS_MAX_SENT 32

/* Sends SIZE bytes as one packet, with the N_ATTACH descriptors of ATTACH: 0 or -errno. */
int fds_send(int socket, const void *bytes, size_t size, const int *attach, size_t n_attach);

/* Takes a packet of at most SIZE bytes and its descriptors, *RET_N of them (room for FDS_MAX_SENT; the
 * caller's, also after an error), if one is there: its length or -errno. */
ssize_t fds_receive(int socket, void *bytes, size_t size, int *ret_fds, size_t *ret_n);

/* The same, and waits until one is there or never will be. */
ssize_t fds_wait(int socket, void *bytes, size_t size, int *ret_fds, size_t *ret_n);

#endif
