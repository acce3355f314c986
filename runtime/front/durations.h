/* durations: how long the tests of each file took, as earlier runs have left it in pytest's cache folder. */
#ifndef TACH_FRONT_DURATIONS_H
#define TACH_FRONT_DURATIONS_H

#include <stddef.h>

#include "runtime/discover/shard.h"
#include "spec/base/error.h"

/* Where the harness writes them, below pytest's rootdir. */
#define DURATIONS_FILE ".pytest_cache/v/tach/durations"

/* Gives FILES, whose weights are numbers of tests, the seconds that their tests took; those that are not
 * known, the mean of a test for each of theirs. Without the file, or with a broken one, they stay as they
 * are. Returns whether they changed, or -ENOMEM. */
int durations_apply(const char *root, struct shard_file *files, size_t n);

#endif
