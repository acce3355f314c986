/* proc: writing to procfs, and to nothing that only looks like it. proc(5), openat2(2). */
#ifndef TACH_SANDBOX_PROC_H
#define TACH_SANDBOX_PROC_H

#include "spec/base/error.h"

/* The procfs on /proc as O_PATH, or -errno: EXDEV where /proc is a link or another file system. */
int proc_open(struct error *err);

/* Opens NAME ("self/uid_map") below PROC_FD for writing, as below. */
int proc_open_file(int proc_fd, const char *name, struct error *err);

/* Writes TEXT to NAME ("self/uid_map") below PROC_FD, the root of a procfs. No link is followed and no mount
 * crossed on the way. */
int proc_write(int proc_fd, const char *name, const char *text, struct error *err);

#endif
