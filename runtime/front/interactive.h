/*
 * interactive: whether the user means to see tests as they run, or to talk to them.
 */
#ifndef TACH_FRONT_INTERACTIVE_H
#define TACH_FRONT_INTERACTIVE_H

#include "runtime/front/args.h"
#include "runtime/front/settings.h"
#include "spec/base/error.h"

/* Looks at pytest's options on the command line, those after "--" too, and fills A's PASSES and DEBUGS.
 * Error: several workers are asked for with it (phase "usage"). */
int interactive_look(struct args *a, const struct settings *s, struct error *err);

#endif
