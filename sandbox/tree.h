/*
 * tree: changing a folder of the host in the name of something that is not trusted. openat2(2).
 *
 * Every path is relative to a descriptor of the folder and is resolved beneath it, through no link and over
 * no mount point. All functions return 0 (or what they say) or -errno.
 */
#ifndef TACH_SANDBOX_TREE_H
#define TACH_SANDBOX_TREE_H

#include <sys/stat.h>
#include <sys/types.h>

/* Opens the folder PATH ("": the top itself) below TOP_FD: a descriptor that *at functions take. */
int tree_folder(int top_fd, const char *path);

/* Makes the folder NAME in DIR_FD with the permissions of MODE, or gives them to the one that is there. */
int tree_make_folder(int dir_fd, const char *name, mode_t mode);

/* Puts what FROM_FD has from its beginning, at most MOST bytes, in place of the file or link NAME in DIR_FD:
 * whoever looks sees the old one or the new one. It gets the permissions of ST (no others than rwx) and its
 * time of modification. -EFBIG: there was more, and nothing was changed. */
int tree_put_file(int dir_fd, const char *name, int from_fd, const struct stat *st, off_t most);

/* The same for a link to TARGET. */
int tree_put_link(int dir_fd, const char *name, const char *target);

/* Whether NAME in DIR_FD is a file with the bytes of FROM_FD (read from its beginning) and the permissions of
 * ST: 1 or 0. */
int tree_has_file(int dir_fd, const char *name, int from_fd, const struct stat *st);

/* Whether it is a link to TARGET: 1 or 0. */
int tree_has_link(int dir_fd, const char *name, const char *target);

#endif
