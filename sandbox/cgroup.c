/* How it works: list_limits() says which file each limit is written to, and group.h which controller that
 * file belongs to. */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sandbox/group.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

/* of which a run reports what its tests used, limited or not */
#define FIGURES (1u << GROUP_MEMORY | 1u << GROUP_PIDS | 1u << GROUP_CPU)

struct limit {
        const char *file;
        char value[64];
};

/* OCI resources as files of cgroup v2 (config-linux.md; the conversions are those of the OCI runtimes). */
static size_t list_limits(const struct spec_resources *r, struct limit out[8])
{
        size_t n = 0;

        if (r->memory_limit >= 0) {
                out[n] = (struct limit){.file = "memory.max"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, r->memory_limit);
        }
        if (r->memory_reservation >= 0) {
                out[n] = (struct limit){.file = "memory.low"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, r->memory_reservation);
        }
        if (r->memory_swap >= 0 || r->memory_limit >= 0) {
                int64_t swap = r->memory_swap - (r->memory_limit >= 0 ? r->memory_limit : 0);

                out[n] = (struct limit){.file = "memory.swap.max"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, swap > 0 ? swap : 0);
        }
        if (r->pids_limit >= 0) {
                out[n] = (struct limit){.file = "pids.max"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, r->pids_limit);
        }
        if (r->cpu_shares >= 0) {
                out[n] = (struct limit){.file = "cpu.weight"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64,
                               r->cpu_shares <= 2 ? 1 : 1 + (r->cpu_shares - 2) * 9999 / 262142);
        }
        if (r->cpu_quota >= 0 || r->cpu_period >= 0) {
                out[n] = (struct limit){.file = "cpu.max"};
                if (r->cpu_quota >= 0)
                        (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64 " %" PRId64,
                                       r->cpu_quota, r->cpu_period >= 0 ? r->cpu_period : 100000);
                else
                        (void)snprintf(out[n++].value, sizeof out->value, "max %" PRId64, r->cpu_period);
        }
        if (r->cpu_cpus != NULL) {
                out[n] = (struct limit){.file = "cpuset.cpus"};
                (void)snprintf(out[n++].value, sizeof out->value, "%s", r->cpu_cpus);
        }
        return n;
}

int cgroup_has_limits(const struct spec_resources *resources)
{
        struct limit limits[8];

        return list_limits(resources, limits) > 0 || resources->unified.n > 0;
}

static void remove_groups(int base_fd, const char *path)
{
        struct timespec pause = {.tv_nsec = 2000000};

        (void)group_write(base_fd, "cgroup.kill", "1");
        for (int round = 0; round < 2000; round++) {
                DIR *dir = opendir(path);
                struct dirent *e;

                while (dir != NULL && (e = readdir(dir)) != NULL)
                        if (e->d_type == DT_DIR && e->d_name[0] != '.')
                                (void)unlinkat(dirfd(dir), e->d_name, AT_REMOVEDIR);
                if (dir != NULL)
                        (void)closedir(dir);
                if (rmdir(path) == 0 || errno == ENOENT)
                        return;
                (void)nanosleep(&pause, NULL);
        }
}

static int start_janitor(struct cgroup *cg, struct error *err)
{
        int ends[2];

        if (pipe2(ends, O_CLOEXEC) < 0)
                return error_set(err, "cgroup", errno, "pipe");
        cg->janitor = fork();
        if (cg->janitor == 0) {
                sigset_t all;
                char c;
                int keep = ends[0];

                sigfillset(&all);
                sigprocmask(SIG_SETMASK, &all, NULL);
                (void)prctl(PR_SET_NAME, "tach-janitor");
                (void)setsid();
                (void)close(ends[1]);
                /* nobody shall wait for an end of a pipe that the janitor holds */
                for (int fd = 0; fd < 256; fd++)
                        if (fd != keep && fd != cg->base_fd && fd != cg->parent.fd)
                                (void)close(fd);
                while (read(keep, &c, 1) < 0 && errno == EINTR)
                        continue;
                remove_groups(cg->base_fd, cg->path);
                delegation_restore(&cg->parent);
                _exit(0);
        }
        (void)close(ends[0]);
        cg->janitor_pipe = ends[1];
        return cg->janitor < 0 ? error_set(err, "cgroup", errno, "fork the janitor") : 0;
}

/* The controllers that RESOURCES needs, or an error where nothing has that name. */
static int needed_controllers(const struct spec_resources *resources, unsigned *ret, struct error *err)
{
        struct limit limits[8];
        size_t n = list_limits(resources, limits);
        unsigned needed = 0;

        for (size_t i = 0; i < n; i++)
                needed |= group_controller_of(limits[i].file);
        for (size_t i = 0; i < resources->unified.n; i++) {
                const char *key = resources->unified.v[i].key;
                unsigned one = group_controller_of(key);

                if (one == ~0u || strchr(key, '/') != NULL) {
                        int r = error_set(err, "cgroup", EINVAL, "linux.resources.unified: %.80s", key);

                        error_hint(err, "a key is a file of cgroup v2, such as \"memory.high\"");
                        return r;
                }
                needed |= one;
        }
        *ret = needed;
        return 0;
}

/* Where a limit was asked for, the other controllers are wanted too, but not needed: for the zygote's limits
 * and for what is reported of each test. */
static unsigned enable(struct delegation *parent, unsigned needed)
{
        unsigned missing;
        char why[sizeof parent->why];

        if (needed == 0)
                return 0;
        missing = delegation_enable(parent, needed);
        if (missing == 0) {
                memcpy(why, parent->why, sizeof why);
                (void)delegation_enable(parent, FIGURES & ~needed);
                memcpy(parent->why, why, sizeof why);
        }
        return missing;
}

/* Makes the group below CG's parent; returns the controllers of NEEDED that it has not. */
static unsigned make_base(struct cgroup *cg, unsigned needed)
{
        unsigned missing = enable(&cg->parent, needed);

        (void)snprintf(cg->path, sizeof cg->path, "%s/tach-%d", cg->parent.path, (int)getpid());
        if (mkdir(cg->path, 0755) == 0) {
                cg->base_fd = open(cg->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (cg->base_fd < 0)
                        (void)rmdir(cg->path);
        }
        if (cg->base_fd < 0) {
                (void)snprintf(cg->parent.why, sizeof cg->parent.why, "no group can be made there (%s)",
                               strerrorname_np(errno));
                return needed;
        }
        cg->controllers = (needed | FIGURES) & group_controllers(cg->base_fd, "cgroup.controllers");
        return missing | (needed & ~cg->controllers);
}

static int refuse(const struct cgroup *cg, const char *of, const char *missing, struct error *err)
{
        int r =
            error_set(err, "cgroup", 0, "%s: controllers missing at %.300s: %s: %s", of,
                      cg->parent.path[0] != '\0' ? cg->parent.path : "cgroup v2", missing, cg->parent.why);

        error_hint(err,
                   "have them delegated (systemd-run %s--scope -p Delegate=yes COMMAND), or set tach.enforce "
                   "to \"best-effort\"",
                   geteuid() == 0 ? "" : "--user ");
        return r;
}

int cgroup_start(struct cgroup *ret, const struct spec_resources *resources, int64_t collect_memory,
                 int best_effort, char *ret_missing, struct error *err)
{
        struct cgroup cg = CGROUP_NONE;
        unsigned needed = 0, missing;
        int r = needed_controllers(resources, &needed, err);

        ret_missing[0] = '\0';
        if (r < 0)
                return r;
        if (collect_memory > 0)
                needed |= 1u << GROUP_MEMORY;
        missing = needed;
        delegation_find(&cg.parent);
        if (cg.parent.fd >= 0) {
                missing = make_base(&cg, needed);
                delegation_unlock(&cg.parent);
        }
        if (cg.base_fd >= 0)
                r = start_janitor(&cg, err);
        (void)group_names(missing, ret_missing, 512);
        if (r == 0 && missing != 0 && !best_effort)
                r = refuse(&cg, cgroup_has_limits(resources) ? "linux.resources" : "tach.collectMemory",
                           ret_missing, err);
        if (r < 0) {
                cgroup_stop(&cg);
                return r;
        }
        *ret = cg;
        return 0;
}

int cgroup_settle(const struct cgroup *cg, struct error *err)
{
        if (unshare(CLONE_NEWCGROUP) < 0)
                return error_set(err, "cgroup", errno, "unshare the cgroup namespace");
        if (cg->controllers == 0)
                return 0;
        CLEANUP_CLOSE int base = open(cg->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r = base < 0 || mkdirat(base, "keeper", 0755) < 0 ? -errno : 0;

        if (r == 0)
                r = group_write(base, "keeper/cgroup.procs", "0");
        if (r < 0)
                return error_set(err, "cgroup", -r, "go into %s/keeper", cg->path);
        if (group_enable(base, cg->controllers) != 0)
                return error_set(err, "cgroup", ENOTSUP, "switch the controllers on at %s", cg->path);
        return 0;
}

int cgroup_leaf(const struct cgroup *cg, int tree_fd, unsigned index, const struct spec_resources *resources,
                struct error *err)
{
        struct limit limits[8];
        size_t n = list_limits(resources, limits);
        char name[32];
        int shared;

        (void)snprintf(name, sizeof name, "w%u", index);
        CLEANUP_CLOSE int base = open(cg->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (base < 0 || mkdirat(base, name, 0755) < 0)
                return error_set(err, "cgroup", errno, "make %s/%s", cg->path, name);
        CLEANUP_CLOSE int fd = openat(base, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(err, "cgroup", errno, "open %s/%s", cg->path, name);
        for (size_t i = 0; i < n; i++) {
                int r = (group_controller_of(limits[i].file) & cg->controllers) != 0
                            ? group_write(fd, limits[i].file, limits[i].value)
                            : 0;

                /* without swap accounting there is no swap file to limit */
                if (r < 0 && !(r == -ENOENT && strcmp(limits[i].file, "memory.swap.max") == 0)) {
                        return error_set(err, "cgroup", -r, "write %s to %s/%s/%s", limits[i].value, cg->path,
                                         name, limits[i].file);
                }
        }
        for (size_t i = 0; i < resources->unified.n; i++) {
                const struct spec_pair *p = &resources->unified.v[i];
                const unsigned controller = group_controller_of(p->key);
                int r = controller == 0 || (controller & cg->controllers) != 0
                            ? group_write(fd, p->key, p->value)
                            : 0;

                if (r < 0) {
                        return error_set(err, "cgroup", -r, "linux.resources.unified: write %s to %s/%s/%s",
                                         p->value, cg->path, name, p->key);
                }
        }
        shared = tree_fd >= 0 ? openat(tree_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : TAKE_FD(fd);
        return shared < 0 ? error_set(err, "cgroup", errno, "open %s for the zygote", name) : shared;
}

int cgroup_remove_leaf(const struct cgroup *cg, unsigned index)
{
        char name[32];

        (void)snprintf(name, sizeof name, "w%u", index);
        return unlinkat(cg->base_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

void cgroup_stop(struct cgroup *cg)
{
        if (cg->janitor_pipe >= 0)
                (void)close(cg->janitor_pipe);
        if (cg->janitor > 0) {
                while (waitpid(cg->janitor, NULL, 0) < 0 && errno == EINTR)
                        continue;
        } else {
                if (cg->base_fd >= 0)
                        (void)rmdir(cg->path);
                delegation_restore(&cg->parent);
        }
        if (cg->base_fd >= 0)
                (void)close(cg->base_fd);
        if (cg->parent.fd >= 0)
                (void)close(cg->parent.fd);
        *cg = (struct cgroup)CGROUP_NONE;
}
