/*
 * run: the main loop. Collects with a zygote, keeps N workers busy, writes the event stream.
 */
#ifndef TACH_ENGINE_RUN_H
#define TACH_ENGINE_RUN_H

#include "runtime/engine/plan.h"
#include "spec/base/error.h"

/* Runs the tests of PLAN, events to OUT_FD. Returns pytest's exit code (0..5). SIGINT and SIGTERM must be
 * blocked: they are read here. */
int run_tests(const struct plan *plan, int out_fd);

#endif
