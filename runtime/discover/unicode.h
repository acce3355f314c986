/* unicode: what the C library knows of characters beyond ASCII, whatever the locale is. */
#ifndef TACH_DISCOVER_UNICODE_H
#define TACH_DISCOVER_UNICODE_H

#include <locale.h>
#include <stddef.h>
#include <wctype.h>

/* For iswalnum_l and its kin; 0 where there is none (freelocale). */
locale_t unicode_locale(void);

/* The character whose UTF-8 is the N bytes at S. */
wint_t unicode_decode(const char *s, size_t n);

/* str.lower() of the UTF-8 string S, as far as the C library knows it; NULL without memory (free). */
char *unicode_lower(const char *s);

#endif
