/* How it works: a conftest.py is parsed only if its text has one of the names. Statements at its top, also
 * under conditions, are followed; whatever else touches the variables makes everything in the folder unsure.
 */
#include "runtime/discover/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/module.h"
#include "runtime/discover/read.h"
#include "runtime/discover/source.h"
#include "runtime/discover/value.h"
#include "runtime/discover/walk.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_TEXT    ((size_t)4 << 20)
#define MAX_DEPTH   30 /* of blocks */
#define MAX_PLUGINS 8  /* of plugins that name others */

static const char name_paths[] = "collect_ignore", name_globs[] = "collect_ignore_glob";

struct conftest {
        const struct ignore *ignore;
        const struct module *m;
        const char *dir;
        struct ignore_list paths, globs;
        bool has_paths, has_globs;
        int depth;
};

static bool add_entry(struct arena *arena, struct ignore_list *list, const char *dir, const char *path,
                      const char *unsure)
{
        char absolute[PATH_MAX];

        if (walk_absolute(absolute, dir, path, strlen(path)) < 0)
                return true; /* no file has such a name */
        if (list->n == list->cap) {
                size_t cap = list->cap * 2 + 8;
                struct ignore_entry *v = arena_grow(arena, list->v, list->n * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return false;
                list->v = v;
                list->cap = cap;
        }
        list->v[list->n].pattern = arena_strn(arena, absolute, strlen(absolute));
        list->v[list->n].unsure = unsure;
        return list->v[list->n++].pattern != NULL;
}

static const char *shown_below(const char *root, const char *path)
{
        size_t n = strlen(root);

        return strncmp(path, root, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static const char *shown_path(const struct conftest *r)
{
        return shown_below(r->ignore->root, r->m->path);
}

static const char *why(const struct conftest *r, struct node node)
{
        return arena_printf(r->ignore->arena, "%s:%u: %s", shown_path(r), module_line(r->m, node),
                            node_quote(r->m, node));
}

/* What the expression NODE adds to LIST. */
static void add_values(struct conftest *r, struct ignore_list *list, struct node node, bool is_list,
                       bool maybe)
{
        struct nodes items = node_children(r->m, node);

        if (is_list && (node_is(node, "list") || node_is(node, "tuple") || node_is(node, "set"))) {
                for (size_t i = 0; i < items.n; i++)
                        add_values(r, list, items.v[i], false, maybe);
                return;
        }
        struct value v = value_read(&r->m->scope, node, NULL);
        for (size_t i = 0; is_list && v.kind == VALUE_SEQUENCE && i < v.n; i++)
                if (v.items[i].kind != VALUE_STR)
                        v.kind = VALUE_UNKNOWN;
        if (is_list ? v.kind != VALUE_SEQUENCE : v.kind != VALUE_STR) {
                list->unsure = why(r, node);
                return;
        }
        for (size_t i = 0; i < (is_list ? v.n : 1); i++)
                (void)add_entry(r->ignore->arena, list, r->dir, is_list ? v.items[i].s : v.s,
                                maybe ? why(r, node) : NULL);
}

static struct ignore_list *list_of(struct conftest *r, const char *name)
{
        if (strcmp(name, name_paths) == 0) {
                r->has_paths = true;
                return &r->paths;
        }
        if (strcmp(name, name_globs) == 0) {
                r->has_globs = true;
                return &r->globs;
        }
        return NULL;
}

/* A statement that is not understood, or NODE of one. */
static void doubt(struct conftest *r, struct node node)
{
        r->has_paths = r->has_globs = true;
        r->paths.unsure = r->globs.unsure = why(r, node);
}

static void read_expression(struct conftest *r, struct node node, bool maybe)
{
        struct node function = node_field(node, "function"), left = node_field(node, "left");
        struct node right = node_field(node, "right");
        struct nodes arguments = node_children(r->m, node_field(node, "arguments"));
        struct ignore_list *list;

        if (node_is(node, "call") && node_is(function, "attribute")) {
                const char *method = node_text(r->m, node_field(function, "attribute"));

                list = list_of(r, node_text(r->m, node_field(function, "object")));
                if (list != NULL && arguments.n == 1 &&
                    (strcmp(method, "append") == 0 || strcmp(method, "extend") == 0))
                        add_values(r, list, arguments.v[0], method[0] == 'e', maybe);
                else
                        doubt(r, node);
                return;
        }
        list = node_is(left, "identifier") ? list_of(r, node_text(r->m, left)) : NULL;
        if (list == NULL || node_is_null(right)) {
                doubt(r, node);
        } else if (node_is(node, "assignment")) {
                if (maybe)
                        doubt(r, node);
                *list = (struct ignore_list){.unsure = maybe ? list->unsure : NULL};
                add_values(r, list, right, true, maybe);
        } else if (node_is(node, "augmented_assignment") &&
                   strcmp(node_text(r->m, node_field(node, "operator")), "+=") == 0) {
                add_values(r, list, right, true, maybe);
        } else {
                doubt(r, node);
        }
}

static void read_block(struct conftest *r, struct node block, bool maybe);

static void read_if(struct conftest *r, struct node node, bool maybe)
{
        struct nodes parts = node_children(r->m, node);
        int holds = condition_holds(&r->m->scope, node_field(node, "condition"));
        bool sure = holds >= 0;

        if (holds != 0)
                read_block(r, node_field(node, "consequence"), maybe || !sure);
        for (size_t i = 0; i < parts.n && holds != 1; i++)
                if (node_is(parts.v[i], "elif_clause")) {
                        holds = condition_holds(&r->m->scope, node_field(parts.v[i], "condition"));
                        sure = sure && holds >= 0;
                        if (holds != 0)
                                read_block(r, node_field(parts.v[i], "consequence"), maybe || !sure);
                        if (!sure && holds == 1)
                                holds = -1;
                } else if (node_is(parts.v[i], "else_clause")) {
                        read_block(r, node_field(parts.v[i], "body"), maybe || !sure);
                }
}

static void read_block(struct conftest *r, struct node block, bool maybe)
{
        struct nodes statements = node_children(r->m, block);

        if (r->depth++ < MAX_DEPTH)
                for (size_t i = 0; i < statements.n; i++) {
                        struct node s = statements.v[i];

                        if (strstr(node_text(r->m, s), name_paths) == NULL)
                                continue;
                        if (node_is(s, "if_statement"))
                                read_if(r, s, maybe);
                        else if (node_is(s, "expression_statement") && node_named_child_count(s) == 1 &&
                                 !node_is(node_named_child(s, 0), "string"))
                                read_expression(r, node_named_child(s, 0), maybe);
                        else if (!node_is(s, "expression_statement"))
                                doubt(r, s);
                }
        r->depth--;
}

static const struct ignore_list *keep(struct arena *arena, const struct ignore_list *list)
{
        struct ignore_list *kept = arena_get(arena, sizeof *kept);

        if (kept != NULL)
                *kept = *list;
        return kept;
}

static bool open_library(struct ignore *ignore)
{
        if (ignore->library != NULL)
                return true;
        if (search_init(&ignore->search, ignore->python, ignore->root, &ignore->ini->pythonpath) == 0)
                ignore->library = library_create(&ignore->search, NULL);
        if (ignore->library != NULL && !reader_init(&ignore->reader, NULL)) {
                library_destroy(ignore->library);
                ignore->library = NULL;
        }
        return ignore->library != NULL;
}

/* Reads the variables of the conftest.py at PATH in the folder DIR. */
static int read_variables(struct ignore *ignore, const char *dir, const char *path,
                          struct ignore_rules *rules)
{
        struct source source;
        struct module m = {.path = path};
        struct conftest r = {.ignore = ignore, .m = &m, .dir = dir};
        int e;

        if (!open_library(ignore))
                return -ENOMEM;
        m.library = ignore->library;
        m.own = m.arena = library_scratch(ignore->library);
        e = source_read_whole(&source, &ignore->reader, path);
        if (e == 0 && source.tree.n > 0 && source.line == 0) {
                m.text = source.text;
                module_read(&m, tree_root(&source.tree));
                read_block(&r, tree_root(&source.tree), false);
        } else {
                r.has_paths = r.has_globs = true;
                r.paths.unsure = r.globs.unsure =
                    arena_printf(ignore->arena, "%s cannot be read", shown_path(&r));
        }
        if (r.has_paths)
                rules->paths = keep(ignore->arena, &r.paths);
        if (r.has_globs)
                rules->globs = keep(ignore->arena, &r.globs);
        if (e == 0)
                source_finish(&source);
        e = m.arena->failed || ignore->arena->failed ? -ENOMEM : 0;
        library_reset(ignore->library);
        return e;
}

static int read_text(const char *path, struct buf *text)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        int r = fd < 0 ? -errno : buf_read_fd(text, fd, MAX_TEXT);

        return r < 0 ? r : buf_add(text, "", 0);
}

/* Reads the hooks of the project's modules that TEXT, of the file PATH, takes over, and so on. */
static int read_plugins(struct ignore *ignore, const char *path, const char *text, struct hooks *hooks,
                        int depth)
{
        const struct module from = {.path = path};
        struct import *plugins;
        size_t n = hooks_plugins(ignore->arena, text, &plugins);
        int r = 0;

        if (n > 0 && !open_library(ignore))
                return -ENOMEM;
        for (size_t i = 0; r == 0 && i < n && depth < MAX_PLUGINS; i++) {
                CLEANUP_BUF struct buf other = {0};
                const char *found = NULL;

                if (library_find(ignore->library, &from, plugins[i].level, plugins[i].module, &found) !=
                        FOUND_SOURCE ||
                    found == NULL || !library_is_project_s(ignore->library, found))
                        continue;
                r = read_text(found, &other);
                if (r < 0 && r != -ENOMEM) {
                        r = 0;
                        continue;
                }
                hooks_read(ignore->arena, other.data, shown_below(ignore->root, found), true, hooks);
                r = read_plugins(ignore, found, other.data, hooks, depth + 1);
        }
        return r;
}

static int read_conftest(struct ignore *ignore, const char *dir, struct ignore_rules *rules)
{
        CLEANUP_BUF struct buf text = {0};
        char path[PATH_MAX];
        int r;

        if (snprintf(path, sizeof path, "%s/conftest.py", strcmp(dir, "/") == 0 ? "" : dir) >=
            (int)sizeof path)
                return 0;
        r = read_text(path, &text);
        if (r < 0 || text.len == 0)
                return r == -ENOMEM ? r : 0;
        hooks_read(ignore->arena, text.data, shown_below(ignore->root, path), false, &rules->hooks);
        r = read_plugins(ignore, path, text.data, &rules->hooks, 0);
        if (r < 0 || memmem(text.data, text.len, name_paths, strlen(name_paths)) == NULL)
                return r;
        return read_variables(ignore, dir, path, rules);
}

int ignore_enter(struct ignore *ignore, const struct ignore_rules *above, const char *dir,
                 struct ignore_rules *ret)
{
        struct ignore_rules rules = {0};
        size_t n = strlen(dir), n_root = strlen(ignore->root);
        int r = 0;

        if (ignore->ini->no_conftest) {
                *ret = rules;
                return 0;
        }
        if (above != NULL) {
                rules = *above;
        } else {
                /* the folders above it, but for those that the root lies in */
                for (size_t i = 1; r == 0 && i < n; i++) {
                        CLEANUP_FREE char *up = dir[i] == '/' ? strndup(dir, i) : NULL;

                        if (up != NULL &&
                            !(i < n_root && strncmp(up, ignore->root, i) == 0 && ignore->root[i] == '/'))
                                r = read_conftest(ignore, up, &rules);
                }
        }
        if (r == 0)
                r = read_conftest(ignore, dir, &rules);
        *ret = rules;
        return r;
}

static enum truth in_list(const struct ignore_list *list, const char *path, bool globs, const char **ret_why)
{
        enum truth found = TRUTH_NO;

        for (size_t i = 0; list != NULL && i < list->n; i++) {
                const struct ignore_entry *entry = &list->v[i];

                if (globs ? !ini_fnmatch(entry->pattern, path) : strcmp(entry->pattern, path) != 0)
                        continue;
                if (entry->unsure == NULL)
                        return TRUTH_YES;
                *ret_why = entry->unsure;
                found = TRUTH_UNKNOWN;
        }
        if (list != NULL && list->unsure != NULL && found == TRUTH_NO) {
                *ret_why = list->unsure;
                found = TRUTH_UNKNOWN;
        }
        return found;
}

enum truth ignore_path(const struct ignore *ignore, const struct ignore_rules *rules, const char *path,
                       const char **ret_why)
{
        enum truth all = TRUTH_NO;
        const enum truth each[] = {
            in_list(&ignore->paths, path, false, ret_why), in_list(&ignore->globs, path, true, ret_why),
            in_list(rules->paths, path, false, ret_why), in_list(rules->globs, path, true, ret_why)};

        for (size_t i = 0; i < sizeof each / sizeof each[0]; i++)
                if (each[i] == TRUTH_YES)
                        return TRUTH_YES;
                else if (each[i] == TRUTH_UNKNOWN)
                        all = TRUTH_UNKNOWN;
        if (all == TRUTH_NO && rules->hooks.hides != NULL) {
                *ret_why = rules->hooks.hides;
                all = TRUTH_UNKNOWN;
        }
        return all;
}

int ignore_init(struct ignore *ret, const struct ini *ini, const char *root, const char *python,
                const char *cwd, struct arena *arena)
{
        *ret = (struct ignore){.ini = ini, .root = root, .python = python, .arena = arena};
        for (size_t i = 0; i < ini->ignore.n; i++)
                if (!add_entry(arena, &ret->paths, cwd, ini->ignore.v[i], NULL))
                        return -ENOMEM;
        for (size_t i = 0; i < ini->ignore_globs.n; i++)
                if (!add_entry(arena, &ret->globs, cwd, ini->ignore_globs.v[i], NULL))
                        return -ENOMEM;
        return 0;
}

void ignore_finish(struct ignore *ignore)
{
        if (ignore->library != NULL)
                reader_finish(&ignore->reader);
        library_destroy(ignore->library);
        search_finish(&ignore->search);
}
