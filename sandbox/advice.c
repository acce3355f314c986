/* How it works: a refusal says little (EPERM); what it stands for is read from where the kernel shows its
 * switches, the likeliest first. Values that are not there are no cause. */
#include "sandbox/advice.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

#define APPARMOR "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"

static int read_line(const char *path, char *line, size_t size)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);

        line[n > 0 ? n : 0] = '\0';
        line[strcspn(line, "\n")] = '\0';
        return n > 0;
}

long long advice_sysctl(const char *path, long long none)
{
        char line[64];

        return read_line(path, line, sizeof line) ? strtoll(line, NULL, 10) : none;
}

static long long status_field(const char *name)
{
        CLEANUP_FCLOSE FILE *f = fopen("/proc/self/status", "re");
        char line[256];
        const size_t n = strlen(name);

        while (f != NULL && fgets(line, sizeof line, f) != NULL)
                if (strncmp(line, name, n) == 0 && line[n] == ':')
                        return strtoll(line + n + 1, NULL, 10);
        return -1;
}

int advice_has_filter(void)
{
        return status_field("Seccomp") == 2;
}

int advice_kernel_is(int major, int minor)
{
        struct utsname u;
        int have[2] = {0, 0};

        if (uname(&u) < 0 || sscanf(u.release, "%d.%d", &have[0], &have[1]) != 2)
                return 0;
        return have[0] > major || (have[0] == major && have[1] >= minor);
}

void advice_container(struct probe_report *r)
{
        probe_fix(r, "docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
                     "--security-opt systempaths=unconfined ...");
        probe_fix(r, "podman run --security-opt seccomp=unconfined --security-opt unmask=ALL ...");
}

/* For the running program, wherever it is installed. */
static void apparmor_profile(struct probe_report *r)
{
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

        path[n > 0 ? n : 0] = '\0';
        probe_fix(r, "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0");
        probe_fix(r, "or allow it to this program alone: write to /etc/apparmor.d/tach-run");
        probe_fix(r, "  abi <abi/4.0>,");
        probe_fix(r, "  profile tach-run \"%.900s\" flags=(unconfined) {", path);
        probe_fix(r, "    userns,");
        probe_fix(r, "  }");
        probe_fix(r, "and load it: sudo apparmor_parser -r /etc/apparmor.d/tach-run");
}

static int is_restricted_by_apparmor(struct probe_report *r)
{
        if (geteuid() == 0 || advice_sysctl(APPARMOR, 0) != 1)
                return 0;
        probe_cause(r, "kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor takes the capabilities "
                       "out of user namespaces that programs without a profile make");
        apparmor_profile(r);
        return 1;
}

/* A profile of AppArmor, but for "unconfined". */
static int has_label(char *label, size_t size)
{
        return read_line("/proc/self/attr/apparmor/current", label, size) &&
               strncmp(label, "unconfined", 10) != 0;
}

/* Where nothing more is known about a refusal: who may have refused. */
static void who_refuses(struct probe_report *r)
{
        char label[128];

        if (has_label(label, sizeof label))
                probe_cause(r, "the AppArmor profile \"%s\" of this process may forbid it", label);
        else if (advice_has_filter())
                probe_cause(r, "a seccomp filter on this process may forbid it, as the default of containers "
                               "does");
        else {
                probe_cause(r, "the kernel or a security module (SELinux, Yama, lockdown) refuses it; its "
                               "log may say more (dmesg)");
                return;
        }
        advice_container(r);
}

void advice_user_namespaces(struct probe_report *r)
{
        switch (r->errnum) {
        case ENOSPC:
        case EUSERS:
                if (advice_sysctl("/proc/sys/user/max_user_namespaces", -1) == 0) {
                        probe_cause(r, "user.max_user_namespaces is 0");
                        probe_fix(r, "sudo sysctl -w user.max_user_namespaces=15000");
                } else {
                        probe_cause(r, "the limit on user namespaces is reached, here or in an outer one "
                                       "(user.max_user_namespaces; 32 levels at most)");
                        probe_fix(r, "raise user.max_user_namespaces on the host");
                }
                break;
        case EINVAL:
                probe_cause(r, "the kernel was built without user namespaces (CONFIG_USER_NS)");
                probe_fix(r, "boot a kernel that has them");
                break;
        case ENOSYS:
                advice_call(r, "clone3", 5, 3);
                break;
        case ENOENT:
                probe_cause(r, "there is no procfs at /proc");
                probe_fix(r, "mount -t proc proc /proc");
                break;
        default:
                if (geteuid() != 0 && advice_sysctl("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0) {
                        probe_cause(r, "kernel.unprivileged_userns_clone is 0");
                        probe_fix(r, "sudo sysctl -w kernel.unprivileged_userns_clone=1");
                } else if (!is_restricted_by_apparmor(r))
                        who_refuses(r);
        }
}

void advice_inside(struct probe_report *r)
{
        if (r->cause[0] != '\0')
                return;
        if (r->errnum == ENOSPC) {
                probe_cause(r, "there are too many mounts, or a limit of the machine is reached (fs.mount-max"
                               ", user.max_*_namespaces)");
                probe_fix(r, "sudo sysctl -w fs.mount-max=1000000");
        } else if ((r->errnum == EPERM || r->errnum == EACCES) && !is_restricted_by_apparmor(r))
                who_refuses(r);
        else if (r->errnum == ENOSYS)
                advice_call(r, r->step, 5, 2);
}

void advice_call(struct probe_report *r, const char *name, int major, int minor)
{
        if (r->cause[0] != '\0')
                return;
        if (!advice_kernel_is(major, minor)) {
                probe_cause(r, "%s came with Linux %d.%d; this one is older", name, major, minor);
                probe_fix(r, "boot a newer kernel");
        } else if (r->errnum == ENOSYS && !advice_has_filter()) {
                probe_cause(r, "this kernel was built without %s", name);
                probe_fix(r, "boot a kernel that has it");
        } else if (r->errnum == ENOSYS) {
                probe_cause(r, "a seccomp filter on this process hides %s, as the default of containers does",
                            name);
                advice_container(r);
        } else
                who_refuses(r);
}
