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

#include "sandbox/init.h"
#include "sandbox/mnt.h"
#include "sandbox/mounts.h"
#include "sandbox/nest.h"
#include "sandbox/net.h"
#include "sandbox/private.h"
#include "sandbox/project.h"
#include "sandbox/sys.h"
#include "sandbox/user.h"
#include "spec/base/cleanup.h"

#define LAYERS      CELL_LAYERS
#define TEARDOWN_MS 5000 /* that the kernel may lag behind in taking namespaces down */

unsigned long long cell_clone_flags(const struct cell_plan *plan)
{
        return CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
               net_clone_flag(plan->network);
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
        r = private_mount(root, plan, 1, err);
        if (r == 0)
                r = mnt_tmpfs(layers, plan->tmpfs_options, 0, err);
        if (r == 0 && plan->project != NULL)
                r = cell_project(plan, layers, ret_upper, err);
        if (r == 0)
                r = mnt_cover(LAYERS, err);
        if (r == 0)
                ret_nest->layers_fd = TAKE_FD(layers);
        if (r == 0)
                r = mnt_devpts(err);
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

int cell_network(const struct cell_plan *plan, struct nl_sock **ret_link, struct error *err)
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
                r = cell_network(plan, proof != NULL ? &proof->link : NULL, err);
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

        if (r == 0)
                r = private_scratch(root, plan, &proof->scratch, err);
        if (r == 0 && plan->mounts != NULL)
                r = mounts_scratch(root, plan->mounts, &proof->scratch, err);
        return r == 0 ? proof_begin(proof, err) : r;
}

static void __attribute__((noreturn))
cell_main(const struct cell_plan *plan, int go_fd, int done_fd, int socket)
{
        static struct proof
            proof; /* a cell within a cell is made by the outer one's process, which has its own in it */
        struct nest nest = {.plan = *plan, .socket = socket, .layers_fd = -1, .limit_fd = -1};
        struct proof *wanted = plan->reuse ? &proof : NULL;
        struct error err = {0};
        int r;
        char c;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        memset(&proof, 0, sizeof proof);
        proof.upper_fd = -1;
        if (read(go_fd, &c, 1) != 1)
                _exit(1);
        r = cell_setup(plan, &nest, wanted, &err);
        if (r == 0 && wanted != NULL)
                r = cell_proof(plan, &proof, &err);
        if (write(done_fd, &err, sizeof err) != (ssize_t)sizeof err || r < 0)
                _exit(1);
        init_loop(socket, wanted, &nest);
}

/* The cell is mapped: it may go on. How that went. */
static int await_setup(int go_fd, int done_fd, struct error *err)
{
        struct error theirs = {0};

        if (write(go_fd, "g", 1) != 1 || read(done_fd, &theirs, sizeof theirs) != (ssize_t)sizeof theirs)
                return error_set(err, "cell", EIO, "the cell died while it was made");
        if (theirs.phase[0] == '\0')
                return 0;
        *err = theirs;
        return -(theirs.errnum != 0 ? theirs.errnum : EINVAL);
}

static int make(const struct cell_plan *plan, pid_t *ret_pid, int *ret_pidfd, int *ret_socket,
                struct error *err)
{
        int go[2] = {-1, -1}, done[2] = {-1, -1}, questions[2] = {-1, -1}, pidfd = -1, r = 0;
        pid_t pid = -1;

        if (pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0 ||
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, questions) < 0)
                r = error_set(err, "cell", errno, "open the channels of a cell");
        if (r == 0) {
                pid = sys_clone3(cell_clone_flags(plan) | CLONE_CLEAR_SIGHAND, &pidfd, -1, SIGCHLD);
                if (pid == 0) {
                        (void)close(go[1]);
                        (void)close(questions[0]);
                        cell_main(plan, go[0], done[1], questions[1]);
                }
                if (pid < 0)
                        r = error_set(err, "cell", errno, "clone a cell");
        }
        cleanup_close_(&go[0]);
        cleanup_close_(&done[1]);
        cleanup_close_(&questions[1]);
        if (r == 0)
                r = user_map(pid, plan->uid, plan->uid, plan->gid, plan->gid, err);
        if (r == 0)
                r = await_setup(go[1], done[0], err);
        cleanup_close_(&go[1]);
        cleanup_close_(&done[0]);
        if (r < 0) {
                cleanup_close_(&questions[0]);
                if (pid > 0) {
                        (void)kill(pid, SIGKILL);
                        (void)waitpid(pid, NULL, 0);
                        (void)close(pidfd);
                }
                return r;
        }
        *ret_pid = pid;
        *ret_pidfd = pidfd;
        *ret_socket = questions[0];
        return 0;
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
