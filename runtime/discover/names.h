/* names: small questions about names and tables of names. */
#ifndef TACH_DISCOVER_NAMES_H
#define TACH_DISCOVER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* What stands behind the last dot; NULL for NULL. */
static inline const char *names_last_word(const char *dotted)
{
        const char *dot = dotted != NULL ? strrchr(dotted, '.') : NULL;

        return dot != NULL ? dot + 1 : dotted;
}

static inline bool names_end_with(const char *s, const char *end)
{
        size_t n = strlen(s), m = strlen(end);

        return n >= m && strcmp(s + n - m, end) == 0;
}

/* Whether NAME is one of the words of TABLE, which begins and ends with a blank. */
static inline bool names_in_table(const char *table, const char *name)
{
        size_t n = strlen(name);

        for (const char *p = table; n > 0 && (p = strstr(p, name)) != NULL; p += n)
                if (p[-1] == ' ' && p[n] == ' ')
                        return true;
        return false;
}

#endif
