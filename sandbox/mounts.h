/*
 * mounts: the mounts that a spec asks for beside what every cell has. OCI config.md, Mounts.
 *
 * bind and tmpfs can be asked for. What every cell has anyhow (/proc, /sys, /dev and below, /tmp, /run) may
 * be listed, as the specs of other runtimes do, and is passed over. Destinations must exist: the root is
 * read-only.
 */
#ifndef TACH_SANDBOX_MOUNTS_H
#define TACH_SANDBOX_MOUNTS_H

#include "sandbox/scratch.h"
#include "spec/base/error.h"
#include "spec/spec.h"

#define MOUNTS_MAX 64

/* Whether all of MOUNTS can be made. */
int mounts_check(const struct spec_mounts *mounts, struct error *err);

/* The sources of the bind mounts, cloned before anything hides them; TREES has room for MOUNTS_MAX, -1 where
 * an entry is none. mounts_bind attaches and closes them below ROOT_FD, read-only where "ro" is given. */
int mounts_clone(const struct spec_mounts *mounts, int *trees, struct error *err);
int mounts_bind(int root_fd, const struct spec_mounts *mounts, int *trees, struct error *err);

/* In a cell: its own tmpfs of each. */
int mounts_tmpfs(int root_fd, const struct spec_mounts *mounts, struct error *err);

/* Adds each of those to the folders that S knows. */
int mounts_scratch(int root_fd, const struct spec_mounts *mounts, struct scratch *s, struct error *err);

#endif
