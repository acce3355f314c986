/* How it works: names that every version of pytest has, however the file was named, are certain: its own, its
 * package's, and where it is in none, those of all folders. Others are possible. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/match.h"
#include "runtime/discover/match_fixtures.h"
#include "runtime/discover/unicode.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_CONFTEST ((size_t)16 << 20)

/* Hooks that make items, or change what they are called or marked with. */
static const char *const opaque_hooks[] = {"pytest_collect_directory",   "pytest_collect_file",
                                           "pytest_collectstart",        "pytest_generate_tests",
                                           "pytest_make_collect_report", "pytest_make_parametrize_id",
                                           "pytest_pycollect_make"};
/* Hooks that may mark items. */
static const char *const marking_hooks[] = {"pytest_collection_modifyitems", "pytest_itemcollected"};
/* What they do not do if they only mark. */
static const char *const odd[] = {"extra_keyword_matches",
                                  ".keywords[",
                                  ".keywords.",
                                  "getattr(",
                                  "setattr(",
                                  "MarkDecorator",
                                  "Mark(",
                                  "own_markers",
                                  "_nodeid",
                                  ".name = ",
                                  "items.append",
                                  "items.extend",
                                  "items.insert",
                                  "items +=",
                                  "callspec",
                                  "__dict__",
                                  "mark, "};

int matcher_init(struct matcher *ret, const char *keyword, const char *mark, struct error *err)
{
        struct matcher m = {0};
        int r = keyword != NULL ? expr_parse(&m.keyword, keyword + strspn(keyword, " \t"), 'k', err) : 0;

        if (r == 0 && mark != NULL)
                r = expr_parse(&m.mark, mark, 'm', err);
        if (r < 0)
                matcher_finish(&m);
        else
                *ret = m;
        return r;
}

void matcher_finish(struct matcher *m)
{
        expr_free(m->keyword);
        expr_free(m->mark);
        spec_strv_finish(&m->added);
        spec_strv_finish(&m->read);
        *m = (struct matcher){0};
}

static bool has_any(const char *text, const char *const *words, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strstr(text, words[i]) != NULL)
                        return true;
        return false;
}
#define HAS_ANY(text, words) has_any(text, words, sizeof(words) / sizeof *(words))

/* Whether the hook NAME is only ever defined here, not imported. */
static bool is_only_defined(const char *text, const char *name)
{
        for (const char *p = text; (p = strstr(p, name)) != NULL; p += strlen(name))
                if (p - text < 4 || strncmp(p - 4, "def ", 4) != 0)
                        return false;
        return true;
}

static size_t word_length(const char *s)
{
        return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static int add_name(struct matcher *m, const char *s, size_t n)
{
        CLEANUP_FREE char *name = strndup(s, n);
        CLEANUP_FREE char *small = name != NULL ? unicode_lower(name) : NULL;

        return small != NULL ? spec_strv_add(&m->added, small) : -ENOMEM;
}

/* What add_marker is given: a mark, a string, or a variable that this file sets to a mark. */
static bool is_known_mark(const char *text, const char *argument)
{
        char assignment[200];
        size_t n = word_length(argument);

        if (*argument == '"' || *argument == '\'' || strncmp(argument, "pytest.mark.", 12) == 0 ||
            strncmp(argument, "mark.", 5) == 0)
                return true;
        for (int i = 0; i < 2 && n > 0; i++)
                if (snprintf(assignment, sizeof assignment, "%.*s = %smark.", (int)n, argument,
                             i == 0 ? "pytest." : "") < (int)sizeof assignment &&
                    strstr(text, assignment) != NULL)
                        return true;
        return false;
}

/* Takes the marks that the hooks in TEXT may add; all names behind "mark." count. */
static int read_hooks(struct matcher *m, const char *text)
{
        int r = 0;

        if (HAS_ANY(text, opaque_hooks) || strstr(text, "import *") != NULL ||
            strstr(text, "globals()") != NULL) {
                m->opaque = true;
                return 0;
        }
        if (!HAS_ANY(text, marking_hooks))
                return 0;
        for (size_t i = 0; i < sizeof marking_hooks / sizeof marking_hooks[0]; i++)
                m->opaque = m->opaque || !is_only_defined(text, marking_hooks[i]);
        m->opaque = m->opaque || HAS_ANY(text, odd);
        for (const char *p = text; (p = strstr(p, "add_marker(")) != NULL;) {
                p += strlen("add_marker(");
                p += strspn(p, " \t\n\\");
                m->opaque = m->opaque || !is_known_mark(text, p);
                if (r == 0 && (*p == '"' || *p == '\''))
                        r = add_name(m, p + 1, word_length(p + 1));
        }
        for (const char *p = text; r == 0 && (p = strstr(p, "mark.")) != NULL;) {
                p += strlen("mark.");
                r = add_name(m, p, word_length(p));
        }
        return r;
}

int matcher_read_conftest(struct matcher *m, const char *path)
{
        CLEANUP_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        CLEANUP_BUF struct buf text = {0};
        int r;

        if (fd < 0)
                return 0;
        r = buf_add(&text, "", 0);
        if (r == 0)
                r = buf_read_fd(&text, fd, MAX_CONFTEST);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || strlen(text.data) != text.len)
                m->opaque = true;
        else
                r = read_hooks(m, text.data);
        return r == -ENOMEM || m->opaque ? (r == -ENOMEM ? r : 0) : spec_strv_add(&m->read, path);
}

const char *match_conftests(struct arena *arena, const char *root, const char *path)
{
        CLEANUP_BUF struct buf text = {0};
        size_t n = strlen(root);
        int r = buf_add(&text, "", 0);

        if (strncmp(path, root, n) != 0)
                n = 0;
        for (const char *slash = path + n; r == 0 && (slash = strchr(slash, '/')) != NULL; slash++) {
                char name[PATH_MAX];

                if (snprintf(name, sizeof name, "%.*s/conftest.py", (int)(slash - path), path) >=
                    (int)sizeof name)
                        break;
                CLEANUP_CLOSE int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
                if (fd < 0)
                        continue;
                r = buf_read_fd(&text, fd, text.len + MAX_CONFTEST);
                if (r != -ENOMEM && r < 0)
                        r = buf_adds(&text, " params autouse "); /* who knows what is in it */
        }
        return r == 0 ? arena_strn(arena, text.data, strlen(text.data)) : NULL;
}

static bool push(struct arena *arena, struct ids *ids, const char *name, size_t n)
{
        CLEANUP_FREE char *text = strndup(name, n), *small = text != NULL ? unicode_lower(text) : NULL;
        const char **v = arena_grow(arena, ids->v, ids->n * sizeof *v, (ids->n + 1) * sizeof *v);

        if (small == NULL || v == NULL)
                return false;
        ids->v = v;
        ids->v[ids->n] = arena_strn(arena, small, strlen(small));
        return ids->v[ids->n++] != NULL;
}

/* Attributes that the module sets on its functions: "test_a.slow = True". */
static bool add_attributes(struct match_file *f, struct arena *arena, const struct module *m)
{
        for (const char *line = m->text; line != NULL;
             line = strchr(line, '\n') != NULL ? strchr(line, '\n') + 1 : NULL) {
                const char *p = line + strspn(line, " \t"), *attribute;
                size_t n = word_length(p), k;

                if (n == 0 || p[n] != '.')
                        continue;
                attribute = p + n + 1;
                k = word_length(attribute);
                if (k == 0 || attribute[k + strspn(attribute + k, " \t")] != '=' ||
                    strncmp(p, "self.", 5) == 0)
                        continue;
                if (!push(arena, &f->possible, attribute, k))
                        return false;
        }
        return true;
}

static bool is_package(const char *root, const char *nodeid, size_t n)
{
        char path[PATH_MAX];

        return snprintf(path, sizeof path, "%s/%.*s/__init__.py", root, (int)n, nodeid) < (int)sizeof path &&
               access(path, F_OK) == 0;
}

int match_file_init(struct match_file *ret, const struct module *module, const char *root, const char *nodeid,
                    const char *conftests)
{
        struct match_file f = {.nodeid = nodeid, .conftests = conftests};
        struct arena *arena = module->arena;
        const char *base = strrchr(nodeid, '/') != NULL ? strrchr(nodeid, '/') + 1 : nodeid;
        bool is_first = true, in_package = false;
        bool fine = push(arena, &f.certain, base, strlen(base));

        for (const char *end = base; end > nodeid; is_first = false) { /* from the innermost folder out */
                size_t n = (size_t)(end - 1 - nodeid);
                const char *start = nodeid + n;

                while (start > nodeid && start[-1] != '/')
                        start--;
                in_package = in_package || is_package(root, nodeid, n);
                fine = fine && push(arena, is_first && in_package ? &f.certain : &f.possible, start,
                                    (size_t)(nodeid + n - start));
                end = start;
        }
        /* without packages, older versions have the whole path as a name, newer ones each folder */
        for (size_t i = 0; fine && !in_package && i < f.possible.n; i++)
                fine = push(arena, &f.certain, f.possible.v[i], strlen(f.possible.v[i]));
        base = strrchr(root, '/');
        fine = fine && push(arena, &f.possible, nodeid, strlen(nodeid)) &&
               push(arena, &f.possible, base + 1, strlen(base + 1)) && add_attributes(&f, arena, module);
        f.unsure_fixtures = match_fixtures_autouse_unsure(module, conftests);
        *ret = f;
        return fine && !arena->failed ? 0 : -ENOMEM;
}
