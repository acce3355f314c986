/*
 * watch_files: what changes in folders and in all folders in them, as the kernel tells it (inotify(7)).
 *
 * Folders that import_graph_skips() are not watched: hidden ones, virtual environments, caches. What editors
 * write beside a file is passed over, and so is a file that came and went or that has the same bytes as when
 * it was last taken.
 */
#ifndef TACH_FRONT_WATCH_FILES_H
#define TACH_FRONT_WATCH_FILES_H

#include <stdbool.h>

#include "spec/base/error.h"
#include "spec/spec.h"

struct watch_files;

/* Watches FOLDERS, absolute. Errors (phase "watch"): the kernel's limits, with the one to raise. */
int watch_files_open(struct watch_files **ret, const struct spec_strv *folders, struct error *err);
void watch_files_close(struct watch_files *w);

/* To be polled for POLLIN. */
int watch_files_fd(const struct watch_files *w);

/* Reads what the kernel has to say, without waiting. Errors: as watch_files_open, for new folders. */
int watch_files_read(struct watch_files *w, struct error *err);

/* Whether something may have changed since watch_files_take(). */
bool watch_files_pending(const struct watch_files *w);

/* Adds the absolute paths of what has changed, came or went to RET; *RET_ALL becomes true where more has than
 * can be told. 0 or -ENOMEM. */
int watch_files_take(struct watch_files *w, struct spec_strv *ret, bool *ret_all);

/* How many folders are watched. */
size_t watch_files_count(const struct watch_files *w);

#endif
