/*
 * tree_place: where tree stores are kept: $XDG_CACHE_HOME/tach, else $HOME/.cache/tach, one file for each
 * project. That folder is nobody's but the user's: no project can bring a store along, and no test can write
 * one, since what is not the project's own is read-only for tests. What belongs to, or can be written by,
 * anybody else is not read.
 *
 * The whole folder can be deleted at any time. It never has more than TREE_PLACE_FILES files, nor much more
 * than TREE_PLACE_BYTES bytes: those that were not of use for longest go.
 */
#ifndef TACH_DISCOVER_TREE_PLACE_H
#define TACH_DISCOVER_TREE_PLACE_H

#define TREE_PLACE_FILES 64
#define TREE_PLACE_BYTES ((long long)512 << 20)

/* The store of the project at ROOT, to be read: a descriptor or -errno. */
int tree_place_read(const char *root);

/* Calls WRITE with a new file, which then becomes the store of ROOT, all at once. 0, what WRITE returned, or
 * -errno: -EAGAIN where another tach is writing one. Nothing is left behind by what fails. */
int tree_place_write(const char *root, int (*write)(void *ctx, int fd), void *ctx);

#endif
