/* What the words of a module's text say, so that what tests import is not all parsed. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/library_internal.h"
#include "runtime/discover/value.h"
#include "runtime/discover/words.h"
#include "spec/base/cleanup.h"

#define MAX_LOOKS 64 /* into texts for one name; then it may be anything */
#define MAX_TEXT  ((size_t)16 << 20)

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

static void note_imports(struct library *library, struct shelf *s)
{
        struct words_imports walk = {.p = s->text.data};
        struct imported next;

        while (words_next_import(&walk, &library->names, &next.import, &next.bound) &&
               arena_room(&library->names, &s->imported, s->n_imported, &s->cap_imported, sizeof next))
                s->imported[s->n_imported++] = next;
}

/* The shelf with the text of the file PATH, NULL if it cannot be read. */
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
                        s->has_cases = has(&s->text, "TestCase") || has(&s->text, "__test__");
                        s->has_methods = has(&s->text, "    def test_");
                        s->has_fixtures =
                            has(&s->text, "fixture(") && (has(&s->text, "autouse") || has(&s->text, "name="));
                        if (!s->has_cases)
                                note_imports(library, s);
                }
        }
        return s->text.data != NULL ? s : NULL;
}

bool library_is_project_s(const struct library *library, const char *path)
{
        return is_project_s(library->search, path);
}

/* Of what is installed, modules that are called something with "test". */
static bool may_have_tests(const struct library *library, const char *dotted, const char *path)
{
        return is_project_s(library->search, path) || strstr(dotted, "test") != NULL;
}

/* What is asked: whether a name that a test file imports may be a TestCase, or whether a base of its classes
 * may. Of a name nothing is missed where it is told of none that is not there; a base that is not known may
 * be anything. */
enum asked { ASKED_NAME, ASKED_BASE };

enum answer { MAY_NOT, MAY, NO_SUCH_NAME };

struct question {
        struct library *library;
        struct look {
                const struct shelf *text;
                const char *name;
        } looks[MAX_LOOKS]; /* so far: each name of a text is looked at once */
        size_t n;
};

static enum answer ask(struct question *q, const struct module *from, const struct import *import,
                       enum asked asked);

static enum answer look(struct question *q, const struct module *from, const struct shelf *text,
                        const char *name, enum asked asked);

/* Whether a base of the class may, whose name ends at P. */
static bool bases_may(struct question *q, const struct module *from, const struct shelf *text, const char *p)
{
        const char *base;

        while ((base = words_next_base(&p, &q->library->scratch)) != NULL) {
                const char *dot = strrchr(base, '.');
                struct import import = {.name = dot != NULL ? dot + 1 : NULL};

                if (dot == NULL && !value_is_builtin(base) &&
                    look(q, from, text, base, ASKED_BASE) != MAY_NOT)
                        return true;
                if (dot == NULL)
                        continue;
                import.module = arena_strn(&q->library->scratch, base, (size_t)(dot - base));
                if (import.module == NULL || ask(q, from, &import, ASKED_BASE) != MAY_NOT)
                        return true;
        }
        return false;
}

/* Whether what TEXT, of the module FROM, has under NAME may. */
static enum answer look(struct question *q, const struct module *from, const struct shelf *text,
                        const char *name, enum asked asked)
{
        enum words_binding how;
        bool bound = false;
        const char *p;

        if (text->has_cases)
                return MAY;
        for (size_t i = 0; i < q->n; i++)
                if (q->looks[i].text == text && strcmp(q->looks[i].name, name) == 0)
                        return MAY_NOT;
        if (q->n == MAX_LOOKS)
                return MAY;
        q->looks[q->n++] = (struct look){text, name};
        for (p = text->text.data; (how = words_next_binding(text->text.data, &p, name)) != WORDS_NONE;) {
                bound = true;
                if (how == WORDS_ALIAS ||
                    (how == WORDS_VALUE && (asked == ASKED_BASE || text->has_methods)) ||
                    (how == WORDS_CLASS && bases_may(q, from, text, p)))
                        return MAY;
        }
        for (size_t i = 0; i < text->n_imported; i++) {
                const bool all = text->imported[i].bound == NULL;
                struct import next = text->imported[i].import;
                enum answer answer;

                if (!all && strcmp(text->imported[i].bound, name) != 0)
                        continue;
                if (all)
                        next.name = name;
                answer = ask(q, from, &next, asked);
                if (answer == MAY || (answer == NO_SUCH_NAME && !all && asked == ASKED_BASE))
                        return MAY;
                bound |= answer == MAY_NOT;
        }
        return bound ? MAY_NOT : NO_SUCH_NAME;
}

static enum answer ask(struct question *q, const struct module *from, const struct import *import,
                       enum asked asked)
{
        const enum answer unknown = asked == ASKED_BASE ? MAY : MAY_NOT;
        const struct shelf *text;
        struct module m = {.library = q->library};

        if (asked == ASKED_BASE && library_is_standard(q->library, from, import))
                return MAY_NOT;
        if (import->name == NULL ||
            library_find(q->library, from, import->level, import->module, &m.path) != FOUND_SOURCE ||
            m.path == NULL)
                return unknown;
        if (asked == ASKED_NAME && !may_have_tests(q->library, import->module, m.path))
                return MAY_NOT;
        text = text_of(q->library, m.path);
        return text != NULL ? look(q, &m, text, import->name, asked) : unknown;
}

/* The same, remembered. */
static bool ask_once(struct library *library, const struct module *from, const struct import *import,
                     enum asked asked)
{
        struct question q = {.library = library};
        const char *path = NULL;
        char key[PATH_MAX + 256];
        struct shelf *s = NULL;
        enum answer answer;
        bool may;

        if (import->name != NULL &&
            library_find(library, from, import->level, import->module, &path) == FOUND_SOURCE &&
            path != NULL &&
            snprintf(key, sizeof key, "%c%s %s", asked == ASKED_BASE ? '<' : '=', import->name, path) <
                (int)sizeof key)
                s = library_shelf(library, key);
        if (s != NULL && s->tried)
                return s->may;
        answer = ask(&q, from, import, asked);
        may = answer == MAY || (answer == NO_SUCH_NAME && asked == ASKED_BASE);
        if (s != NULL) {
                s->tried = true;
                s->may = may;
        }
        return may;
}

bool library_may_be_test(struct library *library, const struct module *from, const struct import *import)
{
        return ask_once(library, from, import, ASKED_NAME);
}

bool library_may_be_base(struct library *library, const struct module *from, const struct import *import)
{
        return ask_once(library, from, import, ASKED_BASE);
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

bool library_has_fixtures(struct library *library, const struct module *from, const struct import *import)
{
        const struct shelf *text;
        const char *path = NULL;

        return import->name != NULL &&
               library_find(library, from, import->level, import->module, &path) == FOUND_SOURCE &&
               path != NULL && may_have_tests(library, import->module, path) &&
               (text = text_of(library, path)) != NULL && text->has_fixtures;
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
