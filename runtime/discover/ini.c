/* How it works: the ini files line by line, pyproject.toml through tree-sitter. */
#include "runtime/discover/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/toml.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

static struct spec_strv *list_of(struct ini *ini, const char *key)
{
        const struct {
                const char *name;
                struct spec_strv *list;
        } lists[] = {
            {"python_files", &ini->python_files},         {"python_classes", &ini->python_classes},
            {"python_functions", &ini->python_functions}, {"testpaths", &ini->testpaths},
            {"norecursedirs", &ini->norecursedirs},
        };

        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
                if (strcmp(lists[i].name, key) == 0)
                        return lists[i].list;
        return NULL;
}

static int add_words(struct spec_strv *list, const char *text)
{
        int r = 0;

        while (r == 0 && *(text += strspn(text, " \t\r\n,")) != '\0' && *text != '#' && *text != ';') {
                size_t n = strcspn(text, " \t\r\n,");
                CLEANUP_FREE char *word = strndup(text, n);

                r = word != NULL ? spec_strv_add(list, word) : -ENOMEM;
                text += n;
        }
        return r;
}

/* 1: the file has the section. */
static int read_ini(struct ini *ini, const char *root, const char *name, const char *section)
{
        char path[PATH_MAX], line[4096], key[64];
        struct spec_strv *list = NULL;
        int found = 0, in_section = 0, r = 0;

        (void)snprintf(path, sizeof path, "%s/%s", root, name);
        CLEANUP_FCLOSE FILE *f = fopen(path, "re");
        while (f != NULL && r == 0 && fgets(line, sizeof line, f) != NULL) {
                char *equals;

                if (line[0] == '[') {
                        line[strcspn(line, "]")] = '\0';
                        in_section = strcmp(line + 1, section) == 0;
                        found |= in_section;
                        list = NULL;
                } else if (in_section && isspace((unsigned char)line[0])) {
                        if (list != NULL)
                                r = add_words(list, line);
                } else if (in_section && line[0] != '#' && line[0] != ';') {
                        equals = strpbrk(line, "=:");
                        if (equals == NULL)
                                continue;
                        (void)snprintf(key, sizeof key, "%.*s", (int)strcspn(line, " \t=:"), line);
                        list = list_of(ini, key);
                        if (list != NULL)
                                r = add_words(list, equals + 1);
                }
        }
        return r < 0 ? r : found;
}

static int take_toml(void *ctx, const struct toml_value *v)
{
        struct spec_strv *list = list_of(ctx, v->key);
        int r = 0;

        if (list == NULL)
                return 0;
        if (v->type == TOML_STRING)
                return add_words(list, v->text);
        for (size_t i = 0; r == 0 && v->type == TOML_ARRAY && i < v->array->n; i++)
                r = spec_strv_add(list, v->array->v[i]);
        return r;
}

static int read_pyproject(struct ini *ini, const char *root, struct error *err)
{
        char path[PATH_MAX];
        CLEANUP_BUF struct buf text = {0};
        int found = 0, r;

        (void)snprintf(path, sizeof path, "%s/pyproject.toml", root);
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || buf_read_fd(&text, fd, 4u << 20) < 0 || text.data == NULL)
                return 0;
        r = toml_table(text.data, text.len, path, "tool.pytest.ini_options", take_toml, ini, &found, err);
        return r < 0 ? r : found;
}

static int defaults(struct spec_strv *list, const char *words)
{
        return list->n == 0 ? add_words(list, words) : 0;
}

int ini_read(struct ini *ret, const char *root, struct error *err)
{
        struct ini ini = {0};
        int r = read_ini(&ini, root, "pytest.ini", "pytest");

        if (r == 0)
                r = read_ini(&ini, root, ".pytest.ini", "pytest");
        if (r == 0)
                r = read_pyproject(&ini, root, err);
        if (r == 0)
                r = read_ini(&ini, root, "tox.ini", "pytest");
        if (r == 0)
                r = read_ini(&ini, root, "setup.cfg", "tool:pytest");
        if (r == -EINVAL) {
                ini_finish(&ini);
                return r;
        }
        if (r >= 0)
                r = defaults(&ini.python_files, "test_*.py *_test.py");
        if (r == 0)
                r = defaults(&ini.python_classes, "Test");
        if (r == 0)
                r = defaults(&ini.python_functions, "test");
        if (r == 0)
                r = defaults(&ini.norecursedirs, "*.egg .* _darcs build CVS dist node_modules venv {arch}");
        if (r < 0) {
                ini_finish(&ini);
                return error_set(err, "list", ENOMEM, "read the settings of pytest in %s", root);
        }
        *ret = ini;
        return 0;
}

void ini_finish(struct ini *ini)
{
        struct spec_strv *const lists[] = {&ini->python_files, &ini->python_classes, &ini->python_functions,
                                           &ini->testpaths, &ini->norecursedirs};

        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
                for (size_t k = 0; k < lists[i]->n; k++)
                        free(lists[i]->v[k]);
                free(lists[i]->v);
        }
        *ini = (struct ini){0};
}

int ini_matches(const struct spec_strv *patterns, const char *name)
{
        for (size_t i = 0; i < patterns->n; i++) {
                const char *p = patterns->v[i];

                if (strncmp(name, p, strlen(p)) == 0 ||
                    (strpbrk(p, "*?[") != NULL && fnmatch(p, name, 0) == 0))
                        return 1;
        }
        return 0;
}
