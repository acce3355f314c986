/* How it works: every target is resolved once, to an fd, inside the root that it belongs to, and the
 * mount is moved onto that fd: no path string is looked up twice, so a link cannot be swapped in. */
#include "sandbox/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sandbox/mountinfo.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

/* FLAGS: O_NOFOLLOW and O_DIRECTORY say what the last component may be. */
static int resolve_as(int root_fd, const char *path, int flags)
{
        struct open_how how = {.flags = O_PATH | O_CLOEXEC | (unsigned)flags,
                               .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
        int fd;

        do
                fd = sys_openat2(root_fd, path, &how);
        while (fd < 0 && errno == EAGAIN);
        return fd < 0 ? -errno : fd;
}

static int resolve(int root_fd, const char *path)
{
        return resolve_as(root_fd, path, 0);
}

static int make_one(int root_fd, char *path, int file)
{
        char *slash = strrchr(path, '/');
        const char *name = slash + 1;
        int r = 0;

        *slash = '\0';
        CLEANUP_CLOSE int parent = resolve(root_fd, *path != '\0' ? path : "/");
        if (parent < 0)
                r = parent;
        else if (file) {
                CLEANUP_CLOSE int fd =
                    openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0444);
                r = fd < 0 && errno != EEXIST ? -errno : 0;
        } else if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
                r = -errno;
        *slash = '/';
        return r;
}

int mnt_resolve(int root_fd, const char *path, int create, int file, struct error *err)
{
        int fd = resolve(root_fd, path);

        if (fd == -ENOENT && create) {
                CLEANUP_FREE char *copy = strdup(path);

                if (copy == NULL)
                        return error_set(err, "mount", ENOMEM, "resolve %s", path);
                for (char *p = copy + 1;; p++)
                        if (*p == '/' || *p == '\0') {
                                char end = *p;
                                int r;

                                *p = '\0';
                                CLEANUP_CLOSE int have = resolve(root_fd, copy);
                                r = have == -ENOENT ? make_one(root_fd, copy, file && end == '\0') : 0;
                                *p = end;
                                if (r < 0)
                                        return error_set(err, "mount", r, "make mount point %s", path);
                                if (end == '\0')
                                        break;
                        }
                fd = resolve(root_fd, path);
        }
        return fd < 0 ? error_set(err, "mount", fd, "open %s", path) : fd;
}

int mnt_look(int root_fd, const char *path, struct error *err)
{
        int fd = resolve(root_fd, path);

        return fd < 0 && fd != -ENOENT ? error_set(err, "mount", fd, "open %s", path) : fd;
}

int mnt_resolve_folder(int root_fd, const char *path, struct error *err)
{
        int fd = resolve_as(root_fd, path, O_DIRECTORY | O_NOFOLLOW);

        return fd < 0 ? error_set(err, "mount", fd, "open %s, which must be a folder and no link", path) : fd;
}

int mnt_clone_device(int root_fd, const char *path, unsigned major_number, unsigned minor_number,
                     struct error *err)
{
        struct stat st;

        CLEANUP_CLOSE int fd = resolve_as(root_fd, path, O_NOFOLLOW);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set(err, "mount", fd < 0 ? fd : errno, "open %s", path);
        if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(major_number, minor_number))
                return error_set(err, "mount", ENODEV, "%s is not the character device %u:%u", path,
                                 major_number, minor_number);
        return mnt_clone(fd, "", err);
}

int mnt_clone(int dirfd, const char *path, struct error *err)
{
        int fd = open_tree(dirfd, path,
                           OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE |
                               (*path == '\0' ? AT_EMPTY_PATH : 0u));

        return fd < 0 ? error_set(err, "mount", errno, "clone the mount at %s", *path != '\0' ? path : "fd")
                      : fd;
}

int mnt_attach(int tree_fd, int target_fd, unsigned long long flags, struct error *err)
{
        struct mount_attr attr = {.attr_set = flags};

        if (flags != 0 && mount_setattr(tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr) < 0)
                return error_set(err, "mount", errno, "set mount attributes %#llx", flags);
        if (move_mount(tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0) {
                int r = error_set(err, "mount", errno, "attach a mount");

                if (errno == ENOSPC)
                        error_hint(err, "too many mounts: check fs.mount-max");
                return r;
        }
        return 0;
}

int mnt_tmpfs(int target_fd, const char *options, unsigned long long flags, struct error *err)
{
        char target[48];
        unsigned long ms = MS_NOSUID | MS_NODEV | ((flags & MOUNT_ATTR_RDONLY) != 0 ? MS_RDONLY : 0ul);

        (void)snprintf(target, sizeof target, "/proc/self/fd/%d", target_fd);
        if (mount("tmpfs", target, "tmpfs", ms, options) < 0)
                return error_set(err, "mount", errno, "tmpfs (%s)", options);
        return 0;
}

static int mask(int root_fd, const char *path, int readonly, struct error *err)
{
        struct stat st;
        int r = 0;

        CLEANUP_CLOSE int target = resolve_as(root_fd, path, O_NOFOLLOW);
        if (target == -ENOENT || target == -EACCES)
                return 0;
        if (target < 0 || fstat(target, &st) < 0)
                return error_set(err, "mount", target < 0 ? target : errno, "mask %s", path);
        if (S_ISLNK(st.st_mode))
                return error_set(err, "mount", ELOOP, "mask %s: it is a symbolic link", path);
        if (readonly || !S_ISDIR(st.st_mode)) {
                CLEANUP_CLOSE int tree =
                    readonly ? mnt_clone(target, "", err) : mnt_clone_device(root_fd, "/dev/null", 1, 3, err);

                r = tree < 0 ? tree : mnt_attach(tree, target, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, err);
        } else
                r = mnt_tmpfs(target, "size=4k,nr_inodes=2,mode=555", MOUNT_ATTR_RDONLY, err);
        if (r < 0)
                error_context(err, "%s %s", readonly ? "make read-only" : "mask", path);
        return r;
}

int mnt_cover(const char *path, struct error *err)
{
        CLEANUP_CLOSE int at = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

        if (at < 0)
                return error_set(err, "mount", errno, "open %s", path);
        return mnt_tmpfs(at, "size=4k,nr_inodes=2,mode=000", MOUNT_ATTR_RDONLY, err);
}

int mnt_devpts(struct error *err)
{
        if (mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                  "newinstance,ptmxmode=0666,mode=0620") < 0)
                return error_set(err, "mount", errno, "devpts");
        return 0;
}

int mnt_new_proc(struct error *err)
{
        CLEANUP_CLOSE int context = fsopen("proc", FSOPEN_CLOEXEC);
        int fd = -1;

        if (context >= 0 && fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
                fd = fsmount(context, FSMOUNT_CLOEXEC,
                             MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
        return fd < 0 ? error_set(err, "mount", errno, "a fresh /proc") : fd;
}

int mnt_proc(int proc_fd, const char *const *masked, size_t n_masked, const char *const *readonly,
             size_t n_readonly, struct error *err)
{
        CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        CLEANUP_CLOSE int at = mnt_resolve_folder(root, "/proc", err);
        int r = at < 0 ? at : mnt_attach(proc_fd, at, 0, err);

        return r < 0 ? r : mnt_mask(masked, n_masked, readonly, n_readonly, err);
}

int mnt_mask(const char *const *masked, size_t n_masked, const char *const *readonly, size_t n_readonly,
             struct error *err)
{
        CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = root < 0 ? error_set(err, "mount", errno, "open /") : 0;

        for (size_t i = 0; r == 0 && i < n_masked; i++)
                r = mask(root, masked[i], 0, err);
        for (size_t i = 0; r == 0 && i < n_readonly; i++)
                r = mask(root, readonly[i], 1, err);
        return r;
}

int mnt_find_submounts(const char *path, char ***ret, size_t *ret_n, struct error *err)
{
        CLEANUP_MOUNTINFO struct mountinfo mounts;
        struct mountinfo_entry m;
        size_t len = strlen(path), n = 0;
        char **found = NULL;
        int r = mountinfo_open(&mounts, err);

        while (r == 0 && mountinfo_next(&mounts, &m)) {
                char **more;

                if (m.target == NULL || strncmp(m.target, path, len) != 0 || m.target[len] != '/')
                        continue;
                more = reallocarray(found, n + 1, sizeof *found);
                if (more != NULL) {
                        found = more;
                        found[n] = strdup(m.target);
                }
                if (more == NULL || found[n++] == NULL)
                        r = error_set(err, "mount", ENOMEM, "read /proc/self/mountinfo");
        }
        *ret = found;
        *ret_n = n;
        return r;
}
