/*
 * journal: what the workers reported, for the session's end in the zygote: its plugins want to know. A memory
 * file with one JSON object a line, "event" first: test, warning, cache, coverage, and last end.
 */
#ifndef TACH_ENGINE_JOURNAL_H
#define TACH_ENGINE_JOURNAL_H

#include <stdint.h>
#include <yajl/yajl_tree.h>

#include "runtime/engine/result.h"
#include "spec/base/error.h"

struct journal {
        int fd;
        int failed; /* -errno of the first line that could not be written */
};

int journal_open(struct journal *j, struct error *err);

/* The reports of item number INDEX, and how it died (NULL: it ended). */
void journal_test(struct journal *j, uint32_t index, const struct result *r, const struct death *death);

/* A warning, a value for pytest's cache, or what coverage.py measured, as the worker sent it. */
void journal_line(struct journal *j, const char *event, yajl_val line, const char *const *keys);

/* How the run ended: pytest's exit code; STOPPED: by --maxfail. */
void journal_end(struct journal *j, int code, int stopped, const char *reason);

void journal_finish(struct journal *j);

#endif
