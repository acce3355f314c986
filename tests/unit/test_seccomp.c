/* The system call filter: profiles, the policy that they make, and the programs compiled from it. The oracles
 * are the policy itself, libseccomp's own program for the same rules, and the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/engine/filters.h"
#include "runtime/engine/refusals.h"
#include "sandbox/abi.h"
#include "sandbox/bpf.h"
#include "sandbox/policy.h"
#include "sandbox/seccomp.h"
#include "spec/base/cleanup.h"
#include "tests/unit/bpf_sim.h"

#define ERRNO(e) (SECCOMP_RET_ERRNO | (uint32_t)(e))

static const struct policy_host host = {{6, 1}};

static int make_from(struct policy *ret, const char *text, struct error *err)
{
        struct spec_seccomp profile = {0};
        int r = spec_seccomp_read(&profile, text, strlen(text), "profile.json", err);

        assert_int_equal(r, 0);
        r = policy_make(ret, &profile, &host, err);
        spec_seccomp_finish(&profile);
        return r;
}

static void make(struct policy *ret, const char *text)
{
        struct error err = {0};

        if (make_from(ret, text, &err) < 0)
                fail_msg("%s: %s", err.phase, err.what);
}

static void make_built_in(struct policy *ret)
{
        CLEANUP_FREE char *text = NULL;
        size_t len;
        const char *bytes = spec_seccomp_default(&len);

        text = strndup(bytes, len);
        make(ret, text);
}

static int number(const char *name)
{
        int known, nr = policy_number(name, &known);

        assert_true(nr >= 0);
        return nr;
}

static uint32_t decide(const struct policy *p, const char *name, uint64_t a0, uint64_t a1)
{
        const uint64_t args[6] = {a0, a1};

        return policy_decide(p, number(name), args);
}

static uint32_t simulate(const struct bpf *b, int nr, const uint64_t args[6])
{
        struct seccomp_data call = {.nr = nr, .arch = ABI_AUDIT};

        for (size_t i = 0; i < 6; i++)
                call.args[i] = args[i];
        return bpf_sim(b->v, b->n, &call);
}

/* Values at the edges of what P's tests compare with. */
static uint64_t interesting(const struct policy *p, int nr, unsigned round, size_t arg)
{
        static const uint64_t plain[] = {0, 1, UINT32_MAX, 1ull << 32, UINT64_MAX, 1ull << 63};
        const struct policy_clause *c = nr < POLICY_MAX_CALLS ? p->calls[nr] : NULL;
        unsigned skip = round / 8;

        if (round % 8 < 6 && round < 48 && (round + arg) % 3 != 0)
                return plain[(round + arg) % 6];
        for (; c != NULL; c = c->next)
                for (unsigned i = 0; i < c->n_tests; i++)
                        if (c->tests[i].arg == arg && skip-- == 0)
                                return c->tests[i].value + round % 3 - 1 +
                                       (round % 5 == 0 ? (uint64_t)round << 32 : 0);
        return (uint64_t)random() << 33 ^ (uint64_t)random();
}

static void same_as_policy(const struct policy *p)
{
        CLEANUP_BPF struct bpf b = {0};
        struct error err;

        assert_int_equal(bpf_compile(&b, p, &err), 0);
        for (int nr = 0; nr < POLICY_MAX_CALLS + 8; nr++)
                for (unsigned round = 0; round < 96; round++) {
                        uint64_t args[6];

                        for (size_t i = 0; i < 6; i++)
                                args[i] = interesting(p, nr, round, i);
                        assert_int_equal(simulate(&b, nr, args), policy_decide(p, nr, args));
                }
}

static void built_in_profile_decides(void **state)
{
        static const struct {
                const char *name;
                uint64_t a0, a1;
                uint32_t action;
        } cases[] = {
            {"read", 0, 0, SECCOMP_RET_ALLOW},
            {"execve", 1, 1, SECCOMP_RET_ALLOW},
            {"clone", SIGCHLD, 0, SECCOMP_RET_ALLOW},
            {"clone", CLONE_VM | CLONE_THREAD | CLONE_FILES, 0, SECCOMP_RET_ALLOW},
            {"clone", CLONE_NEWUSER | SIGCHLD, 0, ERRNO(EPERM)},
            {"clone", CLONE_NEWNS, 0, ERRNO(EPERM)},
            {"clone", CLONE_NEWCGROUP, 0, ERRNO(EPERM)},
            {"clone", 1ull << 32 | CLONE_NEWPID, 0, ERRNO(EPERM)},
            {"clone3", 0, 0, ERRNO(ENOSYS)},
            {"unshare", CLONE_FILES, 0, SECCOMP_RET_ALLOW},
            {"unshare", 0x80, 0, ERRNO(EPERM)},
            {"unshare", CLONE_NEWNET, 0, ERRNO(EPERM)},
            {"setns", 0, 0, ERRNO(EPERM)},
            {"socket", AF_UNIX, 0, SECCOMP_RET_ALLOW},
            {"socket", AF_INET, 0, SECCOMP_RET_ALLOW},
            {"socket", AF_INET6, 0, SECCOMP_RET_ALLOW},
            {"socket", AF_NETLINK, 0, SECCOMP_RET_ALLOW},
            {"socket", AF_VSOCK, 0, ERRNO(EAFNOSUPPORT)},
            {"socket", AF_ALG, 0, ERRNO(EAFNOSUPPORT)},
            {"socket", AF_XDP, 0, ERRNO(EAFNOSUPPORT)},
            {"socket", 1ull << 32 | AF_VSOCK, 0, ERRNO(EAFNOSUPPORT)},
            {"ioctl", 0, 0x5401, SECCOMP_RET_ALLOW},
            {"ioctl", 0, 0x5412, ERRNO(EPERM)},
            {"ioctl", 0, 0xffffffff00005412, ERRNO(EPERM)},
            {"ioctl", 0, 0x541c, ERRNO(EPERM)},
            {"ioctl", 0, 1ull << 32 | 0x541c, ERRNO(EPERM)},
            {"fcntl", 3, F_GETFD, SECCOMP_RET_ALLOW},
            {"fcntl", 3, F_SETLEASE, ERRNO(EPERM)},
            {"fcntl", 3, 1ull << 32 | F_SETLEASE, ERRNO(EPERM)},
            {"personality", 0xffffffff, 0, SECCOMP_RET_ALLOW},
            {"personality", 0, 0, SECCOMP_RET_ALLOW},
            {"personality", 0x0040000, 0, ERRNO(EPERM)},
            {"io_uring_setup", 1, 0, ERRNO(ENOSYS)},
        };
        static const char *const refused[] = {
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
            "kcmp",
            "kexec_load",
            "keyctl",
            "mount",
            "mount_setattr",
            "move_mount",
            "move_pages",
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
            "settimeofday",
            "swapoff",
            "swapon",
            "syslog",
            "umount2",
            "userfaultfd",
            "vhangup",
        };
        CLEANUP_POLICY struct policy p = {0};

        (void)state;
        make_built_in(&p);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if (decide(&p, cases[i].name, cases[i].a0, cases[i].a1) != cases[i].action)
                        fail_msg("%s(%#llx, %#llx): %#x", cases[i].name, (unsigned long long)cases[i].a0,
                                 (unsigned long long)cases[i].a1,
                                 decide(&p, cases[i].name, cases[i].a0, cases[i].a1));
        for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
                assert_int_equal(decide(&p, refused[i], 0, 0), ERRNO(EPERM));
        assert_int_equal(policy_decide(&p, p.newest + 1, (uint64_t[6]){0}), ERRNO(ENOSYS));
        assert_int_equal(policy_decide(&p, 100000, (uint64_t[6]){0}), ERRNO(ENOSYS));
        same_as_policy(&p);
}

/* Nothing that libseccomp knows is left to the default action by oversight. */
static void built_in_profile_names_every_call(void **state)
{
        CLEANUP_POLICY struct policy p = {0};

        (void)state;
        make_built_in(&p);
        for (int nr = 0; nr < POLICY_MAX_CALLS; nr++) {
                CLEANUP_FREE char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

                if (name != NULL && nr <= p.newest && p.calls[nr] == NULL)
                        fail_msg("spec/seccomp.json does not name %s", name);
        }
}

static void other_abis_are_killed(void **state)
{
        CLEANUP_POLICY struct policy p = {0};
        CLEANUP_BPF struct bpf b = {0};
        struct seccomp_data call = {.nr = 1, .arch = AUDIT_ARCH_I386};
        struct error err;

        (void)state;
        make_built_in(&p);
        assert_int_equal(bpf_compile(&b, &p, &err), 0);
        assert_true(bpf_sim(b.v, b.n, &call) == SECCOMP_RET_KILL_PROCESS);
        call.arch = ABI_AUDIT;
        call.nr = -1;
        assert_int_equal(bpf_sim(b.v, b.n, &call), ERRNO(ENOSYS));
#if defined(__x86_64__)
        call.nr = 0x40000000 | 1;
        assert_true(bpf_sim(b.v, b.n, &call) == SECCOMP_RET_KILL_PROCESS);
#endif
}

static void every_operator_and_the_first_match(void **state)
{
        static const char text[] =
            "{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"syscalls\": ["
            "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": ["
            " {\"index\": 0, \"value\": 5, \"op\": \"SCMP_CMP_GT\"},"
            " {\"index\": 0, \"value\": 4294967306, \"op\": \"SCMP_CMP_LE\"},"
            " {\"index\": 1, \"value\": 7, \"op\": \"SCMP_CMP_NE\"}]},"
            "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_TRAP\", \"args\": ["
            " {\"index\": 2, \"value\": 8589934592, \"op\": \"SCMP_CMP_GE\"},"
            " {\"index\": 3, \"value\": 12884901889, \"op\": \"SCMP_CMP_LT\"}]},"
            "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_LOG\", \"args\": ["
            " {\"index\": 5, \"value\": 18446744073709551615, \"op\": \"SCMP_CMP_EQ\"}]},"
            "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 2, \"args\": ["
            " {\"index\": 4, \"value\": 71777214294589695, \"valueTwo\": 4503599627370512,"
            "  \"op\": \"SCMP_CMP_MASKED_EQ\"}]},"
            "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_KILL_THREAD\"},"
            "{\"names\": [\"write\", \"no_such_call\"], \"action\": \"SCMP_ACT_ALLOW\"}]}";
        CLEANUP_POLICY struct policy p = {0};

        (void)state;
        make(&p, text);
        assert_int_equal(policy_decide(&p, number("read"), (uint64_t[6]){6}), SECCOMP_RET_ALLOW);
        assert_int_equal(policy_decide(&p, number("read"), (uint64_t[6]){5, 0, 2ull << 32}),
                         SECCOMP_RET_TRAP);
        assert_int_equal(policy_decide(&p, number("read"), (uint64_t[6]){0, 0, 0, 0, 0, UINT64_MAX}),
                         SECCOMP_RET_LOG);
        assert_true(policy_decide(&p, number("read"), (uint64_t[6]){0}) == SECCOMP_RET_KILL_THREAD);
        assert_true(policy_decide(&p, 1000, (uint64_t[6]){0}) == SECCOMP_RET_KILL_PROCESS);
        same_as_policy(&p);
}

static void rules_for_other_machines_do_not_apply(void **state)
{
        static const char text[] =
            "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
            "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"arches\": [\"z80\"]}},"
            "{\"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"arches\": [\"amd64\","
            " \"arm64\"]}},"
            "{\"names\": [\"open\", \"openat\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": "
            "{\"minKernel\":"
            " \"6.1\"}},"
            "{\"names\": [\"close\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"minKernel\": "
            "\"6.2\"}},"
            "{\"names\": [\"dup\"], \"action\": \"SCMP_ACT_ALLOW\", \"excludes\": {\"minKernel\": \"5.20\"}},"
            "{\"names\": [\"bpf\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_BPF\"]}},"
            "{\"names\": [\"mount\"], \"action\": \"SCMP_ACT_TRAP\", \"excludes\": {\"caps\":"
            " [\"CAP_SYS_ADMIN\"]}}]}";
        CLEANUP_POLICY struct policy p = {0};

        (void)state;
        make(&p, text);
        assert_int_equal(decide(&p, "read", 0, 0), ERRNO(EPERM));
        assert_int_equal(decide(&p, "write", 0, 0), ERRNO(EPERM));
        assert_int_equal(decide(&p, "openat", 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(decide(&p, "close", 0, 0), ERRNO(EPERM));
        assert_int_equal(decide(&p, "dup", 0, 0), ERRNO(EPERM));
        assert_int_equal(decide(&p, "bpf", 0, 0), ERRNO(ENOSYS)); /* newer than all that is named */
        assert_int_equal(decide(&p, "mount", 0, 0), SECCOMP_RET_TRAP);
}

static void profiles_that_cannot_be_given_are_refused(void **state)
{
        static const struct {
                const char *text, *what;
        } cases[] = {
            {"{\"defaultAction\": \"SCMP_ACT_TRACE\"}", "unsupported action SCMP_ACT_TRACE"},
            {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"read\"], \"action\": "
             "\"SCMP_ACT_NOTIFY\"}]}",
             "syscalls[0]: unsupported action SCMP_ACT_NOTIFY"},
            {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"]}",
             "unsupported filter flag SECCOMP_FILTER_FLAG_LOG"},
            {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_MIPS\"]}",
             "architectures: SCMP_ARCH_MIPS is not this machine's own"},
            {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": [{\"architecture\": \"SCMP_ARCH_MIPS\"}]}",
             "archMap: no entry for "},
            {"{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"muont\"], \"action\": "
             "\"SCMP_ACT_ERRNO\"}]}",
             "syscalls[0]: no system call is called muont"},
            {"{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"read\"], \"action\": "
             "\"SCMP_ACT_ALLOW\"}, {\"names\": [\"read\"], \"action\": \"SCMP_ACT_KILL\"}]}",
             "syscalls[1]: a rule for read is never reached"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct policy p = {.newest = 4711};
                struct error err = {0};

                assert_true(make_from(&p, cases[i].text, &err) < 0);
                assert_string_equal(err.phase, "seccomp");
                assert_int_equal(strncmp(err.what, cases[i].what, strlen(cases[i].what)), 0);
                assert_true(err.hint[0] != '\0');
                assert_int_equal(p.newest, 4711); /* untouched */
        }
}

/* The kernel takes no more than 4096 instructions. */
static void a_profile_may_be_too_long(void **state)
{
        CLEANUP_BUF struct buf text = {0};
        struct policy p = {0};
        CLEANUP_BPF struct bpf b = {0};
        struct error err;

        (void)state;
        (void)buf_adds(&text, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [");
        for (int i = 0; i < 1000; i++)
                (void)buf_addf(
                    &text,
                    "%s{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ERRNO\", \"args\": [{\"index\": 0, "
                    "\"value\": %d, \"op\": \"SCMP_CMP_EQ\"}]}",
                    i > 0 ? "," : "", i);
        (void)buf_adds(&text, "]}");
        make(&p, text.data);
        assert_int_equal(bpf_compile(&b, &p, &err), -E2BIG);
        policy_finish(&p);
}

/* libseccomp compiles allow-lists of the same rules to programs that decide alike. */
static void libseccomp_decides_alike(void **state)
{
        CLEANUP_POLICY struct policy p = {.default_action = ERRNO(EPERM), .newest = -1};
        CLEANUP_BPF struct bpf b = {0};
        scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
        CLEANUP_CLOSE int fd = memfd_create("bpf", 0);
        struct sock_filter *theirs;
        struct error err;
        struct stat st;

        (void)state;
        srandom(1);
        for (int nr = 0; nr < 300; nr++) {
                struct scmp_arg_cmp a[2];
                struct policy_clause c = {.action = SECCOMP_RET_ALLOW, .n_tests = (unsigned)random() % 3};
                char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, nr);

                if (name == NULL)
                        continue;
                for (unsigned i = 0; i < c.n_tests; i++) {
                        static const enum scmp_compare ops[] = {SCMP_CMP_EQ,       SCMP_CMP_NE, SCMP_CMP_GT,
                                                                SCMP_CMP_GE,       SCMP_CMP_LT, SCMP_CMP_LE,
                                                                SCMP_CMP_MASKED_EQ};
                        const enum policy_op op = (enum policy_op)(random() % 7);
                        const uint64_t value = (uint64_t)random() % 3 << 32 | (uint64_t)random() % 3,
                                       mask = 1ull << 32 | 3;

                        c.tests[i] =
                            (struct policy_test){op, i, op == POLICY_MASKED_EQ ? value & mask : value, mask};
                        a[i] = (struct scmp_arg_cmp){i, ops[op], op == POLICY_MASKED_EQ ? mask : value,
                                                     value & mask};
                }
                assert_int_equal(seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, nr, c.n_tests, a), 0);
                p.calls[nr] = malloc(sizeof c);
                *p.calls[nr] = c;
                free(name);
        }
        assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
        seccomp_release(ctx);
        assert_int_equal(fstat(fd, &st), 0);
        theirs = malloc((size_t)st.st_size);
        assert_int_equal(pread(fd, theirs, (size_t)st.st_size, 0), st.st_size);
        assert_int_equal(bpf_compile(&b, &p, &err), 0);
        for (int round = 0; round < 200000; round++) {
                struct seccomp_data call = {.nr = (int)(random() % 310), .arch = ABI_AUDIT};

                for (size_t i = 0; i < 2; i++)
                        call.args[i] = (uint64_t)random() % 4 << 32 | (uint64_t)random() % 4;
                assert_int_equal(bpf_sim(b.v, b.n, &call),
                                 bpf_sim(theirs, (size_t)st.st_size / sizeof *theirs, &call));
        }
        free(theirs);
}

/* What the zygote's and the worker's filters decide together, as the kernel combines them. */
static uint32_t stacked(const struct policy *below, const struct policy *above, int nr,
                        const uint64_t args[6])
{
        uint32_t a = policy_decide(below, nr, args), b = policy_decide(above, nr, args);

        return (int32_t)(a & SECCOMP_RET_ACTION_FULL) < (int32_t)(b & SECCOMP_RET_ACTION_FULL) ? a : b;
}

static void stacked_filters_are_as_strict_as_either(void **state)
{
        static const char *const profiles[] = {
            NULL,
            "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}",
            "{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"syscalls\": [{\"names\": [\"read\", "
            "\"ptrace\"], "
            "\"action\": \"SCMP_ACT_ALLOW\"}]}",
            "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"socket\"], \"action\": "
            "\"SCMP_ACT_ALLOW\"}, {\"names\": [\"mount\"], \"action\": \"SCMP_ACT_TRAP\"}]}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
                struct spec_seccomp own = {.default_errno_ret = -1};
                struct filters f = FILTERS_NONE;
                CLEANUP_POLICY struct policy rest = {0};
                struct error err;

                if (profiles[i] != NULL)
                        assert_int_equal(
                            spec_seccomp_read(&own, profiles[i], strlen(profiles[i]), "own", &err), 0);
                assert_int_equal(filters_make(&f, &own, 1, 0, &err), 0);
                assert_int_equal(f.is_built_in, profiles[i] == NULL);
                assert_int_equal(policy_copy(&rest, &f.worker, &err), 0);
                assert_int_equal(policy_subtract(&rest, &f.zygote, &err), 0);
                for (int nr = 0; nr < POLICY_MAX_CALLS + 4; nr++)
                        for (unsigned round = 0; round < 64; round++) {
                                uint64_t args[6];
                                uint32_t got, full;

                                for (size_t k = 0; k < 6; k++)
                                        args[k] = interesting(&f.worker, nr, round, k);
                                got = stacked(&f.zygote, &rest, nr, args);
                                full = stacked(&f.zygote, &f.worker, nr, args);
                                assert_int_equal(got & SECCOMP_RET_ACTION_FULL,
                                                 full & SECCOMP_RET_ACTION_FULL);
                        }
                assert_int_equal(decide(&f.zygote, "setns", 0, 0), SECCOMP_RET_ALLOW);
                assert_int_equal(decide(&f.zygote, "clone3", 0, 0), SECCOMP_RET_ALLOW);
                assert_int_equal(decide(&f.zygote, "unshare", CLONE_NEWCGROUP, 0), SECCOMP_RET_ALLOW);
                assert_int_equal(decide(&f.zygote, "unshare", CLONE_NEWCGROUP | CLONE_NEWUTS, 0),
                                 ERRNO(EPERM));
                if (profiles[i] == NULL)
                        assert_int_equal(decide(&rest, "unshare", CLONE_NEWCGROUP, 0), ERRNO(EPERM));
                assert_int_equal(decide(&f.zygote, "mount", 0, 0), ERRNO(EPERM));
                filters_finish(&f);
                spec_seccomp_finish(&own);
        }
}

static void a_profile_can_allow_what_the_built_in_one_refuses(void **state)
{
        static const char text[] =
            "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"EACCES\", \"syscalls\": "
            "[{\"names\": [\"ptrace\"], \"action\": \"SCMP_ACT_ALLOW\"},"
            " {\"names\": [\"keyctl\"], \"action\": \"SCMP_ACT_ERRNO\", \"errno\": \"EDOM\"},"
            " {\"names\": [\"quotactl_fd\"], \"action\": \"SCMP_ACT_ALLOW\"}]}";
        struct spec_seccomp own = {0};
        struct filters f = FILTERS_NONE;
        struct error err;

        (void)state;
        assert_int_equal(spec_seccomp_read(&own, text, sizeof text - 1, "own", &err), 0);
        assert_int_equal(filters_make(&f, &own, 1, 0, &err), 0);
        assert_int_equal(decide(&f.zygote, "ptrace", 0, 0), SECCOMP_RET_ALLOW);
        assert_int_equal(decide(&f.zygote, "keyctl", 0, 0), ERRNO(EPERM));
        assert_int_equal(filters_refusal(&f, 0, number("keyctl"), (uint64_t[6]){0}), EPERM);
        assert_int_equal(filters_refusal(&f, 1, number("keyctl"), (uint64_t[6]){0}), EDOM);
        assert_int_equal(filters_refusal(&f, 1, number("mount"), (uint64_t[6]){0}), EACCES);
        filters_finish(&f);
        spec_seccomp_finish(&own);
}

/* Installs P in a child with a listener and returns the errno that ACT got there, the parent answering with
 * ERRNUM; *RET_CALL is what it saw. */
static int notified(const struct policy *p, long (*act)(void), int errnum, struct refused_call *ret_call)
{
        struct error err = {0};
        int fd, plain, report[2], listener, status;
        char byte;
        pid_t pid;

        assert_int_equal(seccomp_compile(p, &fd, &err), 0);
        assert_int_equal(seccomp_compile(p, &plain, &err), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, report), 0);
        pid = fork();
        if (pid == 0) {
                (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                if (seccomp_install_listening(fd, plain, &listener, &err) < 0 || listener != 100)
                        listener = dup2(listener, 100);
                (void)!write(report[1], "l", 1);
                (void)!read(report[1], &byte, 1);
                (void)close(100);
                _exit(act() < 0 ? errno : 0);
        }
        assert_int_equal(read(report[0], &byte, 1), 1);
        {
                CLEANUP_CLOSE int child = (int)syscall(SYS_pidfd_open, pid, 0);

                listener = (int)syscall(SYS_pidfd_getfd, child, 100, 0);
        }
        assert_true(refusals_is_listener(listener));
        assert_false(refusals_is_listener(report[0]));
        (void)!write(report[0], "g", 1);
        assert_int_equal(refusals_receive(listener, ret_call), 1);
        assert_int_equal(ret_call->pid, pid);
        refusals_answer(listener, ret_call, errnum);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        (void)close(listener);
        (void)close(fd);
        (void)close(plain);
        (void)close(report[0]);
        (void)close(report[1]);
        return WEXITSTATUS(status);
}

static long act_mount(void)
{
        return syscall(SYS_mount, 1, 2, 3, 4, 5);
}

static void the_kernel_asks_the_listener(void **state)
{
        CLEANUP_POLICY struct policy p = {0};
        struct refused_call call = {0};
        char line[200];
        int known;

        (void)state;
        make_built_in(&p);
        policy_notify(&p, policy_number("clone3", &known));
        assert_int_equal(notified(&p, act_mount, EXDEV, &call), EXDEV);
        assert_int_equal(call.nr, SYS_mount);
        assert_string_equal(refusals_call(line, sizeof line, call.nr, call.args),
                            "mount(0x1, 0x2, 0x3, 0x4, 0x5)");
        assert_int_equal(decide(&p, "clone3", 0, 0), ERRNO(ENOSYS));
}

static void refusals_are_counted_and_bounded(void **state)
{
        struct refusals r = {0};
        char line[200];

        (void)state;
        for (int i = 0; i < 100; i++)
                refusals_add(&r, &(struct refused_call){.nr = SYS_umount2, .args = {(uint64_t)i}}, EPERM);
        assert_int_equal(r.n, 1);
        assert_string_equal(refusals_line(line, sizeof line, &r.v[0]),
                            "umount2(0x0, 0x0) = EPERM (100 times)");
        for (int i = 0; i < 100; i++)
                refusals_add(&r, &(struct refused_call){.nr = 1000 + i}, ENOSYS);
        assert_int_equal(r.n, REFUSALS_MAX);
        assert_int_equal(r.others, 100 - (REFUSALS_MAX - 1));
        assert_string_equal(refusals_line(line, sizeof line, &r.v[1]),
                            "syscall 1000 (0x0, 0x0, 0x0, 0x0, 0x0, 0x0) = ENOSYS");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
            cmocka_unit_test(built_in_profile_decides),
            cmocka_unit_test(built_in_profile_names_every_call),
            cmocka_unit_test(other_abis_are_killed),
            cmocka_unit_test(every_operator_and_the_first_match),
            cmocka_unit_test(rules_for_other_machines_do_not_apply),
            cmocka_unit_test(profiles_that_cannot_be_given_are_refused),
            cmocka_unit_test(a_profile_may_be_too_long),
            cmocka_unit_test(libseccomp_decides_alike),
            cmocka_unit_test(stacked_filters_are_as_strict_as_either),
            cmocka_unit_test(a_profile_can_allow_what_the_built_in_one_refuses),
            cmocka_unit_test(the_kernel_asks_the_listener),
            cmocka_unit_test(refusals_are_counted_and_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
