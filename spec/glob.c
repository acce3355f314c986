/* How it works: two loops of one kind, over the parts of a path and over the bytes of a part. Each goes back
 * to the last star only: what an earlier one could take instead makes no difference. So the time is at most
 * the product of the lengths, whatever a hostile name looks like. */
#include "spec/glob.h"

#include <stddef.h>
#include <string.h>

static size_t part_length(const char *s)
{
        return strcspn(s, "/");
}

static bool is_any_folders(const char *s, size_t n)
{
        return n == 2 && s[0] == '*' && s[1] == '*';
}

/* The part after the one at S. */
static const char *next_part(const char *s)
{
        s += part_length(s);
        return *s == '/' ? s + 1 : s;
}

/* Past the set that begins at S[0] == '[', or NULL where it has no end before END. */
static const char *set_end(const char *s, const char *end)
{
        s++;
        if (s < end && *s == '!')
                s++;
        if (s < end && *s == ']') /* as the first it is itself */
                s++;
        while (s < end && *s != ']')
                s += *s == '\\' ? 2 : 1;
        return s < end ? s + 1 : NULL;
}

static bool set_has(const char *s, const char *end, unsigned char c)
{
        bool has = false, inverted = false;

        s++;
        end--;
        if (*s == '!') {
                inverted = true;
                s++;
        }
        while (s < end) {
                unsigned char low, high;

                s += *s == '\\' && s + 1 < end;
                low = high = (unsigned char)*s++;
                if (s + 1 < end && *s == '-') {
                        s++;
                        s += *s == '\\' && s + 1 < end;
                        high = (unsigned char)*s++;
                }
                has |= low <= c && c <= high;
        }
        return has != inverted;
}

/* Whether the single element at P (no star) takes C; *RET_NEXT: what follows it. */
static bool takes(const char *p, const char *end, char c, const char **ret_next)
{
        if (*p == '[') {
                *ret_next = set_end(p, end);
                return set_has(p, *ret_next, (unsigned char)c);
        }
        if (*p == '\\')
                p++;
        else if (*p == '?') {
                *ret_next = p + 1;
                return true;
        }
        *ret_next = p + 1;
        return *p == c;
}

static bool part_matches(const char *p, size_t p_length, const char *s, size_t s_length)
{
        const char *const p_end = p + p_length, *const s_end = s + s_length;
        const char *star = NULL, *from = s, *next;

        while (s < s_end) {
                if (p < p_end && *p == '*') {
                        star = ++p;
                        from = s;
                } else if (p < p_end && takes(p, p_end, *s, &next)) {
                        p = next;
                        s++;
                } else if (star != NULL) {
                        p = star;
                        s = ++from;
                } else {
                        return false;
                }
        }
        while (p < p_end && *p == '*')
                p++;
        return p == p_end;
}

const char *glob_check(const char *pattern)
{
        size_t parts = 0;

        if (*pattern == '\0')
                return "expected a pattern such as \".hypothesis/**\"";
        if (*pattern == '/')
                return "patterns are relative to the project: leave out the slash at the beginning";
        for (const char *p = pattern;; parts++) {
                size_t n = part_length(p);

                if (n == 0)
                        return p[0] == '\0' ? "a folder and all below it is written with \"/**\" at the end"
                                            : "expected no empty part (\"//\")";
                if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
                        return "expected no \".\" or \"..\" among the parts";
                if (!is_any_folders(p, n) && memmem(p, n, "**", 2) != NULL)
                        return "\"**\" must stand alone between slashes";
                for (const char *q = p; q < p + n;) {
                        if (*q == '\\' && q + 1 == p + n)
                                return "a backslash at the end of a part";
                        if (*q == '[') {
                                q = set_end(q, p + n);
                                if (q == NULL)
                                        return "a \"[\" without its \"]\"";
                        } else {
                                q += *q == '\\' ? 2 : 1;
                        }
                }
                if (p[n] == '\0')
                        break;
                p += n + 1;
        }
        return parts < GLOB_MAX_PARTS ? NULL : "more than 64 parts";
}

bool glob_match(const char *pattern, const char *path)
{
        const char *star = NULL, *from = path;

        while (*path != '\0') {
                size_t n = part_length(pattern);

                if (is_any_folders(pattern, n)) {
                        star = pattern = next_part(pattern);
                        from = path;
                } else if (n > 0 && part_matches(pattern, n, path, part_length(path))) {
                        pattern = next_part(pattern);
                        path = next_part(path);
                } else if (star != NULL) {
                        pattern = star;
                        path = from = next_part(from);
                } else {
                        return false;
                }
        }
        while (is_any_folders(pattern, part_length(pattern)))
                pattern = next_part(pattern);
        return *pattern == '\0';
}

bool glob_below(const char *pattern, const char *path)
{
        for (; *path != '\0'; path = next_part(path), pattern = next_part(pattern)) {
                size_t n = part_length(pattern);

                if (is_any_folders(pattern, n))
                        return true;
                if (n == 0 || !part_matches(pattern, n, path, part_length(path)))
                        return false;
        }
        return *pattern != '\0';
}
