/*
 * copy: a small tree of files, copied into a cell. What the suite put into /tmp while it was imported must be
 * there for each test, and must be each test's own.
 */
#ifndef TACH_SANDBOX_COPY_H
#define TACH_SANDBOX_COPY_H

#include <stddef.h>

#include "spec/base/error.h"

#define COPY_MAX_BYTES (256u << 20)

/* Copies what is below FROM_FD (a directory; O_PATH will do) into TO_FD: folders, regular files and symbolic
 * links with their modes and times; not what is mounted below, and nothing that already exists. Beyond
 * COPY_MAX_BYTES it is an error. */
int copy_tree(int from_fd, int to_fd, struct error *err);

/* Copies what is in the folder FROM_FD, not what is below that: a folder in it becomes an empty one, a file
 * that is a mount an empty file. TO_FD gets the folder's times. */
int copy_folder_only(int from_fd, int to_fd, struct error *err);

#endif
