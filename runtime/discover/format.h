/* format: how a test is printed. */
#ifndef TACH_DISCOVER_FORMAT_H
#define TACH_DISCOVER_FORMAT_H

#include "runtime/discover/discover.h"
#include "runtime/discover/test.h"
#include "spec/base/buf.h"

/* Appends the line of TEST to OUT; nothing for a partial one under DISCOVER_IDS. -ENOMEM or 0. */
int format_test(struct buf *out, enum discover_format format, const char *root, const struct test *test);

#endif
