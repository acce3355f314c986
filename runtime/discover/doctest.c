/* How it works: line by line, as the parser's regular expression matches: a line with a prompt begins an
 * example, "..." lines go on with it, and what follows up to a blank line or a prompt is what it should
 * print. Tabs are expanded first; since only the indentation of lines counts, that is done on the way. */
#include "runtime/discover/doctest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/names.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

/* doctest's own options and pytest's. */
static const char options[] =
    " DONT_ACCEPT_TRUE_FOR_1 DONT_ACCEPT_BLANKLINE NORMALIZE_WHITESPACE ELLIPSIS SKIP "
    "IGNORE_EXCEPTION_DETAIL "
    "REPORT_UDIFF REPORT_CDIFF REPORT_NDIFF REPORT_ONLY_FIRST_FAILURE FAIL_FAST ALLOW_UNICODE ALLOW_BYTES "
    "NUMBER ";

/* str.expandtabs() */
static int expand(struct buf *out, const char *text, size_t n)
{
        size_t column = 0;
        int r = buf_add(out, "", 0);

        if (memchr(text, '\t', n) == NULL)
                return r == 0 ? buf_add(out, text, n) : r;
        for (size_t i = 0; r == 0 && i < n; i++) {
                if (text[i] == '\t') {
                        size_t more = 8 - column % 8;

                        r = buf_add(out, "        ", more);
                        column += more;
                        continue;
                }
                r = buf_add(out, text + i, 1);
                if (text[i] == '\n' || text[i] == '\r')
                        column = 0;
                else if (((unsigned char)text[i] & 0xc0) != 0x80)
                        column++;
        }
        return r;
}

struct lines {
        const char *at, *end;
        size_t number;
};

struct line {
        const char *s;
        size_t n, indent;
        size_t number;
};

static bool next(struct lines *lines, struct line *ret)
{
        const char *eol;

        if (lines->at > lines->end)
                return false;
        eol = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
        if (eol == NULL)
                eol = lines->end;
        *ret = (struct line){.s = lines->at, .n = (size_t)(eol - lines->at), .number = lines->number++};
        while (ret->indent < ret->n && ret->s[ret->indent] == ' ')
                ret->indent++;
        lines->at = eol + 1;
        if (ret->n > ret->indent && ret->s[ret->n - 1] == '\r')
                ret->n--;
        return true;
}

static bool begins(const struct line *line, const char *mark)
{
        return line->n >= line->indent + 3 && memcmp(line->s + line->indent, mark, 3) == 0;
}

static bool is_word(char c)
{
        return c != '\0' && strchr(" \t\r\f\v", c) == NULL;
}

/* Whether the code S of one line says "# doctest: +OPTION"; *RET_KNOWN: only with options that are known. */
static bool has_options(const char *s, size_t n, bool *ret_known)
{
        static const char mark[] = "doctest:";

        *ret_known = true;
        for (const char *p = s; (p = memchr(p, '#', n - (size_t)(p - s))) != NULL; p++) {
                const char *q = p + 1, *end = s + n;
                char word[64];
                bool any = false;

                while (q < end && !is_word(*q))
                        q++;
                if ((size_t)(end - q) < sizeof mark - 1 || memcmp(q, mark, sizeof mark - 1) != 0)
                        continue;
                q += sizeof mark - 1;
                if (memchr(q, '\'', (size_t)(end - q)) != NULL || memchr(q, '"', (size_t)(end - q)) != NULL)
                        continue;
                while (q < end) {
                        size_t len = 0;

                        while (q < end && (!is_word(*q) || *q == ','))
                                q++;
                        while (q + len < end && is_word(q[len]) && q[len] != ',')
                                len++;
                        if (len == 0)
                                break;
                        any = true;
                        if (len < 2 || len > sizeof word || (q[0] != '+' && q[0] != '-')) {
                                *ret_known = false;
                                break;
                        }
                        memcpy(word, q + 1, len - 1);
                        word[len - 1] = '\0';
                        if (!names_in_table(options, word))
                                *ret_known = false;
                        q += len;
                }
                return any;
        }
        return false;
}

/* The code of LINE, behind its prompt. */
static void code_of(const struct line *line, size_t indent, const char **ret, size_t *ret_n)
{
        size_t skip = indent + 4 < line->n ? indent + 4 : line->n;

        *ret = line->s + skip;
        *ret_n = line->n - skip;
}

static bool is_blank_or_comment(const char *s, size_t n)
{
        size_t i = 0;

        while (i < n && s[i] == ' ')
                i++;
        return i == n || s[i] == '#';
}

/* The prompt of LINE must be followed by a blank. */
static bool is_prompted(const struct line *line, size_t indent)
{
        return line->n < indent + 4 || line->s[indent + 3] == ' ';
}

static enum doctest_found worse(enum doctest_found a, enum doctest_found b)
{
        return a > b ? a : b;
}

/* The example whose first line is LINE; LINE becomes the line after it. *RET_MORE: there is one. */
static enum doctest_found example(struct lines *lines, struct line *line, bool *ret_more)
{
        size_t indent = line->indent, n, n_source = 1, n_blank;
        bool blank, known, is_option = false, broken = !is_prompted(line, indent);
        enum doctest_found found = DOCTEST_NONE;
        const char *code;

        code_of(line, indent, &code, &n);
        blank = is_blank_or_comment(code, n);
        n_blank = n;
        is_option = has_options(code, n, &known);
        if (is_option && !known)
                found = DOCTEST_UNSURE;
        while ((*ret_more = next(lines, line)) && begins(line, "...")) {
                broken |= line->indent != indent || !is_prompted(line, indent);
                code_of(line, indent < line->indent ? line->indent : indent, &code, &n);
                if (has_options(code, n, &known)) {
                        is_option = true;
                        if (!known)
                                found = DOCTEST_UNSURE;
                }
                n_source++;
                n_blank = n;
        }
        /* of several lines only "" and "" are blank: the regular expression's $ stands before a last newline
         */
        blank = blank && (n_source == 1 || (n_source == 2 && n_blank == 0));
        while (*ret_more && line->indent < line->n && !begins(line, ">>>")) {
                broken |= line->indent < indent;
                *ret_more = next(lines, line);
        }
        if (broken || (blank && is_option))
                return DOCTEST_BROKEN;
        return blank ? found : worse(found, DOCTEST_EXAMPLES);
}

enum doctest_found doctest_find(const char *text, size_t n, size_t *ret_line)
{
        CLEANUP_BUF struct buf expanded = {0};
        enum doctest_found found = DOCTEST_NONE;
        struct lines lines;
        struct line line;
        bool more;

        *ret_line = 0;
        if (memmem(text, n, ">>>", 3) == NULL)
                return DOCTEST_NONE;
        if (expand(&expanded, text, n) < 0)
                return DOCTEST_FAILED;
        lines = (struct lines){.at = expanded.data, .end = expanded.data + expanded.len};
        for (more = next(&lines, &line); more && found < DOCTEST_BROKEN;) {
                size_t number = line.number;
                enum doctest_found one;

                if (!begins(&line, ">>>")) {
                        more = next(&lines, &line);
                        continue;
                }
                one = example(&lines, &line, &more);
                if (one > found)
                        *ret_line = number;
                found = worse(found, one);
        }
        return found;
}
