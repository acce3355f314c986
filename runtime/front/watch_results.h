/*
 * watch_results: what a run tells the watch that began it, through a file in memory.
 */
#ifndef TACH_FRONT_WATCH_RESULTS_H
#define TACH_FRONT_WATCH_RESULTS_H

#include <stdbool.h>

#include "runtime/front/report.h"
#include "spec/base/error.h"
#include "spec/spec.h"

/* What a run is told, and where it tells. */
struct watch_run {
        const struct spec_strv *touched; /* as in select.h */
        const struct spec_strv *failing; /* test files that failed when they last ran */
        int results;                     /* the file */
};

/* ---- for the run ---- */

/* It cannot begin at all, and will not after a change either. */
void watch_tell_refusal(const struct watch_run *run);

/* What it will write into the project itself: SPEC's keep patterns, JUNIT_XML (or NULL), and anything where
 * tests are not isolated. */
void watch_tell_writes(const struct watch_run *run, const struct spec *spec, const char *junit_xml);

/* It has run all that it was to run. watch_tell_outcomes() says so itself. */
void watch_tell_whole(const struct watch_run *run);

/* Which test files fail, and which of those that did have run again. */
void watch_tell_outcomes(const struct watch_run *run, const struct report *report,
                         const struct spec_select *select);

/* ---- for the watch ---- */

struct watch_results {
        bool refused, whole, writes_anything;
        struct spec_strv failed, again; /* test files */
        struct spec_strv keep, written; /* patterns; absolute paths */
};

/* Reads what FD has so far. 0 or -errno; RET is to be finished in any case. */
int watch_results_read(struct watch_results *ret, int fd);
void watch_results_finish(struct watch_results *results);

/* Whether PATH is Python or settings: what a run that is under way has read already. */
bool watch_is_code(const char *path);

/* Whether the run itself may have written PATH, absolute, of the project ROOT. */
bool watch_results_wrote(const struct watch_results *results, const char *root, const char *path);

#endif
