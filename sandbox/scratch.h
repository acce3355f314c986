/*
 * scratch: a cell's private folders (/tmp, /dev/shm...): what they held when the cell was made, and putting
 * them back to that.
 */
#ifndef TACH_SANDBOX_SCRATCH_H
#define TACH_SANDBOX_SCRATCH_H

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "spec/base/error.h"

#define SCRATCH_MAX_ENTRIES 128 /* that a folder may hold from the start */
#define SCRATCH_MAX_REMOVED 512 /* files and folders that one call removes at most */

struct scratch_entry {
        int fd;     /* of a folder; -1: a link, a socket or a mount point, which is only recognised */
        int parent; /* index; -1: a root */
        char *name;
        struct stat st;
        ssize_t xattrs; /* bytes of their names */
        int flags;      /* FS_IOC_GETFLAGS */
};

struct scratch {
        struct scratch_entry v[SCRATCH_MAX_ENTRIES];
        size_t n;
        int lost; /* it held from the start what cannot be recognised: a file, or too much */
};

/* Takes note of the folder DIR_FD (borrowed) and all below it on the same file system. */
int scratch_add(struct scratch *s, int dir_fd, struct error *err);

/* Removes what is new and puts the times back. 1: the folders are as at first. 0: they are not: something
 * of the first entries is gone or changed, too much is new, or S is lost. The caller must be alone there. */
int scratch_restore(const struct scratch *s);

#endif
