/*
 * again: workers that are put back to where they began, and run another test (sandbox/rollback.h).
 *
 * Such a worker has a pipe on which it hears which test is next. When its test has ended it either says that
 * it is back, or why it is not ("spent"). Meanwhile its cell is asked whether all else there is clean. No
 * tripwire may have been hit. Until all of that is known the test's verdict waits; the worker keeps its place
 * in the run. What is in doubt costs the worker: it ends, and another is cloned.
 */
#ifndef TACH_ENGINE_AGAIN_H
#define TACH_ENGINE_AGAIN_H

#include "runtime/engine/run_internal.h"

/* Whether PART, which W is about to run in a new process, is one for a process that may run others after it.
 */
int again_may(struct run *run, const struct part *part);

/* Opens W's pipe; *RET_END is the worker's. */
int again_open(struct worker *w, int *ret_end, struct error *err);

/* A worker that was cloned from ORIGIN and waits for a test like PART, or NULL. */
struct worker *again_idle(struct run *run, int origin, const struct part *part);

/* Gives PART to W: 0 or -errno, and W is lost. */
int again_resume(struct run *run, struct worker *w, struct part part);

/* W's test has ended, and V is its verdict. */
void again_ended(struct run *run, struct worker *w, struct verdict *v);

/* W says that it is back. */
void again_back(struct run *run, struct worker *w, yajl_val v);

/* Says the verdict that waits, if one does. SPENT: why W runs no other test; NULL: it does, or might have. */
void again_tell(struct run *run, struct worker *w, const char *spent);

/* Something can be read from the socket of the cell number CELL: 1 if it is an answer to a worker's proof. */
int again_from_cell(struct run *run, int cell);

/* Ends the workers for which there is no test left. */
void again_end_idle(struct run *run);

/* W is gone. */
void again_gone(struct run *run, const struct worker *w);

#endif
