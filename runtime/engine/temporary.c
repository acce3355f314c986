#include "runtime/engine/temporary.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spec/base/cleanup.h"

static const char *value_of(const struct spec_strv *env, const char *name)
{
        const size_t n = strlen(name);

        for (size_t i = 0; i < env->n; i++)
                if (strncmp(env->v[i], name, n) == 0 && env->v[i][n] == '=')
                        return env->v[i] + n + 1;
        return NULL;
}

static int lies_in(const char *path, const char *dir)
{
        const size_t n = strlen(dir);

        return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

static int is_usable(const char *path, const char *home, const char *project)
{
        struct stat st;

        return strcmp(path, "/") != 0 && stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
               access(path, W_OK | X_OK) == 0 && (home == NULL || !lies_in(home, path)) &&
               (project == NULL || !lies_in(path, project));
}

static int by_length(const void *a, const void *b)
{
        const size_t one = strlen(*(char *const *)a), other = strlen(*(char *const *)b);

        return (one > other) - (one < other);
}

int temporary_find(const struct spec_strv *env, const char *project, char *ret[TEMPORARY_MAX])
{
        static const char *const names[TEMPORARY_MAX] = {"TMPDIR", "TEMP", "TMP", "PYTEST_DEBUG_TEMPROOT"};
        const char *given = value_of(env, "HOME");
        CLEANUP_FREE char *home = given != NULL ? realpath(given, NULL) : NULL;
        int n = 0;

        for (size_t i = 0; i < TEMPORARY_MAX; i++) {
                const char *value = value_of(env, names[i]);
                char *path = value != NULL && value[0] == '/' ? realpath(value, NULL) : NULL;
                int known = path == NULL || !is_usable(path, home, project);

                if (path == NULL && errno == ENOMEM && value != NULL && value[0] == '/')
                        return -ENOMEM;
                for (int k = 0; !known && k < n; k++)
                        known = strcmp(path, ret[k]) == 0;
                if (known)
                        free(path);
                else
                        ret[n++] = path;
        }
        qsort(ret, (size_t)n, sizeof *ret, by_length);
        return n;
}
