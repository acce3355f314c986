/* What the words of a module's text say, so that what tests import is not all parsed. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "runtime/discover/library_internal.h"
#include "runtime/discover/value.h"
#include "runtime/discover/words.h"

/* Into texts for one name, and at what one text makes of it; then it may be anything. */
#define MAX_LOOKS 64

/* What is asked: whether a name that a test file imports may be a TestCase, whether a base of its classes
 * may, or whether a name may be a fixture that counts without being asked for. Of a name nothing is missed
 * where it is told of none that is not there; a base that is not known may be anything. */
enum asked { ASKED_NAME, ASKED_BASE, ASKED_FIXTURE };

enum answer { MAY_NOT, MAY, NO_SUCH_NAME };

struct question {
        struct library *library;
        enum asked asked;
        struct look {
                struct shelf *text;
                const char *name;
                enum asked asked;
        } looks[MAX_LOOKS]; /* so far: each name of a text is looked at once */
        size_t n;
};

static enum answer ask(struct question *q, const struct module *from, const struct import *import);
static enum answer look(struct question *q, const struct module *from, struct shelf *text, const char *name);

/* Whether the base "HEAD.REST" may, where the import that binds HEAD says what that is. */
static bool attribute_may(struct question *q, const struct module *from, struct shelf *text, const char *head,
                          const char *rest)
{
        struct arena *scratch = &q->library->scratch;
        const char *p = text->text.data, *dot = strrchr(rest, '.');
        const size_t n_rest = dot != NULL ? (size_t)(dot - rest) : 0;
        bool bound = false;

        if (words_next_binding(text->text.data, &p, head) != WORDS_NONE)
                return true;
        for (size_t i = 0; i < text->n_imported; i++) {
                const struct imported *in = &text->imported[i];
                struct import next = {.level = in->import.level, .name = dot != NULL ? dot + 1 : rest};

                if (in->bound == NULL) { /* it may have the name */
                        struct import star = {
                            .module = in->import.module, .name = head, .level = in->import.level};

                        if (ask(q, from, &star) != NO_SUCH_NAME)
                                return true;
                        continue;
                }
                if (strcmp(in->bound, head) != 0)
                        continue;
                next.module = arena_printf(scratch, "%s%s%s%s%.*s", in->import.module,
                                           in->import.name != NULL && in->import.module[0] != '\0' ? "." : "",
                                           in->import.name != NULL ? in->import.name : "",
                                           n_rest > 0 ? "." : "", (int)n_rest, rest);
                if (next.module == NULL || ask(q, from, &next) != MAY_NOT)
                        return true;
                bound = true;
        }
        return !bound;
}

/* Whether a base of the class may, whose name ends at P. */
static bool any_base_may(struct question *q, const struct module *from, struct shelf *text, const char *p)
{
        struct arena *scratch = &q->library->scratch;
        const char *base;
        size_t n_bases = 0;

        while ((base = words_next_base(&p, scratch)) != NULL) {
                const size_t n = strcspn(base, ".");
                const char *head = arena_strn(scratch, base, n);
                enum answer answer;

                if (head == NULL || n_bases++ == MAX_LOOKS)
                        return true;
                if (base[n] != '\0') {
                        if (attribute_may(q, from, text, head, base + n + 1))
                                return true;
                        continue;
                }
                answer = look(q, from, text, head);
                if (answer == MAY || (answer == NO_SUCH_NAME && !value_is_builtin(head)))
                        return true;
        }
        return false;
}

static bool bases_may(struct question *q, const struct module *from, struct shelf *text, const char *p)
{
        const enum asked asked = q->asked;
        bool may;

        q->asked = ASKED_BASE;
        may = any_base_may(q, from, text, p);
        q->asked = asked;
        return may;
}

/* What the statements of TEXT that define NAME say of it. */
static enum answer defined(struct question *q, const struct module *from, struct shelf *text,
                           const char *name)
{
        const char *p = text->text.data;
        enum words_binding how;
        size_t n = 0;

        while ((how = words_next_binding(text->text.data, &p, name)) != WORDS_NONE) {
                if (how == WORDS_ALIAS || n++ == MAX_LOOKS)
                        return MAY;
                if (q->asked != ASKED_FIXTURE &&
                    ((how == WORDS_VALUE &&
                      (q->asked == ASKED_BASE || library_text_has(text, HAS_METHODS))) ||
                     (how == WORDS_CLASS && bases_may(q, from, text, p))))
                        return MAY;
        }
        return n > 0 ? MAY_NOT : NO_SUCH_NAME;
}

/* Whether what TEXT, of the module FROM, has under NAME may. */
static enum answer look(struct question *q, const struct module *from, struct shelf *text, const char *name)
{
        enum answer answer;
        bool bound;

        if (q->asked == ASKED_FIXTURE ? library_text_has(text, HAS_FIXTURES) : text->has_cases)
                return MAY;
        for (size_t i = 0; i < q->n; i++)
                if (q->looks[i].text == text && q->looks[i].asked == q->asked &&
                    strcmp(q->looks[i].name, name) == 0)
                        return MAY_NOT;
        if (q->n == MAX_LOOKS)
                return MAY;
        q->looks[q->n++] = (struct look){text, name, q->asked};
        answer = defined(q, from, text, name);
        if (answer == MAY)
                return MAY;
        bound = answer == MAY_NOT;
        for (size_t i = 0; i < text->n_imported; i++) {
                const bool all = text->imported[i].bound == NULL;
                struct import next = text->imported[i].import;

                if (!all && strcmp(text->imported[i].bound, name) != 0)
                        continue;
                if (!all && next.name == NULL) { /* a module */
                        bound = true;
                        continue;
                }
                if (all)
                        next.name = name;
                answer = ask(q, from, &next);
                if (answer == MAY || (answer == NO_SUCH_NAME && !all && q->asked == ASKED_BASE))
                        return MAY;
                bound |= answer == MAY_NOT;
        }
        return bound ? MAY_NOT : NO_SUCH_NAME;
}

static enum answer ask(struct question *q, const struct module *from, const struct import *import)
{
        struct shelf *text;
        struct module m = {.library = q->library};

        if (q->asked == ASKED_BASE && library_is_standard(q->library, from, import))
                return MAY_NOT;
        if (import->name == NULL ||
            library_find(q->library, from, import->level, import->module, &m.path) != FOUND_SOURCE ||
            m.path == NULL)
                return q->asked == ASKED_BASE ? MAY : MAY_NOT;
        if (q->asked != ASKED_BASE && !library_may_have_tests(q->library, import->module, m.path) &&
            strcasestr(import->name, "test") == NULL && strstr(import->name, "Case") == NULL)
                return MAY_NOT;
        text = library_text(q->library, m.path);
        return text != NULL ? look(q, &m, text, import->name) : MAY;
}

/* The shelf for the answer to the question MARK about what IMPORT names; NULL: it is nowhere to be found.
 * *RET_PATH: the file. */
static struct shelf *answer_shelf(struct library *library, const struct module *from,
                                  const struct import *import, char mark, const char **ret_path)
{
        char key[PATH_MAX + 256];

        *ret_path = NULL;
        if (import->name == NULL ||
            library_find(library, from, import->level, import->module, ret_path) != FOUND_SOURCE ||
            *ret_path == NULL ||
            snprintf(key, sizeof key, "%c%s %s", mark, import->name, *ret_path) >= (int)sizeof key)
                return NULL;
        return library_shelf(library, key);
}

/* The same as ask(), remembered. */
static bool ask_once(struct library *library, const struct module *from, const struct import *import,
                     enum asked asked)
{
        struct question q = {.library = library, .asked = asked};
        const char *path;
        struct shelf *s = answer_shelf(library, from, import, "=<@"[asked], &path);
        enum answer answer;
        bool may;

        if (s != NULL && s->tried)
                return s->may;
        answer = ask(&q, from, import);
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

bool library_has_fixtures(struct library *library, const struct module *from, const struct import *import)
{
        return import->name != NULL && ask_once(library, from, import, ASKED_FIXTURE);
}

/* Whether all statements of TEXT that bind NAME define a class. */
static bool is_class(const struct shelf *text, const char *name)
{
        const char *p = text->text.data;
        enum words_binding how;
        size_t n = 0;

        for (; (how = words_next_binding(text->text.data, &p, name)) != WORDS_NONE; n++)
                if (how != WORDS_CLASS)
                        return false;
        for (size_t i = 0; i < text->n_imported; i++)
                if (text->imported[i].bound == NULL || strcmp(text->imported[i].bound, name) == 0)
                        return false;
        return n > 0;
}

bool library_is_class(struct library *library, const struct module *from, const struct import *import)
{
        const char *path;
        struct shelf *s = answer_shelf(library, from, import, '#', &path);
        const struct shelf *text;

        if (s == NULL)
                return false;
        if (!s->tried) {
                s->tried = true;
                text = library_text(library, path);
                s->may = text != NULL && !text->has_cases && is_class(text, import->name);
        }
        return s->may;
}
