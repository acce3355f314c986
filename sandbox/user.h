/* user: the id maps of a user namespace. user_namespaces(7). */
#ifndef TACH_SANDBOX_USER_H
#define TACH_SANDBOX_USER_H

#include <sys/types.h>

#include "spec/base/error.h"

/* Maps INSIDE_UID/GID to OUTSIDE_UID/GID, one id each, in the user namespace of PID, which the
 * caller has just cloned; setgroups is denied first. Called once, from the parent namespace. */
int user_map(pid_t pid, uid_t inside_uid, uid_t outside_uid, gid_t inside_gid, gid_t outside_gid,
             struct error *err);

/* Lets nobody make a user namespace below the caller's own, whatever its filter. PROC_FD: a procfs's root. */
int user_forbid_namespaces(int proc_fd, struct error *err);

/* What that wrote to, so that user_allow_namespaces can take it back: a descriptor or -errno. */
int user_open_limit(int proc_fd, struct error *err);
int user_allow_namespaces(int limit_fd, unsigned most, struct error *err);

#endif
