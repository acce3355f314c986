/* How it works: assignments of names and attributes are followed hop by hop, imports by reading the module
 * that they name. Where a module is not read (it has no source, or is one of those that are known well
 * enough) what is left is the dotted name. */
#include "runtime/discover/resolve.h"

#include <string.h>

#include "runtime/discover/library.h"
#include "runtime/discover/names.h"
#include "runtime/discover/search.h"
#include "runtime/discover/value.h"

#define MAX_HOPS 24

/* Modules that are known well enough by the names of what is in them. */
static const char not_read[] = " _pytest abc builtins enum pytest sys typing unittest ";

static struct entity unknown(const char *dotted)
{
        return (struct entity){.kind = ENTITY_UNKNOWN, .dotted = dotted};
}

static struct entity follow(const struct scope *scope, struct binding *b, int hops);
static struct entity in_module(const struct module *m, const char *name, int hops);

static bool is_not_read(const char *module)
{
        char head[32];
        size_t n = strcspn(module, ".");

        if (n >= sizeof head)
                return false;
        memcpy(head, module, n);
        head[n] = '\0';
        return names_in_table(not_read, head);
}

bool resolve_is_plain(const char *dotted)
{
        char head[64];
        size_t n = strcspn(dotted, ".");

        if (dotted[n] == '\0' || dotted[0] == '_')
                return true; /* a builtin, or a module of C code behind one of the library's */
        if (n >= sizeof head || strncmp(dotted, "unittest.test.", 14) == 0)
                return false;
        memcpy(head, dotted, n);
        head[n] = '\0';
        return names_in_table(not_read, head) || search_is_builtin(head);
}

/* The module that FROM spells so. */
static struct entity import_module(const struct module *from, int level, const char *dotted)
{
        struct entity e = {.dotted = dotted};
        const char *path = NULL;

        if (level == 0 && is_not_read(dotted)) {
                e.kind = ENTITY_FOREIGN;
                return e;
        }
        if (from->library == NULL)
                return e;
        switch (library_find(from->library, from, level, dotted, &path)) {
        case FOUND_NOT:
                e.kind = ENTITY_MISSING;
                break;
        case FOUND_BINARY:
                e.kind = ENTITY_FOREIGN;
                break;
        case FOUND_SOURCE:
                e.module = path != NULL ? library_load(from->library, path) : NULL;
                e.kind = e.module != NULL ? ENTITY_MODULE : ENTITY_UNKNOWN;
                break;
        default:
                break;
        }
        return e;
}

/* A package's submodule as its attribute. */
static struct entity submodule(const struct module *package, const char *name)
{
        size_t n = package->path != NULL ? strlen(package->path) : 0;

        return n > 12 && strcmp(package->path + n - 12, "/__init__.py") == 0 ? import_module(package, 1, name)
                                                                             : unknown(name);
}

static struct entity of_import(const struct module *m, const struct binding *b, int hops)
{
        struct entity e;

        if (b->import.name == NULL) {
                e = import_module(m, b->import.level, b->import.module);
                if (e.kind == ENTITY_FOREIGN)
                        e.dotted = b->from;
                return e;
        }
        if (b->import.level > 0 && b->import.module[0] == '\0') { /* from . import name */
                const char *path = NULL;
                struct module *package;

                if (m->library == NULL)
                        return unknown(b->from);
                if (library_find(m->library, m, b->import.level, "", &path) == FOUND_SOURCE && path != NULL &&
                    (package = library_load(m->library, path)) != NULL &&
                    module_find(&package->scope, b->import.name) != NULL)
                        return in_module(package, b->import.name, hops + 1);
                return import_module(m, b->import.level, b->import.name);
        }
        e = import_module(m, b->import.level, b->import.module);
        if (e.kind == ENTITY_MODULE) {
                e = in_module(e.module, b->import.name, hops + 1);
                if (e.dotted == NULL || e.kind == ENTITY_UNKNOWN)
                        e.dotted = b->from;
                return e;
        }
        if (e.kind == ENTITY_UNKNOWN && m->library != NULL) /* a folder without __init__.py */
                e = import_module(m, b->import.level,
                                  arena_printf(m->arena, "%s.%s", b->import.module, b->import.name));
        if (e.kind != ENTITY_MODULE)
                e.dotted = b->from;
        return e;
}

static struct entity in_module(const struct module *m, const char *name, int hops)
{
        struct binding *b = module_find(&m->scope, name);

        return b != NULL ? follow(&m->scope, b, hops + 1) : submodule(m, name);
}

/* pytest.importorskip("numpy") is a module. */
static struct entity of_call(const struct scope *scope, struct node call)
{
        const struct module *m = scope->module;
        struct nodes arguments = node_children(m, node_field(call, "arguments"));
        const char *word = names_last_word(module_dotted(m, scope, node_field(call, "function"))), *text;
        size_t n;

        if (word == NULL || arguments.n == 0 || !node_is(arguments.v[0], "string") ||
            (strcmp(word, "importorskip") != 0 && strcmp(word, "import_module") != 0))
                return unknown(NULL);
        text = node_text(m, arguments.v[0]);
        n = strlen(text);
        return n > 2 ? import_module(m, 0, arena_strn(m->arena, text + 1, n - 2)) : unknown(NULL);
}

/* Whether the class, whose mro is known, makes members of its values: they are not what the text assigns. */
static bool is_enum(const struct class_def *c)
{
        for (size_t i = 0; i < c->n_foreign; i++)
                if (names_end_with(c->foreign[i], "Enum") || names_end_with(c->foreign[i], "Flag"))
                        return true;
        return false;
}

static struct entity of_node(const struct scope *scope, struct node node, int hops)
{
        const struct module *m = scope->module;
        struct binding *b;
        struct entity e;
        const char *name;

        if (hops > MAX_HOPS || m == NULL)
                return unknown(NULL);
        if (node_is(node, "parenthesized_expression"))
                return of_node(scope, node_named_child(node, 0), hops + 1);
        if (node_is(node, "call"))
                return of_call(scope, node);
        if (node_is(node, "identifier")) {
                name = node_text(m, node);
                b = module_find(scope, name);
                if (b != NULL && !(b->kind == BINDING_VALUE && node_eq(b->node, node))) /* "a = a" */
                        return follow(scope, b, hops + 1);
                b = module_find(&m->scope, name);
                if (b != NULL)
                        return follow(&m->scope, b, hops + 1);
                return (struct entity){.kind = value_is_builtin(name) ? ENTITY_FOREIGN : ENTITY_UNKNOWN,
                                       .dotted = name};
        }
        if (!node_is(node, "attribute"))
                return unknown(NULL);
        name = node_text(m, node_field(node, "attribute"));
        e = of_node(scope, node_field(node, "object"), hops + 1);
        if (e.kind == ENTITY_MODULE)
                return in_module(e.module, name, hops + 1);
        if (e.kind == ENTITY_BINDING && e.binding->kind == BINDING_CLASS) {
                const struct scope *owner = NULL;

                b = resolve_member(e.binding->class_def, name, &owner);
                return b != NULL && !(b->kind == BINDING_VALUE && is_enum(e.binding->class_def))
                           ? follow(owner, b, hops + 1)
                           : unknown(NULL);
        }
        if (e.kind == ENTITY_BINDING)
                return unknown(NULL);
        e.dotted = e.dotted != NULL ? arena_printf(m->arena, "%s.%s", e.dotted, name) : NULL;
        return e;
}

static struct entity follow(const struct scope *scope, struct binding *b, int hops)
{
        struct entity e = {.kind = ENTITY_BINDING, .scope = scope, .binding = b}, next;

        if (hops > MAX_HOPS)
                return unknown(NULL);
        if (b->target != NULL)
                return (struct entity){
                    .kind = ENTITY_BINDING, .scope = b->target_scope, .binding = b->target};
        if (b->kind == BINDING_IMPORT)
                return of_import(scope->module, b, hops);
        if (b->kind == BINDING_VALUE &&
            (node_is(b->node, "identifier") || node_is(b->node, "attribute") || node_is(b->node, "call"))) {
                next = of_node(scope, b->node, hops + 1);
                if (next.kind != ENTITY_UNKNOWN)
                        return next;
        }
        return e;
}

bool resolve_is_standard(const struct scope *scope, struct node node)
{
        const struct module *m = scope->module;
        const struct binding *b;

        for (; node_is(node, "attribute"); node = node_field(node, "object"))
                if (strcasestr(node_text(m, node_field(node, "attribute")), "test") != NULL)
                        return false;
        if (!node_is(node, "identifier") || m->library == NULL)
                return false;
        b = module_resolve(m, scope, node_text(m, node));
        return b != NULL && b->kind == BINDING_IMPORT && b->target == NULL && !b->vague && b->maybe == NULL &&
               library_is_standard(m->library, m, &b->import);
}

struct entity resolve_node(const struct scope *scope, struct node node)
{
        return of_node(scope, node, 0);
}

struct entity resolve_binding(const struct scope *scope, struct binding *b)
{
        return follow(scope, b, 0);
}

struct entity resolve_name(const struct module *module, const char *name)
{
        return in_module(module, name, 0);
}

struct binding *resolve_member(struct class_def *c, const char *name, const struct scope **ret_scope)
{
        module_mro(c->scope.module, c);
        for (size_t i = 0; i < c->n_mro; i++) {
                struct binding *b = module_find(&c->mro[i]->scope, name);

                if (b != NULL) {
                        if (ret_scope != NULL)
                                *ret_scope = &c->mro[i]->scope;
                        return b;
                }
        }
        return NULL;
}
