/* How it works: two policies, then two programs of the difference. */
#include "runtime/engine/filters.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "runtime/engine/tripwires.h"
#include "sandbox/seccomp.h"
#include "sandbox/sys.h"
#include "spec/base/cleanup.h"

/* What the zygote needs to put workers into cells. */
static const char *const joining[] = {"setns", "clone3"};

/* A worker must be in its leaf before it can make that the root of the groups that it sees: the zygote's
 * filter lets unshare pass for that, and the worker's refuses it again. */
static const struct policy_test own_groups = {.op = POLICY_EQ, .arg = 0, .value = CLONE_NEWCGROUP};

static int decide_zygote(struct filters *f, const struct spec_seccomp *built_in,
                         const struct spec_seccomp *own, const struct policy_host *host, struct error *err)
{
        int r = policy_make(&f->zygote, built_in, host, err);

        if (r == 0 && own != NULL)
                r = policy_allow_also(&f->zygote, own, host, err);
        for (size_t i = 0; r == 0 && i < sizeof joining / sizeof *joining; i++)
                r = policy_set(&f->zygote, joining[i], SECCOMP_RET_ALLOW, err);
        return r;
}

/* What the zygote's filter leaves to be refused. */
static int make_worker(struct filters *f, struct error *err)
{
        CLEANUP_POLICY struct policy rest = {0};
        const uint64_t args[6] = {CLONE_NEWCGROUP};
        int known, r = policy_copy(&rest, &f->worker, err);
        const uint32_t action = policy_decide(&f->worker, policy_number("unshare", &known), args);

        if (r == 0)
                r = policy_subtract(&rest, &f->zygote, err);
        if (r == 0)
                r = policy_set_where(&rest, "unshare", &own_groups, action, err);
        return r == 0 ? seccomp_compile(&rest, &f->worker_fd, err) : r;
}

/* After make_worker. */
static int make_zygote(struct filters *f, int watches, struct error *err)
{
        CLEANUP_POLICY struct policy telling = {0};
        int known, r = policy_set_where(&f->zygote, "unshare", &own_groups, SECCOMP_RET_ALLOW, err);

        if (r == 0)
                r = seccomp_compile(&f->zygote, &f->zygote_plain_fd, err);
        if (r == 0)
                r = policy_copy(&telling, &f->zygote, err);
        if (r < 0)
                return r;
        policy_notify(&telling, policy_number("clone3", &known));
        if (watches)
                r = tripwires_set(&telling, err);
        return r == 0 ? seccomp_compile(&telling, &f->zygote_fd, err) : r;
}

/* Also where the spec's own profile says the same. */
static int is_built_in(struct filters *f, const struct spec_seccomp *built_in, const struct spec_seccomp *own,
                       const struct policy_host *host, struct error *err)
{
        CLEANUP_POLICY struct policy p = {0};
        int r = own != NULL ? policy_make(&p, built_in, host, err) : 0;

        f->is_built_in = own == NULL || (r == 0 && policy_same(&p, &f->worker));
        return r;
}

int filters_make(struct filters *ret, const struct spec_seccomp *profile, int has_zygote, int watches,
                 struct error *err)
{
        const struct spec_seccomp *own = profile->default_action != NULL ? profile : NULL;
        struct spec_seccomp built_in = {0};
        struct filters f = FILTERS_NONE;
        struct policy_host host;
        const char *text;
        size_t len;
        int r;

        text = spec_seccomp_default(&len);
        r = policy_host_read(&host, err);
        if (r == 0)
                r = spec_seccomp_read(&built_in, text, len, "the built-in profile", err);
        if (r < 0)
                return r;
        r = policy_make(&f.worker, own != NULL ? own : &built_in, &host, err);
        if (r < 0 && own != NULL)
                error_context(err, "linux.seccomp");
        if (r == 0)
                r = is_built_in(&f, &built_in, own, &host, err);
        if (r == 0 && has_zygote)
                r = decide_zygote(&f, &built_in, own, &host, err);
        if (r == 0)
                r = has_zygote ? make_worker(&f, err) : seccomp_compile(&f.worker, &f.worker_fd, err);
        if (r == 0 && has_zygote)
                r = make_zygote(&f, watches, err);
        spec_seccomp_finish(&built_in);
        if (r < 0)
                filters_finish(&f);
        else
                *ret = f;
        return r;
}

int filters_refusal(const struct filters *f, int by_worker, int nr, const uint64_t args[6])
{
        const struct policy *const policies[] = {&f->worker, &f->zygote};

        for (size_t i = by_worker ? 0 : 1; i < 2; i++) {
                uint32_t action = policy_decide(policies[i], nr, args);

                if ((action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
                        return (int)(action & SECCOMP_RET_DATA);
        }
        return EPERM;
}

int filters_allow(const struct filters *f, int by_worker, int nr, const uint64_t args[6])
{
        return policy_decide(&f->zygote, nr, args) == SECCOMP_RET_ALLOW &&
               (!by_worker || policy_decide(&f->worker, nr, args) == SECCOMP_RET_ALLOW);
}

void filters_finish(struct filters *f)
{
        const int fds[] = {f->zygote_fd, f->zygote_plain_fd, f->worker_fd};

        for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
                if (fds[i] >= 0)
                        (void)close(fds[i]);
        policy_finish(&f->zygote);
        policy_finish(&f->worker);
        *f = FILTERS_NONE;
}
