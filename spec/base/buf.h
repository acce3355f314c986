/*
 * buf: a growing byte buffer, always NUL-terminated once written to.
 * Zero-initialised (struct buf b = {0}) is empty and valid.
 * Memory: buf_finish frees; buf_take hands the bytes to the caller (free()).
 * All writers return 0 or -ENOMEM; after a failed write the contents stand.
 */
#ifndef TACH_SPEC_BASE_BUF_H
#define TACH_SPEC_BASE_BUF_H

#include <stddef.h>

struct buf {
        char *data; /* NULL while empty */
        size_t len; /* bytes, without the NUL */
        size_t cap;
};

void buf_finish(struct buf *b);
void buf_reset(struct buf *b); /* length 0, keeps the memory */
int buf_reserve(struct buf *b, size_t more);
int buf_add(struct buf *b, const void *bytes, size_t n);
int buf_adds(struct buf *b, const char *s);
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *buf_take(struct buf *b);
/* Drops the first N bytes. */
void buf_consume(struct buf *b, size_t n);
/* Reads FD to its end, at most LIMIT bytes: 0, -errno, or -EFBIG past the limit. */
int buf_read_fd(struct buf *b, int fd, size_t limit);

#define CLEANUP_BUF __attribute__((cleanup(buf_finish)))

#endif
