/* How it works: the report lies in shared memory, so that whatever a probe's process or its children say
 * survives them. A pipe that all of them hold tells when the last is gone; what is left after the time limit
 * is killed as a process group. */
#include "sandbox/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandbox/advice.h"
#include "sandbox/sys.h"
#include "sandbox/user.h"
#include "spec/base/cleanup.h"

const struct probe probes[] = {
    {"kernel", 1, probe_kernel},
    {"clone3", 1, probe_clone3},
    {"openat2", 1, probe_openat2},
    {"user_namespaces", 1, probe_user_namespaces},
    {"namespaces", 1, probe_namespaces},
    {"mount", 1, probe_mount},
    {"mount_api", 1, probe_mount_api},
    {"proc", 1, probe_proc},
    {"overlay", 1, probe_overlay},
    {"overlay_on_overlay", 0, probe_overlay_on_overlay},
    {"capabilities", 1, probe_capabilities},
    {"project", 1, probe_folder},
    {"loopback", 1, probe_loopback},
    {"seccomp", 1, probe_seccomp},
    {"seccomp_notify", 0, probe_seccomp_notify},
    {"close_range", 1, probe_close_range},
    {"pidfd", 1, probe_pidfd},
    {"cgroup", 0, probe_cgroup},
    {"time_namespace", 0, probe_time_namespace},
    {"landlock", 0, probe_landlock},
    {"keyrings", 0, probe_keyrings},
    {"userfaultfd", 0, probe_userfaultfd},
    {"pagemap_scan", 0, probe_pagemap_scan},
    {NULL, 0, NULL},
};

static void __attribute__((noreturn))
probe_main(void (*run)(struct probe_report *r), struct probe_report *r, int go_fd)
{
        sigset_t none;
        char c;

        (void)setpgid(0, 0);
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)signal(SIGCHLD, SIG_DFL);
        if (read(go_fd, &c, 1) == 1)
                run(r);
        _exit(0);
}

/* Waits until nobody holds the other end of ALIVE_FD any more: 1, or 0 when it takes too long. */
static int wait_for_end(int alive_fd)
{
        struct pollfd p = {.fd = alive_fd, .events = POLLIN};
        int n;

        do
                n = poll(&p, 1, PROBE_SECONDS * 1000);
        while (n < 0 && errno == EINTR);
        return n == 1;
}

static void watch(pid_t pid, int alive_fd, struct probe_report *r)
{
        int status = 0, in_time = wait_for_end(alive_fd);

        (void)kill(-pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                continue;
        if (!in_time) {
                (void)probe_step(r, ETIMEDOUT, "%s", r->step);
                probe_cause(r, "it did not end within %d seconds", PROBE_SECONDS);
        } else if (WIFSIGNALED(status)) {
                (void)probe_step(r, 0, "killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
                if (WTERMSIG(status) == SIGSYS) {
                        probe_cause(r, "a seccomp filter on this process kills who makes that system call");
                        advice_container(r);
                }
        }
}

void probe_call(void (*run)(struct probe_report *r), const char *folder, struct probe_report *ret)
{
        struct probe_report *r =
            mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        int alive[2] = {-1, -1}, go[2] = {-1, -1};
        pid_t pid = -1;

        *ret = (struct probe_report){.status = PROBE_MISSING};
        if (r != MAP_FAILED && pipe2(alive, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0) {
                if (folder != NULL)
                        (void)snprintf(r->folder, sizeof r->folder, "%s", folder);
                else if (getcwd(r->folder, sizeof r->folder) == NULL)
                        r->folder[0] = '\0';
                pid = fork();
        }
        if (pid == 0) {
                (void)close(alive[0]);
                (void)close(go[1]);
                probe_main(run, r, go[0]);
        }
        if (pid < 0)
                (void)probe_step(ret, errno, "start a process for the probe");
        if (alive[1] >= 0)
                (void)close(alive[1]);
        if (pid > 0) {
                (void)setpgid(pid, pid);
                if (write(go[1], "g", 1) != 1)
                        (void)kill(pid, SIGKILL);
                watch(pid, alive[0], r);
                *ret = *r;
        }
        for (int i = 0; i < 2; i++)
                if (go[i] >= 0)
                        (void)close(go[i]);
        if (alive[0] >= 0)
                (void)close(alive[0]);
        if (r != MAP_FAILED)
                (void)munmap(r, sizeof *r);
}

void probe_run(const struct probe *probe, const char *folder, struct probe_report *ret)
{
        probe_call(probe->run, folder, ret);
}

int probe_step(struct probe_report *r, int errnum, const char *fmt, ...)
{
        char text[sizeof r->step];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof text, fmt, ap);
        va_end(ap);
        memcpy(r->step, text, sizeof text);
        r->status = PROBE_MISSING;
        r->errnum = errnum;
        return errnum != 0 ? -errnum : -EINVAL;
}

void probe_cause(struct probe_report *r, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(r->cause, sizeof r->cause, fmt, ap);
        va_end(ap);
        if (r->status == PROBE_OK)
                r->status = PROBE_DEGRADED;
}

void probe_needs(struct probe_report *r, const char *name)
{
        r->status = PROBE_MISSING;
        r->errnum = 0;
        r->step[0] = '\0';
        probe_cause(r, "it needs %s", name);
}

void probe_fix(struct probe_report *r, const char *fmt, ...)
{
        const size_t used = strlen(r->fix);
        va_list ap;
        int n = 0;

        if (used > 0)
                n = snprintf(r->fix + used, sizeof r->fix - used, "\n");
        va_start(ap, fmt);
        (void)vsnprintf(r->fix + used + n, sizeof r->fix - used - (size_t)n, fmt, ap);
        va_end(ap);
}

static struct probe_fact *fact(struct probe_report *r, const char *key)
{
        size_t i = 0;

        while (i < r->n_facts && strcmp(r->facts[i].key, key) != 0)
                i++;
        if (i == PROBE_MAX_FACTS)
                i--;
        else if (i == r->n_facts)
                r->n_facts++;
        (void)snprintf(r->facts[i].key, sizeof r->facts[i].key, "%s", key);
        return &r->facts[i];
}

void probe_fact_int(struct probe_report *r, const char *key, long long value)
{
        struct probe_fact *f = fact(r, key);

        f->kind = FACT_INT;
        f->number = value;
}

void probe_fact_bool(struct probe_report *r, const char *key, int value)
{
        probe_fact_int(r, key, value != 0);
        fact(r, key)->kind = FACT_BOOL;
}

void probe_fact_text(struct probe_report *r, const char *key, const char *text)
{
        struct probe_fact *f = fact(r, key);

        f->kind = text != NULL ? FACT_TEXT : FACT_NONE;
        (void)snprintf(f->text, sizeof f->text, "%s", text != NULL ? text : "");
}

void probe_fact_list(struct probe_report *r, const char *key)
{
        fact(r, key)->kind = FACT_LIST;
}

void probe_fact_add(struct probe_report *r, const char *key, const char *word)
{
        struct probe_fact *f = fact(r, key);
        const size_t used = strlen(f->text);

        f->kind = FACT_LIST;
        if (used + strlen(word) + 2 <= sizeof f->text)
                (void)snprintf(f->text + used, sizeof f->text - used, "%s\n", word);
}

static void __attribute__((noreturn))
inside_main(int (*body)(struct probe_report *r), struct probe_report *r, int go_fd)
{
        char c;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (read(go_fd, &c, 1) != 1)
                _exit(1);
        _exit(body(r) < 0 ? 1 : 0);
}

int probe_inside(uint64_t namespaces, int (*body)(struct probe_report *r), struct probe_report *r)
{
        struct error err = {0};
        int go[2], status = 0, e;
        pid_t pid;

        if (pipe2(go, O_CLOEXEC) < 0)
                return probe_step(r, errno, "pipe");
        pid = sys_clone3(CLONE_NEWUSER | namespaces, NULL, -1, SIGCHLD);
        if (pid == 0) {
                (void)close(go[1]);
                inside_main(body, r, go[0]);
        }
        e = pid < 0 ? probe_step(r, errno, "clone a process with new namespaces") : 0;
        (void)close(go[0]);
        if (e == 0 && user_map(pid, geteuid(), geteuid(), getegid(), getegid(), &err) < 0)
                e = probe_step(r, err.errnum, "%s", err.what);
        if (e == 0 && write(go[1], "g", 1) != 1)
                e = probe_step(r, errno, "write to a pipe");
        (void)close(go[1]);
        if (pid > 0)
                while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                        continue;
        if (e < 0 && namespaces != 0)
                probe_needs(r, "user_namespaces and namespaces");
        if (e == 0 && r->status == PROBE_MISSING)
                e = r->errnum != 0 ? -r->errnum : -EINVAL;
        else if (e == 0 && status != 0) {
                e = probe_step(r, 0, "a process in namespaces of its own ended with status %#x",
                               (unsigned)status);
                probe_cause(r, "a seccomp filter may kill who makes a system call of this step");
        }
        return e;
}

int probe_private_mounts(struct probe_report *r)
{
        int e = 0;

        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                e = probe_step(r, errno, "make the mounts of a new mount namespace private");
        else if (mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "size=1m,mode=700") < 0)
                e = probe_step(r, errno, "mount a tmpfs in a user namespace");
        return e;
}
