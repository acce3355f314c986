/* How it works: a byte order mark, else a coding cookie in the first two lines, else UTF-8; iconv knows the
 * codecs.
 */
#include "runtime/discover/decode.h"

#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_COOKIE 40

static uint32_t line_of(const char *text, size_t at)
{
        uint32_t line = 1;

        for (size_t i = 0; i < at; i++)
                line += text[i] == '\n';
        return line;
}

static void fail(struct source *source, const char *problem, size_t at)
{
        source->problem = problem;
        source->line = line_of(source->text, at);
}

/* PEP 263: ^[ \t\f]*#.*?coding[:=][ \t]*([-_.a-zA-Z0-9]+) in one of the first two lines, the first of which
 * must else be blank or a comment. */
static bool find_cookie(const char *text, size_t n, char name[MAX_COOKIE])
{
        const char *p = text, *end = text + n;

        for (int line = 0; line < 2 && p < end; line++) {
                const char *stop = memchr(p, '\n', (size_t)(end - p)), *coding;
                size_t len = 0;

                if (stop == NULL)
                        stop = end;
                while (p < stop && (*p == ' ' || *p == '\t' || *p == '\f'))
                        p++;
                if (p < stop && *p != '#' && *p != '\r')
                        return false;
                for (coding = p; (coding = memmem(coding, (size_t)(stop - coding), "coding", 6)) != NULL;) {
                        coding += 6;
                        if (coding >= stop || (*coding != ':' && *coding != '='))
                                continue;
                        for (coding++; coding < stop && (*coding == ' ' || *coding == '\t');)
                                coding++;
                        while (coding + len < stop && len + 1 < MAX_COOKIE &&
                               (strchr("-_.", coding[len]) != NULL ||
                                (coding[len] >= '0' && coding[len] <= '9') ||
                                ((coding[len] | 32) >= 'a' && (coding[len] | 32) <= 'z')) &&
                               coding[len] != '\0')
                                len++;
                        if (len > 0) {
                                memcpy(name, coding, len);
                                name[len] = '\0';
                                return true;
                        }
                }
                p = stop + 1;
        }
        return false;
}

static bool is_utf8_name(const char *name)
{
        return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0 ||
               strncasecmp(name, "utf-8-", 6) == 0 || strcasecmp(name, "utf_8") == 0 ||
               strcasecmp(name, "utf_8_sig") == 0 || strcasecmp(name, "u8") == 0;
}

/* Python's name of a codec as iconv spells it. */
static void iconv_name(const char *name, char out[MAX_COOKIE + 8])
{
        static const char *const alias[][2] = {{"latin-1", "ISO-8859-1"}, {"latin1", "ISO-8859-1"},
                                               {"l1", "ISO-8859-1"},      {"iso8859-1", "ISO-8859-1"},
                                               {"ascii", "US-ASCII"},     {"us-ascii", "US-ASCII"},
                                               {"mac-roman", "MACINTOSH"}};
        char plain[MAX_COOKIE];
        size_t n = strlen(name);

        for (size_t i = 0; i <= n; i++)
                plain[i] = name[i] == '_' ? '-' : name[i];
        for (size_t i = 0; i < sizeof alias / sizeof alias[0]; i++)
                if (strcasecmp(plain, alias[i][0]) == 0) {
                        (void)strcpy(out, alias[i][1]);
                        return;
                }
        if (strncasecmp(plain, "iso8859-", 8) == 0)
                (void)sprintf(out, "ISO-8859-%s", plain + 8);
        else
                (void)strcpy(out, plain);
}

/* Makes UTF-8 of SOURCE's text, which is in the codec NAME. */
static int recode(struct source *source, const char *name)
{
        char codec[MAX_COOKIE + 8], *in = source->text, *out, *to;
        size_t left = source->n, room = source->n * 4 + 16;
        iconv_t cd;

        iconv_name(name, codec);
        cd = iconv_open("UTF-8", codec);
        if (cd == (iconv_t)-1) {
                fail(source, "the encoding that its first lines name is not known here", 0);
                return 0;
        }
        out = to = malloc(room + 1);
        if (out == NULL) {
                (void)iconv_close(cd);
                return -ENOMEM;
        }
        if (iconv(cd, &in, &left, &to, &room) == (size_t)-1)
                fail(source, "not in the encoding that its first lines name", source->n - left);
        (void)iconv_close(cd);
        *to = '\0';
        free(source->text);
        source->text = out;
        source->n = (size_t)(to - out);
        return 0;
}

/* The first byte of TEXT that is not UTF-8, N if all is. */
static size_t first_bad(const char *text, size_t n)
{
        for (size_t i = 0; i < n;) {
                uint64_t eight;

                while (i + sizeof eight <= n) {
                        memcpy(&eight, text + i, sizeof eight);
                        if ((eight & 0x8080808080808080U) != 0)
                                break;
                        i += sizeof eight;
                }
                if (i >= n)
                        break;

                unsigned char c = (unsigned char)text[i];
                size_t len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

                if (len == 0 || len > n - i)
                        return i;
                for (size_t k = 1; k < len; k++)
                        if (((unsigned char)text[i + k] & 0xc0) != 0x80)
                                return i;
                if ((c == 0xe0 && (unsigned char)text[i + 1] < 0xa0) ||
                    (c == 0xed && (unsigned char)text[i + 1] > 0x9f) ||
                    (c == 0xf0 && (unsigned char)text[i + 1] < 0x90) ||
                    (c == 0xf4 && (unsigned char)text[i + 1] > 0x8f))
                        return i;
                i += len;
        }
        return n;
}

int source_decode(struct source *source)
{
        bool bom = source->n >= 3 && memcmp(source->text, "\xef\xbb\xbf", 3) == 0;
        char cookie[MAX_COOKIE];
        const char *nul;
        size_t bad;
        int r;

        if (source->n >= 2 &&
            (memcmp(source->text, "\xff\xfe", 2) == 0 || memcmp(source->text, "\xfe\xff", 2) == 0)) {
                fail(source, "in UTF-16, which Python does not take as source", 0);
                return 0;
        }
        if (bom) {
                source->n -= 3;
                memmove(source->text, source->text + 3, source->n + 1);
        }
        nul = source->n > 0 ? memchr(source->text, '\0', source->n) : NULL;
        if (nul != NULL) {
                fail(source, "contains a NUL byte", (size_t)(nul - source->text));
                return 0;
        }
        if (find_cookie(source->text, source->n, cookie) && !is_utf8_name(cookie)) {
                if (bom) {
                        fail(source, "begins with UTF-8's mark but names another encoding", 0);
                        return 0;
                }
                r = recode(source, cookie);
                if (r < 0 || source->problem != NULL)
                        return r;
        }
        for (char *p = source->text, *end = p + source->n; (p = memchr(p, '\r', (size_t)(end - p))) != NULL;
             p++)
                if (p[1] != '\n') /* an end of line of its own */
                        *p = '\n';
        bad = first_bad(source->text, source->n);
        if (bad < source->n)
                fail(source, "not UTF-8, and its first lines name no other encoding", bad);
        return 0;
}
