/* How it works: a folder's entries are sorted by name; its files come before its folders (_pytest.pathlib
 * .visit; packages do not change that order). A folder that is met again through another argument gives
 * nothing the second time; a file that is named is always taken. Where a symbolic link leads to a folder
 * above it, pytest 7 goes round until the kernel stops it, 40 times; here it is named and not entered. */
#include "runtime/discover/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/ignore.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_DEPTH 256 /* of folders */
#define MAX_SETUP ((size_t)4 << 20)

struct seen {
        char **v; /* slots of a hash table, a power of two */
        size_t n, cap;
};

struct walker {
        struct walk *walk;
        const struct ini *ini;
        const char *root;
        struct seen seen;
        struct ignore ignore;
        bool others;
        struct error *err;
};

static size_t hash(const char *s)
{
        size_t h = 1469598103934665603u;

        for (; *s != '\0'; s++)
                h = (h ^ (unsigned char)*s) * 1099511628211u;
        return h;
}

/* 1: PATH is new, 0: it has been seen. */
static int seen_add(struct seen *seen, const char *path)
{
        if (seen->n * 2 >= seen->cap) {
                struct seen more = {calloc(seen->cap * 2 + 64, sizeof *more.v), seen->n, 64};

                while (more.cap < seen->cap * 2)
                        more.cap *= 2;
                if (more.v == NULL)
                        return -ENOMEM;
                for (size_t i = 0; i < seen->cap; i++)
                        if (seen->v[i] != NULL) {
                                size_t at = hash(seen->v[i]) & (more.cap - 1);

                                while (more.v[at] != NULL)
                                        at = (at + 1) & (more.cap - 1);
                                more.v[at] = seen->v[i];
                        }
                free(seen->v);
                *seen = more;
        }
        size_t at = hash(path) & (seen->cap - 1);
        for (; seen->v[at] != NULL; at = (at + 1) & (seen->cap - 1))
                if (strcmp(seen->v[at], path) == 0)
                        return 0;
        seen->v[at] = strdup(path);
        if (seen->v[at] == NULL)
                return -ENOMEM;
        seen->n++;
        return 1;
}

/* _pytest.pathlib.fnmatch_ex: a pattern without a slash is for the name. */
static bool matches(const struct spec_strv *patterns, const char *path)
{
        const char *name = strrchr(path, '/') + 1;

        for (size_t i = 0; i < patterns->n; i++) {
                const char *pattern = patterns->v[i];
                char deep[PATH_MAX];

                if (strchr(pattern, '/') == NULL ? ini_fnmatch(pattern, name) : ini_fnmatch(pattern, path))
                        return true;
                if (strchr(pattern, '/') != NULL && pattern[0] != '/' &&
                    snprintf(deep, sizeof deep, "*/%s", pattern) < (int)sizeof deep &&
                    ini_fnmatch(deep, path))
                        return true;
        }
        return false;
}

/* pytest 7 takes a folder for a virtual environment by its activate script, later ones by pyvenv.cfg. */
static bool is_virtualenv(const char *dir)
{
        static const char *const marks[] = {"bin/activate", "bin/activate.csh", "bin/activate.fish",
                                            "conda-meta/history", "pyvenv.cfg"};
        char path[PATH_MAX];

        for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
                if (snprintf(path, sizeof path, "%s/%s", dir, marks[i]) < (int)sizeof path &&
                    access(path, F_OK) == 0)
                        return true;
        return false;
}

/* PATH as seen from FROM, both absolute and normal: "../x" where it lies outside. */
static int relative(struct buf *out, const char *from, const char *path)
{
        size_t same = 0, i;
        int r = 0;

        for (i = 0; from[i] != '\0' && from[i] == path[i]; i++)
                if (from[i] == '/')
                        same = i + 1;
        if (from[i] == '\0' && (path[i] == '/' || path[i] == '\0'))
                return buf_adds(out, path[i] == '\0' ? "." : path + i + 1);
        if (from[i] == '\0' && i == 1) /* the root of the file system */
                return buf_adds(out, path + 1);
        for (const char *p = from + same; r == 0 && p != NULL && *p != '\0';) {
                r = buf_adds(out, "../");
                p = strchr(p, '/');
                p = p == NULL ? NULL : p + 1;
        }
        return r < 0 ? r : buf_adds(out, path + same);
}

/* _pytest.doctest: a setup.py that installs something and __main__.py are not imported for their docstrings.
 */
static bool has_doctests(const struct walker *w, const char *path)
{
        const char *name = strrchr(path, '/') + 1;
        CLEANUP_BUF struct buf text = {0};
        CLEANUP_CLOSE int fd = -EBADF;

        if (!w->ini->doctest_modules || strcmp(name, "__main__.py") == 0)
                return false;
        if (strcmp(name, "setup.py") != 0)
                return true;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        return fd < 0 || buf_read_fd(&text, fd, MAX_SETUP) < 0 || text.len == 0 ||
               (memmem(text.data, text.len, "setuptools", 10) == NULL &&
                memmem(text.data, text.len, "distutils", 9) == NULL);
}

static int add_file(struct walker *w, struct walk_file what, const char *path, const char *select)
{
        CLEANUP_BUF struct buf nodeid = {0};
        struct walk *walk = w->walk;
        struct walk_file file = what;

        if (walk->n == walk->cap) {
                size_t cap = walk->cap * 2 + 64;
                struct walk_file *v = realloc(walk->v, cap * sizeof *v);

                if (v == NULL)
                        return -ENOMEM;
                walk->v = v;
                walk->cap = cap;
        }
        if (relative(&nodeid, w->root, path) < 0)
                return -ENOMEM;
        file.path = strdup(path);
        file.nodeid = buf_take(&nodeid);
        file.select = select != NULL ? strdup(select) : NULL;
        if (file.nodeid != NULL && strncmp(file.nodeid, "../", 3) == 0 && file.unsure == NULL)
                file.unsure =
                    "it lies outside of pytest's rootdir"; /* pytest's id depends on the arguments */
        walk->v[walk->n++] = file;
        return file.path == NULL || file.nodeid == NULL || (select != NULL && file.select == NULL) ? -ENOMEM
                                                                                                   : 0;
}

static bool has_suffix(const char *name, const char *suffix)
{
        size_t n = strlen(name), m = strlen(suffix);

        return n > m && strcmp(name + n - m, suffix) == 0;
}

/* Whether --doctest-glob, by default test*.txt, has PATH, which is no Python file. */
static bool is_doctest(const struct walker *w, const char *path)
{
        char *standard = (char[]){"test*.txt"};
        const struct spec_strv globs = {.v = &standard, .n = 1};

        return matches(w->ini->doctest_globs.n > 0 ? &w->ini->doctest_globs : &globs, path);
}

/* What is collected of the file PATH, one of the arguments if NAMED; false: nothing. */
static bool is_collected(const struct walker *w, const char *path, bool named, struct walk_file *ret)
{
        struct walk_file file = {0};

        if (has_suffix(strrchr(path, '/') + 1, ".py")) {
                file.tests = named || matches(&w->ini->python_files, path);
                file.doctests = has_doctests(w, path);
        } else {
                file.is_text =
                    is_doctest(w, path) || (named && (has_suffix(path, ".txt") || has_suffix(path, ".rst")));
        }
        *ret = file;
        return file.tests || file.doctests || file.is_text;
}

struct entry {
        char *name;
        unsigned char type;
};

static int by_name(const void *a, const void *b)
{
        return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void entries_free(struct entry *v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                free(v[i].name);
        free(v);
}

/* A symbolic link is what it points to; a broken one is nothing. */
static unsigned char type_of(int dirfd, const struct dirent *d)
{
        struct stat st;

        if (d->d_type == DT_REG || d->d_type == DT_DIR)
                return d->d_type;
        if ((d->d_type != DT_LNK && d->d_type != DT_UNKNOWN) || fstatat(dirfd, d->d_name, &st, 0) < 0)
                return DT_UNKNOWN;
        return S_ISREG(st.st_mode) ? DT_REG : S_ISDIR(st.st_mode) ? DT_DIR : DT_UNKNOWN;
}

/* The folders that a folder was reached through, itself first. */
struct above {
        dev_t dev;
        ino_t ino;
        const struct above *next;
        int depth;
        struct ignore_rules rules;
};

/* Whether files that pytest itself does not collect are to be named. */
static bool has_others(const struct walker *w, const struct ignore_rules *rules)
{
        return w->others && rules->hooks.collects != NULL;
}

static int read_entries(const struct walker *w, const char *dir, struct above *here, struct entry **ret,
                        size_t *ret_n)
{
        struct entry *v = NULL, *more;
        size_t n = 0, cap = 0;
        struct dirent *d;
        DIR *stream = opendir(dir);
        struct stat st = {0};
        int r = 0;

        if (stream == NULL)
                return -errno;
        if (fstat(dirfd(stream), &st) < 0)
                r = -errno;
        here->dev = st.st_dev;
        here->ino = st.st_ino;
        for (const struct above *up = here->next; r == 0 && up != NULL; up = up->next)
                if (up->dev == st.st_dev && up->ino == st.st_ino)
                        r = -ELOOP;
        while (r == 0 && (d = readdir(stream)) != NULL) {
                size_t len = strlen(d->d_name);
                unsigned char type = type_of(dirfd(stream), d);

                if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
                    (type != DT_DIR && type != DT_REG))
                        continue;
                if (type == DT_REG && (len < 4 || strcmp(d->d_name + len - 3, ".py") != 0)) {
                        char path[PATH_MAX];

                        if (snprintf(path, sizeof path, "%s/%s", dir, d->d_name) >= (int)sizeof path ||
                            !(is_doctest(w, path) || has_others(w, &here->rules)))
                                continue;
                }
                if (n == cap) {
                        cap = cap * 2 + 32;
                        more = realloc(v, cap * sizeof *v);
                        if (more == NULL) {
                                r = -ENOMEM;
                                break;
                        }
                        v = more;
                }
                v[n] = (struct entry){strdup(d->d_name), type};
                if (v[n].name == NULL)
                        r = -ENOMEM;
                else
                        n++;
        }
        (void)closedir(stream);
        if (r < 0) {
                entries_free(v, n);
                return r;
        }
        if (n > 0)
                qsort(v, n, sizeof *v, by_name);
        *ret = v;
        *ret_n = n;
        return 0;
}

static bool recurse_into(const struct walker *w, const char *path)
{
        return (w->ini->in_virtualenv || !is_virtualenv(path)) && !matches(&w->ini->norecursedirs, path);
}

static int walk_dir(struct walker *w, const char *dir, const struct above *above, const char *unsure);

/* Remembers why FILE may not be collected, or have more than its text shows. */
static void doubt(const struct walker *w, struct walk_file *file, const char *unsure,
                  const struct ignore_rules *rules)
{
        bool plain = file->tests || file->doctests || file->is_text;

        file->unsure = unsure;
        if (w->others)
                file->more = plain ? rules->hooks.makes : rules->hooks.collects;
}

/* One entry of a folder. INIT: only __init__.py, which is the package's own module and comes before its
 * other files. */
static int walk_entry(struct walker *w, const struct entry *entry, const char *path, const struct above *here,
                      const char *unsure)
{
        struct walk_file file;
        int r;

        if (entry->type == DT_DIR && (here->depth >= MAX_DEPTH || strcmp(entry->name, "__pycache__") == 0))
                return 0;
        if (entry->type == DT_REG && !is_collected(w, path, false, &file) && !has_others(w, &here->rules))
                return 0;
        switch (ignore_path(&w->ignore, &here->rules, path, &unsure)) {
        case TRUTH_YES:
                return 0;
        default:
                break;
        }
        if (entry->type == DT_DIR)
                return recurse_into(w, path) ? walk_dir(w, path, here, unsure) : 0;
        if (entry->type == DT_REG)
                doubt(w, &file, unsure, &here->rules);
        r = seen_add(&w->seen, path);
        return r > 0 ? add_file(w, file, path, NULL) : r;
}

static int walk_dir(struct walker *w, const char *dir, const struct above *above, const char *unsure)
{
        struct above here = {.next = above, .depth = above != NULL ? above->depth + 1 : 0};
        struct entry *v = NULL;
        char path[PATH_MAX];
        size_t n = 0;
        int r = ignore_enter(&w->ignore, above != NULL ? &above->rules : NULL, dir, &here.rules);

        if (r == 0)
                r = read_entries(w, dir, &here, &v, &n);
        if (r < 0 && r != -ENOMEM) {
                (void)fprintf(stderr, "tach: warning: %s: %s\n", dir,
                              r == -ELOOP ? "a link to a folder above it: not entered" : strerror(-r));
                return 0;
        }
        /* first __init__.py, then the other files, then the folders */
        for (int turn = 0; turn < 3; turn++)
                for (size_t i = 0; r == 0 && i < n; i++)
                        if ((v[i].type == DT_DIR                     ? 2
                             : strcmp(v[i].name, "__init__.py") == 0 ? 0
                                                                     : 1) == turn &&
                            snprintf(path, sizeof path, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir,
                                     v[i].name) < (int)sizeof path)
                                r = walk_entry(w, &v[i], path, &here, unsure);
        entries_free(v, n);
        return r;
}

int walk_absolute(char *out, const char *cwd, const char *path, size_t n)
{
        char joined[PATH_MAX * 2], *rest = joined, *part;
        size_t len = 0;

        if (snprintf(joined, sizeof joined, "%s/%.*s", path[0] == '/' ? "" : cwd, (int)n, path) >=
            (int)sizeof joined)
                return -ENAMETOOLONG;
        while ((part = strsep(&rest, "/")) != NULL) {
                size_t more = strlen(part);

                if (more == 0 || strcmp(part, ".") == 0)
                        continue;
                if (strcmp(part, "..") == 0) {
                        while (len > 0 && out[--len] != '/')
                                ;
                        continue;
                }
                if (len + 1 + more >= PATH_MAX)
                        return -ENAMETOOLONG;
                out[len++] = '/';
                memcpy(out + len, part, more);
                len += more;
        }
        if (len == 0)
                out[len++] = '/';
        out[len] = '\0';
        return 0;
}

/* A file that is one of the arguments is not ignored by rules, but hooks have their say. */
static int walk_named(struct walker *w, const char *path, const char *select)
{
        CLEANUP_FREE char *dir = strndup(path, (size_t)(strrchr(path, '/') - path));
        struct ignore_rules rules = {0};
        struct walk_file file;
        int r = dir == NULL ? -ENOMEM : ignore_enter(&w->ignore, NULL, dir[0] != '\0' ? dir : "/", &rules);

        if (r < 0 || !(is_collected(w, path, true, &file) || has_others(w, &rules)))
                return r;
        doubt(w, &file, rules.hooks.hides, &rules);
        if (select != NULL && file.tests)
                file.more = NULL;
        return add_file(w, file, path, select);
}

static int walk_argument(struct walker *w, const char *cwd, const char *arg)
{
        const char *bracket = strchr(arg, '['), *colons = strstr(arg, "::");
        char path[PATH_MAX];
        struct stat st = {0};
        int r;

        if (bracket != NULL && colons != NULL && bracket < colons)
                colons = NULL;
        r = walk_absolute(path, cwd, arg, colons != NULL ? (size_t)(colons - arg) : strlen(arg));
        if (r == 0 && stat(path, &st) < 0)
                r = -errno;
        if (r < 0)
                return error_set(w->err, "list", -r, "file or directory not found: %.400s", arg);
        if (!S_ISDIR(st.st_mode))
                return walk_named(w, path, colons != NULL ? colons + 2 : NULL);
        if (colons != NULL)
                return error_set(w->err, "list", ENOTDIR, "package argument cannot contain :: parts: %.400s",
                                 arg);
        return walk_dir(w, path, NULL, NULL);
}

static int walk_testpaths(struct walker *w, const char *cwd, size_t *ret_n)
{
        int r = 0;

        *ret_n = 0;
        for (size_t i = 0; r == 0 && i < w->ini->testpaths.n; i++) {
                glob_t found = {0};

                if (glob(w->ini->testpaths.v[i], 0, NULL, &found) == 0)
                        for (size_t k = 0; r == 0 && k < found.gl_pathc; k++, ++*ret_n)
                                r = walk_argument(w, cwd, found.gl_pathv[k]);
                globfree(&found);
        }
        return r;
}

int walk_paths(struct walk *ret, const struct ini *ini, const char *root, const char *python,
               char *const *paths, size_t n, bool others, struct error *err)
{
        struct walk walk = {0};
        struct walker w = {.walk = &walk, .ini = ini, .root = root, .others = others, .err = err};
        char cwd[PATH_MAX];
        size_t testpaths = 0;
        int r = 0;

        if (getcwd(cwd, sizeof cwd) == NULL)
                return error_set(err, "list", errno, "the current folder");
        r = ignore_init(&w.ignore, ini, root, python, cwd, &walk.arena);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = walk_argument(&w, cwd, paths[i]);
        if (r == 0 && n == 0 && strcmp(cwd, root) == 0)
                r = walk_testpaths(&w, cwd, &testpaths);
        if (r == 0 && n == 0 && testpaths == 0)
                r = walk_dir(&w, cwd, NULL, NULL);
        for (size_t i = 0; i < w.seen.cap; i++)
                free(w.seen.v[i]);
        free(w.seen.v);
        ignore_finish(&w.ignore);
        if (r == -ENOMEM)
                (void)error_set(err, "list", ENOMEM, "the list of files");
        if (r < 0)
                walk_finish(&walk);
        else
                *ret = walk;
        return r;
}

void walk_finish(struct walk *walk)
{
        for (size_t i = 0; i < walk->n; i++) {
                free(walk->v[i].path);
                free(walk->v[i].nodeid);
                free(walk->v[i].select);
        }
        free(walk->v);
        arena_finish(&walk->arena);
        *walk = (struct walk){0};
}
