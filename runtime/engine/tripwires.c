/* How it works: a table. What can be read back is not in it, but in sandbox/state.c. */
#include "runtime/engine/tripwires.h"

#include <stddef.h>
#include <sys/mman.h>

#define ANY (-1)

static const struct {
        const char *name;
        int arg; /* that has VALUE; ANY: whatever its arguments */
        uint64_t value;
} rows[] = {
    {"landlock_restrict_self", ANY, 0},
    {"io_setup", ANY, 0},
    {"mlockall", ANY, 0},
    {"mseal", ANY, 0},
    {"pkey_alloc", ANY, 0},
    {"set_mempolicy", ANY, 0},
    {"set_mempolicy_home_node", ANY, 0},
    {"prctl", 0, 59}, /* PR_SET_SYSCALL_USER_DISPATCH */
    {"prctl", 0, 35}, /* PR_SET_MM */
    {"madvise", 2, MADV_DONTFORK},
    {"madvise", 2, MADV_WIPEONFORK},
    {"arch_prctl", 0, 0x1012}, /* ARCH_SET_CPUID */
};

int tripwires_set(struct policy *p, struct error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < sizeof rows / sizeof *rows; i++) {
                const struct policy_test test = {
                    .op = POLICY_EQ, .arg = (uint32_t)rows[i].arg, .value = rows[i].value};

                r = policy_watch(p, rows[i].name, rows[i].arg == ANY ? NULL : &test, err);
        }
        return r;
}

const char *tripwires_name(int nr, const uint64_t args[6])
{
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                int known;

                if (policy_number(rows[i].name, &known) == nr &&
                    (rows[i].arg == ANY || args[rows[i].arg] == rows[i].value))
                        return rows[i].name;
        }
        return NULL;
}
