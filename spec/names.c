/* capabilities(7), setrlimit(2), OCI config-linux.md. */
#include "spec/names.h"

#include <string.h>

const char *const names_capabilities[] = {"CAP_AUDIT_CONTROL",   "CAP_AUDIT_READ",   "CAP_AUDIT_WRITE",
                                          "CAP_BLOCK_SUSPEND",   "CAP_BPF",          "CAP_CHECKPOINT_RESTORE",
                                          "CAP_CHOWN",           "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH",
                                          "CAP_FOWNER",          "CAP_FSETID",       "CAP_IPC_LOCK",
                                          "CAP_IPC_OWNER",       "CAP_KILL",         "CAP_LEASE",
                                          "CAP_LINUX_IMMUTABLE", "CAP_MAC_ADMIN",    "CAP_MAC_OVERRIDE",
                                          "CAP_MKNOD",           "CAP_NET_ADMIN",    "CAP_NET_BIND_SERVICE",
                                          "CAP_NET_BROADCAST",   "CAP_NET_RAW",      "CAP_PERFMON",
                                          "CAP_SETFCAP",         "CAP_SETGID",       "CAP_SETPCAP",
                                          "CAP_SETUID",          "CAP_SYSLOG",       "CAP_SYS_ADMIN",
                                          "CAP_SYS_BOOT",        "CAP_SYS_CHROOT",   "CAP_SYS_MODULE",
                                          "CAP_SYS_NICE",        "CAP_SYS_PACCT",    "CAP_SYS_PTRACE",
                                          "CAP_SYS_RAWIO",       "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
                                          "CAP_SYS_TTY_CONFIG",  "CAP_WAKE_ALARM",   NULL};

const char *const names_rlimits[] = {"RLIMIT_AS",
                                     "RLIMIT_CORE",
                                     "RLIMIT_CPU",
                                     "RLIMIT_DATA",
                                     "RLIMIT_FSIZE",
                                     "RLIMIT_LOCKS",
                                     "RLIMIT_MEMLOCK",
                                     "RLIMIT_MSGQUEUE",
                                     "RLIMIT_NICE",
                                     "RLIMIT_NOFILE",
                                     "RLIMIT_NPROC",
                                     "RLIMIT_RSS",
                                     "RLIMIT_RTPRIO",
                                     "RLIMIT_RTTIME",
                                     "RLIMIT_SIGPENDING",
                                     "RLIMIT_STACK",
                                     NULL};

const char *const names_seccomp_actions[] = {
    "SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP",   "SCMP_ACT_ERRNO",
    "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW",        "SCMP_ACT_LOG",         "SCMP_ACT_NOTIFY", NULL};

const char *const names_seccomp_operators[] = {"SCMP_CMP_NE",        "SCMP_CMP_LT", "SCMP_CMP_LE",
                                               "SCMP_CMP_EQ",        "SCMP_CMP_GE", "SCMP_CMP_GT",
                                               "SCMP_CMP_MASKED_EQ", NULL};

/* seccomp_arch_native(3), as OCI has them */
const char *const names_seccomp_architectures[] = {
    "SCMP_ARCH_AARCH64",  "SCMP_ARCH_ARM",         "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K",
    "SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",      "SCMP_ARCH_MIPS64N32",   "SCMP_ARCH_MIPSEL",
    "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32", "SCMP_ARCH_PARISC",      "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",       "SCMP_ARCH_PPC64LE",     "SCMP_ARCH_RISCV64",
    "SCMP_ARCH_S390",     "SCMP_ARCH_S390X",       "SCMP_ARCH_SH",          "SCMP_ARCH_SHEB",
    "SCMP_ARCH_X32",      "SCMP_ARCH_X86",         "SCMP_ARCH_X86_64",      NULL};

const char *const names_namespaces[] = {"user", "mount", "pid", "network", "ipc", "uts", "cgroup", NULL};

const char *const names_isolation[] = {"cell", "none", NULL};
const char *const names_enforce[] = {"required", "best-effort", NULL};
const char *const names_reuse[] = {"rollback", "cell", "never", NULL};
const char *const names_output[] = {"kept", "joined", "streams", NULL};
const char *const names_session_fixtures[] = {"worker", "once", NULL};
const char *const names_network[] = {"private", "host", "none", NULL};

int names_find(const char *const *list, const char *name)
{
        for (int i = 0; list[i] != NULL; i++)
                if (strcmp(list[i], name) == 0)
                        return i;
        return -1;
}

/* Levenshtein's distance of words shorter than 40. */
static size_t distance(const char *a, const char *b)
{
        size_t row[41], n = strlen(b);

        for (size_t j = 0; j <= n; j++)
                row[j] = j;
        for (size_t i = 1; a[i - 1] != '\0'; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n; j++) {
                        size_t best = diagonal + (a[i - 1] != b[j - 1]);

                        if (row[j] + 1 < best)
                                best = row[j] + 1;
                        if (row[j - 1] + 1 < best)
                                best = row[j - 1] + 1;
                        diagonal = row[j];
                        row[j] = best;
                }
        }
        return row[n];
}

const char *names_nearest(const char *const *list, const char *name)
{
        const char *nearest = NULL;
        size_t best = 2 + strlen(name) / 3, d;

        for (size_t i = 0; strlen(name) < 40 && list[i] != NULL; i++) {
                d = strlen(list[i]) < 40 ? distance(name, list[i]) : best;
                if (d < best) {
                        best = d;
                        nearest = list[i];
                }
        }
        return nearest;
}
