/*
 * command: a spec with process.args and no tach.tests: one command in one cell, as the OCI runtimes run it.
 */
#ifndef TACH_ENGINE_COMMAND_H
#define TACH_ENGINE_COMMAND_H

#include "runtime/engine/plan.h"
#include "spec/base/error.h"

/* Runs it with our standard streams. Returns its exit code, 128 + N where signal N ended it, or -errno.
 * SIGINT and SIGTERM must be blocked: the first is forwarded, the second ends the cell. */
int command_run(const struct plan *plan, struct error *err);

#endif
