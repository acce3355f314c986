/* abi: the one ABI that is filtered, this build's own: libseccomp's name for it, what container engines call
 * the machine, and what the kernel calls it (seccomp(2), struct seccomp_data). */
#ifndef TACH_SANDBOX_ABI_H
#define TACH_SANDBOX_ABI_H

#include <linux/audit.h>

#if defined(__x86_64__)
#define ABI_NAME    "SCMP_ARCH_X86_64"
#define ABI_MACHINE "amd64"
#define ABI_AUDIT   AUDIT_ARCH_X86_64
#define ABI_X32_BIT 0x40000000u /* in the numbers of the other ABI that calls itself the same */
#elif defined(__aarch64__)
#define ABI_NAME    "SCMP_ARCH_AARCH64"
#define ABI_MACHINE "arm64"
#define ABI_AUDIT   AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ABI_NAME    "SCMP_ARCH_RISCV64"
#define ABI_MACHINE "riscv64"
#define ABI_AUDIT   AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ABI_NAME    "SCMP_ARCH_PPC64LE"
#define ABI_MACHINE "ppc64le"
#define ABI_AUDIT   AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ABI_NAME    "SCMP_ARCH_S390X"
#define ABI_MACHINE "s390x"
#define ABI_AUDIT   AUDIT_ARCH_S390X
#else
// cppcheck-suppress preprocessorErrorDirective
#error "no system call filter for this architecture"
#endif

#endif
