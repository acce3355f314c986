/*
 * changed: what git says has changed in the work tree.
 *
 * git is asked so that nothing of the repository is executed: plumbing commands only, without fsmonitor,
 * hooks, filters, text conversion, external diffs, pagers, or a fetch of what is missing (git-config(1)).
 */
#ifndef TACH_FRONT_CHANGED_H
#define TACH_FRONT_CHANGED_H

#include "spec/base/error.h"
#include "spec/spec.h"

struct changed {
        char *tree;             /* the work tree's folder, absolute */
        struct spec_strv paths; /* absolute: changed, new, gone, not yet tracked; folders that are
                                   repositories of their own end in a slash */
        struct spec_strv gone;  /* those of them that are not there any more */
};

/* What differs between the commit REV and the work tree that DIR is in, with files that git does not track
 * and does not ignore; REV NULL or "": what is not committed. A file that moved is one that is gone and a new
 * one. Errors (phase "changed"): no git, no repository, no such commit. */
int changed_read(struct changed *ret, const char *dir, const char *rev, struct error *err);
void changed_finish(struct changed *changed);

#endif
