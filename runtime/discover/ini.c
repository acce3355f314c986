/* How it works: a .ini file is read line by line as iniconfig does (a line that begins with a blank continues
 * the value before it); a TOML file by the shared reader. Either way each value ends up in ini_value. */
#include "runtime/discover/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/toml.h"
#include "runtime/discover/names.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_INI ((size_t)4 << 20)

static const struct key {
        const char *name;
        size_t offset;
        const char *standard; /* pytest's default */
} keys[] = {
    {"addopts", offsetof(struct ini, addopts), ""},
    {"doctest_encoding", offsetof(struct ini, doctest_encoding), "utf-8"},
    {"norecursedirs", offsetof(struct ini, norecursedirs),
     "*.egg .* _darcs build CVS dist node_modules venv {arch}"},
    {"python_classes", offsetof(struct ini, python_classes), "Test"},
    {"python_files", offsetof(struct ini, python_files), "test_*.py *_test.py"},
    {"python_functions", offsetof(struct ini, python_functions), "test"},
    {"pythonpath", offsetof(struct ini, pythonpath), ""},
    {"DJANGO_SETTINGS_MODULE", offsetof(struct ini, django_settings), ""},
    {"testpaths", offsetof(struct ini, testpaths), ""},
    {"usefixtures", offsetof(struct ini, usefixtures), ""},
};
#define N_KEYS (sizeof keys / sizeof keys[0])

static const char raw_ids[] = "disable_test_id_escaping_and_forfeit_all_rights_to_community_support";

static bool in_set(const char **pattern, char c)
{
        const char *p = *pattern;
        bool negate = *p == '!', found = false;

        if (negate)
                p++;
        for (bool first = true; *p != ']' || first; first = false, p++)
                if (p[1] == '-' && p[2] != ']' && p[2] != '\0') {
                        found |= (unsigned char)p[0] <= (unsigned char)c &&
                                 (unsigned char)c <= (unsigned char)p[2];
                        p += 2;
                } else {
                        found |= *p == c;
                }
        *pattern = p + 1;
        return found != negate;
}

static bool set_ends(const char *p)
{
        if (*p == '!')
                p++;
        if (*p == ']')
                p++;
        return strchr(p, ']') != NULL;
}

bool ini_fnmatch(const char *pattern, const char *name)
{
        const char *star = NULL, *back = NULL;

        while (*name != '\0') {
                if (*pattern == '*') {
                        star = ++pattern;
                        back = name;
                        continue;
                }
                if (*pattern == '[' && set_ends(pattern + 1)) {
                        const char *p = pattern + 1;

                        if (in_set(&p, *name)) {
                                pattern = p;
                                name++;
                                continue;
                        }
                } else if (*pattern == '?' || (*pattern == *name && *pattern != '\0')) {
                        pattern++;
                        name++;
                        continue;
                }
                if (star == NULL)
                        return false;
                pattern = star;
                name = ++back;
        }
        while (*pattern == '*')
                pattern++;
        return *pattern == '\0';
}

int ini_words(struct spec_strv *strv, const char *text)
{
        CLEANUP_BUF struct buf word = {0};
        int r = 0;

        for (const char *p = text; r == 0 && *p != '\0';) {
                char quote = '\0';

                if (isspace((unsigned char)*p)) {
                        p++;
                        continue;
                }
                buf_reset(&word);
                r = buf_add(&word, "", 0);
                for (; r == 0 && *p != '\0' && (quote != '\0' || !isspace((unsigned char)*p)); p++)
                        if (quote == '\0' && (*p == '"' || *p == '\''))
                                quote = *p;
                        else if (*p == quote)
                                quote = '\0';
                        else
                                r = buf_add(&word, p, 1);
                if (r == 0)
                        r = spec_strv_add(strv, word.data);
        }
        return r;
}

static struct spec_strv *list_at(struct ini *ini, size_t offset)
{
        return (struct spec_strv *)(void *)((char *)ini + offset);
}

static int ini_value(struct ini *ini, const char *name, const char *text, const struct spec_strv *array)
{
        int r = 0;

        if (strcmp(name, raw_ids) == 0)
                ini->raw_ids = strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 ||
                               strcasecmp(text, "on") == 0 || strcmp(text, "1") == 0;
        for (size_t i = 0; i < N_KEYS; i++)
                if (strcmp(name, keys[i].name) == 0) {
                        struct spec_strv *strv = list_at(ini, keys[i].offset);

                        spec_strv_finish(strv);
                        if (array == NULL)
                                return ini_words(strv, text);
                        for (size_t k = 0; r == 0 && k < array->n; k++)
                                r = spec_strv_add(strv, array->v[k]);
                }
        return r;
}

static int toml_each(void *ctx, const struct toml_value *value)
{
        return ini_value(ctx, value->key, value->text, value->type == TOML_ARRAY ? value->array : NULL);
}

/* Cuts blanks from both ends of the N bytes at S, in place. */
static char *trim(char *s)
{
        size_t n;

        while (isspace((unsigned char)*s))
                s++;
        for (n = strlen(s); n > 0 && isspace((unsigned char)s[n - 1]); n--)
                s[n - 1] = '\0';
        return s;
}

/* Sets *RET_FOUND if TEXT (changed on the way) has [SECTION]. */
static int read_ini(struct ini *ini, char *text, const char *section, int *ret_found)
{
        CLEANUP_BUF struct buf value = {0};
        char *name = NULL, *rest = text, *line;
        bool inside = false;
        int r = 0;

        while (r == 0 && (line = strsep(&rest, "\n")) != NULL) {
                char *content, *sep;

                if (line[0] == '#' || line[0] == ';')
                        continue;
                if (isspace((unsigned char)line[0])) {
                        content = trim(line);
                        if (content[0] != '\0' && content[0] != '#' && content[0] != ';' && name != NULL)
                                r = buf_addf(&value, "\n%s", content);
                        continue;
                }
                if (line[0] == '\0')
                        continue;
                if (name != NULL)
                        r = ini_value(ini, name, value.data, NULL);
                name = NULL;
                if (line[0] == '[') {
                        sep = strchr(line, ']');
                        if (sep != NULL)
                                *sep = '\0';
                        inside = strcmp(line + 1, section) == 0;
                        *ret_found |= inside;
                        continue;
                }
                sep = line + strcspn(line, "=:");
                if (!inside || *sep == '\0')
                        continue;
                *sep = '\0';
                name = trim(line);
                content = trim(sep + 1);
                buf_reset(&value);
                r = buf_adds(&value, content);
        }
        return r == 0 && name != NULL ? ini_value(ini, name, value.data, NULL) : r;
}

static int read_file(struct ini *ini, const char *path, const char *section, int *ret_found,
                     struct error *err)
{
        const char *slash = strrchr(path, '/'), *file = slash != NULL ? slash + 1 : path;
        CLEANUP_BUF struct buf text = {0};
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? 0 : error_set(err, "list", errno, "%s", path);
        r = buf_add(&text, "", 0);
        if (r == 0)
                r = buf_read_fd(&text, fd, MAX_INI);
        if (r < 0)
                return error_set(err, "list", -r, "read %s", path);
        if (strstr(file, "pytest.toml") != NULL)
                *ret_found = 1;
        if (strstr(file, ".toml") != NULL)
                return toml_table(text.data, text.len, path, section, toml_each, ini, ret_found, err);
        if (strstr(file, "pytest.ini") != NULL)
                *ret_found = strcmp(file, "pytest.ini") == 0;
        return read_ini(ini, text.data, section, ret_found);
}

/* The settings that -c names: the sections that its name's end has. */
static int read_given(struct ini *ini, const char *file, struct error *err)
{
        int found = 0, r;

        if (names_end_with(file, ".cfg"))
                return read_file(ini, file, "tool:pytest", &found, err);
        if (!names_end_with(file, ".toml"))
                return read_file(ini, file, "pytest", &found, err);
        r = read_file(ini, file, "tool.pytest", &found, err);
        return r == 0 && !found ? read_file(ini, file, "tool.pytest.ini_options", &found, err) : r;
}

int ini_read(struct ini *ret, const char *root, const char *file, struct error *err)
{
        static const char *const files[][2] = {{"pytest.toml", "pytest"}, /* since pytest 9 */
                                               {".pytest.toml", "pytest"},
                                               {"pytest.ini", "pytest"},
                                               {".pytest.ini", "pytest"},
                                               {"pyproject.toml", "tool.pytest"}, /* since pytest 9 */
                                               {"pyproject.toml", "tool.pytest.ini_options"},
                                               {"tox.ini", "pytest"},
                                               {"setup.cfg", "tool:pytest"}};
        int found = 0, r = 0;

        *ret = (struct ini){0};
        for (size_t i = 0; r == 0 && i < N_KEYS; i++)
                r = ini_value(ret, keys[i].name, keys[i].standard, NULL);
        if (r == 0 && file != NULL)
                r = read_given(ret, file, err);
        for (size_t i = 0; r == 0 && file == NULL && !found && i < sizeof files / sizeof files[0]; i++) {
                char path[PATH_MAX];

                if (snprintf(path, sizeof path, "%s/%s", root, files[i][0]) < (int)sizeof path)
                        r = read_file(ret, path, files[i][1], &found, err);
        }
        if (r == -ENOMEM)
                (void)error_set(err, "list", ENOMEM, "pytest's settings");
        if (r < 0)
                ini_finish(ret);
        return r;
}

/* Options that may be given many times. */
static const struct {
        const char *name;
        size_t offset;
} lists[] = {{"--deselect", offsetof(struct ini, deselect)},
             {"--doctest-glob", offsetof(struct ini, doctest_globs)},
             {"--ignore", offsetof(struct ini, ignore)},
             {"--ignore-glob", offsetof(struct ini, ignore_globs)}};
#define N_LISTS (sizeof lists / sizeof lists[0])

/* The value of the option NAME, if the word at *I is it; *I is then at the last of its words. */
static const char *value_of(const struct spec_strv *words, size_t *i, const char *name)
{
        const char *word = words->v[*i];
        size_t n = strlen(name);

        if (word == NULL || strncmp(word, name, n) != 0)
                return NULL;
        if (word[n] == '\0')
                return *i + 1 < words->n ? words->v[++*i] : NULL;
        return word[n] == '=' ? word + n + 1 : name[1] != '-' ? word + n : NULL;
}

/* NAME=VALUE */
static int override(struct ini *ini, const char *text)
{
        const char *sep = strchr(text, '=');
        CLEANUP_FREE char *name = sep != NULL ? strndup(text, (size_t)(sep - text)) : NULL;

        return sep == NULL ? 0 : name == NULL ? -ENOMEM : ini_value(ini, name, sep + 1, NULL);
}

int ini_apply(struct ini *ini, const struct spec_strv *words)
{
        static const struct {
                const char *name;
                size_t offset;
        } flags[] = {{"--doctest-modules", offsetof(struct ini, doctest_modules)},
                     {"--noconftest", offsetof(struct ini, no_conftest)},
                     {"--collect-in-virtualenv", offsetof(struct ini, in_virtualenv)}};
        const char *value;
        int r = 0;

        for (size_t i = 0; r == 0 && i < words->n; i++) {
                const char *word = words->v[i];

                if ((value = value_of(words, &i, "-o")) != NULL ||
                    (value = value_of(words, &i, "--override-ini")) != NULL)
                        r = override(ini, value);
                else if ((value = value_of(words, &i, "--import-mode")) != NULL)
                        ini->import_mode = strcmp(value, "prepend") == 0  ? NULL
                                           : strcmp(value, "append") == 0 ? "append"
                                                                          : "importlib";
                for (size_t k = 0; k < sizeof flags / sizeof flags[0]; k++)
                        if (word != NULL && strcmp(word, flags[k].name) == 0)
                                *((bool *)(void *)((char *)ini + flags[k].offset)) = true;
                value = NULL;
                for (size_t k = 0; value == NULL && word == words->v[i] && k < N_LISTS; k++)
                        if ((value = value_of(words, &i, lists[k].name)) != NULL)
                                r = spec_strv_add(list_at(ini, lists[k].offset), value);
        }
        return r;
}

bool ini_deselects(const struct ini *ini, const char *nodeid)
{
        for (size_t i = 0; i < ini->deselect.n; i++)
                if (strncmp(nodeid, ini->deselect.v[i], strlen(ini->deselect.v[i])) == 0)
                        return true;
        return false;
}

void ini_finish(struct ini *ini)
{
        for (size_t i = 0; i < N_LISTS; i++)
                spec_strv_finish(list_at(ini, lists[i].offset));
        for (size_t i = 0; i < N_KEYS; i++)
                spec_strv_finish(list_at(ini, keys[i].offset));
}
