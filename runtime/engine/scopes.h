/*
 * scopes: the snapshots of a run: when their entries are cloned, when they go on, what their end means.
 *
 * A snapshot takes one of the run's places while it sets up or tears down, none while it offers entries. Its
 * tests' cells are made by the pid 1 of its own cell, for what it has just set up: before it goes on, they
 * are thrown away.
 */
#ifndef TACH_ENGINE_SCOPES_H
#define TACH_ENGINE_SCOPES_H

#include "runtime/engine/run_internal.h"

/* The innermost snapshot from which something can be cloned now, or NULL. */
struct worker *scopes_next(struct run *run);
/* Whether one more may live of the snapshots of units that are in DEPTH others. */
int scopes_may_open(const struct run *run, unsigned depth);

/* Asks for the cells that snapshots need now. */
void scopes_ask_cells(struct run *run);
/* The cell number INDEX says something: whether that is a snapshot's, and was listened to here. */
int scopes_from_cell(struct run *run, int index);

/* W offers what V says. */
void scopes_offer(struct run *run, struct worker *w, yajl_val v);
/* W's teardown; V becomes the last test's. */
void scopes_report(struct run *run, struct worker *w, yajl_val v);

/* Lets W go on if all that it offered has ended. */
void scopes_go_on(struct run *run, struct worker *w);
/* W is to tear down as soon as what was cloned from it is gone. */
void scopes_stop(struct run *run, struct worker *w);
/* W does not do what a snapshot must: ends it. */
void scopes_break(struct run *run, struct worker *w, const char *why);
/* W's process is gone: the tests that it took along are told, the others run from another snapshot. */
void scopes_exited(struct run *run, struct worker *w, int status);

/* What UNIT shared has ended: the test that this is counted to may be told. */
void scopes_over(struct run *run, uint32_t unit);

/* Whether there is something to clone from the snapshot W, and nothing stands in the way. */
int scopes_offers(const struct worker *w);

#endif
