/* every FILE...: reads each Python file as tach list does, and once more without leaving anything out
 * (skim.h). Both must find the same tests, lines, marks and syntax errors; or less is sure without what is
 * left out. Names the files where they do not, and counts at the end; the exit code is 1 if there were any.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/collect.h"
#include "runtime/discover/format.h"
#include "runtime/discover/library.h"
#include "runtime/discover/source.h"

static struct library *library;
static struct reader reader;
static struct ini ini;

static int keep(void *ctx, const struct test *test)
{
        return format_test(ctx, DISCOVER_JSON, "", test);
}

static int collect(const char *path, const struct source *source, struct buf *out)
{
        struct module module = library_module(library, path, source);
        int r = 0;

        if (source->tree.n > 0) {
                module_read(&module, tree_root(&source->tree));
                r = collect_module(&module, &ini, "x.py", NULL, keep, out);
        }
        library_reset(library);
        return r;
}

static bool same_text(const struct buf *a, const struct buf *b)
{
        return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* Whether A has a line that B has not, which IS_DYNAMIC or is not. */
static bool has_more(const struct buf *a, const struct buf *b, bool is_dynamic)
{
        for (const char *p = a->data, *end; p != NULL && *p != '\0'; p = end + 1) {
                end = strchr(p, '\n');
                if ((b->len == 0 || memmem(b->data, b->len, p, (size_t)(end - p) + 1) == NULL) &&
                    (memmem(p, (size_t)(end - p), "\"dynamic\": true", 15) != NULL) == is_dynamic)
                        return true;
        }
        return false;
}

/* Whether what differs between A and the whole text's B are doubts: functions whose bodies are left out are
 * not played (interp.h), and nobody sees what makes others doubtful. */
static bool only_doubts(const struct buf *a, const struct buf *b)
{
        return !has_more(a, b, false) && (!has_more(b, a, false) || has_more(a, b, true));
}

/* 0: the same, 1: not, -errno. */
static int check(const char *path)
{
        struct source skimmed, whole;
        struct buf a = {0}, b = {0};
        int r = source_read(&skimmed, &reader, path);

        if (r < 0)
                return r;
        r = source_read_whole(&whole, &reader, path);
        if (r == 0 && ((skimmed.tree.n > 0 && !tree_is_sound(skimmed.tree.v, skimmed.tree.n, skimmed.n)) ||
                       (whole.tree.n > 0 && !tree_is_sound(whole.tree.v, whole.tree.n, whole.n)))) {
                (void)printf("%s: its tree is not sound\n", path);
                r = 1;
        }
        if (r == 0)
                r = collect(path, &skimmed, &a);
        if (r == 0)
                r = collect(path, &whole, &b);
        if (r == 0 && skimmed.problem == NULL && whole.problem != NULL) {
                /* the parser's own error, or one that only it sees */
                (void)printf("%s: only the whole text has an error (line %u)\n", path, whole.line);
        } else if (r == 0 &&
                   (skimmed.line != whole.line || (skimmed.problem == NULL) != (whole.problem == NULL))) {
                (void)printf("%s: error in line %u, whole in line %u\n", path, skimmed.line, whole.line);
                r = 1;
        } else if (r == 0 && !same_text(&a, &b) && !only_doubts(&a, &b)) {
                (void)printf("%s: other tests are found in the whole text\n", path);
                if (getenv("EVERY_SHOW") != NULL)
                        (void)printf("%s---\n%s", a.len > 0 ? a.data : "", b.len > 0 ? b.data : "");
                r = 1;
        }
        source_finish(&skimmed);
        source_finish(&whole);
        buf_finish(&a);
        buf_finish(&b);
        return r;
}

int main(int argc, char **argv)
{
        struct search search = {0}; /* nothing is found: each file stands for itself */
        size_t n = 0, differ = 0, unread = 0;
        struct error err;

        library = library_create(&search, NULL);
        if (!reader_init(&reader, NULL) || library == NULL || ini_read(&ini, "/nonexistent", NULL, &err) < 0)
                return 2;
        for (int i = 1; i < argc; i++) {
                int r = check(argv[i]);

                n++;
                unread += r < 0;
                differ += r > 0;
                if (r == -ENOMEM)
                        (void)printf("%s: out of memory\n", argv[i]);
        }
        (void)printf("%zu files, %zu differ, %zu not read\n", n, differ, unread);
        library_destroy(library);
        reader_finish(&reader);
        ini_finish(&ini);
        return differ > 0;
}
