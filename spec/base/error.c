/* How it works: every writer formats into the fixed arrays; nothing allocates, so an
 * error can be made between clone and exec and after memory has run out. */
#include "spec/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *err, const char *phase, int errnum, const char *fmt, ...)
{
        if (errnum < 0)
                errnum = -errnum;
        if (err != NULL) {
                va_list ap;

                err->errnum = errnum;
                (void)snprintf(err->phase, sizeof err->phase, "%s", phase);
                va_start(ap, fmt);
                (void)vsnprintf(err->what, sizeof err->what, fmt, ap);
                va_end(ap);
                err->hint[0] = '\0';
        }
        return errnum != 0 ? -errnum : -EINVAL;
}

void error_context(struct error *err, const char *fmt, ...)
{
        char old[sizeof err->what];
        va_list ap;
        int n;

        if (err == NULL)
                return;
        memcpy(old, err->what, sizeof old);
        va_start(ap, fmt);
        n = vsnprintf(err->what, sizeof err->what, fmt, ap);
        va_end(ap);
        if (n < 0 || (size_t)n >= sizeof err->what)
                return;
        (void)snprintf(err->what + n, sizeof err->what - (size_t)n, ": %.*s", (int)sizeof old - 3, old);
}

void error_hint(struct error *err, const char *fmt, ...)
{
        va_list ap;

        if (err == NULL)
                return;
        va_start(ap, fmt);
        (void)vsnprintf(err->hint, sizeof err->hint, fmt, ap);
        va_end(ap);
}

char *error_format(const struct error *err, const char *program, char *buf, unsigned long size)
{
        const char *name = err->errnum != 0 ? strerrorname_np(err->errnum) : NULL;
        const char *text = err->errnum != 0 ? strerrordesc_np(err->errnum) : NULL;

        (void)snprintf(buf, size, "%s: %s: %s%s%s%s%s%s%s%s", program, err->phase, err->what,
                       name != NULL ? ": " : "", name != NULL ? name : "", text != NULL ? " (" : "",
                       text != NULL ? text : "", text != NULL ? ")" : "", err->hint[0] != '\0' ? ": " : "",
                       err->hint);
        for (unsigned char *p = (unsigned char *)buf; *p != '\0'; p++)
                if (*p < 0x20 || *p == 0x7f)
                        *p = '?';
        return buf;
}
