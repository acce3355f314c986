/* How it works: every file enters its path, the folders above it and its module's name into hash tables. A
 * dotted name is followed folder by folder from each place where its first word is. */
#include "runtime/discover/import_index.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { DIR_PLAIN = 1, DIR_ROOT = 2 };

static uint32_t hash(const char *s, size_t n)
{
        uint32_t h = 2166136261u;

        for (size_t i = 0; i < n; i++)
                h = (h ^ (unsigned char)s[i]) * 16777619u;
        return h;
}

static size_t slot(const struct import_table *t, const char *key, size_t n)
{
        size_t at = hash(key, n) & (t->cap - 1);

        while (t->keys[at] != NULL && (strncmp(t->keys[at], key, n) != 0 || t->keys[at][n] != '\0'))
                at = (at + 1) & (t->cap - 1);
        return at;
}

uint32_t import_table_get(const struct import_table *t, const char *key, size_t n)
{
        size_t at = t->cap > 0 ? slot(t, key, n) : 0;

        return t->cap == 0 || t->keys[at] == NULL ? IMPORT_NONE : t->values[at];
}

bool import_table_set(struct arena *arena, struct import_table *t, const char *key, uint32_t value)
{
        size_t at;

        if (t->n * 2 >= t->cap) {
                struct import_table more = {.n = t->n, .cap = t->cap > 0 ? t->cap * 2 : 64};

                more.keys = arena_get(arena, more.cap * sizeof *more.keys);
                more.values = arena_get(arena, more.cap * sizeof *more.values);
                if (more.keys == NULL || more.values == NULL)
                        return false;
                for (size_t i = 0; i < t->cap; i++)
                        if (t->keys[i] != NULL) {
                                at = slot(&more, t->keys[i], strlen(t->keys[i]));
                                more.keys[at] = t->keys[i];
                                more.values[at] = t->values[i];
                        }
                *t = more;
        }
        at = slot(t, key, strlen(key));
        t->n += t->keys[at] == NULL;
        t->keys[at] = key;
        t->values[at] = value;
        return true;
}

bool import_list_add(struct arena *arena, struct import_list *list, uint32_t n)
{
        for (size_t i = list->n > 16 ? list->n - 16 : 0; i < list->n; i++)
                if (list->v[i] == n)
                        return true;
        if (!arena_room(arena, &list->v, list->n, &list->cap, sizeof *list->v))
                return false;
        list->v[list->n++] = n;
        return true;
}

static uint32_t place_of(struct import_index *x, const char *dir, size_t n)
{
        uint32_t number = import_table_get(&x->place_numbers, dir, n);
        size_t cap = x->cap_places;
        const char *copy;

        if (number != IMPORT_NONE)
                return number;
        copy = arena_strn(x->arena, dir, n);
        if (copy == NULL ||
            !arena_room(x->arena, &x->places, x->n_places, &x->cap_places, sizeof *x->places) ||
            !arena_room(x->arena, &x->files_of_place, x->n_places, &cap, sizeof *x->files_of_place) ||
            !import_table_set(x->arena, &x->place_numbers, copy, (uint32_t)x->n_places))
                return IMPORT_NONE;
        x->files_of_place[x->n_places] = (struct import_list){0};
        x->places[x->n_places] = copy;
        return (uint32_t)x->n_places++;
}

/* NAME, of N bytes, can be imported where the folder PLACE is on sys.path. */
static bool add_name(struct import_index *x, const char *name, size_t n, uint32_t place)
{
        uint32_t number = import_table_get(&x->names, name, n);

        if (number == IMPORT_NONE) {
                const char *copy = arena_strn(x->arena, name, n);

                number = (uint32_t)x->n_names;
                if (copy == NULL ||
                    !arena_room(x->arena, &x->parents, x->n_names, &x->cap_names, sizeof *x->parents) ||
                    !import_table_set(x->arena, &x->names, copy, number))
                        return false;
                x->parents[x->n_names++] = (struct import_list){0};
        }
        return import_list_add(x->arena, &x->parents[number], place);
}

/* Enters the N bytes of PATH that are a folder, and those above it. */
static bool add_dirs(struct import_index *x, const char *path, size_t n)
{
        while (n > 0 && import_table_get(&x->dirs, path, n) == IMPORT_NONE) {
                const char *copy = arena_strn(x->arena, path, n), *slash;
                uint32_t place;

                if (copy == NULL || !import_table_set(x->arena, &x->dirs, copy, DIR_PLAIN))
                        return false;
                slash = strrchr(copy, '/');
                place = place_of(x, copy, (size_t)(slash - copy));
                if (place == IMPORT_NONE || !add_name(x, slash + 1, strlen(slash + 1), place))
                        return false;
                n = (size_t)(slash - copy);
        }
        return true;
}

uint32_t import_index_add(struct import_index *x, const char *path)
{
        uint32_t number = import_table_get(&x->files, path, strlen(path)), place;
        const char *slash, *copy;
        size_t n;

        if (number != IMPORT_NONE)
                return number;
        copy = arena_strn(x->arena, path, strlen(path));
        number = (uint32_t)x->n;
        if (copy == NULL || !arena_room(x->arena, &x->paths, x->n, &x->cap, sizeof *x->paths) ||
            !import_table_set(x->arena, &x->files, copy, number))
                return IMPORT_NONE;
        x->paths[x->n++] = copy;
        slash = strrchr(copy, '/');
        n = strcspn(slash + 1, ".");
        place = place_of(x, copy, (size_t)(slash - copy));
        if (place == IMPORT_NONE || !add_dirs(x, copy, (size_t)(slash - copy)) ||
            !import_list_add(x->arena, &x->files_of_place[place], number) ||
            !add_name(x, slash + 1, n, place))
                return IMPORT_NONE;
        return number;
}

bool import_index_add_root(struct import_index *x, const char *dir)
{
        const char *copy = arena_strn(x->arena, dir, strcmp(dir, "/") == 0 ? 0 : strlen(dir));

        return copy != NULL && import_table_set(x->arena, &x->dirs, copy, DIR_PLAIN | DIR_ROOT);
}

/* The file DIR/NAME with END behind it. */
static uint32_t find(const struct import_index *x, const char *dir, size_t n_dir, const char *name,
                     size_t n_name, const char *end)
{
        char path[PATH_MAX];
        int n = snprintf(path, sizeof path, "%.*s%s%.*s%s", (int)n_dir, dir, n_name > 0 ? "/" : "",
                         (int)n_name, name, end);

        return n < 0 || n >= (int)sizeof path ? IMPORT_NONE : import_table_get(&x->files, path, (size_t)n);
}

static bool is_package(const struct import_index *x, const char *dir, size_t n)
{
        return find(x, dir, n, "", 0, "/__init__.py") != IMPORT_NONE;
}

const char *import_index_base(const struct import_index *x, const char *path)
{
        size_t n = (size_t)(strrchr(path, '/') - path);

        while (n > 0 && is_package(x, path, n))
                while (n > 0 && path[--n] != '/')
                        ;
        return arena_strn(x->arena, path, n);
}

static bool add_found(struct import_index *x, struct import_list *ret, uint32_t file)
{
        return file == IMPORT_NONE || import_list_add(x->arena, ret, file);
}

/* All files below the folder DIR. */
static bool add_below(struct import_index *x, const char *dir, size_t n, struct import_list *ret)
{
        for (size_t i = 0; i < x->n; i++)
                if (strncmp(x->paths[i], dir, n) == 0 && x->paths[i][n] == '/' &&
                    !import_list_add(x->arena, ret, (uint32_t)i))
                        return false;
        return true;
}

static bool add_directly_in(struct import_index *x, const char *dir, size_t n, struct import_list *ret)
{
        uint32_t place = import_table_get(&x->place_numbers, dir, n);

        for (size_t i = 0; place != IMPORT_NONE && i < x->files_of_place[place].n; i++)
                if (!import_list_add(x->arena, ret, x->files_of_place[place].v[i]))
                        return false;
        return true;
}

/* Follows the dotted NAME from the folder DIR on: every package on the way, and the module. */
static bool follow(struct import_index *x, const char *dir, size_t n_dir, const char *name,
                   const struct import_ref *import, struct import_list *ret)
{
        char at[PATH_MAX];

        if (n_dir >= sizeof at)
                return true;
        memcpy(at, dir, n_dir);
        at[n_dir] = '\0';
        while (*name != '\0') {
                size_t n = strcspn(name, ".");

                if (!add_found(x, ret, find(x, at, n_dir, name, n, ".py")) ||
                    !add_found(x, ret, find(x, at, n_dir, name, n, "/__init__.py")))
                        return false;
                if (n_dir + n + 2 > sizeof at)
                        return true;
                at[n_dir++] = '/';
                memcpy(at + n_dir, name, n);
                n_dir += n;
                at[n_dir] = '\0';
                if (import_table_get(&x->dirs, at, n_dir) == IMPORT_NONE)
                        return true;
                name += n + (name[n] == '.');
        }
        if (import->kind == IMPORT_BELOW)
                return add_below(x, at, n_dir, ret);
        if (import->name != NULL && strcmp(import->name, "*") == 0)
                return add_directly_in(x, at, n_dir, ret);
        return import->kind != IMPORT_TEXT || add_found(x, ret, find(x, at, n_dir, "__main__", 8, ".py"));
}

/* Follows the absolute NAME from the folders where it can be. */
static bool follow_absolute(struct import_index *x, const char *name, const struct import_ref *import,
                            struct import_list *ret)
{
        uint32_t number = import_table_get(&x->names, name, strcspn(name, "."));
        bool found = false;

        if (number == IMPORT_NONE)
                return true;
        const struct import_list parents = x->parents[number];
        for (int known = 1; known >= 0 && !found; known--)
                for (size_t i = 0; i < parents.n; i++) {
                        const char *dir = x->places[parents.v[i]];
                        uint32_t flags = import_table_get(&x->dirs, dir, strlen(dir));
                        bool is_root = flags != IMPORT_NONE && (flags & DIR_ROOT) != 0;

                        if (known ? !is_root : is_package(x, dir, strlen(dir)))
                                continue;
                        found = true;
                        if (!follow(x, dir, strlen(dir), name, import, ret))
                                return false;
                }
        return true;
}

/* A string that ends in ".py": the files whose paths end so. */
static bool resolve_path(struct import_index *x, const char *text, struct import_list *ret)
{
        const char *base = strrchr(text, '/');
        size_t n;
        uint32_t number;

        while (strncmp(text, "../", 3) == 0 || strncmp(text, "./", 2) == 0)
                text += strcspn(text, "/") + 1;
        base = base != NULL ? base + 1 : text;
        n = strlen(base) - 3;
        number = import_table_get(&x->names, base, n);
        if (number == IMPORT_NONE)
                return true;
        const struct import_list parents = x->parents[number];
        for (size_t i = 0; i < parents.n; i++) {
                const char *dir = x->places[parents.v[i]];
                uint32_t file = find(x, dir, strlen(dir), base, n, ".py");
                size_t n_text = strlen(text), n_path = file != IMPORT_NONE ? strlen(x->paths[file]) : 0;

                if (n_path > n_text && strcmp(x->paths[file] + n_path - n_text, text) == 0 &&
                    !import_list_add(x->arena, ret, file))
                        return false;
        }
        return true;
}

bool import_index_resolve(struct import_index *x, const char *path, const struct import_ref *import,
                          struct import_list *ret)
{
        const char *name = import->module;
        size_t n = (size_t)(strrchr(path, '/') - path);

        if (import->kind == IMPORT_PATH)
                return resolve_path(x, name, ret);
        if (import->name != NULL && strcmp(import->name, "*") != 0) {
                name = arena_printf(x->arena, "%s%s%s", name, name[0] != '\0' ? "." : "", import->name);
                if (name == NULL)
                        return false;
        }
        if (import->level == 0)
                return follow_absolute(x, name, import, ret);
        for (unsigned i = 1; i < import->level && n > 0; i++)
                while (n > 0 && path[--n] != '/')
                        ;
        return add_found(x, ret, find(x, path, n, "", 0, "/__init__.py")) &&
               follow(x, path, n, name, import, ret);
}
