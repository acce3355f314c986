/*
 * asks: fixtures of wider scopes that a test asks for as it runs.
 *
 * The test's worker ends without a result and names a snapshot that it was cloned from. That one waits until
 * what was cloned from it has ended, sets the fixture up in the test's name, and offers the rest, the test
 * first. Snapshots in between end before, and are made again. A snapshot that asks while it sets up does the
 * same for the test that it sets up for.
 */
#ifndef TACH_ENGINE_ASKS_H
#define TACH_ENGINE_ASKS_H

#include "runtime/engine/run_internal.h"

/* W asks for what V says: 0, or -EPROTO where it may not. W has nothing more to say than that it is done. */
int asks_take(struct run *run, struct worker *w, yajl_val v);

#endif
