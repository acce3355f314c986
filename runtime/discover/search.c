/* How it works: what site.py does, without running it. The interpreter's folder is the real path of its
 * program; the version is in that name, else in the name of a lib/pythonX.Y beside it. A pyvenv.cfg next to
 * the program's folder makes it a virtual environment. */
#include "runtime/discover/search.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

static const char builtin[] = " __main__ _abc _ast _bisect _blake2 _codecs _collections _csv _datetime "
                              "_elementtree _functools _heapq _imp _io "
                              "_locale _md5 _operator _pickle _posixsubprocess _random _sha1 _sha256 _sha512 "
                              "_signal _socket _sre _stat _statistics "
                              "_string _struct _symtable _thread _tracemalloc _typing _warnings _weakref "
                              "array atexit binascii builtins "
                              "cmath errno faulthandler fcntl gc grp itertools marshal math posix pwd "
                              "pyexpat select spwd sys syslog time "
                              "unicodedata xxsubtype zlib ";

bool search_is_builtin(const char *name)
{
        size_t n = strlen(name);

        for (const char *p = builtin; n > 0 && (p = strstr(p, name)) != NULL; p += n)
                if (p[-1] == ' ' && p[n] == ' ')
                        return true;
        return false;
}

const char *search_needs(const char *name)
{
        static const char *const needs[][2] = {
            {"bz2", "_bz2"},        {"ctypes", "_ctypes"},     {"curses", "_curses"}, {"idlelib", "_tkinter"},
            {"lzma", "_lzma"},      {"sqlite3", "_sqlite3"},   {"ssl", "_ssl"},       {"tkinter", "_tkinter"},
            {"turtle", "_tkinter"}, {"turtledemo", "_tkinter"}};

        for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++)
                if (strcmp(name, needs[i][0]) == 0)
                        return needs[i][1];
        return NULL;
}

static int add(struct search *s, const char *dir)
{
        for (size_t i = 0; i < s->dirs.n; i++)
                if (strcmp(s->dirs.v[i], dir) == 0)
                        return 0;
        return access(dir, X_OK) == 0 ? spec_strv_add(&s->dirs, dir) : 0;
}

/* A line of a .pth file: a folder, or code. */
static int pth_line(struct search *s, const char *dir, char *line)
{
        char path[PATH_MAX];

        line[strcspn(line, "\r\n")] = '\0';
        if (strncmp(line, "import ", 7) == 0 || strncmp(line, "import\t", 7) == 0) {
                if (strstr(line, "editable") != NULL)
                        s->hooked = true;
                return 0;
        }
        if (line[0] == '#' || line[0] == '\0' ||
            snprintf(path, sizeof path, "%s%s%s", line[0] == '/' ? "" : dir, line[0] == '/' ? "" : "/",
                     line) >= (int)sizeof path)
                return 0;
        return add(s, path);
}

static int pth_file(struct search *s, const char *dir, const char *name)
{
        char path[PATH_MAX], line[PATH_MAX];
        CLEANUP_FCLOSE FILE *f = NULL;
        int r = 0;

        if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path ||
            (f = fopen(path, "re")) == NULL)
                return 0;
        while (r == 0 && fgets(line, sizeof line, f) != NULL)
                r = pth_line(s, dir, line);
        return r;
}

/* A site-packages folder, with what its .pth files add. */
static int add_site(struct search *s, const char *dir)
{
        struct dirent *d;
        DIR *stream;
        int r = add(s, dir);

        if (r < 0 || (stream = opendir(dir)) == NULL)
                return r;
        while (r == 0 && (d = readdir(stream)) != NULL) {
                size_t n = strlen(d->d_name);

                if (n > 4 && strcmp(d->d_name + n - 4, ".pth") == 0)
                        r = pth_file(s, dir, d->d_name);
        }
        (void)closedir(stream);
        return r;
}

static int __attribute__((format(printf, 3, 4))) addf(struct search *s, bool site, const char *format, ...)
{
        char path[PATH_MAX];
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(path, sizeof path, format, args);
        va_end(args);
        return n >= (int)sizeof path ? 0 : site ? add_site(s, path) : add(s, path);
}

/* "3.11" of "/usr/bin/python3.11", else of PREFIX/lib/python3.11. */
static bool version_of(const char *program, const char *prefix, char *ret, size_t size)
{
        const char *base = strrchr(program, '/') + 1;
        char lib[PATH_MAX];
        struct dirent *d;
        bool found = false;
        DIR *stream;

        if (strncmp(base, "python3.", 8) == 0 && strlen(base) < size) {
                (void)snprintf(ret, size, "%s", base + 6);
                return true;
        }
        if (snprintf(lib, sizeof lib, "%s/lib", prefix) >= (int)sizeof lib || (stream = opendir(lib)) == NULL)
                return false;
        while (!found && (d = readdir(stream)) != NULL)
                if (strncmp(d->d_name, "python3.", 8) == 0 && strlen(d->d_name) < size) {
                        (void)snprintf(ret, size, "%s", d->d_name + 6);
                        found = true;
                }
        (void)closedir(stream);
        return found;
}

static void up(char *path)
{
        char *slash = strrchr(path, '/');

        if (slash != NULL)
                *slash = '\0';
}

/* Reads "home = DIR" and "include-system-site-packages = true" of a virtual environment. */
static bool read_venv(const char *venv, char home[PATH_MAX], bool *ret_system)
{
        char path[PATH_MAX], line[PATH_MAX];
        CLEANUP_FCLOSE FILE *f = NULL;
        bool found = false;

        *ret_system = false;
        if (snprintf(path, sizeof path, "%s/pyvenv.cfg", venv) >= (int)sizeof path ||
            (f = fopen(path, "re")) == NULL)
                return false;
        while (fgets(line, sizeof line, f) != NULL) {
                char *value = strchr(line, '=');

                if (value == NULL)
                        continue;
                value += 1 + strspn(value + 1, " \t");
                value[strcspn(value, "\r\n")] = '\0';
                if (strncmp(line, "home", 4) == 0 && strchr(" =\t", line[4]) != NULL) {
                        (void)snprintf(home, PATH_MAX, "%s", value);
                        found = true;
                } else if (strncmp(line, "include-system-site-packages", 28) == 0) {
                        *ret_system = strcasecmp(value, "true") == 0;
                }
        }
        return found;
}

static int add_interpreter(struct search *s, const char *python)
{
        char real[PATH_MAX], venv[PATH_MAX], prefix[PATH_MAX], version[32], home[PATH_MAX];
        const char *user = getenv("HOME");
        bool is_venv, system = true;
        int r;

        if (realpath(python, real) == NULL)
                return 0;
        (void)snprintf(venv, sizeof venv, "%s", python);
        up(venv);
        up(venv);
        is_venv = read_venv(venv, home, &system);
        (void)snprintf(prefix, sizeof prefix, "%s", real);
        up(prefix);
        up(prefix);
        if (!version_of(real, prefix, version, sizeof version))
                return 0;
        r = addf(s, false, "%s/lib/python%s", prefix, version);
        if (r == 0)
                s->complete = s->dirs.n > 0;
        if (r == 0 && s->dirs.n > s->n_project)
                s->standard = s->dirs.v[s->n_project];
        if (r == 0)
                r = addf(s, false, "%s/lib/python%s/lib-dynload", prefix, version);
        if (r == 0 && is_venv)
                r = addf(s, true, "%s/lib/python%s/site-packages", venv, version);
        if (is_venv && !system)
                return r;
        if (r == 0 && user != NULL)
                r = addf(s, true, "%s/.local/lib/python%s/site-packages", user, version);
        if (r == 0)
                r = addf(s, true, "%s/lib/python%s/site-packages", prefix, version);
        if (r == 0 && strcmp(prefix, "/usr") == 0)
                r = addf(s, true, "/usr/local/lib/python%s/dist-packages", version);
        if (r == 0 && strcmp(prefix, "/usr") == 0)
                r = addf(s, true, "%s/lib/python3/dist-packages", prefix);
        return r;
}

int search_init(struct search *ret, const char *python, const char *root, const struct spec_strv *project)
{
        struct search s = {.root = root};
        const char *path = getenv("PYTHONPATH");
        char cwd[PATH_MAX], dir[PATH_MAX];
        int r = 0;

        for (size_t i = 0; r == 0 && i < project->n; i++)
                if (snprintf(dir, sizeof dir, "%s%s%s", project->v[i][0] == '/' ? "" : root,
                             project->v[i][0] == '/' ? "" : "/", project->v[i]) < (int)sizeof dir)
                        r = add(&s, dir);
        for (const char *p = path; r == 0 && p != NULL && *p != '\0';) {
                size_t n = strcspn(p, ":");

                if (n > 0 && n < sizeof dir) {
                        memcpy(dir, p, n);
                        dir[n] = '\0';
                        r = add(&s, dir);
                }
                p += n + (p[n] == ':');
        }
        if (r == 0 && getcwd(cwd, sizeof cwd) != NULL)
                r = add(&s, cwd);
        if (r == 0)
                r = add(&s, root);
        s.n_project = s.dirs.n;
        if (r == 0 && python != NULL)
                r = add_interpreter(&s, python);
        if (r < 0) {
                search_finish(&s);
                return r;
        }
        *ret = s;
        return 0;
}

void search_finish(struct search *search)
{
        spec_strv_finish(&search->dirs);
        *search = (struct search){0};
}
