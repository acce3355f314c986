/*
 * check: `tach check`: what this machine allows (tach-run features), and the interpreter, looked at in a
 * cell.
 */
#ifndef TACH_FRONT_CHECK_H
#define TACH_FRONT_CHECK_H

#include <stdio.h>

#include "runtime/front/args.h"
#include "runtime/front/settings.h"
#include "spec/base/error.h"

/* Writes the table, or with FORMAT_JSON the objects "features" and "check", a line each, to OUT. ROOT and CWD
 * as for project_spec. 0: tests can run isolated here; 1: they cannot; -errno. */
int check_run(const struct args *args, const struct settings *settings, const struct choices *choices,
              const char *root, const char *cwd, FILE *out, struct error *err);

#endif
