/*
 * glob: patterns of paths below a folder, as tach.keep lists them.
 *
 * A pattern is matched part by part between slashes: `*` is any text, `?` one byte, `[abc]`, `[a-z]` and
 * `[!a]` one byte of a set, a backslash takes the next byte as it is. A part `**` stands for any number of
 * folders, also none: `a/` followed by it is the folder a and all that is below. Names that begin with a dot
 * are like others.
 */
#ifndef TACH_SPEC_GLOB_H
#define TACH_SPEC_GLOB_H

#include <stdbool.h>

#define GLOB_MAX_PARTS 64 /* of a pattern */

/* NULL, or what is wrong with PATTERN. */
const char *glob_check(const char *pattern);

/* Whether PATH ("a/b", without a slash at either end) is what PATTERN (checked) means. */
bool glob_match(const char *pattern, const char *path);

/* Whether anything below the folder PATH could be. "" is the top. */
bool glob_below(const char *pattern, const char *path);

#endif
