/* How it works: libseccomp builds the filter and exports it once, in the parent; workers install
 * the bytes as they are. Calls that would change what the sandbox is are EPERM; calls whose
 * arguments BPF cannot read or that bypass it are ENOSYS, so that libc falls back to older ones. */
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

static const char *const denied[] = {
    "acct",
    "add_key",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "move_pages",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "swapoff",
    "swapon",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "userfaultfd",
    "vhangup",
};
/* Sockets that no network namespace holds, or that tests have no use for. */
static const scmp_datum_t families[] = {AF_VSOCK, AF_ALG, AF_BLUETOOTH, AF_RDS, AF_TIPC, AF_XDP};
static const char *const unknown[] = {"clone3", "io_uring_enter", "io_uring_register", "io_uring_setup"};

static const struct {
        const char *name;
        uint32_t action;
} actions[] = {
    {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
    {"SCMP_ACT_KILL", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
    {"SCMP_ACT_LOG", SCMP_ACT_LOG},
    {"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
};

static const struct {
        const char *name;
        enum scmp_compare op;
} operators[] = {
    {"SCMP_CMP_EQ", SCMP_CMP_EQ}, {"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT},
    {"SCMP_CMP_LE", SCMP_CMP_LE}, {"SCMP_CMP_LT", SCMP_CMP_LT}, {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
    {"SCMP_CMP_NE", SCMP_CMP_NE},
};

static int action_by_name(const char *name, int64_t errno_ret, uint32_t *ret, struct error *err)
{
        if (strcmp(name, "SCMP_ACT_ERRNO") == 0) {
                *ret = SCMP_ACT_ERRNO(errno_ret >= 0 ? (uint32_t)errno_ret & 0xffffu : EPERM);
                return 0;
        }
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
                if (strcmp(name, actions[i].name) == 0) {
                        *ret = actions[i].action;
                        return 0;
                }
        return error_set(err, "seccomp", EINVAL, "unsupported action %s", name);
}

static int rule(scmp_filter_ctx ctx, uint32_t action, const char *name, unsigned n,
                const struct scmp_arg_cmp *args, struct error *err)
{
        int nr = seccomp_syscall_resolve_name(name);
        int r;

        if (nr == __NR_SCMP_ERROR)
                return 0; /* not a call of this kernel's headers: the default action covers it */
        r = seccomp_rule_add_array(ctx, action, nr, n, args);
        return r == -EACCES ? 0 /* equals the default action */
                            : (r < 0 ? error_set(err, "seccomp", r, "add rule for %s", name) : 0);
}

/* What the zygote needs to put workers into cells. */
static int is_for_zygote(const char *name)
{
        return strcmp(name, "setns") == 0 || strcmp(name, "clone3") == 0;
}

static int built_in(scmp_filter_ctx ctx, int zygote, struct error *err)
{
        const uint64_t ns = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                            CLONE_NEWPID | CLONE_NEWNET | 0x80u /* CLONE_NEWTIME */;
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof denied / sizeof *denied; i++)
                if (!zygote || !is_for_zygote(denied[i]))
                        r = rule(ctx, SCMP_ACT_ERRNO(EPERM), denied[i], 0, NULL, err);
        for (size_t i = 0; r == 0 && i < sizeof unknown / sizeof *unknown; i++)
                if (!zygote || !is_for_zygote(unknown[i]))
                        r = rule(ctx, SCMP_ACT_ERRNO(ENOSYS), unknown[i], 0, NULL, err);
        /* CLONE_NEWTIME shares its bit with the exit signal, so only clone's own namespace bits count */
        for (uint64_t bit = 1; r == 0 && bit <= CLONE_NEWNET; bit <<= 1)
                if ((ns & bit) != 0 && bit != 0x80u) {
                        struct scmp_arg_cmp a = SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit);

                        r = rule(ctx, SCMP_ACT_ERRNO(EPERM), "clone", 1, &a, err);
                }
        for (size_t i = 0; r == 0 && i < sizeof families / sizeof *families; i++) {
                struct scmp_arg_cmp a = SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffu, families[i]);

                r = rule(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", 1, &a, err);
        }
        for (int i = 0; r == 0 && i < 2; i++) {
                /* the kernel reads the low 32 bits only (CVE-2019-10063) */
                struct scmp_arg_cmp a = SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffu,
                                                i == 0 ? (scmp_datum_t)TIOCSTI : (scmp_datum_t)TIOCLINUX);

                r = rule(ctx, SCMP_ACT_ERRNO(EPERM), "ioctl", 1, &a, err);
        }
        return r;
}

static int from_profile(scmp_filter_ctx ctx, const struct spec_seccomp *p, struct error *err)
{
        for (size_t i = 0; i < p->n_rules; i++) {
                const struct spec_seccomp_rule *rl = &p->rules[i];
                struct scmp_arg_cmp args[6];
                uint32_t action = 0;
                int r = action_by_name(rl->action, rl->errno_ret, &action, err);

                if (r < 0)
                        return r;
                if (rl->n_args > 6)
                        return error_set(err, "seccomp", EINVAL, "more than 6 argument tests");
                for (size_t k = 0; k < rl->n_args; k++) {
                        size_t o = 0;

                        while (o < sizeof operators / sizeof *operators &&
                               strcmp(operators[o].name, rl->args[k].op) != 0)
                                o++;
                        if (o == sizeof operators / sizeof *operators || rl->args[k].index > 5)
                                return error_set(err, "seccomp", EINVAL, "unsupported argument test %s",
                                                 rl->args[k].op);
                        args[k] = (struct scmp_arg_cmp){rl->args[k].index, operators[o].op, rl->args[k].value,
                                                        rl->args[k].value_two};
                }
                for (size_t k = 0; k < rl->names.n; k++) {
                        r = rule(ctx, action, rl->names.v[k], (unsigned)rl->n_args, args, err);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* PROFILE NULL: the zygote's filter. */
static int compile(const struct spec_seccomp *profile, int *ret_fd, struct error *err)
{
        uint32_t default_action = SCMP_ACT_ALLOW;
        scmp_filter_ctx ctx;
        int r;

        if (profile != NULL && profile->default_action != NULL) {
                r = action_by_name(profile->default_action, profile->default_errno_ret, &default_action, err);
                if (r < 0)
                        return r;
        }
        CLEANUP_CLOSE int fd = memfd_create("seccomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (fd < 0)
                return error_set(err, "seccomp", errno, "memfd_create");
        ctx = seccomp_init(default_action);
        if (ctx == NULL)
                return error_set(err, "seccomp", ENOMEM, "seccomp_init");
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (profile != NULL && profile->default_action != NULL)
                r = from_profile(ctx, profile, err);
        else
                r = built_in(ctx, profile == NULL, err);
        if (r == 0) {
                r = seccomp_export_bpf(ctx, fd);
                if (r < 0)
                        r = error_set(err, "seccomp", r, "export the filter");
        }
        seccomp_release(ctx);
        if (r < 0)
                return r;
        if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return error_set(err, "seccomp", errno, "seal the filter");
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int seccomp_compile(const struct spec_seccomp *profile, int *ret_fd, struct error *err)
{
        if (profile->flags.n > 0)
                return error_set(err, "seccomp", EINVAL, "unsupported filter flag %s", profile->flags.v[0]);
        return compile(profile, ret_fd, err);
}

int seccomp_compile_zygote(int *ret_fd, struct error *err)
{
        return compile(NULL, ret_fd, err);
}

int seccomp_install_fd(int fd, struct error *err)
{
        struct stat st;
        void *bpf;
        int r;

        if (fstat(fd, &st) < 0)
                return error_set(err, "seccomp", errno, "stat the filter");
        bpf = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bpf == MAP_FAILED)
                return error_set(err, "seccomp", errno, "map the filter");
        r = seccomp_install(bpf, (size_t)st.st_size, err);
        (void)munmap(bpf, (size_t)st.st_size);
        return r;
}

int seccomp_install(const void *bpf, size_t n_bytes, struct error *err)
{
        struct sock_fprog prog = {
            .len = (unsigned short)(n_bytes / sizeof(struct sock_filter)),
            .filter = (struct sock_filter *)(uintptr_t)bpf,
        };

        if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
                return error_set(err, "seccomp", errno, "install the filter");
        return 0;
}
