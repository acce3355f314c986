/* How it works: a list of clauses a call; libseccomp knows the calls' names and numbers. */
#include "sandbox/policy.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "sandbox/abi.h"

static const struct {
        const char *name;
        enum policy_op op;
} operators[] = {
    {"SCMP_CMP_EQ", POLICY_EQ}, {"SCMP_CMP_GE", POLICY_GE}, {"SCMP_CMP_GT", POLICY_GT},
    {"SCMP_CMP_LE", POLICY_LE}, {"SCMP_CMP_LT", POLICY_LT}, {"SCMP_CMP_MASKED_EQ", POLICY_MASKED_EQ},
    {"SCMP_CMP_NE", POLICY_NE},
};

static const struct {
        const char *name;
        uint32_t action;
} actions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
};

static int no_memory(struct error *err)
{
        return error_set(err, "seccomp", ENOMEM, "resolve the profile");
}

static uint32_t errno_action(int64_t given)
{
        return SECCOMP_RET_ERRNO | (given >= 0 ? (uint32_t)given & SECCOMP_RET_DATA : EPERM);
}

static bool is_refusal(uint32_t action)
{
        return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO;
}

static int action_by_name(const char *name, int64_t errno_ret, uint32_t *ret, struct error *err)
{
        int r;

        if (strcmp(name, "SCMP_ACT_ERRNO") == 0) {
                *ret = errno_action(errno_ret);
                return 0;
        }
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
                if (strcmp(name, actions[i].name) == 0) {
                        *ret = actions[i].action;
                        return 0;
                }
        r = error_set(err, "seccomp", EINVAL, "unsupported action %s", name);
        error_hint(err, "use SCMP_ACT_ERRNO, SCMP_ACT_TRAP, SCMP_ACT_KILL_PROCESS, SCMP_ACT_LOG or "
                        "SCMP_ACT_ALLOW");
        return r;
}

int policy_number(const char *name, int *ret_known)
{
        int nr = seccomp_syscall_resolve_name(name);

        *ret_known = nr != __NR_SCMP_ERROR;
        return nr >= 0 && nr < POLICY_MAX_CALLS ? nr : -1;
}

int policy_host_read(struct policy_host *ret, struct error *err)
{
        struct utsname u;

        if (uname(&u) < 0 || sscanf(u.release, "%u.%u", &ret->kernel[0], &ret->kernel[1]) != 2)
                return error_set(err, "seccomp", EINVAL, "the kernel's version");
        return 0;
}

static bool has(const struct spec_strv *list, const char *s)
{
        for (size_t i = 0; i < list->n; i++)
                if (strcmp(list->v[i], s) == 0)
                        return true;
        return false;
}

static bool is_since(const struct policy_host *host, const uint32_t version[2])
{
        return host->kernel[0] != version[0] ? host->kernel[0] > version[0] : host->kernel[1] >= version[1];
}

static bool applies(const struct spec_seccomp_rule *rl, const struct policy_host *host)
{
        const struct spec_seccomp_when *in = &rl->includes, *out = &rl->excludes;

        if (in->caps.n > 0 || (in->arches.n > 0 && !has(&in->arches, ABI_MACHINE)) ||
            (in->has_min_kernel && !is_since(host, in->min_kernel)))
                return false;
        return !has(&out->arches, ABI_MACHINE) && !(out->has_min_kernel && is_since(host, out->min_kernel));
}

static int read_tests(struct policy_clause *c, const struct spec_seccomp_rule *rl, struct error *err)
{
        for (size_t k = 0; k < rl->n_args; k++) {
                const struct spec_seccomp_arg *a = &rl->args[k];
                struct policy_test *t = &c->tests[c->n_tests++];
                size_t o = 0;

                while (o < sizeof operators / sizeof *operators && strcmp(operators[o].name, a->op) != 0)
                        o++;
                if (o == sizeof operators / sizeof *operators || a->index > 5)
                        return error_set(err, "seccomp", EINVAL, "unsupported argument test %s", a->op);
                *t = (struct policy_test){.op = operators[o].op, .arg = a->index, .value = a->value};
                if (t->op == POLICY_MASKED_EQ) {
                        t->mask = a->value;
                        t->value = a->value_two & t->mask;
                }
        }
        return 0;
}

/* Appends C, which is copied, to the call NR. A clause that can never be reached must say the same as the one
 * that decides before it. */
static int append(struct policy *p, int nr, const struct policy_clause *c, const char *name,
                  struct error *err)
{
        struct policy_clause **at = &p->calls[nr], *copy;

        for (; *at != NULL; at = &(*at)->next)
                if ((*at)->n_tests == 0) {
                        int r;

                        if ((*at)->action == c->action)
                                return 0;
                        r = error_set(err, "seccomp", EINVAL, "a rule for %s is never reached", name);
                        error_hint(err, "an earlier rule without args decides already: put it last, or "
                                        "leave one of them out");
                        return r;
                }
        copy = malloc(sizeof *copy);
        if (copy == NULL)
                return no_memory(err);
        *copy = *c;
        copy->next = NULL;
        *at = copy;
        return 0;
}

/* A name that nobody knows may be a mistake. In an allow-list it is refused like everything else; a rule that
 * should have refused it must not be passed over. */
static int unknown(const struct policy *p, uint32_t action, const char *name, struct error *err)
{
        int r;

        if (action == SECCOMP_RET_ALLOW || p->default_action != SECCOMP_RET_ALLOW)
                return 0;
        r = error_set(err, "seccomp", EINVAL, "no system call is called %.64s", name);
        error_hint(err, "check its spelling: the default action would allow it");
        return r;
}

static int add_rule(struct policy *p, const struct spec_seccomp_rule *rl, struct error *err)
{
        struct policy_clause c = {0};
        int r = action_by_name(rl->action, rl->errno_ret, &c.action, err);

        if (r == 0 && rl->n_args > 6)
                r = error_set(err, "seccomp", EINVAL, "more than 6 argument tests");
        if (r == 0)
                r = read_tests(&c, rl, err);
        for (size_t k = 0; r == 0 && k < rl->names.n; k++) {
                int known, nr = policy_number(rl->names.v[k], &known);

                if (nr > p->newest)
                        p->newest = nr;
                if (nr >= 0)
                        r = append(p, nr, &c, rl->names.v[k], err);
                else if (!known)
                        r = unknown(p, c.action, rl->names.v[k], err);
        }
        return r;
}

static int check_architectures(const struct spec_seccomp *s, struct error *err)
{
        bool mapped = s->n_arch_map == 0;
        int r = 0;

        for (size_t i = 0; i < s->n_arch_map; i++)
                mapped |= strcmp(s->arch_map[i].architecture, ABI_NAME) == 0;
        if (!mapped)
                r = error_set(err, "seccomp", ENOTSUP, "archMap: no entry for %s", ABI_NAME);
        for (size_t i = 0; r == 0 && i < s->architectures.n; i++)
                if (strcmp(s->architectures.v[i], ABI_NAME) != 0)
                        r = error_set(err, "seccomp", ENOTSUP,
                                      "architectures: %.64s is not this machine's own",
                                      s->architectures.v[i]);
        if (r < 0)
                error_hint(err, "only %s is filtered; calls of any other ABI kill", ABI_NAME);
        return r;
}

int policy_make(struct policy *ret, const struct spec_seccomp *s, const struct policy_host *host,
                struct error *err)
{
        CLEANUP_POLICY struct policy p = {.newest = -1};
        int r = check_architectures(s, err);

        if (r == 0 && s->flags.n > 0) {
                r = error_set(err, "seccomp", ENOTSUP, "unsupported filter flag %.64s", s->flags.v[0]);
                error_hint(err, "leave linux.seccomp.flags empty");
        }
        if (r == 0)
                r = action_by_name(s->default_action, s->default_errno_ret, &p.default_action, err);
        for (size_t i = 0; r == 0 && i < s->n_rules; i++)
                if (applies(&s->rules[i], host)) {
                        r = add_rule(&p, &s->rules[i], err);
                        if (r < 0)
                                error_context(err, "syscalls[%zu]", i);
                }
        if (r < 0)
                return r;
        if (!is_refusal(p.default_action))
                p.newest = -1;
        *ret = p;
        p = (struct policy){0};
        return 0;
}

static void free_clauses(struct policy_clause *c)
{
        while (c != NULL) {
                struct policy_clause *next = c->next;

                free(c);
                c = next;
        }
}

void policy_finish(struct policy *p)
{
        for (size_t i = 0; i < POLICY_MAX_CALLS; i++)
                free_clauses(p->calls[i]);
        *p = (struct policy){0};
}

int policy_copy(struct policy *ret, const struct policy *p, struct error *err)
{
        *ret = (struct policy){.default_action = p->default_action, .newest = p->newest};
        for (int nr = 0; nr < POLICY_MAX_CALLS; nr++) {
                struct policy_clause **at = &ret->calls[nr];

                for (const struct policy_clause *c = p->calls[nr]; c != NULL; c = c->next) {
                        *at = malloc(sizeof **at);
                        if (*at == NULL) {
                                policy_finish(ret);
                                return no_memory(err);
                        }
                        **at = *c;
                        (*at)->next = NULL;
                        at = &(*at)->next;
                }
        }
        return 0;
}

static int prepend(struct policy *p, int nr, const struct policy_clause *c, struct error *err)
{
        struct policy_clause *copy = malloc(sizeof *copy);

        if (copy == NULL)
                return no_memory(err);
        *copy = *c;
        copy->next = p->calls[nr];
        p->calls[nr] = copy;
        if (p->newest >= 0 && nr > p->newest)
                p->newest = nr;
        return 0;
}

int policy_allow_also(struct policy *p, const struct spec_seccomp *s, const struct policy_host *host,
                      struct error *err)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < s->n_rules; i++) {
                const struct spec_seccomp_rule *rl = &s->rules[i];
                struct policy_clause c = {.action = SECCOMP_RET_ALLOW};

                if (strcmp(rl->action, "SCMP_ACT_ALLOW") != 0 || !applies(rl, host))
                        continue;
                r = read_tests(&c, rl, err);
                for (size_t k = 0; r == 0 && k < rl->names.n; k++) {
                        int known, nr = policy_number(rl->names.v[k], &known);

                        if (nr >= 0)
                                r = prepend(p, nr, &c, err);
                }
        }
        return r;
}

static int set_number(struct policy *p, int nr, uint32_t action, struct error *err)
{
        const struct policy_clause c = {.action = action};

        free_clauses(p->calls[nr]);
        p->calls[nr] = NULL;
        return prepend(p, nr, &c, err);
}

int policy_set(struct policy *p, const char *name, uint32_t action, struct error *err)
{
        int known, nr = policy_number(name, &known);

        return nr < 0 ? error_set(err, "seccomp", ENOSYS, "the system call %s", name)
                      : set_number(p, nr, action, err);
}

static bool same_clauses(const struct policy_clause *a, const struct policy_clause *b)
{
        for (; a != NULL && b != NULL; a = a->next, b = b->next) {
                if (a->action != b->action || a->n_tests != b->n_tests)
                        return false;
                for (unsigned i = 0; i < a->n_tests; i++)
                        if (a->tests[i].op != b->tests[i].op || a->tests[i].arg != b->tests[i].arg ||
                            a->tests[i].value != b->tests[i].value || a->tests[i].mask != b->tests[i].mask)
                                return false;
        }
        return a == NULL && b == NULL;
}

int policy_same(const struct policy *a, const struct policy *b)
{
        int nr = 0;

        while (nr < POLICY_MAX_CALLS && same_clauses(a->calls[nr], b->calls[nr]))
                nr++;
        return nr == POLICY_MAX_CALLS && a->default_action == b->default_action && a->newest == b->newest;
}

/* The action of every call with the number NR, whatever its arguments, or NULL where they matter. */
static const uint32_t *constant(const struct policy *p, int nr, uint32_t *room)
{
        const struct policy_clause *c = p->calls[nr];

        if (c != NULL && c->n_tests > 0)
                return NULL;
        *room = c != NULL                          ? c->action
                : nr > p->newest && p->newest >= 0 ? SECCOMP_RET_ERRNO | ENOSYS
                                                   : p->default_action;
        return room;
}

int policy_subtract(struct policy *p, const struct policy *base, struct error *err)
{
        int r = 0;

        for (int nr = 0; r == 0 && nr < POLICY_MAX_CALLS; nr++) {
                uint32_t room[2];
                const uint32_t *own = constant(p, nr, &room[0]), *below = constant(base, nr, &room[1]);
                bool leave;

                if (own != NULL && below != NULL)
                        leave = *own == *below || (is_refusal(*own) && is_refusal(*below));
                else
                        leave = own == NULL && below == NULL && p->default_action == base->default_action &&
                                same_clauses(p->calls[nr], base->calls[nr]);
                if (leave && !(own != NULL && *own == SECCOMP_RET_ALLOW))
                        r = set_number(p, nr, SECCOMP_RET_ALLOW, err);
        }
        return r;
}

void policy_notify(struct policy *p, int quiet)
{
        for (int nr = 0; nr < POLICY_MAX_CALLS; nr++)
                for (struct policy_clause *c = p->calls[nr]; c != NULL; c = c->next)
                        if (is_refusal(c->action) && nr != quiet)
                                c->action = SECCOMP_RET_USER_NOTIF;
        if (is_refusal(p->default_action))
                p->default_action = SECCOMP_RET_USER_NOTIF;
}

/* In front of what P said before: calls NR where TEST (NULL: always) holds are ACTION. */
static int put_first(struct policy *p, int nr, uint32_t action, const struct policy_test *test,
                     struct error *err)
{
        struct policy_clause c = {.action = action, .n_tests = test != NULL};
        const int newest = p->newest; /* a profile's own affair */
        int r;

        if (test != NULL)
                c.tests[0] = *test;
        r = prepend(p, nr, &c, err);
        p->newest = newest;
        return r;
}

int policy_watch(struct policy *p, const char *name, const struct policy_test *test, struct error *err)
{
        int known, nr = policy_number(name, &known);

        /* this libseccomp, or this machine, may not have it */
        return nr < 0 ? 0 : put_first(p, nr, SECCOMP_RET_USER_NOTIF, test, err);
}

int policy_set_where(struct policy *p, const char *name, const struct policy_test *test, uint32_t action,
                     struct error *err)
{
        int known, nr = policy_number(name, &known);

        return nr < 0 ? error_set(err, "seccomp", ENOSYS, "the system call %s", name)
                      : put_first(p, nr, action, test, err);
}

static bool holds(const struct policy_test *t, uint64_t v)
{
        switch (t->op) {
        case POLICY_EQ:
                return v == t->value;
        case POLICY_NE:
                return v != t->value;
        case POLICY_GT:
                return v > t->value;
        case POLICY_GE:
                return v >= t->value;
        case POLICY_LT:
                return v < t->value;
        case POLICY_LE:
                return v <= t->value;
        case POLICY_MASKED_EQ:
                return (v & t->mask) == t->value;
        }
        return false;
}

uint32_t policy_decide(const struct policy *p, int nr, const uint64_t args[6])
{
        if (nr < 0 || (p->newest >= 0 && nr > p->newest))
                return SECCOMP_RET_ERRNO | ENOSYS;
        if (nr < POLICY_MAX_CALLS)
                for (const struct policy_clause *c = p->calls[nr]; c != NULL; c = c->next) {
                        unsigned i = 0;

                        while (i < c->n_tests && holds(&c->tests[i], args[c->tests[i].arg]))
                                i++;
                        if (i == c->n_tests)
                                return c->action;
                }
        return p->default_action;
}
