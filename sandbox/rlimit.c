/* How it works: one table of names; no core files by default, since a crash is reported by other means; the
 * number of descriptors stays the caller's, whatever the engine allows itself. */
#include "sandbox/rlimit.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static const struct {
        const char *name;
        int resource;
} rlimit_names[] = {
    {"RLIMIT_AS", RLIMIT_AS},
    {"RLIMIT_CORE", RLIMIT_CORE},
    {"RLIMIT_CPU", RLIMIT_CPU},
    {"RLIMIT_DATA", RLIMIT_DATA},
    {"RLIMIT_FSIZE", RLIMIT_FSIZE},
    {"RLIMIT_LOCKS", RLIMIT_LOCKS},
    {"RLIMIT_MEMLOCK", RLIMIT_MEMLOCK},
    {"RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE},
    {"RLIMIT_NICE", RLIMIT_NICE},
    {"RLIMIT_NOFILE", RLIMIT_NOFILE},
    {"RLIMIT_NPROC", RLIMIT_NPROC},
    {"RLIMIT_RSS", RLIMIT_RSS},
    {"RLIMIT_RTPRIO", RLIMIT_RTPRIO},
    {"RLIMIT_RTTIME", RLIMIT_RTTIME},
    {"RLIMIT_SIGPENDING", RLIMIT_SIGPENDING},
    {"RLIMIT_STACK", RLIMIT_STACK},
};

int rlimit_by_name(const char *name)
{
        for (size_t i = 0; i < sizeof rlimit_names / sizeof *rlimit_names; i++)
                if (strcmp(rlimit_names[i].name, name) == 0)
                        return rlimit_names[i].resource;
        return -1;
}

int rlimit_plan(const struct spec_rlimits *limits, struct rlimit_entry out[16], struct error *err)
{
        int n = 0, nofile = 0;
        struct rlimit own;

        out[n++] = (struct rlimit_entry){RLIMIT_CORE, 0, 0};
        for (size_t i = 0; i < limits->n; i++) {
                int resource = rlimit_by_name(limits->v[i].type);

                nofile |= resource == RLIMIT_NOFILE;
                if (resource < 0)
                        return error_set(err, "rlimit", EINVAL, "unknown limit %s", limits->v[i].type);
                if (resource == RLIMIT_CORE)
                        out[0] = (struct rlimit_entry){resource, limits->v[i].soft, limits->v[i].hard};
                else if (n < 16)
                        out[n++] = (struct rlimit_entry){resource, limits->v[i].soft, limits->v[i].hard};
        }
        if (!nofile && n < 16 && getrlimit(RLIMIT_NOFILE, &own) == 0)
                out[n++] = (struct rlimit_entry){RLIMIT_NOFILE, own.rlim_cur, own.rlim_max};
        return n;
}

int rlimit_apply(const struct rlimit_entry *entries, int n, struct error *err)
{
        for (int i = 0; i < n; i++) {
                struct rlimit lim = {.rlim_cur = entries[i].soft, .rlim_max = entries[i].hard};

                if (setrlimit((__rlimit_resource_t)entries[i].resource, &lim) < 0)
                        return error_set(err, "rlimit", errno, "set limit %d to %llu", entries[i].resource,
                                         (unsigned long long)entries[i].soft);
        }
        return 0;
}
