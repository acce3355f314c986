/*
 * stream: the events of a run, in their order: start, collected, test..., finish; warning and error between.
 */
#ifndef TACH_ENGINE_STREAM_H
#define TACH_ENGINE_STREAM_H

#include <yajl/yajl_tree.h>

#include "runtime/engine/again_counts.h"
#include "runtime/engine/keep.h"
#include "runtime/engine/plan.h"
#include "runtime/engine/pool.h"
#include "runtime/engine/result.h"
#include "runtime/engine/services.h"
#include "runtime/engine/suite.h"
#include "spec/base/error.h"

struct stream {
        int fd;
        int started;
        int unheard; /* nobody tells which system calls the filter refuses */
        int lost;    /* -errno of the first write that failed: nobody reads us */
        long errors; /* of collection, and what could not be kept */
        struct counts counts;
};

/* Once; later calls do nothing. SUITE gives the versions as far as they are known. */
void stream_start(struct stream *s, const struct plan *plan, const struct suite *suite);
/* REFUSALS: while it was collected. */
void stream_collected(struct stream *s, const struct suite *suite, const struct refusals *refusals);
/* What the test NODEID (NULL: the suite itself, while it was collected or as it ended) used of the service
 * NAME. */
void stream_service(struct stream *s, const char *nodeid, const char *name, const struct service_use *use);
/* The TESTS that are left of UNIT run one after another in one worker. WHY: what in it cannot be cloned. */
void stream_scope(struct stream *s, const struct unit *unit, const char *why, size_t tests);
/* JOB's cell wrote to the project. KEPT, LOST: how many paths. */
void stream_wrote(struct stream *s, const struct keep_job *job, unsigned kept, unsigned lost);
/* What tests wrote could not be kept: as stream_fail, but the run goes on, and does not end well. */
void stream_unkept(struct stream *s, const struct error *err);
/* What a test printed on STREAM ("stdout", "stderr", "terminal"), as it runs. NODEID: NULL where it is
 * nobody's. */
void stream_output(struct stream *s, const char *nodeid, const char *stream, const char *bytes, size_t n);
/* The test's phase has ended as REPORT says, the worker's; its end is still to come. */
void stream_phase(struct stream *s, const char *nodeid, yajl_val report);
void stream_debugger(struct stream *s, const char *nodeid);
/* V: the worker's or zygote's "warning" object. */
void stream_warning(struct stream *s, yajl_val v);
/* An error event, and the same as a line on standard error. HINT may be NULL or empty. */
void stream_error(struct stream *s, const char *phase, const char *what, const char *hint);
void stream_fail(struct stream *s, const struct error *err);
/* pytest's cache could not be written, for which pytest gives a warning. */
void stream_cache(struct stream *s, const struct error *err);

/* V: the zygote's "summary" object, what a letter of pytest's -r adds to the short summary. */
void stream_summary(struct stream *s, yajl_val v);

/* What the interpreter printed at the session's end: its plugins' summaries. */
void stream_session(struct stream *s, const char *text);

/* POOL: the cells, or NULL. */
/* AGAIN: NULL where workers are not put back. */
void stream_finish(struct stream *s, int exit_code, double wall, int interrupted, const struct pool *pool,
                   const struct again *again);

/* How many tests and modules the counts speak of. */
long stream_outcomes(const struct stream *s);

#endif
