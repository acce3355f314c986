/*
 * upper: what an overlay's upper layer says was changed. Kernel documentation, filesystems/overlayfs.rst.
 *
 * The layer is whatever a hostile test made of it, and may even change while it is read: nothing in it is
 * opened by more than one name, through a link, or before its type is known.
 */
#ifndef TACH_SANDBOX_UPPER_H
#define TACH_SANDBOX_UPPER_H

#include <stddef.h>
#include <sys/stat.h>

#define UPPER_MAX_DEPTH 64 /* folders */

enum upper_kind {
        UPPER_FILE,
        UPPER_LINK,
        UPPER_FOLDER, /* one that was changed, or in which something was */
        UPPER_GONE,   /* a whiteout: what the lower layers have there was removed */
        UPPER_OTHER,  /* a socket, a FIFO, a device */
};

struct upper_entry {
        const char *path; /* below the layer's top */
        enum upper_kind kind;
        int opaque; /* a folder: of the lower layers' folder nothing is left */
        int fd;     /* of the entry itself: O_PATH, of a folder readable */
        struct stat st;
};

/* What upper_walk calls with each entry, a folder before what is in it, names in order. 0: go on; < 0: the
 * walk ends and returns that. The entry is the walk's. */
typedef int (*upper_visit)(void *context, const struct upper_entry *entry);

/* Goes through the layer whose top is TOP_FD (borrowed; O_PATH will do). *LEFT: how many entries may be
 * looked at, counted down. Returns 0, what VISIT returned, -E2BIG (no entries left), -ELOOP (more than
 * UPPER_MAX_DEPTH), -ENAMETOOLONG (a path longer than PATH_MAX) or -errno. */
int upper_walk(int top_fd, size_t *left, upper_visit visit, void *context);

/* Opens the regular file behind FD (O_PATH) to read it, also where its mode forbids its owner that: the
 * descriptor or -errno. */
int upper_open(int fd, const struct stat *st);

#endif
