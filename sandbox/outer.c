/* How it works: the new root is a read-only clone of the machine's mounts with its own /dev, /proc and
 * private directories. The project and what is written to it lie under /dev/.tach, where cells find them. */
#include "sandbox/outer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sandbox/mnt.h"
#include "sandbox/mounts.h"
#include "sandbox/private.h"
#include "sandbox/proc.h"
#include "sandbox/project.h"
#include "sandbox/sys.h"
#include "sandbox/user.h"
#include "spec/base/cleanup.h"

#define LAYERS CELL_LAYERS

static int outer_dev(int root_fd, struct error *err)
{
        static const struct {
                const char *path;
                unsigned major, minor;
        } nodes[] = {{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
                     {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0}};
        static const char *const links[][2] = {{"/proc/self/fd", "fd"},
                                               {"/proc/self/fd/0", "stdin"},
                                               {"/proc/self/fd/1", "stdout"},
                                               {"/proc/self/fd/2", "stderr"},
                                               {"pts/ptmx", "ptmx"}};
        int trees[sizeof nodes / sizeof *nodes];
        int r = 0;

        /* in the new root they are no devices any more (nodev) */
        CLEANUP_CLOSE int host = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (host < 0)
                return error_set(err, "mount", errno, "open /");

        for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
                trees[i] = mnt_clone_device(host, nodes[i].path, nodes[i].major, nodes[i].minor, err);
                if (trees[i] < 0)
                        return trees[i];
        }
        CLEANUP_CLOSE int under = mnt_resolve_folder(root_fd, "/dev", err);
        if (under < 0)
                return under;
        r = mnt_tmpfs(under, "size=64k,mode=755", 0, err);
        CLEANUP_CLOSE int dev = r == 0 ? mnt_resolve(root_fd, "/dev", 0, 0, err) : r;
        if (dev < 0)
                return dev;
        for (size_t i = 0; r == 0 && i < sizeof nodes / sizeof *nodes; i++) {
                CLEANUP_CLOSE int at = mnt_resolve(root_fd, nodes[i].path, 1, 1, err);
                CLEANUP_CLOSE int tree = trees[i];
                /* the node is the host's: read-only, or its owner could change its mode and times */
                r = at < 0 ? at : mnt_attach(tree, at, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, err);
        }
        for (size_t i = 0; r == 0 && i < sizeof links / sizeof *links; i++)
                if (symlinkat(links[i][0], dev, links[i][1]) < 0)
                        r = error_set(err, "mount", errno, "/dev/%s", links[i][1]);
        if (r == 0 && (mkdirat(dev, "shm", 01777) < 0 || mkdirat(dev, "pts", 0755) < 0 ||
                       mkdirat(dev, ".tach", 0700) < 0))
                r = error_set(err, "mount", errno, "make the folders of /dev");
        return r;
}

/* The kernel lets a user namespace mount a procfs only where it already sees one that nothing masks. This is
 * that one: covered, and the cover is locked for whoever lives below, so that nobody can reach it. */
static int outer_proc(struct error *err)
{
        static const char dir[] = LAYERS "/hidden", proc[] = LAYERS "/hidden/proc";

        if (mkdir(dir, 0700) < 0 || mkdir(proc, 0700) < 0 ||
            mount("proc", proc, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                return error_set(err, "mount", errno, "a procfs at %s", proc);
        return mnt_cover(dir, err);
}

/* After the pivot: /dev/.tach/project is the project as it is, /dev/.tach/written/0/N/up what the zygote
 * writes. */
static int outer_project(const struct cell_plan *plan, int project_tree, int solo, struct error *err)
{
        CLEANUP_CLOSE int layers = open(LAYERS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = layers < 0 ? error_set(err, "mount", errno, "open " LAYERS) : 0;

        if (r == 0)
                r = mnt_tmpfs(layers, plan->tmpfs_options, 0, err);
        if (r == 0 && (mkdir(LAYERS "/project", 0700) < 0 || mkdir(LAYERS "/written", 0700) < 0 ||
                       mkdir(LAYERS "/written/0", 0700) < 0))
                r = error_set(err, "mount", errno, "make the layers");
        if (r == 0 && !solo)
                r = outer_proc(err);
        if (r < 0 || plan->project == NULL)
                return r;
        CLEANUP_CLOSE int at = open(LAYERS "/project", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = mnt_attach(project_tree, at, PRIVATE_OUTSIDE, err);
        if (r < 0)
                return r;
        CLEANUP_CLOSE int own = open(LAYERS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        const struct project_layers parts = {.project = plan->project,
                                             .parts = plan->parts,
                                             .layers_fd = own,
                                             .scratch = LAYERS "/written/0",
                                             .tmpfs_options = plan->tmpfs_options,
                                             .hand_over = plan->hand_over};
        return project_mount(&parts, err);
}

/* What a test would see of the outer sandbox is covered, as in a cell. */
static int solo_seal(const struct cell_plan *plan, struct error *err)
{
        CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        CLEANUP_CLOSE int proc = proc_open(err);
        int r = proc;

        if (proc >= 0)
                r = root < 0 ? error_set(err, "mount", errno, "open /") : mnt_cover(LAYERS, err);
        if (r == 0 && plan->mounts != NULL)
                r = mounts_tmpfs(root, plan->mounts, err);
        if (r == 0)
                r = user_forbid_namespaces(proc, err);
        return r == 0 ? mnt_mask(plan->masked, plan->n_masked, plan->readonly, plan->n_readonly, err) : r;
}

/* Stages TREE, a clone of the machine's, as the new root: its descriptor. What is on /tmp goes out of sight;
 * the tree below it is a clone and is not touched. */
static int stage(int tree, struct error *err)
{
        int r;

        if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700") < 0 ||
            mkdir("/tmp/root", 0700) < 0)
                return error_set(err, "mount", errno, "stage the new root on /tmp");
        CLEANUP_CLOSE int at = open("/tmp/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = mnt_attach(tree, at, PRIVATE_OUTSIDE, err);
        if (r < 0)
                return r;
        r = open("/tmp/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return r < 0 ? error_set(err, "mount", errno, "open the new root") : r;
}

static int empty_cgroups(int root_fd, struct error *err)
{
        CLEANUP_CLOSE int at = mnt_look(root_fd, "/sys/fs/cgroup", err);

        if (at < 0)
                return at == -ENOENT ? 0 : at;
        return mnt_tmpfs(at, "size=4k,nr_inodes=2,mode=555", MOUNT_ATTR_RDONLY, err);
}

static int own_proc(int root_fd, struct error *err)
{
        CLEANUP_CLOSE int at = mnt_resolve_folder(root_fd, "/proc", err);
        char target[48];

        if (at < 0)
                return at;
        (void)snprintf(target, sizeof target, "/proc/self/fd/%d", at);
        if (mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                return error_set(err, "mount", errno, "a fresh /proc");
        return 0;
}

/* Before the pivot: what the new root has of its own. BOUND: clones of the plan's mounts. */
static int furnish(int root_fd, const struct cell_plan *plan, int *bound, struct error *err)
{
        int r = outer_dev(root_fd, err);

        if (r == 0)
                r = private_mount(root_fd, plan, 0, err);
        if (r == 0 && plan->mounts != NULL)
                r = mounts_bind(root_fd, plan->mounts, bound, err);
        if (r == 0)
                r = empty_cgroups(root_fd, err);
        return r == 0 ? own_proc(root_fd, err) : r;
}

/* After it. */
static int settle(const struct cell_plan *plan, int project_tree, int solo, struct error *err)
{
        struct mount_attr rdonly = {.attr_set = MOUNT_ATTR_RDONLY};
        int r = outer_project(plan, project_tree, solo, err);

        if (r == 0)
                r = mnt_devpts(err);
        if (r == 0 && mount_setattr(AT_FDCWD, "/dev", 0, &rdonly, sizeof rdonly) < 0)
                r = error_set(err, "mount", errno, "make /dev read-only");
        if (r == 0 && solo)
                r = solo_seal(plan, err);
        if (r == 0)
                r = cell_network(plan, NULL, err);
        if (r == 0 && !solo && mount_setattr(AT_FDCWD, "/run", 0, &rdonly, sizeof rdonly) < 0 &&
            errno != EINVAL && errno != ENOENT)
                r = error_set(err, "mount", errno, "make /run read-only");
        if (r == 0 && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
                r = error_set(err, "uts", errno, "sethostname %s", plan->hostname);
        return r;
}

static int enter(const struct cell_plan *plan, int solo, struct error *err)
{
        int bound[MOUNTS_MAX], r;

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_set(err, "mount", errno, "make / private");
        CLEANUP_CLOSE int tree = mnt_clone(AT_FDCWD, "/", err);
        if (tree < 0)
                return tree;
        CLEANUP_CLOSE int project = plan->project != NULL ? mnt_clone(AT_FDCWD, plan->project, err) : -EBADF;
        if (plan->project != NULL && project < 0)
                return project;
        r = plan->mounts != NULL ? mounts_clone(plan->mounts, bound, err) : 0;
        if (r < 0)
                return r;
        CLEANUP_CLOSE int root = stage(tree, err);
        if (root < 0)
                return root;
        r = furnish(root, plan, bound, err);
        if (r == 0 && (fchdir(root) < 0 || sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
                       chdir("/") < 0))
                r = error_set(err, "mount", errno, "pivot_root");
        return r == 0 ? settle(plan, project, solo, err) : r;
}

int outer_enter(const struct cell_plan *plan, struct error *err)
{
        return enter(plan, 0, err);
}

int outer_enter_solo(const struct cell_plan *plan, struct error *err)
{
        return enter(plan, 1, err);
}
