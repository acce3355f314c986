/* How it works: a single-id map needs no privilege in the parent namespace and no newuidmap;
 * setgroups must be denied before gid_map can be written without CAP_SETGID. */
#include "sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

static int proc_write(pid_t pid, const char *name, const char *text, struct error *err)
{
        char path[64];
        int r = 0;

        (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
        CLEANUP_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                r = error_set(err, "user", errno, "write \"%s\" to %s", text, path);
        return r;
}

int user_map(pid_t pid, uid_t inside_uid, uid_t outside_uid, gid_t inside_gid, gid_t outside_gid,
             struct error *err)
{
        char map[64];
        int r = proc_write(pid, "setgroups", "deny", err);

        if (r < 0)
                return r;
        (void)snprintf(map, sizeof map, "%u %u 1\n", (unsigned)inside_uid, (unsigned)outside_uid);
        r = proc_write(pid, "uid_map", map, err);
        if (r < 0)
                return r;
        (void)snprintf(map, sizeof map, "%u %u 1\n", (unsigned)inside_gid, (unsigned)outside_gid);
        return proc_write(pid, "gid_map", map, err);
}
