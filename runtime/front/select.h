/*
 * select: which test files a run need not import, by --changed, --shard, -k and -m.
 */
#ifndef TACH_FRONT_SELECT_H
#define TACH_FRONT_SELECT_H

#include <stdio.h>

#include "runtime/front/args.h"
#include "runtime/front/settings.h"
#include "spec/base/error.h"
#include "spec/spec.h"

/* Works out what ARGS and the options for pytest leave out below ROOT, seen from CWD, into RET, which is
 * empty (given is false) where that is nothing. What --changed took for affected, and why, is said on SAY
 * unless NULL. Errors: of -k and -m (phase "usage"), of git (phase "changed"), of reading. */
int select_files(const struct args *args, const struct settings *settings, const char *root, FILE *say,
                 struct spec_select *ret, struct error *err);

/* Prints the import graph of the test files of ARGS in Graphviz' language. */
int select_print_imports(const struct args *args, const struct settings *settings, const char *root,
                         FILE *out, struct error *err);

#endif
