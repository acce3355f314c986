/*
 * early: what is wrong with the fixtures of a run, told by reading the tests while their interpreter starts.
 * It is a diagnosis and changes nothing: the tests run, and their outcomes are pytest's.
 */
#ifndef TACH_FRONT_EARLY_H
#define TACH_FRONT_EARLY_H

#include "runtime/front/select.h"

struct early;

/* Of the run that REQUEST and SELECT (select_files) are of, which must outlive it. NULL: no memory. */
struct early *early_create(const struct select_request *request, const struct spec_select *select);

/* Begins to read, in a thread of its own. Call it after the last fork; later calls do nothing. */
void early_start(struct early *early);

/* Hands each problem to LINE, as an event, once they are known; WAIT: at once, when the reading has ended. 0,
 * or what LINE returned. */
int early_take(struct early *early, bool wait, int (*line)(void *ctx, const char *text, size_t n), void *ctx);

/* Ends the reading. EARLY may be NULL in all of these. */
void early_destroy(struct early *early);

#endif
