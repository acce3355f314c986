/* How it works: each makes mounts in a mount namespace of its own, on a tmpfs over /tmp that only it sees. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sandbox/advice.h"
#include "sandbox/caps.h"
#include "sandbox/mnt.h"
#include "sandbox/probe.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

/* What those that need the feature "mount" begin with. */
static int private_mounts(struct probe_report *r)
{
        int e = probe_private_mounts(r);

        if (e < 0)
                probe_needs(r, "mount");
        return e;
}

static int another_root(struct probe_report *r)
{
        int e = probe_private_mounts(r);

        if (e == 0 && (chdir("/tmp") < 0 || sys_pivot_root(".", ".") < 0))
                e = probe_step(r, errno, "pivot_root");
        if (e == 0 && umount2(".", MNT_DETACH) < 0)
                e = probe_step(r, errno, "umount2");
        return e;
}

void probe_mount(struct probe_report *r)
{
        if (probe_inside(CLONE_NEWNS, another_root, r) == 0)
                return;
        if (r->errnum == ENOENT && r->cause[0] == '\0') {
                probe_cause(r, "there is no folder /tmp, where a sandbox is built");
                probe_fix(r, "mkdir -m 1777 /tmp");
        }
        advice_inside(r);
}

static int move_a_tree(struct probe_report *r)
{
        struct mount_attr rdonly = {.attr_set = MOUNT_ATTR_RDONLY};
        int e = private_mounts(r);

        if (e < 0)
                return e;
        CLEANUP_CLOSE int tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (tree < 0)
                return probe_step(r, errno, "open_tree");
        if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &rdonly, sizeof rdonly) < 0)
                return probe_step(r, errno, "mount_setattr");
        if (move_mount(tree, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) < 0)
                return probe_step(r, errno, "move_mount");
        return 0;
}

void probe_mount_api(struct probe_report *r)
{
        if (probe_inside(CLONE_NEWNS, move_a_tree, r) < 0)
                advice_call(r, r->step, 5, strcmp(r->step, "mount_setattr") == 0 ? 12 : 2);
}

/* An overlay at /tmp/LEVEL/all with the folder LOWER below it, as a project gets one. */
static int stack(struct probe_report *r, int level, const char *lower)
{
        static const char *const names[] = {"", "/up", "/work", "/all"};
        char path[64], options[256];

        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                (void)snprintf(path, sizeof path, "/tmp/%d%s", level, names[i]);
                if (mkdir(path, 0755) < 0)
                        return probe_step(r, errno, "mkdir on a tmpfs");
        }
        (void)snprintf(options, sizeof options,
                       "lowerdir=%s,upperdir=/tmp/%d/up,workdir=/tmp/%d/work,userxattr,volatile,xino=on",
                       lower, level, level);
        if (mount("overlay", path, "overlay", MS_NOSUID | MS_NODEV, options) < 0)
                return probe_step(r, errno, "mount an overlay in a user namespace");
        return 0;
}

static int lower_folder(struct probe_report *r)
{
        int e = private_mounts(r);

        if (e == 0 && (mkdir("/tmp/lower", 0755) < 0 || mkdir("/tmp/lower/folder", 0755) < 0))
                e = probe_step(r, errno, "mkdir on a tmpfs");
        return e;
}

static int one_overlay(struct probe_report *r)
{
        int e = lower_folder(r);

        if (e == 0)
                e = stack(r, 0, "/tmp/lower");
        if (e < 0)
                return e;
        if (rmdir("/tmp/0/all/folder") < 0)
                return probe_step(r, errno, "remove a folder on an overlay");
        probe_fact_bool(r, "folders_replaced", mkdir("/tmp/0/all/folder", 0755) == 0);
        return 0;
}

void probe_overlay(struct probe_report *r)
{
        if (probe_inside(CLONE_NEWNS, one_overlay, r) < 0) {
                if (r->errnum == ENODEV) {
                        probe_cause(r, "the kernel has no overlay file system, or its module is not loaded");
                        probe_fix(r, "sudo modprobe overlay");
                } else if (!advice_kernel_is(5, 11))
                        advice_call(r, "the overlay in user namespaces (userxattr)", 5, 11);
                advice_inside(r);
        } else if (r->facts[0].number == 0) {
                probe_cause(r, "tmpfs has no user attributes before Linux 6.6: a test cannot make a folder "
                               "again that it removed from the project");
                probe_fix(r, "boot a newer kernel");
        }
}

static int overlays(struct probe_report *r)
{
        int e = lower_folder(r);

        for (int level = 0; e == 0 && level < 2; level++)
                e = stack(r, level, level == 0 ? "/tmp/lower" : "/tmp/0/all");
        return e;
}

void probe_overlay_on_overlay(struct probe_report *r)
{
        if (probe_inside(CLONE_NEWNS, overlays, r) == 0)
                return;
        if (r->errnum == EINVAL)
                probe_cause(r, "this kernel stacks no overlay on another: a project on the overlay of a "
                               "container cannot be seen copy-on-write");
        if (r->cause[0] == '\0')
                probe_needs(r, "overlay");
}

/* Mounts below /proc but for those on folders that the kernel keeps empty: they reveal nothing. */
static int is_harmless(const char *path)
{
        return strcmp(path, "/proc/sys/fs/binfmt_misc") == 0 || strcmp(path, "/proc/fs/nfsd") == 0;
}

static int fresh_proc(struct probe_report *r)
{
        int e = private_mounts(r);

        if (e == 0 && mount("proc", "/tmp", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                e = probe_step(r, errno, "mount a fresh /proc in a pid namespace");
        return e;
}

void probe_proc(struct probe_report *r)
{
        char **mounts = NULL, list[400] = "";
        size_t n = 0, masked = 0, used = 0;

        probe_fact_list(r, "masked");
        (void)mnt_find_submounts("/proc", &mounts, &n, NULL);
        for (size_t i = 0; i < n; i++) {
                if (!is_harmless(mounts[i])) {
                        probe_fact_add(r, "masked", mounts[i]);
                        if (masked++ < 8)
                                used += (size_t)snprintf(list + used, sizeof list - used, "%s%.40s",
                                                         used > 0 ? ", " : "", mounts[i]);
                }
                free(mounts[i]);
        }
        free(mounts);
        if (probe_inside(CLONE_NEWNS | CLONE_NEWPID, fresh_proc, r) == 0 || r->cause[0] != '\0')
                return;
        if (masked > 0 && (r->errnum == EPERM || r->errnum == EACCES)) {
                probe_cause(
                    r,
                    "/proc here has other mounts on it (%s%s), as containers mask it: the kernel shows "
                    "no fresh one to who sees no whole one (\"VFS: Mount too revealing\")",
                    list, masked > 8 ? ", ..." : "");
                advice_container(r);
        } else if (r->errnum == EPERM && access("/proc/self", F_OK) < 0) {
                probe_cause(r, "there is no procfs at /proc");
                probe_fix(r, "mount -t proc proc /proc");
        } else
                advice_inside(r);
}

/* Whether PATH can be searched, and where WHOLE read. */
static int is_open(const char *path, int whole)
{
        CLEANUP_CLOSE int fd = open(path, (whole ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC);

        return fd >= 0 && faccessat(fd, ".", F_OK, 0) == 0;
}

/* Each folder on the way to the given one, as somebody who has no power over the files of others. */
static int walk(struct probe_report *r)
{
        const cap_t empty = cap_init();
        char path[sizeof r->folder];

        if (empty == NULL || cap_set_proc(empty) < 0) {
                (void)probe_step(r, errno, "drop the capabilities");
                probe_needs(r, "capabilities");
                return -EPERM;
        }
        for (size_t n = 1; n <= strlen(r->folder); n++) {
                const int whole = r->folder[n] == '\0';

                if (n > 1 && !whole && r->folder[n] != '/')
                        continue;
                (void)snprintf(path, sizeof path, "%.*s", (int)n, r->folder);
                if (!is_open(path, whole)) {
                        const int e = errno;

                        probe_fact_text(r, "blocked", path);
                        return probe_step(r, e, "open %.200s", path);
                }
        }
        return 0;
}

void probe_folder(struct probe_report *r)
{
        struct stat st;
        const char *path;

        probe_fact_text(r, "folder", r->folder);
        probe_fact_text(r, "blocked", NULL);
        if (probe_inside(CLONE_NEWNS, walk, r) == 0 || r->cause[0] != '\0')
                return;
        path = r->facts[1].text;
        if (stat(path, &st) < 0) {
                probe_cause(r, "%.200s cannot be looked up", path);
                return;
        }
        probe_cause(r,
                    "%.200s (mode %04o, of uid %u) is closed to uid %u in a user namespace, where nobody has "
                    "power over the files of others",
                    path, st.st_mode & 07777, (unsigned)st.st_uid, (unsigned)geteuid());
        probe_fix(r, "run tach as uid %u, or: chmod o+rx %.200s", (unsigned)st.st_uid, path);
}
