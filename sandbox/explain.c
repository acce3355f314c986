/* How it works: an error says which step failed; what this machine allows is asked anew, by the probes that
 * `tach check` runs. */
#include <errno.h>
#include <string.h>

#include "sandbox/probe.h"

static int is_refusal(int errnum)
{
        static const int refusals[] = {EPERM,  EACCES, ENOSYS, EINVAL,    ENODEV,
                                       ENOSPC, EUSERS, EIO,    EOPNOTSUPP};

        for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
                if (errnum == refusals[i])
                        return 1;
        return 0;
}

/* The phases of the errors of making a sandbox and of entering it. */
static int is_isolation(const char *phase)
{
        static const char *const phases[] = {"caps",  "cell", "enter",  "keeper", "launch",
                                             "mount", "net",  "proc",   "proof",  "seccomp",
                                             "user",  "uts",  "warden", "worker"};

        for (size_t i = 0; i < sizeof phases / sizeof *phases; i++)
                if (strcmp(phase, phases[i]) == 0)
                        return 1;
        return 0;
}

/* The cause, and the shortest fix where there is room. */
static void hint(struct error *err, const struct probe_report *r, const char *otherwise)
{
        const int fix = (int)strcspn(r->fix, "\n");

        if (fix > 0 && strlen(r->cause) + (size_t)fix + strlen(otherwise) + 40 < sizeof err->hint)
                error_hint(err, "%s: %.*s (tach check says more)%s", r->cause, fix, r->fix, otherwise);
        else
                error_hint(err, "%.300s: tach check says what to do%s", r->cause, otherwise);
}

void probe_explain(struct error *err, const char *folder)
{
        static struct probe_report r;
        const int limits = strcmp(err->phase, "cgroup") == 0;

        if (!limits && (!is_refusal(err->errnum) || !is_isolation(err->phase)))
                return;
        for (const struct probe *p = probes; p->name != NULL; p++) {
                if (limits ? strcmp(p->name, "cgroup") != 0 : !p->needed)
                        continue;
                probe_run(p, folder, &r);
                if (r.cause[0] != '\0' && (limits || r.status == PROBE_MISSING)) {
                        hint(err, &r,
                             limits ? ", or set tach.enforce to \"best-effort\"" : ", or use --no-isolation");
                        return;
                }
        }
}
