/* How it works: makes a run's group as a run does (cgroup.h) with a limit of each kind, sees which hold,
 * clones a process into a leaf and kills it there. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/advice.h"
#include "sandbox/cgroup.h"
#include "sandbox/mountinfo.h"
#include "sandbox/probe.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

static const char *const controllers[] = {"memory", "pids", "cpu", "cpuset"};

static int has_word(const char *words, const char *word)
{
        const size_t n = strlen(word);

        for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
                if ((p == words || strchr(" ,:\n", p[-1]) != NULL) && strchr(" ,:\n", p[n]) != NULL)
                        return 1;
        return 0;
}

static void read_text(const char *path, char *text, size_t size)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        const ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

        text[n > 0 ? n : 0] = '\0';
}

static void place(struct probe_report *r, const char *own)
{
        CLEANUP_MOUNTINFO struct mountinfo mounts;
        struct mountinfo_entry m = {0};
        struct error err = {0};
        int found = 0;
        char *line = strstr(own, "0::"), group[600] = "";

        if (mountinfo_open(&mounts, &err) == 0)
                while (!found && mountinfo_next(&mounts, &m))
                        found = m.type != NULL && strcmp(m.type, "cgroup2") == 0;
        probe_fact_text(r, "mount", found ? m.target : NULL);
        if (line != NULL)
                (void)snprintf(group, sizeof group, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
        probe_fact_text(r, "group", line != NULL ? group : NULL);
}

/* The controllers of the group that this process is in. */
static void list_available(struct probe_report *r, const struct cgroup *cg)
{
        char path[PATH_MAX + 32], text[512] = "", *state = NULL;

        probe_fact_list(r, "available");
        if (cg->parent.path[0] == '\0')
                return;
        (void)snprintf(path, sizeof path, "%s/cgroup.controllers", cg->parent.path);
        read_text(path, text, sizeof text);
        for (char *word = strtok_r(text, " \n", &state); word != NULL; word = strtok_r(NULL, " \n", &state))
                probe_fact_add(r, "available", word);
}

static int kill_in_leaf(struct probe_report *r, const struct cgroup *cg)
{
        const struct spec_resources none = {.memory_limit = -1,
                                            .memory_reservation = -1,
                                            .memory_swap = -1,
                                            .pids_limit = -1,
                                            .cpu_shares = -1,
                                            .cpu_quota = -1,
                                            .cpu_period = -1};
        struct error err = {0};
        struct pollfd p = {.fd = -1, .events = POLLIN};
        pid_t pid;

        CLEANUP_CLOSE int leaf = cgroup_leaf(cg, cg->base_fd, 0, &none, &err);
        if (leaf < 0)
                return probe_step(r, err.errnum, "%s", err.what);
        pid = sys_clone3(0, &p.fd, leaf, SIGCHLD);
        if (pid == 0)
                for (;;)
                        (void)pause();
        if (pid < 0)
                return probe_step(r, errno, "clone a process into a control group");
        probe_fact_bool(r, "clone_into", 1);
        CLEANUP_CLOSE int button = openat(leaf, "cgroup.kill", O_WRONLY | O_CLOEXEC);
        const int killed = button >= 0 && write(button, "1", 1) == 1 && poll(&p, 1, PROBE_SECONDS * 500) == 1;

        probe_fact_bool(r, "kill", killed);
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        (void)close(p.fd);
        return killed ? 0 : probe_step(r, button < 0 ? ENOENT : errno, "cgroup.kill");
}

static void fix_delegation(struct probe_report *r)
{
        probe_fix(r, "systemd-run %s--scope -p Delegate=yes tach ...", geteuid() != 0 ? "--user " : "");
        if (geteuid() != 0) {
                probe_fix(r, "where systemd delegates too few controllers to users, write to "
                             "/etc/systemd/system/user@.service.d/delegate.conf");
                probe_fix(r, "  [Service]");
                probe_fix(r, "  Delegate=cpu cpuset io memory pids");
                probe_fix(r, "and log in again after: sudo systemctl daemon-reload");
        }
        probe_fix(r, "or run without what is missing: --enforce best-effort");
}

/* MISSING: the controllers of which no limit holds. OWN: /proc/self/cgroup, with the v1 hierarchies. */
static void explain_missing(struct probe_report *r, const char *missing, const char *why, const char *own)
{
        int on_v1 = 0;

        for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++)
                on_v1 |= has_word(own, controllers[i]);
        if (on_v1) {
                probe_cause(r, "no limits by %s: controllers are on cgroup v1 here", missing);
                probe_fix(
                    r, "boot with systemd.unified_cgroup_hierarchy=1, or cgroup_no_v1=all without systemd");
                probe_fix(r, "or run without limits: --enforce best-effort");
        } else {
                probe_cause(r, "no limits by %s: %s", missing, why);
                fix_delegation(r);
        }
}

void probe_cgroup(struct probe_report *r)
{
        static char cpus[] = "0";
        const struct spec_resources limits = {.memory_limit = 1 << 30,
                                              .memory_reservation = -1,
                                              .memory_swap = -1,
                                              .pids_limit = 1000,
                                              .cpu_shares = 1024,
                                              .cpu_quota = -1,
                                              .cpu_period = -1,
                                              .cpu_cpus = cpus};
        char own[2048], missing[512] = "";
        struct cgroup cg;
        struct error err = {0};

        read_text("/proc/self/cgroup", own, sizeof own);
        place(r, own);
        probe_fact_list(r, "delegated");
        probe_fact_bool(r, "clone_into", 0);
        probe_fact_bool(r, "kill", 0);
        if (cgroup_start(&cg, &limits, 0, 1, missing, &err) < 0) {
                (void)probe_step(r, err.errnum, "%s", err.what);
                probe_cause(r, "no control group can be made");
                return;
        }
        list_available(r, &cg);
        if (cg.base_fd < 0) {
                (void)probe_step(r, 0, "make a control group: %.240s", cg.parent.why);
                probe_cause(r, "%.300s%s%.250s", cg.parent.path, cg.parent.path[0] != '\0' ? ": " : "",
                            cg.parent.why);
                fix_delegation(r);
                cgroup_stop(&cg);
                return;
        }
        for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++)
                if (!has_word(missing, controllers[i]))
                        probe_fact_add(r, "delegated", controllers[i]);
        if (kill_in_leaf(r, &cg) < 0)
                advice_call(r, r->errnum == ENOSYS ? "clone3" : r->step, 5, 14);
        else if (missing[0] != '\0')
                explain_missing(r, missing, cg.parent.why, own);
        cgroup_stop(&cg);
}
