/* How it works: texts of modules are read once, and the words in them that matter looked for. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/library_internal.h"
#include "runtime/discover/words.h"
#include "spec/base/cleanup.h"

#define MAX_TEXT    ((size_t)16 << 20)
#define MAX_IMPORTS 4096
#define MAX_ASKED   256 /* names that are looked for in a text: then parsing it is no slower */

/* Which of the folders of the search PATH is found by: the longest; or how many there are. */
static size_t folder_of(const struct search *search, const char *path)
{
        size_t found = search->dirs.n, longest = 0;

        for (size_t i = 0; i < search->dirs.n; i++) {
                size_t n = strlen(search->dirs.v[i]);

                if (n > longest && strncmp(path, search->dirs.v[i], n) == 0 && path[n] == '/') {
                        found = i;
                        longest = n;
                }
        }
        return found;
}

/* Whether folder AT is the standard library's, or one that is a part of it. */
static bool is_standard(const struct search *search, size_t at)
{
        const size_t n = search->standard != NULL ? strlen(search->standard) : 0;

        return n > 0 && at < search->dirs.n &&
               (search->dirs.v[at] == search->standard ||
                (strncmp(search->dirs.v[at], search->standard, n) == 0 &&
                 strcmp(search->dirs.v[at] + n, "/lib-dynload") == 0));
}

bool library_is_project_s(const struct library *library, const char *path)
{
        const size_t at = folder_of(library->search, path);
        const char *dir = at < library->search->dirs.n ? library->search->dirs.v[at] : "";

        /* also what a .pth file leads to, which is being worked on */
        return at < library->search->n_project ||
               !(is_standard(library->search, at) || strstr(dir, "-packages") != NULL);
}

bool library_may_have_tests(const struct library *library, const char *dotted, const char *path)
{
        return library_is_project_s(library, path) || strcasestr(dotted, "test") != NULL;
}

bool library_is_standard(struct library *library, const struct module *from, const struct import *import)
{
        const struct search *search = library->search;
        const char *path = NULL;

        if (search->standard == NULL || import->level > 0 || strcasestr(import->module, "test") != NULL ||
            (import->name != NULL && strcasestr(import->name, "test") != NULL) ||
            library_find(library, from, 0, import->module, &path) != FOUND_SOURCE || path == NULL)
                return false;
        return is_standard(search, folder_of(search, path)) && strstr(path, "-packages/") == NULL;
}

static bool has(const struct buf *text, const char *word)
{
        return memmem(text->data, text->len, word, strlen(word)) != NULL;
}

static bool has_any(const struct buf *text, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (has(text, words[i]))
                        return true;
        return false;
}

/* Whether the text's first lines name an encoding in which words may look otherwise than in ASCII. */
static bool is_encoded(const struct buf *text)
{
        static const char *const plain[] = {"utf-8", "utf8",  "UTF-8", "UTF8", "utf_8",
                                            "ascii", "latin", "iso",   "ISO"};
        const char *end = strchr(text->data, '\n'), *coding;
        struct buf lines = {.data = text->data};

        end = end != NULL ? strchr(end + 1, '\n') : NULL;
        lines.len = end != NULL ? (size_t)(end - text->data) : text->len;
        coding = memmem(lines.data, lines.len, "coding", strlen("coding"));
        return coding != NULL && (coding[6] == ':' || coding[6] == '=') &&
               !has_any(&lines, plain, sizeof plain / sizeof plain[0]);
}

static void note_imports(struct library *library, struct shelf *s)
{
        struct words_imports walk = {.p = s->text.data};
        struct imported next;

        while (words_next_import(&walk, &library->names, &next.import, &next.bound)) {
                if (s->n_imported == MAX_IMPORTS || !arena_room(&library->names, &s->imported, s->n_imported,
                                                                &s->cap_imported, sizeof next)) {
                        s->has_cases = true;
                        break;
                }
                s->imported[s->n_imported++] = next;
        }
}

static void note_words(struct library *library, struct shelf *s)
{
        static const char *const cases[] = {"TestCase", "__test__"};
        static const char bom[] = "\xef\xbb\xbf";

        if (strncmp(s->text.data, bom, strlen(bom)) == 0)
                memset(s->text.data, ' ', strlen(bom));
        s->has_cases = has_any(&s->text, cases, sizeof cases / sizeof cases[0]) || is_encoded(&s->text);
        if (!s->has_cases)
                note_imports(library, s);
}

bool library_text_has(struct shelf *s, enum text_has what)
{
        static const char *const methods[] = {" def test", "\tdef test"};
        static const char *const unasked[] = {"autouse", "name=", "name =", "**", "partial"};

        if (s->has[what] == 0 && what == HAS_METHODS)
                s->has[what] = has_any(&s->text, methods, sizeof methods / sizeof methods[0]) ? 1 : -1;
        else if (s->has[what] == 0)
                s->has[what] =
                    has(&s->text, "fixture") && has_any(&s->text, unasked, sizeof unasked / sizeof unasked[0])
                        ? 1
                        : -1;
        return s->has[what] > 0;
}

struct shelf *library_text(struct library *library, const char *path)
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
                if (s->text.data != NULL)
                        note_words(library, s);
        }
        if (s->n_asked++ == MAX_ASKED) {
                s->has_cases = true;
                memset(s->has, 1, sizeof s->has);
        }
        return s->text.data != NULL ? s : NULL;
}

static bool file_has_word(struct library *library, const struct module *from, int level, const char *dotted,
                          const char *word)
{
        const struct shelf *text;
        const char *path = NULL;

        return dotted != NULL && library_find(library, from, level, dotted, &path) == FOUND_SOURCE &&
               path != NULL && library_may_have_tests(library, dotted, path) &&
               (text = library_text(library, path)) != NULL && has(&text->text, word);
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

bool library_fills(struct library *library, const char *path, const char *name)
{
        static const char *const ways[] = {"[",        ".append(",     ".extend(", ".insert(",
                                           ".update(", ".setdefault(", " += ",     " |= "};
        const struct shelf *s = library_text(library, path);
        size_t n = strlen(name);

        for (const char *p = s != NULL ? s->text.data : NULL; p != NULL && (p = strstr(p, name)) != NULL;
             p += n)
                for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
                        if (strncmp(p + n, ways[i], strlen(ways[i])) == 0)
                                return true;
        return s == NULL;
}
