/* How it works: the definitions of a body, in the order in which Python's dictionary would have them: a later
 * definition of a name takes the first one's place. Base classes of the same file are followed by name. */
#include "runtime/discover/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tree_sitter/api.h>

#include "runtime/discover/params.h"
#include "spec/base/buf.h"
#include "spec/base/cleanup.h"

#define MAX_BASES 16

const TSLanguage *tree_sitter_python(void);

struct definition {
        char *name;
        TSNode node;      /* function_definition or class_definition */
        TSNode decorated; /* decorated_definition, or null */
};

struct body {
        struct definition *v;
        size_t n, capacity;
};

struct file {
        const char *text;
        const struct ini *ini;
        struct spec_strv *out;
        struct body top;
        int r;
};

static int is(TSNode node, const char *type)
{
        return !ts_node_is_null(node) && strcmp(ts_node_type(node), type) == 0;
}

static TSNode field(TSNode node, const char *name)
{
        return ts_node_child_by_field_name(node, name, (uint32_t)strlen(name));
}

static char *slice(const char *text, TSNode node)
{
        uint32_t start = ts_node_start_byte(node);

        return strndup(text + start, ts_node_end_byte(node) - start);
}

static void body_finish(struct body *b)
{
        for (size_t i = 0; i < b->n; i++)
                free(b->v[i].name);
        free(b->v);
        *b = (struct body){0};
}

static void define(struct file *f, struct body *b, TSNode node, TSNode decorated)
{
        char *name = slice(f->text, field(node, "name"));

        for (size_t i = 0; name != NULL && i < b->n; i++)
                if (strcmp(b->v[i].name, name) == 0) {
                        b->v[i].node = node;
                        b->v[i].decorated = decorated;
                        free(name);
                        return;
                }
        if (name != NULL && b->n == b->capacity) {
                size_t wanted = b->capacity != 0 ? 2 * b->capacity : 32;
                struct definition *grown = reallocarray(b->v, wanted, sizeof *grown);

                if (grown == NULL) {
                        free(name);
                        name = NULL;
                } else {
                        b->v = grown;
                        b->capacity = wanted;
                }
        }
        if (name == NULL) {
                f->r = -ENOMEM;
                return;
        }
        b->v[b->n++] = (struct definition){name, node, decorated};
}

/* The definitions below NODE that belong to its namespace, those in if, try and with included. */
static void collect(struct file *f, struct body *b, TSNode node)
{
        static const char *const compound[] = {
            "if_statement",  "try_statement",  "with_statement", "else_clause",   "elif_clause",
            "except_clause", "finally_clause", "block",          "for_statement", "while_statement"};

        for (uint32_t i = 0; i < ts_node_named_child_count(node); i++) {
                TSNode child = ts_node_named_child(node, i);

                if (is(child, "function_definition") || is(child, "class_definition"))
                        define(f, b, child, (TSNode){0});
                else if (is(child, "decorated_definition"))
                        define(f, b, field(child, "definition"), child);
                else
                        for (size_t k = 0; k < sizeof compound / sizeof *compound; k++)
                                if (is(child, compound[k]))
                                        collect(f, b, child);
        }
}

static void emit(struct file *f, const char *id, const char *params)
{
        struct buf line = {0};
        int r = params != NULL ? buf_addf(&line, "%s[%s]", id, params) : buf_adds(&line, id);

        if (r == 0)
                r = spec_strv_add(f->out, line.data);
        buf_finish(&line);
        if (r < 0)
                f->r = r;
}

/* The parametrize marks on a definition, the closest first, appended to MARKS. */
static size_t marks_of(const struct file *f, TSNode decorated, TSNode *marks, size_t n, size_t room)
{
        if (ts_node_is_null(decorated))
                return n;
        for (uint32_t i = ts_node_named_child_count(decorated); i > 0; i--) {
                TSNode child = ts_node_named_child(decorated, i - 1);

                if (is(child, "decorator") && params_is_mark(f->text, ts_node_named_child(child, 0)) &&
                    n < room)
                        marks[n++] = ts_node_named_child(child, 0);
        }
        return n;
}

static int has_decorator(const struct file *f, TSNode decorated, const char *word)
{
        int found = 0;

        for (uint32_t i = 0; !ts_node_is_null(decorated) && i < ts_node_named_child_count(decorated); i++) {
                TSNode child = ts_node_named_child(decorated, i);
                CLEANUP_FREE char *text = is(child, "decorator") ? slice(f->text, child) : NULL;

                found |= text != NULL && strstr(text, word) != NULL;
        }
        return found;
}

static void function_tests(struct file *f, const struct definition *d, const char *prefix,
                           const TSNode *outer, size_t n_outer)
{
        TSNode marks[32];
        size_t n = marks_of(f, d->decorated, marks, 0, 16);
        struct spec_strv ids = {0};
        struct buf id = {0};
        int known = 0;

        if (has_decorator(f, d->decorated, "fixture"))
                return;
        for (size_t i = 0; i < n_outer && n < 32; i++)
                marks[n++] = outer[i];
        if (buf_addf(&id, "%s::%s", prefix, d->name) < 0 ||
            (n > 0 && params_ids(f->text, marks, n, &ids, &known) < 0))
                f->r = -ENOMEM;
        else if (n == 0 || !known)
                emit(f, id.data, NULL);
        for (size_t i = 0; i < ids.n; i++) {
                if (known)
                        emit(f, id.data, ids.v[i]);
                free(ids.v[i]);
        }
        free(ids.v);
        buf_finish(&id);
}

static const struct definition *find_class(const struct file *f, const char *name)
{
        for (size_t i = 0; i < f->top.n; i++)
                if (strcmp(f->top.v[i].name, name) == 0 && is(f->top.v[i].node, "class_definition"))
                        return &f->top.v[i];
        return NULL;
}

/* What a class and its bases in this file are. */
struct ancestry {
        const struct definition *v[MAX_BASES]; /* the class first, then its bases, depth first */
        size_t n;
        int unittest, has_init;
};

static void trace(const struct file *f, const struct definition *d, struct ancestry *a)
{
        TSNode bases = field(d->node, "superclasses");

        for (size_t i = 0; i < a->n; i++)
                if (a->v[i] == d)
                        return;
        if (a->n == MAX_BASES)
                return;
        a->v[a->n++] = d;
        for (uint32_t i = 0; !ts_node_is_null(bases) && i < ts_node_named_child_count(bases); i++) {
                CLEANUP_FREE char *base = slice(f->text, ts_node_named_child(bases, i));
                const char *last = base != NULL && strrchr(base, '.') != NULL ? strrchr(base, '.') + 1 : base;
                const struct definition *known = last != NULL ? find_class(f, last) : NULL;

                if (known != NULL)
                        trace(f, known, a);
                else if (last != NULL && strlen(last) >= 8 &&
                         strcmp(last + strlen(last) - 8, "TestCase") == 0)
                        a->unittest = 1;
        }
}

static int by_name(const void *a, const void *b)
{
        return strcmp((*(const struct definition *const *)a)->name,
                      (*(const struct definition *const *)b)->name);
}

static void class_tests(struct file *f, const struct definition *d, const char *prefix, const TSNode *outer,
                        size_t n_outer, unsigned depth);

/* Methods of one class body that no class before it in the ancestry defines. */
static void methods(struct file *f, const struct ancestry *a, struct body bodies[MAX_BASES], size_t which,
                    const char *id, const TSNode *marks, size_t n_marks, unsigned depth)
{
        for (size_t i = 0; i < bodies[which].n; i++) {
                const struct definition *m = &bodies[which].v[i];
                int hidden = 0;

                for (size_t k = 0; k < which; k++)
                        for (size_t j = 0; j < bodies[k].n; j++)
                                hidden |= strcmp(bodies[k].v[j].name, m->name) == 0;
                if (hidden)
                        continue;
                if (is(m->node, "class_definition"))
                        class_tests(f, m, id, marks, n_marks, depth + 1);
                else if (ini_matches(&f->ini->python_functions, m->name))
                        function_tests(f, m, id, marks, n_marks);
        }
        (void)a;
}

static void unittest_methods(struct file *f, struct body bodies[MAX_BASES], size_t n_bodies, const char *id)
{
        const struct definition *found[1024];
        size_t n = 0;

        for (size_t c = 0; c < n_bodies; c++)
                for (size_t i = 0; i < bodies[c].n && n < 1024; i++) {
                        const struct definition *m = &bodies[c].v[i];
                        int seen = strncmp(m->name, "test", 4) != 0 || !is(m->node, "function_definition");

                        for (size_t k = 0; k < n; k++)
                                seen |= strcmp(found[k]->name, m->name) == 0;
                        if (!seen)
                                found[n++] = m;
                }
        qsort(found, n, sizeof(*found), by_name);
        for (size_t i = 0; i < n; i++)
                function_tests(f, found[i], id, NULL, 0);
}

static void class_tests(struct file *f, const struct definition *d, const char *prefix, const TSNode *outer,
                        size_t n_outer, unsigned depth)
{
        struct ancestry a = {0};
        struct body bodies[MAX_BASES] = {0};
        struct buf id = {0};
        TSNode marks[32];
        size_t n_marks = marks_of(f, d->decorated, marks, 0, 16);

        if (depth > 8)
                return;
        trace(f, d, &a);
        if (!a.unittest && !ini_matches(&f->ini->python_classes, d->name))
                return;
        for (size_t i = 0; i < n_outer && n_marks < 32; i++)
                marks[n_marks++] = outer[i];
        for (size_t c = 0; c < a.n; c++) {
                collect(f, &bodies[c], field(a.v[c]->node, "body"));
                for (size_t i = 0; i < bodies[c].n; i++)
                        a.has_init |= strcmp(bodies[c].v[i].name, "__init__") == 0 ||
                                      strcmp(bodies[c].v[i].name, "__new__") == 0;
        }
        if (buf_addf(&id, "%s::%s", prefix, d->name) < 0)
                f->r = -ENOMEM;
        else if (a.unittest)
                unittest_methods(f, bodies, a.n, id.data);
        else if (!a.has_init)
                for (size_t c = a.n; c > 0; c--)
                        methods(f, &a, bodies, c - 1, id.data, marks, n_marks, depth);
        for (size_t c = 0; c < a.n; c++)
                body_finish(&bodies[c]);
        buf_finish(&id);
}

static unsigned first_error(TSNode node)
{
        for (uint32_t i = 0; i < ts_node_child_count(node); i++) {
                TSNode child = ts_node_child(node, i);

                if (ts_node_is_missing(child) || is(child, "ERROR"))
                        return ts_node_start_point(child).row + 1;
                if (ts_node_has_error(child))
                        return first_error(child);
        }
        return ts_node_start_point(node).row + 1;
}

int source_tests(const char *text, size_t n, const char *prefix, const struct ini *ini, struct spec_strv *out,
                 unsigned *ret_error_line)
{
        static TSParser *parser; /* one for all files */
        struct file f = {.text = text, .ini = ini, .out = out};
        TSTree *tree;
        TSNode root;

        if (parser == NULL) {
                parser = ts_parser_new();
                if (parser == NULL || !ts_parser_set_language(parser, tree_sitter_python()))
                        return -ENOMEM;
        }
        tree = ts_parser_parse_string(parser, NULL, text, (uint32_t)n);
        if (tree == NULL)
                return -ENOMEM;
        root = ts_tree_root_node(tree);
        *ret_error_line = ts_node_has_error(root) ? first_error(root) : 0;
        collect(&f, &f.top, root);
        for (size_t i = 0; f.r == 0 && i < f.top.n; i++) {
                const struct definition *d = &f.top.v[i];

                if (is(d->node, "class_definition"))
                        class_tests(&f, d, prefix, NULL, 0, 0);
                else if (ini_matches(&ini->python_functions, d->name))
                        function_tests(&f, d, prefix, NULL, 0);
        }
        body_finish(&f.top);
        ts_tree_delete(tree);
        return f.r;
}
