/*
 * engine: tach-run as a child: its spec in, its events out, line by line.
 */
#ifndef TACH_FRONT_ENGINE_H
#define TACH_FRONT_ENGINE_H

#include <stddef.h>

#include "runtime/front/terminal.h"
#include "spec/base/error.h"
#include "spec/spec.h"

/* Runs SPEC in tach-run (beside this program, else on PATH) and calls LINE for each line of its stream
 * (without the newline; LINE[n] is NUL). TICK, every 100 ms meanwhile. SIGINT and SIGTERM go on to it.
 * TICK may be NULL. TERMINAL: what is typed goes on to it; may be NULL.
 * Returns its exit code (0..255), 128 + N where
 * signal N ended it, or -errno. */
int engine_run(const struct spec *spec, int (*line)(void *ctx, const char *text, size_t n),
               void (*tick)(void *ctx), void *ctx, struct terminal *terminal, struct error *err);

/* The same for what `tach-run features` writes. */
int engine_features(int (*line)(void *ctx, const char *text, size_t n), void *ctx, struct error *err);

#endif
