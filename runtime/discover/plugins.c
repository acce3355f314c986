/* How it works: pytest registers its own plugins first (default_plugins in _pytest/config/__init__.py), then
 * those of -p, of installed distributions (entry points of the group pytest11), of PYTEST_PLUGINS, and
 * what conftest files name in pytest_plugins. All of it is text in the interpreter's folders. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/fixtures.h"

static bool has_plugin(const struct fixtures *f, const struct facts *file)
{
        for (size_t i = 0; i < f->n_plugins; i++)
                if (f->plugins[i]->file == file)
                        return true;
        return false;
}

static void unknown(struct fixtures *f, const char *why)
{
        if (f->plugins_known)
                f->plugins_why = arena_strn(f->arena, why, strlen(why));
        f->plugins_known = false;
}

bool fixtures_add_plugin(struct fixtures *f, const struct facts *file, const char *name)
{
        struct holder *h;

        if (has_plugin(f, file))
                return true;
        h = fixtures_holder(f, file, NULL, arena_strn(f->arena, name, strlen(name)));
        if (h == NULL)
                return false;
        if (f->n_plugins == f->cap_plugins) {
                size_t cap = f->cap_plugins * 2 + 64;
                struct holder **v =
                    arena_grow(f->arena, f->plugins, f->n_plugins * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return false;
                f->plugins = v;
                f->cap_plugins = cap;
        }
        f->plugins[f->n_plugins++] = h;
        if (strstr(file->path, "/_pytest/") == NULL &&
            facts_find(&file->scope, "pytest_generate_tests") != NULL)
                f->dynamic |= DYNAMIC_HOOK;
        fixtures_follow_plugins(f, file);
        return true;
}

static const char *pytest_file(struct fixtures *f, const char *module)
{
        static const struct facts nowhere = {.path = "/"};

        return sources_find(f->sources, &nowhere, module);
}

/* Loads module NAME as a plugin; a name of pytest's own stands for _pytest.NAME. */
static void load(struct fixtures *f, const struct facts *from, const char *name)
{
        struct facts *file = NULL;

        if (strchr(name, '.') == NULL &&
            (strcmp(name, "pytester") == 0 || strcmp(name, "pytester_assertions") == 0))
                name = arena_printf(f->arena, "_pytest.%s", name);
        if (name != NULL)
                file = sources_module(f->sources, from, name);
        if (file == NULL || !fixtures_add_plugin(f, file, name))
                unknown(f, name != NULL ? name : "memory");
}

void fixtures_follow_plugins(struct fixtures *f, const struct facts *file)
{
        if (file->plugins_unsure)
                unknown(f, file->path);
        for (size_t i = 0; i < file->plugins.n; i++)
                load(f, file, file->plugins.v[i]);
}

/* "version = '7.2.1'", or "__version__ = version = ..." */
static int read_major(const char *path)
{
        char line[200];
        FILE *file = fopen(path, "re");
        int major = 0;

        while (file != NULL && major == 0 && fgets(line, sizeof line, file) != NULL) {
                const char *quote = strpbrk(line, "'\"");

                if (quote != NULL && strstr(line, "version = ") != NULL && strstr(line, "version = ") < quote)
                        (void)sscanf(quote + 1, "%d", &major);
        }
        if (file != NULL)
                (void)fclose(file);
        return major;
}

/* Pytest's own: the strings in its configuration that are modules beside it are default_plugins. */
static void load_own(struct fixtures *f)
{
        static const struct facts nowhere = {.path = "/"};
        const char *version = pytest_file(f, "_pytest._version");
        const struct facts *config = sources_module(f->sources, &nowhere, "_pytest.config");

        if (config == NULL) {
                unknown(f, "pytest is not where its interpreter would find it");
                return;
        }
        if (version != NULL)
                f->pytest_major = read_major(version);
        version = pytest_file(f, "_pytest.fixtures");
        f->depth_first = version != NULL && sources_mentions(version, "def traverse_fixture_closure");
        for (size_t i = 0; i < config->strings.n; i++) {
                const char *name = config->strings.v[i], *path;
                struct facts *facts;

                if (strncmp(name, "pytester", 8) == 0) /* only where it is asked for */
                        continue;
                path = arena_printf(f->arena, "_pytest.%s", name);
                path = path != NULL ? pytest_file(f, path) : NULL;
                facts = path != NULL && (sources_mentions(path, "@fixture") ||
                                         sources_mentions(path, "@pytest.fixture"))
                            ? sources_file(f->sources, path)
                            : NULL;
                if (facts != NULL)
                        (void)fixtures_add_plugin(f, facts, name);
        }
}

/* The modules of [pytest11] in an entry_points.txt. */
static void load_entry_points(struct fixtures *f, const char *path, const struct spec_strv *options)
{
        static const struct facts nowhere = {.path = "/"};
        char line[1000];
        bool inside = false;
        FILE *file = fopen(path, "re");

        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
                char *value = strchr(line, '='), *name = line;
                bool blocked = false;

                if (line[0] == '[')
                        inside = strncmp(line, "[pytest11]", 10) == 0;
                if (!inside || line[0] == '[' || line[0] == '#' || value == NULL)
                        continue;
                *value++ = '\0';
                value += strspn(value, " \t");
                value[strcspn(value, " \t\r\n[:")] = '\0';
                name[strcspn(name, " \t")] = '\0';
                for (size_t i = 0; options != NULL && i < options->n; i++) {
                        const char *word = options->v[i];

                        if (strncmp(word, "-p", 2) == 0)
                                word += 2;
                        blocked |= strncmp(word, "no:", 3) == 0 && strcmp(word + 3, name) == 0;
                }
                if (value[0] != '\0' && !blocked)
                        load(f, &nowhere, value);
        }
        if (file != NULL)
                (void)fclose(file);
}

static int by_name(const void *a, const void *b)
{
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void load_installed(struct fixtures *f, const char *dir, const struct spec_strv *options)
{
        struct names found = {0};
        struct dirent *d;
        DIR *stream = opendir(dir);

        while (stream != NULL && (d = readdir(stream)) != NULL) {
                size_t n = strlen(d->d_name);

                if ((n > 10 && strcmp(d->d_name + n - 10, ".dist-info") == 0) ||
                    (n > 9 && strcmp(d->d_name + n - 9, ".egg-info") == 0))
                        (void)names_add(f->arena, &found, d->d_name);
        }
        if (stream != NULL)
                (void)closedir(stream);
        if (found.n > 1)
                qsort(found.v, found.n, sizeof *found.v, by_name);
        for (size_t i = 0; i < found.n; i++) {
                char path[PATH_MAX];

                if (snprintf(path, sizeof path, "%s/%s/entry_points.txt", dir, found.v[i]) < (int)sizeof path)
                        load_entry_points(f, path, options);
        }
}

/* Plugins that WORDS name after -p. */
static void load_options(struct fixtures *f, const struct spec_strv *words, bool *autoload)
{
        static const struct facts nowhere = {.path = "/"};

        for (size_t i = 0; words != NULL && i < words->n; i++) {
                const char *word = words->v[i];

                if (strcmp(word, "--disable-plugin-autoload") == 0)
                        *autoload = false;
                if (strncmp(word, "-p", 2) != 0)
                        continue;
                word += 2;
                if (*word == '\0' && i + 1 < words->n)
                        word = words->v[++i];
                word += strspn(word, " ");
                if (strncmp(word, "no:", 3) != 0 && *word != '\0')
                        load(f, &nowhere, word);
        }
}

int fixtures_plugins(struct fixtures *f, const struct spec_strv *options, struct error *err)
{
        static const struct facts nowhere = {.path = "/"};
        const char *named = getenv("PYTEST_PLUGINS"), *more = getenv("PYTEST_ADDOPTS");
        bool autoload = getenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD") == NULL;
        const struct names *dirs[] = {&f->sources->roots, &f->sources->site};

        f->plugins_known = f->sources->search.complete;
        if (!f->plugins_known)
                f->plugins_why = "the interpreter's folders cannot be told without starting it";
        load_own(f);
        load_options(f, &f->ini->addopts, &autoload);
        load_options(f, options, &autoload);
        if (more != NULL && (strstr(more, "-p") != NULL || strstr(more, "plugin") != NULL))
                unknown(f, "PYTEST_ADDOPTS");
        for (size_t i = 0; autoload && i < sizeof dirs / sizeof *dirs; i++)
                for (size_t k = 0; k < dirs[i]->n; k++)
                        load_installed(f, dirs[i]->v[k], options);
        while (named != NULL && *named != '\0') {
                size_t n = strcspn(named, ",");
                const char *name = arena_strn(f->arena, named, n);

                if (n > 0 && name != NULL)
                        load(f, &nowhere, name);
                named += n + (named[n] == ',');
        }
        return f->arena->failed ? error_set(err, "list", ENOMEM, "the plugins") : 0;
}
