/*
 * bench: what a worker in a cell costs beside a plain fork of the same interpreter.
 */
#ifndef TACH_ENGINE_BENCH_H
#define TACH_ENGINE_BENCH_H

#include "runtime/engine/plan.h"
#include "spec/base/error.h"

/* Collects as a run would, then times ROUNDS of each in turn, from the request to the exit's arrival, with
 * workers that run no test; prints one JSON object. 0 or -errno. */
int bench_clone(const struct plan *plan, unsigned rounds, struct error *err);

#endif
