/* How it works: every namespace is made for real, by a process that ends at once. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/advice.h"
#include "sandbox/caps.h"
#include "sandbox/net.h"
#include "sandbox/probe.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static void sysctl_fact(struct probe_report *r, const char *key, const char *path)
{
        const long long value = advice_sysctl(path, -1);

        if (value >= 0)
                probe_fact_int(r, key, value);
        else
                probe_fact_text(r, key, NULL);
}

static int nothing(struct probe_report *r)
{
        (void)r;
        return 0;
}

void probe_user_namespaces(struct probe_report *r)
{
        sysctl_fact(r, "max_user_namespaces", "/proc/sys/user/max_user_namespaces");
        sysctl_fact(r, "unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone");
        sysctl_fact(r, "apparmor_restrict_unprivileged_userns",
                    "/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
        if (probe_inside(0, nothing, r) < 0) {
                struct probe_report maps = {0}; /* are written with it */

                probe_openat2(&maps);
                if (maps.step[0] != '\0')
                        probe_needs(r, "openat2");
                else
                        advice_user_namespaces(r);
        }
}

static void explain_kind(struct probe_report *r, const char *name)
{
        char path[64];

        (void)snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", name);
        if (r->errnum == EINVAL) {
                probe_cause(r, "the kernel was built without %s namespaces", name);
                probe_fix(r, "boot a kernel that has them");
        } else if (r->errnum == ENOSPC && advice_sysctl(path, -1) == 0) {
                probe_cause(r, "user.max_%s_namespaces is 0", name);
                probe_fix(r, "sudo sysctl -w user.max_%s_namespaces=15000", name);
        } else if (r->errnum == ENOSPC) {
                probe_cause(r,
                            "the limit user.max_%s_namespaces is reached, here or in an outer user namespace",
                            name);
                probe_fix(r, "raise user.max_%s_namespaces on the host", name);
        } else
                advice_inside(r);
}

/* Into the namespaces of another process, as a worker enters its cell. */
static int join_another(struct probe_report *r)
{
        int pidfd = -1, e = 0;
        const pid_t pid = sys_clone3(CLONE_NEWUSER | CLONE_NEWNS, &pidfd, -1, SIGCHLD);

        if (pid == 0)
                for (;;)
                        (void)pause();
        if (pid < 0)
                return probe_step(r, errno, "make a user namespace in another");
        if (setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS) < 0)
                e = probe_step(r, errno, "setns");
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, NULL, 0);
        (void)close(pidfd);
        return e;
}

static int name_the_host(struct probe_report *r)
{
        return sethostname("tach", 4) < 0 ? probe_step(r, errno, "sethostname") : 0;
}

void probe_namespaces(struct probe_report *r)
{
        static const struct {
                const char *name;
                uint64_t flag;
        } kinds[] = {{"mnt", CLONE_NEWNS},  {"pid", CLONE_NEWPID}, {"net", CLONE_NEWNET},
                     {"ipc", CLONE_NEWIPC}, {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP}};

        probe_fact_list(r, "available");
        if (probe_inside(0, nothing, r) < 0) {
                probe_needs(r, "user_namespaces");
                return;
        }
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                struct probe_report one = {0};
                const int e = probe_inside(kinds[i].flag, nothing, &one);

                if (e == 0)
                        probe_fact_add(r, "available", kinds[i].name);
                else if (r->status == PROBE_OK) {
                        (void)probe_step(r, -e, "make a namespace: %s", kinds[i].name);
                        explain_kind(r, kinds[i].name);
                }
        }
        if (r->status == PROBE_OK &&
            (probe_inside(0, join_another, r) < 0 || probe_inside(CLONE_NEWUTS, name_the_host, r) < 0))
                advice_inside(r);
}

/* None left, of any set, and none to be gained. */
static int drop_all(struct probe_report *r)
{
        const cap_t empty = cap_init();
        struct error err = {0};

        if (empty == NULL)
                return probe_step(r, ENOMEM, "cap_init");
        return caps_drop_all(empty, &err) < 0 ? probe_step(r, err.errnum, "%s", err.what) : 0;
}

void probe_capabilities(struct probe_report *r)
{
        if (probe_inside(CLONE_NEWNS, drop_all, r) < 0)
                advice_inside(r);
}

/* A connection over the loopback interface of a network namespace of its own. */
static int connect_to_itself(struct probe_report *r)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof at;
        struct error err = {0};

        if (net_loopback_up(NULL, &err) < 0)
                return probe_step(r, err.errnum, "%s", err.what);
        CLEANUP_CLOSE int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CLEANUP_CLOSE int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (server < 0 || client < 0 || bind(server, (struct sockaddr *)&at, sizeof at) < 0 ||
            listen(server, 1) < 0 || getsockname(server, (struct sockaddr *)&at, &size) < 0 ||
            connect(client, (struct sockaddr *)&at, sizeof at) < 0)
                return probe_step(r, errno, "connect over the loopback interface");
        return 0;
}

void probe_loopback(struct probe_report *r)
{
        if (probe_inside(CLONE_NEWNET, connect_to_itself, r) < 0 && r->cause[0] == '\0') {
                if (r->errnum == EIO)
                        r->errnum = EPERM; /* rtnetlink's own error says no more */
                advice_inside(r);
        }
}

void probe_time_namespace(struct probe_report *r)
{
        int e = probe_inside(0, nothing, r);

        if (e == 0)
                e = probe_inside(CLONE_NEWTIME, nothing, r);
        else {
                probe_needs(r, "user_namespaces");
                return;
        }
        if (e == 0)
                return;
        r->cause[0] = '\0';
        (void)probe_step(r, -e, "make a namespace: time");
        if (e == -EINVAL && advice_kernel_is(5, 6)) {
                probe_cause(r, "the kernel was built without time namespaces (CONFIG_TIME_NS)");
                probe_fix(r, "boot a kernel that has them");
        } else if (e == -ENOSPC) {
                probe_cause(r, "user.max_time_namespaces is 0, or the limit is reached");
                probe_fix(r, "sudo sysctl -w user.max_time_namespaces=15000");
        } else
                advice_call(r, "the time namespace", 5, 6);
}
