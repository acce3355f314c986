/* How it works: capacity doubles; one byte is always kept for the NUL. */
#include "spec/base/buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void buf_finish(struct buf *b)
{
        free(b->data);
        *b = (struct buf){0};
}

void buf_reset(struct buf *b)
{
        b->len = 0;
        if (b->data != NULL)
                b->data[0] = '\0';
}

int buf_reserve(struct buf *b, size_t more)
{
        size_t need, cap = b->cap != 0 ? b->cap : 256;
        char *p;

        if (__builtin_add_overflow(b->len, more, &need) || __builtin_add_overflow(need, 1, &need))
                return -ENOMEM;
        if (need <= b->cap)
                return 0;
        while (cap < need)
                if (__builtin_mul_overflow(cap, 2, &cap))
                        return -ENOMEM;
        p = realloc(b->data, cap);
        if (p == NULL)
                return -ENOMEM;
        b->data = p;
        b->cap = cap;
        return 0;
}

int buf_add(struct buf *b, const void *bytes, size_t n)
{
        int r = buf_reserve(b, n);

        if (r < 0)
                return r;
        if (n > 0)
                memcpy(b->data + b->len, bytes, n);
        b->len += n;
        b->data[b->len] = '\0';
        return 0;
}

int buf_adds(struct buf *b, const char *s)
{
        return buf_add(b, s, strlen(s));
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
        va_list ap;
        int n, r;

        va_start(ap, fmt);
        n = vsnprintf(NULL, 0, fmt, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;
        r = buf_reserve(b, (size_t)n);
        if (r < 0)
                return r;
        va_start(ap, fmt);
        (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
        va_end(ap);
        b->len += (size_t)n;
        return 0;
}

char *buf_take(struct buf *b)
{
        char *p = b->data;

        *b = (struct buf){0};
        return p;
}

void buf_consume(struct buf *b, size_t n)
{
        if (n > b->len)
                n = b->len;
        if (n == 0)
                return;
        b->len -= n;
        memmove(b->data, b->data + n, b->len + 1);
}

int buf_read_fd(struct buf *b, int fd, size_t limit)
{
        for (;;) {
                ssize_t n;
                int r = buf_reserve(b, 65536);

                if (r < 0)
                        return r;
                n = read(fd, b->data + b->len, 65536);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                b->len += (size_t)n;
                b->data[b->len] = '\0';
                if (n == 0)
                        return 0;
                if (b->len > limit)
                        return -EFBIG;
        }
}
