/* Where modules are, as importlib's PathFinder looks for them: folders are listed once, and what was found is
 * remembered. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/discover/library_internal.h"
#include "runtime/discover/names.h"
#include "spec/base/cleanup.h"

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
        s = library_shelf(library, key);
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

                if (stem == 0 || strchr(d->d_name, ' ') != NULL)
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
        s = library_shelf(library, dir);
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
        s = library_shelf(library, key);
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

/* The shelf of a dotted name without dots before it, as files in the package that lies in BASE spell it. */
static struct shelf *absolute(struct library *library, const char *base, const char *dotted)
{
        size_t n = strcspn(dotted, ".");
        char head[256], key[PATH_MAX + 256];
        struct shelf *top, *s;

        if (n == 0 || n >= sizeof head)
                return NULL;
        memcpy(head, dotted, n);
        head[n] = '\0';
        if (dotted[n] == '\0') {
                top = top_level(library, base, head);
                if (top != NULL && top->found == FOUND_SOURCE && top->path == NULL)
                        top->found = FOUND_MAYBE;
                return top;
        }
        if (snprintf(key, sizeof key, ">%s:%s", base != NULL ? base : "", dotted) >= (int)sizeof key)
                return NULL;
        s = library_shelf(library, key);
        if (s == NULL || s->tried)
                return s;
        s->tried = true;
        top = absolute(library, base, head);
        s->found = top != NULL ? top->found : FOUND_MAYBE;
        s->path = top != NULL ? top->path : NULL;
        if (s->found == FOUND_SOURCE)
                s->found = below(library, &s->path, dotted + n + 1);
        return s;
}

enum found library_find(struct library *library, const struct module *from, int level, const char *dotted,
                        const char **ret_path)
{
        char dir[PATH_MAX];
        const char *path;
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
                if (dotted[0] == '\0' && strlen(dir) + 13 < sizeof dir &&
                    is_file(strcat(dir, "/__init__.py")))
                        path = arena_strn(&library->names, dir, strlen(dir));
                found = below(library, &path, dotted);
        } else {
                s = absolute(library, base_of(library, from->path), dotted);
                if (s == NULL)
                        return FOUND_MAYBE;
                path = s->path;
                found = s->found;
        }
        if (found == FOUND_SOURCE && ret_path != NULL)
                *ret_path = path;
        return found;
}
