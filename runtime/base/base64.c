/* How it works: three bytes are four digits of six bits each. */
#include "runtime/base/base64.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(struct buf *out, const char *bytes, size_t n)
{
        const unsigned char *from = (const unsigned char *)bytes;
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i += 3) {
                const size_t left = n - i;
                const uint32_t v = (uint32_t)from[i] << 16 | (left > 1 ? (uint32_t)from[i + 1] << 8 : 0) |
                                   (left > 2 ? (uint32_t)from[i + 2] : 0);
                const char four[4] = {digits[v >> 18], digits[v >> 12 & 63],
                                      left > 1 ? digits[v >> 6 & 63] : '=', left > 2 ? digits[v & 63] : '='};

                r = buf_add(out, four, sizeof four);
        }
        return r;
}

int base64_decode(struct buf *out, const char *text)
{
        size_t n = strlen(text);
        int r = n % 4 == 0 ? 0 : -EINVAL;

        for (; r == 0 && n > 0; text += 4, n -= 4) {
                const size_t pad = n > 4 ? 0 : (size_t)(text[3] == '=') + (text[3] == '=' && text[2] == '=');
                char three[3];
                uint32_t v = 0;

                for (size_t i = 0; i < 4; i++) {
                        const char *at = i < 4 - pad ? strchr(digits, text[i]) : digits;

                        if (at == NULL)
                                return -EINVAL;
                        v = v << 6 | (uint32_t)(at - digits);
                }
                three[0] = (char)(v >> 16 & 255);
                three[1] = (char)(v >> 8 & 255);
                three[2] = (char)(v & 255);
                r = buf_add(out, three, 3 - pad);
        }
        return r;
}
