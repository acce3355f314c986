/* How it works: lines are put together as text; JSON's strings are escaped here, since node ids need not be
 * UTF-8 and the generator of the spec wants them to be. */
#include "runtime/discover/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/names.h"
#include "spec/base/cleanup.h"
#include "spec/base/utf8.h"

/* A JSON string; what is no UTF-8 becomes a lone surrogate, as Python's surrogateescape has it. */
static int add_string(struct buf *out, const char *s)
{
        size_t n = strlen(s);
        int r = buf_add(out, "\"", 1);

        for (size_t i = 0, len; r == 0 && i < n; i += len) {
                unsigned char c = (unsigned char)s[i];

                len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
                for (size_t k = 1; k < len; k++)
                        if (k + i >= n || ((unsigned char)s[i + k] & 0xc0) != 0x80)
                                len = 0;
                if (len == 0) {
                        r = buf_addf(out, "\\udc%02x", c);
                        len = 1;
                } else if (c == '"' || c == '\\') {
                        r = buf_addf(out, "\\%c", c);
                } else if (c < 0x20 || c == 0x7f) {
                        r = buf_addf(out, "\\u%04x", c);
                } else {
                        r = buf_add(out, s + i, len);
                }
        }
        return r == 0 ? buf_add(out, "\"", 1) : r;
}

static int add_member(struct buf *out, const char *key, const char *value)
{
        int r = buf_addf(out, ", \"%s\": ", key);

        if (r < 0)
                return r;
        return value != NULL ? add_string(out, value) : buf_adds(out, "null");
}

static bool is_repeated(const struct marks *marks, size_t at)
{
        for (size_t i = 0; i < at; i++)
                if (!marks->v[i].foreign && strcmp(marks->v[i].name, marks->v[at].name) == 0)
                        return true;
        return false;
}

static int add_markers(struct buf *out, const struct marks *marks)
{
        int r = buf_adds(out, ", \"markers\": [");
        bool first = true;

        for (size_t i = 0; r == 0 && i < marks->n; i++) {
                if (marks->v[i].foreign || is_repeated(marks, i))
                        continue;
                if (!first)
                        r = buf_adds(out, ", ");
                if (r == 0)
                        r = add_string(out, marks->v[i].name);
                first = false;
        }
        return r == 0 ? buf_adds(out, "]") : r;
}

/* What skips a test or expects it to fail, with the text of its arguments. */
static int add_conditions(struct buf *out, const struct marks *marks)
{
        static const char names[] = " skip skipif skipIf skipUnless xfail expectedFailure ";
        int r = 0;
        bool first = true;

        for (size_t i = 0; r == 0 && i < marks->n; i++) {
                const struct mark *mark = &marks->v[i];
                const struct module *m = mark->scope->module;
                const char *text;
                size_t n;

                if (!names_in_table(names, mark->name))
                        continue;
                text = node_text(m, node_field(mark->call, "arguments"));
                n = strlen(text);
                r = buf_adds(out, first ? ", \"conditions\": [{\"name\": " : ", {\"name\": ");
                if (r == 0)
                        r = add_string(out, mark->name);
                if (r == 0)
                        r = add_member(out, "arguments", n > 2 ? arena_strn(m->arena, text + 1, n - 2) : "");
                if (r == 0)
                        r = buf_adds(out, "}");
                first = false;
        }
        return r < 0 || first ? r : buf_adds(out, "]");
}

static int add_names(struct buf *out, const char *key, const struct ids *names)
{
        int r = buf_addf(out, ", \"%s\": [", key);

        for (size_t i = 0; r == 0 && i < names->n; i++) {
                if (i > 0)
                        r = buf_adds(out, ", ");
                if (r == 0)
                        r = add_string(out, names->v[i]);
        }
        return r == 0 ? buf_adds(out, "]") : r;
}

static int add_json(struct buf *out, const char *root, const struct test *test)
{
        size_t n = strlen(root);
        const char *file = test->path != NULL ? test->path : "";
        int r = buf_adds(out, "{\"nodeid\": ");

        if (n > 1 && strncmp(file, root, n) == 0 && file[n] == '/')
                file += n + 1;
        if (r == 0)
                r = add_string(out, test->nodeid);
        if (r == 0)
                r = add_member(out, "file", file);
        if (r == 0)
                r = test->line > 0 ? buf_addf(out, ", \"line\": %u", test->line)
                                   : buf_adds(out, ", \"line\": null");
        if (r == 0)
                r = add_markers(out, test->marks);
        if (r == 0)
                r = add_conditions(out, test->marks);
        if (r == 0)
                r = add_names(out, "fixtures", &test->fixtures);
        if (r == 0)
                r = buf_addf(out, ", \"dynamic\": %s", test->dynamic != NULL ? "true" : "false");
        if (r == 0 && test->dynamic != NULL)
                r = add_member(out, "why", test->dynamic);
        if (r == 0 && test->partial)
                r = buf_adds(out, ", \"partial\": true");
        return r == 0 ? buf_adds(out, "}\n") : r;
}

/* For a terminal: names may have anything in them. */
static int add_human(struct buf *out, const struct test *test)
{
        size_t n = strlen(test->nodeid) + 8;
        CLEANUP_FREE char *shown = malloc(n);

        if (shown == NULL)
                return -ENOMEM;
        (void)utf8_show(shown, n, test->nodeid);
        return test->dynamic != NULL ? buf_addf(out, "%s  (dynamic: %s)\n", shown, test->dynamic)
                                     : buf_addf(out, "%s\n", shown);
}

int format_test(struct buf *out, enum discover_format format, const char *root, const struct test *test)
{
        if (format == DISCOVER_JSON)
                return add_json(out, root, test);
        if (format == DISCOVER_IDS && test->partial)
                return 0;
        if (format == DISCOVER_HUMAN)
                return add_human(out, test);
        return buf_addf(out, "%s\n", test->nodeid);
}
