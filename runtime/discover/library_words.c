/* What the words of a module's text say, so that what tests import is not all parsed. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/library_internal.h"
#include "spec/base/cleanup.h"

#define MAX_HOPS 8 /* of names that are imported to be imported */
#define MAX_TEXT ((size_t)16 << 20)

/* The project's are those that are not in a folder of the interpreter's. */
static bool is_project_s(const struct search *search, const char *path)
{
        for (size_t i = search->n_project; i < search->dirs.n; i++) {
                size_t n = strlen(search->dirs.v[i]);

                if (strncmp(path, search->dirs.v[i], n) == 0 && path[n] == '/')
                        return false;
        }
        return true;
}

static bool has(const struct buf *text, const char *word)
{
        return memmem(text->data, text->len, word, strlen(word)) != NULL;
}

/* The shelf with the text of the project's file PATH, NULL if it cannot be read. */
static const struct shelf *text_of(struct library *library, const char *path)
{
        CLEANUP_CLOSE int fd = -EBADF;
        char key[PATH_MAX + 2];
        struct shelf *s;

        if (snprintf(key, sizeof key, "?%s", path) >= (int)sizeof key ||
            (s = library_shelf(library, key)) == NULL)
                return NULL;
        if (!s->tried) {
                s->tried = true;
                fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                if (fd >= 0 && buf_read_fd(&s->text, fd, MAX_TEXT) < 0)
                        buf_finish(&s->text);
                if (s->text.data != NULL) {
                        s->has_cases = has(&s->text, "TestCase");
                        s->has_methods = has(&s->text, "    def test_");
                }
        }
        return s->text.data != NULL ? s : NULL;
}

enum binds { BINDS_NOT, BINDS_OTHER, BINDS_CLASS };

/* How TEXT may bind NAME, by what stands before it wherever it stands. */
static enum binds binds(const struct buf *text, const char *name)
{
        const char *p = text->data, *end = p + text->len;
        size_t n = strlen(name);
        enum binds found = BINDS_NOT;

        for (; n > 0 && (p = memmem(p, (size_t)(end - p), name, n)) != NULL; p += n) {
                size_t before = (size_t)(p - text->data);

                if (before >= 6 && memcmp(p - 6, "class ", 6) == 0)
                        return BINDS_CLASS;
                if ((before >= 4 && memcmp(p - 4, "def ", 4) == 0) || (before >= 1 && p[-1] == '\n'))
                        found = BINDS_OTHER;
        }
        return found;
}

/* Of what is installed, modules that are called something with "test". */
static bool may_have_tests(const struct library *library, const char *dotted, const char *path)
{
        return is_project_s(library->search, path) || strstr(dotted, "test") != NULL;
}

static bool may_be_test(struct library *library, const struct module *from, const struct import *import,
                        int depth)
{
        const char *path = NULL;
        const struct shelf *text;
        const struct module *m;
        enum binds how;
        const struct binding *b;

        if (depth > MAX_HOPS || import->name == NULL ||
            library_find(library, from, import->level, import->module, &path) != FOUND_SOURCE ||
            path == NULL || !may_have_tests(library, import->module, path) ||
            (text = text_of(library, path)) == NULL)
                return false;
        if (text->has_cases)
                return true;
        how = binds(&text->text, import->name);
        if (how != BINDS_NOT)
                return how == BINDS_CLASS && text->has_methods;
        m = library_load(library, path); /* it may have the name from elsewhere */
        b = m != NULL ? module_find(&m->scope, import->name) : NULL;
        return b != NULL && b->kind == BINDING_IMPORT && may_be_test(library, m, &b->import, depth + 1);
}

bool library_may_be_test(struct library *library, const struct module *from, const struct import *import)
{
        return may_be_test(library, from, import, 0);
}

bool library_is_standard(struct library *library, const struct module *from, const struct import *import)
{
        const char *standard = library->search->standard, *path = NULL;
        size_t n = standard != NULL ? strlen(standard) : 0;

        return n > 0 && import->level == 0 && strcasestr(import->module, "test") == NULL &&
               (import->name == NULL || strcasestr(import->name, "test") == NULL) &&
               library_find(library, from, 0, import->module, &path) == FOUND_SOURCE && path != NULL &&
               strncmp(path, standard, n) == 0 && path[n] == '/' && strstr(path + n, "-packages/") == NULL;
}

static bool file_has_word(struct library *library, const struct module *from, int level, const char *dotted,
                          const char *word)
{
        const struct shelf *text;
        const char *path = NULL;

        return dotted != NULL && library_find(library, from, level, dotted, &path) == FOUND_SOURCE &&
               path != NULL && may_have_tests(library, dotted, path) &&
               (text = text_of(library, path)) != NULL && has(&text->text, word);
}

bool library_has_word(struct library *library, const struct module *from, const struct binding *b,
                      const char *word)
{
        if (b == NULL || library == NULL || b->kind != BINDING_IMPORT)
                return b != NULL;
        return file_has_word(library, from, b->import.level, b->import.module, word) ||
               (b->import.name != NULL && /* a package's module */
                file_has_word(library, from, b->import.level,
                              arena_printf(from->arena, "%s%s%s", b->import.module,
                                           b->import.module[0] != '\0' ? "." : "", b->import.name),
                              word));
}
