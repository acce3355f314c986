/* How it works: the module's scope and those of its classes are walked as DocTestFinder walks their __dict__;
 * each object counts once, under the first name that it is met by. What a decorator or a call makes of an
 * object is known for those that are common; anything else makes its item dynamic. */
#include "runtime/discover/docstrings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/discover/classes.h"
#include "runtime/discover/docstring.h"
#include "runtime/discover/doctest.h"
#include "runtime/discover/effects.h"
#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/resolve.h"
#include "runtime/discover/value.h"

#define MAX_DEPTH 30

struct item {
        const char *name;
        uint32_t line;
        const char *why; /* it is not sure, or NULL */
};

struct finder {
        struct module *m;
        const char *maybe; /* why none of the items is sure */
        const char *more;  /* why there may be others */
        const char *broken;
        struct item *items;
        size_t n, cap;
        struct node *seen;
        size_t n_seen, cap_seen;
};

static bool is_seen(struct finder *f, struct node node)
{
        for (size_t i = 0; i < f->n_seen; i++)
                if (node_eq(f->seen[i], node))
                        return true;
        if (f->n_seen == f->cap_seen) {
                size_t cap = f->cap_seen * 2 + 64;
                struct node *v = arena_grow(f->m->arena, f->seen, f->n_seen * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return true;
                f->seen = v;
                f->cap_seen = cap;
        }
        f->seen[f->n_seen++] = node;
        return false;
}

static void add_item(struct finder *f, const char *name, uint32_t line, const char *why)
{
        if (f->n == f->cap) {
                size_t cap = f->cap * 2 + 32;
                struct item *v = arena_grow(f->m->arena, f->items, f->n * sizeof *v, cap * sizeof *v);

                if (v == NULL)
                        return;
                f->items = v;
                f->cap = cap;
        }
        f->items[f->n++] = (struct item){name, line, why};
}

/* An object called NAME with the docstring DOC, which is no string where it has none. */
static void add_docstring(struct finder *f, const char *name, const struct value *doc, uint32_t line,
                          const char *why)
{
        size_t at;

        if (doc->kind != VALUE_STR)
                return;
        switch (doctest_find(doc->s, doc->n, &at)) {
        case DOCTEST_NONE:
                break;
        case DOCTEST_UNSURE:
                f->maybe = arena_printf(f->m->arena, "the docstring of %s has an unknown option", name);
                add_item(f, name, line, why);
                break;
        case DOCTEST_BROKEN:
                if (why != NULL)
                        f->maybe = why;
                else if (f->broken == NULL)
                        f->broken = arena_printf(
                            f->m->arena, "the docstring of %s is no doctest (its line %zu)", name, at + 1);
                break;
        case DOCTEST_EXAMPLES:
                add_item(f, name, line, why);
                break;
        case DOCTEST_FAILED:
                f->m->arena->failed = true;
        }
}

static void find_function(struct finder *f, const struct scope *scope, const struct binding *b,
                          const char *name, bool in_class, const char *why)
{
        const struct module *m = scope->module;
        struct node node = b->node;
        struct value doc;
        enum leaves leaves = LEAVES_DOC;

        if (!node_is(node, "function_definition") || is_seen(f, node))
                return;
        for (size_t i = 0; i < b->decorators.n && leaves == LEAVES_DOC; i++) {
                const char *text = node_text(m, b->decorators.v[i]);
                const char *word = strrchr(text, '.');

                if (in_class && word != NULL && names_in_table(" .setter .getter .deleter ", word)) {
                        struct node getter =
                            docstring_getter(scope, node, node_text(m, node_field(node, "name")));

                        leaves = LEAVES_PROPERTY;
                        if (node_is_null(getter))
                                leaves = LEAVES_UNKNOWN;
                        else
                                node = getter;
                } else {
                        leaves = docstring_after(scope, b->decorators.v[i], in_class, &f->more);
                }
        }
        doc = docstring_of(scope, node_field(node, "body"));
        if (leaves == LEAVES_NOTHING)
                return;
        if (leaves == LEAVES_UNKNOWN && why == NULL && docstring_has_examples(&doc))
                why = arena_printf(f->m->arena, "its decorator %s is not known",
                                   node_quote(m, b->decorators.v[0]));
        add_docstring(f, name, &doc, docstring_line_of(f->m, node), why);
}

static void find_scope(struct finder *f, const struct scope *scope, const char *prefix,
                       const char *class_name, const char *why, int depth);

static void find_class(struct finder *f, struct class_def *c, struct node node, const char *name,
                       const char *why, int depth)
{
        struct binding *own = module_find(&c->scope, "__doc__");
        struct value doc;
        const char *grows;

        if (depth > MAX_DEPTH || is_seen(f, node))
                return;
        grows = class_grows(c);
        if (why == NULL && (!node_is_null(c->metaclass) || c->decorators.n > 0))
                why = grows != NULL ? grows : c->decorators.n > 0 ? class_changed(c) : NULL;
        if (module_find(&c->scope, "__module__") != NULL)
                why = "its class sets __module__";
        doc = docstring_of(&c->scope, node_field(node, "body"));
        if (own != NULL && own->kind == BINDING_VALUE) {
                doc = own->vague || node_is_null(own->node) ? value_of_kind(VALUE_UNKNOWN)
                                                            : value_read(&c->scope, own->node, NULL);
                if (doc.kind == VALUE_UNKNOWN && f->more == NULL)
                        f->more = arena_printf(f->m->arena, "the __doc__ of %s is not known", name);
        }
        add_docstring(f, name, &doc, docstring_line(f->m, docstring_class_line(f->m, c->name)), why);
        find_scope(f, &c->scope, name, c->name, why, depth + 1);
}

/* "x = staticmethod(f)", "x = property(get, set, None, 'doc')" in a class. */
static bool find_descriptor(struct finder *f, const struct scope *scope, const struct binding *b,
                            const char *name, const char *why)
{
        const struct module *m = scope->module;
        const char *function = node_text(m, node_field(b->node, "function"));
        struct nodes arguments = node_children(m, node_field(b->node, "arguments"));
        struct value doc = value_of_kind(VALUE_NONE);
        struct entity e = {0};
        bool is_property = strcmp(function, "property") == 0;

        if (!is_property && strcmp(function, "staticmethod") != 0 && strcmp(function, "classmethod") != 0)
                return false;
        for (size_t i = 0; i < arguments.n; i++) {
                struct node node = arguments.v[i];
                bool is_doc = i == 3;

                if (node_is(node, "keyword_argument")) {
                        is_doc = strcmp(node_text(m, node_field(node, "name")), "doc") == 0;
                        node = node_field(node, "value");
                }
                if (is_doc)
                        doc = value_read(scope, node, NULL);
                else if (i == 0)
                        e = resolve_node(scope, node);
        }
        if (doc.kind == VALUE_UNKNOWN && f->more == NULL)
                f->more = arena_printf(f->m->arena, "the docstring of %s is not known", name);
        if (e.kind != ENTITY_BINDING || e.scope->module != m || e.binding->kind != BINDING_FUNCTION) {
                add_docstring(f, name, &doc, docstring_line_of(f->m, b->node), why);
        } else if (is_property) {
                if (doc.kind == VALUE_NONE && e.binding->decorators.n == 0)
                        doc = docstring_of(scope, node_field(e.binding->node, "body"));
                add_docstring(f, name, &doc, docstring_line_of(f->m, e.binding->node), why);
        } else {
                find_function(f, e.scope, e.binding, name, true, why);
        }
        return true;
}

static bool text_has(const struct module *m, struct node node, const char *word)
{
        uint32_t start = node_start(node);

        return memmem(m->text + start, node_end(node) - start, word, strlen(word)) != NULL;
}

/* A name that stands for what a call or the like gave: perhaps a function or class of this module. */
static void find_value(struct finder *f, const struct scope *scope, const struct binding *b, const char *name,
                       bool in_class, const char *why)
{
        const struct module *m = scope->module;
        struct nodes arguments;
        struct entity e;
        bool may = text_has(m, b->node, ">>>");

        if (node_is(b->node, "call")) {
                if (in_class && find_descriptor(f, scope, b, name, why))
                        return;
                e = resolve_node(scope, node_field(b->node, "function"));
                if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_FUNCTION) {
                        may |= e.scope->module == m && entity_mentions(&e, ">>>");
                        if (f->more == NULL &&
                            (entity_mentions(&e, "__doc__") || entity_mentions(&e, "__module__")))
                                f->more = arena_printf(f->m->arena, "%s may have a docstring", name);
                }
                arguments = node_children(m, node_field(b->node, "arguments"));
                for (size_t i = 0; i < arguments.n && !may; i++) {
                        if (!node_is(arguments.v[i], "identifier") && !node_is(arguments.v[i], "attribute"))
                                continue;
                        e = resolve_node(scope, arguments.v[i]);
                        may = e.kind == ENTITY_BINDING && e.scope->module == m &&
                              e.binding->kind != BINDING_VALUE && entity_mentions(&e, ">>>");
                }
        } else if (node_is(b->node, "attribute")) { /* a bound method is an object of its own */
                const char *word = node_text(m, node_field(b->node, "attribute"));

                for (size_t i = 0; i < m->scope.n && !may; i++) {
                        struct binding *c = &m->scope.v[i];
                        struct binding *method =
                            c->kind == BINDING_CLASS ? module_find(&c->class_def->scope, word) : NULL;

                        e = (struct entity){.scope = method != NULL ? &c->class_def->scope : NULL,
                                            .binding = method};
                        may = method != NULL && entity_mentions(&e, ">>>");
                }
        } else {
                may &= !node_is(b->node, "string") && !node_is(b->node, "concatenated_string") &&
                       !node_is(b->node, "dictionary") && !node_is(b->node, "list") &&
                       !node_is(b->node, "tuple");
        }
        if (may)
                add_item(f, name, docstring_line_of(f->m, b->node),
                         why != NULL ? why
                                     : arena_printf(f->m->arena, "value of %s", node_quote(m, b->node)));
}

/* The key of NAME in the __dict__ of the class CLASS_NAME. */
static const char *mangled(struct finder *f, const char *name, const char *class_name)
{
        if (class_name == NULL || strncmp(name, "__", 2) != 0 || names_end_with(name, "__"))
                return name;
        class_name += strspn(class_name, "_");
        return *class_name != '\0' ? arena_printf(f->m->arena, "_%s%s", class_name, name) : name;
}

static void find_scope(struct finder *f, const struct scope *scope, const char *prefix,
                       const char *class_name, const char *why, int depth)
{
        for (size_t i = 0; i < scope->n && !f->m->arena->failed; i++) {
                struct binding *b = &scope->v[i];
                const char *name =
                    arena_printf(f->m->arena, "%s.%s", prefix, mangled(f, b->name, class_name));
                const char *doubt = why;
                struct entity e = {.kind = ENTITY_BINDING, .scope = scope, .binding = b};

                if (b->kind == BINDING_DELETED || b->kind == BINDING_IMPORT || name == NULL)
                        continue;
                if (b->maybe != NULL && doubt == NULL)
                        doubt = arena_printf(f->m->arena, "depends on %s", b->maybe);
                if (b->kind == BINDING_VALUE) {
                        if (node_is_null(b->node))
                                continue;
                        if (node_is(b->node, "identifier"))
                                e = resolve_binding(scope, b);
                        if (e.kind != ENTITY_BINDING || e.scope->module != f->m)
                                continue;
                }
                if (e.binding->kind == BINDING_CLASS)
                        find_class(f, e.binding->class_def, e.binding->node, name, doubt, depth);
                else if (e.binding->kind == BINDING_FUNCTION)
                        find_function(f, e.scope, e.binding, name, class_name != NULL, doubt);
                else if (e.binding == b)
                        find_value(f, scope, b, name, class_name != NULL, doubt);
        }
}

/* The module's __test__, by which more can be asked for. */
static void find_test_dict(struct finder *f, const char *module)
{
        const struct scope *scope = &f->m->scope;
        struct binding *b = module_find(scope, "__test__");
        struct nodes pairs;

        if (b == NULL || b->kind == BINDING_DELETED || node_is(b->node, "false") || node_is(b->node, "none"))
                return;
        if (b->kind != BINDING_VALUE || b->vague || b->maybe != NULL || !node_is(b->node, "dictionary")) {
                f->more = "__test__ is not known";
                return;
        }
        pairs = node_children(f->m, b->node);
        for (size_t i = 0; i < pairs.n; i++) {
                struct value key = value_read(scope, node_field(pairs.v[i], "key"), NULL);
                struct node node = node_field(pairs.v[i], "value");
                const char *name =
                    key.kind == VALUE_STR ? arena_printf(f->m->arena, "%s.__test__.%s", module, key.s) : NULL;
                struct value doc =
                    name != NULL ? value_read(scope, node, NULL) : value_of_kind(VALUE_UNKNOWN);
                struct entity e;

                if (doc.kind == VALUE_STR) {
                        add_docstring(f, name, &doc, module_line(f->m, node), NULL);
                        continue;
                }
                e = resolve_node(scope, node);
                if (name != NULL && e.kind == ENTITY_BINDING && e.scope->module == f->m &&
                    e.binding->kind == BINDING_FUNCTION)
                        find_function(f, e.scope, e.binding, name, false, NULL);
                else if (name != NULL && e.kind == ENTITY_BINDING && e.scope->module == f->m &&
                         e.binding->kind == BINDING_CLASS)
                        find_class(f, e.binding->class_def, e.binding->node, name, NULL, 0);
                else
                        f->more = "__test__ is not known";
        }
}

/* Docstrings that statements change. */
static void find_assigned(struct finder *f)
{
        static const char word[] = "__doc__";

        for (const char *p = f->m->text; (p = strstr(p, word)) != NULL && f->more == NULL;) {
                const char *before = p > f->m->text ? p - 1 : " ";

                p += sizeof word - 1;
                if ((p[0] == '"' || p[0] == '\'') && strchr("\"'", *before) != NULL) {
                        f->more = "docstrings are set by name";
                        continue;
                }
                p += strspn(p, " ");
                if (strchr("+%|", *p) != NULL && *p != '\0')
                        p++;
                if (*before == '.' && p[0] == '=' && p[1] != '=')
                        f->more = "docstrings are assigned to";
        }
        for (size_t i = 0; i < f->m->n_events; i++)
                if (f->m->events[i].kind == EVENT_ASSIGN && f->maybe == NULL &&
                    names_end_with(node_text(f->m, f->m->events[i].node), ".__doc__"))
                        f->maybe = arena_printf(f->m->arena, "%s is assigned to",
                                                node_quote(f->m, f->m->events[i].node));
}

/* "from X import *" replaces what it has, which may be unknown. */
static void find_stars(struct finder *f)
{
        for (const char *p = f->m->text; (p = strstr(p, " import *")) != NULL; p++) {
                const char *name = p, *path;
                int level = 0;

                while (name > f->m->text && strchr(" \t\n;:", name[-1]) == NULL)
                        name--;
                for (; *name == '.'; name++)
                        level++;
                name = arena_strn(f->m->arena, name, (size_t)(p - name));
                if (name == NULL || f->m->library == NULL ||
                    library_find(f->m->library, f->m, level, name, &path) != FOUND_SOURCE)
                        f->maybe = "it imports * of what is not read";
        }
}

static int by_name(const void *a, const void *b)
{
        const struct item *x = a, *y = b;
        int r = strcmp(x->name, y->name);

        return r != 0 ? r : (x->line > y->line) - (x->line < y->line);
}

static int emit(struct finder *f, const char *prefix, const struct item *item, test_sink *each, void *ctx)
{
        static const struct marks none = {0};
        struct test test = {.path = f->m->path,
                            .line = item->line,
                            .marks = &none,
                            .scope = &f->m->scope,
                            .partial = item->name == NULL};

        test.dynamic = item->why;
        test.nodeid = item->name != NULL ? arena_printf(f->m->arena, "%s::%s", prefix, item->name) : prefix;
        return test.nodeid != NULL ? each(ctx, &test) : -ENOMEM;
}

/* Whether a C module that M stands before may have put its functions in M's name, or M's package may. */
static void find_binary(struct finder *f)
{
        const char *base = strrchr(f->m->path, '/') + 1;
        size_t n = strlen(base) - 3;

        for (size_t i = 0; i < f->m->scope.n && f->more == NULL; i++) {
                const struct binding *b = &f->m->scope.v[i];

                if (b->kind == BINDING_IMPORT && b->import.level == 0 && b->import.module[0] == '_' &&
                    strncmp(b->import.module + 1, base, n) == 0)
                        f->more =
                            arena_printf(f->m->arena, "what %s has may have docstrings", b->import.module);
        }
}

int docstrings_collect(struct module *m, struct node root, const struct ini *ini, const char *prefix,
                       const char *select, test_sink *each, void *ctx)
{
        struct finder f = {.m = m};
        const char *name = docstring_module(m);
        struct binding *own = module_find(&m->scope, "__doc__");
        struct effects effects;
        struct value doc = docstring_of(&m->scope, root);
        int r = 0;

        if (name == NULL)
                return -ENOMEM;
        if (own != NULL && own->kind == BINDING_VALUE) {
                doc = own->vague || node_is_null(own->node) ? value_of_kind(VALUE_UNKNOWN)
                                                            : value_read(&m->scope, own->node, NULL);
                if (doc.kind == VALUE_UNKNOWN)
                        f.more = "its __doc__ is not known";
        }
        add_docstring(&f, name, &doc, docstring_line(m, 1), NULL);
        find_scope(&f, &m->scope, name, NULL, NULL, 0);
        find_test_dict(&f, name);
        find_assigned(&f);
        find_binary(&f);
        find_stars(&f);
        if (f.n == 0 && f.more == NULL && f.broken == NULL)
                return m->arena->failed ? -ENOMEM : 0;
        effects = effects_of(m);
        if (effects.maybe != NULL)
                f.maybe = effects.maybe;
        if (effects.stop != NULL)
                f.maybe = arena_printf(m->arena, "%s (line %u)", effects.stop, effects.line);
        if (m->error_line > 0)
                f.maybe = arena_printf(m->arena, "syntax error (line %u)", m->error_line);
        if (ini->import_mode != NULL && strcmp(ini->import_mode, "importlib") == 0)
                f.broken = "its name depends on --import-mode";
        if (module_find(&m->scope, "__name__") != NULL)
                f.broken = "it sets __name__";
        if (f.n > 1)
                qsort(f.items, f.n, sizeof *f.items, by_name);
        for (size_t i = 0; r == 0 && f.broken == NULL && i < f.n; i++) {
                if (f.maybe != NULL)
                        f.items[i].why = f.maybe;
                if (select == NULL || strcmp(select, f.items[i].name) == 0)
                        r = emit(&f, prefix, &f.items[i], each, ctx);
        }
        if (r == 0 && select == NULL && (f.broken != NULL || f.more != NULL))
                r = emit(&f, prefix, &(struct item){.why = f.broken != NULL ? f.broken : f.more}, each, ctx);
        return m->arena->failed ? -ENOMEM : r;
}
