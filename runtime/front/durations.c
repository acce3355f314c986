/* How it works: the file is one JSON object, {node id: seconds}; what stands in front of "::" is the file. */
#include "runtime/front/durations.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/json.h"
#include "runtime/discover/import_index.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_FILE ((size_t)256 << 20)

struct sum {
        double seconds;
        size_t tests;
};

static int add_up(yajl_val tree, const struct import_table *numbers, struct sum *sums, struct sum *all)
{
        for (size_t i = 0; i < tree->u.object.len; i++) {
                const char *nodeid = tree->u.object.keys[i], *end = strstr(nodeid, "::");
                double seconds = YAJL_IS_NUMBER(tree->u.object.values[i])
                                     ? strtod(YAJL_GET_NUMBER(tree->u.object.values[i]), NULL)
                                     : -1;
                uint32_t number =
                    end != NULL ? import_table_get(numbers, nodeid, (size_t)(end - nodeid)) : IMPORT_NONE;

                if (number == IMPORT_NONE || !(seconds >= 0 && seconds < 1e9))
                        continue;
                sums[number].seconds += seconds;
                sums[number].tests++;
                all->seconds += seconds;
                all->tests++;
        }
        return all->tests > 0;
}

/* The JSON object in the file PATH, or NULL. */
static yajl_val read_tree(const char *path)
{
        CLEANUP_BUF struct buf text = {0};
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

        if (fd < 0 || buf_read_fd(&text, fd, MAX_FILE) < 0 || text.len == 0)
                return NULL;
        return json_parse(text.data, text.len);
}

int durations_apply(const char *root, struct shard_file *files, size_t n)
{
        struct sum *sums, all = {0};
        struct import_table numbers = {0};
        struct arena arena = {0};
        char path[PATH_MAX];
        yajl_val tree;
        int r = 0;

        if (snprintf(path, sizeof path, "%s/%s", root, DURATIONS_FILE) >= (int)sizeof path)
                return 0;
        tree = read_tree(path);
        if (tree == NULL)
                return 0;
        sums = calloc(n + 1, sizeof *sums);
        if (sums == NULL)
                r = -ENOMEM;
        for (size_t i = 0; r == 0 && i < n; i++)
                if (!import_table_set(&arena, &numbers, files[i].name, (uint32_t)i))
                        r = -ENOMEM;
        if (r == 0)
                r = add_up(tree, &numbers, sums, &all);
        for (size_t i = 0; r > 0 && i < n; i++)
                files[i].weight =
                    sums[i].tests > 0 ? sums[i].seconds : files[i].weight * all.seconds / (double)all.tests;
        free(sums);
        arena_finish(&arena);
        yajl_tree_free(tree);
        return r;
}
