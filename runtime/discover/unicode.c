/* How it works: a locale of its own, so that nothing depends on the caller's. */
#include "runtime/discover/unicode.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

locale_t unicode_locale(void)
{
        return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

wint_t unicode_decode(const char *s, size_t n)
{
        unsigned char c = (unsigned char)s[0];
        uint32_t v = n == 1 ? c : c & (0xffu >> (n + 1));

        for (size_t i = 1; i < n; i++)
                v = v << 6 | ((unsigned char)s[i] & 0x3fu);
        return (wint_t)v;
}

static int put(struct buf *out, uint32_t c)
{
        const unsigned shift = c < 0x80 ? 0 : c < 0x800 ? 6 : c < 0x10000 ? 12 : 18;
        char bytes[4];
        size_t n = 0;

        bytes[n++] = (char)(shift == 0 ? c : (0xf0u << (18 - shift) / 6) | c >> shift);
        for (unsigned s = shift; s > 0; s -= 6)
                bytes[n++] = (char)(0x80 | (c >> (s - 6) & 0x3f));
        return buf_add(out, bytes, n);
}

char *unicode_lower(const char *s)
{
        CLEANUP_BUF struct buf out = {0};
        size_t n = strlen(s);
        locale_t unicode = (locale_t)0;
        int r = buf_add(&out, "", 0);

        for (size_t i = 0, length; r == 0 && i<n; i += length> 0 ? length : 1) {
                length = utf8_char(s + i, n - i);
                if (length < 2) {
                        const char c =
                            (char)((unsigned char)s[i] < 0x80 ? tolower((unsigned char)s[i]) : s[i]);

                        r = buf_add(&out, &c, 1);
                        continue;
                }
                if (unicode == (locale_t)0)
                        unicode = unicode_locale();
                r = put(&out, unicode != (locale_t)0
                                  ? (uint32_t)towlower_l(unicode_decode(s + i, length), unicode)
                                  : (uint32_t)unicode_decode(s + i, length));
        }
        if (unicode != (locale_t)0)
                freelocale(unicode);
        return r == 0 ? buf_take(&out) : NULL;
}
