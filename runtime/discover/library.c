/* How it works: a hash table from keys to what was found for them; a key is a path, or "N:name" for where a
 * top-level module is, or a folder with a slash for the folder that its top-level package lies in. */
#include "runtime/discover/library.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/names.h"
#include "runtime/discover/source.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_HOPS 8 /* of names that are imported to be imported */
#define MAX_TEXT ((size_t)16 << 20)

struct shelf {
        const char *key;
        enum found found;
        const char *path;
        struct module *module;
        struct source source;
        struct arena own;
        struct buf text;
        bool tried;
        bool has_cases;     /* TEXT has TestCase */
        bool has_methods;   /* and methods that are called test_... */
        struct shelf *next; /* of all */
};

struct library {
        const struct search *search;
        struct reader reader;
        struct arena scratch, names;
        struct shelf **slots, *all;
        size_t n, n_slots;
};

struct library *library_create(const struct search *search, struct tree_cache *cache)
{
        struct library *library = calloc(1, sizeof *library);

        if (library == NULL)
                return NULL;
        library->search = search;
        library->n_slots = 256;
        library->slots = calloc(library->n_slots, sizeof *library->slots);
        if (library->slots == NULL || !reader_init(&library->reader, cache)) {
                library_destroy(library);
                return NULL;
        }
        return library;
}

void library_destroy(struct library *library)
{
        if (library == NULL)
                return;
        for (struct shelf *s = library->all, *next; s != NULL; s = next) {
                next = s->next;
                source_finish(&s->source);
                arena_finish(&s->own);
                buf_finish(&s->text);
                free(s);
        }
        reader_finish(&library->reader);
        arena_finish(&library->scratch);
        arena_finish(&library->names);
        free(library->slots);
        free(library);
}

const char *library_root(const struct library *library)
{
        return library != NULL && library->search->root != NULL ? library->search->root : "";
}

struct arena *library_scratch(struct library *library)
{
        return &library->scratch;
}

void library_reset(struct library *library)
{
        arena_finish(&library->scratch);
        library->scratch.failed = false;
}

static size_t hash(const char *s)
{
        size_t h = 1469598103934665603u;

        for (; *s != '\0'; s++)
                h = (h ^ (unsigned char)*s) * 1099511628211u;
        return h;
}

static bool grow(struct library *library)
{
        size_t n = library->n_slots * 2;
        struct shelf **slots = calloc(n, sizeof(struct shelf *));

        if (slots == NULL)
                return false;
        for (size_t i = 0; i < library->n_slots; i++)
                if (library->slots[i] != NULL) {
                        size_t at = hash(library->slots[i]->key) & (n - 1);

                        while (slots[at] != NULL)
                                at = (at + 1) & (n - 1);
                        slots[at] = library->slots[i];
                }
        free(library->slots);
        library->slots = slots;
        library->n_slots = n;
        return true;
}

/* The shelf of KEY, a new one where there is none (tried is then false); NULL: no memory. */
static struct shelf *shelf_of(struct library *library, const char *key)
{
        struct shelf *s;
        size_t at;

        if (library->n * 2 >= library->n_slots && !grow(library))
                return NULL;
        at = hash(key) & (library->n_slots - 1);
        for (; library->slots[at] != NULL; at = (at + 1) & (library->n_slots - 1))
                if (strcmp(library->slots[at]->key, key) == 0)
                        return library->slots[at];
        s = calloc(1, sizeof *s);
        if (s == NULL)
                return NULL;
        s->key = arena_strn(&library->names, key, strlen(key));
        if (s->key == NULL) {
                free(s);
                return NULL;
        }
        s->next = library->all;
        library->all = s;
        library->slots[at] = s;
        library->n++;
        return s;
}

static bool is_file(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_dir(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What DIR has, between blanks: "NAME.py" of modules, "NAME!" of those without source
 * ("NAME.cpython-311.so"), "NAME/" of what may be a folder. */
static const char *listing_of(struct library *library, const char *dir)
{
        CLEANUP_BUF struct buf names = {0};
        char key[PATH_MAX + 2];
        struct dirent *d;
        struct shelf *s;
        DIR *stream;
        int r;

        if (snprintf(key, sizeof key, "*%s", dir) >= (int)sizeof key)
                return "";
        s = shelf_of(library, key);
        if (s == NULL || s->tried)
                return s != NULL ? s->path : "";
        s->tried = true;
        s->path = "";
        stream = opendir(dir);
        if (stream == NULL)
                return s->path;
        r = buf_adds(&names, " ");
        while (r == 0 && (d = readdir(stream)) != NULL) {
                size_t n = strlen(d->d_name), stem = strcspn(d->d_name, ".");

                if (stem == 0)
                        continue;
                if (d->d_name[stem] == '\0' && d->d_type != DT_REG)
                        r = buf_addf(&names, "%s/ ", d->d_name);
                else if (strcmp(d->d_name + stem, ".py") == 0)
                        r = buf_addf(&names, "%s ", d->d_name);
                else if ((n > 3 && strcmp(d->d_name + n - 3, ".so") == 0) ||
                         (n > 4 && strcmp(d->d_name + n - 4, ".pyc") == 0))
                        r = buf_addf(&names, "%.*s! ", (int)stem, d->d_name);
        }
        (void)closedir(stream);
        if (r == 0)
                s->path = arena_strn(&library->names, names.data, names.len);
        return s->path != NULL ? s->path : "";
}

static bool lists(const char *listing, const char *name, const char *end)
{
        char entry[300];

        return snprintf(entry, sizeof entry, "%s%s", name, end) < (int)sizeof entry &&
               names_in_table(listing, entry);
}

/* NAME as importlib's PathFinder looks for it in DIR: a package, a module, last a plain folder. */
static enum found look(struct library *library, const char *dir, const char *name, char path[PATH_MAX])
{
        const char *listing = listing_of(library, dir);

        if (lists(listing, name, "/") &&
            snprintf(path, PATH_MAX, "%s/%s/__init__.py", dir, name) < PATH_MAX && is_file(path))
                return FOUND_SOURCE;
        if (lists(listing, name, ".py") && snprintf(path, PATH_MAX, "%s/%s.py", dir, name) < PATH_MAX)
                return FOUND_SOURCE;
        return lists(listing, name, "!") ? FOUND_BINARY : FOUND_NOT;
}

/* The folder that the top-level package of the file PATH lies in: what pytest puts on sys.path for it. */
static const char *base_of(struct library *library, const char *path)
{
        char dir[PATH_MAX], init[PATH_MAX], *slash;
        struct shelf *s;

        if (path == NULL || snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir)
                return NULL;
        slash = strrchr(dir, '/');
        if (slash == NULL)
                return NULL;
        slash[1] = '\0';
        s = shelf_of(library, dir);
        if (s == NULL || s->tried)
                return s != NULL ? s->path : NULL;
        s->tried = true;
        for (*slash = '\0'; slash != NULL &&
                            snprintf(init, sizeof init, "%s/__init__.py", dir) < (int)sizeof init &&
                            is_file(init);) {
                slash = strrchr(dir, '/');
                if (slash != NULL)
                        *slash = '\0';
        }
        s->path = arena_strn(&library->names, dir, strlen(dir));
        return s->path;
}

/* Looks NAME up in all folders of the search. */
static struct shelf *top_level(struct library *library, const char *base, const char *name)
{
        char key[PATH_MAX + 256], path[PATH_MAX];
        static const char known[] = " pytest unittest "; /* nobody runs tests without them */
        const struct search *search = library->search;
        const char *space = NULL, *needs;
        struct shelf *s;

        if (snprintf(key, sizeof key, "%s:%s", base != NULL ? base : "", name) >= (int)sizeof key)
                return NULL;
        s = shelf_of(library, key);
        if (s == NULL || s->tried)
                return s;
        s->tried = true;
        needs = search_needs(name);
        if (needs != NULL) {
                const struct shelf *needed = top_level(library, base, needs);

                s->found = needed != NULL ? needed->found : FOUND_MAYBE;
                if (s->found == FOUND_NOT)
                        return s;
        }
        s->found = search_is_builtin(name) || names_in_table(known, name) ? FOUND_BINARY
                   : base != NULL                                         ? look(library, base, name, path)
                                                                          : FOUND_NOT;
        for (size_t i = 0; s->found == FOUND_NOT && i < search->dirs.n; i++)
                s->found = look(library, search->dirs.v[i], name, path);
        for (size_t i = 0; s->found == FOUND_NOT && space == NULL && i <= search->dirs.n; i++)
                if ((i > 0 || base != NULL) &&
                    snprintf(path, sizeof path, "%s/%s", i > 0 ? search->dirs.v[i - 1] : base, name) <
                        (int)sizeof path &&
                    is_dir(path))
                        space = path;
        if (s->found == FOUND_SOURCE) {
                s->path = arena_strn(&library->names, path, strlen(path));
        } else if (space != NULL) {
                s->found = FOUND_SOURCE;
                s->path = arena_printf(&library->names, "%s/", path);
        } else if (s->found == FOUND_NOT && (!search->complete || search->hooked)) {
                s->found = FOUND_MAYBE;
        }
        return s;
}

/* Cuts the last part of PATH; a package's folder is its __init__.py's. */
static bool parent(char *path)
{
        char *slash = strrchr(path, '/');

        if (slash == NULL || slash == path)
                return false;
        *slash = '\0';
        return true;
}

/* The rest of a dotted name, below the package in the file *PATH. */
static enum found below(struct library *library, const char **path, const char *rest)
{
        char dir[PATH_MAX], name[256], found[PATH_MAX];
        enum found how = FOUND_SOURCE;

        while (*rest != '\0') {
                size_t n = strcspn(rest, "."), len = strlen(*path);
                bool package = len > 0 && ((*path)[len - 1] == '/' ||
                                           (len > 12 && strcmp(*path + len - 12, "/__init__.py") == 0));

                if (n == 0 || n >= sizeof name || !package ||
                    snprintf(dir, sizeof dir, "%s", *path) >= (int)sizeof dir || !parent(dir))
                        return FOUND_MAYBE;
                memcpy(name, rest, n);
                name[n] = '\0';
                how = look(library, dir, name, found);
                if (how == FOUND_BINARY)
                        return how;
                if (how == FOUND_NOT) {
                        if (snprintf(found, sizeof found, "%s/%s", dir, name) >= (int)sizeof found ||
                            !is_dir(found))
                                return FOUND_MAYBE;
                        (void)strcat(found, strlen(found) + 1 < sizeof found ? "/" : "");
                }
                *path = arena_strn(&library->names, found, strlen(found));
                if (*path == NULL)
                        return FOUND_MAYBE;
                rest += n + (rest[n] == '.');
        }
        return how;
}

enum found library_find(struct library *library, const struct module *from, int level, const char *dotted,
                        const char **ret_path)
{
        char head[256], dir[PATH_MAX];
        const char *path, *base = base_of(library, from->path);
        size_t n = strcspn(dotted, ".");
        struct shelf *s;
        enum found found;

        if (level > 0) {
                if (from->path == NULL || snprintf(dir, sizeof dir, "%s", from->path) >= (int)sizeof dir)
                        return FOUND_MAYBE;
                for (int i = 0; i < level; i++)
                        if (!parent(dir))
                                return FOUND_MAYBE;
                path = arena_printf(&library->names, "%s/", dir);
                if (path == NULL)
                        return FOUND_MAYBE;
                if (dotted[0] == '\0' && snprintf(head, sizeof head, "__init__.py") > 0 &&
                    strlen(dir) + 13 < sizeof dir && is_file(strcat(strcat(dir, "/"), head)))
                        path = arena_strn(&library->names, dir, strlen(dir));
                found = below(library, &path, dotted);
        } else {
                if (n == 0 || n >= sizeof head)
                        return FOUND_MAYBE;
                memcpy(head, dotted, n);
                head[n] = '\0';
                s = top_level(library, base, head);
                if (s == NULL)
                        return FOUND_MAYBE;
                path = s->path;
                found = s->found;
                if (found == FOUND_SOURCE && path != NULL && dotted[n] == '.')
                        found = below(library, &path, dotted + n + 1);
                else if (found == FOUND_SOURCE && path == NULL)
                        found = FOUND_MAYBE;
        }
        if (found == FOUND_SOURCE && ret_path != NULL)
                *ret_path = path;
        return found;
}

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

        if (snprintf(key, sizeof key, "?%s", path) >= (int)sizeof key || (s = shelf_of(library, key)) == NULL)
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

struct module *library_load(struct library *library, const char *path)
{
        size_t n = strlen(path);
        struct shelf *s = shelf_of(library, path);
        struct module *m;

        if (s == NULL || s->tried)
                return s != NULL ? s->module : NULL;
        s->tried = true;
        if (n == 0 || path[n - 1] == '/' || source_read(&s->source, &library->reader, path) < 0 ||
            s->source.tree.n == 0)
                return NULL;
        m = arena_get(&s->own, sizeof *m);
        if (m == NULL)
                return NULL;
        *m = (struct module){.path = s->key,
                             .text = s->source.text,
                             .arena = &library->scratch,
                             .own = &s->own,
                             .library = library,
                             .lines = s->source.lines,
                             .n_lines = s->source.n_lines,
                             .error_line = s->source.line};
        module_read(m, tree_root(&s->source.tree));
        s->module = m;
        return m;
}
