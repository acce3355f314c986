/*
 * temporary: the folders that the environment names for temporary files, besides those that every cell has of
 * its own anyway: a test expects to write there.
 */
#ifndef TACH_ENGINE_TEMPORARY_H
#define TACH_ENGINE_TEMPORARY_H

#include "spec/spec.h"

#define TEMPORARY_MAX 4

/* The real paths of what TMPDIR, TEMP, TMP (Python's tempfile) and PYTEST_DEBUG_TEMPROOT are in ENV
 * ("NAME=value"): folders that the caller can write to, each once, the shorter before the longer. Left out
 * are those that lie in PROJECT (may be NULL), which is copy-on-write, and those that hold more than
 * temporary files: the root and what has the home folder in it. RET's strings are the caller's to free; how
 * many, or -ENOMEM. */
int temporary_find(const struct spec_strv *env, const char *project, char *ret[TEMPORARY_MAX]);

#endif
