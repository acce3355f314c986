/* How it works: libmount finds the v2 tree and /proc/self/cgroup our place in it. limits[] says which file
 * and which controller each limit needs. */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libmount.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

struct limit {
        const char *controller;
        const char *file;
        char value[64];
};

/* OCI resources as files of cgroup v2 (config-linux.md; the conversions are those of the OCI runtimes). */
static size_t list_limits(const struct spec_resources *r, struct limit out[8])
{
        size_t n = 0;

        if (r->memory_limit >= 0) {
                out[n] = (struct limit){.controller = "memory", .file = "memory.max"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, r->memory_limit);
        }
        if (r->memory_reservation >= 0) {
                out[n] = (struct limit){.controller = "memory", .file = "memory.low"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, r->memory_reservation);
        }
        if (r->memory_swap >= 0 || r->memory_limit >= 0) {
                int64_t swap = r->memory_swap - (r->memory_limit >= 0 ? r->memory_limit : 0);

                out[n] = (struct limit){.controller = "memory", .file = "memory.swap.max"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, swap > 0 ? swap : 0);
        }
        if (r->pids_limit >= 0) {
                out[n] = (struct limit){.controller = "pids", .file = "pids.max"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64, r->pids_limit);
        }
        if (r->cpu_shares >= 0) {
                out[n] = (struct limit){.controller = "cpu", .file = "cpu.weight"};
                (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64,
                               r->cpu_shares <= 2 ? 1 : 1 + (r->cpu_shares - 2) * 9999 / 262142);
        }
        if (r->cpu_quota >= 0 || r->cpu_period >= 0) {
                out[n] = (struct limit){.controller = "cpu", .file = "cpu.max"};
                if (r->cpu_quota >= 0)
                        (void)snprintf(out[n++].value, sizeof out->value, "%" PRId64 " %" PRId64,
                                       r->cpu_quota, r->cpu_period >= 0 ? r->cpu_period : 100000);
                else
                        (void)snprintf(out[n++].value, sizeof out->value, "max %" PRId64, r->cpu_period);
        }
        if (r->cpu_cpus != NULL) {
                out[n] = (struct limit){.controller = "cpuset", .file = "cpuset.cpus"};
                (void)snprintf(out[n++].value, sizeof out->value, "%s", r->cpu_cpus);
        }
        return n;
}

int cgroup_has_limits(const struct spec_resources *resources)
{
        struct limit limits[8];

        return list_limits(resources, limits) > 0 || resources->unified.n > 0;
}

static int write_at(int dir, const char *file, const char *text)
{
        CLEANUP_CLOSE int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                return -errno;
        return 0;
}

static int read_at(int dir, const char *file, char *text, size_t size)
{
        CLEANUP_CLOSE int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

        if (n < 0)
                return -errno;
        text[n] = '\0';
        return 0;
}

static int has_word(const char *words, const char *word)
{
        size_t n = strlen(word);

        for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
                if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
                        return 1;
        return 0;
}

/* The folder of our own v2 group, from /proc/self/cgroup's line "0::PATH" and the mount's root. */
static int own_group(char *path, size_t size, char *why, size_t why_size)
{
        struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
        struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
        struct libmnt_fs *fs = NULL;
        CLEANUP_FCLOSE FILE *own = fopen("/proc/self/cgroup", "re");
        char line[PATH_MAX] = "", *group = NULL;
        int found = 0;

        while (own != NULL && group == NULL && fgets(line, sizeof line, own) != NULL)
                if (strncmp(line, "0::", 3) == 0) {
                        line[strcspn(line, "\n")] = '\0';
                        group = line + 3;
                }
        while (table != NULL && iter != NULL && group != NULL && !found &&
               mnt_table_next_fs(table, iter, &fs) == 0) {
                const char *type = mnt_fs_get_fstype(fs), *root = mnt_fs_get_root(fs);
                size_t n = root != NULL ? strlen(root) : 0;

                if (type == NULL || strcmp(type, "cgroup2") != 0 || n == 0)
                        continue;
                if (strcmp(root, "/") == 0)
                        n = 0;
                if (strncmp(group, root, n) != 0)
                        continue;
                int length = snprintf(path, size, "%s%s", mnt_fs_get_target(fs),
                                      strcmp(group + n, "/") == 0 ? "" : group + n);
                found = length > 0 && (size_t)length < size;
        }
        mnt_free_iter(iter);
        mnt_unref_table(table);
        if (!found)
                (void)snprintf(why, why_size, "no cgroup v2 tree is mounted that holds this process");
        return found;
}

static void remove_groups(int base_fd, const char *path)
{
        struct timespec pause = {.tv_nsec = 2000000};

        (void)write_at(base_fd, "cgroup.kill", "1");
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
                        if (fd != keep && fd != cg->base_fd)
                                (void)close(fd);
                while (read(keep, &c, 1) < 0 && errno == EINTR)
                        continue;
                remove_groups(cg->base_fd, cg->path);
                _exit(0);
        }
        (void)close(ends[0]);
        cg->janitor_pipe = ends[1];
        return cg->janitor < 0 ? error_set(err, "cgroup", errno, "fork the janitor") : 0;
}

/* Which of the controllers that the limits need are missing at BASE's parent; enables the others. */
static void enable_controllers(const struct cgroup *cg, const struct spec_resources *resources,
                               char missing[512])
{
        struct limit limits[8];
        size_t n = list_limits(resources, limits), used = 0;
        char has[512] = "";

        (void)read_at(cg->base_fd, "cgroup.controllers", has, sizeof has);
        missing[0] = '\0';
        for (size_t i = 0; i < n; i++) {
                char enable[32];
                int r = -ENOENT;

                if (i > 0 && strcmp(limits[i].controller, limits[i - 1].controller) == 0)
                        continue;
                (void)snprintf(enable, sizeof enable, "+%s", limits[i].controller);
                if (has_word(has, limits[i].controller))
                        r = write_at(cg->base_fd, "cgroup.subtree_control", enable);
                if (r < 0 && used < 500)
                        used += (size_t)snprintf(missing + used, 512 - used, "%s%s", used > 0 ? ", " : "",
                                                 limits[i].controller);
        }
}

int cgroup_start(struct cgroup *ret, const struct spec_resources *resources, int best_effort,
                 char *ret_missing, struct error *err)
{
        struct cgroup cg = {.base_fd = -1, .janitor_pipe = -1, .janitor = -1};
        char own[PATH_MAX - 64];
        int r = 0;

        ret_missing[0] = '\0';
        if (own_group(own, sizeof own, cg.why, sizeof cg.why)) {
                (void)snprintf(cg.path, sizeof cg.path, "%s/tach-%d", own, (int)getpid());
                if (mkdir(cg.path, 0755) < 0)
                        (void)snprintf(cg.why, sizeof cg.why, "%.400s is not writable (%s)", own,
                                       strerrorname_np(errno));
                else
                        cg.base_fd = open(cg.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        }
        if (cg.base_fd >= 0) {
                enable_controllers(&cg, resources, ret_missing);
                r = start_janitor(&cg, err);
        } else if (cgroup_has_limits(resources)) {
                (void)snprintf(ret_missing, 512, "all");
        }
        if (r == 0 && ret_missing[0] != '\0' && !best_effort) {
                r = error_set(err, "cgroup", ENOTSUP, "linux.resources: controllers missing at %s: %s%s%s",
                              cg.base_fd >= 0 ? own : "cgroup v2", ret_missing, cg.why[0] != '\0' ? ": " : "",
                              cg.why);
                error_hint(err, "have them delegated (systemd-run --user --scope -p Delegate=yes), or set "
                                "tach.enforce to \"best-effort\"");
        }
        if (r < 0) {
                cgroup_stop(&cg);
                return r;
        }
        *ret = cg;
        return 0;
}

int cgroup_leaf(const struct cgroup *cg, int tree_fd, unsigned index, const struct spec_resources *resources,
                struct error *err)
{
        struct limit limits[8];
        size_t n = list_limits(resources, limits);
        char name[32], on[512] = "";
        int shared;

        (void)snprintf(name, sizeof name, "w%u", index);
        if (mkdirat(cg->base_fd, name, 0755) < 0 && errno != EEXIST)
                return error_set(err, "cgroup", errno, "make %s/%s", cg->path, name);
        CLEANUP_CLOSE int fd = openat(cg->base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(err, "cgroup", errno, "open %s/%s", cg->path, name);
        (void)read_at(fd, "cgroup.controllers", on, sizeof on);
        for (size_t i = 0; i < n; i++) {
                int r =
                    has_word(on, limits[i].controller) ? write_at(fd, limits[i].file, limits[i].value) : 0;

                /* without swap accounting there is no swap file to limit */
                if (r < 0 && !(r == -ENOENT && strcmp(limits[i].file, "memory.swap.max") == 0)) {
                        return error_set(err, "cgroup", -r, "write %s to %s/%s/%s", limits[i].value, cg->path,
                                         name, limits[i].file);
                }
        }
        for (size_t i = 0; i < resources->unified.n; i++) {
                const struct spec_pair *p = &resources->unified.v[i];
                int r = strchr(p->key, '/') != NULL ? -EINVAL : write_at(fd, p->key, p->value);

                if (r < 0) {
                        return error_set(err, "cgroup", -r, "linux.resources.unified: write %s to %s/%s/%s",
                                         p->value, cg->path, name, p->key);
                }
        }
        shared = openat(tree_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return shared < 0 ? error_set(err, "cgroup", errno, "open %s for the zygote", name) : shared;
}

unsigned long cgroup_oom_kills(int leaf_fd)
{
        char text[512];
        const char *p;
        unsigned long n = 0;

        if (leaf_fd < 0 || read_at(leaf_fd, "memory.events", text, sizeof text) < 0)
                return 0;
        p = strstr(text, "oom_kill ");
        if (p != NULL)
                n = strtoul(p + strlen("oom_kill "), NULL, 10);
        return n;
}

void cgroup_stop(struct cgroup *cg)
{
        if (cg->janitor_pipe >= 0)
                (void)close(cg->janitor_pipe);
        if (cg->janitor > 0)
                while (waitpid(cg->janitor, NULL, 0) < 0 && errno == EINTR)
                        continue;
        else if (cg->base_fd >= 0)
                (void)rmdir(cg->path);
        if (cg->base_fd >= 0)
                (void)close(cg->base_fd);
        cg->base_fd = cg->janitor_pipe = -1;
        cg->janitor = -1;
}
