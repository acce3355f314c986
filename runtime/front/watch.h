/*
 * watch: runs the tests, then again and again those that a change can affect.
 *
 * Each run is a process of its own, forked from one that has done nothing yet: it reads settings and files
 * anew. A change of Python or of settings during a run ends it, and the next one is of all that changed since
 * the last whole run.
 */
#ifndef TACH_FRONT_WATCH_H
#define TACH_FRONT_WATCH_H

#include <stdbool.h>

#include "runtime/front/watch_results.h"
#include "spec/base/error.h"
#include "spec/spec.h"

/* Watches FOLDERS, absolute, the project ROOT among them; RUN, in a child, gives tach's exit code. Between
 * runs keys are read where standard input is a terminal. ENDS_WITH_RUN: a run that was interrupted ends the
 * watch too, since keys that interrupt are the run's. Returns the exit code: 1 where tests still fail, else
 * the last run's. Errors: phase "watch". */
int watch(const char *root, const struct spec_strv *folders, bool ends_with_run,
          int (*run)(void *ctx, const struct watch_run *run), void *ctx, struct error *err);

#endif
