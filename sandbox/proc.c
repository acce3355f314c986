/* How it works: the root of the tree is known by its file system's magic number, and the rest of the way is
 * one openat2. */
#include "sandbox/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

int proc_open(struct error *err)
{
        struct statfs fs;

        CLEANUP_CLOSE int fd = open("/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0 || fstatfs(fd, &fs) < 0)
                return error_set(err, "proc", errno, "open /proc");
        if (fs.f_type != PROC_SUPER_MAGIC) {
                int r = error_set(err, "proc", EXDEV, "/proc is no procfs");

                error_hint(err, "mount one: mount -t proc proc /proc");
                return r;
        }
        return TAKE_FD(fd);
}

int proc_open_file(int proc_fd, const char *name, struct error *err)
{
        const struct open_how how = {.flags = O_WRONLY | O_CLOEXEC,
                                     .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV};
        int fd = sys_openat2(proc_fd, name, &how);

        return fd < 0 ? error_set(err, "proc", errno, "open /proc/%s", name) : fd;
}

int proc_write(int proc_fd, const char *name, const char *text, struct error *err)
{
        CLEANUP_CLOSE int fd = proc_open_file(proc_fd, name, NULL);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return error_set(err, "proc", errno, "write \"%s\" to /proc/%s", text, name);
        return 0;
}
