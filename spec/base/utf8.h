/* utf8: what is UTF-8 and what is not. RFC 3629: no overlong forms, no surrogates, at most U+10FFFF. */
#ifndef TACH_SPEC_BASE_UTF8_H
#define TACH_SPEC_BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character at S, of which N bytes are there: 1 to 4, or 0 where there is none. */
size_t utf8_char(const char *s, size_t n);

/* Bytes from S on that are UTF-8, at most N. */
size_t utf8_span(const char *s, size_t n);

/* Copies S to OUT (SIZE bytes, at least 4, always terminated) for a message: controls and what is not UTF-8
 * become '?', and what does not fit is cut between two characters and ends in "...". Returns OUT. */
const char *utf8_show(char *out, size_t size, const char *s);

#define UTF8_SHOW(s) utf8_show((char[64]){0}, 64, s)

#endif
