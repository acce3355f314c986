/* How it works: a hash table from paths to facts, which also remembers what could not be read. */
#include "runtime/discover/sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/source.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_BYTES ((off_t)32 << 20) /* of one file */

struct entry {
        const char *path;   /* or "FOLDER:MODULE", of a name that was looked for */
        const char *target; /* what was found for it */
        struct facts *facts;
        bool busy; /* not read yet */
};

static size_t hash(const char *s)
{
        size_t h = 1469598103934665603u;

        for (; *s != '\0'; s++)
                h = (h ^ (unsigned char)*s) * 1099511628211u;
        return h;
}

static struct entry **slot_of(struct sources *s, const char *path)
{
        size_t at = hash(path) & (s->n_slots - 1);

        while (s->slots[at] != NULL && strcmp(s->slots[at]->path, path) != 0)
                at = (at + 1) & (s->n_slots - 1);
        return &s->slots[at];
}

static struct entry *look_up(struct sources *s, const char *path)
{
        struct entry **slot;

        if (s->n * 2 >= s->n_slots) {
                struct entry **old = s->slots;
                size_t n_old = s->n_slots;

                s->n_slots = n_old > 0 ? n_old * 2 : 256;
                s->slots = arena_get(&s->arena, s->n_slots * sizeof *s->slots);
                if (s->slots == NULL) {
                        s->n_slots = 0;
                        return NULL;
                }
                for (size_t i = 0; i < n_old; i++)
                        if (old[i] != NULL)
                                *slot_of(s, old[i]->path) = old[i];
        }
        slot = slot_of(s, path);
        if (*slot == NULL) {
                struct entry *fresh = arena_get(&s->arena, sizeof *fresh);

                if (fresh == NULL || (fresh->path = arena_strn(&s->arena, path, strlen(path))) == NULL)
                        return NULL;
                *slot = fresh;
                s->n++;
                fresh->busy = true;
        }
        return *slot;
}

struct reading {
        struct facts *known; /* kept, if not NULL */
        int (*each)(void *ctx, struct module *module);
        void *ctx;
        int r;
};

/* The facts of PATH; each->ctx is called with what they were read from. */
static struct facts *read_file(struct sources *s, const char *path, struct reading *reading)
{
        struct source source;
        struct arena *arena = library_scratch(s->library);
        struct facts *facts = reading->known;
        struct module module;

        if (source_read(&source, &s->reader, path) < 0)
                return facts;
        if (source.tree.n > 0) {
                module = (struct module){.path = path,
                                         .text = source.text,
                                         .arena = arena,
                                         .own = arena,
                                         .library = sources_is_project(s, path) ? s->library : NULL,
                                         .lines = source.lines,
                                         .n_lines = source.n_lines,
                                         .error_line = source.line};
                module_read(&module, tree_root(&source.tree));
                if (facts == NULL)
                        facts = facts_read(&s->arena, &module, tree_root(&source.tree), path);
                if (reading->each != NULL)
                        reading->r = reading->each(reading->ctx, &module);
        }
        library_reset(s->library);
        source_finish(&source);
        return facts;
}

struct facts *sources_file(struct sources *s, const char *path)
{
        struct entry *at = look_up(s, path);

        if (at != NULL && at->busy) {
                at->busy = false;
                at->facts = read_file(s, path, &(struct reading){0});
        }
        return at != NULL ? at->facts : NULL;
}

int sources_read(struct sources *s, const char *path, int (*each)(void *ctx, struct module *module),
                 void *ctx)
{
        struct entry *at = look_up(s, path);
        struct reading reading = {.each = each, .ctx = ctx};

        if (at == NULL)
                return -ENOMEM;
        at->busy = false;
        reading.known = at->facts;
        at->facts = read_file(s, path, &reading);
        return reading.r;
}

bool sources_mentions(const char *path, const char *word)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        CLEANUP_BUF struct buf text = {0};

        return fd >= 0 && buf_read_fd(&text, fd, (size_t)MAX_BYTES) == 0 && text.len > 0 &&
               memmem(text.data, text.len, word, strlen(word)) != NULL;
}

static bool is_file(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

bool sources_package_mentions(const char *path, const char *word)
{
        char dir[PATH_MAX], file[PATH_MAX];
        bool found = sources_mentions(path, word);
        struct dirent *d;
        DIR *stream;

        (void)snprintf(dir, sizeof dir, "%s", path);
        if (found || strrchr(dir, '/') == NULL)
                return found;
        *strrchr(dir, '/') = '\0';
        if (snprintf(file, sizeof file, "%s/__init__.py", dir) >= (int)sizeof file || !is_file(file) ||
            (stream = opendir(dir)) == NULL)
                return false;
        while (!found && (d = readdir(stream)) != NULL) {
                size_t n = strlen(d->d_name);

                found = n > 3 && strcmp(d->d_name + n - 3, ".py") == 0 &&
                        snprintf(file, sizeof file, "%s/%s", dir, d->d_name) < (int)sizeof file &&
                        sources_mentions(file, word);
        }
        (void)closedir(stream);
        return found;
}

static bool is_dir(const char *path)
{
        struct stat st;

        return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void add_dir(struct sources *s, struct names *names, const char *dir)
{
        if (is_dir(dir) && !names_has(names, dir))
                (void)names_add(&s->arena, names, dir);
}

/* DIR of PATH in place; false at the top. */
static bool up(char *path)
{
        char *slash = strrchr(path, '/');

        if (slash == NULL || slash == path)
                return false;
        *slash = '\0';
        return true;
}

/* The first folder above PATH that is no package. */
static void base_of(const char *path, char ret[PATH_MAX])
{
        char init[PATH_MAX];

        (void)snprintf(ret, PATH_MAX, "%s", path);
        while (up(ret))
                if (snprintf(init, sizeof init, "%s/__init__.py", ret) >= (int)sizeof init || !is_file(init))
                        break;
}

void sources_add_root(struct sources *s, const char *path)
{
        char base[PATH_MAX];

        base_of(path, base);
        add_dir(s, &s->roots, base);
}

const char *sources_module_name(struct sources *s, const char *path)
{
        char base[PATH_MAX];
        size_t n;
        char *name;

        base_of(path, base);
        n = strlen(base);
        if (strncmp(path, base, n) != 0 || path[n] != '/')
                return "";
        name = arena_strn(&s->arena, path + n + 1, strlen(path + n + 1));
        if (name == NULL)
                return "";
        n = strlen(name);
        if (n > 3 && strcmp(name + n - 3, ".py") == 0)
                name[n - 3] = '\0';
        n = strlen(name);
        if (n > 9 && strcmp(name + n - 9, "/__init__") == 0)
                name[n - 9] = '\0';
        for (char *p = name; *p != '\0'; p++)
                if (*p == '/')
                        *p = '.';
        return name;
}

/* A module's file below DIR. */
static bool below(const char *dir, const char *dotted, char ret[PATH_MAX])
{
        char words[PATH_MAX];

        if (strlen(dotted) >= sizeof words)
                return false;
        (void)strcpy(words, dotted);
        for (char *p = words; *p != '\0'; p++)
                if (*p == '.')
                        *p = '/';
        if (snprintf(ret, PATH_MAX, "%s/%s/__init__.py", dir, words) < PATH_MAX && is_file(ret))
                return true;
        return snprintf(ret, PATH_MAX, "%s/%s.py", dir, words) < PATH_MAX && is_file(ret);
}

static bool find_in(const struct names *dirs, const char *dotted, char ret[PATH_MAX])
{
        for (size_t i = 0; i < dirs->n; i++)
                if (below(dirs->v[i], dotted, ret))
                        return true;
        return false;
}

/* An absolute name, seen from modules in BASE. */
static const char *find_absolute(struct sources *s, const char *base, const char *dotted)
{
        char path[PATH_MAX], key[2 * PATH_MAX];
        struct entry *at = NULL;

        if (snprintf(key, sizeof key, "%s:%s", base, dotted) < (int)sizeof key)
                at = look_up(s, key);
        if (at == NULL || !at->busy)
                return at != NULL ? at->target : NULL;
        at->busy = false;
        if (below(base, dotted, path) || find_in(&s->roots, dotted, path) ||
            find_in(&s->stdlib, dotted, path) || find_in(&s->site, dotted, path))
                at->target = arena_strn(&s->arena, path, strlen(path));
        return at->target;
}

const char *sources_find(struct sources *s, const struct facts *from, const char *dotted)
{
        char path[PATH_MAX], base[PATH_MAX];
        const struct entry *at;
        bool found;

        if (dotted[0] != '.') {
                base_of(from->path, base);
                return find_absolute(s, base, dotted);
        }
        (void)snprintf(base, sizeof base, "%s", from->path);
        for (; *dotted == '.'; dotted++)
                if (!up(base))
                        return NULL;
        if (*dotted == '\0')
                found =
                    snprintf(path, sizeof path, "%s/__init__.py", base) < (int)sizeof path && is_file(path);
        else
                found = below(base, dotted, path);
        at = found ? look_up(s, path) : NULL; /* for its copy of the path */
        return at != NULL ? at->path : NULL;
}

struct facts *sources_module(struct sources *s, const struct facts *from, const char *dotted)
{
        const char *path = sources_find(s, from, dotted);

        return path != NULL ? sources_file(s, path) : NULL;
}

bool sources_is_stdlib(struct sources *s, const char *dotted)
{
        /* modules without a file of their own */
        static const char built_in[] =
            " sys time builtins itertools math gc errno marshal posix atexit faulthandler array zlib select "
            "fcntl grp pwd resource syslog termios unicodedata cmath mmap binascii pyexpat signal _thread "
            "__future__ ";
        char first[128], path[PATH_MAX];
        struct entry *at;

        (void)snprintf(first, sizeof first, " %.*s ", (int)strcspn(dotted, "."), dotted);
        if (strstr(built_in, first) != NULL)
                return true;
        (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(dotted, "."), dotted);
        at = first[0] != '\0' ? look_up(s, first) : NULL; /* no path: those are absolute */
        if (at == NULL || !at->busy)
                return at != NULL && at->target != NULL;
        at->busy = false;
        if (!find_in(&s->roots, first, path) && find_in(&s->stdlib, first, path))
                at->target = at->path;
        return at->target != NULL;
}

bool sources_is_project(const struct sources *s, const char *path)
{
        size_t n = strlen(s->root);

        for (size_t i = 0; i < s->site.n; i++)
                if (strncmp(path, s->site.v[i], strlen(s->site.v[i])) == 0)
                        return false;
        if (n == 1 || (strncmp(path, s->root, n) == 0 && path[n] == '/'))
                return true;
        for (size_t i = 0; i < s->roots.n; i++)
                if (strncmp(path, s->roots.v[i], strlen(s->roots.v[i])) == 0)
                        return true;
        return false;
}

/* Sorts the folders of an interpreter into its own library and what is installed. */
static void sort_dirs(struct sources *s)
{
        for (size_t i = 0; i < s->search.dirs.n; i++) {
                const char *dir = s->search.dirs.v[i], *name = strrchr(dir, '/');

                if (i < s->search.n_project)
                        add_dir(s, &s->roots, dir);
                else if (name != NULL &&
                         (strncmp(name, "/python3.", 9) == 0 || strcmp(name, "/lib-dynload") == 0))
                        add_dir(s, &s->stdlib, dir);
                else
                        add_dir(s, &s->site, dir);
        }
}

int sources_init(struct sources *s, const char *root, const struct ini *ini, const char *python,
                 struct tree_cache *cache, struct error *err)
{
        char src[PATH_MAX];

        *s = (struct sources){0};
        s->root = arena_strn(&s->arena, root, strlen(root));
        if (s->root == NULL || search_init(&s->search, python, root, &ini->pythonpath) < 0 ||
            !reader_init(&s->reader, cache) || (s->library = library_create(&s->search, cache)) == NULL) {
                sources_finish(s);
                return error_set(err, "list", ENOMEM, "%s", root);
        }
        sort_dirs(s);
        if (snprintf(src, sizeof src, "%s/src", root) < (int)sizeof src)
                add_dir(s, &s->roots, src);
        return 0;
}

void sources_finish(struct sources *s)
{
        reader_finish(&s->reader);
        library_destroy(s->library);
        search_finish(&s->search);
        arena_finish(&s->arena);
        *s = (struct sources){0};
}
