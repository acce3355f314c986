/*
 * run: the main loop. Collects with a zygote, keeps N workers busy, writes the event stream.
 */
#ifndef TACH_ENGINE_RUN_H
#define TACH_ENGINE_RUN_H

#include "runtime/engine/plan.h"
#include "spec/base/error.h"

/* Runs the tests of PLAN, events to OUT_FD. INPUT_FD: what is typed for tests (input.h), or -1. Returns
 * pytest's exit code (0..5). SIGINT and SIGTERM must be blocked: they are read here. */
int run_tests(const struct plan *plan, int out_fd, int input_fd);

#endif
