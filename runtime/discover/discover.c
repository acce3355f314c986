/* How it works: walks as pytest 7 does (a folder's files before its folders, both sorted) and prints what
 * source.c finds in each file. */
#include "runtime/discover/discover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/discover/ini.h"
#include "runtime/discover/source.h"
#include "spec/base/cleanup.h"

struct walk {
        const char *root;
        struct ini ini;
        FILE *out;
        const char *only; /* "::Class::test" of the argument, or NULL */
        size_t found;
        unsigned depth;
        struct error *err;
};

static void free_list(struct spec_strv *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->v[i]);
        free(list->v);
        *list = (struct spec_strv){0};
}

/* PATH as node ids have it: relative to the root. */
static const char *relative(const struct walk *w, const char *path)
{
        size_t n = strlen(w->root);

        return strncmp(path, w->root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static int is_selected(const struct walk *w, const char *id)
{
        const char *node = strstr(id, "::");
        size_t n;

        if (w->only == NULL)
                return 1;
        n = strlen(w->only);
        return node != NULL && strncmp(node, w->only, n) == 0 &&
               (node[n] == '\0' || node[n] == ':' || node[n] == '[');
}

static int list_file(struct walk *w, const char *path)
{
        struct spec_strv ids = {0};
        unsigned error_line = 0;
        struct stat st;
        void *text = NULL;
        int r;

        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return error_set(w->err, "list", errno, "open %s", path);
        if (!S_ISREG(st.st_mode) || st.st_size == 0 || st.st_size > INT_MAX)
                return 0;
        text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (text == MAP_FAILED)
                return error_set(w->err, "list", errno, "map %s", path);
        r = source_tests(text, (size_t)st.st_size, relative(w, path), &w->ini, &ids, &error_line);
        (void)munmap(text, (size_t)st.st_size);
        if (error_line > 0)
                (void)fprintf(stderr, "tach: list: %s:%u: not Python that can be parsed\n", path, error_line);
        for (size_t i = 0; r == 0 && i < ids.n; i++)
                if (is_selected(w, ids.v[i])) {
                        w->found++;
                        if (fprintf(w->out, "%s\n", ids.v[i]) < 0)
                                r = -errno;
                }
        free_list(&ids);
        return r < 0 ? error_set(w->err, "list", -r, "list %s", path) : 0;
}

static int is_test_file(const struct walk *w, const char *path, const char *name)
{
        for (size_t i = 0; i < w->ini.python_files.n; i++) {
                const char *pattern = w->ini.python_files.v[i];

                if (strchr(pattern, '/') == NULL ? fnmatch(pattern, name, 0) == 0
                                                 : fnmatch(pattern, relative(w, path), 0) == 0)
                        return 1;
        }
        return 0;
}

static int is_left_out(const struct walk *w, const char *path, const char *name)
{
        char config[PATH_MAX];

        if (strcmp(name, "__pycache__") == 0)
                return 1;
        for (size_t i = 0; i < w->ini.norecursedirs.n; i++)
                if (fnmatch(w->ini.norecursedirs.v[i], name, 0) == 0)
                        return 1;
        /* a virtual environment */
        return (snprintf(config, sizeof config, "%s/pyvenv.cfg", path) < (int)sizeof config &&
                access(config, F_OK) == 0) ||
               (snprintf(config, sizeof config, "%s/bin/activate", path) < (int)sizeof config &&
                access(config, F_OK) == 0);
}

static int bytewise(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

static int list_folder(struct walk *w, const char *path)
{
        struct dirent **names = NULL;
        int n = scandir(path, &names, NULL, bytewise), r = 0;

        if (n < 0)
                return error_set(w->err, "list", errno, "read %s", path);
        if (++w->depth > 64)
                r = error_set(w->err, "list", ELOOP, "%s: more than 64 folders deep", path);
        for (int folders = 0; folders < 2; folders++)
                for (int i = 0; r == 0 && i < n; i++) {
                        char child[PATH_MAX];
                        struct stat st;

                        if (strcmp(names[i]->d_name, ".") == 0 || strcmp(names[i]->d_name, "..") == 0 ||
                            snprintf(child, sizeof child, "%s/%s", path, names[i]->d_name) >=
                                (int)sizeof child ||
                            stat(child, &st) < 0)
                                continue;
                        if (!folders && S_ISREG(st.st_mode) && is_test_file(w, child, names[i]->d_name))
                                r = list_file(w, child);
                        else if (folders && S_ISDIR(st.st_mode) && !is_left_out(w, child, names[i]->d_name))
                                r = list_folder(w, child);
                }
        w->depth--;
        for (int i = 0; i < n; i++)
                free(names[i]);
        free(names);
        return r;
}

static int list_path(struct walk *w, const char *given)
{
        const char *colons = strstr(given, "::");
        CLEANUP_FREE char *name = strndup(given, colons != NULL ? (size_t)(colons - given) : strlen(given));
        char path[PATH_MAX];
        struct stat st;

        if (name == NULL || realpath(name, path) == NULL || stat(path, &st) < 0) {
                int r = error_set(w->err, "list", errno, "%.300s", given);

                error_hint(w->err, "no such file or folder");
                return r;
        }
        w->only = colons;
        return S_ISDIR(st.st_mode) ? list_folder(w, path) : list_file(w, path);
}

int discover_list(const char *root, char *const *paths, size_t n, FILE *out, struct error *err)
{
        struct walk w = {.root = root, .out = out, .err = err};
        char cwd[PATH_MAX];
        int r = ini_read(&w.ini, root, err);

        for (size_t i = 0; r == 0 && i < n; i++)
                r = list_path(&w, paths[i]);
        if (r == 0 && n == 0) {
                /* testpaths count where pytest is started in its root */
                if (w.ini.testpaths.n > 0 && getcwd(cwd, sizeof cwd) != NULL && strcmp(cwd, root) == 0) {
                        for (size_t i = 0; r == 0 && i < w.ini.testpaths.n; i++) {
                                glob_t found = {0};

                                if (glob(w.ini.testpaths.v[i], GLOB_NOCHECK, NULL, &found) == 0)
                                        for (size_t k = 0; r == 0 && k < found.gl_pathc; k++)
                                                r = list_path(&w, found.gl_pathv[k]);
                                globfree(&found);
                        }
                } else {
                        r = list_path(&w, ".");
                }
        }
        ini_finish(&w.ini);
        if (r == 0 && fflush(out) != 0)
                r = error_set(err, "list", errno, "write");
        return r < 0 ? r : w.found == 0 ? 5 : 0;
}
