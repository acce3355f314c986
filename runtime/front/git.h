/*
 * git: asks git so that nothing of the repository is executed: plumbing commands only, without fsmonitor,
 * hooks, filters, text conversion, external diffs, pagers, or a fetch of what is missing (git-config(1)).
 */
#ifndef TACH_FRONT_GIT_H
#define TACH_FRONT_GIT_H

#include "spec/base/buf.h"
#include "spec/base/error.h"
#include "spec/spec.h"

struct git {
        char *tree;               /* the work tree's folder, absolute */
        struct buf out;           /* what the last command printed */
        char said[400];           /* the first line of its errors */
        int code;                 /* its exit code */
        struct spec_strv filters; /* keys of the configuration that name programs */
};

/* For the work tree that DIR is in. Errors (phase "changed"): no git, no repository. git_finish in any case.
 */
int git_open(struct git *git, const char *dir, struct error *err);
void git_finish(struct git *git);

/* Runs git with WORDS, up to a NULL; IN is its standard input, or -1. Its exit code is no error, but that it
 * could not be started is. */
int git_run(struct git *git, const char *const *words, int in, struct error *err);

/* The same; an exit code other than 0 is an error. */
int git_need(struct git *git, const char *const *words, int in, struct error *err);

/* The first line of what it printed, malloc'ed. */
char *git_line(const struct git *git);

#endif
