/*
 * import_index: the Python files of a project by path and by the names that they can be imported under.
 *
 * What sys.path will be is known in part only: pytest puts the folder in front of each test file's package
 * there, pythonpath and installed projects add others. So a name is looked up in all folders that are known
 * to be there; where none has it, in every folder of the project that is no package.
 */
#ifndef TACH_DISCOVER_IMPORT_INDEX_H
#define TACH_DISCOVER_IMPORT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/discover/arena.h"
#include "runtime/discover/imports.h"

#define IMPORT_NONE UINT32_MAX

/* Strings to numbers. Zero-initialised is empty; memory is the arena's. */
struct import_table {
        const char **keys;
        uint32_t *values;
        size_t n, cap;
};

/* The value of the KEY of N bytes, or IMPORT_NONE. */
uint32_t import_table_get(const struct import_table *table, const char *key, size_t n);
/* Sets KEY, which must live as long as the table. False without memory. */
bool import_table_set(struct arena *arena, struct import_table *table, const char *key, uint32_t value);

struct import_list {
        uint32_t *v;
        size_t n, cap;
};

struct import_index {
        struct arena *arena;
        const char *root;   /* the tree, with a slash behind it */
        const char **paths; /* absolute */
        size_t n, cap;
        struct import_table files;   /* path: its number */
        struct import_table dirs;    /* folders with Python files in or below them: 1, on sys.path: 2 */
        struct import_table names;   /* first words of module names: number in parents */
        struct import_list *parents; /* the folders that have it, as numbers in places */
        size_t n_names, cap_names;
        const char **places;
        struct import_list *files_of_place; /* the modules that lie directly in it */
        size_t n_places, cap_places;
        struct import_table place_numbers;
};

/* Adds the file PATH, absolute and normal; IMPORT_NONE without memory, else its number. */
uint32_t import_index_add(struct import_index *index, const char *path);
/* DIR is on sys.path. */
bool import_index_add_root(struct import_index *index, const char *dir);
/* The folder in front of the package that PATH is in: what pytest puts on sys.path for it. Arena's. */
const char *import_index_base(const struct import_index *index, const char *path);

/* Appends the files that IMPORT, of the file PATH, may execute. False without memory. */
bool import_index_resolve(struct import_index *index, const char *path, const struct import_ref *import,
                          struct import_list *ret);
/* Appends N unless it is there already; lists are short or SORTED later. */
bool import_list_add(struct arena *arena, struct import_list *list, uint32_t n);

#endif
