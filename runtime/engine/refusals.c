/* How it works: arguments are shown as the numbers that the filter saw: what pointers lead to belongs to the
 * test, which may change it. */
#include "runtime/engine/refusals.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Calls with fewer than 6 arguments that profiles refuse. */
static const struct {
        const char *name;
        unsigned n_args;
} arities[] = {
    {"acct", 1},
    {"add_key", 5},
    {"adjtimex", 1},
    {"bpf", 3},
    {"chdir", 1},
    {"chmod", 2},
    {"chown", 3},
    {"chroot", 1},
    {"clock_adjtime", 2},
    {"clock_settime", 2},
    {"clone", 5},
    {"connect", 3},
    {"delete_module", 2},
    {"execve", 3},
    {"execveat", 5},
    {"fanotify_init", 2},
    {"fanotify_mark", 5},
    {"finit_module", 3},
    {"fsconfig", 5},
    {"fsmount", 3},
    {"fsopen", 2},
    {"fspick", 3},
    {"init_module", 3},
    {"io_uring_register", 4},
    {"io_uring_setup", 2},
    {"ioctl", 3},
    {"ioperm", 3},
    {"iopl", 1},
    {"kcmp", 5},
    {"kexec_file_load", 5},
    {"kexec_load", 4},
    {"keyctl", 5},
    {"kill", 2},
    {"link", 2},
    {"listmount", 4},
    {"lookup_dcookie", 3},
    {"lsm_set_self_attr", 4},
    {"migrate_pages", 4},
    {"mkdir", 2},
    {"mkdirat", 3},
    {"modify_ldt", 3},
    {"mount", 5},
    {"mount_setattr", 5},
    {"move_mount", 5},
    {"name_to_handle_at", 5},
    {"nfsservctl", 3},
    {"open", 3},
    {"open_by_handle_at", 3},
    {"open_tree", 3},
    {"open_tree_attr", 5},
    {"openat", 4},
    {"perf_event_open", 5},
    {"personality", 1},
    {"pidfd_getfd", 3},
    {"pivot_root", 2},
    {"prctl", 5},
    {"process_madvise", 5},
    {"process_mrelease", 2},
    {"ptrace", 4},
    {"quotactl", 4},
    {"quotactl_fd", 4},
    {"reboot", 4},
    {"rename", 2},
    {"request_key", 4},
    {"rmdir", 1},
    {"setdomainname", 2},
    {"sethostname", 2},
    {"setns", 2},
    {"settimeofday", 2},
    {"socket", 3},
    {"statmount", 4},
    {"swapoff", 1},
    {"swapon", 2},
    {"sysfs", 3},
    {"syslog", 3},
    {"umount2", 2},
    {"unlink", 1},
    {"unlinkat", 3},
    {"unshare", 1},
    {"uselib", 1},
    {"userfaultfd", 1},
    {"ustat", 2},
    {"vhangup", 0},
};

int refusals_is_listener(int fd)
{
        static const char name[] = "anon_inode:seccomp notify";
        char path[40], target[sizeof name];
        ssize_t n;

        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        n = readlink(path, target, sizeof target);
        return n == (ssize_t)sizeof name - 1 && memcmp(target, name, sizeof name - 1) == 0;
}

/* The kernel's structs may be longer than those that this was built with. */
union notification {
        struct seccomp_notif call;
        char room[256];
};
union response {
        struct seccomp_notif_resp answer;
        char room[128];
};

int refusals_receive(int listener, struct refused_call *ret)
{
        union notification n = {0};

        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n) < 0)
                return errno == ENOENT || errno == EINTR || errno == EAGAIN ? 0 : -errno;
        *ret = (struct refused_call){.id = n.call.id, .pid = (pid_t)n.call.pid, .nr = n.call.data.nr};
        for (size_t i = 0; i < 6; i++)
                ret->args[i] = n.call.data.args[i];
        return 1;
}

void refusals_answer(int listener, const struct refused_call *call, int errnum)
{
        union response r = {.answer = {.id = call->id, .error = -errnum}};

        /* it fails where the caller is gone */
        (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

void refusals_pass(int listener, const struct refused_call *call)
{
        union response r = {.answer = {.id = call->id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE}};

        (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
}

ino_t refusals_pid_namespace(pid_t pid)
{
        char path[40];
        struct stat st;

        (void)snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
        return stat(path, &st) == 0 ? st.st_ino : 0;
}

void refusals_add(struct refusals *r, const struct refused_call *call, int errnum)
{
        for (size_t i = 0; i < r->n; i++)
                if (r->v[i].nr == call->nr && r->v[i].errnum == errnum) {
                        r->v[i].times++;
                        return;
                }
        if (r->n == REFUSALS_MAX) {
                r->others++;
                return;
        }
        r->v[r->n] = (struct refusal){.nr = call->nr, .errnum = errnum, .times = 1};
        memcpy(r->v[r->n++].args, call->args, sizeof call->args);
}

char *refusals_call(char *out, size_t size, int nr, const uint64_t args[6])
{
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);
        unsigned n_args = 6;
        size_t at;

        for (size_t i = 0; name != NULL && i < sizeof arities / sizeof *arities; i++)
                if (strcmp(arities[i].name, name) == 0)
                        n_args = arities[i].n_args;
        if (name != NULL)
                at = (size_t)snprintf(out, size, "%s(", name);
        else
                at = (size_t)snprintf(out, size, "syscall %d (", nr);
        free(name);
        for (unsigned i = 0; i < n_args && at < size; i++)
                at += (size_t)snprintf(out + at, size - at, "%s0x%llx", i > 0 ? ", " : "",
                                       (unsigned long long)args[i]);
        if (at < size)
                (void)snprintf(out + at, size - at, ")");
        return out;
}

char *refusals_line(char *out, size_t size, const struct refusal *r)
{
        const char *name = strerrorname_np(r->errnum);
        size_t at = strlen(refusals_call(out, size, r->nr, r->args));

        at += (size_t)snprintf(out + at, size - at, " = %s", name != NULL ? name : "an error");
        if (r->times > 1 && at < size)
                (void)snprintf(out + at, size - at, " (%lu times)", r->times);
        return out;
}

int refusals_text(const struct refusals *r, struct buf *out)
{
        int e = 0;

        for (size_t i = 0; e == 0 && i < r->n; i++) {
                char line[256];

                e = buf_addf(out, "%s\n", refusals_line(line, sizeof line, &r->v[i]));
        }
        if (e == 0 && r->others > 0)
                e = buf_addf(out, "and %lu more\n", r->others);
        return e;
}
