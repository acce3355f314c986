/* base64: bytes as text, where they are none. RFC 4648, with padding. */
#ifndef TACH_BASE_BASE64_H
#define TACH_BASE_BASE64_H

#include <stddef.h>

#include "spec/base/buf.h"

/* Appends the N bytes as base64: 0 or -ENOMEM. */
int base64_encode(struct buf *out, const char *bytes, size_t n);

/* Appends what TEXT stands for: 0, -ENOMEM, or -EINVAL where it is no base64. */
int base64_decode(struct buf *out, const char *text);

#endif
