/* How it works: the limits are files of the group; a file that its kernel or its controllers do not have is
 * left out, but for memory.max of a limit that was asked for. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/cgroup.h"
#include "sandbox/group.h"
#include "spec/base/cleanup.h"

#define NAME "zygote"

/* The least that FILE limits the group at PATH or one above it to, if that is less than MOST. */
static long long least_above(const char *path, const char *file, long long most)
{
        char at[PATH_MAX];
        size_t n = strlen(path);

        while (n > 0) {
                (void)snprintf(at, sizeof at, "%.*s/%s", (int)n, path, file);
                const long long limit = group_number(AT_FDCWD, at, NULL);

                if (limit >= 0 && limit < most)
                        most = limit;
                while (n > 0 && path[--n] != '/')
                        continue;
        }
        return most;
}

static long long machine_memory(void)
{
        const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

        return pages > 0 && size > 0 && pages < LLONG_MAX / size ? (long long)pages * size : LLONG_MAX;
}

static long long machine_pids(void)
{
        const long long pids = group_number(AT_FDCWD, "/proc/sys/kernel/pid_max", NULL);
        const long long threads = group_number(AT_FDCWD, "/proc/sys/kernel/threads-max", NULL);

        if (pids > 0 && (threads <= 0 || pids < threads))
                return pids;
        return threads > 0 ? threads : LLONG_MAX;
}

/* FILE may be missing. */
static int put(int fd, const char *file, long long value, struct error *err)
{
        char text[24];
        int r;

        (void)snprintf(text, sizeof text, "%lld", value);
        r = group_write(fd, file, text);
        return r < 0 && r != -ENOENT ? error_set(err, "cgroup", -r, "write %s to " NAME "/%s", text, file)
                                     : 0;
}

static int limit_memory(int fd, const char *above, int64_t asked, struct error *err)
{
        const long long all = asked < 0 ? least_above(above, "memory.max", machine_memory()) : 0;
        int r;

        if (asked == 0 || all == LLONG_MAX)
                return 0;
        r = put(fd, "memory.max", asked > 0 ? asked : all / 2, err);
        if (r == 0)
                r = put(fd, "memory.swap.max", 0, err);
        return r == 0 ? put(fd, "memory.oom.group", 1, err) : r;
}

int cgroup_zygote(const struct cgroup *cg, int64_t collect_memory, struct error *err)
{
        long long pids;
        int r = 0;

        if ((cg->controllers & (1u << GROUP_MEMORY | 1u << GROUP_PIDS)) == 0)
                return -ENOENT;
        CLEANUP_CLOSE int base = open(cg->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (base < 0 || mkdirat(base, NAME, 0755) < 0)
                return error_set(err, "cgroup", errno, "make %s/" NAME, cg->path);
        CLEANUP_CLOSE int fd = openat(base, NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(err, "cgroup", errno, "open %s/" NAME, cg->path);
        if ((cg->controllers & 1u << GROUP_MEMORY) != 0)
                r = limit_memory(fd, cg->parent.path, collect_memory, err);
        pids = least_above(cg->parent.path, "pids.max", machine_pids());
        if (r == 0 && (cg->controllers & 1u << GROUP_PIDS) != 0 && pids != LLONG_MAX)
                r = put(fd, "pids.max", pids / 2, err);
        return r < 0 ? r : TAKE_FD(fd);
}

int cgroup_open_zygote(const struct cgroup *cg)
{
        return cg->base_fd >= 0 ? openat(cg->base_fd, NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
}
