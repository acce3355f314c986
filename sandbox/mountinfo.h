/*
 * mountinfo: the mounts that the calling process sees, and lists of mount options, both as libmount reads
 * them.
 *
 * libmount is loaded by the first who needs it: with what it pulls in it costs a start more than a quarter of
 * a millisecond, and a command without a project needs none of it.
 */
#ifndef TACH_SANDBOX_MOUNTINFO_H
#define TACH_SANDBOX_MOUNTINFO_H

#include <stddef.h>

#include "spec/base/error.h"

struct libmnt_table;
struct libmnt_iter;

struct mountinfo {
        struct libmnt_table *table;
        struct libmnt_iter *iter;
};

/* The strings are the table's. */
struct mountinfo_entry {
        const char *target, *root, *type; /* ROOT: the folder of its file system that is mounted */
};

/* Loads libmount, for those who must not once they are inside a root that others wrote. */
int mountinfo_prepare(struct error *err);

/* RET: to be closed, also after an error. */
int mountinfo_open(struct mountinfo *ret, struct error *err);
/* 1: RET is the next mount; 0: there is no other. */
int mountinfo_next(struct mountinfo *m, struct mountinfo_entry *ret);
void mountinfo_close(struct mountinfo *m);

/* 1: the list OPTIONS has NAME with a value, the N bytes at *RET_VALUE. */
int mountinfo_option(const char *options, const char *name, const char **ret_value, size_t *ret_n);

#define CLEANUP_MOUNTINFO __attribute__((cleanup(mountinfo_close)))

#endif
