/*
 * tree_store: the file that keeps what was parsed of a project's Python texts, each under the hash of its
 * bytes.
 *
 * Whatever is in the file, nothing but texts and trees that can be used comes out of it: it is read by
 * offset, not mapped, every length is checked, every record has a checksum (of what disks and crashes do) and
 * every tree is looked at (tree_is_sound). Who may say what is in it is decided by tree_place.h.
 */
#ifndef TACH_DISCOVER_TREE_STORE_H
#define TACH_DISCOVER_TREE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/base/blake2.h"
#include "runtime/discover/source.h"

#define TREE_STORE_MAX ((size_t)256 << 20) /* bytes of a file */

struct tree_key {
        uint8_t v[BLAKE2_SIZE];
};

struct tree_entry {
        struct tree_key key;
        uint64_t at, len; /* of its record in the file */
        uint32_t bytes;   /* of the text that it was parsed from */
        uint32_t age;     /* how often the file was written since it was last of use */
};

struct tree_store {
        int fd;                   /* -EBADF: there is no file */
        struct tree_entry *index; /* sorted by key */
        size_t n;
};

/* A record in memory, as it stands in the file. */
struct tree_record {
        void *data; /* malloc'ed */
        size_t len;
};

/* Reads the index of the file FD, which becomes RET's. MAKER says which tach made it: another's is not read,
 * nor is what is no such file; RET is then empty. */
void tree_store_open(struct tree_store *ret, int fd, const struct tree_key *maker);
void tree_store_close(struct tree_store *store);

/* The number of KEY's entry, or -1. */
ptrdiff_t tree_store_find(const struct tree_store *store, const struct tree_key *key);

/* Reads the record of entry I, which is then RET's. False: it is not sound, or there is no memory. */
bool tree_store_read(const struct tree_store *store, size_t i, struct source *ret);

/* Copies SOURCE, which has a tree and no problem, into a record. 0, -EFBIG or -ENOMEM. */
int tree_record_make(struct tree_record *ret, const struct source *source);

/* Sets RET, whose memory stays the record's, to what RECORD says. False: it is not sound. */
bool tree_record_see(const struct tree_record *record, struct source *ret);

struct tree_addition {
        struct tree_key key;
        struct tree_record record;
        uint32_t bytes; /* as in tree_entry */
};

/* Writes the file FD, which is empty: those entries of OLD that KEEP says yes to, one older where not USED,
 * and the N additions, which get sorted. 0 or -errno. */
int tree_store_write(int fd, const struct tree_key *maker, const struct tree_store *old, const bool *keep,
                     const bool *used, struct tree_addition *additions, size_t n);

#endif
