/*
 * mounts: the mounts that a spec asks for beside what every cell has. OCI config.md, Mounts.
 *
 * bind and tmpfs can be asked for. What every cell has anyhow (/proc, /sys, /dev and below, /tmp, /run) may
 * be listed, as the specs of other runtimes do, and is passed over. Destinations must exist: the root is
 * read-only.
 */
#ifndef TACH_SANDBOX_MOUNTS_H
#define TACH_SANDBOX_MOUNTS_H

#include "spec/base/error.h"
#include "spec/spec.h"

/* Whether all of MOUNTS can be made. */
int mounts_check(const struct spec_mounts *mounts, struct error *err);

/* In the outer sandbox, before the root changes: binds them below ROOT_FD, read-only where "ro" is given. */
int mounts_bind(int root_fd, const struct spec_mounts *mounts, struct error *err);

/* In a cell: its own tmpfs of each. */
int mounts_tmpfs(int root_fd, const struct spec_mounts *mounts, struct error *err);

#endif
