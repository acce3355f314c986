/* Colours, banners, words and widths. */
#include "runtime/front/report_human.h"

#include <locale.h>
#include <stdarg.h>
#include <string.h>
#include <wchar.h>

static const struct human_look looks[] = {
    {"passed", "PASSED", GREEN, '.'},    {"failed", "FAILED", RED, 'F'},    {"error", "ERROR", RED, 'E'},
    {"skipped", "SKIPPED", YELLOW, 's'}, {"xfailed", "XFAIL", YELLOW, 'x'}, {"xpassed", "XPASS", YELLOW, 'X'},
    {"crashed", "CRASHED", RED, 'C'},    {"timeout", "TIMEOUT", RED, 'T'},
};

const struct human_look *human_look(const char *outcome)
{
        for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
                if (outcome != NULL && strcmp(looks[i].outcome, outcome) == 0)
                        return &looks[i];
        return &looks[2];
}

void human_paint(struct report *r, const char *color, const char *fmt, ...)
{
        va_list ap;

        if (r->color)
                (void)fprintf(r->out, "\033[%sm", color);
        va_start(ap, fmt);
        (void)vfprintf(r->out, fmt, ap);
        va_end(ap);
        if (r->color)
                (void)fputs("\033[0m", r->out);
}

void human_banner(struct report *r, char fill, const char *color, const char *title)
{
        const char *text = title != NULL ? title : "?";
        size_t n = strlen(text), sides = r->width > n + 2 ? r->width - n - 2 : 2;
        char line[512];

        memset(line, fill, sizeof line);
        if (r->color && color != NULL)
                (void)fprintf(r->out, "\033[%sm", color);
        (void)fprintf(r->out, "%.*s %s %.*s", (int)(sides / 2), line, text, (int)(sides - sides / 2), line);
        (void)fputs(r->color && color != NULL ? "\033[0m\n" : "\n", r->out);
}

void human_text(struct report *r, const char *text)
{
        size_t n = text != NULL ? strlen(text) : 0;

        if (n == 0)
                return;
        (void)fwrite(text, 1, n, r->out);
        if (text[n - 1] != '\n')
                (void)fputc('\n', r->out);
}

/* The columns of the character at TEXT, N > 0 bytes; *BYTES: how long it is. What is not UTF-8 has a column a
 * byte. */
static size_t columns_of(const char *text, size_t n, size_t *bytes)
{
        mbstate_t state = {0};
        wchar_t c = 0;
        int columns;

        *bytes = mbrtowc(&c, text, n, &state);
        if (*bytes == 0 || *bytes > n) {
                *bytes = 1;
                return 1;
        }
        columns = wcwidth(c);
        return columns > 0 ? (size_t)columns : 0;
}

size_t human_fitting(const char *text, size_t n, size_t width, size_t *columns)
{
        locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0), before = (locale_t)0;
        size_t done = 0;

        if (utf8 != (locale_t)0)
                before = uselocale(utf8);
        *columns = 0;
        while (done < n) {
                size_t bytes, more = columns_of(text + done, n - done, &bytes);

                if (*columns + more > width)
                        break;
                *columns += more;
                done += bytes;
        }
        if (utf8 != (locale_t)0) {
                (void)uselocale(before);
                freelocale(utf8);
        }
        return done;
}
