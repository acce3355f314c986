/* How it works: the module's scope and those of its classes are walked as DocTestFinder walks their __dict__;
 * each object counts once, under the first name that it is met by. What a decorator or a call makes of an
 * object is known for those that are common; anything else makes its item dynamic. */
#include "runtime/discover/docstrings.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/discover/classes.h"
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

static bool is_name(char c)
{
        return isalnum((unsigned char)c) || c == '_' || ((unsigned char)c & 0x80) != 0;
}

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

/* DocTestFinder._find_lineno: the first line from LINE on that has a quote in front or behind a colon. */
static uint32_t quote_line(const struct finder *f, uint32_t line)
{
        const char *p = f->m->text;
        uint32_t at = 1;

        for (; at < line && (p = strchr(p, '\n')) != NULL; at++)
                p++;
        for (; p != NULL; at++) {
                size_t n = strcspn(p, "\n");

                for (size_t i = 0; i < n; i++) {
                        size_t k = i;

                        if (p[i] != '"' && p[i] != '\'')
                                continue;
                        while (k > 0 && is_name(p[k - 1]))
                                k--;
                        while (k > 0 && (p[k - 1] == ' ' || p[k - 1] == '\t'))
                                k--;
                        if (k == 0 || memchr(p, ':', k) != NULL)
                                return at;
                }
                p = p[n] == '\n' ? p + n + 1 : NULL;
        }
        return line;
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

/* The docstring that BODY, of a module, class or function, begins with. */
static struct value docstring(const struct scope *scope, struct node body)
{
        struct nodes statements = node_children(scope->module, body);
        struct node node = statements.n > 0 && node_is(statements.v[0], "expression_statement")
                               ? node_named_child(statements.v[0], 0)
                               : (struct node){0};
        struct value none = value_of_kind(VALUE_NONE);

        while (node_is(node, "parenthesized_expression"))
                node = node_named_child(node, 0);
        if (!node_is(node, "string") && !node_is(node, "concatenated_string"))
                return none;
        for (uint32_t i = 0; i < node_named_child_count(node); i++) {
                struct node part = node_named_child(node, i);

                if (node_is(part, "interpolation"))
                        return none;
                for (uint32_t k = 0; node_is(part, "string") && k < node_named_child_count(part); k++)
                        if (node_is(node_named_child(part, k), "interpolation"))
                                return none;
        }
        if (strpbrk(arena_strn(scope->module->arena, node_text(scope->module, node),
                               strcspn(node_text(scope->module, node), "\"'")),
                    "fF") != NULL)
                return none; /* an f-string without fields is no docstring either */
        return value_read(scope, node, NULL);
}

static bool has_examples(const struct value *doc)
{
        size_t at;

        return doc->kind == VALUE_STR && doctest_find(doc->s, doc->n, &at) != DOCTEST_NONE;
}

/* What a decorator leaves of a function for DocTestFinder. */
enum leaves {
        LEAVES_DOC,      /* a function of the same module with the same docstring */
        LEAVES_PROPERTY, /* a property */
        LEAVES_NOTHING,
        LEAVES_UNKNOWN,
};

/* Decorators that return the function, or one that has its docstring and module. */
static const char faithful[] =
    " abc.abstractmethod abstractmethod functools.cache functools.lru_cache functools.singledispatch "
    "functools.wraps contextlib.contextmanager contextlib.asynccontextmanager typing.final "
    "typing.no_type_check typing.runtime_checkable typing_extensions.final typing.override "
    "typing_extensions.override atexit.register unittest.skip unittest.skipIf unittest.skipUnless "
    "unittest.expectedFailure types.coroutine asyncio.coroutine unittest.mock.patch "
    "unittest.mock.patch.object unittest.mock.patch.dict ";

static bool is_faithful_name(const char *dotted)
{
        return dotted != NULL &&
               (names_in_table(faithful, dotted) || strncmp(dotted, "pytest.mark.", 12) == 0);
}

/* The first parameter of the function E, or "". */
static const char *first_parameter(const struct entity *e)
{
        const struct module *m = e->scope->module;
        struct nodes parameters = node_children(m, node_field(e->binding->node, "parameters"));

        return parameters.n > 0 && node_is(parameters.v[0], "identifier") ? node_text(m, parameters.v[0])
                                                                          : "";
}

/* Whether all that the function E returns is its own argument. */
static bool returns_argument(const struct entity *e)
{
        const struct module *m = e->scope->module;
        struct nodes body = node_children(m, node_field(e->binding->node, "body"));
        const char *name = first_parameter(e);

        if (body.n == 0 || name[0] == '\0' || !node_is(body.v[body.n - 1], "return_statement"))
                return false;
        for (size_t i = 0; i + 1 < body.n; i++)
                if (strstr(node_text(m, body.v[i]), "return") != NULL)
                        return false;
        return strcmp(node_text(m, node_named_child(body.v[body.n - 1], 0)), name) == 0;
}

static enum leaves leaves_of(struct finder *f, const struct scope *scope, struct node decorator,
                             bool in_class)
{
        struct node function = node_is(decorator, "call") ? node_field(decorator, "function") : decorator;
        const char *dotted = module_dotted(scope->module, scope, function);
        const char *word = names_last_word(dotted);
        struct entity e;

        if (dotted != NULL && (strcmp(dotted, "staticmethod") == 0 || strcmp(dotted, "classmethod") == 0))
                return in_class ? LEAVES_DOC : LEAVES_UNKNOWN;
        if (dotted != NULL &&
            (strcmp(dotted, "property") == 0 || strcmp(dotted, "abc.abstractproperty") == 0))
                return in_class ? LEAVES_PROPERTY : LEAVES_NOTHING;
        if (is_faithful_name(dotted))
                return LEAVES_DOC;
        if (word != NULL && strcmp(word, "overload") == 0)
                return LEAVES_NOTHING;
        e = resolve_node(scope, function);
        if (is_faithful_name(e.dotted))
                return LEAVES_DOC;
        if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_FUNCTION && e.binding->decorators.n == 0 &&
            !entity_mentions(&e, "__doc__") && !entity_mentions(&e, "__module__") &&
            !entity_mentions(&e, "setattr")) {
                if (!node_is(decorator, "call") && returns_argument(&e))
                        return LEAVES_DOC;
                if (entity_mentions(&e, "wraps(") || entity_mentions(&e, "update_wrapper("))
                        return LEAVES_DOC;
        }
        if (f->more == NULL && (e.dotted == NULL || strncmp(e.dotted, "pytest.", 7) != 0))
                f->more = arena_printf(f->m->arena, "the decorator %s may give a docstring",
                                       node_quote(scope->module, decorator));
        return LEAVES_UNKNOWN;
}

/* The function that "@NAME.setter" and the like were put on first, a property of the same class body. */
static struct node getter_of(const struct scope *scope, struct node function, const char *name)
{
        const struct module *m = scope->module;
        struct node body = node_parent(node_parent(function));
        struct nodes statements = node_children(m, body);

        for (size_t i = 0; i < statements.n; i++) {
                struct node d = node_field(statements.v[i], "definition");

                if (node_is(statements.v[i], "decorated_definition") && node_is(d, "function_definition") &&
                    strcmp(node_text(m, node_field(d, "name")), name) == 0)
                        return node_eq(d, function) ? (struct node){0} : d;
        }
        return (struct node){0};
}

static uint32_t line_of(const struct finder *f, struct node node)
{
        return quote_line(f, module_line(f->m, node));
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
                        struct node getter = getter_of(scope, node, node_text(m, node_field(node, "name")));

                        leaves = LEAVES_PROPERTY;
                        if (node_is_null(getter))
                                leaves = LEAVES_UNKNOWN;
                        else
                                node = getter;
                } else {
                        leaves = leaves_of(f, scope, b->decorators.v[i], in_class);
                }
        }
        doc = docstring(scope, node_field(node, "body"));
        if (leaves == LEAVES_NOTHING)
                return;
        if (leaves == LEAVES_UNKNOWN && why == NULL && has_examples(&doc))
                why = arena_printf(f->m->arena, "its decorator %s is not known",
                                   node_quote(m, b->decorators.v[0]));
        add_docstring(f, name, &doc, line_of(f, node), why);
}

static void find_scope(struct finder *f, const struct scope *scope, const char *prefix,
                       const char *class_name, const char *why, int depth);

static uint32_t class_line(const struct finder *f, const char *name)
{
        const char *p = f->m->text;
        size_t n = strlen(name);

        for (uint32_t at = 1; p != NULL; at++) {
                const char *q = p + strspn(p, " \t\f");

                if (strncmp(q, "class", 5) == 0) {
                        q += 5;
                        q += strspn(q, " \t");
                        if (strncmp(q, name, n) == 0 && !is_name(q[n]))
                                return at;
                }
                p = strchr(p, '\n');
                p = p != NULL ? p + 1 : NULL;
        }
        return 1;
}

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
        doc = docstring(&c->scope, node_field(node, "body"));
        if (own != NULL && own->kind == BINDING_VALUE) {
                doc = own->vague || node_is_null(own->node) ? value_of_kind(VALUE_UNKNOWN)
                                                            : value_read(&c->scope, own->node, NULL);
                if (doc.kind == VALUE_UNKNOWN && f->more == NULL)
                        f->more = arena_printf(f->m->arena, "the __doc__ of %s is not known", name);
        }
        add_docstring(f, name, &doc, quote_line(f, class_line(f, c->name)), why);
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
                add_docstring(f, name, &doc, line_of(f, b->node), why);
        } else if (is_property) {
                if (doc.kind == VALUE_NONE && e.binding->decorators.n == 0)
                        doc = docstring(scope, node_field(e.binding->node, "body"));
                add_docstring(f, name, &doc, line_of(f, e.binding->node), why);
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
                add_item(f, name, line_of(f, b->node),
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

static bool is_identifier(const char *s, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (!is_name(s[i]))
                        return false;
        return n > 0 && !isdigit((unsigned char)s[0]);
}

static bool is_package(const char *dir, size_t n)
{
        char path[PATH_MAX];

        return snprintf(path, sizeof path, "%.*s/__init__.py", (int)n, dir) < (int)sizeof path &&
               access(path, F_OK) == 0;
}

/* What the module is called once pytest has imported it from the folder above its outermost package. */
static const char *module_name(const struct module *m)
{
        const char *path = m->path, *base = strrchr(path, '/') + 1;
        size_t n = (size_t)(base - path) - 1, len = strlen(base) - 3, start = (size_t)(base - path);
        bool is_init = strcmp(base, "__init__.py") == 0;
        char *name;

        while (n > 0 && is_package(path, n)) {
                size_t at = n;

                while (at > 0 && path[at - 1] != '/')
                        at--;
                if (!is_identifier(path + at, n - at))
                        break;
                start = at;
                n = at > 0 ? at - 1 : 0;
        }
        if (start == (size_t)(base - path))
                return arena_strn(m->arena, base, len);
        name = arena_strn(m->arena, path + start,
                          is_init ? (size_t)(base - path) - 1 - start : (size_t)(base - path) + len - start);
        for (char *p = name; p != NULL && *p != '\0'; p++)
                if (*p == '/')
                        *p = '.';
        return name;
}

/* "from X import *" replaces what it has, which may be unknown. */
static void find_stars(struct finder *f)
{
        for (const char *p = f->m->text; (p = strstr(p, " import *")) != NULL; p++) {
                const char *name = p, *path;
                int level = 0;

                while (name > f->m->text && (is_name(name[-1]) || name[-1] == '.'))
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
        const char *name = module_name(m);
        struct binding *own = module_find(&m->scope, "__doc__");
        struct effects effects;
        struct value doc = docstring(&m->scope, root);
        int r = 0;

        if (name == NULL)
                return -ENOMEM;
        if (own != NULL && own->kind == BINDING_VALUE) {
                doc = own->vague || node_is_null(own->node) ? value_of_kind(VALUE_UNKNOWN)
                                                            : value_read(&m->scope, own->node, NULL);
                if (doc.kind == VALUE_UNKNOWN)
                        f.more = "its __doc__ is not known";
        }
        add_docstring(&f, name, &doc, quote_line(&f, 1), NULL);
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
