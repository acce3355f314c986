/* How it works: runs of numbers with the same constant action are one segment, a call whose arguments matter
 * is one of its own; a binary search over the segments ends in a return or in the call's tests. What the
 * program does before the search is load and compare the ABI and the number, so that the kernel can see which
 * calls are always allowed and skip the program for them (seccomp_cache_prepare). */
#include "sandbox/bpf.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/abi.h"

#define RETURN_ENOSYS (SECCOMP_RET_ERRNO | ENOSYS)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW(arg)  ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)(arg)))
#define HIGH(arg) (LOW(arg) + 4)
#else
#define HIGH(arg) ((uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)(arg)))
#define LOW(arg)  (HIGH(arg) + 4)
#endif

struct segment {
        uint32_t first; /* number */
        uint32_t action;
        const struct policy_clause *clauses; /* NULL: ACTION, whatever the arguments */
};

void bpf_finish(struct bpf *b)
{
        free(b->v);
        *b = (struct bpf){0};
}

static int emit(struct bpf *b, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
        if (b->n == b->capacity) {
                size_t capacity = b->capacity != 0 ? 2 * b->capacity : 256;
                struct sock_filter *grown = reallocarray(b->v, capacity, sizeof *grown);

                if (grown == NULL)
                        return -ENOMEM;
                b->v = grown;
                b->capacity = capacity;
        }
        b->v[b->n++] = (struct sock_filter){code, jt, jf, k};
        return 0;
}

static int emit_load(struct bpf *b, uint32_t offset)
{
        return emit(b, BPF_LD | BPF_W | BPF_ABS, offset, 0, 0);
}

static int emit_return(struct bpf *b, uint32_t action)
{
        return emit(b, BPF_RET | BPF_K, action, 0, 0);
}

/* Jumps of a test to where its clause ends: set when that is known. */
#define FAIL 0xffu

/* Falls through where T holds, jumps to FAIL where it does not. */
static int emit_test(struct bpf *b, const struct policy_test *t)
{
        const uint16_t jeq = BPF_JMP | BPF_JEQ | BPF_K, jgt = BPF_JMP | BPF_JGT | BPF_K,
                       jge = BPF_JMP | BPF_JGE | BPF_K, and = BPF_ALU | BPF_AND | BPF_K;
        const uint32_t high = (uint32_t)(t->value >> 32), low = (uint32_t)t->value;
        const uint32_t high_mask = (uint32_t)(t->mask >> 32), low_mask = (uint32_t)t->mask;
        int r = 0;

        if (t->op != POLICY_MASKED_EQ || high_mask != 0)
                r = emit_load(b, HIGH(t->arg));
        switch (t->op) {
        case POLICY_MASKED_EQ:
                if (r == 0 && high_mask != 0) {
                        r = emit(b, and, high_mask, 0, 0);
                        if (r == 0)
                                r = emit(b, jeq, high, 0, FAIL);
                }
                if (r == 0)
                        r = emit_load(b, LOW(t->arg));
                if (r == 0)
                        r = emit(b, and, low_mask, 0, 0);
                return r == 0 ? emit(b, jeq, low, 0, FAIL) : r;
        case POLICY_EQ:
                if (r == 0)
                        r = emit(b, jeq, high, 0, FAIL);
                if (r == 0)
                        r = emit_load(b, LOW(t->arg));
                return r == 0 ? emit(b, jeq, low, 0, FAIL) : r;
        case POLICY_NE:
                if (r == 0)
                        r = emit(b, jeq, high, 0, 2);
                if (r == 0)
                        r = emit_load(b, LOW(t->arg));
                return r == 0 ? emit(b, jeq, low, FAIL, 0) : r;
        case POLICY_GT:
        case POLICY_GE:
                if (r == 0)
                        r = emit(b, jgt, high, 3, 0);
                if (r == 0)
                        r = emit(b, jeq, high, 0, FAIL);
                if (r == 0)
                        r = emit_load(b, LOW(t->arg));
                return r == 0 ? emit(b, t->op == POLICY_GT ? jgt : jge, low, 0, FAIL) : r;
        case POLICY_LT:
        case POLICY_LE:
                if (r == 0)
                        r = emit(b, jgt, high, FAIL, 0);
                if (r == 0)
                        r = emit(b, jeq, high, 0, 2);
                if (r == 0)
                        r = emit_load(b, LOW(t->arg));
                return r == 0 ? emit(b, t->op == POLICY_LE ? jgt : jge, low, FAIL, 0) : r;
        }
        return -EINVAL;
}

static int emit_clause(struct bpf *b, const struct policy_clause *c)
{
        size_t first = b->n;
        int r = 0;

        for (unsigned i = 0; r == 0 && i < c->n_tests; i++)
                r = emit_test(b, &c->tests[i]);
        if (r == 0)
                r = emit_return(b, c->action);
        for (size_t i = first; r == 0 && i < b->n; i++) {
                uint8_t to_end = (uint8_t)(b->n - i - 1);

                if (BPF_CLASS(b->v[i].code) != BPF_JMP)
                        continue;
                if (b->v[i].jt == FAIL)
                        b->v[i].jt = to_end;
                if (b->v[i].jf == FAIL)
                        b->v[i].jf = to_end;
        }
        return r;
}

static int emit_segment(struct bpf *b, const struct segment *s)
{
        const struct policy_clause *c = s->clauses;
        int r = 0;

        for (; r == 0 && c != NULL && c->n_tests > 0; c = c->next)
                r = emit_clause(b, c);
        return r == 0 ? emit_return(b, c != NULL ? c->action : s->action) : r;
}

/* The search over N segments: the lower half follows the comparison; the upper half comes after it, by a long
 * jump where a conditional one does not reach. */
static int emit_search(struct bpf *b, const struct segment *s, size_t n)
{
        size_t at, half = n / 2, length;
        int r;

        if (n == 1)
                return emit_segment(b, s);
        at = b->n;
        r = emit(b, BPF_JMP | BPF_JGE | BPF_K, s[half].first, 0, 1);
        if (r == 0)
                r = emit(b, BPF_JMP | BPF_JA, 0, 0, 0);
        if (r == 0)
                r = emit_search(b, s, half);
        if (r < 0)
                return r;
        length = b->n - at - 2;
        if (length <= 255) {
                memmove(&b->v[at + 1], &b->v[at + 2], length * sizeof *b->v);
                b->n--;
                b->v[at].jt = (uint8_t)length;
                b->v[at].jf = 0;
        } else {
                b->v[at + 1].k = (uint32_t)length;
        }
        return emit_search(b, s + half, n - half);
}

static size_t segments(const struct policy *p, struct segment *out)
{
        size_t n = 0;

        for (int nr = 0; nr <= POLICY_MAX_CALLS; nr++) {
                const struct policy_clause *c = nr < POLICY_MAX_CALLS ? p->calls[nr] : NULL;
                struct segment s = {.first = (uint32_t)nr, .action = p->default_action};

                if (p->newest >= 0 && nr > p->newest)
                        s.action = RETURN_ENOSYS;
                else if (c != NULL && c->n_tests == 0)
                        s.action = c->action;
                else
                        s.clauses = c;
                if (n == 0 || s.clauses != NULL || out[n - 1].clauses != NULL ||
                    out[n - 1].action != s.action)
                        out[n++] = s;
        }
        return n;
}

static int emit_start(struct bpf *b)
{
        int r = emit_load(b, offsetof(struct seccomp_data, arch));

        if (r == 0)
                r = emit(b, BPF_JMP | BPF_JEQ | BPF_K, ABI_AUDIT, 1, 0);
        if (r == 0)
                r = emit_return(b, SECCOMP_RET_KILL_PROCESS);
        if (r == 0)
                r = emit_load(b, offsetof(struct seccomp_data, nr));
        /* a negative number is no call of any ABI */
        if (r == 0)
                r = emit(b, BPF_JMP | BPF_JGE | BPF_K, 0x80000000u, 0, 1);
        if (r == 0)
                r = emit_return(b, RETURN_ENOSYS);
#ifdef ABI_X32_BIT
        if (r == 0)
                r = emit(b, BPF_JMP | BPF_JGE | BPF_K, ABI_X32_BIT, 0, 1);
        if (r == 0)
                r = emit_return(b, SECCOMP_RET_KILL_PROCESS);
#endif
        return r;
}

int bpf_compile(struct bpf *ret, const struct policy *p, struct error *err)
{
        CLEANUP_BPF struct bpf b = {0};
        struct segment *s = calloc(POLICY_MAX_CALLS + 1, sizeof *s);
        int r = s != NULL ? emit_start(&b) : -ENOMEM;

        if (r == 0)
                r = emit_search(&b, s, segments(p, s));
        free(s);
        if (r < 0)
                return error_set(err, "seccomp", -r, "compile the filter");
        if (b.n > BPF_MAXINSNS) {
                r = error_set(err, "seccomp", E2BIG, "the filter has %zu instructions; the kernel takes %d",
                              b.n, BPF_MAXINSNS);
                error_hint(err, "give it fewer rules with args");
                return r;
        }
        *ret = b;
        b = (struct bpf){0};
        return 0;
}
