/* How it works: the table of RFC 3629, section 4: a lead byte says how many follow and narrows the second. */
#include "spec/base/utf8.h"

#include <string.h>

size_t utf8_char(const char *s, size_t n)
{
        const unsigned char *p = (const unsigned char *)s;
        unsigned char low = 0x80, high = 0xbf;
        size_t length;

        if (n == 0)
                return 0;
        if (p[0] < 0x80)
                return 1;
        if (p[0] < 0xc2 || p[0] > 0xf4)
                return 0;
        length = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
        if (p[0] == 0xe0)
                low = 0xa0;
        else if (p[0] == 0xed)
                high = 0x9f;
        else if (p[0] == 0xf0)
                low = 0x90;
        else if (p[0] == 0xf4)
                high = 0x8f;
        if (n < length || p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        return length;
}

size_t utf8_span(const char *s, size_t n)
{
        size_t i = 0, length;

        while ((length = utf8_char(s + i, n - i)) > 0)
                i += length;
        return i;
}

const char *utf8_show(char *out, size_t size, const char *s)
{
        size_t n = strlen(s), cut = 0, o = 0;

        for (size_t i = 0; i < n;) {
                size_t length = utf8_char(s + i, n - i);

                if (o + (length > 0 ? length : 1) > size - 1) {
                        memcpy(out + cut, "...", 4);
                        return out;
                }
                if (length == 0 || (length == 1 && ((unsigned char)s[i] < 0x20 || s[i] == 0x7f))) {
                        out[o++] = '?';
                        i++;
                } else {
                        memcpy(out + o, s + i, length);
                        o += length;
                        i += length;
                }
                if (o <= size - 4)
                        cut = o; /* the last place where "..." still fits */
        }
        out[o] = '\0';
        return out;
}
