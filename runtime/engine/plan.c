/* How it works: one function a part of the plan. What the spec asks for and no part here can give is an
 * error, never ignored. */
#include "runtime/engine/plan.h"
#include "runtime/engine/keeper.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/engine/services.h"
#include "sandbox/mounts.h"
#include "sandbox/rollback.h"
#include "spec/base/cleanup.h"

/* config-linux.md: what the OCI runtimes mask and keep read-only unless told otherwise */
static const char *const default_masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
    "/proc/latency_stats",
    "/sys/devices/virtual/powercap",
};
static const char *const default_readonly[] = {
    "/proc/bus", "/proc/dynamic_debug", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

#define TMPFS_OPTIONS "size=2g,nr_inodes=400k,inode32"

static int no_memory(struct error *err)
{
        return error_set(err, "plan", ENOMEM, "resolve the spec");
}

static int is_dir(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int plan_project(struct plan *p, struct error *err)
{
        const struct spec *s = p->spec;

        if (s->tach.project != NULL) {
                p->project = realpath(s->tach.project, NULL);
                if (p->project == NULL || !is_dir(p->project)) {
                        int r = error_set(err, "plan", p->project == NULL ? errno : ENOTDIR,
                                          "tach.project: %s", s->tach.project);
                        error_hint(err, "name an existing folder");
                        return r;
                }
        }
        const char *cwd = s->process.cwd != NULL ? s->process.cwd : p->project != NULL ? p->project : "/";
        p->cwd = realpath(cwd, NULL); /* a link to it may lie where the sandbox has a folder of its own */
        if (p->cwd == NULL || !is_dir(p->cwd))
                return error_set(err, "plan", p->cwd == NULL ? errno : ENOTDIR, "process.cwd: %s", cwd);
        return 0;
}

/* DIR/harness as `make` leaves it, or PREFIX/lib/tach/harness as `make install` does. */
static int plan_harness(struct plan *p, struct error *err)
{
        static const char *const places[] = {"harness", "../lib/tach/harness"};
        char exe[PATH_MAX], try[PATH_MAX + 64];
        ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
        int r;

        if (p->spec->tach.harness != NULL) {
                (void)snprintf(try, sizeof try, "%s/tach_harness", p->spec->tach.harness);
                p->harness = realpath(try, NULL);
        }
        for (size_t i = 0; n > 0 && p->spec->tach.harness == NULL && i < 2 && p->harness == NULL; i++) {
                char *slash;

                exe[n] = '\0';
                slash = strrchr(exe, '/');
                (void)snprintf(try, sizeof try, "%.*s/%s/tach_harness", (int)(slash - exe), exe, places[i]);
                p->harness = realpath(try, NULL);
        }
        if (p->harness != NULL)
                return 0;
        r = error_set(err, "plan", ENOENT, "the Python side (tach_harness) is not at %s", try);
        error_hint(err, "run make or make install, or set tach.harness");
        return r;
}

static int add_visible(struct plan *p, const char *path)
{
        size_t n = p->cell.n_visible, length;

        if (path == NULL || path[0] != '/' || n == PLAN_MAX_VISIBLE || access(path, F_OK) < 0)
                return 0;
        for (size_t i = 0; i < n; i++) {
                length = strlen(p->visible[i]);
                if (strncmp(path, p->visible[i], length) == 0 &&
                    (path[length] == '/' || path[length] == '\0'))
                        return 0;
        }
        p->visible[n] = strdup(path);
        if (p->visible[n] == NULL)
                return -ENOMEM;
        p->cell.n_visible++;
        return 0;
}

/* The folder above bin/ of EXECUTABLE, both as it is named and where its links lead; and what a venv's
 * pyvenv.cfg calls home. */
static int add_prefixes(struct plan *p, const char *executable)
{
        CLEANUP_FREE char *real = realpath(executable, NULL);
        const char *const names[] = {executable, real};
        int r = 0;

        for (size_t i = 0; i < 2 && r == 0; i++) {
                char prefix[PATH_MAX], config[PATH_MAX + 16], line[PATH_MAX], home[PATH_MAX];

                if (names[i] == NULL || strlen(names[i]) >= sizeof prefix)
                        continue;
                (void)strcpy(prefix, names[i]);
                for (int up = 0; up < 2; up++) {
                        char *slash = strrchr(prefix, '/');

                        if (slash != NULL)
                                *slash = '\0';
                }
                if (prefix[0] != '\0')
                        r = add_visible(p, prefix);
                (void)snprintf(config, sizeof config, "%s/pyvenv.cfg", prefix);
                CLEANUP_FCLOSE FILE *f = fopen(config, "re");
                while (r == 0 && f != NULL && fgets(line, sizeof line, f) != NULL)
                        if (sscanf(line, " home = %4000[^\n]", home) == 1)
                                r = add_visible(p, dirname(home));
        }
        return r;
}

static int plan_visible(struct plan *p, struct error *err)
{
        const struct spec *s = p->spec;
        int r = add_visible(p, p->project);

        if (r == 0)
                r = add_visible(p, p->harness);
        /* names are looked up with what this may link to, below /run */
        if (r == 0 && s->tach.network == SPEC_NETWORK_HOST) {
                CLEANUP_FREE char *resolv = realpath("/etc/resolv.conf", NULL);

                r = add_visible(p, resolv);
        }
        if (r == 0 && p->python != NULL)
                r = add_prefixes(p, p->python);
        if (r == 0 && s->process.args.n > 0 && !s->tach.has_tests)
                r = add_prefixes(p, s->process.args.v[0]);
        for (size_t i = 0; r == 0 && i < s->tach.python_path.n; i++)
                r = add_visible(p, s->tach.python_path.v[i]);
        if (r == 0)
                r = add_visible(p, p->cwd);
        for (size_t i = 0; r == 0 && i < s->process.env.n; i++)
                if (strncmp(s->process.env.v[i], "PYTHONPATH=", 11) == 0) {
                        CLEANUP_FREE char *copy = strdup(s->process.env.v[i] + 11);
                        char *state = NULL;

                        for (char *part = copy != NULL ? strtok_r(copy, ":", &state) : NULL;
                             part != NULL && r == 0; part = strtok_r(NULL, ":", &state))
                                r = add_visible(p, part);
                }
        p->cell.visible = (const char *const *)p->visible;
        return r < 0 ? no_memory(err) : 0;
}

/* The ids of the whole run: one uid and one gid, mapped to the caller's own. */
static int plan_ids(struct plan *p, struct error *err)
{
        const struct spec *s = p->spec;
        const struct spec_id_maps *const maps[] = {&s->linux_.uid_mappings, &s->linux_.gid_mappings};
        uint32_t ids[2] = {geteuid(), getegid()};
        const uint32_t own[2] = {geteuid(), getegid()};

        for (int i = 0; i < 2; i++) {
                if (maps[i]->n == 0)
                        continue;
                if (maps[i]->n != 1 || maps[i]->v[0].size != 1 || maps[i]->v[0].host_id != own[i]) {
                        int r = error_set(err, "plan", ENOTSUP,
                                          "linux.%cidMappings: only the caller's own id can be mapped",
                                          i == 0 ? 'u' : 'g');
                        error_hint(err, "one entry with hostID %u and size 1", own[i]);
                        return r;
                }
                ids[i] = maps[i]->v[0].container_id;
        }
        if (s->process.has_user) {
                ids[0] = s->process.uid;
                ids[1] = s->process.gid;
        }
        p->cell.uid = ids[0];
        p->cell.gid = ids[1];
        return 0;
}

/* What the spec may say and this build does not do yet must not be passed over in silence. */
static int refuse_unsupported(const struct spec *s, struct error *err)
{
        if (spec_passes_output(s) && !s->tach.has_tests)
                return error_set(
                    err, "plan", ENOTSUP,
                    "process.terminal, tach.output: a command has tach-run's own standard streams");
        if (spec_passes_output(s) && s->tach.workers > 1) {
                (void)error_set(err, "plan", ENOTSUP,
                                "tach.workers: tests whose output is passed on run one after another");
                error_hint(err, "leave it out, or process.terminal and tach.output");
                return -ENOTSUP;
        }
        if (s->process.terminal && s->tach.output == SPEC_OUTPUT_STREAMS)
                return error_set(err, "plan", ENOTSUP,
                                 "tach.output: a terminal (process.terminal) does not tell streams apart");
        if (!s->process.no_new_privileges)
                return error_set(err, "plan", ENOTSUP, "process.noNewPrivileges: false is not allowed");
        if (s->process.has_capabilities && s->process.bounding.n + s->process.effective.n +
                                                   s->process.permitted.n + s->process.inheritable.n +
                                                   s->process.ambient.n >
                                               0)
                return error_set(err, "plan", ENOTSUP,
                                 "process.capabilities: tests get none; leave the lists empty");
        if (s->root.path != NULL && strcmp(s->root.path, "/") != 0)
                return error_set(err, "plan", ENOTSUP, "root.path: only \"/\" can be the root");
        if (!s->root.readonly)
                return error_set(err, "plan", ENOTSUP, "root.readonly: the root is always read-only");
        if (s->linux_.namespaces != SPEC_NS_ALL)
                return error_set(err, "plan", ENOTSUP, "linux.namespaces: all seven are needed");
        return mounts_check(&s->mounts, err);
}

static char **environment(const struct spec *s)
{
        char **env = calloc(s->process.env.n + 2, sizeof *env);
        size_t n = 0;

        for (size_t i = 0; env != NULL && i < s->process.env.n; i++)
                if (strncmp(s->process.env.v[i], "TACH=", 5) != 0)
                        env[n++] = s->process.env.v[i];
        if (env != NULL)
                env[n] = (char *)(uintptr_t) "TACH=1";
        return env;
}

/* The proof that a cell is clean (sandbox/proof.h) counts on what tests cannot do under the built-in filter
 * and with /proc/sys read-only; the host's network is nobody's proof. */
static int is_provable(const struct spec *spec, const struct filters *filters)
{
        return spec->tach.reuse != SPEC_REUSE_NEVER && filters->is_built_in && !spec->linux_.has_readonly &&
               spec->tach.network != SPEC_NETWORK_HOST;
}

int plan_make(struct plan *ret, const struct spec *spec, struct error *err)
{
        struct plan p = {.spec = spec, .filters = FILTERS_NONE, .cgroup = CGROUP_NONE};
        cpu_set_t cpus;
        int r;

        p.isolated = spec->tach.isolation == SPEC_ISOLATION_CELL;
        p.seed = spec->tach.seed;
        while (p.seed == 0)
                if (getrandom(&p.seed, sizeof p.seed, 0) != (ssize_t)sizeof p.seed)
                        p.seed = (uint32_t)time(NULL);
        p.passes = spec_passes_output(spec);
        p.workers = p.passes ? 1 : spec->tach.workers;
        if (p.workers == 0)
                p.workers = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
        r = refuse_unsupported(spec, err);
        if (r == 0)
                r = plan_project(&p, err);
        if (r == 0 && spec->tach.has_tests) {
                p.python = strdup(spec->tach.python);
                r = p.python != NULL ? plan_harness(&p, err) : no_memory(err);
        }
        if (r == 0)
                r = plan_visible(&p, err);
        if (r == 0 && (r = temporary_find(&spec->process.env, p.project, p.temporary)) >= 0) {
                p.cell.n_temporary = (size_t)r;
                r = 0;
        } else if (r == -ENOMEM) {
                r = no_memory(err);
        }
        if (r == 0)
                r = plan_ids(&p, err);
        if (r == 0) {
                p.n_limits = rlimit_plan(&spec->process.rlimits, p.limits, err);
                r = p.n_limits < 0 ? p.n_limits : 0;
        }
        if (r == 0 && p.isolated && spec->tach.has_tests)
                r = filters_make(&p.filters, &spec->linux_.seccomp, 1,
                                 spec->tach.reuse == SPEC_REUSE_ROLLBACK && !p.passes, err);
        if (r == 0) {
                p.env = environment(spec);
                r = p.env != NULL ? 0 : no_memory(err);
        }
        /* a single command without limits needs no group of its own */
        if (r == 0 && p.isolated && (spec->tach.has_tests || cgroup_has_limits(&spec->linux_.resources)))
                r = cgroup_start(&p.cgroup, &spec->linux_.resources,
                                 spec->tach.has_tests ? spec->tach.collect_memory : 0,
                                 spec->tach.enforce == SPEC_ENFORCE_BEST_EFFORT, p.missing, err);
        if (r == 0)
                r = services_plan(spec, p.services, &p.cell.listen.n, err);
        p.cell.network = spec->tach.network;
        p.cell.mounts = &spec->mounts;
        p.cell.project = p.project;
        p.cell.hostname = spec->hostname;
        p.cell.tmpfs_options = TMPFS_OPTIONS;
        if (r == 0 && p.isolated && p.project != NULL)
                r = project_scan(p.project, &p.parts, err);
        p.cell.most = p.workers * 8 + 24;
        p.cell.levels = 1;
        p.cell.reuse = is_provable(spec, &p.filters) && p.parts.n == 1 && p.parts.v[0].path[0] == '\0';
        p.rolls_back =
            p.cell.reuse && !p.passes && spec->tach.reuse == SPEC_REUSE_ROLLBACK && rollback_is_possible();
        p.cell.masked =
            spec->linux_.has_masked ? (const char *const *)spec->linux_.masked_paths.v : default_masked;
        p.cell.n_masked = spec->linux_.has_masked ? spec->linux_.masked_paths.n
                                                  : sizeof default_masked / sizeof *default_masked;
        p.cell.readonly =
            spec->linux_.has_readonly ? (const char *const *)spec->linux_.readonly_paths.v : default_readonly;
        p.cell.n_readonly = spec->linux_.has_readonly ? spec->linux_.readonly_paths.n
                                                      : sizeof default_readonly / sizeof *default_readonly;
        *ret = p;
        ret->cell.listen.services = ret->services;
        ret->cell.parts = &ret->parts;
        ret->cell.visible = (const char *const *)ret->visible;
        ret->cell.temporary = (const char *const *)ret->temporary;
        ret->cell.cgroup = ret->cgroup.base_fd >= 0 ? &ret->cgroup : NULL;
        ret->cell.resources = &spec->linux_.resources;
        ret->cell.collect_memory = spec->tach.collect_memory;
        if (ret->project != NULL && (spec->tach.keep.n > 0 || spec->tach.report_writes))
                ret->cell.hand_over.layer = keeper_hand_over_layer;
        if (r < 0)
                plan_finish(ret);
        return r;
}

void plan_finish(struct plan *plan)
{
        cgroup_stop(&plan->cgroup);
        filters_finish(&plan->filters);
        for (size_t i = 0; i < PLAN_MAX_VISIBLE; i++)
                free(plan->visible[i]);
        for (size_t i = 0; i < TEMPORARY_MAX; i++)
                free(plan->temporary[i]);
        project_finish(&plan->parts);
        free(plan->env);
        free(plan->cwd);
        free(plan->harness);
        free(plan->python);
        free(plan->project);
        *plan = (struct plan){.filters = FILTERS_NONE, .cgroup = CGROUP_NONE};
}
