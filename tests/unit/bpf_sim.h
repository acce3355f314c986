/* Runs a seccomp program as the kernel would (seccomp(2), "Filters"): what it returns for CALL. A program
 * that the kernel would not take, or that does not return, aborts. */
#ifndef TACH_TESTS_BPF_SIM_H
#define TACH_TESTS_BPF_SIM_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t bpf_sim(const struct sock_filter *v, size_t n, const struct seccomp_data *call)
{
        uint32_t a = 0;

        for (size_t at = 0; at < n; at++) {
                const struct sock_filter *i = &v[at];
                int yes = 0;

                switch (i->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        if (i->k % 4 != 0 || i->k + 4 > sizeof *call)
                                abort();
                        memcpy(&a, (const char *)call + i->k, 4);
                        continue;
                case BPF_ALU | BPF_AND | BPF_K:
                        a &= i->k;
                        continue;
                case BPF_RET | BPF_K:
                        return i->k;
                case BPF_JMP | BPF_JA:
                        if (i->k >= n)
                                abort();
                        at += i->k;
                        continue;
                case BPF_JMP | BPF_JEQ | BPF_K:
                        yes = a == i->k;
                        break;
                case BPF_JMP | BPF_JGT | BPF_K:
                        yes = a > i->k;
                        break;
                case BPF_JMP | BPF_JGE | BPF_K:
                        yes = a >= i->k;
                        break;
                case BPF_JMP | BPF_JSET | BPF_K:
                        yes = (a & i->k) != 0;
                        break;
                default:
                        abort();
                }
                at += yes ? i->jt : i->jf;
        }
        abort();
}

#endif
