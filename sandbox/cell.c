/* How it works: cell_setup() is the table of contents of what a cell is. The lower layers of the project's
 * overlay are what the outer sandbox kept under /dev/.tach: the project itself and what the zygote wrote to
 * it; a cell opens them and hides /dev/.tach under a tmpfs of its own. */
#include "sandbox/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/copy.h"
#include "sandbox/init.h"
#include "sandbox/mnt.h"
#include "sandbox/mounts.h"
#include "sandbox/nest.h"
#include "sandbox/net.h"
#include "sandbox/proc.h"
#include "sandbox/project.h"
#include "sandbox/sys.h"
#include "sandbox/user.h"
#include "spec/base/cleanup.h"

#define LAYERS      CELL_LAYERS
#define TEARDOWN_MS 5000 /* that the kernel may lag behind in taking namespaces down */
/* what the machine has: seen, not to be written, run with others' rights or reached as a device */
#define OUTSIDE (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static const char *const hidden[] = {"/tmp", "/var/tmp", "/dev/shm", "/run"};

unsigned long long cell_clone_flags(const struct cell_plan *plan)
{
        return CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
               net_clone_flag(plan->network);
}

static int below(const char *path, const char *dir)
{
        size_t n = strlen(dir);

        return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* Puts a fresh tmpfs on each hidden directory of ROOT_FD; what the plan keeps visible below is cloned
 * before it disappears and attached again, read-only. With KEEP, what was in the directory is copied. */
static int hide(int root_fd, const struct cell_plan *plan, int keep, struct error *err)
{
        for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
                char options[128];
                int trees[64] = {0};
                size_t n = 0;
                int r;

                CLEANUP_CLOSE int before = mnt_look(root_fd, hidden[i], err);
                if (before == -ENOENT)
                        continue;
                if (before < 0)
                        return before;
                for (size_t k = 0; k < plan->n_visible && n < 64; k++)
                        if (below(plan->visible[k], hidden[i])) {
                                CLEANUP_CLOSE int fd = mnt_resolve(root_fd, plan->visible[k], 0, 0, err);

                                if (fd < 0)
                                        return fd;
                                trees[n] = mnt_clone(fd, "", err);
                                if (trees[n] < 0)
                                        return trees[n];
                                n++;
                        }
                (void)snprintf(options, sizeof options, "%s,mode=%s", plan->tmpfs_options,
                               i == 3 ? "755" : "1777");
                r = mnt_tmpfs(before, options, 0, err);
                if (r < 0)
                        return r;
                n = 0;
                for (size_t k = 0; k < plan->n_visible && n < 64; k++)
                        if (below(plan->visible[k], hidden[i])) {
                                CLEANUP_CLOSE int tree = trees[n++];
                                struct stat st;

                                if (fstat(tree, &st) < 0)
                                        return error_set(err, "mount", errno, "stat %s", plan->visible[k]);
                                CLEANUP_CLOSE int at =
                                    mnt_resolve(root_fd, plan->visible[k], 1, !S_ISDIR(st.st_mode), err);
                                r = at < 0 ? at : mnt_attach(tree, at, OUTSIDE, err);
                                if (r < 0)
                                        return r;
                        }
                if (keep) {
                        CLEANUP_CLOSE int fresh = mnt_resolve(root_fd, hidden[i], 0, 0, err);

                        r = fresh < 0 ? fresh : copy_tree(before, fresh, err);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* LAYERS_FD: the outer sandbox's, under this cell's own tmpfs, which is covered in the end. */
static int cell_project(const struct cell_plan *plan, int layers_fd, int *ret_upper, struct error *err)
{
        char scratch[64], upper[80];
        const struct project_layers layers = {.project = plan->project,
                                              .parts = plan->parts,
                                              .layers_fd = layers_fd,
                                              .levels = plan->levels,
                                              .scratch = scratch,
                                              .tmpfs_options = plan->tmpfs_options,
                                              .hand_over = plan->hand_over};
        int r;

        if (plan->levels > PROJECT_MAX_LEVELS)
                return error_set(err, "cell", E2BIG, "cells within cells, %u deep", plan->levels);
        (void)snprintf(scratch, sizeof scratch, LAYERS "/written/%u", plan->levels);
        if (mkdir(LAYERS "/written", 0700) < 0 || mkdir(scratch, 0700) < 0)
                return error_set(err, "mount", errno, "make %s", scratch);
        r = project_mount(&layers, err);
        if (r == 0 && ret_upper != NULL) {
                (void)snprintf(upper, sizeof upper, "%s/0/up", scratch);
                *ret_upper = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (*ret_upper < 0)
                        r = error_set(err, "mount", errno, "open the upper layer");
        }
        return r;
}

static int cover_layers(struct error *err)
{
        CLEANUP_CLOSE int cover = open(LAYERS, O_PATH | O_DIRECTORY | O_CLOEXEC);

        return mnt_tmpfs(cover, "size=4k,nr_inodes=2,mode=000", MOUNT_ATTR_RDONLY, err);
}

/* RET_NEST gets what making cells inside this one needs. With RET_UPPER, *RET_UPPER is the folder
 * where the overlay keeps what a test writes to the project. */
static int cell_filesystem(const struct cell_plan *plan, struct nest *ret_nest, int *ret_upper,
                           struct error *err)
{
        CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        CLEANUP_CLOSE int layers = open(LAYERS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (root < 0 || layers < 0)
                return error_set(err, "mount", errno, "open the project's layers");
        r = hide(root, plan, 1, err);
        if (r == 0)
                r = mnt_tmpfs(layers, plan->tmpfs_options, 0, err);
        if (r == 0 && plan->project != NULL)
                r = cell_project(plan, layers, ret_upper, err);
        if (r == 0)
                r = cover_layers(err);
        if (r == 0)
                ret_nest->layers_fd = TAKE_FD(layers);
        if (r == 0 && mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                            "newinstance,ptmxmode=0666,mode=0620") < 0)
                r = error_set(err, "mount", errno, "devpts");
        if (r == 0 && plan->mounts != NULL)
                r = mounts_tmpfs(root, plan->mounts, err);
        CLEANUP_CLOSE int proc = r == 0 ? mnt_new_proc(err) : r;
        if (proc < 0)
                return proc;
        ret_nest->limit_fd = user_open_limit(proc, err);
        if (ret_nest->limit_fd < 0)
                return ret_nest->limit_fd;
        r = user_forbid_namespaces(proc, err);
        return r == 0 ? mnt_proc(proc, plan->masked, plan->n_masked, plan->readonly, plan->n_readonly, err)
                      : r;
}

static int network(const struct cell_plan *plan, struct nl_sock **ret_link, struct error *err)
{
        int r = 0;

        if (plan->network == SPEC_NETWORK_PRIVATE)
                r = net_loopback_up(ret_link, err);
        else if (ret_link != NULL)
                r = (*ret_link = net_open(err)) != NULL ? 0 : -EIO;
        return r == 0 ? listen_services(&plan->listen, err) : r;
}

/* PROOF: NULL where none will be asked for. */
static int cell_setup(const struct cell_plan *plan, struct nest *ret_nest, struct proof *proof,
                      struct error *err)
{
        int r = cell_filesystem(plan, ret_nest, proof != NULL ? &proof->upper_fd : NULL, err);

        if (r == 0)
                r = network(plan, proof != NULL ? &proof->link : NULL, err);
        if (r == 0 && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
                r = error_set(err, "uts", errno, "sethostname %s", plan->hostname);
        if (r == 0 && chdir("/") < 0)
                r = error_set(err, "mount", errno, "chdir /");
        return r;
}

/* What the proof compares with: the private folders as they are now, and the rest. */
static int cell_proof(const struct cell_plan *plan, struct proof *proof, struct error *err)
{
        CLEANUP_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = root < 0 ? error_set(err, "proof", errno, "open /") : 0;

        for (size_t i = 0; r == 0 && i < sizeof hidden / sizeof *hidden; i++) {
                CLEANUP_CLOSE int fd = mnt_look(root, hidden[i], err);

                if (fd != -ENOENT)
                        r = fd < 0 ? fd : scratch_add(&proof->scratch, fd, err);
        }
        if (r == 0 && plan->mounts != NULL)
                r = mounts_scratch(root, plan->mounts, &proof->scratch, err);
        return r == 0 ? proof_begin(proof, err) : r;
}

static void __attribute__((noreturn))
cell_main(const struct cell_plan *plan, int go_fd, int done_fd, int socket)
{
        static struct proof proof = {.upper_fd = -1};
        struct nest nest = {.plan = *plan, .socket = socket, .layers_fd = -1, .limit_fd = -1};
        struct proof *wanted = plan->reuse ? &proof : NULL;
        struct error err = {0};
        int r;
        char c;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(go_fd, &c, 1) != 1)
                _exit(1);
        r = cell_setup(plan, &nest, wanted, &err);
        if (r == 0 && wanted != NULL)
                r = cell_proof(plan, &proof, &err);
        if (write(done_fd, &err, sizeof err) != (ssize_t)sizeof err || r < 0)
                _exit(1);
        init_loop(socket, wanted, &nest);
}

static int make(const struct cell_plan *plan, pid_t *ret_pid, int *ret_pidfd, int *ret_socket,
                struct error *err)
{
        int go[2], done[2], questions[2] = {-1, -1}, pidfd = -1, r = 0;
        struct error cell_err = {0};
        pid_t pid;
        ssize_t n;

        if (pipe2(go, O_CLOEXEC) < 0)
                return error_set(err, "cell", errno, "pipe");
        if (pipe2(done, O_CLOEXEC) < 0) {
                (void)close(go[0]);
                (void)close(go[1]);
                return error_set(err, "cell", errno, "pipe");
        }
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, questions) < 0) {
                r = error_set(err, "cell", errno, "socketpair");
                for (int i = 0; i < 2; i++) {
                        (void)close(go[i]);
                        (void)close(done[i]);
                }
                return r;
        }
        pid = sys_clone3(cell_clone_flags(plan) | CLONE_CLEAR_SIGHAND, &pidfd, -1, SIGCHLD);
        if (pid == 0) {
                (void)close(go[1]);
                if (questions[0] >= 0)
                        (void)close(questions[0]);
                cell_main(plan, go[0], done[1], questions[1]);
        }
        if (pid < 0)
                r = error_set(err, "cell", errno, "clone a cell");
        (void)close(go[0]);
        (void)close(done[1]);
        if (r == 0)
                r = user_map(pid, plan->uid, plan->uid, plan->gid, plan->gid, err);
        if (r == 0) {
                n = write(go[1], "g", 1) == 1 ? read(done[0], &cell_err, sizeof cell_err) : -1;
                if (n != (ssize_t)sizeof cell_err)
                        r = error_set(err, "cell", EIO, "the cell died while it was made");
                else if (cell_err.phase[0] != '\0') {
                        *err = cell_err;
                        r = -(cell_err.errnum != 0 ? cell_err.errnum : EINVAL);
                }
        }
        (void)close(go[1]);
        (void)close(done[0]);
        if (r < 0 && pid > 0) {
                (void)kill(pid, SIGKILL);
                (void)waitpid(pid, NULL, 0);
                (void)close(pidfd);
        }
        if (questions[1] >= 0)
                (void)close(questions[1]);
        if (r < 0 && questions[0] >= 0)
                (void)close(questions[0]);
        if (r == 0) {
                *ret_pid = pid;
                *ret_pidfd = pidfd;
                *ret_socket = questions[0];
        }
        return r;
}

int cell_make(const struct cell_plan *plan, pid_t *ret_pid, int *ret_pidfd, int *ret_socket,
              struct error *err)
{
        int r = -ENOSPC;

        for (int waited = 0; r == -ENOSPC && waited < TEARDOWN_MS; waited += 2) {
                if (waited > 0) {
                        *err = (struct error){0};
                        (void)usleep(2000);
                }
                r = make(plan, ret_pid, ret_pidfd, ret_socket, err);
        }
        return r;
}

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
                r = at < 0 ? at : mnt_attach(tree, at, 0, err);
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
        CLEANUP_CLOSE int cover = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        return mnt_tmpfs(cover, "size=4k,nr_inodes=2,mode=000", MOUNT_ATTR_RDONLY, err);
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
        r = mnt_attach(project_tree, at, OUTSIDE, err);
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
        CLEANUP_CLOSE int cover = open(LAYERS, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = root < 0 || cover < 0 ? error_set(err, "mount", errno, "open " LAYERS) : 0;

        if (r < 0)
                return r;
        CLEANUP_CLOSE int proc = proc_open(err);
        r = proc < 0 ? proc : 0;
        if (r == 0)
                r = mnt_tmpfs(cover, "size=4k,nr_inodes=2,mode=000", MOUNT_ATTR_RDONLY, err);
        if (r == 0 && plan->mounts != NULL)
                r = mounts_tmpfs(root, plan->mounts, err);
        if (r == 0)
                r = user_forbid_namespaces(proc, err);
        return r == 0 ? mnt_mask(plan->masked, plan->n_masked, plan->readonly, plan->n_readonly, err) : r;
}

static int enter_tree(const struct cell_plan *plan, int solo, struct error *err)
{
        struct mount_attr rdonly = {.attr_set = MOUNT_ATTR_RDONLY};
        int r;

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return error_set(err, "mount", errno, "make / private");
        CLEANUP_CLOSE int tree = mnt_clone(AT_FDCWD, "/", err);
        if (tree < 0)
                return tree;
        CLEANUP_CLOSE int project = plan->project != NULL ? mnt_clone(AT_FDCWD, plan->project, err) : -EBADF;
        if (plan->project != NULL && project < 0)
                return project;
        int bound[MOUNTS_MAX];
        r = plan->mounts != NULL ? mounts_clone(plan->mounts, bound, err) : 0;
        if (r < 0)
                return r;
        /* the new root is staged on /tmp; the tree below it is a clone and is not touched */
        if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,mode=700") < 0 ||
            mkdir("/tmp/root", 0700) < 0)
                return error_set(err, "mount", errno, "stage the new root on /tmp");
        CLEANUP_CLOSE int at = open("/tmp/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = mnt_attach(tree, at, OUTSIDE, err);
        if (r < 0)
                return r;
        CLEANUP_CLOSE int root = open("/tmp/root", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = outer_dev(root, err);
        if (r == 0)
                r = hide(root, plan, 0, err);
        if (r == 0 && plan->mounts != NULL)
                r = mounts_bind(root, plan->mounts, bound, err);
        if (r < 0)
                return r;
        CLEANUP_CLOSE int cg = mnt_look(root, "/sys/fs/cgroup", err);
        if (cg < 0 && cg != -ENOENT)
                return cg;
        if (cg >= 0) {
                r = mnt_tmpfs(cg, "size=4k,nr_inodes=2,mode=555", MOUNT_ATTR_RDONLY, err);
                if (r < 0)
                        return r;
        }
        CLEANUP_CLOSE int procdir = mnt_resolve_folder(root, "/proc", err);
        if (procdir < 0)
                return procdir;
        {
                char target[48];

                (void)snprintf(target, sizeof target, "/proc/self/fd/%d", procdir);
                if (mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                        return error_set(err, "mount", errno, "a fresh /proc");
        }
        if (fchdir(root) < 0 || sys_pivot_root(".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
            chdir("/") < 0)
                return error_set(err, "mount", errno, "pivot_root");
        r = outer_project(plan, project, solo, err);
        if (r == 0 && mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                            "newinstance,ptmxmode=0666,mode=0620") < 0)
                r = error_set(err, "mount", errno, "devpts");
        if (r == 0 && mount_setattr(AT_FDCWD, "/dev", 0, &rdonly, sizeof rdonly) < 0)
                r = error_set(err, "mount", errno, "make /dev read-only");
        if (r == 0 && solo)
                r = solo_seal(plan, err);
        if (r == 0)
                r = network(plan, NULL, err);
        if (r == 0 && !solo && mount_setattr(AT_FDCWD, "/run", 0, &rdonly, sizeof rdonly) < 0 &&
            errno != EINVAL && errno != ENOENT)
                r = error_set(err, "mount", errno, "make /run read-only");
        if (r == 0 && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
                r = error_set(err, "uts", errno, "sethostname %s", plan->hostname);
        return r;
}

int outer_enter(const struct cell_plan *plan, struct error *err)
{
        return enter_tree(plan, 0, err);
}

int solo_enter(const struct cell_plan *plan, struct error *err)
{
        return enter_tree(plan, 1, err);
}
