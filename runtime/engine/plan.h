/*
 * plan: a run's spec resolved against this machine: real paths, the filter compiled, limits as numbers.
 * Made once, before anything is started.
 */
#ifndef TACH_ENGINE_PLAN_H
#define TACH_ENGINE_PLAN_H

#include "runtime/engine/filters.h"
#include "runtime/engine/temporary.h"
#include "sandbox/cell.h"
#include "sandbox/cgroup.h"
#include "sandbox/rlimit.h"
#include "spec/base/error.h"
#include "spec/spec.h"

#define PLAN_MAX_VISIBLE 48

struct plan {
        const struct spec *spec; /* the caller's; outlives the plan */
        struct cell_plan cell;
        struct project_parts parts; /* of the project */
        char *project;              /* real path; NULL in a command spec without one */
        char *python;               /* as given: a venv is found by the path that it was called by */
        char *harness;              /* the folder to run; NULL for a command */
        char *cwd;
        char *visible[PLAN_MAX_VISIBLE];
        char *temporary[TEMPORARY_MAX];
        char **env; /* NULL-terminated */
        unsigned workers;
        uint32_t seed; /* of the run, never 0 */
        int isolated;
        int passes;     /* what tests print is passed on as they run: one after another */
        int rolls_back; /* workers may be put back and used again (again.h) */
        struct filters filters;
        struct rlimit_entry limits[16];
        int n_limits;
        struct cgroup cgroup;
        struct service services[SERVICES_MAX]; /* of the host; cell.listen has how many */
        char missing[512];                     /* controllers that limits need and that are not there */
};

/* Resolves SPEC. Errors: phase "plan", "seccomp", "rlimit" or "cgroup". */
int plan_make(struct plan *ret, const struct spec *spec, struct error *err);
void plan_finish(struct plan *plan);

#endif
