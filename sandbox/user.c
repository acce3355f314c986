/* How it works: a single-id map needs no privilege in the parent namespace and no newuidmap;
 * setgroups must be denied before gid_map can be written without CAP_SETGID. */
#include "sandbox/user.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sandbox/proc.h"
#include "spec/base/cleanup.h"

#define LIMIT "sys/user/max_user_namespaces"

static int write_map(int proc_fd, pid_t pid, const char *name, const char *text, struct error *err)
{
        char path[64];

        (void)snprintf(path, sizeof path, "%d/%s", (int)pid, name);
        return proc_write(proc_fd, path, text, err);
}

int user_map(pid_t pid, uid_t inside_uid, uid_t outside_uid, gid_t inside_gid, gid_t outside_gid,
             struct error *err)
{
        char map[64];
        CLEANUP_CLOSE int proc = proc_open(err);
        int r = proc < 0 ? proc : write_map(proc, pid, "setgroups", "deny", err);

        if (r < 0)
                return r;
        (void)snprintf(map, sizeof map, "%u %u 1\n", (unsigned)inside_uid, (unsigned)outside_uid);
        r = write_map(proc, pid, "uid_map", map, err);
        if (r < 0)
                return r;
        (void)snprintf(map, sizeof map, "%u %u 1\n", (unsigned)inside_gid, (unsigned)outside_gid);
        return write_map(proc, pid, "gid_map", map, err);
}

int user_forbid_namespaces(int proc_fd, struct error *err)
{
        return proc_write(proc_fd, LIMIT, "0", err);
}

int user_open_limit(int proc_fd, struct error *err)
{
        return proc_open_file(proc_fd, LIMIT, err);
}

int user_allow_namespaces(int limit_fd, unsigned most, struct error *err)
{
        return dprintf(limit_fd, "%u", most) < 0
                   ? error_set(err, "user", errno, "write %u to /proc/%s", most, LIMIT)
                   : 0;
}
