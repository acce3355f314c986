/*
 * mnt: what outer sandbox and cells have in common about mounts. mount(2), open_tree(2).
 */
#ifndef TACH_SANDBOX_MNT_H
#define TACH_SANDBOX_MNT_H

#include <stddef.h>

#include "spec/base/error.h"

/* Opens PATH (absolute) inside ROOT_FD as O_PATH, following its links inside that root only
 * (openat2 RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS). With CREATE the missing directories are made, and
 * where FILE a missing last component as an empty file. Returns the fd or -errno. */
int mnt_resolve(int root_fd, const char *path, int create, int file, struct error *err);

/* The same for what may be missing: -ENOENT is no error, and ERR is left alone. */
int mnt_look(int root_fd, const char *path, struct error *err);

/* The same where the last component must be a folder itself: a link there is refused (ELOOP, ENOTDIR). */
int mnt_resolve_folder(int root_fd, const char *path, struct error *err);

/* A detached clone of the character device PATH inside ROOT_FD, which must be no link (ELOOP, ENODEV). */
int mnt_clone_device(int root_fd, const char *path, unsigned major_number, unsigned minor_number,
                     struct error *err);

/* A detached clone of the mount at PATH with everything below it (open_tree): fd or -errno. */
int mnt_clone(int dirfd, const char *path, struct error *err);

/* Attaches the detached mount TREE_FD on TARGET_FD. FLAGS: MOUNT_ATTR_* to set on it, recursively. */
int mnt_attach(int tree_fd, int target_fd, unsigned long long flags, struct error *err);

/* A tmpfs on TARGET_FD. OPTIONS as in "size=64m,mode=1777"; nosuid and nodev are always set. */
int mnt_tmpfs(int target_fd, const char *options, unsigned long long flags, struct error *err);

/* Puts what lies at PATH, of the caller's own tree, out of reach: an empty tmpfs that cannot be read or
 * written. */
int mnt_cover(const char *path, struct error *err);

/* A devpts of its own on /dev/pts. */
int mnt_devpts(struct error *err);

/* A detached procfs of the caller's pid namespace: fd or -errno. */
int mnt_new_proc(struct error *err);

/* Attaches PROC_FD on /proc, which must be a folder, with OCI's masked and read-only paths. */
int mnt_proc(int proc_fd, const char *const *masked, size_t n_masked, const char *const *readonly,
             size_t n_readonly, struct error *err);

/* Those paths alone, of the /proc that is there. */
int mnt_mask(const char *const *masked, size_t n_masked, const char *const *readonly, size_t n_readonly,
             struct error *err);

/* The targets of the mounts below PATH in the caller's namespace (libmount reads mountinfo): *RET_N of them,
 * the caller's to free, with the list. */
int mnt_find_submounts(const char *path, char ***ret, size_t *ret_n, struct error *err);

#endif
