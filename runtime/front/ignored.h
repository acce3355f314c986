/* ignored: what git ignores, where there is git: logs, databases, build output. */
#ifndef TACH_FRONT_IGNORED_H
#define TACH_FRONT_IGNORED_H

#include "spec/spec.h"

/* Takes out of PATHS, absolute, what is not Python and is ignored in the work tree that DIR is in. Without
 * git, or where git cannot say it, all stay. 0 or -ENOMEM. */
int ignored_drop(struct spec_strv *paths, const char *dir);

#endif
